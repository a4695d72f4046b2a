// Letting go of what no snapshot needs, with stock restic as the judge, and its locks and ours side by side.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import type { ExecutionContext } from 'ava';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { backUpFiles, expectWhole, pruneOnce, someFiles } from '../support/prune-kit.ts';
import { bench, drivenClock, fixedRandom, resticPassword, temporaryFolder } from '../support/repository.ts';
import { type Restic, succeeds, withRestic } from '../support/restic.ts';
import { withEachRestic } from '../support/stock-restic.ts';

const target = 4 * 1024 * 1024;
const hour = 3_600_000;

/** A folder that stock restic can judge. */
async function folderBench(t: ExecutionContext) {
  const path = await temporaryFolder(t);
  const place = await bench(t, { remote: createFolderRemote(path), packTargetBytes: target });
  return { ...place, path };
}

/** What restic has to say: nothing. */
function judge(t: ExecutionContext, restic: Restic, path: string): void {
  const out = succeeds(t, restic(path, ['check', '--read-data', '--no-lock']));
  t.regex(out, /no errors were found/);
  t.notRegex(out, /contained in several indexes|not referenced/);
}

async function keys(remote: Remote, folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of remote.list(folder)) found.push(key);
  return found.sort();
}

withRestic(
  'what a forgotten snapshot alone needed goes in two phases, and everything else stays readable',
  async (t, restic) => {
    const { remote, clock, path, ...place } = await folderBench(t);
    const repository = await place.create();
    const files = someFiles(1, { a: [900_000, 900_000], b: [300_000] });
    const first = await backUpFiles(repository, files);
    const kept = [];
    for (let n = 0; n < 4; n++) {
      files.set('a', [fixedRandom(50 + n)(800_000), ...(files.get('a') ?? []).slice(1)]);
      files.set(`c${n}`, [fixedRandom(60 + n)(2_500_000)]);
      kept.push(await backUpFiles(repository, new Map(files)));
    }
    const gone = kept.splice(1, 2).map(({ id }) => id);
    await repository.removeSnapshots([first.id, ...gone]);
    judge(t, restic, path);

    const packsBefore = await keys(remote, 'data');
    const before = repository.size().packBytes;
    const one = await pruneOnce(repository, clock.now());
    t.true(one.plan.drop.length + one.plan.repack.length > 0);
    t.is(one.deleted.length, 0);
    t.true(
      packsBefore.every(key => key !== ''),
      'listed',
    );
    t.true((await keys(remote, 'data')).length >= packsBefore.length, 'no pack was deleted');
    t.true(repository.size().packBytes < before);
    succeeds(t, restic(path, ['check', '--read-data', '--no-lock']));
    for (const each of kept) await expectWhole(repository, each);

    await clock.advance(47 * hour);
    const two = await pruneOnce(repository, clock.now(), one.notes);
    t.is(two.deleted.length, 0, 'still waiting');
    t.is(two.plan.drop.length + two.plan.repack.length, 0, 'nothing is done twice');
    await clock.advance(hour);
    const three = await pruneOnce(repository, clock.now(), two.notes);
    t.deepEqual(three.deleted.map(({ id }) => id).sort(), one.outcome.unnamed.map(({ id }) => id).sort());
    judge(t, restic, path);
    const other = await place.open();
    await other.refreshIndex();
    for (const each of kept) await expectWhole(other, each);
    t.deepEqual(await other.checkPacks(), []);
    t.deepEqual(repository.problems, []);
    await other.close();
    await repository.close();
  },
);

withEachRestic(
  'our exclusive lock keeps stock restic out, and its lock keeps us from deleting',
  async (t, { program }) => {
    const path = await temporaryFolder(t);
    const remote = createFolderRemote(path);
    // restic judges the age of locks by the clock of this computer.
    const place = await bench(t, { remote, clock: { ...drivenClock(), now: () => Date.now() } });
    const repository = await place.create();
    await backUpFiles(repository, someFiles(1, { a: [100_000] }));
    const env = { ...process.env, RESTIC_PASSWORD: resticPassword, RESTIC_REPOSITORY: path };
    const begin = () => spawn(program, ['--no-cache', 'backup', '--stdin'], { env, stdio: ['pipe', 'ignore', 'pipe'] });

    const lock = await repository.lock('exclusive');
    const refused = begin();
    refused.stdin.end('refused');
    let said = '';
    refused.stderr.on('data', chunk => {
      said += chunk;
    });
    const [status] = await once(refused, 'close');
    t.not(status, 0);
    t.regex(said, /locked exclusively/);
    await lock.release();

    const running = begin();
    while ((await keys(remote, 'locks')).length === 0) await new Promise(resolve => setImmediate(resolve));
    const error = await t.throwsAsync(repository.lock('exclusive'), { code: 'E_REPOSITORY_LOCKED' });
    t.like(error, { params: { hostname: hostname(), exclusive: false } });
    await (await repository.lock('shared')).release();
    t.is((await keys(remote, 'locks')).length, 1, 'what is not ours stays');
    running.stdin.end('let through');
    t.deepEqual(await once(running, 'close'), [0, null]);
    await (await repository.lock('exclusive')).release();
    await repository.close();
  },
);
