// Starting by itself at each login: the few calls that tell the platform's own manager, or take it back. One entry for each home; an entry
// that Signet did not write is neither replaced nor removed, and nothing here starts or ends a daemon that runs.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asBuffer, fromUtf8 } from '../base/bytes.ts';
import { SignetError, systemCode } from '../base/errors.ts';
import { makeFolders, readBounded, replaceFile } from '../base/files.ts';
import {
  desktopEntry,
  launchAgent,
  logonTask,
  mark,
  type ServiceOrder,
  systemdUnit,
  taskWords,
  xmlText,
} from './login-entries.ts';

export type { ServiceOrder } from './login-entries.ts';

export interface AutostartSurroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's own folder. */
  readonly home: string;
  readonly uid: number | undefined;
  /** Domain and name on Windows. */
  readonly user: string;
}

export interface Autostart {
  readonly manager: 'systemd' | 'desktop' | 'launchd' | 'task-scheduler';
  /** The file, or the name of the task. */
  readonly file: string;
}

const maxFileBytes = 64 << 10;
const callTimeoutMs = 15_000;
/** What decides where a home lies and which runtime runs, beside the usual environment of a login. */
const carriedNames = ['SIGNET_HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'ELECTRON_RUN_AS_NODE'];

/** What of a process's environment the daemon needs at login to find the same home. */
export function carriedEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    carriedNames.flatMap(name => {
      const value = env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

/** `signet`, or for a home of its own `signet-<8 hex>`: two homes of one user do not replace each other's entry. */
export function serviceName(environment: Readonly<Record<string, string | undefined>>): string {
  const home = environment['SIGNET_HOME'];
  if (home === undefined || home === '') return 'signet';
  return `signet-${createHash('sha256').update(home).digest('hex').slice(0, 8)}`;
}

/**
 * Has the order started at each login from now on, and answers by whom. Doing it again changes nothing, or brings the entry up to date.
 *
 * @throws E_USAGE when something else has the entry's place · E_RUNTIME when the manager refuses
 */
export async function installAutostart(order: ServiceOrder, around: AutostartSurroundings): Promise<Autostart> {
  const name = serviceName(order.environment);
  if (around.platform === 'darwin') return installAgent(name, order, around);
  if (around.platform === 'win32') return installTask(name, order, around);
  const paths = linuxPaths(name, around);
  if ((await called('systemctl', ['--user', 'daemon-reload'], around)) === undefined) {
    await placeFile(paths.desktop, desktopEntry(order));
    return { manager: 'desktop', file: paths.desktop };
  }
  await placeFile(paths.unit, systemdUnit(order));
  await mustCall('systemctl', ['--user', 'daemon-reload'], around);
  await mustCall('systemctl', ['--user', 'enable', `${name}.service`], around);
  await removeOurs(paths.desktop); // of a time before systemd answered
  return { manager: 'systemd', file: paths.unit };
}

/** Takes our entry away; what runs goes on. False when there was none of ours. */
export async function uninstallAutostart(
  environment: ServiceOrder['environment'],
  around: AutostartSurroundings,
): Promise<boolean> {
  const name = serviceName(environment);
  if (around.platform === 'darwin') return removeOurs(agentPath(name, around));
  if (around.platform === 'win32') {
    if (!(await isOurTask(name, around))) return false;
    await mustCall('schtasks', ['/Delete', '/TN', taskName(name), '/F'], around);
    return true;
  }
  const { unit, link, desktop } = linuxPaths(name, around);
  const isUnitOurs = await isOurs(unit);
  if (isUnitOurs) {
    await called('systemctl', ['--user', 'disable', `${name}.service`], around); // without a manager the link is ours to remove
    if ((await lstat(link).catch(absent))?.isSymbolicLink()) await rm(link);
    await rm(unit);
    await called('systemctl', ['--user', 'daemon-reload'], around);
  }
  return (await removeOurs(desktop)) || isUnitOurs;
}

/**
 * Brings an entry of ours up to date that starts something else: an update lies in another folder, and the old one may be gone by the next
 * login. Answers whether it did; without an entry nothing is done.
 */
export async function renewAutostart(order: ServiceOrder, around: AutostartSurroundings): Promise<boolean> {
  const found = await findAutostart(order, around);
  if (found === undefined || found.isCurrent) return false;
  await installAutostart(order, around);
  return true;
}

/** What is there now: the entry that would be written, another one of ours (of an older version, or moved), or none. */
export async function findAutostart(
  order: ServiceOrder,
  around: AutostartSurroundings,
): Promise<(Autostart & { readonly isCurrent: boolean }) | undefined> {
  const name = serviceName(order.environment);
  if (around.platform === 'win32') {
    const file = taskName(name);
    const task = await taskText(name, around);
    if (task === undefined || !task.includes(mark)) return undefined;
    // The scheduler writes the task anew: what is started is the same text, but for the form of its quotes.
    const isCurrent = task
      .replaceAll('&quot;', '"')
      .includes(`<Arguments>${xmlText(taskWords(order)).replaceAll('&quot;', '"')}<`);
    return { manager: 'task-scheduler', file, isCurrent };
  }
  const { unit, desktop } = linuxPaths(name, around);
  const places: readonly (Autostart & { readonly text: () => string })[] =
    around.platform === 'darwin'
      ? [{ manager: 'launchd', file: agentPath(name, around), text: () => launchAgent(agentLabel(name), order) }]
      : [
          { manager: 'systemd', file: unit, text: () => systemdUnit(order) },
          { manager: 'desktop', file: desktop, text: () => desktopEntry(order) },
        ];
  for (const { manager, file, text } of places) {
    const found = await textOf(file);
    if (found?.includes(mark)) return { manager, file, isCurrent: found === text() };
  }
  return undefined;
}

async function installAgent(name: string, order: ServiceOrder, around: AutostartSurroundings): Promise<Autostart> {
  const file = agentPath(name, around);
  await placeFile(file, launchAgent(agentLabel(name), order));
  const domain = `gui/${around.uid}`;
  // Loading it again would end the daemon that it runs; a changed file counts from the next login on.
  if ((await called('launchctl', ['print', `${domain}/${agentLabel(name)}`], around)) === undefined) {
    await mustCall('launchctl', ['bootstrap', domain, file], around);
  }
  return { manager: 'launchd', file };
}

async function installTask(name: string, order: ServiceOrder, around: AutostartSurroundings): Promise<Autostart> {
  const { env, user } = around;
  if (order.environment['ELECTRON_RUN_AS_NODE'] !== undefined) {
    throw new SignetError(
      'E_RUNTIME',
      'a task at log-on needs a Node of its own; install Node, or name one in SIGNET_NODE',
      {
        params: { what: 'Node' },
      },
    );
  }
  const folder = env['TEMP'] ?? env['TMP'] ?? around.home;
  const file = join(folder, `${name}-task.xml`);
  const isThere = (await called('schtasks', ['/Query', '/TN', taskName(name)], around)) !== undefined;
  if (isThere && !(await isOurTask(name, around))) throw notOurs(taskName(name));
  const text = logonTask(user, env['SystemRoot'] ?? 'C:\\Windows', order);
  await replaceFile(file, asBuffer(Buffer.from(`\ufeff${text}`, 'utf16le')));
  try {
    await mustCall('schtasks', ['/Create', '/TN', taskName(name), '/XML', file, '/F'], around);
  } finally {
    await rm(file, { force: true });
  }
  return { manager: 'task-scheduler', file: taskName(name) };
}

function linuxPaths(name: string, { env, home }: AutostartSurroundings) {
  const named = env['XDG_CONFIG_HOME'];
  const config = named?.startsWith('/') ? named : join(home, '.config');
  const units = join(config, 'systemd', 'user');
  return {
    unit: join(units, `${name}.service`),
    link: join(units, 'default.target.wants', `${name}.service`),
    desktop: join(config, 'autostart', `${name}.desktop`),
  };
}

function agentLabel(name: string): string {
  return `${name}.daemon`;
}

function agentPath(name: string, { home }: AutostartSurroundings): string {
  return join(home, 'Library', 'LaunchAgents', `${agentLabel(name)}.plist`);
}

/** `signet-1a2b3c4d` as the list of tasks shows it. */
function taskName(name: string): string {
  return name.replace('signet', 'Signet');
}

async function isOurTask(name: string, around: AutostartSurroundings): Promise<boolean> {
  return (await taskText(name, around))?.includes(mark) ?? false;
}

function taskText(name: string, around: AutostartSurroundings): Promise<string | undefined> {
  return called('schtasks', ['/Query', '/TN', taskName(name), '/XML'], around);
}

async function placeFile(path: string, text: string): Promise<void> {
  const found = await textOf(path);
  if (found === text) return;
  if (found !== undefined && !found.includes(mark)) throw notOurs(path);
  await makeFolders(join(path, '..'));
  await replaceFile(path, text);
}

function notOurs(place: string): SignetError {
  return new SignetError('E_USAGE', `${place} was not written by Signet; it was left as it is`, {
    params: {
      detail: `${place} was not written by Signet`,
      advice: 'it was left as it is; move it away, then try again',
    },
  });
}

async function removeOurs(path: string): Promise<boolean> {
  if (!(await isOurs(path))) return false;
  await rm(path);
  return true;
}

async function isOurs(path: string): Promise<boolean> {
  return (await textOf(path))?.includes(mark) ?? false;
}

async function textOf(path: string): Promise<string | undefined> {
  const bytes = await readBounded(path, maxFileBytes);
  return bytes === undefined ? undefined : (fromUtf8(bytes) ?? '');
}

function absent(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
}

/** Standard output of a call that succeeded, else undefined. */
function called(
  program: string,
  words: readonly string[],
  { env }: Pick<AutostartSurroundings, 'env'>,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const options = { env: env as NodeJS.ProcessEnv, timeout: callTimeoutMs, windowsHide: true };
  execFile(program, [...words], options, (error, out) => resolve(error === null ? out : undefined));
  return promise;
}

async function mustCall(
  program: string,
  words: readonly string[],
  around: Pick<AutostartSurroundings, 'env'>,
): Promise<void> {
  if ((await called(program, words, around)) !== undefined) return;
  throw new SignetError('E_RUNTIME', `${program} ${words.slice(0, 2).join(' ')} failed; see what it says by hand`, {
    params: { what: program },
  });
}
