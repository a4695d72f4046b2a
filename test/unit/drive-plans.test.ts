// What the Drive adapter decides without asking anyone: what a refusal means, how an upload goes on, which of two files is the one, and
// what the feed of changes says about the table.

import test from 'ava';
import fc from 'fast-check';
import { SignetError } from '../../daemon/base/errors.ts';
import {
  classify,
  DriveRefusal,
  nextPacificMidnight,
  type Refusal,
  reasonsIn,
  retryAfter,
  uploadLimit,
} from '../../daemon/remotes/drive/classify.ts';
import { foldChanges } from '../../daemon/remotes/drive/feed.ts';
import { createFileCalls, type DriveChange, type DriveFile } from '../../daemon/remotes/drive/files.ts';
import { chooseFile, chooseFolder } from '../../daemon/remotes/drive/healing.ts';
import { foldersAbove, type KnownObject, keepTwins, removedRow, twinsIn } from '../../daemon/remotes/drive/known.ts';
import { contentRange, servedRange, uploadState } from '../../daemon/remotes/drive/resumption.ts';
import type { Transport } from '../../daemon/remotes/drive/transport.ts';
import { manualClock } from '../support/manual-clock.ts';
import { memoryObjects } from '../support/memory-objects.ts';

const now = Date.UTC(2026, 10, 23, 12);

for (const [status, reasons, code, params] of [
  [401, ['authError'], 'E_SIGN_IN', { why: 'revoked' }],
  [403, ['userRateLimitExceeded'], 'E_UNREACHABLE', { retryAfterMs: 0 }],
  [403, ['rateLimitExceeded'], 'E_UNREACHABLE', { retryAfterMs: 0 }],
  [403, ['RATE_LIMIT_EXCEEDED'], 'E_UNREACHABLE', { retryAfterMs: 0 }],
  [429, [], 'E_UNREACHABLE', { retryAfterMs: 0 }],
  [403, [], 'E_UNREACHABLE', {}],
  [403, ['storageQuotaExceeded'], 'E_REMOTE_FULL', {}],
  [403, ['dailyLimitExceeded'], 'E_REMOTE_LIMIT', { until: '2026-11-24T08:00:00.000Z' }],
  [403, ['insufficientPermissions'], 'E_REMOTE_DENIED', { reason: 'scope' }],
  [403, ['accessNotConfigured'], 'E_REMOTE_DENIED', { reason: 'api-off' }],
  [403, ['insufficientFilePermissions'], 'E_REMOTE_DENIED', { reason: 'permission' }],
  [403, ['fieldNotWritable'], 'E_REMOTE_DENIED', { reason: 'refused' }],
  [404, ['notFound'], 'E_MISSING', {}],
  [400, ['badRequest'], 'E_INTERNAL', {}],
  [302, [], 'E_UNREACHABLE', {}],
  [500, ['backendError'], 'E_UNREACHABLE', {}],
  [503, [], 'E_UNREACHABLE', {}],
] as const) {
  test(`${status} ${reasons.join() || 'without a reason'} is ${code}`, t => {
    const error = classify({ status, reasons }, 'put of config', now);
    t.is(error.code, code);
    t.deepEqual({ ...error.params }, { remote: 'Google Drive', ...params });
    t.is(error.retryable, code === 'E_UNREACHABLE' || code === 'E_REMOTE_LIMIT');
  });
}

test('reasons are read in every form Google writes them, and nothing else of the answer is', t => {
  t.deepEqual(reasonsIn({ error: { errors: [{ reason: 'userRateLimitExceeded', message: 'User <b>x</b>' }] } }), [
    'userRateLimitExceeded',
  ]);
  const details = [{ '@type': 'x' }, { reason: 'RATE_LIMIT_EXCEEDED' }];
  t.deepEqual(reasonsIn({ error: { details, status: 'RESOURCE_EXHAUSTED' } }), ['RATE_LIMIT_EXCEEDED']);
  t.deepEqual(reasonsIn({ error: { status: 'PERMISSION_DENIED' } }), ['PERMISSION_DENIED']);
  for (const odd of [
    undefined,
    null,
    'x',
    [],
    { error: 'invalid_grant' },
    { error: { errors: [{ reason: '<html>' }] } },
  ]) {
    t.deepEqual(reasonsIn(odd), []);
  }
});

test('the time to wait is read as seconds and as a date, and is a day at most', t => {
  t.is(retryAfter('3', now), 3000);
  t.is(retryAfter(new Date(now + 5000).toUTCString(), now), 5000);
  t.is(retryAfter(new Date(now - 5000).toUTCString(), now), 0);
  t.is(retryAfter('999999', now), 86_400_000);
  t.is(retryAfter('soon', now), undefined);
  t.is(retryAfter(undefined, now), undefined);
});

test('a daily limit ends at midnight on the Pacific coast, in summer and in winter', t => {
  t.is(new Date(nextPacificMidnight(Date.UTC(2026, 10, 23, 12, 34, 56))).toISOString(), '2026-11-24T08:00:00.000Z');
  t.is(new Date(nextPacificMidnight(Date.UTC(2026, 6, 1, 6, 59, 59))).toISOString(), '2026-07-01T07:00:00.000Z');
});

test('uploads that are refused for their rate all the time have met the limit of the day', t => {
  const limit = uploadLimit();
  const refusal: Refusal = { status: 403, reasons: ['userRateLimitExceeded'] };
  const error = classify(refusal, 'put', now);
  const at = (minutes: number) => limit.refused(error, { wall: now, monotonic: minutes * 60_000 });
  for (const minutes of [0, 1, 2, 4]) t.is(at(minutes), error, `${minutes} minutes`);
  const last = at(5);
  t.true(
    last instanceof DriveRefusal &&
      last.code === 'E_REMOTE_LIMIT' &&
      last.params['until'] === '2026-11-23T13:00:00.000Z',
  );
  limit.succeeded();
  for (const minutes of [6, 7, 8, 9]) t.is(at(minutes), error, 'one that came through begins anew');
  const other = classify({ status: 503, reasons: [] }, 'put', now);
  t.is(limit.refused(other, { wall: now, monotonic: 60 * 60_000 }), other);
});

for (const [status, range, expected] of [
  [200, undefined, { state: 'done' }],
  [201, undefined, { state: 'done' }],
  [308, undefined, { state: 'go-on', offset: 0 }],
  [308, 'bytes=0-0', { state: 'go-on', offset: 1 }],
  [308, 'bytes=0-262143', { state: 'go-on', offset: 262144 }],
  [308, 'bytes=0-998', { state: 'go-on', offset: 999 }],
  [308, 'bytes=0-999999', { state: 'go-on', offset: 1000000 }],
  [308, 'bytes=0-1000000', { state: 'lost' }],
  [308, 'bytes=5-10', { state: 'lost' }],
  [308, 'nonsense', { state: 'lost' }],
  [404, undefined, { state: 'lost' }],
  [410, undefined, { state: 'lost' }],
  [503, undefined, { state: 'refused' }],
  [403, 'bytes=0-10', { state: 'refused' }],
] as const) {
  test(`an upload of a million bytes answered ${status} ${range ?? ''} is ${JSON.stringify(expected)}`, t => {
    t.deepEqual(uploadState(status, range, 1_000_000), expected);
  });
}

test('ranges are written and read as HTTP has them', t => {
  t.is(contentRange(0, 10), 'bytes 0-9/10');
  t.is(contentRange(7, 10), 'bytes 7-9/10');
  t.is(contentRange('ask', 10), 'bytes */10');
  t.deepEqual(servedRange('bytes 5-9/10'), { start: 5, total: 10 });
  t.is(servedRange('bytes */10'), undefined);
  t.is(servedRange(undefined), undefined);
});

const sha = (digit: string): string => digit.repeat(64);

function file(id: string, values: Partial<DriveFile> = {}): DriveFile {
  return {
    ...{
      id,
      name: id,
      kind: 'file',
      parents: ['root'],
      isTrashed: false,
      isTrashedAlong: false,
      sizeBytes: 5,
      sha256: sha('a'),
    },
    ...{ createdAt: '2026-01-01T00:00:00.000Z', isOurs: true, marker: null },
    ...values,
  };
}

const folder = (id: string, values: Partial<DriveFile> = {}): DriveFile =>
  file(id, { kind: 'folder', sizeBytes: 0, sha256: null, ...values });

test('of folders with one name the oldest is the one, then the one with the smallest id, in whatever order they come', t => {
  const all = [
    folder('b', { createdAt: '2026-01-02T00:00:00.000Z' }),
    folder('c', { createdAt: '2026-01-01T00:00:00.000Z' }),
    folder('a', { createdAt: '2026-01-02T00:00:00.000Z' }),
    folder('d', { createdAt: '2026-01-01T00:00:00.000Z' }),
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), order => chooseFolder(order)?.id === 'c'),
    { numRuns: 24 },
  );
  t.is(chooseFolder([]), undefined);
});

test('of files with one name the one that is what its name says is the one, and only equal copies of ours are spare', t => {
  const right = file('right', { sha256: sha('3'), createdAt: '2026-05-01T00:00:00.000Z' });
  const equal = file('equal', { sha256: sha('3'), createdAt: '2026-06-01T00:00:00.000Z' });
  const stranger = file('stranger', { sha256: sha('3'), isOurs: false, createdAt: '2026-07-01T00:00:00.000Z' });
  const cut = file('cut', { sha256: sha('4'), sizeBytes: 2 });
  const choice = chooseFile(`data/33/${sha('3')}`, [cut, stranger, equal, right]);
  t.is(choice?.chosen, right);
  t.deepEqual(choice?.spare, [equal]);
});

test('what someone else put into a shared folder wins against nothing of ours, however old it says that it is', t => {
  const theirs = { isOurs: false, createdAt: '1970-01-01T00:00:00.000Z' };
  t.is(chooseFolder([folder('theirs', theirs), folder('ours')])?.id, 'ours');
  const key = `data/33/${sha('3')}`;
  const same = chooseFile(key, [file('theirs', { ...theirs, sha256: sha('3') }), file('ours', { sha256: sha('3') })]);
  t.is(same?.chosen.id, 'ours');
  t.deepEqual(same?.spare, [], 'what is theirs is not ours to tidy up');
  t.is(chooseFile('config', [file('theirs', theirs), file('ours')])?.chosen.id, 'ours');
  const damaged = file('ours', { sha256: sha('4') });
  t.is(chooseFile(key, [damaged, file('theirs', { ...theirs, sha256: sha('3') })])?.chosen.id, 'theirs');
});

test('of two vaults with one name the one that is what its name says is the one', t => {
  const wrong = file('wrong', { sha256: sha('4'), createdAt: '1970-01-01T00:00:00.000Z' });
  const choice = chooseFile(`signet/vault/${sha('3')}.json`, [wrong, file('right', { sha256: sha('3') })]);
  t.is(choice?.chosen.id, 'right');
});

test('of files that are not named for their content the oldest is the one and what differs stays', t => {
  const old = file('old', { sha256: sha('1') });
  const young = file('young', { sha256: sha('2'), createdAt: '2026-05-01T00:00:00.000Z' });
  const unknown = file('unknown', { sha256: null, createdAt: '2026-06-01T00:00:00.000Z' });
  t.deepEqual(chooseFile('config', [young, unknown, old]), { chosen: old, spare: [] });
  t.deepEqual(
    chooseFile('config', [unknown, file('other', { sha256: null, createdAt: '2026-07-01T00:00:00.000Z' })])?.spare,
    [],
  );
});

test('the folders of a key come from the outside in', t => {
  t.deepEqual(foldersAbove('config'), []);
  t.deepEqual(foldersAbove('data/3f/3fab'), ['data/', 'data/3f/']);
});

const at = '2026-03-01T00:00:00.000Z';
const row = (key: string, id: string, values: Partial<KnownObject> = {}): KnownObject => ({
  ...{ key, id, state: 'there', session: null },
  ...(key.endsWith('/') ? { sizeBytes: null, sha256: null } : { sizeBytes: 5, sha256: sha('a') }),
  ...values,
});
const seen = (each: DriveFile): DriveChange => ({ id: each.id, at, file: each });
const gone = (id: string): DriveChange => ({ id, at, file: undefined });

function folded(rows: readonly KnownObject[], changes: readonly DriveChange[]) {
  const fold = foldChanges(changes, memoryObjects(rows), 'root');
  return { ...fold, put: fold.put.map(each => `${each.key} ${each.id}`).sort(), remove: [...fold.remove].sort() };
}

test('the feed adds what others made, also when it names a file before its folder', t => {
  const changes = [
    seen(file('f', { name: 'x', parents: ['sub'] })),
    seen(folder('sub', { name: 'aa', parents: ['data'], createdAt: at })),
    seen(folder('data', { name: 'data', createdAt: at })),
  ];
  t.deepEqual(folded([], changes), {
    put: ['data/ data', 'data/aa/ sub', 'data/aa/x f'],
    remove: [],
    root: undefined,
    isUnclear: false,
  });
});

test('the feed ends what is gone, in the trash, moved away, or renamed to what is no object', t => {
  const rows = ['a', 'b', 'c', 'd', 'e'].map(id => row(id, id));
  const changes = [
    gone('a'),
    seen(file('b', { isTrashed: true })),
    seen(file('c', { parents: ['elsewhere'] })),
    seen(file('d', { name: 'é' })),
    gone('unknown'),
  ];
  t.deepEqual(folded(rows, changes), { put: [], remove: ['a', 'b', 'c', 'd'], root: undefined, isUnclear: false });
});

test('a folder that is gone makes the feed unclear, and ends nothing by itself', t => {
  const rows = [row('data/', 'data'), row('data/aa/', 'aa'), row('data/aa/x', 'x')];
  const fold = folded(rows, [seen(folder('data', { name: 'data', isTrashed: true }))]);
  t.deepEqual([fold.remove, fold.isUnclear], [[], true]);
});

test('what comes into a second folder of a name is there, and makes the feed unclear', t => {
  const table = memoryObjects([row('data/', 'one')]);
  keepTwins(table, [{ id: 'two', key: 'data/', since: 5 }]);
  const fold = foldChanges([seen(file('f', { name: 'x', parents: ['two'] }))], table, 'root');
  t.deepEqual([fold.put.map(({ key }) => key), fold.isUnclear], [['data/x'], true]);
  const both = [seen(folder('new', { name: 'data' })), seen(file('x', { name: 'x', parents: ['new'] }))];
  t.deepEqual(foldChanges(both, memoryObjects([row('data/', 'one'), row('data/x', 'x')]), 'root').remove, []);
});

test('what we removed does not come back with a feed that lags, and is forgotten when the feed has told it', t => {
  const rows = [removedRow('f')];
  t.deepEqual(folded(rows, [seen(file('f', { name: 'x' }))]).put, []);
  t.deepEqual(folded(rows, [gone('f')]).remove, ['.tmp-removed/f']);
});

test('an upload of ours counts as there only when the feed shows the bytes that were meant', t => {
  const sent = row('x', 'f', { state: 'sent' });
  t.deepEqual(folded([sent], [seen(file('f', { name: 'x' }))]).put, ['x f']);
  t.deepEqual(folded([sent], [seen(file('f', { name: 'x', sizeBytes: 4 }))]).put, []);
  t.deepEqual(folded([sent], [seen(file('f', { name: 'x', sha256: sha('b') }))]).put, []);
});

test('two files of one name, a renamed folder and one that may bring content along make the feed unclear', t => {
  t.true(folded([row('x', 'one')], [seen(file('two', { name: 'x' }))]).isUnclear);
  t.true(folded([row('data/', 'd')], [seen(folder('d', { name: 'data-old' }))]).isUnclear);
  t.true(folded([], [seen(folder('d', { name: 'data', createdAt: '2026-01-01T00:00:00.000Z' }))]).isUnclear);
  t.false(folded([row('data/', 'd')], [seen(folder('d', { name: 'data' }))]).isUnclear);
});

test('documents, names with slashes and strangers are left alone', t => {
  const changes = [
    seen(file('doc', { kind: 'document' })),
    seen(file('slash', { name: 'a/b' })),
    seen(file('elsewhere', { parents: ['other'] })),
    seen(file('hidden', { parents: [] })),
  ];
  t.deepEqual(folded([], changes), { put: [], remove: [], root: undefined, isUnclear: false });
});

test('second folders are noted with their key and their time', t => {
  const table = memoryObjects();
  const twins = [
    { id: 'a-b_1', key: 'data/', since: 1_700_000_000_000 },
    { id: 'c', key: 'signet/with space/', since: 0 },
  ];
  keepTwins(table, twins);
  t.deepEqual(twinsIn(table), twins);
  keepTwins(table, []);
  t.is(table.note('twins'), undefined);
});

test('the root is told apart from what lies in it', t => {
  t.is(folded([], [seen(folder('root', { parents: ['mine'] }))]).root, 'there');
  t.is(folded([], [seen(folder('root', { isTrashed: true }))]).root, 'trashed');
  t.is(folded([], [gone('root')]).root, 'gone');
});

test('a changed file keeps its key and tells its new hash', t => {
  const changes = [seen(file('f', { name: 'x', sha256: sha('b') }))];
  t.is(foldChanges(changes, memoryObjects([row('x', 'f')]), 'root').put[0]?.sha256, sha('b'));
});

test('folders that a list for several left out are listed by themselves', async t => {
  const asked: number[] = [];
  const transport: Transport = {
    async once() {
      throw new Error('not used');
    },
    async send({ url }) {
      const parents = new URL(url).searchParams.get('q')?.match(/[a-z]+(?=' in parents)/g) ?? [];
      asked.push(parents.length);
      // As Drive does at times (rclone issue 9810).
      const files = parents.slice(0, 1).map(id => ({ id: `f-${id}`, name: 'x', mimeType: 'x/y', parents: [id] }));
      const bytes = Buffer.from(JSON.stringify({ files }));
      return {
        status: 200,
        header: () => undefined,
        pieces: ReadableStream.from([bytes]),
        bytes: async () => bytes,
        drop() {},
      };
    },
    refusal: async () => new SignetError('E_INTERNAL', 'not used'),
    mayAsk: () => true,
    count: () => 0,
  };
  const calls = createFileCalls({
    transport,
    apiRoot: 'http://127.0.0.1:1/',
    userAgent: 'test',
    clock: manualClock(),
    random: () => 0,
  });
  const found: string[] = [];
  for await (const page of calls.children(['a', 'b', 'c'])) found.push(...page.map(({ id }) => id));
  t.deepEqual(found, ['f-a', 'f-b', 'f-c']);
  t.deepEqual(asked, [3, 1, 1]);
});
