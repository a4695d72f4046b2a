import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { alarmOf } from '../support/alarms.ts';
import { runCli } from '../support/cli.ts';
import { startFakeDaemon } from '../support/daemon-process.ts';
import type { Script } from '../support/fake-daemon.ts';
import {
  backupResult,
  fileText,
  recoveryKey,
  restoreResult,
  someStatus,
  suggested,
  verifyResult,
} from '../support/fake-handlers.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

async function daemonWith(t: ExecutionContext, script: Script = {}) {
  const home = await temporaryFolder(t);
  return { home, daemon: await startFakeDaemon(t, home, script) };
}

const error = (code: keyof typeof import('../../protocol/errors.ts').errorKinds) => ({ error: { code } });
const password = 'correct horse battery';
const phone = '+1 555 0100';

test('each failure ends with its own exit code, and says what to do on standard error alone', async t => {
  const { home } = await daemonWith(t, {
    backup: error('E_NOT_SET_UP'),
    cancel: error('E_REPOSITORY_LOCKED'),
    unlock: error('E_WRONG_SECRET'),
    snapshots: error('E_VAULT_LOCKED'),
    verify: error('E_UNREACHABLE'),
    setSchedule: error('E_REMOTE_FULL'),
    lock: error('E_SIGN_IN'),
    doctor: error('E_FORK'),
    list: error('E_NOT_FOUND'),
    read: error('E_MISSING'),
    restore: error('E_TARGET_NOT_EMPTY'),
  });
  const table: readonly (readonly [readonly string[], number, string])[] = [
    [['backup'], 10, 'Run `signet setup`.'],
    [['cancel'], 11, 'tidying up'],
    [['unlock', '--password-stdin'], 12, 'Signet cannot tell which.'],
    [['snapshots'], 13, '`signet unlock`'],
    [['verify'], 14, 'cannot be reached'],
    [['schedule', 'never'], 15, 'is full'],
    [['lock'], 16, 'sign in again'],
    [['doctor'], 17, 'Your chats on this computer are safe'],
    [['ls', 'latest'], 1, 'was not found'],
    [['cat', 'latest', 'a'], 1, 'missing in the cloud'],
    [['restore', 'latest', '--to', 'x'], 1, 'not empty'],
  ];
  for (const [args, status, words] of table) {
    const ended = await runCli(t, home, args, { input: password });
    t.is(ended.status, status, args.join(' '));
    t.true(ended.stderr.includes(words), ended.stderr);
    t.is(ended.stdout, '');
    t.notRegex(ended.stderr, /\n\s+at /);
  }
});

test('with --json a failure is one document of code, message, advice and retryable on standard error', async t => {
  const { home } = await daemonWith(t, { verify: error('E_UNREACHABLE') });
  const { status, stdout, stderr } = await runCli(t, home, ['verify', '--json']);
  t.is(status, 14);
  t.is(stdout, '');
  t.deepEqual(JSON.parse(stderr), {
    error: {
      code: 'E_UNREACHABLE',
      message: 'The place of your backups cannot be reached.',
      advice: 'See that its disk or the network is connected; Signet tries again by itself.',
      retryable: true,
    },
  });
});

for (const args of [
  ['explode'],
  ['backup', '--fast'],
  ['restore', 'latest'],
  ['restore'],
  ['schedule', 'hourly'],
  ['schedule', 'daily', '--at', '24:00'],
  ['schedule', 'manual', '--at', '03:30'],
  ['pause'],
  ['pause', 'long'],
  ['pause', '31d'],
  ['pause', '2h', '--resume'],
  ['status', '--max-age', '26h'],
  ['status', '--check', '--max-age', 'soon'],
  ['verify', '--read-data=101'],
  ['verify', '--read-data=0'],
  ['setup', '--source', '/x'],
  ['setup', '--remote', 'nowhere', '--source', '/x'],
  ['setup', '--remote', 'folder:/x'],
  ['setup', '--remote', 'folder:/x', '--source', '/x', '--new', '--read-only'],
  ['unlock', '--password-stdin', '--secrets-stdin'],
  ['unlock', 'extra'],
]) {
  test(`signet ${args.join(' ')} is wrong use: exit 2, in text and in JSON, and no daemon is started`, async t => {
    const home = await temporaryFolder(t);
    const text = await runCli(t, home, args);
    t.is(text.status, 2, text.stderr);
    t.regex(text.stderr, /^(?:--|[A-Z`']).*\n/);
    const json = await runCli(t, home, [...args, '--json']);
    t.is(json.status, 2);
    t.is(JSON.parse(json.stderr).error.code, 'E_USAGE');
    t.deepEqual(await readdir(home), []);
  });
}

test('a secret behind an unknown option is not repeated', async t => {
  const { status, stderr } = await runCli(t, await temporaryFolder(t), ['unlock', `--password=${password}`]);
  t.is(status, 2);
  t.false(stderr.includes('horse'));
});

test('without a terminal nothing is asked: what is missing is wrong use that names the option, even with an open standard input', async t => {
  const { home, daemon } = await daemonWith(t, { status: { result: someStatus({ phoneEnding: null }) } });
  const setup = ['setup', '--remote', 'folder:/x', '--source', '/x'];
  const table: readonly (readonly [readonly string[], string])[] = [
    [['unlock'], '--password-stdin'],
    [['unlock', '--recovery-key'], '--recovery-key-stdin'],
    [setup, '--password-stdin'],
    [[...setup, '--read-only'].filter(word => word !== '--source' && word !== '/x'), '--password-stdin'],
  ];
  for (const [args, option] of table) {
    const { status, stderr } = await runCli(t, home, args, { input: 'open' });
    t.is(status, 2);
    t.true(stderr.includes(option), stderr);
  }
  const phoneMissing = await runCli(t, home, [...setup, '--password-stdin'], { input: password });
  t.is(phoneMissing.status, 2);
  t.true(phoneMissing.stderr.includes('--phone'));
  const notRemembered = await runCli(t, home, ['unlock', '--password-stdin'], { input: password });
  t.is(notRemembered.status, 2);
  t.true(notRemembered.stderr.includes('--phone'));
  t.false((await daemon.told()).some(({ name }) => name === 'setup' || name === 'unlock'));
});

test('setup hands over what came on standard input, prints the key once, and leaves no secret behind', async t => {
  const { home, daemon } = await daemonWith(t, { status: { result: someStatus({ vault: 'absent' }) } });
  const args = [
    'setup',
    '--source',
    '/chats/a',
    '--source',
    'whatsapp:/chats/b',
    '--source',
    'claude-code',
    '--remote',
    'folder:/backup',
    '--schedule',
    'manual',
  ];
  const input = JSON.stringify({ password, phone });
  const text = await runCli(t, home, [...args, '--secrets-stdin'], { input });
  t.is(text.status, 0, text.stderr);
  t.is(text.stdout.replaceAll(/\(.*\)|\s/g, ''), `${recoveryKey}a8ae`);
  const json = await runCli(t, home, [...args, '--json', '--password-stdin', '--phone', phone], {
    input: `${password}\r\nmore`,
  });
  t.deepEqual(JSON.parse(json.stdout), { repositoryId: 'ff'.repeat(32), recoveryKey, joined: false, snapshots: 0 });
  const asked = (await daemon.told()).filter(({ name }) => name === 'setup');
  t.deepEqual(asked[0], {
    name: 'setup',
    params: {
      sources: [{ root: '/chats/a' }, { root: '/chats/b', profile: 'whatsapp' }, { profile: 'claude-code' }],
      remote: 'folder:/backup',
      schedule: { kind: 'manual' },
    },
    secrets: { password, phone },
  });
  t.deepEqual(asked[1]?.secrets, { password, phone });
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name));
    for (const secret of [password, phone, recoveryKey]) t.false(bytes.includes(secret), entry.name);
  }
});

test('joining by recovery key takes a new password and the phone number, or nothing more with --read-only', async t => {
  const { home, daemon } = await daemonWith(t, { status: { result: someStatus({ vault: 'absent' }) } });
  const spaced = `${(recoveryKey.match(/.{4}/g) ?? []).join(' ')} A8AE`;
  const join = ['setup', '--remote', 'folder:/backup'];
  const whole = await runCli(t, home, [...join, '--source', '/chats', '--secrets-stdin', '--json'], {
    input: JSON.stringify({ recoveryKey: spaced, newPassword: password, phone }),
  });
  t.deepEqual(JSON.parse(whole.stdout), { repositoryId: 'ff'.repeat(32), joined: true, snapshots: 0 });
  const reading = await runCli(t, home, [...join, '--read-only', '--recovery-key-stdin'], { input: spaced });
  t.is(reading.status, 0, reading.stderr);
  const asked = (await daemon.told()).filter(({ name }) => name === 'setup');
  t.deepEqual(asked[0]?.secrets, { recoveryKey, password, phone });
  t.deepEqual(asked[1]?.secrets, { recoveryKey });
  t.like(asked[1]?.params, { readOnly: true });
});

for (const [what, input] of [
  ['no JSON', `{"password": "${password}`],
  ['a list', `["${password}"]`],
  ['an unknown name', `{"passwort": "${password}"}`],
  ['a number', '{"password": 12345678}'],
  ['too much', `{"password": "${'x'.repeat(70_000)}"}`],
  ['an empty password', '{"password": ""}'],
] as const) {
  test(`${what} on standard input is refused without quoting it`, async t => {
    const { status, stderr } = await runCli(t, await temporaryFolder(t), ['unlock', '--secrets-stdin'], { input });
    t.is(status, 2);
    t.false(stderr.includes('horse') || stderr.includes('passwort') || stderr.includes('xxx'));
  });
}

test('a recovery key with a typing mistake is refused before it is sent', async t => {
  const { home, daemon } = await daemonWith(t);
  for (const typed of [`${recoveryKey.slice(1)}0 a8ae`, recoveryKey.slice(1), `${recoveryKey.slice(1)}g`]) {
    const { status, stderr } = await runCli(t, home, ['unlock', '--recovery-key-stdin'], { input: typed });
    t.is(status, 2);
    t.false(stderr.includes(recoveryKey.slice(8, 16)));
  }
  t.deepEqual(await daemon.told(), []);
});

test('results with --json have the fields that are promised', async t => {
  const { home, daemon } = await daemonWith(t);
  const json = async (...args: string[]) => {
    const { stdout, status, stderr } = await runCli(t, home, [...args, '--json']);
    t.is(status, 0, stderr);
    return JSON.parse(stdout);
  };
  t.deepEqual(await json('status'), someStatus());
  t.deepEqual(await json('backup'), backupResult);
  t.deepEqual(await json('restore', 'latest', '--to', '/new', '--include', '**/a', '--include', 'b'), {
    ...restoreResult,
    target: '/new',
  });
  t.deepEqual(await json('verify', '--read-data=2.5%'), verifyResult);
  t.deepEqual(Object.keys((await json('snapshots'))[0]), [
    'id',
    'at',
    'device',
    'sources',
    'files',
    'sizeBytes',
    'bytesAdded',
    'announced',
  ]);
  t.is((await json('ls', 'latest', '/x/')).length, 2);
  t.deepEqual(Object.keys(await json('daemon', 'status')), ['pid', 'version', 'uptimeSeconds']);
  t.deepEqual(await json('schedule', 'weekly', '--at', '23:05', '--on-change', 'off'), {
    kind: 'weekly',
    at: '23:05',
    onChange: false,
  });
  t.deepEqual(await json('pause', '2h'), { pausedUntil: '2026-11-24T09:00:00.000Z' });
  t.deepEqual(await json('pause', '--resume'), { pausedUntil: null });
  t.deepEqual(await json('cancel'), { cancelled: false });
  t.is((await json('doctor'))[0].name, 'sqlite');
  const all = await daemon.told();
  const asked = (name: string) => all.find(one => one.name === name)?.params;
  t.like(asked('restore'), { snapshot: 'latest', target: '/new', include: ['**/a', 'b'] });
  t.deepEqual(asked('list'), { snapshot: 'latest', path: 'x', offset: 0 });
  t.like(asked('verify'), { readDataPercent: 2.5 });
});

test('cat writes the bytes of the file, all of them', async t => {
  const { home } = await daemonWith(t);
  t.is((await runCli(t, home, ['cat', 'latest', 'a/b'])).stdout, fileText);
  const lines = (await runCli(t, home, ['cat', 'latest', 'a/b', '--json'])).stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  t.is(
    lines
      .slice(0, -1)
      .map(({ base64 }) => Buffer.from(base64, 'base64').toString())
      .join(''),
    fileText,
  );
  t.deepEqual(lines.at(-1), { type: 'result', path: 'a/b', sizeBytes: fileText.length });
});

test('a reader that goes away early is no failure', async t => {
  const { home } = await daemonWith(t);
  const { status, stderr } = await runCli(t, home, ['cat', 'latest', 'a'], {
    started: child => child.stdout?.once('data', () => child.stdout?.destroy()),
  });
  t.is(status, 0);
  t.is(stderr, '');
});

test('gaps end with 3 and are named', async t => {
  const { home } = await daemonWith(t, {
    backup: {
      result: { ...backupResult, filesUnreadable: [{ path: 'chats-x/holiday.mp4', reason: 'permission denied' }] },
    },
    restore: {
      result: { ...restoreResult, skipped: [{ path: 'chats-x/../evil', reason: 'a name that leads outside' }] },
    },
  });
  const backup = await runCli(t, home, ['backup']);
  t.is(backup.status, 3);
  t.true(
    backup.stdout.includes('Backed up, except 1 file') && backup.stdout.includes('holiday.mp4: permission denied'),
  );
  const restore = await runCli(t, home, ['restore', 'latest', '--to', '/new']);
  t.is(restore.status, 3);
  t.true(restore.stdout.includes('a name that leads outside'));
});

test('a restored database that is damaged is a gap', async t => {
  const { home } = await daemonWith(t, {
    restore: { result: { ...restoreResult, databases: [{ path: 'a.db', check: 'row 7 missing' }] } },
  });
  const { status, stdout } = await runCli(t, home, ['restore', 'latest', '--to', '/new']);
  t.is(status, 3);
  t.true(stdout.includes('Damaged: a.db: row 7 missing'));
});

test('problems found by verify fail it, an alarm among them with 17', async t => {
  const problem = (code: 'E_OBJECT_AUTH' | 'E_WITHHELD') => ({
    verify: { result: { ...verifyResult, ok: false, problems: [{ object: 'data/ab', code, detail: 'x' }] } },
  });
  for (const [code, status] of [
    ['E_OBJECT_AUTH', 1],
    ['E_WITHHELD', 17],
  ] as const) {
    const { home } = await daemonWith(t, problem(code));
    const ended = await runCli(t, home, ['verify']);
    t.is(ended.status, status);
    t.true(ended.stdout.includes('1 problem.'));
  }
});

const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
const alarms = [alarmOf('E_ROLLBACK', { since: hourAgo, detail: '' })];
const states: readonly (readonly [string, Parameters<typeof someStatus>[0], readonly string[], number])[] = [
  ['good', {}, [], 0],
  ['good and checked', { lastGoodAt: hourAgo }, ['--check', '--max-age', '26h'], 0],
  ['locked', { vault: 'locked' }, [], 0],
  ['locked and checked', { vault: 'locked' }, ['--check'], 13],
  ['an alarm while locked', { vault: 'locked', alarms }, [], 17],
  ['an alarm and checked', { vault: 'locked', alarms }, ['--check'], 17],
  ['not set up', { vault: 'absent' }, [], 10],
  ['older than allowed', { lastGoodAt: hourAgo }, ['--check', '--max-age', '59m'], 1],
  ['never backed up', { lastGoodAt: null, lastBackup: null }, ['--check', '--max-age', '9d'], 1],
];
for (const [what, changes, args, code] of states) {
  test(`status ${args.join(' ')} ends with ${code} when it is ${what}`, async t => {
    const { home } = await daemonWith(t, { status: { result: someStatus(changes) } });
    const { status, stdout, stderr } = await runCli(t, home, ['status', ...args]);
    t.is(status, code);
    t.is(stderr, '');
    t.true(stdout.length > 20);
  });
}

test('names from a backup cannot play with the terminal', async t => {
  const name = 'invoice\u001b[2K\u202efdp.exe\u0007\n';
  const { home } = await daemonWith(t, {
    list: {
      result: { entries: [{ name, type: 'file', sizeBytes: 1, modifiedAt: hourAgo, permissions: 0o600 }], total: 1 },
    },
  });
  const { stdout } = await runCli(t, home, ['ls', 'latest']);
  t.true(stdout.endsWith('invoice\\u{1b}[2K\\u{202e}fdp.exe\\u{7}\\u{a}\n'), JSON.stringify(stdout));
});

const step = {
  kind: 'backup',
  phase: 'storing',
  filesDone: 1,
  filesTotal: 4,
  bytesDone: 43,
  bytesTotal: 100,
  bytesUploaded: 0,
  cancellable: true,
} as const;

test('progress is JSON lines before the result, or plain lines on standard error', async t => {
  const { home } = await daemonWith(t, { backup: { progress: [step], result: backupResult } });
  const json = await runCli(t, home, ['backup', '--json']);
  const lines = json.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  t.deepEqual(lines, [{ type: 'progress', ...step }, backupResult]);
  const text = await runCli(t, home, ['backup']);
  t.is(text.stderr, 'Backing up: sealing and storing, 43%\n');
});

test('Ctrl-C leaves a backup to the daemon and says so', async t => {
  const { home, daemon } = await daemonWith(t, { backup: { progress: [step], waits: true } });
  const { status, stderr } = await runCli(t, home, ['backup'], {
    started: child => daemon.wait('backup').then(() => child.stderr?.once('data', () => child.kill('SIGINT'))),
  });
  t.is(status, 130);
  t.true(stderr.includes('The backup goes on. `signet cancel` stops it.'), stderr);
  t.false((await daemon.told()).some(({ name }) => name === 'cancel'));
});

test('Ctrl-C stops a restore', async t => {
  const { home, daemon } = await daemonWith(t, { restore: { progress: [{ ...step, kind: 'restore' }], waits: true } });
  const { status, stderr } = await runCli(t, home, ['restore', 'latest', '--to', '/new', '--json'], {
    started: child => child.stdout?.once('data', () => daemon.wait('restore').then(() => child.kill('SIGINT'))),
  });
  t.is(status, 130);
  t.is(JSON.parse(stderr).error.code, 'E_CANCELLED');
});

test('a daemon that is killed while it is asked is missing: 18', async t => {
  const { home, daemon } = await daemonWith(t, { restore: { waits: true } });
  const running = runCli(t, home, ['restore', 'latest', '--to', '/new']);
  await daemon.wait('restore');
  await daemon.end('SIGKILL');
  const { status, stderr } = await running;
  t.is(status, 18);
  t.true(stderr.includes('background part is not running'));
});

test('daemon status and stop start nothing', async t => {
  const home = await temporaryFolder(t);
  t.is((await runCli(t, home, ['daemon', 'status'])).status, 18);
  const stop = await runCli(t, home, ['daemon', 'stop', '--json']);
  t.is(stop.status, 0);
  t.deepEqual(JSON.parse(stop.stdout), { stopped: false });
  t.deepEqual(await readdir(home), []);
});

test('daemon stop ends the daemon and waits for it', async t => {
  const { home } = await daemonWith(t);
  const stop = await runCli(t, home, ['daemon', 'stop']);
  t.is(stop.status, 0);
  t.is((await runCli(t, home, ['daemon', 'status'])).status, 18);
});

test('a home that is open to others is not used: 18, with the folder named', async t => {
  const home = await temporaryFolder(t);
  await mkdir(join(home, 'config'), { mode: 0o700 });
  await writeFile(join(home, 'config', 'token'), 'ab'.repeat(32), { mode: 0o600 });
  await mkdir(join(home, 'run'), { mode: 0o755 });
  const { status, stderr } = await runCli(t, home, ['status']);
  t.is(status, 18);
  t.true(stderr.includes(join(home, 'run')));
});

test('help names what exists and nothing that comes later', async t => {
  const { status, stdout } = await runCli(t, await temporaryFolder(t), ['--help']);
  t.is(status, 0);
  for (const word of [
    'setup',
    'status',
    'restore',
    'undo',
    'diff',
    'verify',
    'drill',
    'prune',
    'remote',
    'drive:',
    'Exit codes',
  ]) {
    t.true(stdout.includes(word), word);
  }
  for (const word of ['daily', 'conversation', 'search']) t.false(stdout.includes(word), word);
});

test('settings and start at login are told in words, and a doctor that finds something says so by its exit code', async t => {
  const { home } = await daemonWith(t, {
    getSettings: { result: { deviceLabel: 'Laptop', quietMs: 90_000, lockAfterMs: 0, waitOnBattery: false } },
    setSettings: { result: { quietMs: 30_000 } },
    installService: { result: { manager: 'systemd', file: '/home/kim/signet.service' } },
    uninstallService: { result: { removed: false } },
    doctor: { result: [{ name: 'clock', ok: false, detail: 'off', advice: 'set it' }] },
  });
  const said = async (...args: string[]) => runCli(t, home, args);
  const table = await said('settings', 'get');
  t.deepEqual(
    table.stdout.split('\n').map(line => line.split(/ {2,}/).slice(0, 2)),
    [['deviceLabel', 'Laptop'], ['quietMs', '2 minutes'], ['lockAfterMs', 'never'], ['waitOnBattery', 'off'], ['']],
  );
  t.regex(table.stdout, / {2}so long without a change before a backup\n/);
  t.is((await said('settings', 'set', 'quietMs', '30s')).stdout, 'quietMs is now 30 seconds.\n');
  const unknown = await said('settings', 'get', 'nothing');
  t.is(unknown.status, 2);
  t.true(unknown.stderr.includes('deviceLabel, quietMs'), unknown.stderr);
  const installed = await said('daemon', 'install');
  t.true(installed.stdout.startsWith('From the next login on systemd starts Signet.\n'), installed.stdout);
  t.true(installed.stderr.includes('loginctl enable-linger'), installed.stderr);
  t.true((await said('daemon', 'uninstall')).stdout.includes('nothing was changed'));
  const ill = await said('doctor');
  t.is(ill.status, 1);
  t.is(ill.stdout, 'BAD   clock: off\n      set it\n');
});

test('words that were drawn for a password are told although the answer does not come: they may be the password by now', async t => {
  const { home } = await daemonWith(t, { changePassword: error('E_INTERNAL'), startAfresh: error('E_CANCELLED') });
  const input = JSON.stringify({ password });
  for (const command of [['password', 'change'], ['fresh']]) {
    const args = [...command, '--suggest-password', '--secrets-stdin'];
    const said = await runCli(t, home, args, { input });
    t.not(said.status, 0);
    t.is(said.stdout, '');
    t.true(said.stderr.includes(suggested), said.stderr);
    const json = await runCli(t, home, [...args, '--json'], { input });
    t.deepEqual(JSON.parse(json.stdout), { newPassword: suggested });
    t.true('error' in JSON.parse(json.stderr));
  }
});
