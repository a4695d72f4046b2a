import test from 'ava';
import { heedsMeter, holdOf, worldHold } from '../../daemon/jobs/hold-back.ts';
import { afterRun, backupNotices, type FailedTries, overdueOf, triesIn } from '../../daemon/jobs/overdue.ts';
import type { HistoryEntry } from '../../daemon/state/model.ts';
import type { ErrorCode } from '../../protocol/errors.ts';

const at = (hour: number): string => new Date(Date.UTC(2026, 10, 20, hour)).toISOString();
const ms = (hour: number): number => Date.parse(at(hour));
const good = (hour: number): HistoryEntry => ({ at: at(hour), outcome: 'good' });
const failed = (hour: number, code: ErrorCode, retryable = true): HistoryEntry => ({
  at: at(hour),
  outcome: 'failed',
  error: { code, params: {}, retryable },
});

test('tries are counted since the last good backup, and their cause since it stands', t => {
  const history = [
    failed(1, 'E_INTERNAL'),
    good(2),
    failed(3, 'E_UNREACHABLE'),
    failed(4, 'E_REMOTE_FULL'),
    { at: at(5), outcome: 'cancelled' } as const,
    failed(6, 'E_REMOTE_FULL'),
  ];
  const tries = triesIn(history.toReversed());
  t.deepEqual(tries, {
    ...{ count: 3, firstAt: at(3), code: 'E_REMOTE_FULL', retryable: true, cause: 'full', causeSince: at(4) },
  });
  t.is(afterRun(tries, { at: at(7), outcome: 'nothing-new' }), undefined);
  const partial = afterRun(undefined, { at: at(7), outcome: 'partial' });
  t.like(partial, { count: 1, code: 'E_SOURCE_UNREADABLE', cause: 'failed' });
});

const nothing = {
  pausedSince: undefined,
  lockedSince: undefined,
  powerSince: undefined,
  signInSince: undefined,
  tries: undefined,
  heldBack: undefined,
};
const owed = { since: () => ms(10), overdueAt: ms(40) };
const offline = triesIn([failed(12, 'E_UNREACHABLE')]) as FailedTries;

test('overdue begins when the allowance has passed, not at it, and never where nothing is owed', t => {
  t.is(overdueOf({ ...nothing, owed, now: ms(40) }), null);
  t.deepEqual(overdueOf({ ...nothing, owed, now: ms(40) + 1 }), { since: at(10), cause: 'not-running' });
  t.is(overdueOf({ ...nothing, owed: undefined, now: ms(400) }), null);
});

test('the cause is what stands in the way now, then what failed before', t => {
  const cause = (facts: object) => {
    const { since: _, ...rest } = overdueOf({ ...nothing, owed, now: ms(50), ...facts }) ?? { since: '' };
    return rest;
  };
  t.deepEqual(cause({ pausedSince: ms(20), lockedSince: ms(5), tries: offline }), {
    cause: 'paused',
    causeSince: at(20),
  });
  t.deepEqual(cause({ lockedSince: ms(5), tries: offline }), { cause: 'locked', causeSince: at(5) });
  t.deepEqual(
    cause({ lockedSince: ms(45), tries: offline }),
    { cause: 'offline', causeSince: at(12) },
    'locked too late',
  );
  t.deepEqual(cause({ lockedSince: ms(45) }), { cause: 'not-running' }, 'a computer that was off is locked afterwards');
  t.deepEqual(cause({ powerSince: ms(30), tries: offline }), { cause: 'power', causeSince: at(30) });
  for (const [code, name] of [
    ['E_SIGN_IN', 'sign-in'],
    ['E_REMOTE_FULL', 'full'],
    ['E_DISK_FULL', 'disk-full'],
  ] as const) {
    t.deepEqual(cause({ tries: triesIn([failed(12, code)]) }), { cause: name, causeSince: at(12) });
  }
  const tries = triesIn([failed(13, 'E_REMOTE_DENIED'), failed(12, 'E_INTERNAL')]);
  t.deepEqual(cause({ tries }), { cause: 'failed', causeSince: at(12), tries: 2, code: 'E_REMOTE_DENIED' });
});

test('a source that is held back is named as the cause, and has its own notice already', t => {
  const heldBack = { app: 'WhatsApp', since: at(20) };
  const partial = triesIn([{ at: at(30), outcome: 'partial' }]);
  const facts = { ...nothing, owed, now: ms(50), heldBack };
  const overdue = overdueOf({ ...facts, tries: partial });
  t.deepEqual(overdue, { since: at(10), cause: 'held-back', causeSince: at(20), app: 'WhatsApp' });
  t.is(overdueOf({ ...facts, tries: offline })?.cause, 'offline');
  t.is(overdueOf({ ...facts, tries: partial, heldBack: undefined })?.cause, 'failed');
  t.is(overdueOf({ ...facts, tries: partial, lockedSince: ms(30) })?.cause, 'locked');
  const told = { lastGoodAt: ms(0), place: '', tries: partial, isCatchingUp: false, lockedDue: undefined };
  t.deepEqual(backupNotices({ ...told, overdue, now: ms(50) }), []);
});

test('a backup that waits for the password is told after an hour, once for each time that Signet is locked', t => {
  const facts = { lastGoodAt: ms(0), place: '', tries: undefined, isCatchingUp: false, overdue: null };
  const due = { schedule: 'daily', lockedSince: ms(10), since: ms(11) } as const;
  t.deepEqual(backupNotices({ ...facts, lockedDue: due, now: ms(12) }), []);
  const [first] = backupNotices({ ...facts, lockedDue: due, now: ms(12) + 1 });
  t.like(first, { kind: 'locked-due', since: at(11), params: { schedule: 'daily' } });
  const later = { ...due, schedule: 'changes', since: ms(13) } as const;
  t.is(backupNotices({ ...facts, lockedDue: later, now: ms(20) })[0]?.id, first?.id);
  const [other] = backupNotices({ ...facts, lockedDue: { ...due, lockedSince: ms(12) }, now: ms(20) });
  t.not(other?.id, first?.id);
  const overdue = { since: at(10), cause: 'locked' } as const;
  const kinds = backupNotices({ ...facts, lockedDue: due, overdue, now: ms(60) }).map(({ kind }) => kind);
  t.deepEqual(kinds, ['overdue'], 'the larger trouble is enough');
});

test('one incident is one notice: its id stays while it grows older and is tried again', t => {
  const facts = {
    ...{ lastGoodAt: ms(0), place: 'the folder Backup', tries: offline, isCatchingUp: false, lockedDue: undefined },
  };
  const overdue = { since: at(10), cause: 'offline', causeSince: at(12) } as const;
  const notices = [3, 4].map(days => backupNotices({ ...facts, overdue, now: ms(24 * days) })[0]);
  t.deepEqual(
    notices.map(notice => notice?.params['days']),
    [3, 4],
  );
  t.is(notices[0]?.id, notices[1]?.id);
  t.deepEqual(backupNotices({ ...facts, overdue: null, now: ms(24) }), [], 'what passes by itself is no notice yet');
  const denied = [failed(13, 'E_REMOTE_DENIED', false), failed(12, 'E_REMOTE_DENIED', false)];
  const [first] = backupNotices({ ...facts, overdue: null, tries: triesIn(denied.slice(1)), now: ms(24) });
  const [second] = backupNotices({ ...facts, overdue: null, tries: triesIn(denied), now: ms(24) });
  t.like(second, { kind: 'failed', since: at(12), params: { code: 'E_REMOTE_DENIED', tries: 2 } });
  t.is(first?.id, second?.id);
});

test('a sign-in that is needed is the cause, also where it was ended here and nothing failed', t => {
  const facts = { ...nothing, owed, now: ms(50), signInSince: ms(20) };
  t.like(overdueOf(facts), { cause: 'sign-in', causeSince: at(20) });
  t.like(overdueOf({ ...facts, tries: offline }), { cause: 'sign-in' });
  t.like(overdueOf({ ...facts, lockedSince: ms(15) }), { cause: 'locked' });
});

test('a sign-in that ended is one notice until the owner signs in, also where no backup was tried', t => {
  const facts = { lastGoodAt: ms(0), place: 'Google Drive', isCatchingUp: false, lockedDue: undefined, overdue: null };
  const signedOut = { since: ms(20), why: 'weekly' };
  const [notice, ...others] = backupNotices({ ...facts, tries: undefined, signedOut, now: ms(21) });
  t.deepEqual(others, []);
  t.like(notice, { kind: 'signed-out', since: at(20), params: { place: 'Google Drive', why: 'weekly' } });
  const tries = triesIn([failed(30, 'E_SIGN_IN', false)]);
  t.deepEqual(backupNotices({ ...facts, tries, signedOut, now: ms(31) }), [notice]);
  t.deepEqual(backupNotices({ ...facts, tries, now: ms(31) }), [], 'signed in, and not tried yet');
  const own = { since: ms(20), why: 'disconnected' };
  t.deepEqual(backupNotices({ ...facts, tries, signedOut: own, now: ms(31) }), [], 'nobody is told what they did');
  const overdue = { since: at(10), cause: 'sign-in' } as const;
  t.deepEqual(
    backupNotices({ ...facts, tries, signedOut, overdue, now: ms(60) }).map(({ kind }) => kind),
    ['overdue'],
  );
});

test('a full place is one notice as long as it is full, with what the newest try lacked', t => {
  const full = (hour: number, need?: number): HistoryEntry => ({
    ...{ at: at(hour), outcome: 'failed' },
    error: { code: 'E_REMOTE_FULL', params: need === undefined ? {} : { need }, retryable: false },
  });
  const facts = { lastGoodAt: ms(0), place: 'Google Drive', isCatchingUp: false, lockedDue: undefined, overdue: null };
  const [first] = backupNotices({ ...facts, tries: triesIn([full(12, 4000)]), now: ms(24) });
  t.like(first, { kind: 'cloud-full', since: at(12), params: { place: 'Google Drive', need: 4000 } });
  const [second] = backupNotices({ ...facts, tries: triesIn([full(13, 5000), full(12, 4000)]), now: ms(24) });
  t.is(second?.id, first?.id);
  t.is(second?.params['need'], 5000);
  const [unknown] = backupNotices({ ...facts, tries: triesIn([full(13), full(12, 4000)]), now: ms(24) });
  t.deepEqual(unknown?.params, { place: 'Google Drive' });
});

test('a computer that comes back makes up for what it missed before anybody is told that it was off', t => {
  const facts = {
    ...{ lastGoodAt: ms(0), place: 'the folder Backup', tries: undefined, lockedDue: undefined, now: ms(100) },
  };
  const kinds = (cause: 'not-running' | 'locked', isCatchingUp: boolean) =>
    backupNotices({ ...facts, overdue: { since: at(10), cause }, isCatchingUp }).map(({ kind }) => kind);
  t.deepEqual(kinds('not-running', true), []);
  t.deepEqual(kinds('not-running', false), ['overdue']);
  t.deepEqual(kinds('locked', true), ['overdue']);
});

test('of all that holds a backup back the first in the order is told', t => {
  const facts = {
    ...{ now: 10, isUnlocked: false, pausedUntil: 11, retryAt: 12, restUntil: 13, jitterUntil: 14 },
    ...{ isSignInNeeded: false, limitUntil: 11 },
  };
  t.deepEqual(holdOf(facts), { reason: 'paused', until: 11 });
  t.deepEqual(holdOf({ ...facts, now: 11 }), { reason: 'locked' });
  t.deepEqual(holdOf({ ...facts, now: 11, isUnlocked: true, isSignInNeeded: true }), { reason: 'sign-in' });
  t.deepEqual(holdOf({ ...facts, now: 11, isUnlocked: true, limitUntil: 15 }), { reason: 'limit', until: 15 });
  t.deepEqual(holdOf({ ...facts, now: 11, isUnlocked: true }), { reason: 'retry', until: 12 });
  t.deepEqual(holdOf({ ...facts, now: 12, isUnlocked: true }), { reason: 'network', until: 13 });
  t.deepEqual(holdOf({ ...facts, now: 13, isUnlocked: true }), { reason: 'quiet', until: 14 });
  t.is(holdOf({ ...facts, now: 14, isUnlocked: true }), undefined);
});

test('battery and meter hold back as the settings say; what is unknown holds nothing back', t => {
  const drive = { waitOnBattery: true, waitOnMetered: true, remote: 'drive:Backup', syncedBy: null };
  const unknown = { onBattery: undefined, isMetered: undefined, isReachable: undefined };
  t.is(worldHold(unknown, drive), undefined);
  t.like(worldHold({ ...unknown, onBattery: true, isMetered: true }, drive), { reason: 'battery' });
  t.like(worldHold({ ...unknown, onBattery: true, isMetered: true }, { ...drive, waitOnBattery: false }), {
    reason: 'metered',
  });
  t.is(worldHold({ ...unknown, isMetered: true }, { ...drive, waitOnMetered: false }), undefined);
  t.like(worldHold({ ...unknown, isReachable: false }, drive), { reason: 'network' });
  const folder = { ...drive, remote: 'folder:/media/disk' };
  t.false(heedsMeter(folder), 'a folder of this computer uses no connection');
  t.true(heedsMeter({ ...folder, syncedBy: 'Dropbox' }));
});
