import test from 'ava';
import fc from 'fast-check';
import picomatch from 'picomatch';
import { browseEntries, toggled, trail } from '../../extension/restore/browse-entries.ts';
import { whatEntries, whereEntries, whichEntries } from '../../extension/restore/entries.ts';
import {
  dividedByPlace,
  givenIn,
  includeOf,
  literal,
  newFolder,
  type Picked,
  partsOf,
} from '../../extension/restore/wishes.ts';
import {
  gapLines,
  originalList,
  originalPreview,
  outcomeOf,
  progressWords,
  reportWords,
  restoringNotes,
  undoneWords,
  undoWords,
} from '../../extension/restore/words.ts';
import { newestWords } from '../../extension/set-up/newest-words.ts';
import type {
  JobProgress,
  OriginalRestoreResult,
  RestoreResult,
  RestoreUndo,
  SnapshotEntry,
  SnapshotSource,
} from '../../protocol/status.ts';

const reader = { now: Date.parse('2026-11-23T12:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };
const { locale } = reader;
const separator = { kind: -1 };

const entry = (at: string, more: Partial<SnapshotEntry> = {}): SnapshotEntry => ({
  ...{ id: at, at, device: 'Laptop', sources: ['whatsapp-apple-1'], files: 412, sizeBytes: 6.4e9, bytesAdded: 2.1e6 },
  announced: true,
  ...more,
});
const source = (id: string, label: string, more: Partial<SnapshotSource> = {}): SnapshotSource => ({
  ...{ id, label, profile: 'generic', root: `/home/me/${label}`, files: 3, sizeBytes: 4.1e9 },
  ...{ capturedAt: '2026-11-23T08:55:00Z', isCarried: false },
  ...more,
});
const whatsApp = source('whatsapp-apple-1', 'WhatsApp', { profile: 'whatsapp-apple', messages: 41_208, here: 'live' });
const claude = source('claude-code-2', 'Claude Code', { profile: 'claude-code', messages: 18_940, sizeBytes: 8.12e8 });
const phone = source('generic-3', 'Phone', { here: 'copy', root: '/home/me/Phone' });

const labels = (items: readonly { readonly label: string }[]) => items.map(({ label }) => label);

test('the newest backup comes first with what is in it, the others by day with what is new and how large they are', t => {
  const entries = [
    entry('2026-11-23T08:55:00Z'),
    entry('2026-11-22T21:40:00Z', { messagesNew: 19 }),
    entry('2026-11-21T08:12:00Z', { messagesNew: 1 }),
  ];
  const items = whichEntries({ entries, newest: [whatsApp, claude, phone] }, separator, reader);
  t.deepEqual(labels(items), [
    '$(history) Newest',
    'Sunday 22 November',
    'Yesterday 21:40',
    'Saturday 21 November',
    'Saturday 21 November 08:12',
  ]);
  t.is(items[0]?.description, 'Today 08:55');
  t.is(items[0]?.detail, '41,208 WhatsApp messages, 18,940 in Claude Code');
  t.is(items[2]?.description, '19 new messages · 2.1 MB new · 6.4 GB in all');
  t.is(items[4]?.description, '1 new message · 2.1 MB new · 6.4 GB in all');
});

test('with several devices each backup names its own, and what was not counted is not told', t => {
  const entries = [entry('2026-11-23T08:55:00Z'), entry('2026-11-22T21:40:00Z', { device: 'Studio' })];
  const items = whichEntries({ entries }, separator, reader);
  t.is(items[0]?.description, 'Today 08:55 · Laptop');
  t.is(items[0]?.detail, '412 files · 6.4 GB');
  t.is(items[2]?.description, 'Studio · 2.1 MB new · 6.4 GB in all');
});

test('a backup that no device reported is apart with the reason, and never the newest', t => {
  const entries = [entry('2026-11-23T11:00:00Z', { announced: false }), entry('2026-11-22T21:40:00Z')];
  const items = whichEntries({ entries }, separator, reader);
  t.deepEqual(labels(items), ['$(history) Newest', 'Reported by none of your devices', '$(warning) Today 11:00']);
  t.deepEqual(items[0]?.answer, { snapshot: '2026-11-22T21:40:00Z' });
  t.is(items[2]?.detail, 'It opens with your key, but no device of yours signed for it.');
});

test('backups that the cloud hides are named with the reason, and cannot be chosen', t => {
  const there = entry('2026-11-22T21:40:00Z');
  const items = whichEntries(
    {
      entries: [entry('2026-11-23T08:55:00Z'), there],
      hidden: [{ id: '2026-11-23T08:55:00Z', at: '2026-11-23T08:55:00Z', device: 'Laptop' }, { id: 'ab'.repeat(32) }],
    },
    separator,
    reader,
  );
  t.deepEqual(labels(items), [
    '$(history) Newest',
    'Hidden by the cloud',
    '$(circle-slash) Monday 23 November 08:55',
    '$(circle-slash) Backup abababab',
  ]);
  t.deepEqual(items[0]?.answer, { snapshot: there.id }, 'the newest that is there');
  for (const item of items.slice(1)) t.is(item.answer, undefined);
  t.regex(items[2]?.detail ?? '', /missing in the cloud/);
});

const undo: RestoreUndo = {
  ...{
    id: 'u1',
    at: '2026-11-23T09:12:00Z',
    source: 'whatsapp-apple-1',
    label: 'WhatsApp',
    root: '/w',
    kept: '/w.kept',
  },
  ...{ comesBack: 3, replaced: 1, isUnfinished: false },
};

test('the last restore can be taken back from the same list', t => {
  const items = whichEntries({ entries: [entry('2026-11-23T08:55:00Z')], undo }, separator, reader);
  t.is(items[1]?.label, '$(discard) Take back the last restore');
  t.is(items[1]?.description, 'WhatsApp · Today 09:12');
  const broken = whichEntries({ entries: [], undo: { ...undo, isUnfinished: true } }, separator, reader);
  t.is(broken[0]?.label, '$(discard) Take back the restore that was broken off');
  const undone = whichEntries({ entries: [], undo: { ...undo, isUndo: true } }, separator, reader);
  t.is(undone[0]?.label, '$(redo) Bring back the restore that was taken back');
});

test('everything goes with no single source, and each source tells its messages and its size', t => {
  const items = whatEntries([whatsApp, phone], [], separator, reader);
  t.deepEqual(
    items.map(({ label, description = '', picked = false, isAlone = false }) => [label, description, picked, isAlone]),
    [
      ['$(archive) Everything', '8.2 GB', true, true],
      ['$(comment-discussion) WhatsApp', '41,208 messages · 4.1 GB', false, false],
      ['$(folder-opened) Phone', '4.1 GB', false, false],
      ['', '', false, false],
      ['$(list-tree) Single files…', '', false, false],
    ],
  );
  t.deepEqual(
    whatEntries([whatsApp, phone], ['generic-3'], separator, reader).map(({ picked }) => picked ?? false),
    [false, false, true, false, false],
  );
});

const whereOf = (...sources: readonly SnapshotSource[]) =>
  whereEntries(
    sources.map(each => ({ source: each })),
    '/home/me/Signet Restore',
    reader,
  );

test('original places are offered only where this computer has them', t => {
  t.deepEqual(labels(whereOf(claude)), ['$(new-folder) A new folder', '$(folder-opened) Another folder…']);
  const [, back] = whereOf(whatsApp);
  t.is(back?.label, '$(reply) Back into WhatsApp');
  t.is(back?.detail, 'What is there now is kept beside it, so you can go back.');
});

test('of a copy it is said that a sync tool may carry it on', t => {
  const [, back] = whereOf(phone);
  t.is(back?.label, '$(reply) Back into this folder');
  t.is(back?.detail, 'If a sync tool watches it, it may copy this to the phone. /home/me/Phone');
});

test('of several sources those without a place here are named', t => {
  const [, back] = whereOf(whatsApp, claude, phone);
  t.is(back?.label, '$(reply) Back into WhatsApp and Phone');
  t.regex(back?.detail ?? '', /^Not Claude Code: on this computer there is no place for it\./);
  t.is(dividedByPlace([{ source: claude }]).here.length, 0);
});

test('a glob for a path matches that path and nothing else', t => {
  const name = fc.string({
    unit: fc.constantFrom(...'ab*?[]{}()!+@|^$#~ ,.%\'"-<>&;=:\\xf'),
    minLength: 1,
    maxLength: 8,
  });
  const path = fc
    .tuple(
      fc.constantFrom('generic-1', 'whatsapp-2'),
      fc.array(
        name.filter(each => !/^\.+$/.test(each)),
        { maxLength: 3 },
      ),
    )
    .map(([id, names]) => [id, ...names].join('/'));
  fc.assert(
    fc.property(path, path, (one, other) => {
      const isMatch = picomatch(literal(one), { dot: true });
      t.true(isMatch(one), one);
      t.is(isMatch(other), one === other, `${one} and ${other}`);
    }),
    { numRuns: 500 },
  );
});

test('what is chosen becomes globs for a folder, and globs within each source for its place', t => {
  const picked: readonly Picked[] = [
    { path: 'generic-3/a[1].txt', type: 'file' },
    { path: 'whatsapp-apple-1', type: 'dir' },
  ];
  t.is(includeOf({ kind: 'everything' }), undefined);
  t.deepEqual(includeOf({ kind: 'sources', ids: ['generic-3'] }), ['generic-3/**']);
  t.deepEqual(includeOf({ kind: 'picked', picked }), ['generic-3/a\\[1\\].txt', 'whatsapp-apple-1']);
  t.deepEqual(partsOf({ kind: 'picked', picked }, [whatsApp, claude, phone]), [
    { source: whatsApp },
    { source: phone, include: ['a\\[1\\].txt'] },
  ]);
  t.deepEqual(
    partsOf({ kind: 'globs', include: ['generic-3/**', 'whatsapp-apple-1/Media/*.jpg'] }, [whatsApp, phone]),
    [{ source: whatsApp, include: ['Media/*.jpg'] }, { source: phone }],
  );
});

test('arguments are taken as they are meant, and refused when they contradict each other', t => {
  t.deepEqual(givenIn(undefined), {});
  t.deepEqual(givenIn({ scheme: 'file', path: '/x' }), {});
  t.deepEqual(givenIn({ snapshot: 'abcd', sources: ['x'], target: '/t' }), {
    snapshot: 'abcd',
    sources: ['x'],
    target: '/t',
  });
  for (const wrong of [{ snapshot: 1 }, { sources: 'x' }, { include: [1] }, { target: [] }, { original: 'yes' }])
    t.throws(() => givenIn(wrong), { message: /is not understood/ });
  t.throws(() => givenIn({ target: '/t', original: true }));
  t.throws(() => givenIn({ sources: ['x'], include: ['y'] }));
});

test('a new folder is named for the moment of the backup, and never one that is there', t => {
  const join = (folder: string, name: string) => `${folder}/${name}`;
  const name = '/home/me/Signet Restore 2026-11-22 21.40';
  t.is(
    newFolder('/home/me', '2026-11-22T21:40:59Z', () => false, join, 'UTC'),
    name,
  );
  const there = new Set([name, `${name} (2)`]);
  t.is(
    newFolder('/home/me', '2026-11-22T21:40:59Z', path => there.has(path), join, 'UTC'),
    `${name} (3)`,
  );
});

for (const [comesBack, replaced, words] of [
  [3, 1, '3 files come back, 1 is replaced, nothing is deleted.'],
  [1, 2, '1 file comes back, 2 are replaced, nothing is deleted.'],
  [1, 0, '1 file comes back, nothing is replaced or deleted.'],
  [0, 1, '1 file is replaced, nothing is deleted.'],
  [0, 0, 'Everything is there already, as the backup has it.'],
] as const) {
  test(`the preview of ${comesBack} that come back and ${replaced} replaced: ${words}`, t => {
    t.is(originalPreview({ comesBack, replaced }, locale), words);
  });
}

const job = (more: Partial<JobProgress>): JobProgress => ({
  ...{ kind: 'restore', phase: 'restoring', filesDone: 0, filesTotal: 0, bytesUploaded: 0, cancellable: true },
  ...{ bytesDone: 1.2e9, bytesTotal: 4.1e9 },
  ...more,
});

test('progress tells how much, and how long where that is known', t => {
  t.is(progressWords(job({ etaSeconds: 180 }), locale), '1.2 GB of 4.1 GB, about 3 minutes left');
  t.is(progressWords(job({}), locale), '1.2 GB of 4.1 GB');
  t.is(progressWords(job({ bytesTotal: 0 }), locale), 'looking at what comes back');
  t.is(progressWords(job({ phase: 'checking' }), locale), 'checking that everything can be read');
});

const result = (more: Partial<RestoreResult>): RestoreResult => ({
  ...{
    type: 'result',
    snapshot: 's',
    target: '/t',
    files: 412,
    bytes: 4.1e9,
    databases: [],
    skipped: [],
    dryRun: false,
  },
  ...more,
});
const original = (more: Partial<OriginalRestoreResult>): OriginalRestoreResult => ({
  ...{ type: 'result', snapshot: 's', source: 'generic-3', root: '/home/me/Phone', comesBack: 3, replaced: 1, same: 0 },
  ...{ untouched: 0, bytes: 10, changes: [], databases: [], skipped: [], dryRun: false },
  ...more,
});
const reported = (results: readonly (RestoreResult | OriginalRestoreResult)[], whole: readonly SnapshotSource[] = []) =>
  reportWords(outcomeOf(results, whole), locale);

test('a whole source is reported in messages, and all in files where one is not counted', t => {
  const chats = { ...whatsApp, conversations: 128 };
  t.deepEqual(reported([result({})], [chats]), {
    text: 'Restored 41,208 messages in 128 chats. All are readable.',
    hasGaps: false,
  });
  t.is(reported([result({})], [whatsApp]).text, 'Restored 41,208 messages. All are readable.');
  t.is(reported([result({})], [chats, phone]).text, 'Restored 412 files, 4.1 GB. All are readable.');
});

test('what did not come is counted and can be shown, and nothing is called readable then', t => {
  const skipped = [
    { path: 'generic-3/a', reason: 'cannot be authenticated', code: 'E_OBJECT_AUTH' },
    { path: 'b', reason: 'missing', code: 'E_MISSING' },
  ] as const;
  const { text, hasGaps } = reported([result({ files: 410, skipped, more: { skipped: 1 } })], [whatsApp]);
  t.is(text, 'Restored 410 of 413 files. 3 are in a damaged part of the backup.');
  t.true(hasGaps);
  t.deepEqual(gapLines(outcomeOf([result({ skipped, more: { skipped: 1 } })], []), [phone], locale), [
    'Phone › a: in a damaged part of the backup',
    'b: in a damaged part of the backup',
    'and 1 more',
  ]);
  t.regex(reported([result({ files: 3009, skipped })]).text, /^Restored 3,009 of 3,011 files\./);
  const other = [{ path: 'c', reason: 'E', code: 'E_UNSAFE_PATH' }] as const;
  t.is(reported([result({ skipped: other })]).text, 'Restored 412 of 413 files. 1 could not be restored.');
});

test('a database that is not sound is a gap, and one that only its app can open was not checked', t => {
  const broken = reported([result({ databases: [{ path: 'x.db', check: 'row 3 missing' }] })]);
  t.deepEqual(broken, { text: 'Restored 412 files, 4.1 GB. 1 database did not pass the check.', hasGaps: true });
  const opaque = reported([result({ databases: [{ path: 'x.db', check: 'opaque' }] })]);
  t.is(opaque.text, 'Restored 412 files, 4.1 GB. 1 database is locked by its app, so it was not checked.');
  t.false(opaque.hasGaps);
});

test('files that were left out on purpose are no gap', t => {
  t.false(reported([result({ skipped: [{ path: 'a', reason: 'socket' }] })]).hasGaps);
});

test('several places are reported as one, and when nothing had to change that is said', t => {
  t.is(reported([original({}), original({ source: 'x' })]).text, 'Restored 8 files, 20 bytes. All are readable.');
  t.is(
    reported([original({ comesBack: 0, replaced: 0, bytes: 0 })]).text,
    'Everything was there already. Nothing was changed.',
  );
});

test('what would be taken back is told, as is what comes back of what was taken away', t => {
  const { message, detail } = undoWords({ ...undo, comesBack: 0, takenAway: 2 }, reader);
  t.is(message, 'Take back the restore of WhatsApp at 09:12?');
  t.deepEqual(detail.split('\n').slice(2), [
    '3 files are put back as they were before.',
    'What is there now is kept in turn.',
  ]);
});

test('what was taken back is not called a restore when it is brought back', t => {
  const undone = { ...undo, comesBack: 1, takenAway: 2, isUndo: true };
  const { message, detail } = undoWords(undone, reader);
  t.is(message, 'Bring back the restore of WhatsApp that was taken back at 09:12?');
  t.deepEqual(detail.split('\n').slice(2), [
    '1 file that came when it was taken back goes again.',
    '3 files are put back as the restore had left them.',
    'What is there now is kept in turn.',
  ]);
  t.is(undoneWords(undone, reader.locale), 'WhatsApp is as the restore had left it.');
  t.regex(undoWords({ ...undone, isUnfinished: true }, reader).message, /^Take back/);
});

test('the list names each file that changes, and tells what stays', t => {
  const plan = original({
    changes: [
      { path: 'generic-3/a', change: 'replaced' },
      { path: 'generic-3/b', change: 'comes-back' },
    ],
    more: { changes: 2 },
    untouched: 1,
  });
  t.deepEqual(originalList([plan], 'Preview.', locale), [
    'Preview.',
    '',
    '/home/me/Phone',
    '',
    'replaced: a',
    'comes back: b',
    'and 2 more',
    '1 file that the backup does not have stays.',
  ]);
});

test('of an app whose data opens on its own computer alone that is said once', t => {
  const signal = source('signal-desktop-4', 'Signal Desktop', { profile: 'signal-desktop' });
  t.is(restoringNotes([signal, signal], new Set(), locale).length, 1);
  t.regex(restoringNotes([claude], new Set([claude.id]), locale)[0] ?? '', /^Claude Code locks its messages/);
  t.deepEqual(restoringNotes([claude], new Set(), locale), []);
});

test('on a new computer the number of the newest backup is asked about, or its day where it has none', t => {
  const newest = entry('2026-11-23T08:55:00Z', { number: 412 });
  t.deepEqual(newestWords(newest, reader), {
    message: 'Newest backup: number 412, from Laptop, today.',
    detail: 'Is there a higher number on your recovery sheet? Then the cloud is showing an old copy.',
  });
  t.is(newestWords(entry('2026-11-20T08:55:00Z'), reader).message, 'Newest backup: from Laptop, 20 November.');
});

const rows = (picked: ReadonlyMap<string, Picked>, more: { total?: number; path?: string; file?: string } = {}) =>
  browseEntries(
    {
      folder: {
        path: more.path ?? 'generic-3/Media',
        entries: [
          { name: 'Old', type: 'dir', sizeBytes: 0, modifiedAt: '2026-11-01T00:00:00Z', permissions: 0o755 },
          {
            name: more.file ?? 'a.jpg',
            type: 'file',
            sizeBytes: 1.2e6,
            modifiedAt: '2026-11-01T00:00:00Z',
            permissions: 0o644,
          },
        ],
        total: more.total ?? 2,
      },
      ...{ sources: [whatsApp, phone], picked, toggle: () => {}, more: async () => {} },
    },
    separator,
    reader,
  );

test('a folder is walked through by its folders, and its files are marked', t => {
  t.deepEqual(labels(rows(new Map())), [
    '$(arrow-up) ..',
    '$(circle-large-outline) All of this folder',
    '',
    '$(folder) Old',
    '$(circle-large-outline) a.jpg',
  ]);
  const marked = rows(new Map([['generic-3/Media/a.jpg', { path: 'generic-3/Media/a.jpg', type: 'file' }]]), {
    total: 9,
  });
  t.is(marked[0]?.label, '$(arrow-right) Go on with 1 chosen');
  t.is(marked[5]?.label, '$(pass-filled) a.jpg');
  t.is(marked[5]?.description, '1.2 MB · chosen');
  t.is(marked[6]?.label, '$(ellipsis) More…');
  t.deepEqual(labels(rows(new Map(), { path: '', total: 0 })), [
    '$(comment-discussion) WhatsApp',
    '$(folder-opened) Phone',
  ]);
});

test('a file whose name is written like a symbol of the editor is listed by its letters', t => {
  const label = labels(rows(new Map(), { file: '$(verified) taxes.pdf' })).at(-1);
  t.is(label?.split('$(').length, 2);
});

test('a marked folder holds all below it, whatever was marked there before', t => {
  const file: Picked = { path: 'generic-3/Media/a.jpg', type: 'file' };
  const folder: Picked = { path: 'generic-3/Media', type: 'dir' };
  const one = toggled(new Map(), file);
  const both = toggled(one, folder);
  t.deepEqual([...both.keys()], ['generic-3/Media']);
  t.is(toggled(both, file), both, 'it comes back with its folder');
  t.is(rows(both)[5]?.description, '1.2 MB · chosen');
  t.is(toggled(both, folder).size, 0);
  t.is(trail('generic-3/Media/Old', [phone]), 'Phone › Media › Old');
});
