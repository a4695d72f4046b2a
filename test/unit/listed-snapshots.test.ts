// What a list of backups and one of them tell, of many backups and of those of other computers, too.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { listWords, sourcesWords } from '../../daemon/cli/browse.ts';
import { Browsing } from '../../daemon/jobs/browsing.ts';
import type { Engine } from '../../daemon/jobs/engine.ts';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { hereOf, withRuns } from '../../daemon/jobs/listed-snapshots.ts';
import { PastRuns } from '../../daemon/jobs/past-runs.ts';
import type { HistoryEntry } from '../../daemon/state/model.ts';
import { openState } from '../../daemon/state/state.ts';
import type { SnapshotEntry } from '../../protocol/status.ts';
import { scratch } from '../support/databases.ts';
import { engineKit, sourceId } from '../support/engine-kit.ts';
import { snapshotEntry, snapshotSource } from '../support/fake-handlers.ts';
import { manualClock } from '../support/manual-clock.ts';
import { pastOf } from '../support/schedule-kit.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const idOf = (n: number): string => n.toString(16).padStart(64, '0');
const at = (n: number): string => new Date(start + n * 900_000).toISOString();

function runOf(n: number, changes: Partial<HistoryEntry['backup'] & object> = {}): HistoryEntry {
  const backup = {
    snapshot: idOf(n),
    at: at(n),
    reason: 'change',
    durationMs: 1,
    filesNew: 1,
    filesChanged: 0,
    filesUnreadable: [],
    notVerified: [],
    bytesRead: 1,
    bytesAdded: 1,
    ...changes,
  } as const;
  // Reading it back took a minute.
  return { at: new Date(start + n * 900_000 + 60_000).toISOString(), outcome: 'good', backup };
}

const entryOf = (n: number): SnapshotEntry => ({ ...snapshotEntry, id: idOf(n), at: at(n) });

test('a snapshot of this computer tells what was new in it, one of another computer what it tells itself', t => {
  const past = pastOf([
    runOf(1, { messagesNew: 212, conversationsChanged: 9 }),
    { at: at(2), outcome: 'nothing-new' },
    runOf(3, { notVerified: ['a/b.db'] }),
  ]);
  const told = withRuns([entryOf(3), entryOf(2), entryOf(1)], (...span) => past.made(...span));
  t.deepEqual(told, [
    { ...entryOf(3), verified: false },
    entryOf(2),
    { ...entryOf(1), messagesNew: 212, conversationsChanged: 9, verified: true },
  ]);
  t.deepEqual(
    withRuns([], () => t.fail() as never),
    [],
  );
});

test('a page of ten thousand snapshots opens the runs of that page alone', async t => {
  const home = await temporaryHome(t);
  const state = await openState(home, { clock: manualClock(), hostLabel: 'bench' });
  t.teardown(() => state.close());
  for (let n = 0; n < 1000; n++) state.history.append(runOf(n, { messagesNew: n }));
  const past = new PastRuns(state.history);
  const asked: number[] = [];
  const page = Array.from({ length: 50 }, (_, n) => entryOf(549 - n));
  const told = withRuns(page, (...span) => {
    const found = past.made(...span);
    asked.push(found.length);
    return found;
  });
  t.deepEqual(
    told.map(({ messagesNew }) => messagesNew),
    page.map((_, n) => 549 - n),
  );
  t.is(asked.length, 1);
  t.true((asked[0] ?? 0) <= 200, `${asked[0]}`);
});

test('each backup has its number, and one snapshot tells what it holds of each source', async t => {
  const { connection, source, backUp } = await engineKit(t);
  mkdirSync(join(source, 'sub'));
  writeFileSync(join(source, 'sub', 'a'), 'x'.repeat(1000));
  await backUp();
  writeFileSync(join(source, 'b'), 'y');
  const { snapshot = '' } = await backUp();
  const { entries, devices } = await connection.sendRequest(engine.snapshots, { offset: 0, limit: 9 });
  t.deepEqual(
    entries.map(({ number }) => number),
    [2, 1],
  );
  t.like(devices, [{ label: 'bench', number: 2, at: entries[0]?.at }]);
  const shown = await connection.sendRequest(engine.showSnapshot, { snapshot: snapshot.slice(0, 8) });
  t.deepEqual(shown.snapshot, entries[0]);
  const [{ capturedAt, ...found } = { capturedAt: '' }] = shown.sources;
  t.deepEqual(found, {
    id: sourceId,
    profile: 'generic',
    label: 'chats',
    root: source,
    files: 2,
    sizeBytes: 1001,
    isCarried: false,
    verified: true,
  });
  t.true(Date.parse(capturedAt) > 0);
  t.is((await connection.sendRequest(engine.showSnapshot, { snapshot: entries[1]?.id ?? '' })).sources[0]?.files, 1);
  await t.throwsAsync(connection.sendRequest(engine.showSnapshot, { snapshot: 'ffff0000' }), {
    message: /E_NOT_FOUND/,
  });
});

test('a source can be put back where it is set up and its folder is there', async t => {
  const root = scratch(t);
  const setting = { id: 'claude-code-abcdefgh', profile: 'claude-code', label: 'Claude Code', root };
  t.is(await hereOf(setting, [setting]), 'live');
  const copied = { ...setting, id: 'telegram-export-abcdefgh', profile: 'telegram-export' };
  t.is(await hereOf(copied, [setting, copied]), 'copy');
  t.is(await hereOf({ ...setting, id: 'claude-code-bbbbbbbb' }, [setting]), undefined, 'that of another computer');
  writeFileSync(join(root, 'file'), '');
  t.is(await hereOf(setting, [{ ...setting, root: join(root, 'file') }]), undefined);
  rmSync(root, { recursive: true });
  t.is(await hereOf(setting, [setting]), undefined);
});

test('what is shown of a snapshot is joined from place, history and settings', async t => {
  const root = scratch(t);
  const { here: _here, ...source } = { ...snapshotSource, root: '/elsewhere' };
  const devices = [{ id: '11'.repeat(8), label: 'Laptop', number: 1, at: at(1) }];
  const answers: Readonly<Record<string, unknown>> = {
    showSnapshot: { snapshot: entryOf(1), sources: [source] },
    snapshots: { entries: [entryOf(1)], total: 1, devices },
  };
  const seen: unknown[] = [];
  const browsing = new Browsing({
    engine: { ask: async ({ method }: { method: string }) => answers[method] } as unknown as Pick<Engine, 'ask'>,
    past: pastOf([runOf(1, { messagesNew: 5 })]),
    sources: () => [{ ...source, root }],
    keptBy: () => ({}),
    use: async () => undefined,
    sawDevices: found => seen.push(found),
  });
  const { signal } = new AbortController();
  const entry = { ...entryOf(1), messagesNew: 5, verified: true };
  t.deepEqual(await browsing.show('latest', signal), { snapshot: entry, sources: [{ ...source, here: 'copy' }] });
  t.deepEqual(await browsing.snapshots({}, signal), { entries: [entry], total: 1 });
  t.deepEqual(seen, [devices]);
});

test('the command line lists number and new messages, and what one backup holds', t => {
  const list = listWords([{ ...entryOf(1), number: 412, messagesNew: 19, conversationsChanged: 2 }, entryOf(2)]);
  t.regex(list, /^ID +No\. +Made .*\n\S{8} +412 .*\+812 kB +19 new messages in 2 chats\n\S{8} {2,}/);
  const { messages: _messages, ...uncounted } = snapshotSource;
  t.regex(sourcesWords([uncounted]), /folder-abcd2345 +Chats +4 +5\.0 MB +not counted/);
});
