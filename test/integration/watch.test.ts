import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { startDatabaseCapture } from '../../daemon/capture/capture.ts';
import { type FolderEvent, type FolderWatch, watchFolder } from '../../daemon/sources/folder-watch.ts';
import { type ChangeSet, type SettlingChanges, type WatchOptions, watchSources } from '../../daemon/sources/sources.ts';
import { addRows, makeDatabase, scratch } from '../support/databases.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

const quietMs = 30_000;
const longestWaitMs = 600_000;

interface Watch {
  readonly root: string;
  readonly clock: ManualClock;
  readonly due: ChangeSet[];
  readonly problems: string[];
  /** Resolves when a change was seen; then lets it settle. */
  settle(): Promise<ChangeSet | undefined>;
  /** Events in all that was due. */
  seen(): number;
  settling(): SettlingChanges | undefined;
  /** How often it was told that something settles. */
  told(): number;
}

async function start(t: ExecutionContext, options: Partial<WatchOptions> = {}): Promise<Watch> {
  const root = options.sources?.[0]?.root ?? join(scratch(t), 'root');
  const clock = manualClock();
  const due: ChangeSet[] = [];
  const problems: string[] = [];
  let told = 0;
  if (options.sources === undefined) mkdirSync(root);
  const watching = await watchSources(
    {
      sources: [{ id: 'generic-aaaaaaaa', profile: 'generic', root }],
      clock,
      quietMs,
      longestWaitMs,
      smallestIntervalMs: 0,
      rescanMs: 0,
      ...options,
    },
    {
      onDue: changes => due.push(changes),
      onSettling: () => {
        told += 1;
      },
      onProblem: code => problems.push(code),
    },
  );
  t.teardown(() => watching.close());
  return {
    root,
    clock,
    due,
    problems,
    async settle() {
      await clock.timerWithin(quietMs);
      clock.advance(longestWaitMs);
      return due.at(-1);
    },
    settling: () => watching.settling(),
    told: () => told,
    seen: () => due.reduce((sum, each) => sum + each.changes, 0),
  };
}

/** Two files made one after the other; events of one folder keep their order, so what came before them would be counted too. */
async function nothingButThis(t: ExecutionContext, watch: Watch): Promise<void> {
  const before = watch.seen();
  for (const name of ['first', 'second']) {
    writeFileSync(join(watch.root, `${name}-${before}`), '');
    await watch.settle();
  }
  t.is(watch.seen() - before, 2, 'the files made by the test itself');
}

test('a new file is due once it has been quiet', async t => {
  const watch = await start(t);
  writeFileSync(join(watch.root, 'x'), 'x');
  await watch.clock.timerWithin(quietMs);
  watch.clock.advance(quietMs - 1);
  t.deepEqual(watch.due, []);
  watch.clock.advance(1);
  t.is(watch.due.length, 1);
  t.deepEqual([watch.due[0]?.reason, [...(watch.due[0]?.sourceIds ?? [])]], ['change', ['generic-aaaaaaaa']]);
  watch.clock.advance(longestWaitMs);
  t.is(watch.due.length, 1, 'and not again');
});

test('what settles is told once, and can be asked for with how much it is and until when', async t => {
  const watch = await start(t);
  t.is(watch.settling(), undefined);
  for (const name of ['x', 'y']) {
    writeFileSync(join(watch.root, name), 'x');
    await watch.clock.timerWithin(quietMs);
  }
  while ((watch.settling()?.changes ?? 0) < 2) await pause(5);
  t.is(watch.told(), 1);
  t.like(watch.settling(), { reason: 'quiet', changes: 2, until: watch.clock.now() + quietMs });
  await watch.settle();
  t.is(watch.settling(), undefined);
  writeFileSync(join(watch.root, 'z'), 'x');
  while (watch.told() < 2) await pause(5);
  t.is(watch.settling()?.changes, 1);
});

test('changed, removed, renamed and new folders are seen, deep down as well', async t => {
  const watch = await start(t);
  const acts: readonly (readonly [events: number, act: () => void])[] = [
    // Seen, then once for each of both folders when it is watched itself.
    [3, () => mkdirSync(join(watch.root, 'a', 'b'), { recursive: true })],
    [1, () => writeFileSync(join(watch.root, 'a', 'b', 'x'), '1')],
    [1, () => writeFileSync(join(watch.root, 'a', 'b', 'x'), '22')],
    [2, () => renameSync(join(watch.root, 'a', 'b', 'x'), join(watch.root, 'a', 'y'))],
    [1, () => rmSync(join(watch.root, 'a', 'y'))],
    [2, () => rmSync(join(watch.root, 'a'), { recursive: true })],
  ];
  for (const [events, act] of acts) {
    const expected = watch.seen() + events;
    act();
    while (watch.seen() < expected) await watch.settle();
    t.is(watch.seen(), expected);
  }
});

test('reading a database by a capture, access times and excluded files are no change', async t => {
  const root = scratch(t);
  const closed = join(root, 'closed.db');
  const open = join(root, 'open.db');
  makeDatabase(closed);
  makeDatabase(open);
  const app = new DatabaseSync(open);
  t.teardown(() => app.close());
  addRows(app, 5);
  const watch = await start(t, { sources: [{ id: 'generic-a', profile: 'generic', root }] });

  const stagingFolder = join(scratch(t), 'staging');
  mkdirSync(stagingFolder, { mode: 0o700 });
  const capture = startDatabaseCapture({ stagingFolder, nodePath: process.execPath });
  t.teardown(() => capture.stop());
  for (const path of [closed, open]) {
    const captured = await capture.capture(Buffer.from(path), { fullCheck: true });
    if (captured.kind !== 'database') return t.fail(captured.reason);
    await captured.image.close();
  }
  // What a read-only open by any tool leaves beside a closed database.
  const reader = new DatabaseSync(closed, { readOnly: true });
  reader.prepare('SELECT count(*) FROM entry').get();
  reader.close();
  readFileSync(closed);
  writeFileSync(join(watch.root, 'x.lock'), 'x');
  await nothingButThis(t, watch);
});

test('a log whose owner or permissions alone were set is no change (SQLite sets the owner when root opens it)', async t => {
  const root = scratch(t);
  const path = join(root, 'open.db');
  makeDatabase(path);
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  addRows(app, 5);
  const minuteAgo = Date.now() / 1000 - 60;
  utimesSync(`${path}-wal`, minuteAgo, minuteAgo); // not read since it was written: then chokidar tells of any event
  const watch = await start(t, { sources: [{ id: 'generic-a', profile: 'generic', root }] });
  for (const mode of [0o640, 0o600]) {
    chmodSync(`${path}-wal`, mode);
    await pause(200); // an event would be here by then
    watch.clock.advance(longestWaitMs);
    t.is(watch.seen(), 0);
  }
  addRows(app, 5);
  await watch.settle();
  t.true(watch.seen() > 0);
});

test('a commit that only the log shows is a change', async t => {
  const root = scratch(t);
  const path = join(root, 'chat.db');
  makeDatabase(path);
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  addRows(app, 5);
  const watch = await start(t, { sources: [{ id: 'generic-a', profile: 'generic', root }] });
  addRows(app, 1);
  t.is((await watch.settle())?.reason, 'change');
});

test('changes of several sources are one set', async t => {
  const folder = scratch(t);
  const sources = ['a', 'b', 'c'].map(name => ({
    id: `generic-${name}`,
    profile: 'generic',
    root: join(folder, name),
  }));
  for (const { root } of sources) mkdirSync(root);
  const watch = await start(t, { sources });
  for (const { root } of sources.slice(0, 2)) writeFileSync(join(root, 'x'), 'x');
  const seen = new Set<string>();
  while (seen.size < 2) for (const id of (await watch.settle())?.sourceIds ?? []) seen.add(id);
  t.deepEqual([...seen].sort(), ['generic-a', 'generic-b']);
});

test('changes that never stop are due at the longest wait', async t => {
  const watch = await start(t);
  const { clock } = watch;
  for (let waited = 0; waited < longestWaitMs; waited += quietMs / 2) {
    writeFileSync(join(watch.root, `x${waited}`), 'x');
    await clock.timerWithin(quietMs);
    if (watch.due.length > 0) break;
    clock.advance(quietMs / 2);
  }
  clock.advance(0);
  t.is(watch.due.length, 1);
});

test('after a run the smallest interval passes before the next', async t => {
  const watch = await start(t, { smallestIntervalMs: 900_000 });
  writeFileSync(join(watch.root, 'x'), 'x');
  await watch.clock.timerWithin(quietMs);
  watch.clock.advance(quietMs);
  t.is(watch.due.length, 1);
  writeFileSync(join(watch.root, 'y'), 'y');
  await watch.clock.timerWithin(900_000);
  watch.clock.advance(900_000 - 1);
  t.is(watch.due.length, 1);
  watch.clock.advance(1);
  t.is(watch.due.length, 2);
});

test('without any event a rescan comes at its time, again and again, also when watching is off', async t => {
  const watch = await start(t, { rescanMs: 3_600_000, watch: 'off' });
  writeFileSync(join(watch.root, 'x'), 'x');
  watch.clock.advance(3_600_000 - 1);
  t.deepEqual(watch.due, []);
  watch.clock.advance(1 + 3_600_000);
  t.deepEqual(watch.due, [
    { reason: 'rescan', sourceIds: undefined, changes: 0 },
    { reason: 'rescan', sourceIds: undefined, changes: 0 },
  ]);
});

test('a clock that was set back holds nothing up', async t => {
  const watch = await start(t, { rescanMs: 3_600_000 });
  watch.clock.jumpTo(watch.clock.now() - 86_400_000);
  writeFileSync(join(watch.root, 'x'), 'x');
  await watch.clock.timerWithin(quietMs);
  watch.clock.advance(quietMs);
  t.is(watch.due.length, 1);
});

interface Events {
  readonly watching: FolderWatch;
  /** Resolves when it is told; each telling counts once. */
  told(event: FolderEvent, path: string): Promise<void>;
}

async function follow(t: ExecutionContext, root: string, isRecursive = false): Promise<Events> {
  const seen: string[] = [];
  let wake = () => {};
  const listener = {
    isIgnored: () => false,
    onEvent(event: FolderEvent, path: string) {
      seen.push(`${event} ${path}`);
      wake();
    },
    onError: (error: unknown) => t.fail(String(error)),
  };
  const watching = await watchFolder(root, listener, isRecursive);
  t.teardown(() => watching.close());
  return {
    watching,
    async told(event, path) {
      const wanted = `${event} ${path}`;
      while (!seen.includes(wanted)) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      seen.splice(0, seen.indexOf(wanted) + 1);
      t.pass(wanted);
    },
  };
}

test('a root that goes away and comes back is watched again, with what is below it', async t => {
  const root = join(scratch(t), 'root');
  const sub = join(root, 'sub');
  mkdirSync(sub, { recursive: true });
  const { told } = await follow(t, root);
  rmSync(root, { recursive: true });
  await told('unlinkDir', root);
  mkdirSync(sub, { recursive: true });
  await told('addDir', sub); // the root was told before: it is watched from the top
  writeFileSync(join(root, 'x'), 'x');
  await told('add', join(root, 'x'));
  writeFileSync(join(sub, 'y'), 'y');
  await told('add', join(sub, 'y'));
});

test('one recursive watcher, as on macOS and Windows, tells the same', async t => {
  const root = join(scratch(t), 'root');
  mkdirSync(join(root, 'sub'), { recursive: true });
  const { told, watching } = await follow(t, root, true);
  writeFileSync(join(root, 'sub', 'x'), 'x');
  await told('add', join(root, 'sub', 'x'));
  await watching.refresh();
  rmSync(join(root, 'sub', 'x'));
  await told('unlink', join(root, 'sub', 'x'));
});

test('a folder that was replaced unseen is watched again after a refresh', async t => {
  const root = join(scratch(t), 'root');
  mkdirSync(join(root, 'sub'), { recursive: true });
  const { watching, told } = await follow(t, root);
  mkdirSync(join(root, '..', 'other', 'sub'), { recursive: true });
  renameSync(root, join(root, '..', 'old'));
  renameSync(join(root, '..', 'other'), root);
  await watching.refresh();
  writeFileSync(join(root, 'sub', 'x'), 'x');
  await told('add', join(root, 'sub', 'x'));
});

test('a root that is missing at the start is watched once it appears', async t => {
  const folder = scratch(t);
  const root = join(folder, 'later', 'root');
  const watch = await start(t, { sources: [{ id: 'generic-a', profile: 'generic', root }] });
  mkdirSync(root, { recursive: true });
  await watch.settle();
  writeFileSync(join(root, 'x'), 'x');
  t.is((await watch.settle())?.reason, 'change');
});

test('a root named by a link is watched, links inside are not followed', async t => {
  const folder = scratch(t);
  const real = join(folder, 'real');
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(real);
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, join(real, 'link'));
  symlinkSync(real, join(folder, 'root'));
  const watch = await start(t, { sources: [{ id: 'generic-a', profile: 'generic', root: join(folder, 'root') }] });
  writeFileSync(join(elsewhere, 'x'), 'x');
  writeFileSync(join(real, 'y'), 'y');
  t.is((await watch.settle())?.changes, 1);
});

test('what a source leaves out makes no backup due, whatever decides it', async t => {
  const root = scratch(t);
  mkdirSync(join(root, 'Media', 'WhatsApp Video'), { recursive: true });
  mkdirSync(join(root, 'Databases'));
  mkdirSync(join(root, 'drafts'));
  const copy = (day: number) => join(root, 'Databases', `msgstore-2026-11-${day}.1.db.crypt15`);
  for (const day of [22, 23]) writeFileSync(copy(day), 'x');
  const source = { id: 'whatsapp-android-a', profile: 'whatsapp-android', root };
  const choices = { leaveOut: ['video'], maxFileBytes: 1000, exclude: ['drafts/'] } as const;
  const watch = await start(t, { sources: [{ ...source, ...choices }] });
  writeFileSync(join(root, 'Media', 'WhatsApp Video', 'VID-1.mp4'), 'by its folder');
  writeFileSync(join(root, 'Media', 'film'), Buffer.from('000000206674797069736f6d00000000', 'hex'));
  writeFileSync(join(root, 'Media', 'large.jpg'), Buffer.alloc(1001));
  writeFileSync(join(root, 'drafts', 'letter'), 'x');
  writeFileSync(copy(21), 'an older copy');
  writeFileSync(join(root, '.nomedia'), '');
  await nothingButThis(t, watch);
  writeFileSync(copy(24), 'a newer copy');
  t.is((await watch.settle())?.reason, 'change');
});
