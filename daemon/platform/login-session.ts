// What tells one login from the next: text that changes with each boot (and with each login, where the system has a name for it), and a file
// in the runtime folder, which Linux empties at logout. Where the system clears no such folder the file stays, and the text alone tells.

import { execFile } from 'node:child_process';
import { readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { wipe } from '../base/bytes.ts';
import { systemCode } from '../base/errors.ts';
import { readBounded, replaceFile } from '../base/files.ts';

const askTimeoutMs = 5000;
const markerBytes = 32;

/** How the system is asked; what cannot be had is ''. */
export interface System {
  readonly platform: NodeJS.Platform;
  readonly uid: number | undefined;
  file(path: string): Promise<string>;
  output(command: string, args: readonly string[]): Promise<string>;
}

export const thisSystem: System = {
  platform: process.platform,
  uid: process.getuid?.(),
  file: path => readFile(path, 'utf8').catch(() => ''),
  output: (command, args) =>
    promisify(execFile)(command, [...args], { timeout: askTimeoutMs, windowsHide: true }).then(
      ({ stdout }) => stdout,
      () => '',
    ),
};

/**
 * Names this boot and, on macOS and Windows, this login. Undefined where the system does not say: then nothing may be kept beyond this
 * process, since nobody could tell that the login is over.
 */
export async function loginSession(system: System = thisSystem): Promise<string | undefined> {
  switch (system.platform) {
    case 'linux':
      return linuxBoot(await system.file('/proc/sys/kernel/random/boot_id'));
    case 'darwin': {
      const asked = [
        system.output('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid']),
        system.output('/bin/launchctl', ['print', `gui/${system.uid}`]),
      ];
      const [boot = '', login = ''] = await Promise.all(asked);
      return macSession(boot, login);
    }
    case 'win32': {
      const key = 'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters';
      const asked = [system.output('reg', ['query', key, '/v', 'BootId']), system.output('whoami', ['/logonid'])];
      const [boot = '', login = ''] = await Promise.all(asked);
      return windowsSession(boot, login);
    }
    default:
      return undefined;
  }
}

/** @param text of /proc/sys/kernel/random/boot_id (random(4)) */
export function linuxBoot(text: string): string | undefined {
  const [id] = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.exec(text.trim()) ?? [];
  return id === undefined ? undefined : `linux ${id}`;
}

/**
 * @param boot what `sysctl -n kern.bootsessionuuid` prints
 * @param login what `launchctl print gui/<uid>` prints: its audit session is the login's. Without one (ssh only) the boot alone counts
 */
export function macSession(boot: string, login: string): string | undefined {
  const [id] = /^[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$/i.exec(boot.trim()) ?? [];
  if (id === undefined) return undefined;
  const [, audit = 'none'] = /^\s*asid = (\d+)\s*$/m.exec(login) ?? [];
  return `darwin ${id} ${audit}`;
}

/**
 * @param boot what `reg query …\PrefetchParameters /v BootId` prints: a number that each boot raises. (The time of the boot is computed
 *   from the clock, and moves when that is set.)
 * @param login what `whoami /logonid` prints: the SID of the logon session, S-1-5-5-X-Y
 */
export function windowsSession(boot: string, login: string): string | undefined {
  const [, count] = /BootId\s+REG_DWORD\s+(0x[0-9a-f]+)/i.exec(boot) ?? [];
  const [sid] = /S-1-5-5-\d+-\d+/.exec(login) ?? [];
  return count === undefined || sid === undefined ? undefined : `win32 ${count.toLowerCase()} ${sid}`;
}

/** 32 bytes in the runtime folder: half of the key of what is kept for this login. */
export class LoginMarker {
  readonly #path: string;

  constructor(runtimeFolder: string) {
    this.#path = join(runtimeFolder, 'session');
  }

  /** The bytes, the caller's to wipe, and when they were last said to be in use (milliseconds); undefined without a whole marker. */
  async load(): Promise<{ readonly half: Uint8Array; readonly usedAt: number } | undefined> {
    try {
      const half = await readBounded(this.#path, markerBytes);
      if (half === undefined) return undefined;
      if (half.length === markerBytes) return { half, usedAt: (await stat(this.#path)).mtimeMs };
      wipe(half);
    } catch {
      // Too long, no file, gone meanwhile: not what was put there.
    }
    return undefined;
  }

  async save(half: Uint8Array): Promise<void> {
    await replaceFile(this.#path, half);
  }

  /** Notes that the login is in use now. */
  async touch(now: number): Promise<void> {
    try {
      await utimes(this.#path, now / 1000, now / 1000);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error; // nothing is kept
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
