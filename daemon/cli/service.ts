// The background part itself: run, start, stop, status, at login, doctor.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { exitCode, PeerError, type WireError, wireErrorOf } from '../../protocol/errors.ts';
import { duration } from '../../protocol/formats.ts';
import { findEntry, findNode, isGone } from '../../protocol/launch.ts';
import * as messages from '../../protocol/messages.ts';
import type { DoctorCheck } from '../../protocol/status.ts';
import { type CommonOptions, Exit, inCommands, toWire, usage, withDaemon } from './session.ts';
import { harmless, note, print, printJson, tell } from './terminal.ts';

/** In the foreground, until it is told to end: for service managers and for looking on. */
export async function run(): Promise<void> {
  const entry = findEntry();
  const { node, flags, extraEnv } = findNode(process.env, entry);
  const { NODE_OPTIONS: _dropped, ...env } = process.env;
  note('Signet runs here until Ctrl-C.');
  const child = spawn(node, [...flags, entry], { stdio: 'inherit', env: { ...env, ...extraEnv } });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
  const [code, signal]: [number | null, NodeJS.Signals | null] = (await once(child, 'exit')) as never;
  throw new Exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
}

export async function start(options: CommonOptions): Promise<void> {
  const info = await withDaemon(({ connection }) => connection.sendRequest(messages.daemonInfo));
  show(info, options);
}

export async function status(options: CommonOptions): Promise<void> {
  const info = await withDaemon(({ connection }) => connection.sendRequest(messages.daemonInfo), { start: false });
  show(info, options);
}

function show(info: { pid: number; version: string; uptimeSeconds: number }, options: CommonOptions): void {
  const { pid, version, uptimeSeconds } = info;
  if (options.json) printJson({ pid, version, uptimeSeconds });
  else print(`Signet ${version} is running for ${duration(uptimeSeconds * 1000)} (process ${pid}).`);
}

/** Ends the daemon of this user's choice, whatever its version. Says so when there is none: that is what was wanted. */
export async function stop(options: CommonOptions): Promise<void> {
  let stopped = true;
  try {
    await withDaemon(
      async ({ connection }) => {
        const { pid } = await connection.sendRequest(messages.daemonInfo);
        await connection.sendRequest(messages.stopDaemon);
        if (!(await isGone(pid))) throw new PeerError('E_BUSY', `process ${pid} is still ending`);
      },
      { start: false },
    );
  } catch (error) {
    if (wireErrorOf(error)?.code !== 'E_DAEMON_MISSING') throw error;
    stopped = false;
  }
  if (options.json) printJson({ stopped });
  else print(stopped ? 'Signet has ended. No backups are made until it is started.' : 'Signet is not running.');
}

const managers: Readonly<Record<string, string>> = {
  systemd: 'systemd',
  desktop: 'the desktop',
  launchd: 'macOS',
  'task-scheduler': "Windows' Task Scheduler",
};

export async function install(options: CommonOptions): Promise<void> {
  const made = await withDaemon(({ connection }) => connection.sendRequest(messages.installService));
  if (options.json) return printJson(made);
  print(`From the next login on ${managers[made.manager] ?? made.manager} starts Signet.`);
  print(`The entry is ${harmless(made.file)}`);
  print('It asks for the password once after each login, and ends at logout.');
  if (made.manager === 'systemd') note('`loginctl enable-linger` lets it run on after logout, too.');
}

export async function uninstall(options: CommonOptions): Promise<void> {
  const { removed } = await withDaemon(({ connection }) => connection.sendRequest(messages.uninstallService));
  if (options.json) return printJson({ removed });
  tell(removed ? 'Signet starts by itself no longer.' : 'Signet does not start by itself; nothing was changed.');
  if (removed) tell('What runs now goes on until you log out or say `signet daemon stop`.');
}

export async function doctor(options: CommonOptions & { readonly export?: string }): Promise<void> {
  if (options.export !== undefined) return exportDiagnostics(options.export, options);
  let isStarted = false;
  let status = 1;
  const checks = await withDaemon(({ connection }) => {
    isStarted = true;
    return connection.sendRequest(messages.doctor);
  }).catch(thrown => {
    if (isStarted) throw thrown;
    const wire = toWire(thrown);
    status = exitCode(wire.code);
    return [notStarted(wire)];
  });
  if (options.json) printJson(checks);
  else {
    for (const { name, ok, detail, advice } of checks) {
      print(
        `${ok ? 'ok  ' : 'BAD '}  ${harmless(name)}: ${harmless(detail)}${advice === undefined ? '' : `\n      ${harmless(advice)}`}`,
      );
    }
  }
  if (checks.some(({ ok }) => !ok)) throw new Exit(status);
}

/** To a new file that only this user can read. */
async function exportDiagnostics(to: string, options: CommonOptions): Promise<void> {
  if (to === '') throw usage('--export is empty: name a new file');
  const { text } = await withDaemon(({ connection }) => connection.sendRequest(messages.diagnostics));
  const file = resolve(to);
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600, flush: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const why = code === 'EEXIST' ? 'there is a file of this name already' : `it cannot be written (${code})`;
    throw usage(`${to}: ${why}; give another name`);
  }
  if (options.json) printJson({ file });
  else tell(`The diagnostics are in ${harmless(file)}. Look through them before you send them to anyone.`);
}

/** What cannot be started cannot look at itself: what it said is all there is. */
function notStarted(wire: WireError): DoctorCheck {
  const { message, advice } = inCommands(wire);
  const { detail } = wire.params;
  // Of a setting the sentence says all, in other words.
  const isSaid = detail === undefined || wire.code === 'E_SETTING' || message.includes(String(detail));
  return {
    name: 'background part',
    ok: false,
    detail: isSaid ? message : `${message} (${wire.code}: ${detail})`,
    // A runtime that does not do would be sent to this very command.
    ...(wire.code !== 'E_RUNTIME' && advice !== '' && { advice }),
  };
}
