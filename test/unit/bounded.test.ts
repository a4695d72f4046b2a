import test from 'ava';
import { bounded, inAnswer, inStatus, moreOf } from '../../daemon/jobs/bounded.ts';
import { maxAnswerLength } from '../../protocol/frames.ts';
import type { BackupResult, LastBackup, RestoreResult, VerifyResult } from '../../protocol/status.ts';
import { alarmOf } from '../support/alarms.ts';
import { backupResult, restoreResult, someStatus, verifyResult } from '../support/fake-handlers.ts';

const absurd = 300_000;
/** As long as paths are allowed to be, each character six in JSON; one text, so that many of them cost little. */
const long = '\u0001'.repeat(4096);
const path = (index: number): string => (index % 2 === 0 ? long : `${index}`);
const many = <Entry>(entry: (index: number) => Entry): readonly Entry[] =>
  Array.from({ length: absurd }, (_, index) => entry(index));
const length = (answer: unknown): number => JSON.stringify(answer).length;

for (const [entries, listed, more] of [
  [0, 0, 0],
  [1, 1, 0],
  [99, 99, 0],
  [100, 100, 0],
  [101, 100, 1],
  [absurd, 100, absurd - 100],
] as const) {
  test(`of ${entries} entries ${listed} are listed, and ${more} more are told`, t => {
    const found = bounded(
      Array.from({ length: entries }, (_, index) => index),
      { entries: 100, characters: 1e6 },
    );
    t.is(found.listed.length, listed);
    t.is(found.more, more);
    t.deepEqual(moreOf({ found: found.more, none: 0 }), more === 0 ? {} : { more: { found: more } });
  });
}

test('long entries are cut off by their length, and one alone is listed however long it is', t => {
  t.deepEqual(bounded(['aaaa', 'bbbb', 'cccc'], { entries: 9, characters: 14 }), { listed: ['aaaa', 'bbbb'], more: 1 });
  t.deepEqual(bounded([long, 'b'], { entries: 9, characters: 10 }), { listed: [long], more: 1 });
});

test('what matters is listed first', t => {
  const found = bounded([1, 2, 3, 4, 5], { entries: 3, characters: 100 }, value => value % 2 === 0);
  t.deepEqual(found, { listed: [2, 4, 1], more: 2 });
});

test('no list of absurd length makes an answer that cannot be sent, nor a large state', t => {
  const files = bounded(
    many(index => ({ path: path(index), reason: 'permission' })),
    inStatus,
  );
  const unsure = bounded(many(path), inStatus);
  const more = moreOf({ filesUnreadable: files.more, notVerified: unsure.more });
  const backup: BackupResult = {
    ...backupResult,
    filesUnreadable: files.listed,
    notVerified: unsure.listed,
    alarms: bounded(
      many(index => alarmOf('E_FOREIGN_SNAPSHOT', { since: '', detail: path(index) })),
      inStatus,
    ).listed,
    ...more,
  };
  t.true(length(backup) < maxAnswerLength / 8, String(length(backup)));
  const { type: _type, requests: _requests, bytesUploaded: _uploaded, alarms, ...rest } = backup;
  const lastBackup: LastBackup = { ...rest, snapshot: 'ab'.repeat(32), at: '', bytesAdded: 0 };
  const status = someStatus({ lastBackup, alarms });
  t.true(length(status) < maxAnswerLength / 8, String(length(status)));

  const skipped = bounded(
    many(index => ({ path: path(index), reason: 'lost' })),
    inAnswer,
  );
  const databases = bounded(
    many(index => ({ path: path(index), check: path(index) })),
    inAnswer,
  );
  const restore: RestoreResult = { ...restoreResult, skipped: skipped.listed, databases: databases.listed };
  t.true(length(restore) < maxAnswerLength / 2, String(length(restore)));
  const problems = bounded(
    many(index => ({ object: path(index), code: 'E_MISSING' as const, detail: path(index) })),
    inAnswer,
  );
  const verify: VerifyResult = { ...verifyResult, problems: problems.listed };
  t.true(length(verify) < maxAnswerLength / 2, String(length(verify)));
  for (const { listed, more: left } of [files, unsure, skipped, databases, problems])
    t.is(listed.length + left, absurd);
});
