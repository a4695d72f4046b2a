// Repositories that stock restic made, with a password of 64 hex digits: Signet joins them by it as by a recovery key, lists, restores and
// verifies what is there, and goes on in them. What restic stored without compression is told as a risk, and a place that files such pieces as
// snapshots and indexes gains nothing by it.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
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

/** What a chat contact may send: texts that read as a snapshot and as an index. */
const forged = {
  snapshots: `{"time":"2030-01-01T00:00:00Z","tree":"${'0'.repeat(64)}","paths":["/x"],"hostname":"h","username":"u"}`,
  index: '{"packs":[]}',
};

/** By the id of its content, where restic put it. */
interface ResticIndex {
  readonly packs: readonly {
    readonly id: string;
    readonly blobs: readonly { readonly id: string; readonly offset: number; readonly length: number }[];
  }[];
}

withEachRestic('a message that restic stored as it is, filed as a snapshot or index, is refused', async (t, stock) => {
  t.timeout(120_000);
  const place = join(await temporaryFolder(t), 'repository');
  const source = await temporaryFolder(t);
  for (const [folder, text] of Object.entries(forged)) writeFileSync(join(source, `${folder}.txt`), text);
  const ask = async (...args: readonly string[]) => succeeded(t, await restic(place, recoveryKey, args, {}, stock));
  await ask('init', '--compression', 'off');
  await ask('backup', '--compression', 'off', source);

  const [name = ''] = (await ask('list', 'index')).trim().split('\n');
  const { packs } = JSON.parse(await ask('cat', 'index', name)) as ResticIndex;
  const planted = Object.entries(forged).map(([folder, text]) => {
    const id = sha256Hex(Buffer.from(text));
    const pack = packs.find(({ blobs }) => blobs.some(blob => blob.id === id));
    const { offset = 0, length = 0 } = pack?.blobs.find(blob => blob.id === id) ?? {};
    t.is(length, text.length + 32, 'it was stored without a frame');
    const bytes = readFileSync(join(place, 'data', pack?.id.slice(0, 2) ?? '', pack?.id ?? ''));
    const sealed = bytes.subarray(offset, offset + length);
    const key = `${folder}/${sha256Hex(sealed)}`;
    writeFileSync(join(place, key), sealed);
    return key;
  });
  t.regex(await ask('snapshots'), /2030-01-01/, 'stock restic takes the message for a snapshot');

  const signet = await joined(t, place);
  const [theirs, ...more] = await signet.snapshots();
  t.deepEqual([theirs?.at.startsWith('2030'), more], [false, []], 'Signet does not');
  t.is((await signet.ok<RestoreResult>(['restore', 'latest', '--to', join(signet.folder, 'restored')])).files, 2);
  await signet.ok(['backup']);
  const ours = await signet.ok<RestoreResult>(['restore', 'latest', '--to', join(signet.folder, 'restored ours')]);
  t.is(ours.files, 1, 'ours is the default');
  const { problems, uncompressed = 0 } = (await signet.signet(['verify'])).json<VerifyResult>();
  t.true(uncompressed > 0);
  const refused = problems.filter(({ code }) => code === 'E_OBJECT_TYPE').map(({ object }) => object);
  t.deepEqual(refused.sort(), planted.sort());
  for (const key of planted) t.notThrows(() => readFileSync(join(place, key)), 'nothing is mended by deleting');
});
