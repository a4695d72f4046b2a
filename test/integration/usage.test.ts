// Mistakes, made on purpose with the real daemon behind the command line: each ends with its exit code and a sentence that says what to do,
// and changes nothing.

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { resolveSnapshot } from '../../daemon/jobs/history.ts';
import type { Snapshot, SnapshotId } from '../../daemon/repository/model.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { BackupResult, Status } from '../../protocol/status.ts';
import { treeOf } from '../support/archive.ts';
import { type Installation, installation, password, phone, withoutPower } from '../support/installation.ts';

interface Mistake {
  readonly args: readonly string[];
  readonly secrets?: object;
  /** Wrong use unless said otherwise. */
  readonly code?: ErrorCode;
  readonly exit?: number;
  /** What the sentences must hold, so that the person knows what to do. */
  readonly says: RegExp;
}

/** Words of the trade that nobody should have to know; options and commands are named as they are. */
const trade =
  /(?<![-`/\w])(?:vault|repository|blob|packs?|heads?|daemon|kdf|remote|undefined|null|NaN)\b|E_[A-Z]|\n {4}at |\.ts\b/i;

async function make(t: ExecutionContext, signet: Installation, mistakes: readonly Mistake[]): Promise<void> {
  for (const { args, secrets, code = 'E_USAGE', exit = 2, says } of mistakes) {
    const what = `signet ${args.join(' ')} ${Object.keys(secrets ?? {})}`;
    const ran = await signet.signet(args, secrets);
    t.is(ran.code, exit, `${what}: ${ran.err}${ran.out.slice(-300)}`);
    t.is(ran.errorCode(), code, what);
    const { message, advice } = JSON.parse(ran.err).error as { message: string; advice: string };
    t.regex(`${message} ${advice}`, says, what);
    t.regex(message, /^["“/A-Z0-9-].*[.?]$/s, what);
    t.notRegex(`${message} ${advice}`, trade, what);
  }
}

/** What a terminal shows of a failure, without --json. */
async function shown(signet: Installation, args: readonly string[]): Promise<string> {
  const child = signet.start(args);
  let err = '';
  child.stderr?.on('data', chunk => {
    err += chunk;
  });
  await new Promise(done => child.once('close', done));
  return err;
}

test('every mistake before set-up says what to do, and nothing comes into being', async t => {
  t.timeout(150_000);
  const signet = await installation(t);
  const { source, remote, folder } = signet;
  writeFileSync(join(source, 'a.txt'), 'one');
  const file = join(folder, 'file');
  writeFileSync(file, 'x');
  const other = join(folder, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'letter.txt'), 'theirs');
  const before = treeOf(other);
  const both = { password, phone };
  const place = `folder:${remote}`;
  const setup = (from: string, to: string, secrets: object | undefined = both, ...more: readonly string[]) => ({
    args: ['setup', '--source', from, '--remote', to, ...more],
    ...(secrets !== undefined && { secrets }),
  });
  await make(t, signet, [
    { args: ['bakup'], says: /Did you mean backup\?/ },
    { args: ['fly'], says: /signet --help/ },
    { args: ['backup', '--fast'], says: /'--fast'\. See `signet backup --help`/ },
    { args: ['restore', 'latest'], says: /add --to <dir>/ },
    { args: ['cat', 'latest'], says: /'path'/ },
    { args: ['setup', '--remote', place], secrets: both, says: /--source is missing: name a folder/ },
    { args: ['setup', '--source', source], secrets: both, says: /add --remote <spec>/ },
    { args: setup(source, place).args, says: /password is missing.*--password-stdin or --secrets-stdin/ },
    { ...setup(source, place, { password }), says: /phone number is missing.*--phone/ },
    { ...setup(source, place, { phone }), says: /password is missing.*--password-stdin/ },
    { ...setup(source, 'ftp:/somewhere'), says: /give folder:/ },
    { ...setup(source, '/somewhere'), says: /such as folder:/ },
    { ...setup(source, 'folder:'), says: /such as folder:/ },
    { ...setup(join(folder, 'absent'), place), says: /absent cannot be backed up: it is not there/ },
    { ...setup('not/there', place), says: /not\/there cannot be backed up: it is not there/ },
    { ...setup(file, place), says: /file cannot be backed up: it is a file\. Give the folder/ },
    { ...setup('nosuchprofile', place), says: /Apps it knows: .*generic/ },
    { ...setup(source, `folder:${source}/copies`), says: /copies, lies inside the folder of the chats/ },
    { ...setup(source, `folder:${source}`), says: /are the same/ },
    { ...setup(other, `folder:${folder}`), says: /other, lies inside the folder of the copies/ },
    { ...setup(signet.home, place), says: /Signet itself/ },
    { ...setup(source, `folder:${signet.home}/state/copies`), says: /Signet itself/ },
    { ...setup(source, `folder:${file}`), says: /is a file: give a folder/ },
    { ...setup(source, `folder:${folder}/no/such/disk`), says: /connect its disk/ },
    { ...setup(source, `folder:${other}`), code: 'E_TARGET_NOT_EMPTY', exit: 1, says: /Choose another/ },
    { ...setup(source, place, { password, phone: '4155550123' }), code: 'E_PHONE_FORM', says: /starts with \+/ },
    { ...setup(source, place, { password, phone: '+1' }), code: 'E_PHONE_FORM', says: /starts with \+/ },
    { ...setup(source, place, { password, phone: '+999123456789' }), code: 'E_PHONE_FORM', says: /country code/ },
    { ...setup(source, place, { password: 'password1', phone }), code: 'E_WEAK_PASSWORD', says: /Add a word/ },
    { ...setup(source, place, { password: 'tab\tin it', phone }), code: 'E_PASSWORD_FORM', says: /letters, digits/ },
    { ...setup(source, place, { ...both, colour: 'red' }), says: /only password, / },
    { ...setup(source, place, both, '--phone', phone), says: /given twice/ },
    { ...setup(source, place, both, '--schedule', 'hourly'), says: /never, manual, daily/ },
    {
      args: ['setup', '--remote', place, '--read-only'],
      secrets: { recoveryKey: '7'.repeat(64) },
      says: /no backup in this place yet/,
    },
    { args: ['status', '--max-age', '26h'], says: /needs --check/ },
    { args: ['status', '--check', '--max-age', 'yesterday'], says: /such as 26h/ },
    { args: ['verify', '--read-data', '0'], says: /0\.001 to 100/ },
    { args: ['schedule', 'often'], says: /never, manual, daily/ },
    ...[['backup'], ['snapshots'], ['ls', 'latest'], ['cat', 'latest', 'x'], ['verify'], ['schedule', 'never']].map(
      args => ({ args, code: 'E_NOT_SET_UP' as const, exit: 10, says: /signet setup/ }),
    ),
    {
      args: ['restore', 'latest', '--to', join(folder, 'back')],
      code: 'E_NOT_SET_UP',
      exit: 10,
      says: /signet setup/,
    },
  ]);
  const status = await signet.signet(['status']);
  t.deepEqual([status.code, status.json<Status>().vault], [10, 'absent']);
  t.regex(await shown(signet, ['backup']), /^Signet is not set up on this computer\.\nRun `signet setup`\.\n$/);
  const excess = await shown(signet, ['unlock', 'a password where none belongs']);
  t.notRegex(excess, /belongs/, 'what may be a secret is not repeated');
  t.deepEqual(treeOf(other), before);
  t.deepEqual(existsSync(remote) ? readdirSync(remote) : [], [], 'a weak password may leave the empty folder');
});

test('every mistake after set-up says what to do, and changes nothing', async t => {
  t.timeout(150_000);
  const signet = await installation(t);
  const { source, remote, folder } = signet;
  writeFileSync(join(source, 'a.txt'), 'one');
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);
  const other = join(folder, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'letter.txt'), 'theirs');
  const before = [treeOf(source), treeOf(remote), treeOf(other)];
  const to = (target: string, ...more: readonly string[]) => ['restore', 'latest', '--to', target, ...more];
  const free = join(folder, 'free');
  const notFound = { code: 'E_NOT_FOUND', exit: 1 } as const;
  const notEmpty = { code: 'E_TARGET_NOT_EMPTY', exit: 1, says: /Choose another/ } as const;
  await make(t, signet, [
    {
      args: ['setup', '--source', source, '--remote', `folder:${remote}`],
      secrets: { password, phone },
      code: 'E_ALREADY_SET_UP',
      says: /Nothing was changed/,
    },
    { args: to(source), says: /are the same.*choose another/ },
    { args: to(join(source, 'back')), says: /lies inside the folder of the chats.*choose another/ },
    { args: to(join(remote, 'back')), says: /lies inside the folder of the copies.*choose another/ },
    { args: to(join(signet.home, 'state', 'back')), says: /lies inside the folder of Signet itself/ },
    { args: to(folder), says: /choose another/ },
    { args: to(''), says: /--to is empty/ },
    { args: to('/proc/nothing/here'), says: /choose another/ },
    { args: to(join(other, 'letter.txt', 'back')), says: /choose another/ },
    { args: to(other), ...notEmpty },
    { args: to(join(other, 'letter.txt')), says: /is not a folder: name a new or empty one/ },
    { args: ['restore', 'newest', '--to', free], says: /by latest, or by the first 4/ },
    { args: ['restore', 'abc', '--to', free], says: /by latest, or by the first 4/ },
    { args: ['restore', '0'.repeat(65), '--to', free], says: /by latest, or by the first 4/ },
    { args: ['restore', 'deadbeef', '--to', free], ...notFound, says: /“deadbeef” was not found.*signet snapshots/ },
    { args: to(free, '--include', ''), says: /--include is empty/ },
    { args: to(free, '--include', '['), ...notFound, says: /“\[” was not found/ },
    { args: to(free, '--include', '../a.txt'), ...notFound, says: /was not found/ },
    { args: ['ls', 'latest', 'nowhere'], ...notFound, says: /“nowhere” was not found/ },
    { args: ['ls', 'latest', '../x'], ...notFound, says: /was not found/ },
    { args: ['cat', 'latest', 'nowhere'], ...notFound, says: /was not found/ },
    {
      args: ['unlock'],
      secrets: { recoveryKey: `${recoveryKey}${recoveryKey.slice(0, 4) === '0000' ? '0001' : '0000'}` },
      code: 'E_RECOVERY_KEY_FORM',
      says: /check group does not fit/,
    },
    {
      args: ['unlock'],
      secrets: { recoveryKey: recoveryKey.slice(1) },
      code: 'E_RECOVERY_KEY_FORM',
      says: /63 of 68/,
    },
    { args: ['unlock'], says: /password is missing/ },
  ]);
  t.deepEqual([treeOf(source), treeOf(remote), treeOf(other)], before);
  t.false(readdirSync(folder).includes('free'));

  const fields = {
    protocolVersion: true,
    daemonVersion: true,
    vault: true,
    keychain: true,
    job: true,
    lastBackup: true,
    lastGoodAt: true,
    lastError: true,
    waiting: true,
    nextRun: true,
    schedule: true,
    sources: true,
    remote: true,
    mirrors: true,
    repository: true,
    device: true,
    phoneEnding: true,
    alarms: true,
    keychainBackend: true,
    overdue: true,
    pausedUntil: true,
    notices: true,
    devices: true,
    lastVerified: true,
    lastDrill: true,
    dates: true,
  } satisfies Record<keyof Status, true>;
  const status = await signet.status();
  for (const field of Object.keys(status)) t.true(field in fields, field);
  t.is(status.phoneEnding, '23');
  t.deepEqual(Object.keys(status.lastBackup ?? {}).sort(), [
    'at',
    'bytesAdded',
    'bytesRead',
    'durationMs',
    'filesChanged',
    'filesNew',
    'filesUnreadable',
    'notVerified',
    'reason',
    'snapshot',
  ]);
  const [one] = status.sources;
  t.deepEqual([one?.root, one?.verified, typeof one?.capturedAt], [source, true, 'string']);
});

test('what cannot be read is named, the rest is backed up, and the exit status says that there are gaps', async t => {
  const signet = await installation(t, withoutPower());
  writeFileSync(join(signet.source, 'a.txt'), 'one');
  writeFileSync(join(signet.source, 'closed.txt'), 'two');
  mkdirSync(join(signet.source, 'shut'));
  writeFileSync(join(signet.source, 'shut', 'c.txt'), 'three');
  await signet.setUp();
  for (const name of ['closed.txt', 'shut']) chmodSync(join(signet.source, name), 0);
  t.teardown(() => chmodSync(join(signet.source, 'shut'), 0o700));
  const ran = await signet.signet(['backup']);
  t.is(ran.code, 3, ran.err);
  const { filesUnreadable } = ran.json<BackupResult>();
  const [source = ''] = (await signet.snapshots())[0]?.sources ?? [];
  t.deepEqual(
    filesUnreadable.map(({ path, reason }) => [path, reason]),
    [
      [`${source}/closed.txt`, 'permission'],
      [`${source}/shut`, 'permission'],
    ],
  );
  t.deepEqual((await signet.status()).lastBackup?.filesUnreadable, filesUnreadable);
  const { target } = await signet.ok<{ target: string }>(['restore', 'latest', '--to', join(signet.folder, 'back')]);
  t.is(readFileSync(join(target, source, 'a.txt'), 'utf8'), 'one');

  chmodSync(signet.source, 0);
  const blind = await signet.signet(['backup']);
  t.is(blind.code, 3, 'the source as it was is carried forward, and said to be');
  chmodSync(signet.source, 0o700);
  for (const name of ['closed.txt', 'shut']) chmodSync(join(signet.source, name), 0o700);
  const whole = await signet.ok<BackupResult>(['backup']);
  t.deepEqual([whole.filesUnreadable.length, whole.filesNew], [0, 2]);
});

test('the beginning of an id that fits several backups is refused as ambiguous, never guessed', t => {
  const standing = (id: string) => ({
    id: id.padEnd(64, '0') as SnapshotId, // no repository is asked: only the text counts
    snapshot: {} as Snapshot,
    standing: 'announced' as const,
  });
  const all = [standing('abcd1'), standing('abcd2'), standing('ef01')];
  t.throws(() => resolveSnapshot(all, 'abcd'), { code: 'E_NOT_FOUND', message: /several/ });
  t.true(resolveSnapshot(all, 'abcd2').id.startsWith('abcd2'));
  t.true(resolveSnapshot(all, 'ef01').id.startsWith('ef01'));
});
