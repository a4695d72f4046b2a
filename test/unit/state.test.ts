import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../daemon/base/clock.ts';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
import type { PackId, PackJournal } from '../../daemon/repository/model.ts';
import { openDatabase } from '../../daemon/state/database.ts';
import type { HistoryEntry, Home, Settings, Witness } from '../../daemon/state/model.ts';
import { defaultSettings, openPackJournal, openState, type State } from '../../daemon/state/state.ts';

async function makeHome(t: ExecutionContext): Promise<Home> {
  const root = await mkdtemp(join(tmpdir(), 'signet-state-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  return {
    config: join(root, 'config'),
    state: join(root, 'state'),
    cache: join(root, 'cache'),
    runtime: join(root, 'runtime'),
    logs: join(root, 'logs'),
    outbox: join(root, 'state', 'outbox'),
    staging: join(root, 'state', 'staging'),
  };
}

async function openIn(t: ExecutionContext, home: Home): Promise<State> {
  const state = await openState(home, { clock: systemClock, hostLabel: 'laptop' });
  t.teardown(() => state.close());
  return state;
}

async function reopened<T>(home: Home, look: (state: State) => T | Promise<T>): Promise<T> {
  const state = await openState(home, { clock: systemClock, hostLabel: 'laptop' });
  try {
    return await look(state);
  } finally {
    state.close();
  }
}

function pack(fill: string, uploaded = false) {
  return { id: fill.repeat(64) as PackId, sizeBytes: 1234, header: new Uint8Array([1, 2, 3]), uploaded };
}

const settings: Settings = {
  ...defaultSettings('laptop'),
  remote: 'folder:/backup',
  sources: [{ id: 'whatsapp-abcd2345', profile: 'whatsapp', label: 'WhatsApp', root: '/home/a/WhatsApp' }],
};

const witness: Witness = {
  v: 1,
  since: '2026-11-23T10:00:00.000Z',
  repositoryId: 'a'.repeat(64),
  keyFileId: 'b'.repeat(64),
  masterKeyFingerprint: 'c'.repeat(16),
  vaultSha256: 'd'.repeat(64),
  vaultGeneration: 2,
  device: 'e'.repeat(16),
  ownHead: { seq: 41, sha256: 'f'.repeat(64) },
  seen: { '0123456789abcdef': 7 },
};

test('settings come back as they were saved', async t => {
  const state = await openIn(t, await makeHome(t));
  t.is(await state.settings.load(), undefined);
  await state.settings.save(settings);
  t.deepEqual(await state.settings.load(), settings);
});

test('keys that this version does not know survive a save, at every depth', async t => {
  const state = await openIn(t, await makeHome(t));
  const file = {
    v: 1,
    deviceLabel: 'laptop',
    future: { a: [1, 2] },
    schedule: { kind: 'daily', at: '04:00', weekday: 3 },
    sources: [{ ...settings.sources[0], colour: 'green' }],
  };
  await writeFile(state.settings.path, JSON.stringify(file));
  await state.settings.save({ ...settings, schedule: { kind: 'weekly', at: '05:00', onChange: false } });
  const saved = JSON.parse(await readFile(state.settings.path, 'utf8'));
  t.deepEqual(saved.future, { a: [1, 2] });
  t.deepEqual(saved.schedule, { kind: 'weekly', at: '05:00', onChange: false, weekday: 3 });
  t.is(saved.sources[0].colour, 'green');
});

test('a source that was removed does not come back with a save', async t => {
  const state = await openIn(t, await makeHome(t));
  await state.settings.save(settings);
  await state.settings.save({ ...settings, sources: [] });
  t.deepEqual((await state.settings.load())?.sources, []);
});

test('a choice that was taken away does not come back with a save', async t => {
  const state = await openIn(t, await makeHome(t));
  const [source] = settings.sources;
  if (source === undefined) return t.fail();
  const chosen = { ...source, leaveOut: ['video'], maxFileBytes: 5, exclude: ['*.iso'] } as const;
  await state.settings.save({ ...settings, sources: [chosen] });
  t.deepEqual((await state.settings.load())?.sources, [chosen]);
  await state.settings.save({ ...settings, sources: [source] });
  t.deepEqual((await state.settings.load())?.sources, [source]);
});

test('a pattern that says nothing is named', async t => {
  const state = await openIn(t, await makeHome(t));
  const sources = [{ ...settings.sources[0], exclude: ['*.iso', 'x['] }];
  await writeFile(state.settings.path, JSON.stringify({ v: 1, deviceLabel: 'laptop', sources }));
  const error = await t.throwsAsync(state.settings.load(), { code: 'E_SETTING' });
  t.regex(error?.message ?? '', /"sources\.0\.exclude\.1" is "x\[", which has a \[ without its \]/);
});

test('settings left out have the defaults', async t => {
  const state = await openIn(t, await makeHome(t));
  await writeFile(state.settings.path, '\ufeff{"v":1}');
  t.deepEqual(await state.settings.load(), defaultSettings('laptop'), "the label is the computer's own");
  t.deepEqual(defaultSettings('laptop').schedule, { kind: 'daily', at: '03:30', onChange: true });
});

const badSettings: readonly [string, string, string][] = [
  ['not JSON', '{"v":1', ''],
  ['a list', '[]', ''],
  ['not UTF-8', '\u{fffd}', ''],
  ['another version', '{"v":2,"deviceLabel":"a"}', 'v'],
  ['an empty label', '{"v":1,"deviceLabel":""}', 'deviceLabel'],
  ['a time that is none', '{"v":1,"deviceLabel":"a","schedule":{"kind":"daily","at":"24:00"}}', 'schedule.at'],
  [
    'a relative root',
    '{"v":1,"deviceLabel":"a","sources":[{"id":"x-aaaaaaaa","profile":"x","label":"x","root":"a"}]}',
    'sources.0.root',
  ],
  ['a fraction of a millisecond', '{"v":1,"deviceLabel":"a","quietMs":0.5}', 'quietMs'],
  ['a negative time', '{"v":1,"deviceLabel":"a","quietMs":-1}', 'quietMs'],
  ['a remote of no kind', '{"v":1,"deviceLabel":"a","remote":"ftp:x"}', 'remote'],
];

for (const [what, content, key] of badSettings) {
  test(`settings with ${what} are refused by key and never overwritten`, async t => {
    const state = await openIn(t, await makeHome(t));
    const bytes = what === 'not UTF-8' ? Buffer.from([0x7b, 0xff, 0x7d]) : Buffer.from(content);
    await writeFile(state.settings.path, bytes);
    const error = await t.throwsAsync(state.settings.load(), { instanceOf: SignetError });
    t.is(error?.code, 'E_SETTING');
    t.is(error?.params['key'], key);
    await t.throwsAsync(state.settings.save(settings), { instanceOf: SignetError });
    t.deepEqual(await readFile(state.settings.path), bytes);
  });
}

test('settings that do not fit are not written', async t => {
  const state = await openIn(t, await makeHome(t));
  await state.settings.save(settings);
  const error = await t.throwsAsync(state.settings.save({ ...settings, quietMs: Number.NaN }), {
    instanceOf: SignetError,
  });
  t.is(error?.params['key'], 'quietMs');
  t.deepEqual(await state.settings.load(), settings);
});

test('a save that was cut off before its rename leaves the old settings', async t => {
  const home = await makeHome(t);
  const state = await openIn(t, home);
  await state.settings.save(settings);
  await writeFile(`${state.settings.path}.abcdef.tmp`, '{"v":1,"dev');
  t.deepEqual(await state.settings.load(), settings);
});

test('every file and folder is for this user alone', async t => {
  const home = await makeHome(t);
  const state = await openIn(t, home);
  await state.settings.save(settings);
  await state.phone.remember('+14155550123');
  await state.vaultCopy.save(new Uint8Array(10));
  await state.saveSealed('pages', randomBytes(32), new Uint8Array(5));
  for (const folder of [home.config, home.state]) {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      t.is(mode & 0o077, 0, entry.name);
    }
  }
});

test('the journal fits the repository, keeps order and survives a reopening', async t => {
  const home = await makeHome(t);
  await reopened(home, state => {
    const journal: PackJournal = state.packJournal();
    journal.add(pack('b'));
    journal.add(pack('a'));
    journal.add(pack('c'));
    journal.add(pack('a'));
    journal.markUploaded(pack('a').id, 5);
    journal.remove([pack('b').id, pack('d').id]);
  });
  await reopened(home, state =>
    t.deepEqual(state.packJournal<PackId>().rows(), [{ ...pack('a', true), since: 5 }, pack('c')]),
  );
});

test('the engine worker and the main thread write the same database at once', async t => {
  const home = await makeHome(t);
  const state = await openIn(t, home);
  const door = new URL('../../daemon/state/state.ts', import.meta.url).href;
  const worker = new Worker(
    `import(${JSON.stringify(door)}).then(({ openPackJournal }) => {
      const { parentPort, workerData } = require('node:worker_threads');
      const journal = openPackJournal(workerData);
      for (let n = 0; n < 100; n++) {
        journal.add({ id: 'w' + n, sizeBytes: n, header: new Uint8Array(n), uploaded: false });
        if (n === 0) parentPort.postMessage('writing');
      }
      journal.close();
    });`,
    { eval: true, workerData: home },
  );
  const ended = new Promise<number>((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  await new Promise(resolve => worker.once('message', resolve));
  for (let n = 0; n < 100; n++) state.facts.set('n', String(n));
  t.is(await ended, 0);
  t.is(state.facts.get('n'), '99');
  t.is(state.packJournal().rows().length, 100);
});

test('a journal of its own is refused before the main thread made the database', async t => {
  const home = await makeHome(t);
  t.true(
    isCode(
      t.throws(() => openPackJournal(home)),
      'E_STATE_CORRUPT',
    ),
  );
});

function run(at: string, outcome: HistoryEntry['outcome'], name: string): HistoryEntry {
  return { at, outcome, error: { code: 'E_SOURCE_UNREADABLE', params: { file: name }, retryable: false } };
}

test('history answers the newest runs first and the last good one', async t => {
  const state = await openIn(t, await makeHome(t));
  const entries = [run('t1', 'good', 'a'), run('t2', 'failed', 'b'), run('t3', 'partial', 'c')];
  for (const entry of entries) state.history.append(entry);
  t.deepEqual(state.history.last(2), [entries[2], entries[1]]);
  t.deepEqual(state.history.lastGood(), entries[0]);
});

test('history is read on in the order of the runs, also behind a clock that was set back and a run that is gone', async t => {
  const state = await openIn(t, await makeHome(t));
  const entries = ['t2', 't3', 't1', 't4'].map(at => run(at, 'good', 'a'));
  for (const entry of entries) state.history.append(entry);
  const times = (before: string | undefined, count: number) => state.history.before(before, count).map(({ at }) => at);
  t.deepEqual(times(undefined, 2), ['t4', 't1']);
  t.deepEqual(times('t1', 2), ['t3', 't2']);
  t.deepEqual(times('t2', 2), []);
  t.deepEqual(times('t35', 9), ['t1', 't3', 't2']);
  t.deepEqual(times('t0', 9), []);
});

test("no name of the user's files stands in the state database, and without the local key only time and outcome are left", async t => {
  const home = await makeHome(t);
  await reopened(home, state => state.history.append(run('t1', 'partial', 'Anna-Holiday.mp4')));
  for (const name of await readdir(home.state)) {
    if ((await stat(join(home.state, name))).isFile())
      t.false((await readFile(join(home.state, name))).includes('Anna-Holiday'));
  }
  await writeFile(join(home.config, 'local.key'), randomBytes(32));
  await reopened(home, state => t.deepEqual(state.history.last(5), [{ at: 't1', outcome: 'partial' }]));
});

test('a state database of a newer Signet is refused and left alone', async t => {
  const home = await makeHome(t);
  await reopened(home, () => undefined);
  const path = join(home.state, 'state.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  const before = await readFile(path);
  const error = await t.throwsAsync(openState(home, { clock: systemClock, hostLabel: 'laptop' }));
  t.true(isCode(error, 'E_STATE_NEWER'));
  t.deepEqual(await readFile(path), before);
});

test('a damaged state database is kept aside, and the next start has a fresh one', async t => {
  const home = await makeHome(t);
  await reopened(home, state => state.facts.set('a', '1'));
  const path = join(home.state, 'state.db');
  const damaged = await readFile(path);
  damaged.fill(0x55, 0, 2000);
  await writeFile(path, damaged);
  const error = await t.throwsAsync(openState(home, { clock: systemClock, hostLabel: 'laptop' }), {
    instanceOf: SignetError,
  });
  t.is(error?.code, 'E_STATE_CORRUPT');
  t.deepEqual(await readFile(String(error?.params['keptAs'])), damaged);
  await reopened(home, state => t.is(state.facts.get('a'), undefined));
  t.deepEqual(await readFile(String(error?.params['keptAs'])), damaged);
});

test('a migration copies the database first and is all or nothing', async t => {
  const home = await makeHome(t);
  await reopened(home, state => state.facts.set('a', '1'));
  const path = join(home.state, 'state.db');
  const before = ['SELECT 1', 'SELECT 1'];
  t.throws(() => openDatabase(path, { now: 5, steps: [...before, 'CREATE TABLE later (x); CREATE TABLE fact (x);'] }));
  await reopened(home, state => t.is(state.facts.get('a'), '1'));

  const database = openDatabase(path, { now: 6, steps: [...before, 'CREATE TABLE later (x)'] });
  t.is(database.prepare('PRAGMA user_version').get()?.['user_version'], 3);
  t.is(database.prepare('SELECT count(*) AS n FROM later').get()?.['n'], 0);
  database.close();

  const copy = new DatabaseSync(`${path}.v2-6`, { readOnly: true });
  t.is(copy.prepare("SELECT value FROM fact WHERE name = 'a'").get()?.['value'], '1');
  t.is(copy.prepare('PRAGMA user_version').get()?.['user_version'], 2);
  copy.close();
});

test('a sealed file opens only under its key and name', async t => {
  const home = await makeHome(t);
  const state = await openIn(t, home);
  const key = randomBytes(32);
  t.is(await state.loadSealed('whatsapp-abcd2345.databases', key), undefined);
  await state.saveSealed('whatsapp-abcd2345.databases', key, new Uint8Array([7, 8]));
  t.deepEqual(
    new Uint8Array((await state.loadSealed('whatsapp-abcd2345.databases', key)) ?? []),
    new Uint8Array([7, 8]),
  );

  const path = join(home.state, 'sealed', 'whatsapp-abcd2345.databases');
  const box = await readFile(path);
  await writeFile(join(home.state, 'sealed', 'other'), box);
  t.true(isCode(await t.throwsAsync(state.loadSealed('other', key)), 'E_STATE_CORRUPT'));
  t.true(
    isCode(await t.throwsAsync(state.loadSealed('whatsapp-abcd2345.databases', randomBytes(32))), 'E_STATE_CORRUPT'),
  );
  for (let bit = 0; bit < box.length * 8; bit += 7) {
    const flipped = Buffer.from(box);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await writeFile(path, flipped);
    t.true(isCode(await t.throwsAsync(state.loadSealed('whatsapp-abcd2345.databases', key)), 'E_STATE_CORRUPT'));
  }
  await t.throwsAsync(state.saveSealed('../escape', key, box));
});

test('the witness is absent, true or forged', async t => {
  const home = await makeHome(t);
  const state = await openIn(t, home);
  const key = randomBytes(32);
  const path = join(home.state, 'trust.json');
  t.is(await state.loadWitness(key), 'absent');
  await state.saveWitness(witness, key);
  t.deepEqual(await state.loadWitness(key), witness);
  t.is(await state.loadWitness(randomBytes(32)), 'forged');
  const good = await readFile(path, 'utf8');
  for (const bad of [good.replace('41', '40'), good.slice(0, 50), '', '{}', `${good}x`, 'x'.repeat(2_000_000)]) {
    await writeFile(path, bad);
    t.is(await state.loadWitness(key), 'forged');
  }
});

test('the phone number is remembered, and the state folder alone does not show it', async t => {
  const home = await makeHome(t);
  await reopened(home, state => state.phone.remember('+14155550123'));
  t.false((await readFile(join(home.state, 'phone'))).includes('4155550123'));
  await reopened(home, async state => t.is(await state.phone.recall(), '+14155550123'));
  await writeFile(join(home.config, 'local.key'), randomBytes(32));
  await reopened(home, async state => {
    t.is(await state.phone.recall(), undefined);
    await state.phone.forget();
    t.is(await state.phone.recall(), undefined);
  });
});

test('local key and install id are made once, also by two that start together', async t => {
  const home = await makeHome(t);
  const [one, two] = await Promise.all([openIn(t, home), openIn(t, home)]);
  t.is(one.installId, two.installId);
  t.regex(one.installId, /^[0-9a-f]{32}$/);
  await one.phone.remember('+14155550123');
  t.is(await two.phone.recall(), '+14155550123');
  t.deepEqual((await readdir(home.config)).sort(), ['install-id', 'local.key']);
});

test('a secret that others could read is closed to them at the next start', async t => {
  const home = await makeHome(t);
  await reopened(home, () => undefined);
  await chmod(join(home.config, 'local.key'), 0o644);
  await reopened(home, () => undefined);
  t.is((await stat(join(home.config, 'local.key'))).mode & 0o777, 0o600);
});

test('a machine keeps its device id, and a copied state gets another one', async t => {
  const home = await makeHome(t);
  const first = await reopened(home, state => state.device('machine-1'));
  t.true(first.isNew);
  t.regex(first.id, /^[0-9a-f]{16}$/);
  t.deepEqual(await reopened(home, state => state.device('machine-1')), { id: first.id, isNew: false });
  const other = await reopened(home, state => state.device('machine-2'));
  t.true(other.isNew);
  t.not(other.id, first.id);
});

test('the vault copy comes back byte for byte', async t => {
  const state = await openIn(t, await makeHome(t));
  t.is(await state.vaultCopy.load(), undefined);
  await state.vaultCopy.save(new Uint8Array([1, 2, 3]));
  t.deepEqual(new Uint8Array((await state.vaultCopy.load()) ?? []), new Uint8Array([1, 2, 3]));
});
