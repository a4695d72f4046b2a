import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import type { RuleEntry } from '../../daemon/archive/model.ts';
import { detectProfile, newSource, nextRun, type Place, problemOf, rulesOf } from '../../daemon/sources/sources.ts';
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
    t.is(nextRun(seen, now, last, settings)?.at, at);
  });
}

test('a run waits for quiet, or for the smallest interval where that ends later', t => {
  const seen = { firstAt: 1000, lastAt: 1000 };
  t.is(nextRun(seen, 1000, undefined, settings)?.reason, 'quiet');
  t.is(nextRun(seen, 1000, 130, settings)?.reason, 'quiet');
  t.is(nextRun(seen, 1000, 131, settings)?.reason, 'interval');
});

/** A name as the archive shows it to the rules. */
function entry(path: string | Uint8Array, changes: Partial<RuleEntry> = {}): RuleEntry {
  const nothing = new Uint8Array(0);
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  return { path: bytes, kind: 'file', sizeBytes: 1, siblings: () => [], head: () => nothing, ...changes };
}

for (const [profile, path, kind, expected] of [
  ['generic', 'chat.db', 'file', undefined],
  ['generic', 'chat.db-shm', 'file', 'noise'],
  ['generic', 'a/b/chat.db-shm', 'file', 'noise'],
  ['generic', 'chat.db-wal', 'file', undefined],
  ['generic', 'chat.db-journal', 'file', undefined],
  ['generic', 'a/.DS_Store', 'file', 'noise'],
  ['generic', 'a/thumbs.db', 'file', 'noise'],
  ['generic', 'a/thumbs.db.txt', 'file', undefined],
  ['generic', 'x\ny.tmp', 'file', 'noise'],
  ['generic', 'x.tmp', 'dir', undefined],
  ['generic', 'x.tmp/letter.txt', 'file', undefined],
  ['generic', 'x.lock', 'symlink', 'noise'],
  ['generic', '.stfolder', 'dir', 'noise'],
  ['generic', 'a/.stversions', 'dir', 'noise'],
  ['generic', '.stversions/letter.txt', 'file', 'noise'],
  ['generic', 'a.stversions', 'dir', undefined],
  ['generic', '.Shared/x', 'file', undefined],
  ['whatsapp-android', '.Shared', 'dir', 'profile'],
  ['whatsapp-android', 'WhatsApp/.Shared', 'dir', 'profile'],
  ['whatsapp-android', '.Shared/a/b', 'file', 'profile'],
  ['whatsapp-android', 'x.Shared', 'dir', undefined],
  ['whatsapp-android', 'Media/.Statuses/x.jpg', 'file', 'profile'],
  ['whatsapp-android', '.Statuses', 'dir', undefined],
  ['whatsapp-android', 'Media/WhatsApp Images/IMG-20260101-WA0001.jpg', 'file', undefined],
  ['whatsapp-android', 'Media/WhatsApp Images/.nomedia', 'file', 'noise'],
  ['whatsapp-android', 'Databases/msgstore-2026-01-01.1.db.crypt15', 'file', undefined],
  ['whatsapp-apple', 'fts', 'dir', 'profile'],
  ['whatsapp-apple', 'Message/Media/fts', 'dir', undefined],
  ['whatsapp-apple', 'Axolotl.sqlite-wal', 'file', 'profile'],
  ['whatsapp-apple', 'Library/Caches/x', 'file', 'profile'],
  ['whatsapp-apple', 'Library', 'dir', undefined],
  ['whatsapp-apple', 'ChatStorage.sqlite-wal', 'file', undefined],
  ['claude-code', 'p/x.jsonl', 'file', undefined],
  ['claude-code', 'statsig', 'dir', 'profile'],
  ['signal-desktop', 'sql', 'dir', undefined],
  ['signal-desktop', 'sql/db.sqlite-wal', 'file', undefined],
  ['signal-desktop', 'config.json', 'file', undefined],
  ['signal-desktop', 'attachments.noindex/ab/abcdef', 'file', undefined],
  ['signal-desktop', 'drafts.noindex', 'dir', 'noise'],
  ['signal-desktop', 'Cache', 'dir', 'noise'],
  ['signal-desktop', 'logs/main.log', 'file', 'noise'],
  ['vscode-copilot', 'workspaceStorage', 'dir', undefined],
  ['vscode-copilot', 'workspaceStorage/1a', 'dir', undefined],
  ['vscode-copilot', 'workspaceStorage/1a/workspace.json', 'file', undefined],
  ['vscode-copilot', 'workspaceStorage/1a/state.vscdb', 'file', undefined],
  ['vscode-copilot', 'workspaceStorage/1a/state.vscdb.backup', 'file', 'noise'],
  ['vscode-copilot', 'workspaceStorage/1a/chatSessions/x.jsonl', 'file', undefined],
  ['vscode-copilot', 'workspaceStorage/1a/chatEditingSessions/x/state.json', 'file', undefined],
  ['vscode-copilot', 'workspaceStorage/no-workspace/chatSessions', 'dir', undefined],
  ['vscode-copilot', 'workspaceStorage/1a/ms-python.python', 'dir', 'noise'],
  ['vscode-copilot', 'globalStorage', 'dir', undefined],
  ['vscode-copilot', 'globalStorage/emptyWindowChatSessions/x.json', 'file', undefined],
  ['vscode-copilot', 'globalStorage/state.vscdb', 'file', undefined],
  ['vscode-copilot', 'globalStorage/github.copilot', 'dir', 'noise'],
  ['vscode-copilot', 'settings.json', 'file', 'noise'],
  ['vscode-copilot', 'History', 'dir', 'noise'],
  ['cursor', 'globalStorage/state.vscdb-wal', 'file', undefined],
  ['cursor', 'globalStorage/state.vscdb.backup', 'file', 'noise'],
  ['cursor', '0123456789abcdef0123456789abcdef/a/store.db', 'file', undefined],
  ['imessage', 'Attachments/ab/01/x/IMG.heic', 'file', undefined],
  ['made-by-a-newer-version', 'a.db-shm', 'file', 'noise'],
] as const) {
  test(`${profile} ${expected === undefined ? 'keeps' : `leaves out (${expected})`} the ${kind} ${JSON.stringify(path)}`, t => {
    t.is(rulesOf({ profile }).leftOut(entry(path, { kind })), expected);
  });
}

test('patterns see bytes: a name that is not UTF-8 is matched by its ASCII end', t => {
  const { leftOut } = rulesOf({ profile: 'generic' });
  t.is(leftOut(entry(Buffer.from([0xff, 0xfe, ...Buffer.from('.db-shm')]))), 'noise');
  t.is(leftOut(entry(Buffer.from([0xff, 0xfe]))), undefined);
});

test('session logs only grow, encrypted copies are closed', t => {
  const ofProfile = (profile: string) => rulesOf({ profile });
  t.true(ofProfile('claude-code').isAppendOnly(Buffer.from('a/b/c.jsonl')));
  t.true(ofProfile('codex-cli').isAppendOnly(Buffer.from('2026/11/23/rollout-a.jsonl')));
  t.true(ofProfile('plain-logs').isAppendOnly(Buffer.from('irc.libera.#a.weechatlog')));
  t.true(ofProfile('generic').isAppendOnly(Buffer.from('irc/today.log')));
  t.false(ofProfile('vscode-copilot').isAppendOnly(Buffer.from('workspaceStorage/1/chatSessions/x.jsonl')));
  t.false(ofProfile('whatsapp-android').isAppendOnly(Buffer.from('a.jsonl')));
  t.true(ofProfile('whatsapp-android').isOpaque(Buffer.from('Databases/msgstore.db.crypt15')));
  t.false(ofProfile('whatsapp-android').isOpaque(Buffer.from('Databases/msgstore.db')));
  t.true(ofProfile('signal-desktop').isOpaque(Buffer.from('sql/db.sqlite')));
});

const copies = [
  'msgstore-2026-11-20.1.db.crypt15',
  'msgstore-2026-11-21.1.db.crypt15',
  'msgstore-2026-11-22.1.db.crypt15',
];
for (const { title, folder, left } of [
  { title: 'the newest two of three', folder: copies, left: copies.slice(0, 1) },
  { title: 'two of two', folder: copies.slice(0, 2), left: [] },
  {
    title: 'the undated copy besides the newest two',
    folder: [...copies, 'msgstore.db.crypt15'],
    left: copies.slice(0, 1),
  },
  { title: 'none beside the database itself', folder: [...copies, 'msgstore.db'], left: copies },
  {
    title: 'the undated copy beside the database itself',
    folder: ['msgstore.db', 'msgstore.db.crypt15'],
    left: [],
  },
  {
    title: 'two in all when the format changed between them',
    folder: [
      'msgstore-2026-11-20.1.db.crypt14',
      'msgstore-2026-11-21.1.db.crypt14',
      'msgstore-2026-11-22.1.db.crypt15',
    ],
    left: ['msgstore-2026-11-20.1.db.crypt14'],
  },
  {
    title: 'the later ones of a day',
    folder: [
      'msgstore-2026-11-20.2.db.crypt15',
      'msgstore-2026-11-20.10.db.crypt15',
      'msgstore-2026-11-20.1.db.crypt15',
    ],
    left: ['msgstore-2026-11-20.1.db.crypt15'],
  },
  {
    title: 'two of each thing that is copied',
    folder: [...copies, 'backup_settings-2026-11-20.1.db.crypt15'],
    left: copies.slice(0, 1),
  },
]) {
  test(`of dated copies are kept: ${title}`, t => {
    const { leftOut, isRotating } = rulesOf({ profile: 'whatsapp-android' });
    const siblings = () => folder.map(name => Buffer.from(name));
    const older = folder.filter(name => leftOut(entry(`Databases/${name}`, { siblings })) === 'older-copy');
    t.deepEqual(older, left);
    for (const name of folder) t.is(isRotating(Buffer.from(`Databases/${name}`)), /-\d{4}-/.test(name), name);
    t.is(rulesOf({ profile: 'generic' }).leftOut(entry(`a/${folder[0]}`, { siblings })), undefined);
  });
}

for (const [profile, path, media] of [
  ['whatsapp-android', 'Media/WhatsApp Video/VID-20260101-WA0001.mp4', 'video'],
  ['whatsapp-android', 'Media/WhatsApp Video/Sent/VID-20260101-WA0001.mp4', 'video'],
  ['whatsapp-android', 'Media/WhatsApp Animated Gifs/VID-20260101-WA0001.mp4', 'video'],
  ['whatsapp-android', 'Media/WhatsApp Business Video/VID-20260101-WA0001', 'video'],
  ['whatsapp-android', 'Media/WhatsApp Images/IMG-20260101-WA0001.jpg', 'image'],
  ['whatsapp-android', 'Media/WhatsApp Voice Notes/202601/PTT-20260101-WA0001.opus', 'audio'],
  ['whatsapp-android', 'Media/WhatsApp Documents/DOC-20260101-WA0001.mp4', 'document'],
  ['whatsapp-android', 'Media/WhatsApp Stickers/STK-20260101-WA0001.webp', 'sticker'],
  ['whatsapp-apple', 'Message/Media/1@s.whatsapp.net/a/b/x.mp4', 'video'],
  ['whatsapp-apple', 'Message/Media/1@s.whatsapp.net/a/b/x.thumb', 'image'],
  ['telegram-export', 'video_files/x.mp4', 'video'],
  ['telegram-export', 'photos/photo_1@01-01-2026_thumb.jpg', 'image'],
  ['telegram-export', 'files/holiday.mp4', 'document'],
  ['telegram-export', 'stickers/sticker.tgs', 'sticker'],
  ['generic', 'a/HOLIDAY.MOV', 'video'],
  ['generic', 'files/holiday.mp4', 'video'],
  ['generic', 'letter.pdf', 'document'],
  ['generic', 'chat.db', undefined],
  ['generic', 'notes.txt', undefined],
  ['generic', '.mp4', undefined],
] as const) {
  test(`${profile}: ${path} is ${media ?? 'no medium'} by its name`, t => {
    const all = ['image', 'video', 'audio', 'document', 'sticker'] as const;
    const unread = { head: () => (path === '.mp4' ? new Uint8Array(0) : t.fail('the name says it')) as never };
    t.is(rulesOf({ profile, leaveOut: all }).leftOut(entry(path, unread)), media);
    t.is(rulesOf({ profile }).leftOut(entry(path, unread)), undefined);
    if (media === undefined) return;
    t.is(rulesOf({ profile, leaveOut: [media] }).leftOut(entry(path, unread)), media);
    t.is(rulesOf({ profile, leaveOut: all.filter(each => each !== media) }).leftOut(entry(path, unread)), undefined);
    t.is(rulesOf({ profile, leaveOut: all }).leftOut(entry(path, { kind: 'dir' })), undefined, 'a folder is none');
  });
}

for (const [hex, media] of [
  ['ffd8ffe000104a464946000101', 'image'],
  ['89504e470d0a1a0a0000000d49484452', 'image'],
  ['474946383961', 'image'],
  ['52494646aabbccdd57454250', 'image'],
  ['00000018667479706865696300000000', 'image'],
  ['0000001866747970617669660000', 'image'],
  ['00000020667479706d70343200000000', 'video'],
  ['000000206674797069736f6d', 'video'],
  ['1a45dfa39f4286810142f7810142f281', 'video'],
  ['52494646aabbccdd41564920', 'video'],
  ['4f67675300020000', 'audio'],
  ['2321414d520a', 'audio'],
  ['49443304', 'audio'],
  ['00000020667479704d344120', 'audio'],
  ['255044462d312e37', 'document'],
  ['53514c69746520666f726d6174203300', undefined],
  ['', undefined],
  ['68656c6c6f', undefined],
] as const) {
  test(`a file without an extension that begins with ${hex || 'nothing'} is ${media ?? 'no medium'}`, t => {
    const head = () => new Uint8Array(Buffer.from(hex, 'hex'));
    const all = ['image', 'video', 'audio', 'document', 'sticker'] as const;
    t.is(rulesOf({ profile: 'generic', leaveOut: all }).leftOut(entry('files/1F0A', { head })), media);
  });
}

test('all pictures of a real app that names them by bare ids are told as pictures', t => {
  const folder = fixture('teams-ios');
  if (folder === undefined) return skip(t, withoutFixtures, 'no fixtures');
  const { leftOut } = rulesOf({ profile: 'generic', leaveOut: ['image'] });
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /\/Images\//.test(name));
  const told = names.filter(
    name => leftOut(entry(name, { head: () => readFileSync(join(folder, name)).subarray(0, 16) })) === 'image',
  );
  t.is(told.length, 32);
  t.deepEqual(
    names.filter(name => !told.includes(name)).map(name => basename(name)),
    ['CacheFile'],
  );
});

test('a size limit leaves out large media, never what holds messages', t => {
  const { leftOut } = rulesOf({ profile: 'generic', maxFileBytes: 100 });
  const text = () => Buffer.from('not a database');
  const large = { sizeBytes: 101, head: text };
  t.is(leftOut(entry('a.mp4', large)), 'too-large');
  t.is(leftOut(entry('a.mp4', { ...large, sizeBytes: 100 })), undefined);
  t.is(leftOut(entry('a', { ...large, kind: 'dir' })), undefined);
  t.is(leftOut(entry('chat.db', { ...large, head: () => Buffer.from('SQLite format 3\0') })), undefined);
  t.is(leftOut(entry('chat.db-wal', large)), undefined);
  t.is(leftOut(entry('chat.log', large)), undefined);
  t.is(rulesOf({ profile: 'whatsapp-android', maxFileBytes: 100 }).leftOut(entry('m.db.crypt15', large)), undefined);
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
  const linux: Place = { platform: 'linux', home: root, env: {} };
  const outside = { place: linux, randomBytes: (count: number) => new Uint8Array(count).fill(n++) };
  const one = await newSource({ root }, outside);
  t.deepEqual(one, { id: 'generic-aaaaaaaa', profile: 'generic', label: basename(root), root });
  t.is((await newSource({ root }, outside)).id, 'generic-aeaqcaib');
  t.is((await newSource({ root, profile: 'claude-code', label: 'Work' }, outside)).label, 'Work');
  await t.throwsAsync(newSource({ root: join(root, 'none') }, outside), { code: 'E_USAGE' });
  await t.throwsAsync(newSource({ profile: 'whatsapp-android' }, outside), { code: 'E_USAGE' });
  await t.throwsAsync(newSource({ profile: 'nonsense', root }, outside), { code: 'E_USAGE' });
});
