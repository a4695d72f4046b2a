// Stock restic, each version that there is, judges a place of copies in every state that Signet brings it into, by the command line and
// the real daemon; for forgetting and pruning by the real engine, under a clock that the test drives.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { treeOf } from '../support/archive.ts';
import { engineKit, sourceId } from '../support/engine-kit.ts';
import { type Installation, installation, password, phone } from '../support/installation.ts';
import { judge, type State } from '../support/judged-state.ts';
import { type StockRestic, withEachRestic } from '../support/stock-restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const newPassword = 'ablaze tidal frosty mango untie clock';

/** What each backup must give back, as it was when it was made. */
class Record {
  readonly contents = new Map<string, Map<string, Map<string, string>>>();
  /** Backs up and notes what lay in the source; nothing may change meanwhile. A backup that goes on by itself counts. */
  async backUp(signet: Installation): Promise<void> {
    await signet.ok(['backup']);
    const made = readdirSync(join(signet.remote, 'snapshots')).filter(id => !this.contents.has(id));
    for (const id of made) this.note(signet, id, await sourceOf(signet));
  }
  note(signet: Installation, snapshot: string, source: string): void {
    this.contents.set(snapshot, new Map([[source, treeOf(signet.source)]]));
  }
}

async function sourceOf(signet: Installation): Promise<string> {
  return (await signet.status()).sources[0]?.id ?? '';
}

function write(signet: Installation, name: string, bytes: Uint8Array | string): void {
  const path = join(signet.source, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, bytes);
}

/** A judge for one place under one key. */
function judgeOf(t: ExecutionContext, stock: StockRestic, record: Record) {
  return (name: string, repository: string, recoveryKey: string, changes: Partial<State> = {}) =>
    judge(t, stock, { name, repository, recoveryKey, contents: record.contents, ...changes });
}

withEachRestic('a place is sound when it is new, after several backups, and with two devices', async (t, stock) => {
  t.timeout(120_000);
  const record = new Record();
  const judged = judgeOf(t, stock, record);
  const signet = await installation(t);
  write(signet, 'a.txt', 'one');
  const { recoveryKey = '' } = await signet.setUp();
  await judged('set up', signet.remote, recoveryKey);

  write(signet, 'photos/harbour.jpg', randomBytes(900_000));
  write(signet, 'photos/empty', '');
  await record.backUp(signet);
  await judged('the first backup', signet.remote, recoveryKey);
  for (const round of [1, 2, 3]) {
    write(signet, 'a.txt', `round ${round} `.repeat(2000 * round));
    write(signet, `photos/${round}.jpg`, randomBytes(300_000));
    if (round === 2) rmSync(join(signet.source, 'photos', '1.jpg'));
    await record.backUp(signet);
  }
  await judged('several backups', signet.remote, recoveryKey);

  const other = await installation(t, { remote: signet.remote, settings: { deviceLabel: 'other' } });
  write(other, 'b.txt', 'from the other computer');
  await other.setUp();
  await record.backUp(other);
  write(signet, 'a.txt', 'once more');
  await record.backUp(signet);
  await judged('two devices', signet.remote, recoveryKey, { wholly: true });
});

withEachRestic('a place is sound when a backup was cut off, and when it was gone on with', async (t, stock) => {
  t.timeout(120_000);
  const record = new Record();
  const judged = judgeOf(t, stock, record);
  const signet = await installation(t);
  write(signet, 'a.txt', 'one');
  const { recoveryKey = '' } = await signet.setUp();
  await record.backUp(signet);

  const packs = () => {
    const data = join(signet.remote, 'data');
    return existsSync(data)
      ? readdirSync(data, { recursive: true }).filter(name => /[0-9a-f]{64}$/.test(`${name}`))
      : [];
  };
  const before = packs().length;
  write(signet, 'video.mp4', randomBytes(48_000_000));
  const pid = await signet.daemonPid();
  const backup = signet.start(['backup', '--json']);
  while (packs().length === before) await pause(2);
  process.kill(pid ?? 0, 'SIGKILL');
  await signet.killDaemon();
  backup.kill('SIGKILL');
  t.is(readdirSync(join(signet.remote, 'snapshots')).length, 1, 'it was cut off before its snapshot');
  for (const lock of readdirSync(join(signet.remote, 'locks'))) rmSync(join(signet.remote, 'locks', lock));
  await judged('a backup that was cut off', signet.remote, recoveryKey, { wholly: true });

  await signet.ok(['unlock'], { password });
  await record.backUp(signet);
  await judged('gone on with', signet.remote, recoveryKey);
});

withEachRestic(
  'a place is sound after its password and its recovery key were changed, and afresh',
  async (t, stock) => {
    t.timeout(120_000);
    const record = new Record();
    const judged = judgeOf(t, stock, record);
    const signet = await installation(t);
    write(signet, 'a.txt', 'one');
    const { recoveryKey = '' } = await signet.setUp();
    await record.backUp(signet);

    await signet.ok(['password', 'change'], { password, newPassword });
    await judged('the password changed', signet.remote, recoveryKey);
    const renewed = await signet.ok<{ recoveryKey: string }>(['recovery-key', 'renew'], { password: newPassword });
    write(signet, 'a.txt', 'two');
    await record.backUp(signet);
    await judged('the recovery key renewed', signet.remote, renewed.recoveryKey);

    const fresh = await signet.ok<{ remote: string; recoveryKey: string }>(['fresh'], {
      password: newPassword,
      newPassword: password,
      phone,
    });
    const place = fresh.remote.replace(/^folder:/, '');
    const [first] = readdirSync(join(place, 'snapshots'));
    const begun = new Record();
    begun.note(signet, first ?? '', await sourceOf(signet));
    await judged('the old place after starting afresh', signet.remote, renewed.recoveryKey);
    await judged('afresh', place, fresh.recoveryKey, { contents: begun.contents, wholly: true });
  },
);

withEachRestic(
  'a place is sound after forgetting, after each step of pruning, and with an index that was repaired',
  async (t, stock) => {
    t.timeout(120_000);
    // The engine alone: 48 hours pass on a clock that the test drives.
    const place = await temporaryFolder(t);
    const kit = await engineKit(t, () => createFolderRemote(place));
    const contents = new Map<string, Map<string, Map<string, string>>>();
    const recoveryKey = Buffer.from(kit.recoveryKey()).toString('hex');
    const judged = (name: string, wholly = false) =>
      judge(t, stock, { name, repository: place, recoveryKey, contents, wholly });
    const backUp = async (files: { readonly [name: string]: Uint8Array | string }): Promise<string> => {
      for (const [name, bytes] of Object.entries(files)) writeFileSync(join(kit.source, name), bytes);
      const { snapshot = '' } = await kit.backUp();
      contents.set(snapshot, new Map([[sourceId, treeOf(kit.source)]]));
      return snapshot;
    };
    const first = await backUp({ 'kept.jpg': randomBytes(700_000), 'photo.jpg': randomBytes(900_000), 'a.txt': 'one' });
    const second = await backUp({ 'photo.jpg': randomBytes(800_000), 'a.txt': 'two' });
    await backUp({ 'photo.jpg': randomBytes(600_000), 'b.txt': 'three' });

    await kit.forget({ snapshots: [first, second] });
    for (const id of [first, second]) contents.delete(id);
    await judged('forgotten', true);

    const order = { isSynced: false, dryRun: false, mayDelete: true };
    const prune = (notes: engine.PruneOrder['notes']) =>
      kit.connection.sendRequest(engine.prune, { ...order, witness: kit.witness, notes });
    const { notes, packsDropped } = await prune({});
    t.true(packsDropped > 0);
    await judged('what nobody needs taken out of the index');

    await backUp({ 'c.txt': 'between the two steps' });
    await kit.clock.advance(48 * 3_600_000);
    t.is((await prune(notes)).packsDeleted, packsDropped);
    await judged('pruned', true);

    await backUp({ 'd.txt': 'after it' });
    const index = join(place, 'index');
    for (const name of readdirSync(index)) rmSync(join(index, name));
    const repaired = await kit.connection.sendRequest(engine.repairIndex, { dryRun: false });
    t.true(repaired.packsAdded > 0);
    await judged('all indexes lost, and repaired');

    await backUp({ 'e.txt': 'gone on' });
    await judged('gone on with after that', true);
  },
);
