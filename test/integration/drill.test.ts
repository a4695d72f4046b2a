// Trial restores of a whole Signet: what comes back whole is proven, damage in the place is told with the app that it concerns, and nothing of
// the trial is left on this computer, whatever ended it.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import type { DrillResult, Status, VerifyResult } from '../../protocol/status.ts';
import { generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { type Installation, installation, password } from '../support/installation.ts';

test.serial('a trial restore proves a good backup, and says so from then on', async t => {
  t.timeout(180_000);
  const signet = await installation(t);
  const { database } = generateWhatsApp(signet.source, { seed: 'drill', datedCopies: 0 });
  await signet.setUp();
  await signet.ok(['backup']);
  t.is((await signet.status()).lastDrill, undefined);

  const result = await signet.ok<DrillResult>(['drill']);
  t.true(result.ok);
  t.deepEqual(result.problems, []);
  const [source] = result.sources;
  t.is(result.sources.length, 1);
  t.true((source?.files ?? 0) > 5, 'files beside the database');
  const [tried] = result.databases;
  t.is(result.databases.length, 1, 'at most one database of each source');
  t.is(tried?.check, 'ok');
  t.is(tried?.messages, messagesIn(database), 'counted in what came back');
  t.is(tried?.messages, tried?.messagesThen);
  nothingIsLeft(t.is, signet);

  const { lastDrill } = await signet.status();
  t.like(lastDrill, { ok: true, snapshot: result.snapshot, databases: 1, provenAt: result.at });
  const words = await say(signet, ['drill', String(source?.id)]);
  t.regex(words, /^Proven restorable: 1 database and \d+ files came back whole\.\n$/);
  t.regex(await say(signet, ['status']), /Restorable +proven, tried/);
  t.is((await signet.signet(['drill', 'generic-aaaaaaaa'])).errorCode(), 'E_NOT_FOUND');
});

test.serial(
  'a flipped byte in the place is found by the trial and by reading, with the app that it concerns',
  async t => {
    t.timeout(180_000);
    const signet = await installation(t);
    writeFileSync(join(signet.source, 'chat.txt'), 'kept for good');
    await signet.setUp();
    await signet.ok(['backup']);
    const damaged = join(signet.folder, 'other-app');
    mkdirSync(damaged);
    writeFileSync(join(damaged, 'photo.jpg'), randomBytes(3 << 20));
    const before = new Set(packsOf(signet));
    const other = await signet.ok<{ id: string }>(['sources', 'add', damaged, '--label', 'Other App']);
    await signet.ok(['backup']);
    const [pack = ''] = packsOf(signet)
      .filter(path => !before.has(path))
      .toSorted((a, b) => statSync(b).size - statSync(a).size);
    flip(pack, 1 << 20);

    const ran = await signet.signet(['drill']);
    t.is(ran.code, 3, `an older backup is whole: ${ran.err}`);
    const result = ran.json<DrillResult>();
    t.false(result.ok);
    t.deepEqual(result.sources.map(({ label, ok }) => [label, ok]).toSorted(), [
      ['Other App', false],
      ['chats', true],
    ]);
    t.true(result.problems.length > 0);
    t.true(result.problems.every(({ path, code }) => path.startsWith(`${other.id}/`) && code === 'E_OBJECT_AUTH'));
    t.not(result.older, undefined);
    nothingIsLeft(t.is, signet);

    const status = await signet.status();
    t.like(status.lastDrill, { ok: false, failed: [other.id], code: 'E_OBJECT_AUTH', provenAt: result.older?.at });
    t.deepEqual(noticed(status), [[other.id, 'Other App']]);
    t.regex(
      await say(signet, ['drill'], 3),
      /^A trial restore of Other App failed: .*\nThe backup made .* came back whole\.\nDetails:/,
    );

    const verified = await signet.signet(['verify', '--read-data']);
    t.is(verified.code, 1);
    t.deepEqual(verified.json<VerifyResult>().affected, [{ id: other.id, label: 'Other App' }]);
    t.regex(await say(signet, ['verify', '--read-data'], 1), /Affected: Other App\./);
    t.is((await signet.status()).lastVerified?.problems, verified.json<VerifyResult>().problems.length);

    // Of one app alone nothing is said about the other.
    const [first] = (await signet.status()).sources;
    await signet.ok(['drill', String(first?.id)]);
    t.like((await signet.status()).lastDrill, { ok: false, failed: [other.id] });
  },
);

test.serial('nothing of a trial is left when the daemon is killed in the middle, or when it is stopped', async t => {
  t.timeout(180_000);
  const signet = await installation(t);
  for (let index = 0; index < 150; index++) writeFileSync(join(signet.source, `${index}.bin`), randomBytes(1 << 20));
  await signet.setUp();
  await signet.ok(['backup']);
  const staging = join(signet.home, 'state', 'staging');

  const child = signet.start(['drill', '--json']);
  const isUnderWay = (): boolean => existsSync(staging) && readdirSync(staging).some(name => name.includes('drill-'));
  while (!isUnderWay()) await pause(2);
  t.is(statSync(staging).mode & 0o777, 0o700);
  t.is(statSync(join(staging, readdirSync(staging)[0] ?? '')).mode & 0o777, 0o700);
  await signet.killDaemon();
  child.kill();
  t.true(readdirSync(staging).length > 0, 'killed in the middle of it');
  await signet.ok(['unlock'], { password });
  nothingIsLeft(t.is, signet);
  t.is((await signet.status()).lastDrill, undefined);

  const stopped = signet.signet(['drill']);
  while (!isUnderWay()) await pause(2);
  await signet.ok(['cancel']);
  t.is((await stopped).code, 130);
  nothingIsLeft(t.is, signet);
  t.is((await signet.status()).lastDrill, undefined, 'one that was stopped proves and disproves nothing');
});

test.serial('verifying tells when what this computer remembers of the place was changed by someone else', async t => {
  t.timeout(180_000);
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'chat.txt'), 'kept for good');
  await signet.setUp();
  await signet.ok(['backup']);
  await signet.ok(['verify']);
  const witness = join(signet.home, 'state', 'trust.json');
  const text = readFileSync(witness, 'utf8');
  writeFileSync(witness, text.replace(/\\"seq\\":1\b/, '\\"seq\\":0'));
  t.not(readFileSync(witness, 'utf8'), text);
  const ran = await signet.signet(['verify']);
  t.is(ran.code, 1);
  t.like(ran.json<VerifyResult>().problems[0], { object: 'trust.json', code: 'E_STATE_CORRUPT' });
});

function nothingIsLeft(is: (value: unknown, expected: unknown) => unknown, { home }: Installation): void {
  is(readdirSync(join(home, 'state', 'staging')).length, 0);
}

function noticed({ notices }: Status): readonly unknown[] {
  return notices.filter(({ kind }) => kind === 'drill-failed').map(({ source, params }) => [source, params['app']]);
}

function packsOf({ remote }: Installation): readonly string[] {
  return readdirSync(join(remote, 'data'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
}

function flip(path: string, at: number): void {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
  closeSync(file);
}

/** What it prints for people. */
async function say(signet: Installation, args: readonly string[], code = 0): Promise<string> {
  const child = signet.start(args);
  let out = '';
  child.stdout?.on('data', chunk => {
    out += chunk;
  });
  const ended = await new Promise(resolve => child.once('close', resolve));
  if (ended !== code) throw new Error(`signet ${args.join(' ')} ended with ${ended}: ${out}`);
  return out;
}

function messagesIn(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(database.prepare('SELECT count(*) AS n FROM message').get()?.['n']);
  } finally {
    database.close();
  }
}
