// Several sources of one backup, and what of them is left out: by the commands a person types, with the real daemon behind them.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { BackupResult, FoundSource, RestoreResult, SourceStatus, SyncedFolder } from '../../protocol/status.ts';
import { type Installation, installation } from '../support/installation.ts';

const session = '50a7220d-7250-46f3-b38e-b716ce25032e';

function write(file: string, content: string | Uint8Array = 'x'): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
}

/** Names of the files that came back, per source, and what was said of the rest. */
async function restored(
  signet: Installation,
  name: string,
): Promise<{ files: readonly string[]; result: RestoreResult }> {
  const target = join(signet.folder, name);
  const result = await signet.ok<RestoreResult>(['restore', 'latest', '--to', target]);
  const files = readdirSync(target, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter(each => each.isFile())
    .map(each => each.name)
    .sort();
  return { files, result };
}

test.serial('sources are added, listed, changed and removed; each is in the next backup', async t => {
  t.timeout(180_000);
  const signet = await installation(t);
  write(join(signet.source, 'first.txt'));
  await signet.setUp();
  const other = join(signet.folder, 'sessions');
  write(join(other, '-x', `${session}.jsonl`), '{"sessionId":"5","type":"user"}\n');

  const added = await signet.ok<SourceStatus>(['sources', 'add', other, '--label', 'Work']);
  t.like(added, { profile: 'claude-code', label: 'Work', root: other });
  const twice = await signet.signet(['sources', 'add', other]);
  t.deepEqual([twice.code, twice.errorCode()], [2, 'E_USAGE']);
  await signet.ok(['backup']);
  t.deepEqual((await restored(signet, 'one')).files, [`${session}.jsonl`, 'first.txt']);
  const [, listed] = await signet.ok<readonly SourceStatus[]>(['sources', 'list']);
  t.is(listed?.messages, 1);

  t.deepEqual(await signet.ok(['sources', 'remove', 'work']), { removed: added.id });
  write(join(signet.source, 'second.txt'));
  await signet.ok(['backup']);
  t.deepEqual((await restored(signet, 'two')).files, ['first.txt', 'second.txt']);
  t.is((await signet.ok<readonly SourceStatus[]>(['sources', 'list'])).length, 1);
  t.is((await signet.snapshots()).length, 2, 'the backup of the removed source is still there');
  t.is((await signet.signet(['sources', 'remove', 'work'])).code, 2);
  t.is((await signet.signet(['sources', 'accept', 'chats'])).code, 2, 'nothing was lost');
});

test.serial('without videos no byte of them leaves; what is missing is named, and on again they follow', async t => {
  t.timeout(180_000);
  const signet = await installation(t);
  const video = Buffer.alloc(300_000, 7);
  write(join(signet.source, 'letter.txt'), 'hello');
  write(join(signet.source, 'holiday.mp4'), video);
  write(join(signet.source, 'bare-id'), Buffer.concat([Buffer.from('000000206674797069736f6d', 'hex'), video]));
  write(join(signet.source, 'large.bin'), Buffer.alloc(60_000, 9));
  write(join(signet.source, 'drafts', 'x.txt'));
  await signet.setUp(['--no-videos', '--max-size', '50kB', '--exclude', 'drafts/']);
  const first = await signet.ok<BackupResult>(['backup']);
  t.true(first.bytesRead < 1000, `${first.bytesRead} bytes were read`);
  t.deepEqual(first.filesUnreadable, []);
  const without = await restored(signet, 'without');
  t.deepEqual(without.files, ['letter.txt']);
  t.is(without.result.leftOut?.byReason['video']?.files, 2);
  const [listed] = await signet.ok<readonly SourceStatus[]>(['sources', 'list']);
  t.like(listed, { leaveOut: ['video'], maxFileBytes: 50_000, excludes: 1 });
  t.is(listed?.leftOut?.files, 4);

  const id = listed?.id ?? '';
  const bad = await signet.signet(['sources', 'change', id, '--exclude', 'a[']);
  t.is(bad.code, 2);
  t.regex(bad.err, /a\[/);
  const changed = await signet.ok<SourceStatus>(['sources', 'change', id, '--videos', '--no-max-size', '--no-exclude']);
  t.deepEqual([changed.leaveOut, changed.maxFileBytes, changed.excludes], [undefined, undefined, undefined]);
  await signet.ok(['backup']);
  const all = await restored(signet, 'all');
  t.deepEqual(all.files, ['bare-id', 'holiday.mp4', 'large.bin', 'letter.txt', 'x.txt']);
  t.is(all.result.leftOut, undefined);
  t.is(readFileSync(join(signet.folder, 'all', id, 'holiday.mp4')).compare(video), 0);
});

test.serial('a source that shrank is held back until its owner says that it was meant', async t => {
  t.timeout(180_000);
  const signet = await installation(t);
  const name = (n: number): string => `letter-${String(n).padStart(2, '0')}`;
  const all = Array.from({ length: 20 }, (_, n) => name(n));
  for (const file of all) write(join(signet.source, file));
  await signet.setUp();
  await signet.ok(['backup']);
  for (const file of all.slice(5)) rmSync(join(signet.source, file));
  await signet.signet(['backup']);
  const [shrunk] = (await signet.status()).notices;
  t.is(shrunk?.kind, 'shrunk');
  t.deepEqual((await restored(signet, 'held')).files, all);

  await signet.ok(['sources', 'accept', 'chats']);
  t.deepEqual((await signet.status()).notices, []);
  await signet.ok(['backup']);
  t.deepEqual((await restored(signet, 'taken')).files, all.slice(0, 5));
  t.is((await signet.signet(['sources', 'accept', 'chats'])).code, 2, 'once said, once used');
});

test.serial('chats on this computer are found, and a folder that another app uploads is told as that', async t => {
  t.timeout(180_000);
  const home = await installation(t).then(each => each.folder);
  const dropbox = join(home, 'Dropbox');
  mkdirSync(dropbox);
  write(join(home, '.claude', 'projects', '-x', `${session}.jsonl`), '{"sessionId":"5"}\n');
  write(join(home, '.config', 'Signal', 'sql', 'db.sqlite'), 'sealed');
  write(join(home, '.config', 'Signal', 'config.json'), '{}');
  const environment = { HOME: home, XDG_CONFIG_HOME: '', CLAUDE_CONFIG_DIR: '', CODEX_HOME: '' };
  const signet = await installation(t, { environment, remote: join(dropbox, 'Copies') });
  const before = await signet.ok<{ sources: readonly FoundSource[]; places: readonly SyncedFolder[] }>([
    'sources',
    'discover',
  ]);
  t.deepEqual(
    before.sources.map(each => [each.profile, each.files, each.isAdded, each.opensOnlyHere]),
    [
      ['signal-desktop', 2, false, true],
      ['claude-code', 1, false, undefined],
    ],
  );
  t.deepEqual(before.places, [{ app: 'Dropbox', path: dropbox }]);

  await signet.ok(
    ['setup', '--source', 'claude-code', '--source', 'signal-desktop', '--remote', `folder:${signet.remote}`],
    {
      password: 'ostrich velvet canyon 42 mosaic',
      phone: '+14155550123',
    },
  );
  await signet.ok(['backup']);
  const status = await signet.status();
  t.is(status.remote?.synced, 'Dropbox');
  t.deepEqual(
    status.sources.map(each => [each.profile, each.opensOnlyHere]),
    [
      ['claude-code', undefined],
      ['signal-desktop', true],
    ],
  );
  const after = await signet.ok<{ sources: readonly FoundSource[] }>(['sources', 'discover']);
  t.true(after.sources.every(each => each.isAdded));

  // As a version left it that did not look, or before the app was there.
  await signet.killDaemon();
  const file = join(signet.home, 'config', 'settings.json');
  const settings = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...settings, syncedBy: null }));
  await signet.until('it is found at the next start', ({ remote }) => remote?.synced === 'Dropbox');
  t.like(JSON.parse(readFileSync(file, 'utf8')), { syncedBy: 'Dropbox' });
});
