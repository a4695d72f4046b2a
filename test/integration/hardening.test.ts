// What others on this computer must not get: another user the socket, anybody a debugger port, a crash the plain text.

import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { endpointOf, resolveHome, tokenFile } from '../../protocol/home.ts';
import { daemonClient } from '../support/daemon-client.ts';
import { installation } from '../support/installation.ts';
import { listening } from '../support/listening.ts';
import { skip } from '../support/skip.ts';

const strangerProgram = fileURLToPath(new URL('../support/stranger.ts', import.meta.url));
const marker = 'the cassowary sleeps under the red bridge';

interface Stranger {
  readonly uid: number;
  readonly token: string;
  readonly connected: boolean;
  readonly error: string;
  readonly said: string;
  readonly closed: boolean;
}

test('another user does not reach the daemon; with every folder opened by mistake it gets a challenge and nothing more', async t => {
  if (process.getuid?.() !== 0) return skip(t, 'only root can become another user');
  const signet = await installation(t);
  await signet.status();
  const client = await daemonClient(t, signet.home);
  const home = resolveHome({ env: { SIGNET_HOME: signet.home } });
  const { path } = endpointOf(home);
  const asNobody = (): Stranger =>
    JSON.parse(
      execFileSync(process.execPath, ['--no-warnings', strangerProgram, path, tokenFile(home)], { encoding: 'utf8' }),
    );
  t.like(asNobody(), { uid: 65534, token: 'EACCES', connected: false, error: 'EACCES' });

  const opened = [signet.folder, signet.home, home.runtime, home.config, path];
  const before = opened.map(each => statSync(each).mode & 0o777);
  for (const each of opened) chmodSync(each, 0o777);
  const inside = asNobody();
  t.like(inside, { uid: 65534, token: 'EACCES', connected: true, closed: true });
  t.regex(inside.said, /^(\{"type":"rpc","data":\{"challenge":"[\w-]{43}"\}\}\f)?$/);
  t.is((await client.status()).vault, 'absent', 'those who are in are served on');
  // What others could have replaced is not trusted, not even by its owner.
  t.is((await signet.signet(['status'])).errorCode(), 'E_RUNTIME');
  for (const [index, each] of opened.entries()) chmodSync(each, before[index] ?? 0o700);
  t.is(await signet.daemonPid(), client.pid);
});

/** The daemon and everything below it. */
function treeOf(pid: number): readonly number[] {
  const parents = readdirSync('/proc').flatMap(name => {
    try {
      return /^\d+$/.test(name)
        ? [[Number(name), Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'latin1'))?.[1])] as const]
        : [];
    } catch {
      return []; // it ended meanwhile
    }
  });
  const found = [pid];
  for (const each of found) found.push(...parents.filter(([, parent]) => parent === each).map(([child]) => child));
  return found;
}

test('a backup that gets SIGUSR1 and SIGHUP in all its processes opens no port and is made all the same', async t => {
  if (process.platform !== 'linux') return skip(t, 'reads /proc');
  const signet = await installation(t);
  writeMarked(join(signet.source, 'chat.sqlite'), 30);
  await signet.setUp(['--schedule', 'manual']);
  const client = await daemonClient(t, signet.home);
  let isDone = false;
  const backup = client.backup().finally(() => {
    isDone = true;
  });
  const signalled = new Set<number>();
  const ports: string[] = [];
  while (!isDone) {
    for (const pid of treeOf(client.pid)) {
      try {
        const own = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        if (!own.includes('--disable-sigusr1')) continue; // between fork and exec it is not yet who it will be
        process.kill(pid, 'SIGUSR1');
        if (pid === client.pid) process.kill(pid, 'SIGHUP');
        signalled.add(pid);
        ports.push(...listening(pid));
      } catch {
        // it ended meanwhile
      }
    }
    await pause(20);
  }
  t.like(await backup, { filesNew: 1, filesUnreadable: [], notVerified: [] });
  t.log(`${signalled.size} processes`);
  t.true(signalled.size >= 2, 'the capture process was seen, too');
  t.deepEqual(ports, []);
  t.deepEqual(listening(client.pid), []);
});

test('killed while it captures a database, the next start leaves no plain text anywhere, and every file is private', async t => {
  const signet = await installation(t, { environment: {} });
  // A database that is not in WAL mode is copied into the staging folder; the larger, the longer.
  writeMarked(join(signet.source, 'chat.sqlite'), 120, 'delete');
  await signet.setUp(['--schedule', 'manual']);
  const staging = join(signet.home, 'state', 'staging');
  let wasPlain = false;
  for (let tries = 0; tries < 10 && !wasPlain; tries += 1) {
    const client = await daemonClient(t, signet.home);
    const ends = client.backup();
    const end = Date.now() + 20_000;
    while (!wasPlain && Date.now() < end && readdirSync(signet.remote).length > 0) {
      wasPlain = markedIn(staging).length > 0;
      if (!wasPlain) await pause(1);
      if (await Promise.race([ends.then(() => true), pause(0).then(() => false)])) break;
    }
    if (wasPlain) await signet.killDaemon();
    client.close();
    await ends;
  }
  t.log(wasPlain ? 'killed with plain text in the staging folder' : 'no plain text was ever there by name');
  await signet.killDaemon();
  await signet.status();
  t.deepEqual(markedIn(signet.home), []);
  t.deepEqual(markedIn(signet.remote), []);
  t.deepEqual(readdirSync(staging), []);
  for (const entry of readdirSync(signet.home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = lstatSync(path);
    t.is((mode & 0o777).toString(8), entry.isDirectory() ? '700' : '600', path);
  }
});

/** A database with the marker in every row. */
function writeMarked(path: string, megabytes: number, journal = 'wal'): void {
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode=${journal}; CREATE TABLE message (body TEXT); BEGIN`);
  const insert = database.prepare('INSERT INTO message VALUES (? || hex(randomblob(2000)))');
  for (let row = 0; row < megabytes * 250; row += 1) insert.run(marker);
  database.exec('COMMIT');
  database.close();
}

function markedIn(folder: string): readonly string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    try {
      if (entry.isFile() && readFileSync(path).includes(marker)) found.push(path);
    } catch {
      // it went meanwhile
    }
  }
  return found;
}
