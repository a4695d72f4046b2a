import test from 'ava';
import { forgottenWords } from '../../daemon/cli/tidy.ts';
import { forgetWords, keepWords, pruneWords, repairWords } from '../../protocol/tidy-words.ts';
import { forgetResult, pruneResult, repairResult } from '../support/fake-handlers.ts';

const now = Date.parse('2026-11-23T09:00:00Z');
const locale = { locale: 'en-GB', timeZone: 'UTC' };

test('what goes and what stays is counted, also where a list was cut', t => {
  t.is(forgetWords({ ...forgetResult, dryRun: true })[0], '1 backup goes, 2 stay.');
  t.is(forgetWords({ ...forgetResult, more: { forget: 2, keep: 39 } })[0], '3 backups are forgotten, 41 stay.');
  t.deepEqual(forgetWords({ ...forgetResult, forget: [] }), ['No backup goes, 2 stay.']);
  t.is(keepWords(['daily', 'weekly', 'newest-verified']), 'last of its day, last of its week, newest that is verified');
});

test('the command shows what goes, and of a dry run why the others stay', t => {
  const dry = forgottenWords({ ...forgetResult, dryRun: true });
  t.regex(dry, /^1 backup goes, 2 stay:\n/);
  t.regex(dry, /33333333 +7 /);
  t.regex(dry, /11111111 +412 .*recent, last of its day/);
  t.notRegex(dry, /signet prune/);
  const done = forgottenWords(forgetResult);
  t.regex(done, /^1 backup is forgotten, 2 stay:\n/);
  t.notRegex(done, /11111111/);
  t.regex(done, /`signet prune` tidies up\.$/);
});

test('freed room is told with what still waits, and from when on it can go', t => {
  t.deepEqual(pruneWords(pruneResult, now, locale), [
    '32 MB are free now.',
    '1 piece was written anew without what nothing needs.',
    '41 MB more wait until it is sure that no backup needs them: they can be freed on 25 November.',
  ]);
  const none = { packsDeleted: 0, packsDropped: 0, packsRepacked: 0, packsWaiting: 0 };
  t.deepEqual(pruneWords({ ...pruneResult, ...none }, now, locale), [
    'Nothing is to be tidied up: all 130 MB are needed.',
  ]);
});

test('a mended list says what was added and taken out', t => {
  t.deepEqual(repairWords(repairResult, locale), [
    'The list of what is stored is mended: 4 pieces added and 1 piece taken out.',
  ]);
  t.deepEqual(repairWords({ ...repairResult, packsAdded: 0, packsRemoved: 0 }, locale), [
    'The list of what is stored is right: nothing is to be mended.',
  ]);
});
