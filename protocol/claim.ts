// What makes a process the daemon of a home, and what proves to it that a peer belongs to the same user: a lock that dies with its
// process, and a 0600 token. Also the one check that a folder is private, and what tells a daemon that was killed from one that ended.

import { randomBytes } from 'node:crypto';
import { constants, rmSync, writeFileSync } from 'node:fs';
import { chmod, link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PeerError } from './errors.ts';
import { type Home, isPrivateFolder, tokenFile } from './home.ts';

const tokenBytes = 32;

export interface HomeClaim {
  release(): void;
}

/**
 * Makes this process the daemon of a home until it ends or releases; the operating system frees the claim of a killed one. It lies in
 * the state folder, so two logins with different runtime folders cannot both have one. Throws E_BUSY when another process has it.
 */
export async function claimHome(home: Home): Promise<HomeClaim> {
  await ensurePrivate(home.state);
  const { DatabaseSync } = await import('node:sqlite'); // its file locks are the only portable ones Node has
  const path = join(home.state, 'daemon.lock');
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new PeerError('E_BUSY', 'another daemon serves this home', { cause: error });
  }
  await chmod(path, 0o600);
  leaveMark(home);
  return {
    release() {
      if (!database.isOpen) return;
      rmSync(markOf(home), { force: true });
      database.close();
    },
  };
}

/** Names the process while it has the claim; whoever releases it takes this along, and a killed one cannot. */
function markOf(home: Home): string {
  return join(home.state, 'daemon.running');
}

function leaveMark(home: Home): void {
  try {
    writeFileSync(markOf(home), String(process.pid), { mode: 0o600 });
  } catch {
    // A full disk: without the mark an end by force looks like one on purpose, and no more than that.
  }
}

/** True when the last daemon of the home did not end in good order: it was killed, or fell. False while it runs, and where none ever did. */
export async function wasKilled(home: Home): Promise<boolean> {
  const text = await readFile(markOf(home), 'latin1').catch(() => ''); // taken away: it ended as it should
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
  return pid !== undefined && !isAlive(pid);
}

/** Whether a process of this user runs under that number. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH: gone. EPERM: somebody else's
  }
}

/** The token of this installation; made when there is none. Only the daemon calls it, holding the claim. */
export async function ensureToken(home: Home): Promise<Uint8Array> {
  await ensurePrivate(home.config);
  const path = tokenFile(home);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, randomBytes(tokenBytes).toString('hex'), { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(temporary, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return readToken(home);
}

/** Throws E_DAEMON_MISSING when no daemon ever ran here, E_RUNTIME when the file is not a private one of this user. */
export async function readToken(home: Home): Promise<Uint8Array> {
  const path = tokenFile(home);
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new PeerError('E_DAEMON_MISSING', 'no daemon has run for this home yet');
    throw new PeerError('E_RUNTIME', `${path} cannot be read (${codeOf(error)})`, { cause: error });
  });
  try {
    const found = await file.stat();
    const uid = process.getuid?.();
    if (!found.isFile() || (uid !== undefined && (found.uid !== uid || (found.mode & 0o077) !== 0))) {
      throw new PeerError('E_RUNTIME', `${path} is not a private file of this user (mode 0600 is needed)`);
    }
    const text = found.size === tokenBytes * 2 ? await file.readFile('latin1') : '';
    if (!/^[0-9a-f]{64}$/.test(text))
      throw new PeerError('E_RUNTIME', `${path} is not a token; remove it and restart the daemon`);
    return new Uint8Array(Buffer.from(text, 'hex'));
  } finally {
    await file.close();
  }
}

/** Creates the folder (and parents) with mode 0700; throws E_RUNTIME for one that is a link, not a folder, or open to others. */
export async function ensurePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error; // a link or a file: refused below, with its name
  });
  if (!isPrivateFolder(folder, process.getuid?.())) throw notPrivate(folder);
}

export function notPrivate(folder: string): PeerError {
  return new PeerError('E_RUNTIME', `${folder} is not a private folder of this user (mode 0700 is needed)`, {
    params: { path: folder },
  });
}

/** The `code` of a Node system error ('ENOENT', …), or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
