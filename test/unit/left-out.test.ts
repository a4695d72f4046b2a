// What settings and profiles leave out: named in the manifest, told on restore, and there again when they are changed back.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeManifest, encodeManifest } from '../../daemon/archive/manifest.ts';
import type { Manifest, Omission } from '../../daemon/archive/model.ts';
import { utf8 } from '../../daemon/base/bytes.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { asBlobId } from '../../daemon/repository/ids.ts';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { type ArchiveBench, archiveBench, type Run } from '../support/archive.ts';

const withVideos = rulesOf({ profile: 'whatsapp-android' });
const withoutVideos = rulesOf({ profile: 'whatsapp-android', leaveOut: ['video'] });
const holiday = randomBytes(40_000);

async function phone(t: ExecutionContext): Promise<ArchiveBench> {
  const made = await archiveBench(t);
  mkdirSync(join(made.root, 'Media', 'WhatsApp Video'), { recursive: true });
  mkdirSync(join(made.root, 'Media', 'WhatsApp Images'));
  writeFileSync(join(made.root, 'Media', 'WhatsApp Video', 'holiday.mp4'), holiday);
  writeFileSync(join(made.root, 'Media', 'WhatsApp Video', 'odd name'), randomBytes(5_000));
  writeFileSync(join(made.root, 'Media', 'WhatsApp Images', 'photo.jpg'), randomBytes(3_000));
  return made;
}

const ruledOut = (run: Run): readonly Omission[] =>
  (run.manifest.sources[0]?.omitted ?? []).filter(each => each.byRule !== undefined);
const isStored = ({ repository }: ArchiveBench, content: Uint8Array): boolean =>
  repository.has('data', asBlobId(sha256Hex(content)));

test('videos left out are not stored, are named with their sizes, and make the backup neither partial nor unsure', async t => {
  const made = await phone(t);
  const run = await made.backUp({ rules: withoutVideos });
  t.deepEqual(ruledOut(run), [
    { path: 'Media/WhatsApp Video/holiday.mp4', reason: 'video', byRule: { files: 1, bytes: 40_000 } },
    { path: 'Media/WhatsApp Video/odd name', reason: 'video', byRule: { files: 1, bytes: 5_000 } },
  ]);
  t.true(run.manifest.sources[0]?.complete);
  t.is(run.manifest.sources[0]?.files, 1);
  t.false(isStored(made, holiday));
});

test('a restore tells what is missing of the part that was asked for, and skips nothing', async t => {
  const made = await phone(t);
  const run = await made.backUp({ rules: withoutVideos });
  const video = { files: 2, bytes: 45_000 };
  t.deepEqual((await made.restore(run)).leftOut, { ...video, byReason: { video } });
  t.deepEqual((await made.restore(run, { dryRun: true })).leftOut, { ...video, byReason: { video } });
  const media = await made.restore(run, { include: [`${made.source.id}/Media`] });
  t.deepEqual(media.leftOut, { ...video, byReason: { video } });
  t.deepEqual(media.skipped, []);
  const images = await made.restore(run, { include: [`${made.source.id}/Media/WhatsApp Images`] });
  t.is(images.leftOut, undefined);
  t.false(existsSync(join(media.target, made.source.id, 'Media', 'WhatsApp Video', 'holiday.mp4')));
});

test('videos included again follow; the same choices and nothing new write nothing', async t => {
  const made = await phone(t);
  await made.backUp({ rules: withoutVideos });
  t.false((await made.backUp({ rules: withoutVideos })).changed);
  const again = await made.backUp({ rules: withVideos });
  t.true(again.changed);
  t.deepEqual(ruledOut(again), []);
  t.true(isStored(made, holiday));
  t.true(
    existsSync(join((await made.restore(again)).target, made.source.id, 'Media', 'WhatsApp Video', 'holiday.mp4')),
  );
  t.false((await made.backUp({ rules: withVideos })).changed);
});

test('leaving out most of what is there is a choice, not a loss', async t => {
  const made = await archiveBench(t);
  for (let n = 0; n < 20; n++) writeFileSync(join(made.root, `${n}.mp4`), randomBytes(100_000));
  writeFileSync(join(made.root, 'a.txt'), 'text');
  await made.backUp();
  const rules = rulesOf({ profile: 'generic', leaveOut: ['video'] });
  const after = await made.backUp({ rules });
  t.is(after.manifest.sources[0]?.carriedFrom, undefined);
  t.is(after.manifest.sources[0]?.files, 1);
  for (let n = 0; n < 20; n++) rmSync(join(made.root, `${n}.mp4`));
  t.false((await made.backUp({ rules })).changed, 'what is left out may go without notice');
});

test('what is left out and gone from the computer is no loss either, in folders or beside them', async t => {
  const made = await archiveBench(t);
  mkdirSync(join(made.root, 'trips', 'deep'), { recursive: true });
  for (let n = 0; n < 20; n++) writeFileSync(join(made.root, 'trips', 'deep', `${n}.mp4`), randomBytes(100_000));
  writeFileSync(join(made.root, 'a.txt'), 'text');
  await made.backUp();
  rmSync(join(made.root, 'trips'), { recursive: true });
  const after = await made.backUp({ rules: rulesOf({ profile: 'generic', leaveOut: ['video'] }) });
  t.true(after.changed);
  t.is(after.manifest.sources[0]?.carriedFrom, undefined);
});

test('a folder left out whole is one entry with what it holds, and noise is none', async t => {
  const made = await archiveBench(t);
  mkdirSync(join(made.root, 'old', 'deep'), { recursive: true });
  writeFileSync(join(made.root, 'old', 'a'), 'four');
  writeFileSync(join(made.root, 'old', 'deep', 'b'), 'sixsix');
  writeFileSync(join(made.root, 'x.lock'), '');
  writeFileSync(join(made.root, 'large.bin'), randomBytes(2_000));
  writeFileSync(join(made.root, 'kept'), 'x');
  const run = await made.backUp({ rules: rulesOf({ profile: 'generic', exclude: ['/old/'], maxFileBytes: 1_000 }) });
  t.deepEqual(ruledOut(run), [
    { path: 'large.bin', reason: 'too-large', byRule: { files: 1, bytes: 2_000 } },
    { path: 'old', reason: 'excluded', byRule: { files: 2, bytes: 10 } },
  ]);
});

test('thousands of files left out are listed by the folder they lie in', async t => {
  const made = await archiveBench(t);
  for (const folder of ['one', 'two']) {
    mkdirSync(join(made.root, folder));
    for (let n = 0; n < 1_001; n++) writeFileSync(join(made.root, folder, `${n}.mp4`), 'v');
  }
  const run = await made.backUp({ rules: rulesOf({ profile: 'generic', leaveOut: ['video'] }) });
  t.deepEqual(ruledOut(run), [
    { path: 'one', reason: 'video', byRule: { files: 1_001, bytes: 1_001 } },
    { path: 'two', reason: 'video', byRule: { files: 1_001, bytes: 1_001 } },
  ]);
});

test('a manifest with reasons of a later version can be read, and one of an early version, too', t => {
  const source = {
    id: 'generic-abcdefgh',
    profile: 'generic',
    label: 'chats',
    root: '/chats',
    capturedAt: '2026-11-23T09:00:00.000Z',
    complete: true,
    omitted: [{ path: 'a', reason: 'too-old-to-matter', byRule: { files: 1, bytes: 2 } }],
    databases: [],
    carriedFrom: { snapshot: 'aa', reason: 'on-holiday' },
  };
  const later: Manifest = { v: 1, device: '0011223344556677', sources: [source] };
  t.deepEqual(decodeManifest(encodeManifest(later)), later);
  for (const reason of ['', 'Not A Word', 'a'.repeat(65), 'line\nend']) {
    const odd = { ...later, sources: [{ ...source, omitted: [{ path: 'a', reason }] }] };
    t.throws(() => decodeManifest(utf8(JSON.stringify(odd))), { message: /manifest/ }, JSON.stringify(reason));
  }
});

test('how many videos there are is known whether they are kept or left out, also where nothing is new', async t => {
  const made = await phone(t);
  const videos = { files: 2, bytes: 45_000 };
  const videosIn = (run: Run) => [...run.news.values()].map(each => each.videos);
  t.deepEqual(videosIn(await made.backUp({ rules: withVideos })), [videos]);
  t.deepEqual(videosIn(await made.backUp({ rules: withVideos })), [videos], 'nothing new');
  t.deepEqual(videosIn(await made.backUp({ rules: withoutVideos })), [videos]);
  t.deepEqual(videosIn(await made.backUp({ rules: rulesOf({ profile: 'whatsapp-android', maxFileBytes: 10_000 }) })), [
    videos,
  ]);
  rmSync(join(made.root, 'Media', 'WhatsApp Video'), { recursive: true });
  t.deepEqual(videosIn(await made.backUp({ rules: withoutVideos })), [undefined]);
});

test('videos are told by folder and name, and nothing is read for it', t => {
  const { isVideo } = withVideos;
  const isOne = (path: string): boolean => isVideo(utf8(path));
  for (const path of ['a.mp4', 'x/B.MOV', 'Media/WhatsApp Video/no ending', 'media/whatsapp video/Private/a.bin']) {
    t.true(isOne(path), path);
  }
  for (const path of ['mp4', '.mp4', 'a.mp4.txt', 'Media/WhatsApp Images/a.mp4', 'My WhatsApp Video/a', 'a.jpg']) {
    t.false(isOne(path), path);
  }
});
