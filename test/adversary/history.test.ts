// Rows 17 to 19: snapshots and heads that are withheld, set back, replayed, or shown to one device and not to another. restic's own format
// cannot tell any of this; heads and what this computer remembers can.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parseHeadKey } from '../../daemon/heads/head-file.ts';
import { resolveSnapshot } from '../../daemon/jobs/history.ts';
import type { SnapshotId } from '../../daemon/repository/model.ts';
import { treeOf } from '../support/archive.ts';
import { removedBesideOwnLocks } from '../support/hostile-remote.ts';
import { type JobSession, jobBench, writeFiles } from '../support/job-bench.ts';
import { row } from '../support/rows.ts';
import { judge, newestFirst, type Scene, scene } from '../support/tampered-place.ts';

/** Heads of the place, newest first. */
function heads(place: Scene): readonly string[] {
  const seq = (key: string): number => parseHeadKey(key)?.seq ?? 0;
  return place.keys('signet/heads').toSorted((a, b) => seq(b) - seq(a));
}

const codesOf = (findings: readonly { readonly code: string }[]): readonly string[] =>
  [...new Set(findings.map(({ code }) => code))].sort();

/** Snapshots of the place, newest first. */
async function newest(place: Scene): Promise<readonly string[]> {
  const session = await place.open();
  const ids = await newestFirst(session);
  await session.close();
  return ids.map(id => `snapshots/${id}`);
}

for (const [what, tamper] of [
  ['gone', (place: Scene, key: string) => place.remote.missing(key)],
  ['listed and not there', (place: Scene, key: string) => place.remote.unreadable(key)],
] as const) {
  row(
    17,
    `newest snapshot ${what}: withheld, the ones before can be restored, and the next head still names it`,
    async t => {
      const place = await scene(t);
      const [key = ''] = await newest(place);
      tamper(place, key);
      const session = await place.open();
      t.deepEqual((await session.restore()).tree, new Map([...place.files].filter(([path]) => path !== '/d.txt')));
      t.true((await session.verify()).problems.some(({ code }) => code === 'E_WITHHELD'));
      await t.throwsAsync(session.prune(), { code: 'E_ALARM' }, 'nothing is deleted meanwhile');
      const { snapshot, findings: told } = await session.backUp();
      t.truthy(snapshot);
      t.deepEqual(codesOf(told), ['E_WITHHELD']);
      t.deepEqual((await session.restore()).tree, place.files);
      const { findings } = await session.history();
      t.deepEqual(codesOf(findings), ['E_WITHHELD'], 'the gap stays recorded after the next head');
      t.deepEqual(
        findings.flatMap(({ snapshots = [] }) => snapshots),
        [key.slice('snapshots/'.length) as SnapshotId],
      );
      await session.close();
      t.deepEqual(removedBesideOwnLocks(place.remote), []);
    },
  );
}

row(
  17,
  'the newest two snapshots with their heads gone: rolled back, restored as of then, and recorded by the next head',
  async t => {
    const place = await scene(t);
    const gone = [...(await newest(place)).slice(0, 2), ...heads(place).slice(0, 2)];
    for (const key of gone) place.remote.missing(key);
    const session = await place.open();
    t.deepEqual(codesOf((await session.history()).findings), ['E_ROLLBACK']);
    await t.throwsAsync(session.prune(), { code: 'E_ALARM' }, 'nothing is deleted meanwhile');
    const { tree } = await session.restore();
    t.deepEqual([tree.has('/a.txt'), tree.has('/d.txt'), tree.has('/inner/c.txt')], [true, false, false]);
    t.deepEqual(codesOf((await session.verify()).problems), ['E_ROLLBACK']);
    const { findings, snapshot } = await session.backUp();
    t.deepEqual([codesOf(findings), snapshot !== undefined], [['E_ROLLBACK'], true]);
    t.deepEqual((await session.restore()).tree, place.files);
    await session.close();
    // The cloud gives in: what it had hidden does not fit what followed, or is welcome; nothing of it was forgotten.
    place.remote.honest();
    const after = await place.open();
    t.false((await after.history()).findings.some(({ code }) => code === 'E_WITHHELD'));
    t.is((await newestFirst(after)).length, 4);
    await after.close();
    t.deepEqual(removedBesideOwnLocks(place.remote), []);
  },
);

row(17, 'the whole place as it was before the newest backup: rolled back', async t => {
  const place = await jobBench(t);
  writeFiles(place.source, { 'a.txt': 'one' });
  const session = await place.open();
  await session.backUp();
  const setBack = place.remote.remember();
  writeFiles(place.source, { 'b.txt': 'two' });
  await session.backUp();
  await session.close();
  setBack();
  const again = await place.open();
  t.deepEqual(codesOf((await again.history()).findings), ['E_ROLLBACK']);
  await t.throwsAsync(again.prune(), { code: 'E_ALARM' }, 'nothing is deleted meanwhile');
  const { findings, snapshot } = await again.backUp();
  t.deepEqual([codesOf(findings), snapshot !== undefined], [['E_ROLLBACK'], true]);
  t.deepEqual((await again.restore()).tree, treeOf(place.source));
  await again.close();
  t.deepEqual(removedBesideOwnLocks(place.remote), []);
});

row(17, 'the newest head gone: rolled back', async t => {
  const place = await scene(t);
  place.remote.missing(heads(place)[0] ?? '');
  await judge(t, place, { named: ['E_ROLLBACK'], alarms: ['E_ROLLBACK'], repaired: true });
});

row(17, 'only the heads gone, all of them: rolled back, and every snapshot can still be restored', async t => {
  const place = await scene(t);
  for (const key of heads(place)) place.remote.missing(key);
  await judge(t, place, { named: ['E_ROLLBACK'], alarms: ['E_ROLLBACK'], repaired: true });
});

row(
  18,
  'a forgotten snapshot that the cloud brings back: noted as replayed, never the default, no alarm, not removed',
  async t => {
    const place = await scene(t);
    const session = await place.open();
    const [last, middle] = (await newestFirst(session)) as SnapshotId[];
    if (last === undefined || middle === undefined) throw new Error('there are three backups');
    await session.forget([last, middle]);
    t.is((await newestFirst(session)).length, 1);
    for (const id of [last, middle]) {
      place.remote.planted(`snapshots/${id}`, place.remote.hoard.get(`snapshots/${id}`) ?? new Uint8Array(0));
    }
    const { snapshots, findings } = await session.history();
    t.deepEqual(findings, []);
    t.deepEqual(
      snapshots.map(({ id, standing }) => [id === last || id === middle, standing]),
      [
        [true, 'replayed'],
        [true, 'replayed'],
        [false, 'announced'],
      ],
    );
    t.is(
      resolveSnapshot(snapshots, 'latest').id,
      snapshots[2]?.id as SnapshotId,
      'the newest by date is not the default',
    );
    const { tree } = await session.restore();
    t.false(tree.has('/d.txt'));
    t.deepEqual((await session.restore(last)).tree, place.files, 'who names it may still have it');
    writeFileSync(join(place.source, 'later.txt'), 'later');
    const outcome = await session.backUp();
    t.deepEqual([outcome.snapshot !== undefined, outcome.findings.length], [true, 0]);
    t.is((await session.history()).snapshots[0]?.id, outcome.snapshot as SnapshotId);
    await session.close();
    t.deepEqual(removedBesideOwnLocks(place.remote), []);
  },
);

const other = 'ffeeddccbbaa9988';

async function twoBackups(t: ExecutionContext, session: JobSession, source: string, name: string): Promise<void> {
  for (const number of [1, 2]) {
    writeFiles(source, { [`${name}-${number}.txt`]: name });
    t.truthy((await session.backUp()).snapshot);
  }
}

row(19, 'two devices that are shown different histories: both are told of the fork when the views meet', async t => {
  const place = await jobBench(t);
  writeFiles(place.source, { 'a.txt': 'one' });
  const first = await place.open();
  await first.backUp();
  const second = await place.open({ device: other });
  writeFiles(place.source, { 'b.txt': 'two' });
  await second.backUp();
  const toSecond = place.remote.remember();
  await twoBackups(t, first, place.source, 'first');
  const viewOfFirst = new Map(place.remote.objects);
  toSecond();
  await twoBackups(t, second, place.source, 'second');
  for (const session of [first, second]) await session.close();
  for (const [key, bytes] of viewOfFirst) place.remote.objects.set(key, bytes); // the views meet
  for (const device of [undefined, other]) {
    const session = await place.open(device === undefined ? {} : { device });
    t.deepEqual(codesOf((await session.history()).findings), ['E_FORK'], device ?? 'the first');
    t.deepEqual(codesOf((await session.verify()).problems), ['E_FORK']);
    writeFiles(place.source, { [`after-${device ?? 'first'}.txt`]: 'after' });
    const { findings, snapshot } = await session.backUp();
    t.deepEqual([codesOf(findings), snapshot !== undefined], [['E_FORK'], true], 'and goes on backing up');
    await session.close();
  }
  t.deepEqual(removedBesideOwnLocks(place.remote), []);
});
