import test, { type ExecutionContext } from 'ava';
import { normalisePhone } from '../../daemon/vault/phone.ts';
import { examplePhone, type Words, wordsFor } from '../../protocol/error-words.ts';
import { type ErrorCode, type ErrorParams, errorKinds } from '../../protocol/errors.ts';
import { ago, counted, duration, listed, percent, size } from '../../protocol/formats.ts';
import { adviceWords, deniedWords, signInWords } from '../../protocol/place-words.ts';
import { ownClientSteps, signInPageHtml } from '../../protocol/sign-in-words.ts';
import type { JobProgress, LastBackup, Overdue, ScheduleKind, Status } from '../../protocol/status.ts';
import { askedAgainWords, passwordWords, scheduleWords, sentenceFor, statusBarText } from '../../protocol/words.ts';
import { alarmOf } from '../support/alarms.ts';
import { someStatus } from '../support/fake-handlers.ts';

const now = Date.parse('2026-11-23T09:00:00Z');
const utc = { timeZone: 'UTC' };
const codes = Object.keys(errorKinds) as ErrorCode[];
const places = { place: 'the folder Backup on NAS' };

function calm(t: ExecutionContext, { message, advice }: Words): void {
  t.regex(message, /^[“A-Z].*[.?]$/, message);
  t.regex(advice, /^$|^[A-Z`].*[.?0-9]$/, advice);
  t.notRegex(
    `${message} ${advice}`,
    /\b(vault|repository|blob|pack|head|daemon|kdf|remote|oops)\b|!|undefined|NaN|\{|\}|E_/i,
  );
}

for (const code of codes) {
  test(`${code} has words that are whole, calm and plain, with and without parameters`, t => {
    for (const params of [
      {},
      { ...places, detail: 'a detail', need: 4_100_000_000, have: 12, what: 'nope', reason: 'no such file' },
    ]) {
      calm(t, wordsFor({ code, params }, now, utc));
    }
  });
}

test('every code says what to do, or what is so', t => {
  for (const code of codes) {
    t.not(wordsFor({ code, params: {} }).advice, '', code);
  }
});

const asSaid: readonly (readonly [ErrorCode, ErrorParams, string])[] = [
  ['E_WRONG_SECRET', { phoneKnown: true, triesLeft: 4 }, 'The password is wrong. 4 more tries, then a short wait.'],
  [
    'E_WRONG_SECRET',
    { triesLeft: 1 },
    'The password or the phone number is wrong. Signet cannot tell which. 1 more try,',
  ],
  ['E_WRONG_SECRET', { secret: 'recovery-key' }, 'The recovery key does not open this backup.'],
  ['E_PHONE_FORM', { problem: 'plus' }, 'A number starts with + and the country code. Example: +1 202 555 0100'],
  ['E_PHONE_FORM', { problem: 'number' }, 'No phone number looks like this'],
  ['E_PHONE_FORM', { problem: 'needed' }, 'This computer does not remember the phone number'],
  ['E_TARGET_NOT_EMPTY', { path: '/b', what: 'other' }, 'The folder /b holds other files. Nothing was written there.'],
  ['E_TARGET_NOT_EMPTY', { path: '/b', what: 'repository' }, 'The folder /b holds a backup already. Join that backup'],
  ['E_USAGE', { detail: 'this is amiss', advice: 'do that' }, 'This is amiss. Do that.'],
  [
    'E_SETTING',
    { key: 'quietMs', problem: 'must be a number' },
    'The setting quietMs cannot be used: must be a number.',
  ],
  [
    'E_SETTING',
    { detail: '/c/settings.json: "v" must be 1; the file was left as it is, correct or remove it' },
    'The settings file cannot be used: /c/settings.json: "v" must be 1. It was left as it is;',
  ],
  ['E_SIGN_IN', { why: 'never', remote: 'drive:Signet' }, 'Google Drive is not connected to this computer. Connect it'],
  ['E_SIGN_IN', { why: 'revoked', place: 'Google Drive' }, 'Google Drive needs you to sign in again. Backups wait'],
  ['E_SIGN_IN', { why: 'weekly', place: 'Google Drive' }, 'Google ends this sign-in every 7 days, because the Google'],
  ['E_SIGN_IN', { why: 'client', place: 'Google Drive' }, 'Google does not accept the client id or its secret.'],
  [
    'E_SIGN_IN',
    { why: 'declined', place: 'Google Drive' },
    'Google Drive was not connected: the sign-in was declined.',
  ],
  ['E_SIGN_IN', { why: 'late', place: 'Google Drive' }, 'Google Drive was not connected: nobody agreed in time.'],
  [
    'E_REMOTE_DENIED',
    { reason: 'trashed', place: 'Google Drive' },
    'The folder with the copies is in the trash of Google',
  ],
  [
    'E_REMOTE_DENIED',
    { reason: 'gone', place: 'Google Drive' },
    'The folder with the copies is no longer in Google Drive.',
  ],
  [
    'E_REMOTE_DENIED',
    { reason: 'scope', place: 'Google Drive' },
    'Signet is not allowed to keep files in Google Drive. Sign',
  ],
  [
    'E_REMOTE_DENIED',
    { reason: 'other-account', place: 'Google Drive', account: 'bo@example.org' },
    'This is another account (bo@example.org) than the one that holds the copies. Nothing was changed.',
  ],
  ['E_REMOTE_DENIED', { reason: 'forgotten', place: 'Google Drive' }, 'Google Drive no longer shows Signet a file'],
  [
    'E_REMOTE_DENIED',
    { reason: 'read-only', place: 'the bucket chats' },
    'The bucket chats can be read, but lets Signet',
  ],
  ['E_REMOTE_DENIED', { reason: 'api-off', place: 'Google Drive' }, 'The Google Drive API is not switched on'],
  [
    'E_REMOTE_DENIED',
    { reason: 'region', region: 'eu-central-1', remote: 'the bucket chats' },
    'The bucket chats lies in the region eu-central-1, and another was given. Connect it again with --region eu-central-1.',
  ],
  ['E_REMOTE_DENIED', { reason: 'no-bucket', remote: 'the bucket chats' }, 'The bucket chats does not exist there.'],
  ['E_SIGN_IN', { why: 'keys', remote: 'the bucket chats' }, 'The bucket chats does not accept the keys'],
  [
    'E_SIGN_IN',
    { why: 'keys', when: 'connecting', remote: 'the bucket chats' },
    'The bucket chats does not accept these keys, or was given none.',
  ],
  [
    'E_UNREACHABLE',
    { when: 'connecting', remote: 'the bucket chats' },
    'The bucket chats cannot be reached. Nothing was changed. Check its address',
  ],
  ['E_REMOTE_LIMIT', { place: 'Google Drive' }, 'Google Drive takes no more today. What is uploaded stays;'],
  ['E_CANCELLED', { job: 'question' }, 'Stopped at your request. Nothing was changed.'],
  ['E_CANCELLED', { job: 'restore' }, 'Stopped at your request. The chats you had are as they were.'],
];
for (const [code, params, text] of asSaid) {
  test(`${code} ${JSON.stringify(params)} reads “${text}”`, t => {
    const { message, advice } = wordsFor({ code, params }, now, utc);
    t.true(`${message} ${advice}`.startsWith(text), `${message} ${advice}`);
  });
}

for (const why of ['', 'never', 'weekly', 'client', 'keys', 'declined', 'late', 'refused']) {
  test(`E_SIGN_IN has calm and plain words for “${why}”`, t => {
    calm(t, signInWords(why, 'Google Drive'));
  });
}

for (const reason of [
  '',
  'trashed',
  'gone',
  'forgotten',
  'scope',
  'other-account',
  'api-off',
  'read-only',
  'region',
  'no-bucket',
  'clock',
  'certificate',
  'exists',
]) {
  test(`E_REMOTE_DENIED has calm and plain words for “${reason}”`, t => {
    calm(t, deniedWords(reason, 'Google Drive', ''));
  });
}

test('every advice about a place is a whole sentence, and one of a later version is left out', t => {
  for (const code of ['versioning-off', 'object-lock-off', 'no-mirror', 'project-in-testing']) {
    t.regex(adviceWords(code) ?? '', /^[A-Z].*\.$/, code);
  }
  t.is(adviceWords('known-later'), undefined);
});

test('the steps to a client id name pages of Google alone, and the kind of client that fits', t => {
  for (const flow of ['browser', 'device'] as const) {
    const steps = ownClientSteps(flow);
    for (const { page, text } of steps) {
      t.regex(page, /^https:\/\/console\.cloud\.google\.com\//);
      t.regex(text, /^[A-Z].*\.$/);
    }
    t.regex(steps.at(-1)?.text ?? '', flow === 'device' ? /TVs and Limited Input devices/ : /Desktop app/);
  }
});

test('the page at the end of a sign-in shows what it is given as text', t => {
  const html = signInPageHtml({ outcome: 'connected', account: '<img src=x onerror=alert(1)>"&' });
  t.false(html.includes('<img'));
  t.true(html.includes('&lt;img src=x onerror=alert(1)&gt;&quot;&amp;'));
});

test('the phone number of the examples is one that Signet takes', t => {
  t.is(normalisePhone(examplePhone), '+12025550100');
});

test('a full place names both sizes', t => {
  const { message } = wordsFor({
    code: 'E_REMOTE_FULL',
    params: { ...places, need: 4_100_000_000, have: 812_000_000 },
  });
  t.is(message, 'The folder Backup on NAS is full: 4.1 GB needed, 812 MB free.');
});

const googleDrive = { kind: 'drive', label: 'Google Drive', reachable: true };
const drive: Partial<Status> = { remote: googleDrive };
const job: JobProgress = {
  kind: 'backup',
  phase: 'storing',
  filesDone: 1,
  filesTotal: 4,
  bytesDone: 43,
  bytesTotal: 100,
  bytesUploaded: 31_400_000,
  etaSeconds: 118,
  item: 'WhatsApp: photos',
  cancellable: true,
};
const alarm = alarmOf('E_ROLLBACK', { since: '2026-11-23T08:00:00Z', detail: '' });
const failure = (code: ErrorCode) => ({ code, params: {}, retryable: false, at: '2026-11-23T08:58:00Z' });
const overdue = { since: '2026-11-15T03:30:00Z', cause: 'sign-in', causeSince: '2026-11-14T03:30:00Z' } as const;
const everything: Partial<Status> = { alarms: [alarm], vault: 'absent', job, overdue, lastError: failure('E_SIGN_IN') };

test('of all states that hold the first in the order is shown', t => {
  const shown: string[] = [sentenceFor(null, now).state];
  const left: Partial<Status> = { ...everything };
  for (const [field, calm] of [
    ['alarms', []],
    ['vault', 'locked'],
    ['job', null],
    ['overdue', null],
    ['vault', 'unlocked'],
    ['lastError', null],
  ] as const) {
    shown.push(sentenceFor(someStatus(left), now, utc).state);
    Object.assign(left, { [field]: calm });
  }
  shown.push(sentenceFor(someStatus(left), now, utc).state);
  t.deepEqual(shown, ['not running', 'alarm', 'not set up', 'running', 'overdue', 'locked', 'needs you', 'good']);
});

function newestWith(changes: Partial<LastBackup>): LastBackup | null {
  const { lastBackup } = someStatus();
  return lastBackup && { ...lastBackup, ...changes };
}

const cases: readonly (readonly [string, Partial<Status> | null, string, string])[] = [
  ['not running', null, 'Signet is not running', 'No backups are made until it is started.'],
  [
    'alarm',
    everything,
    'The cloud is hiding backups that this computer made',
    'Noticed at 08:00. Look in its trash; if nobody you know did it, change the password of that account. Your chats on this computer are safe. New backups go on. Nothing is deleted or tidied up until you decide.',
  ],
  [
    'running',
    { job },
    'Backing up 43%',
    'About 2 minutes left · last good backup 5 minutes ago · WhatsApp: photos · 31 MB uploaded',
  ],
  [
    'running without totals',
    { job: { ...job, bytesTotal: 0, filesTotal: 0 } },
    'Backing up',
    'About 2 minutes left · last good backup 5 minutes ago · WhatsApp: photos · 31 MB uploaded',
  ],
  [
    'cancelling',
    { job: { ...job, phase: 'cancelling' } },
    'Stopping',
    'What is already uploaded is kept and need not be sent again.',
  ],
  [
    'waiting for the place',
    { job: { ...job, waitingUntil: '2026-11-23T09:00:12Z' }, remote: googleDrive },
    'Backing up 43%',
    'Google Drive asked us to wait 12 seconds.',
  ],
  [
    'waiting for tomorrow',
    { job: { ...job, waitingUntil: '2026-11-23T20:00:00Z' }, remote: googleDrive },
    'Backup paused until 20:00',
    'Google Drive takes no more today. What is uploaded stays; the rest follows by itself.',
  ],
  [
    'paused until the place takes more',
    { waiting: { reason: 'limit', changes: 0, until: '2026-11-23T20:00:00Z' }, remote: googleDrive },
    'Backup paused until 20:00',
    'Google Drive takes no more today. What is uploaded stays; the rest follows by itself.',
  ],
  [
    'signed out before any backup failed',
    { remote: { ...googleDrive, signIn: 'needed' } },
    'Google Drive needs you to sign in again',
    'Backups wait until then. Last good backup 5 minutes ago.',
  ],
  [
    'signed out because the project is in testing',
    {
      remote: { ...googleDrive, signIn: 'needed' },
      lastError: { ...failure('E_SIGN_IN'), params: { why: 'weekly' } },
    },
    'Google Drive needs you to sign in again',
    'Google ends this sign-in every 7 days, because the Google project is still in testing. Last good backup 5 minutes ago.',
  ],
  [
    'restoring',
    { job: { ...job, kind: 'restore', bytesUploaded: 0 } },
    'Restoring 43%',
    'About 2 minutes left · WhatsApp: photos',
  ],
  [
    'locked',
    { vault: 'locked' },
    'Signet is locked',
    'Backups wait for your password. It is asked for each time Signet starts. Last good backup 5 minutes ago.',
  ],
  [
    'locked, with a keychain',
    { vault: 'locked', keychain: 'session' },
    'Signet is locked',
    'Backups wait for your password. It is asked for once after each login. Last good backup 5 minutes ago.',
  ],
  [
    'locked while changes wait',
    { vault: 'locked', keychain: 'session', waiting: { reason: 'locked', changes: 3 } },
    'Signet is locked, 3 changes waiting',
    'Backups wait for your password. It is asked for once after each login. Last good backup 5 minutes ago.',
  ],
  [
    'locked, and the place is away',
    { vault: 'locked', remote: { kind: 'folder', label: 'the folder Backup on NAS', reachable: false } },
    'Signet is locked',
    'Backups wait for your password. It is asked for each time Signet starts. The folder Backup on NAS cannot be reached at the moment. Last good backup 5 minutes ago.',
  ],
  [
    'locked while everything is to be looked at',
    { vault: 'locked', waiting: { reason: 'locked', changes: 0 } },
    'Signet is locked',
    'Backups wait for your password. It is asked for each time Signet starts. Last good backup 5 minutes ago.',
  ],
  [
    'signed out',
    { lastError: failure('E_SIGN_IN') },
    'The folder Backup on NAS needs you to sign in again',
    'Backups wait until then. Last good backup 5 minutes ago.',
  ],
  [
    'good, but a source is held back',
    {
      lastBackup: newestWith({ filesUnreadable: [{ path: 'folder-abcd2345', reason: 'shrunk' }] }),
      sources: someStatus().sources.map(source => ({ ...source, problem: 'shrunk' })),
    },
    'Backed up, except Chats',
    'Chats: most of it is gone, so the last backup of it is kept.',
  ],
  [
    'good, with messages counted',
    { lastBackup: newestWith({ messagesNew: 212, conversationsChanged: 9 }) },
    'Everything is backed up',
    'Last good backup 5 minutes ago · 212 new messages in 9 chats',
  ],
  [
    'good, with pictures but no message new',
    { lastBackup: newestWith({ messagesNew: 0, conversationsChanged: 0 }) },
    'Everything is backed up',
    'Last good backup 5 minutes ago · 4 new or changed files',
  ],
  [
    'an error older than the last good backup',
    { lastError: { ...failure('E_SIGN_IN'), at: '2026-11-23T08:00:00Z' } },
    'Everything is backed up',
    'Last good backup 5 minutes ago · 4 new or changed files',
  ],
  [
    'offline',
    { lastError: failure('E_UNREACHABLE') },
    'Everything up to 5 minutes ago is backed up',
    'The folder Backup on NAS cannot be reached. Signet tries again by itself.',
  ],
  [
    'first backup due',
    { lastBackup: null, lastGoodAt: null },
    'Ready for the first backup',
    '4.1 GB in Chats. You can keep working meanwhile.',
  ],
  [
    'nothing new',
    { lastGoodAt: '2026-11-23T08:59:50Z' },
    'Everything is backed up',
    'Last good backup just now · nothing new since',
  ],
  [
    'in a folder that another app uploads',
    { remote: { kind: 'folder', label: 'the folder Backup', reachable: true, synced: 'Dropbox' } },
    'Everything is in the folder Backup',
    'Dropbox uploads it from there; Signet cannot see whether it has. Last good backup 5 minutes ago · 4 new or changed files',
  ],
  [
    'changes waiting',
    { waiting: { reason: 'quiet', changes: 3 } },
    'Everything up to 5 minutes ago is backed up',
    'What changed since is backed up when the apps are quiet.',
  ],
  [
    'held back',
    { waiting: { reason: 'interval', changes: 3, until: '2026-11-23T09:10:00Z' } },
    'Everything up to 5 minutes ago is backed up',
    'What changed since is backed up at 09:10.',
  ],
  [
    'by hand only',
    { schedule: { kind: 'manual', at: '03:30', onChange: false } },
    'Last good backup 5 minutes ago',
    'Nothing is backed up by itself. What changed since is on this computer only.',
  ],
  [
    'held back by a meter',
    { waiting: { reason: 'metered', changes: 3 } },
    'Everything up to 5 minutes ago is backed up',
    'What changed since is backed up when the connection is not paid by volume.',
  ],
  [
    'paused',
    { waiting: { reason: 'paused', changes: 3, until: '2026-11-24T09:10:00Z' } },
    'Everything up to 5 minutes ago is backed up',
    'What changed since is backed up tomorrow at 09:10.',
  ],
  ['read only', { sources: [] }, 'Ready to restore', 'No chats of this computer are chosen for backup.'],
];
for (const [what, changes, sentence, below] of cases) {
  test(`${what}: “${sentence}”`, t => {
    const words = sentenceFor(
      changes === null ? null : someStatus({ lastGoodAt: '2026-11-23T08:55:00Z', ...changes }),
      now,
      utc,
    );
    t.is(words.sentence, sentence);
    t.is(words.below, below);
  });
}

test('a partial backup names the file and counts in the right number', t => {
  const last = someStatus().lastBackup;
  if (last === null) return t.fail();
  const files = (paths: string[]) => ({
    lastBackup: { ...last, filesUnreadable: paths.map(path => ({ path, reason: 'permission denied' })) },
  });
  const one = sentenceFor(someStatus(files(['chats-x/holiday.mp4'])), now, utc);
  t.is(one.sentence, 'Backed up, except 1 file');
  t.is(one.below, 'holiday.mp4 could not be read: permission denied. It is tried again next time.');
  t.is(sentenceFor(someStatus(files(['chats-x/a', 'chats-x/b'])), now, utc).sentence, 'Backed up, except 2 files');
});

const nineDays = { lastGoodAt: '2026-11-14T03:31:00Z' };
const causes: readonly (readonly [Partial<Overdue>, Partial<Status>, string])[] = [
  [{ cause: 'sign-in' }, drive, 'Google Drive ended the sign-in on 14 November, so nothing has been uploaded since.'],
  [{ cause: 'offline' }, drive, 'The computer has been offline since 14 November.'],
  [{ cause: 'offline' }, {}, 'The folder Backup on NAS cannot be reached since 14 November.'],
  [
    { cause: 'locked', causeSince: '2026-11-22T09:00:00Z' },
    { vault: 'locked' },
    'Signet has been locked since yesterday.',
  ],
  [{ cause: 'full' }, drive, 'Google Drive is full since 14 November.'],
  [{ cause: 'disk-full' }, {}, "This computer's disk is full since 14 November."],
  [{ cause: 'paused' }, {}, 'Automatic backups pause at your wish since 14 November.'],
  [{ cause: 'power' }, {}, 'Backups wait for mains power or an unmetered connection since 14 November.'],
  [{ cause: 'not-running' }, {}, 'Signet was not running.'],
  [{ cause: 'not-running' }, { vault: 'locked' }, 'Signet was not running. It is locked now.'],
  [
    { cause: 'failed', tries: 4, code: 'E_REMOTE_DENIED' },
    {},
    'The last 4 tries failed: The folder Backup on NAS does not let Signet read or write there.',
  ],
];
for (const [cause, changes, below] of causes) {
  test(`overdue, ${JSON.stringify(cause)}: “${below}”`, t => {
    const status = someStatus({ ...nineDays, overdue: { ...overdue, ...cause }, ...changes });
    const words = sentenceFor(status, now, utc);
    t.is(words.sentence, 'No good backup for 9 days');
    t.is(words.below, `${below} What is new since is on this computer only.`);
    t.like(statusBarText(status, now, utc), { text: '$(warning) Signet: 9 Days Old', background: 'warning' });
  });
}

test('overdue without any good backup says so, and one day is one day', t => {
  t.is(sentenceFor(someStatus({ overdue, lastGoodAt: null }), now, utc).sentence, 'No good backup yet');
  const bar = (lastGoodAt: string | null) => statusBarText(someStatus({ overdue, lastGoodAt }), now, utc).text;
  t.is(bar(null), '$(warning) Signet: No Backup Yet');
  t.is(bar('2026-11-22T08:00:00Z'), '$(warning) Signet: 1 Day Old');
});

test('a source that waits for its owner for days does not hide that the rest is backed up', t => {
  const held = { ...overdue, cause: 'held-back', app: 'WhatsApp' } as const;
  const words = sentenceFor(someStatus({ ...nineDays, overdue: held }), now, utc);
  t.is(words.sentence, 'No complete backup for 9 days');
  t.is(words.below, 'WhatsApp is held back until you decide, since 14 November. Everything else is backed up.');
});

test('files that cannot be read for days do not hide that the rest is backed up', t => {
  const failing = { ...overdue, cause: 'failed', tries: 40, code: 'E_SOURCE_UNREADABLE' } as const;
  const words = sentenceFor(someStatus({ ...nineDays, overdue: failing }), now, utc);
  t.is(words.sentence, 'No complete backup for 9 days');
  t.is(words.below, 'Some files could not be read since 14 November. Everything else is backed up.');
});

test('schedules read as people say them', t => {
  const words = (kind: ScheduleKind, onChange: boolean) => scheduleWords({ kind, at: '03:30', onChange });
  t.deepEqual(
    (['daily', 'weekly', 'monthly', 'manual', 'never'] as const).map(kind => words(kind, false)),
    ['daily at 03:30', 'Sundays at 03:30', 'the 1st at 03:30', 'only when asked', 'never'],
  );
  t.is(words('daily', true), 'daily at 03:30, and when chats change');
  t.is(words('manual', true), 'when chats change');
});

test('the status bar tells of a pause in place of the next backup', t => {
  const nextRun = '2026-11-24T03:30:00Z';
  const last = (changes: Partial<Status>) => statusBarText(someStatus(changes), now, utc).tooltip.split('\n').at(-2);
  t.is(last({ nextRun }), 'Next: tomorrow at 03:30');
  t.is(last({ nextRun, pausedUntil: '2026-11-24T09:00:00Z' }), 'Automatic backups pause until tomorrow at 09:00');
});

test('the status bar has a background for an alarm and for what is overdue alone', t => {
  const bar = (status: Status | null) => statusBarText(status, now, utc);
  t.like(bar(someStatus({ alarms: [alarm] })), { text: '$(error) Signet: Backups Missing', background: 'error' });
  t.is(bar(null).text, '$(debug-disconnect) Signet: Not Running');
  t.is(bar(someStatus({ vault: 'absent' })).text, '$(shield) Signet: Set Up');
  t.is(bar(someStatus({ job })).text, '$(sync~spin) Signet 43%');
  t.is(bar(someStatus({ vault: 'locked' })).text, '$(lock) Signet: Locked');
  t.is(bar(someStatus({ lastError: failure('E_REMOTE_FULL') })).text, '$(cloud) Signet: Cloud Full');
  t.is(bar(someStatus()).text, '$(check) Signet');
  t.is(bar({ ...someStatus(), lastGoodAt: null, lastBackup: null }).text, '$(shield) Signet');
  t.is(bar(someStatus()).background, undefined);
  t.is(
    bar(someStatus()).tooltip,
    'Everything is backed up\nLast good backup 5 minutes ago · 4 new or changed files\nThe folder Backup on NAS',
  );
});

for (const [bytes, text] of [
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [9949, '9.9 kB'],
  [9950, '10 kB'],
  [31_400_000, '31 MB'],
  [812_345_678, '812 MB'],
  [999_499_999, '999 MB'],
  [999_500_000, '1.0 GB'],
  [4_100_000_000, '4.1 GB'],
  [6.5e15, '6.5 PB'],
] as const) {
  test(`${bytes} bytes read as ${text}`, t => t.is(size(bytes), text));
}

for (const [at, text, bare] of [
  ['2026-11-23T08:59:01Z', 'just now', 'just now'],
  ['2026-11-23T08:59:00Z', '1 minute ago', '1 minute ago'],
  ['2026-11-23T08:00:01Z', '59 minutes ago', '59 minutes ago'],
  ['2026-11-23T08:00:00Z', 'at 08:00', '08:00'],
  ['2026-11-22T21:40:00Z', 'yesterday at 21:40', 'yesterday at 21:40'],
  ['2026-11-24T03:30:00Z', 'tomorrow at 03:30', 'tomorrow at 03:30'],
  ['2026-11-12T03:30:00Z', 'on 12 November', '12 November'],
  ['2025-11-12T03:30:00Z', 'on 12 November 2025', '12 November 2025'],
  ['nonsense', 'at an unknown time', 'at an unknown time'],
] as const) {
  test(`${at} is “${text}”`, t => {
    t.is(ago(at, now, utc), text);
    t.is(ago(at, now, { ...utc, bare: true }), bare);
  });
}

test('yesterday is a matter of the calendar where the person is', t => {
  t.is(ago('2026-11-22T23:30:00Z', now, { timeZone: 'Europe/Berlin' }), 'at 00:30');
});

test('percent rounds down, so that only all is 100 %', t => {
  t.deepEqual(
    [0, 0.299, 0.29, 0.999999, 1, 7].map(share => percent(share)),
    ['0%', '29%', '29%', '99%', '100%', '100%'],
  );
});

test('durations, counts and lists read well', t => {
  t.deepEqual(
    [0, 1000, 59_400, 60_000, 3_600_000, 7_200_000, 777_600_000].map(ms => duration(ms)),
    ['0 seconds', '1 second', '59 seconds', '1 minute', '60 minutes', '2 hours', '9 days'],
  );
  t.is(counted(1, 'file', 'files'), '1 file');
  t.is(counted(2310, 'file', 'files'), '2,310 files');
  t.is(listed(['WhatsApp', 'Signal', 'Notes']), 'WhatsApp, Signal and Notes');
});

test('when the password is asked for again, and what keeps Signet unlocked until then, is said of every kind of keychain', t => {
  const missing = [{ id: 'no-keychain', kind: 'no-keychain', since: '2026-11-23T09:00:00Z', params: {} }] as const;
  const table: readonly (readonly [Partial<Status>, string, string])[] = [
    [
      { keychain: 'session', keychainBackend: 'keytar' },
      'asked for once after each login; kept by the keychain (keytar)',
      'The password is asked for once after each login.',
    ],
    [
      { keychain: 'memory-only', keychainBackend: 'keytar', notices: missing },
      'asked for each time Signet starts; the keychain cannot be used now',
      'This computer has no keychain that Signet can use. It will ask for the password each time it starts.',
    ],
    [
      { keychain: 'unavailable', notices: missing },
      'asked for each time Signet starts; no keychain',
      'This computer has no keychain that Signet can use. It will ask for the password each time it starts.',
    ],
    [
      { keychain: 'memory-only' },
      'asked for each time Signet starts; no keychain in use',
      'The password is asked for each time Signet starts.',
    ],
  ];
  for (const [changes, row, sentence] of table) {
    t.is(passwordWords(someStatus(changes)), row);
    t.is(askedAgainWords(someStatus(changes), 0), sentence);
  }
});

test('chats that were added since the last backup are told apart from what is backed up', t => {
  const [known] = someStatus().sources;
  if (known === undefined) return t.fail();
  const { capturedAt: _, ...added } = { ...known, id: 'notes-abcd2345', label: 'Notes' };
  const one = sentenceFor(someStatus({ sources: [known, added] }), now, utc);
  t.is(one.sentence, 'Backed up, except Notes');
  t.regex(one.below, /^It is in the next backup\. Last good backup /);
});

test('a last backup with nothing but removals tells no number of files', t => {
  const words = sentenceFor(someStatus({ lastBackup: newestWith({ filesNew: 0, filesChanged: 0 }) }), now, utc);
  t.regex(words.below, / · no new or changed files$/);
});
