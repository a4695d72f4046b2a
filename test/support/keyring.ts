// A private D-Bus session with a throw-away Secret Service keyring behind it, for what runs with the environment it answers. Never the
// keyring of whoever runs the tests. Debian: dbus gnome-keyring libsecret-1-0 (with --no-install-recommends).

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { systemPackages } from '../../scripts/lib/suites.ts';
import { temporaryFolder } from './temporary-home.ts';

/** The system packages without which no keyring can be had; then `return skip(t, withoutKeyring)`. */
const missing = [systemPackages.dbus, systemPackages.keyring, systemPackages.libsecret]
  .filter(({ provides }) => !provides.some(path => existsSync(path)))
  .map(({ name }) => name);

export const withoutKeyring = missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;

export interface Keyring {
  /** For the processes that are to use it. */
  readonly environment: Readonly<Record<string, string>>;
  lock(): void;
}

/** @param kind 'none': a bus, and a Secret Service in which nobody ever set up a keyring */
export async function keyring(
  t: ExecutionContext,
  kind: 'unlocked' | 'locked' | 'none' = 'unlocked',
): Promise<Keyring> {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'data');
  const run = join(folder, 'run');
  for (const path of [data, run]) mkdirSync(path, { mode: 0o700 });
  const own = { ...process.env, XDG_DATA_HOME: data, XDG_RUNTIME_DIR: run, HOME: folder };
  const bus = spawn(
    'dbus-daemon',
    ['--session', '--nofork', '--nopidfile', '--print-address=1', `--address=unix:path=${join(run, 'bus')}`],
    {
      env: own,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  endWith(t, bus);
  const [address] = (await once(createInterface({ input: bus.stdout }), 'line')) as [string];
  const environment = { DBUS_SESSION_BUS_ADDRESS: address };
  if (kind !== 'none') {
    const service = spawn('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], {
      env: { ...own, ...environment },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    endWith(t, service);
    service.stdin.end('test'); // without a newline, which would be part of the password
    while (!existsSync(join(run, 'keyring', 'control'))) await pause(5);
  }
  const lock = () => {
    const path = '/org/freedesktop/secrets';
    const call = ['org.freedesktop.Secret.Service.Lock', `array:objpath:${path}/collection/login`];
    const sent = spawnSync(
      'dbus-send',
      ['--session', '--print-reply', '--dest=org.freedesktop.secrets', path, ...call],
      {
        env: { ...own, ...environment },
        encoding: 'utf8',
      },
    );
    if (sent.status !== 0) throw new Error(sent.stderr);
  };
  if (kind === 'locked') lock();
  return { environment, lock };
}

function endWith(t: ExecutionContext, child: ChildProcess): void {
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
}
