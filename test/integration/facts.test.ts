// What is told about backups by the command line of a whole Signet: what is in them, what became of each day, who makes them, and without names
// what helps to find a fault; and the end of all of it.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { HistoryDay, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import { installation, password } from '../support/installation.ts';

test('backups, days, computers and diagnostics are told, and in the end the copies are deleted', async t => {
  t.timeout(120_000);
  const signet = await installation(t);
  const { source, remote, folder } = signet;
  writeFileSync(join(source, 'a.txt'), 'one');
  await signet.setUp();
  await signet.ok(['backup']);
  writeFileSync(join(source, 'film.mp4'), 'a film');
  await signet.ok(['backup']);
  await signet.ok(['verify']);

  const [newest] = await signet.ok<readonly SnapshotEntry[]>(['snapshots']);
  t.like(newest, { number: 2, verified: true, announced: true });
  const shown = await signet.ok<{
    readonly snapshot: SnapshotEntry;
    readonly sources: readonly SnapshotSource[];
  }>(['snapshots', newest?.id.slice(0, 8) ?? '']);
  t.deepEqual(shown.snapshot, newest);
  t.like(shown.sources[0], { root: source, files: 2, here: 'copy' });
  const days = await signet.ok<readonly HistoryDay[]>(['history', '--days', '7']);
  t.is(days.at(-1)?.outcome, 'good');
  t.true((days.at(-1)?.sizeBytes ?? 0) > 0);
  t.is(
    days.reduce((sum, { backups }) => sum + backups, 0),
    2,
  );

  await signet.ok(['lock']);
  await signet.ok(['daemon', 'stop']);
  const status = await signet.status();
  t.like(status.devices?.[0], { isThis: true, number: 2 });
  t.is(status.lastVerified?.problems, 0);
  t.truthy(status.dates?.passwordSetAt);
  t.truthy(status.dates?.lockedAt);
  t.deepEqual(status.sources[0]?.videos, { files: 1, bytes: 6 });

  const file = join(folder, 'diagnostics.txt');
  await signet.ok(['doctor', '--export', file]);
  t.is(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  t.regex(text, /"vault": "locked".*backup done/s);
  for (const name of [
    folder,
    'film',
    status.device?.label ?? '?',
    status.repository?.id ?? 'none',
    newest?.id ?? '?',
  ]) {
    t.false(text.includes(name), name);
  }
  t.is((await signet.signet(['doctor', '--export', file])).code, 2, 'nothing is overwritten');

  const name = remote.split('/').at(-1) ?? '';
  t.is((await signet.signet(['remote', 'delete-copies', `${name}-not`], { password })).code, 2);
  await signet.ok(['remote', 'delete-copies', name], { password });
  t.false(existsSync(join(remote, 'config')));
  t.true(existsSync(join(source, 'film.mp4')));
  t.is((await signet.status()).vault, 'absent');
});
