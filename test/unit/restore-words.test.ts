import test from 'ava';
import { finishWords, originalWords, undoneWords } from '../../daemon/cli/restore.ts';
import { originalResult, someUndo } from '../support/fake-handlers.ts';

test('what was put back is counted, with what is kept and how it is taken back', t => {
  t.is(
    originalWords(originalResult),
    [
      '3 files came back to /home/kim/Chats, 1 was replaced, nothing was deleted.',
      '120 files are as in the backup; 2 files that it does not have stay.',
      '1 database was checked.',
      'What was there before is kept in /home/kim/Chats.signet-before-20261123T090000Z.',
      '`signet undo` takes this back.',
    ].join('\n'),
  );
});

test('a dry run lists what would change, replaced files first, and says that nothing was written', t => {
  const { kept: _kept, ...planned } = originalResult;
  const text = originalWords({ ...planned, databases: [], dryRun: true, more: { changes: 7 } });
  t.is(
    text,
    [
      '3 files would come back to /home/kim/Chats, 1 would be replaced, nothing would be deleted.',
      '120 files are as in the backup; 2 files that it does not have stay.',
      '  replaced    folder-abcd2345/chat.db',
      '  comes back  folder-abcd2345/media/1.jpg',
      '  and 7 more',
      'Nothing was written.',
    ].join('\n'),
  );
});

test('where everything is as in the backup nothing is to be taken back', t => {
  const { kept: _kept, ...result } = { ...originalResult, comesBack: 0, replaced: 0, changes: [], databases: [] };
  t.is(originalWords(result).split('\n')[0], 'Everything is as in the backup: nothing was changed in /home/kim/Chats.');
  t.notRegex(originalWords(result), /undo/);
});

test('the app that a source belongs to has its say', t => {
  const text = originalWords({ ...originalResult, source: 'whatsapp-apple-abcd2345' });
  t.regex(text, /Close WhatsApp before its files are put back/);
});

test('an undo tells what is as before, what was taken away and what is kept', t => {
  t.is(
    undoneWords({ ...someUndo, comesBack: 1, replaced: 2, takenAway: 1 }),
    [
      'In /home/kim/Chats, 3 files are as before, and 1 file that had come back was taken away.',
      'What made way is kept in /home/kim/Chats.signet-before-20261123T090000Z; `signet undo` brings it back.',
    ].join('\n'),
  );
});

test('names in a merged folder play no tricks, and what stays as it was is named', t => {
  const text = finishWords({
    type: 'result',
    folder: '/back',
    merged: [{ path: 'a\u202e.db', check: 'ok' }],
    skipped: [{ path: 'b.db', reason: 'its log is damaged' }],
  });
  t.is(
    text,
    ['1 database is whole now, in one file.', '  a\\u{202e}.db', 'Left as it was: b.db: its log is damaged'].join('\n'),
  );
  t.regex(finishWords({ type: 'result', folder: '/back', merged: [], skipped: [] }), /^No database in \/back/);
});
