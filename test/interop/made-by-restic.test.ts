// Repositories that stock restic made, with a password of 64 hex digits: Signet joins them by it as by a recovery key, lists, restores and
// verifies what is there, and goes on in them. What restic stored without compression is told as a risk.

import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { RestoreResult, SetupResult, VerifyResult } from '../../protocol/status.ts';
import { compareFolders } from '../../scripts/lib/compare.ts';
import { type Installation, installation, password, phone } from '../support/installation.ts';
import { restic, type StockRestic, succeeded, withEachRestic } from '../support/stock-restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const recoveryKey = '07'.repeat(32);

/** A repository of stock restic with one snapshot, and what lies in it. */
async function theirs(
  t: ExecutionContext,
  stock: StockRestic,
  compression: readonly string[],
): Promise<{ readonly place: string; readonly source: string }> {
  const folder = await temporaryFolder(t);
  const [place, source] = [join(folder, 'repository'), join(folder, 'theirs')];
  mkdirSync(join(source, 'photos'), { recursive: true });
  writeFileSync(join(source, 'photos', 'harbour.jpg'), randomBytes(2_500_000));
  writeFileSync(join(source, 'log.txt'), 'a message like many others, '.repeat(40_000));
  writeFileSync(join(source, 'empty'), '');
  succeeded(t, await restic(place, recoveryKey, ['init', ...compression], {}, stock));
  succeeded(t, await restic(place, recoveryKey, ['backup', ...compression, source], {}, stock));
  return { place, source };
}

async function joined(t: ExecutionContext, remote: string): Promise<Installation> {
  const signet = await installation(t, { remote });
  writeFileSync(join(signet.source, 'ours.txt'), 'ours');
  const args = ['setup', '--source', signet.source, '--remote', `folder:${remote}`];
  const answer = await signet.ok<SetupResult>(args, { recoveryKey, password, phone });
  t.deepEqual([answer.joined, answer.snapshots], [true, 1]);
  return signet;
}

for (const { title, compression, risk } of [
  { title: 'as restic makes it by itself', compression: [], risk: false },
  { title: 'with the strongest compression', compression: ['--compression', 'max'], risk: false },
  { title: 'without compression', compression: ['--compression', 'off'], risk: true },
]) {
  withEachRestic(`a repository of restic, ${title}, is joined, read and gone on with`, async (t, stock) => {
    t.timeout(120_000);
    const { place, source } = await theirs(t, stock, compression);
    const signet = await joined(t, place);

    const [entry] = await signet.snapshots();
    t.false(entry?.announced, 'no device of Signet has reported it');
    const target = join(signet.folder, 'restored');
    const restored = await signet.ok<RestoreResult>(['restore', 'latest', '--to', target]);
    t.deepEqual([restored.files, restored.skipped], [3, []]);
    // Stock restic stores the whole path of what it backs up.
    t.deepEqual((await compareFolders(source, join(target, source), () => false)).differences, []);

    const checked = (await signet.signet(['verify', '--read-data'])).json<VerifyResult>();
    t.deepEqual([...new Set(checked.problems.map(({ code }) => code))], ['E_FOREIGN_SNAPSHOT'], 'nothing is damaged');
    t.is((checked.uncompressed ?? 0) > 0, risk);

    await signet.ok(['backup']);
    const entries = await signet.snapshots();
    t.deepEqual(entries.map(({ announced }) => announced).sort(), [false, true]);
    const second = join(signet.folder, 'restored again');
    t.is((await signet.ok<RestoreResult>(['restore', 'latest', '--to', second])).files, 1, 'ours is the default now');
    t.regex(succeeded(t, await restic(place, recoveryKey, ['check', '--read-data'], {}, stock)), /no errors/);
  });
}
