import test from 'ava';
import { backupWords, verifyWords } from '../../daemon/cli/jobs.ts';
import { Exit, report } from '../../daemon/cli/session.ts';
import { choicesOf, sourceOf } from '../../daemon/cli/source-spec.ts';
import { statusExit, statusWords } from '../../daemon/cli/state.ts';
import { harmless, progressLine, table } from '../../daemon/cli/terminal.ts';
import { type ErrorCode, errorKinds, PeerError, wireErrorOf } from '../../protocol/errors.ts';
import { groupsOf, parseRecoveryKey } from '../../protocol/recovery-key.ts';
import type { JobProgress } from '../../protocol/status.ts';
import { recoveryKey, someStatus, verifyResult } from '../support/fake-handlers.ts';

const promised: { readonly [exit: number]: readonly ErrorCode[] } = {
  2: [
    'E_USAGE',
    'E_WEAK_PASSWORD',
    'E_PASSWORD_FORM',
    'E_PHONE_FORM',
    'E_SECOND_TYPING',
    'E_RECOVERY_KEY_FORM',
    'E_SETTING',
    'E_ALREADY_SET_UP',
  ],
  10: ['E_NOT_SET_UP'],
  11: ['E_REPOSITORY_LOCKED'],
  12: ['E_WRONG_SECRET', 'E_TOO_MANY_TRIES'],
  13: ['E_VAULT_LOCKED'],
  14: ['E_UNREACHABLE', 'E_REMOTE_LIMIT'],
  15: ['E_REMOTE_FULL', 'E_DISK_FULL'],
  16: ['E_SIGN_IN'],
  17: [
    'E_ALARM',
    'E_ROLLBACK',
    'E_FORK',
    'E_WITHHELD',
    'E_FOREIGN_SNAPSHOT',
    'E_REPO_MISMATCH',
    'E_VAULT_CHANGED',
    'E_VAULT_ROLLBACK',
  ],
  18: ['E_DAEMON_MISSING', 'E_DAEMON_INCOMPATIBLE', 'E_RUNTIME'],
  130: ['E_CANCELLED'],
};

test.serial('every code ends with the exit status that is promised for it, the rest with 1', t => {
  const write = process.stderr.write;
  process.stderr.write = () => true;
  try {
    for (const code of Object.keys(errorKinds) as ErrorCode[]) {
      const [exit] = Object.entries(promised).find(([, codes]) => codes.includes(code)) ?? ['1'];
      t.is(report(new PeerError(code, 'made up'), false), Number(exit), code);
    }
    t.is(report(new TypeError('never seen'), false), 1);
    t.is(report(new Exit(3), false), 3);
  } finally {
    process.stderr.write = write;
  }
});

test.serial('an unexpected error of the command line shows its kind, not its message', t => {
  let said = '';
  const write = process.stderr.write;
  process.stderr.write = text => {
    said += text;
    return true;
  };
  report(new TypeError('correct horse'), false);
  process.stderr.write = write;
  t.true(said.includes('TypeError'));
  t.false(said.includes('horse'));
});

test('a wire error is found in what a connection throws, and parameters that are no plain values are dropped', t => {
  const data = { code: 'E_BUSY', params: { n: 1, nested: {}, text: 'x' }, retryable: false };
  t.deepEqual(wireErrorOf({ code: 1, message: 'E_BUSY', data }), {
    code: 'E_BUSY',
    params: { n: 1, text: 'x' },
    retryable: false,
  });
  for (const other of [
    undefined,
    null,
    'E_BUSY',
    {},
    { code: 'ENOENT' },
    { code: 'toString' },
    { data: { data: {} } },
  ]) {
    t.is(wireErrorOf(other), undefined);
  }
});

const now = Date.parse('2026-11-23T09:00:00Z');
for (const [age, code] of [
  [3_600_000, 0],
  [3_600_001, 1],
] as const) {
  test(`a backup ${age} ms old ends a check for 1 h with ${code}`, t => {
    const status = someStatus({ lastGoodAt: new Date(now - age).toISOString() });
    t.is(statusExit(status, true, 3_600_000, now), code);
    t.is(statusExit(status, false, undefined, now), 0);
  });
}

const job: JobProgress = {
  kind: 'backup',
  phase: 'storing',
  filesDone: 1,
  filesTotal: 4,
  bytesDone: 31_000_000,
  bytesTotal: 73_000_000,
  bytesUploaded: 0,
  etaSeconds: 8,
  item: 'WhatsApp\u001b[2J',
  cancellable: true,
};

test('the progress line tells share, size, rate and what is left, and never wraps', t => {
  const line = progressLine(job, 6000, 200);
  t.is(
    line,
    `Backing up  [${'#'.repeat(10)}${'-'.repeat(14)}] 42%  31 MB of 73 MB  5.2 MB/s  about 8 seconds left  WhatsApp\\u{1b}[2J`,
  );
  for (const width of [1, 10, 40, 79, 120]) t.true(progressLine(job, 6000, width).length <= width);
  t.is(
    progressLine({ ...job, bytesTotal: 0, filesTotal: 0, bytesDone: 0, phase: 'scanning' }, 0, 200).slice(0, 37),
    'Backing up  looking for what is new  ',
  );
});

test('what others named is shown, not obeyed', t => {
  t.is(harmless('plain ünïcode 日本 👍'), 'plain ünïcode 日本 👍');
  t.is(harmless('\u009b31m\u2066\r\n'), '\\u{9b}31m\\u{2066}\\u{d}\\u{a}');
});

test('a table aligns its columns', t => {
  t.is(
    table(
      [
        ['a', '1'],
        ['long', '22'],
      ],
      [1],
    ),
    'a      1\nlong  22',
  );
});

test('a recovery key survives its groups, with and without the check group, in any case', t => {
  const groups = groupsOf(recoveryKey);
  t.is(groups.length, 17);
  t.is(groups[16], 'a8ae');
  for (const typed of [groups.join(' '), groups.join('-').toUpperCase(), recoveryKey, ` ${groups.join('\n')}\t`]) {
    t.is(parseRecoveryKey(typed), recoveryKey);
  }
});

test('a recovery key of which two digits changed places is caught by the check group', t => {
  const typed = groupsOf(recoveryKey).join('').replace(/^01/, '10');
  t.like(
    t.throws(() => parseRecoveryKey(typed)),
    { code: 'E_RECOVERY_KEY_FORM' },
  );
});

for (const [typed, problem, count] of [
  ['', 'short', 0],
  [recoveryKey.slice(1), 'short', 63],
  [`${recoveryKey}0`, 'short', 65],
  [`${recoveryKey}00000`, 'long', 69],
  [`${recoveryKey.slice(1)}x`, 'character', 0],
] as const) {
  test(`${typed.length} characters: ${problem}`, t => {
    t.like(
      t.throws(() => parseRecoveryKey(typed)),
      { code: 'E_RECOVERY_KEY_FORM', params: { problem, count } },
    );
  });
}

for (const { title, options, before, choices } of [
  { title: 'nothing said', options: {}, before: ['image'], choices: {} },
  { title: '--no-videos', options: { videos: false }, before: [], choices: { leaveOut: ['video'] } },
  {
    title: '--no-videos beside what is left out already',
    options: { videos: false },
    before: ['image'],
    choices: { leaveOut: ['image', 'video'] },
  },
  { title: '--videos', options: { videos: true }, before: ['image', 'video'], choices: { leaveOut: ['image'] } },
  {
    title: '--leave-out in place of what was',
    options: { leaveOut: 'stickers, document' },
    before: ['image'],
    choices: { leaveOut: ['sticker', 'document'] },
  },
  { title: '--no-leave-out', options: { leaveOut: false }, before: ['image'], choices: { leaveOut: [] } },
  { title: '--max-size 100MB', options: { maxSize: '100MB' }, before: [], choices: { maxFileBytes: 100_000_000 } },
  {
    title: '--max-size 1.5 gib',
    options: { maxSize: '1.5 gib' },
    before: [],
    choices: { maxFileBytes: 1_610_612_736 },
  },
  { title: '--max-size 5', options: { maxSize: '5' }, before: [], choices: { maxFileBytes: 5 } },
  { title: '--no-max-size', options: { maxSize: false }, before: [], choices: { maxFileBytes: null } },
  { title: '--exclude', options: { exclude: ['*.iso'] }, before: [], choices: { exclude: ['*.iso'] } },
  { title: '--no-exclude', options: { exclude: false }, before: [], choices: { exclude: [] } },
] as const) {
  test(`choices: ${title}`, t => t.deepEqual(choicesOf(options, before), choices));
}

test('choices for a new source: videos are kept without a word', t => {
  t.deepEqual(choicesOf({ videos: true }), {});
  t.deepEqual(choicesOf({ videos: false }), { leaveOut: ['video'] });
});

for (const options of [
  { leaveOut: 'films' },
  { leaveOut: '' },
  { leaveOut: 'constructor' },
  { maxSize: '' },
  { maxSize: '0' },
  { maxSize: '0.1' },
  { maxSize: '-5MB' },
  { maxSize: '5 elephants' },
] as const) {
  test(`choices: ${JSON.stringify(options)} is refused`, t => {
    t.throws(() => choicesOf(options), { instanceOf: PeerError, code: 'E_USAGE' });
  });
}

test('a source is a folder, an app, or an app with its folder', t => {
  t.deepEqual(sourceOf('/chats'), { root: '/chats' });
  t.deepEqual(sourceOf('claude-code'), { profile: 'claude-code' });
  t.deepEqual(sourceOf('claude-code:/x y'), { profile: 'claude-code', root: '/x y' });
  t.deepEqual(sourceOf('generic:/a:b'), { profile: 'generic', root: '/a:b' });
  t.deepEqual(sourceOf('test'), { root: `${process.cwd()}/test` }, 'a folder that is here');
  t.throws(() => sourceOf(''), { code: 'E_USAGE' });
});

test('a backup names its sources as they are called, and counts nothing that is none', t => {
  const result = {
    type: 'result',
    reason: 'user',
    filesNew: 0,
    filesChanged: 0,
    bytesRead: 0,
    bytesUploaded: 1024,
    requests: 7,
    durationMs: 12,
    filesUnreadable: [{ path: 'generic-abcd2345', reason: 'shrunk' }],
    notVerified: ['generic-abcd2345/a.db'],
    alarms: [],
  } as const;
  t.is(
    backupWords(result, new Map([['generic-abcd2345', 'Notes']])),
    [
      'Backed up, except 1 source: no new or changed files, 1.0 kB uploaded.',
      '  Notes: most of it is gone, so the last backup of it is kept',
      'If you removed that yourself, say so: `signet sources accept generic-abcd2345`.',
      'Not verified: Notes/a.db',
    ].join('\n'),
  );
});

for (const [cause, vault, advice] of [
  ['locked', 'locked', 'Run `signet unlock`.'],
  ['not-running', 'unlocked', 'Run `signet backup`; `signet daemon install` has Signet started at each login.'],
  ['paused', 'unlocked', 'Run `signet pause --resume`, or `signet backup` for one now.'],
  ['failed', 'unlocked', 'Run `signet backup` to try now; `signet doctor` looks for what is in the way.'],
] as const) {
  test(`what is overdue because it is ${cause} ends with what to do`, t => {
    const now = Date.parse('2026-11-23T09:00:00Z');
    const overdue = { since: '2026-11-16T03:30:00Z', cause };
    const [heading = ''] = statusWords(someStatus({ vault, overdue, lastGoodAt: overdue.since }), now).split('\n\n');
    t.is(heading.split('\n').at(-1), advice);
  });
}

test('a notice about chats ends with the command that answers it', t => {
  const now = Date.parse('2026-11-23T09:00:00Z');
  const [source] = someStatus().sources;
  if (source === undefined) return t.fail();
  const notices = [
    { id: 'n', kind: 'shrunk', since: '2026-11-23T08:00:00Z', source: source.id, params: { app: source.label } },
  ] as const;
  const said = statusWords(someStatus({ notices, sources: [{ ...source, problem: 'shrunk' }] }), now);
  t.regex(said, /say so with `signet sources accept Chats`/);
  t.is(said.split('\n')[0], 'Backed up, except Chats.');
});

test('what verify found damaged and a second place has whole is told with what puts it back', t => {
  const lost = { object: 'index/0a', code: 'E_MISSING', detail: 'gone' } as const;
  const told = (inMirror: boolean): string =>
    verifyWords({ ...verifyResult, ok: false, problems: [{ ...lost, ...(inMirror && { inMirror }) }] });
  t.regex(told(true), /E_MISSING: index\/0a: gone; a second place has it whole\n.*signet remote mirror sync/);
  t.notRegex(told(false), /second place/);
});

test('status tells the last check, and the other computers where there are any', t => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  const laptop = { id: '11'.repeat(8), label: 'Laptop', isThis: true, number: 412, at: '2026-11-23T11:59:50Z' };
  const desktop = { id: '22'.repeat(8), label: 'Desk\x1b[2Jtop', isThis: false, number: 7 };
  const lastVerified = { at: '2026-11-23T11:59:50Z', bytesRead: 5, problems: 0 };
  const alone = statusWords(someStatus({ devices: [laptop], lastVerified }), now);
  t.regex(alone, /Checked +just now, all was as it should be/);
  t.notRegex(alone, /Computers/);
  const both = statusWords(
    someStatus({ devices: [laptop, desktop], lastVerified: { ...lastVerified, problems: 2 } }),
    now,
  );
  t.regex(
    both,
    /Computers +Laptop \(this one\): newest backup is number 412, just now\n +Desk.*top: newest backup is number 7/,
  );
  t.regex(both, /Checked +just now, 2 problems/);
  t.false(both.includes('\x1b[2J'));
});
