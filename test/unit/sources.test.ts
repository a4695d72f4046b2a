import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import {
  detectProfile,
  discoverSources,
  isAppendOnly,
  isExcluded,
  isOpaque,
  newSource,
  nextRunAt,
  type Place,
  problemOf,
  profiles,
} from '../../daemon/sources/sources.ts';
import { makeDatabase, scratch } from '../support/databases.ts';
import { fixture, skip, withoutFixtures } from '../support/skip.ts';

const settings = { quietMs: 30, longestWaitMs: 600, smallestIntervalMs: 900 };

for (const { title, pending, now, last, at } of [
  { title: 'nothing pending is never due', pending: undefined, now: 1000, last: 0, at: undefined },
  { title: 'one change is due after the quiet time', pending: [1000, 1000], now: 1000, last: undefined, at: 1030 },
  {
    title: 'each further change starts the quiet time anew',
    pending: [1000, 1020],
    now: 1020,
    last: undefined,
    at: 1050,
  },
  {
    title: 'changes that go on are due at the longest wait',
    pending: [1000, 1599],
    now: 1599,
    last: undefined,
    at: 1600,
  },
  { title: 'the longest wait is not exceeded by one', pending: [1000, 1570], now: 1570, last: undefined, at: 1600 },
  {
    title: 'a run just before puts it off to the smallest interval',
    pending: [1000, 1000],
    now: 1000,
    last: 990,
    at: 1890,
  },
  { title: 'a run long ago does not', pending: [1000, 1000], now: 1000, last: 130, at: 1030 },
  { title: 'the interval ends as the quiet does', pending: [1000, 1000], now: 1000, last: 131, at: 1031 },
  {
    title: 'a run in the future (clock set back) does not hold it up',
    pending: [1000, 1000],
    now: 1000,
    last: 5000,
    at: 1030,
  },
  {
    title: 'changes in the future (clock set back) count as now',
    pending: [9000, 9000],
    now: 1000,
    last: undefined,
    at: 1030,
  },
  { title: 'overdue stays due', pending: [1000, 1000], now: 9999, last: undefined, at: 1030 },
] as const) {
  test(`next run: ${title}`, t => {
    const seen = pending && { firstAt: pending[0], lastAt: pending[1] };
    t.is(nextRunAt(seen, now, last, settings), at);
  });
}

for (const [profile, path, kind, expected] of [
  ['generic', 'chat.db', 'file', false],
  ['generic', 'chat.db-shm', 'file', true],
  ['generic', 'a/b/chat.db-shm', 'file', true],
  ['generic', 'chat.db-wal', 'file', false],
  ['generic', 'chat.db-journal', 'file', false],
  ['generic', 'a/.DS_Store', 'file', true],
  ['generic', 'a/thumbs.db', 'file', true],
  ['generic', 'a/thumbs.db.txt', 'file', false],
  ['generic', 'x\ny.tmp', 'file', true],
  ['generic', 'x.tmp', 'dir', false],
  ['generic', 'x.tmp/letter.txt', 'file', false],
  ['generic', 'x.lock', 'symlink', true],
  ['generic', '.Shared/x', 'file', false],
  ['whatsapp-android', '.Shared', 'dir', true],
  ['whatsapp-android', 'WhatsApp/.Shared', 'dir', true],
  ['whatsapp-android', '.Shared/a/b', 'file', true],
  ['whatsapp-android', 'x.Shared', 'dir', false],
  ['whatsapp-android', 'Media/.Statuses/x.jpg', 'file', true],
  ['whatsapp-android', '.Statuses', 'dir', false],
  ['whatsapp-android', 'Media/WhatsApp Images/IMG-20260101-WA0001.jpg', 'file', false],
  ['whatsapp-android', 'Media/WhatsApp Images/.nomedia', 'file', true],
  ['whatsapp-android', 'Databases/msgstore-2026-01-01.1.db.crypt15', 'file', false],
  ['whatsapp-apple', 'fts', 'dir', true],
  ['whatsapp-apple', 'Message/Media/fts', 'dir', false],
  ['whatsapp-apple', 'Axolotl.sqlite-wal', 'file', true],
  ['whatsapp-apple', 'Library/Caches/x', 'file', true],
  ['whatsapp-apple', 'Library', 'dir', false],
  ['whatsapp-apple', 'ChatStorage.sqlite-wal', 'file', false],
  ['claude-code', 'p/x.jsonl', 'file', false],
  ['claude-code', 'statsig', 'dir', true],
  ['made-by-a-newer-version', 'a.db-shm', 'file', true],
] as const) {
  test(`${profile} ${expected ? 'leaves out' : 'keeps'} the ${kind} ${JSON.stringify(path)}`, t => {
    t.is(isExcluded(profile, Buffer.from(path), kind), expected);
  });
}

test('patterns see bytes: a name that is not UTF-8 is matched by its ASCII end', t => {
  t.true(isExcluded('generic', Buffer.from([0xff, 0xfe, ...Buffer.from('.db-shm')]), 'file'));
  t.false(isExcluded('generic', Buffer.from([0xff, 0xfe]), 'file'));
});

test('session logs only grow, encrypted copies are closed', t => {
  t.true(isAppendOnly('claude-code', Buffer.from('a/b/c.jsonl')));
  t.true(isAppendOnly('generic', Buffer.from('irc/today.log')));
  t.false(isAppendOnly('whatsapp-android', Buffer.from('a.jsonl')));
  t.true(isOpaque('whatsapp-android', Buffer.from('Databases/msgstore.db.crypt15')));
  t.false(isOpaque('whatsapp-android', Buffer.from('Databases/msgstore.db')));
});

const linux = { platform: 'linux', home: '/home/a', env: {} } as const;

test('default places follow the platform', t => {
  const mac: Place = { platform: 'darwin', home: '/Users/a', env: {} };
  t.deepEqual(profiles['whatsapp-apple'].defaultRoots(linux), []);
  t.is(profiles['whatsapp-apple'].defaultRoots(mac).length, 1);
  t.deepEqual(profiles['claude-code'].defaultRoots(linux), ['/home/a/.claude/projects']);
  t.deepEqual(profiles['claude-code'].defaultRoots({ ...linux, env: { CLAUDE_CONFIG_DIR: '/c' } }), ['/c/projects']);
});

for (const [code, problem] of [
  ['ENOSPC', 'watch-limit'],
  ['EMFILE', 'watch-limit'],
  ['EIO', 'watch-failed'],
] as const) {
  test(`a watcher that fails with ${code} is reported as ${problem}`, t => {
    t.is(problemOf(Object.assign(new Error('no'), { code })), problem);
  });
}

test('folders are recognised by what lies in them', async t => {
  const folder = scratch(t);
  const make = (name: string, ...path: string[]) => {
    const made = join(folder, name, ...path);
    mkdirSync(made, { recursive: true });
    return made;
  };
  make('android-media', 'Media', 'WhatsApp Images');
  writeFileSync(join(make('android-crypt', 'Databases'), 'msgstore.db.crypt15'), 'x');
  makeDatabase(join(make('android-plain'), 'msgstore.db'));
  make('android-above', 'WhatsApp', 'Media', 'WhatsApp Images');
  writeFileSync(join(make('not-android'), 'msgstore.db'), 'x');
  makeDatabase(join(make('apple'), 'ChatStorage.sqlite'));
  writeFileSync(join(make('claude', '-home-a-x'), '50a7220d-7250-46f3-b38e-b716ce25032e.jsonl'), '{"sessionId":"5"}\n');
  writeFileSync(join(make('not-claude', 'x'), '50a7220d-7250-46f3-b38e-b716ce25032e.jsonl'), '{}\n');
  make('empty');
  for (const [name, profile] of [
    ['android-media', 'whatsapp-android'],
    ['android-crypt', 'whatsapp-android'],
    ['android-plain', 'whatsapp-android'],
    ['android-above', 'whatsapp-android'],
    ['not-android', 'generic'],
    ['apple', 'whatsapp-apple'],
    ['claude', 'claude-code'],
    ['not-claude', 'generic'],
    ['empty', 'generic'],
    ['none', 'generic'],
  ] as const) {
    t.is(await detectProfile(join(folder, name)), profile, name);
  }
});

test('real folders are recognised', async t => {
  for (const [name, profile] of [
    ['whatsapp-ios', 'whatsapp-apple'],
    ['claude-code', 'claude-code'],
    ['teams-ios', 'generic'],
  ] as const) {
    const folder = fixture(name);
    if (folder === undefined) return skip(t, withoutFixtures, 'no fixtures');
    t.is(await detectProfile(folder), profile);
  }
});

test('a new source gets an id that names its profile and is never the same twice', async t => {
  const root = scratch(t);
  let n = 0;
  const outside = { place: linux, randomBytes: (count: number) => new Uint8Array(count).fill(n++) };
  const one = await newSource({ root }, outside);
  t.deepEqual(one, { id: 'generic-aaaaaaaa', profile: 'generic', label: basename(root), root });
  t.is((await newSource({ root }, outside)).id, 'generic-aeaqcaib');
  t.is((await newSource({ root, profile: 'claude-code', label: 'Work' }, outside)).label, 'Work');
  await t.throwsAsync(newSource({ root: join(root, 'none') }, outside), { code: 'E_USAGE' });
  await t.throwsAsync(newSource({ profile: 'whatsapp-android' }, outside), { code: 'E_USAGE' });
  await t.throwsAsync(newSource({ profile: 'nonsense', root }, outside), { code: 'E_USAGE' });
});

test('apps at their usual place are found', async t => {
  const home = scratch(t);
  const folder = join(home, '.claude', 'projects', '-x');
  t.deepEqual(await discoverSources({ ...linux, home }), []);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '50a7220d-7250-46f3-b38e-b716ce25032e.jsonl'), '{"sessionId":"5"}\n');
  const root = join(home, '.claude', 'projects');
  t.deepEqual(await discoverSources({ ...linux, home }), [{ profile: 'claude-code', label: 'Claude Code', root }]);
});
