// Which programs count as using a folder, on each system; the processes are made up, but for this one.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isInUse, openFilesProbe, parseLsof } from '../../daemon/platform/open-files.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

interface Process {
  readonly parent: number;
  /** Path and flags, octal, of each open file. */
  readonly files: readonly (readonly [path: string, flags: string])[];
}

function writeProc(proc: string, processes: Readonly<Record<number, Process>>): void {
  for (const [pid, { parent, files }] of Object.entries(processes)) {
    const folder = join(proc, pid);
    for (const name of ['fd', 'fdinfo']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'stat'), `${pid} (an app) with) S ${parent} 1 1`);
    for (const [fd, [path, flags]] of files.entries()) {
      symlinkSync(path, join(folder, 'fd', String(fd)));
      writeFileSync(join(folder, 'fdinfo', String(fd)), `pos:\t0\nflags:\t${flags}\nmnt_id:\t25\n`);
    }
  }
  mkdirSync(join(proc, 'self-made'));
}

test('a file below the folder counts when it is open for writing, a database also when it is read', t => {
  const cases: readonly (readonly [string, boolean, boolean])[] = [
    ['/chats/a.jsonl', true, true],
    ['/chats/a.jsonl', false, false],
    ['/chats/chat.db', false, true],
    ['/chats/chat.sqlite-wal', false, true],
    ['/chats/state.vscdb', false, true],
    ['/chats', true, false],
    ['/chats-2/a.db', true, false],
    ['/elsewhere/chats/a.db', true, false],
  ];
  for (const [path, isWritable, expected] of cases) {
    t.is(isInUse({ path, isWritable }, '/chats'), expected, `${path} ${isWritable}`);
  }
});

test('Linux: other programs count, the daemon and what it started do not, nor do deleted files', async t => {
  if (process.platform === 'win32') return skip(t, 'links as in /proc');
  const proc = await temporaryFolder(t);
  writeProc(proc, {
    100: { parent: 1, files: [['/chats/a.jsonl', '0100002']] },
    101: { parent: 100, files: [['/chats/chat.db', '0100002']] },
    200: {
      parent: 1,
      files: [
        ['/chats/b.jsonl', '0100000'],
        ['/chats/c.jsonl (deleted)', '0100002'],
        ['socket:[1]', '02'],
      ],
    },
  });
  const probe = openFilesProbe({ platform: 'linux', proc, pid: 100 });
  t.false(await probe({ root: '/chats', files: [] }));
  t.true(
    await openFilesProbe({ platform: 'linux', proc, pid: 999 })({ root: '/chats', files: [] }),
    'of another daemon they do',
  );
  const other = await temporaryFolder(t);
  writeProc(other, { 200: { parent: 1, files: [['/chats/b.jsonl', '0100001']] } });
  t.true(await openFilesProbe({ platform: 'linux', proc: other, pid: 100 })({ root: '/chats', files: [] }));
  t.false(await openFilesProbe({ platform: 'linux', proc: other, pid: 100 })({ root: '/cha', files: [] }));
});

test('Linux: what this very process has open is found', async t => {
  if (process.platform !== 'linux') return skip(t, 'asks /proc');
  const root = await temporaryFolder(t);
  const probe = openFilesProbe({ pid: 1 });
  const file = await open(join(root, 'a.jsonl'), 'a');
  t.true(await probe({ root, files: [] }));
  t.false(await openFilesProbe()({ root, files: [] }), 'but for ourselves');
  await file.close();
  t.false(await probe({ root, files: [] }));
});

const lsof = [
  'p100',
  'R1',
  'fcwd',
  'n/',
  'f5',
  'au',
  'n/chats/chat.db',
  'p101',
  'R100',
  'f3',
  'aw',
  'n/chats/x',
  'p200',
  'R1',
  'f4',
  'ar',
  'n/chats/a.jsonl',
  'f5',
  'aw',
  'n/chats/b.jsonl',
  '',
].join('\n');

test('macOS: the fields of lsof, without the daemon and what it started', async t => {
  t.deepEqual(parseLsof(lsof, 100), [
    { pid: 200, path: '/chats/a.jsonl', isWritable: false },
    { pid: 200, path: '/chats/b.jsonl', isWritable: true },
  ]);
  const asked: (readonly string[])[] = [];
  const probe = openFilesProbe({
    platform: 'darwin',
    pid: 100,
    uid: 501,
    output: async (program, args) => {
      asked.push([program, ...args]);
      return lsof;
    },
  });
  t.true(await probe({ root: '/chats', files: [] }));
  t.false(await probe({ root: '/other', files: [] }));
  t.deepEqual(asked[0], ['/usr/sbin/lsof', '-w', '-n', '-P', '-u', '501', '-F', 'pRan']);
});

test('Windows: a file that can be renamed to its own name is in no use, one that is gone neither', async t => {
  const root = await temporaryFolder(t);
  writeFileSync(join(root, 'a'), 'a');
  t.false(await openFilesProbe({ platform: 'win32' })({ root, files: [join(root, 'a'), join(root, 'gone')] }));
});
