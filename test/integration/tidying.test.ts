// Forgetting and pruning: sixty days over a folder that stock restic judges, with a clock that the test drives; and through the command line,
// with the real daemon behind it.

import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import type { ForgetResult, PruneResult, RepairResult } from '../../protocol/status.ts';
import { engineKit, sourceId } from '../support/engine-kit.ts';
import { installation, password } from '../support/installation.ts';
import { fixedRandom } from '../support/repository.ts';
import { type Restic, succeeds, withRestic } from '../support/restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const hour = 3_600_000;
const day = 24 * hour;

function judge(t: ExecutionContext, restic: Restic, path: string): void {
  t.regex(succeeds(t, restic(path, ['check', '--read-data', '--no-lock'])), /no errors were found/);
}

function bytesIn(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

withRestic('sixty days of backups are thinned out, and their room is free 48 hours later', async (t, restic) => {
  const path = await temporaryFolder(t);
  const kit = await engineKit(t, () => createFolderRemote(path));
  const random = fixedRandom(60);
  const texts = new Map<string, string>();
  for (let n = 0; n < 60; n++) {
    for (const ms of [day - 20 * 60_000, 20 * 60_000]) {
      await kit.clock.advance(ms);
      const text = `day ${n} ${ms} ${Buffer.from(random(20_000)).toString('base64')}`;
      writeFileSync(join(kit.source, 'chat.txt'), text);
      texts.set((await kit.backUp()).snapshot ?? '', text);
    }
  }
  const restorable = async (ids: readonly string[]): Promise<void> => {
    for (const snapshot of ids) {
      const range = { snapshot, path: `${sourceId}/chat.txt`, offset: 0, length: 100_000 };
      const { bytes } = await kit.connection.sendRequest(engine.read, range);
      t.is(Buffer.from(bytes).toString(), texts.get(snapshot) ?? '');
    }
  };
  let notes: engine.PruneOrder['notes'] = {};
  const prune = async (changes: Partial<engine.PruneOrder> = {}): Promise<engine.PruneOutcome> => {
    const order = { witness: kit.witness, isSynced: false, dryRun: false, notes, mayDelete: true, ...changes };
    const outcome = await kit.connection.sendRequest(engine.prune, order);
    if (!order.dryRun) ({ notes } = outcome);
    return outcome;
  };
  const all = bytesIn(join(path, 'data'));
  judge(t, restic, path);

  const plan = await kit.forget({ dryRun: true });
  const { forget, keep } = await kit.forget();
  t.deepEqual([forget, keep], [plan.forget, plan.keep]);
  const kept = keep.map(({ id }) => id);
  t.true(forget.length > 50);
  judge(t, restic, path);
  await restorable(kept);

  const shown = await prune({ dryRun: true });
  t.is(bytesIn(join(path, 'data')), all);
  const { deletableAt: _, notes: _notes, ...first } = await prune();
  t.true(first.packsDropped > 0);
  t.is(first.packsDropped, shown.packsDropped);
  t.is(first.bytesDropped, shown.bytesDropped);
  t.is(first.packsDeleted, 0);
  t.is(first.packsWaiting, first.packsDropped);
  t.true(bytesIn(join(path, 'data')) >= all, 'nothing is deleted yet');
  judge(t, restic, path);
  await restorable(kept);

  await kit.clock.advance(47 * hour);
  t.is((await prune()).packsDeleted, 0);
  await kit.clock.advance(hour);
  t.is((await prune({ mayDelete: false })).packsDeleted, 0, 'while the clock is in doubt nobody can tell 48 hours');
  const last = await prune();
  t.is(last.packsDeleted, first.packsDropped);
  t.is(last.packsWaiting, 0);
  t.deepEqual(last.notes, {});
  t.true(bytesIn(join(path, 'data')) < 0.6 * all, `${bytesIn(join(path, 'data'))} of ${all}`);
  judge(t, restic, path);
  await restorable(kept);
  t.deepEqual(await kit.findings(), []);

  writeFileSync(join(kit.source, 'chat.txt'), 'one more');
  const { snapshot = '' } = await kit.backUp();
  texts.set(snapshot, 'one more');
  await restorable([...kept, snapshot]);
  judge(t, restic, path);
});

test('forget, prune and repair index do by command what their dry runs said', async t => {
  const signet = await installation(t);
  await signet.setUp();
  const made: string[] = [];
  for (const text of ['one', 'two', 'three']) {
    writeFileSync(join(signet.source, 'a.txt'), text);
    made.push((await signet.ok<{ snapshot: string }>(['backup'])).snapshot);
  }
  const [first = '', , newest = ''] = made;
  const recent = await signet.ok<ForgetResult>(['forget', '--dry-run']);
  t.deepEqual(recent.forget, []);
  t.deepEqual(
    recent.keep.map(({ reasons }) => reasons[0]),
    ['all', 'all', 'all'],
  );

  const plan = await signet.ok<ForgetResult>(['forget', first.slice(0, 10), '--dry-run']);
  t.is((await signet.snapshots()).length, 3);
  const done = await signet.ok<ForgetResult>(['forget', first.slice(0, 10)]);
  t.deepEqual({ ...done, dryRun: true }, plan);
  t.deepEqual(
    done.forget.map(({ id }) => id),
    [first],
  );
  t.deepEqual(
    (await signet.snapshots()).map(({ id }) => id),
    [newest, made[1]],
  );
  t.is((await signet.status()).repository?.snapshots, 2);
  t.deepEqual((await signet.status()).alarms, [], 'what was forgotten is missed by nobody');

  t.is((await signet.signet(['forget', newest])).errorCode(), 'E_USAGE');
  t.is(
    (await signet.signet(['forget', '--device', 'ffffffffffffffff'], { password: 'wrong one, 42 of them' })).code,
    12,
  );
  t.is((await signet.signet(['forget', '--device', 'ffffffffffffffff'], { password })).errorCode(), 'E_USAGE');

  const shown = await signet.ok<PruneResult>(['prune', '--dry-run']);
  const pruned = await signet.ok<PruneResult>(['prune']);
  t.is(pruned.packsDropped, shown.packsDropped);
  t.is(pruned.packsDeleted, 0);
  t.true(Date.parse(pruned.deletableAt ?? '') - Date.now() > 47 * hour);
  const again = await signet.ok<PruneResult>(['prune']);
  t.deepEqual([again.packsDropped, again.packsWaiting], [0, pruned.packsWaiting]);
  t.is(again.deletableAt, pruned.deletableAt, 'their 48 hours are remembered');

  const right = await signet.ok<RepairResult>(['repair', 'index', '--dry-run']);
  t.deepEqual([right.packsAdded, right.packsRemoved, right.junk], [0, 0, 0]);
  const verified = await signet.ok<{ ok: boolean }>(['verify', '--read-data']);
  t.true(verified.ok);
  t.true(existsSync(join(signet.remote, 'snapshots', newest)));
});
