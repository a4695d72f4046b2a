// What a person at the command line is told when the cloud was tampered with: exit statuses, alarms, and that unlocking does not depend on it.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackupResult, RestoreResult, VerifyResult } from '../../protocol/status.ts';
import { installation, password } from '../support/installation.ts';
import { row } from '../support/rows.ts';

/** Files below a folder of the cloud, largest first. */
function objects(remote: string, folder: string): readonly string[] {
  return readdirSync(join(remote, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort((a, b) => readFileSync(b).length - readFileSync(a).length);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

row(17, 'a tampered cloud is told by exit statuses and alarms, while everything that is whole goes on', async t => {
  t.timeout(120_000);
  const signet = await installation(t);
  const { source, remote, folder } = signet;
  writeFileSync(join(source, 'a.txt'), 'one '.repeat(20));
  await signet.setUp();
  await signet.ok(['backup']);

  const [vault = ''] = objects(remote, 'signet/vault');
  const whole = readFileSync(vault);
  flip(vault, 60);
  await signet.ok(['lock']);
  await signet.ok(['unlock'], { password });
  const lockCheck = await signet.signet(['verify']);
  t.is(lockCheck.code, 17);
  t.true(lockCheck.json<VerifyResult>().problems.some(({ code }) => code === 'E_VAULT_CORRUPT'));
  writeFileSync(vault, whole);
  await signet.ok(['verify', '--read-data']);

  for (const pack of objects(remote, 'data')) {
    for (let at = 10; at < readFileSync(pack).length; at += 30) flip(pack, at); // the smallest blob takes more
  }
  const restored = await signet.signet(['restore', 'latest', '--to', join(folder, 'back')]);
  t.is(restored.code, 3, restored.err); // the trees are in the cache of this computer
  const { files, skipped } = restored.json<RestoreResult>();
  t.is(files, 0);
  t.true(skipped.some(({ path }) => path.endsWith('/a.txt')));
  for (const { code } of skipped) t.is(code, 'E_OBJECT_AUTH'); // the manifest may be among them, or still be in memory
  const checked = await signet.signet(['verify', '--read-data']);
  t.is(checked.code, 1);
  const { ok, problems } = checked.json<VerifyResult>();
  t.false(ok);
  for (const pack of objects(remote, 'data'))
    t.true(
      problems.some(({ object }) => pack.endsWith(object)),
      pack,
    );
  t.is((await signet.signet(['verify'])).code, 0, 'without reading the data nothing of this shows');

  writeFileSync(join(source, 'b.txt'), 'two');
  t.deepEqual((await signet.ok<BackupResult>(['backup'])).alarms, []);
  t.is((await signet.signet(['status'])).code, 0);

  for (const head of objects(remote, 'signet/heads')) rmSync(head);
  writeFileSync(join(source, 'c.txt'), 'three');
  const { snapshot, alarms } = await signet.ok<BackupResult>(['backup']);
  t.deepEqual([snapshot !== undefined, alarms.map(({ code }) => code)], [true, ['E_ROLLBACK']]);
  const status = await signet.signet(['status']);
  t.is(status.code, 17);
  t.is(objects(remote, 'snapshots').length, 3, 'nothing was removed');
});
