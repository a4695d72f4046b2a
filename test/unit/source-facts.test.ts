// What is known of sources between backups, and what a person is told of them.

import test from 'ava';
import type { BackupOutcome } from '../../daemon/jobs/engine-messages.ts';
import {
  acceptable,
  afterBackup,
  decodeKnown,
  encodeKnown,
  type KnownSource,
  sourceNotices,
} from '../../daemon/jobs/source-facts.ts';
import { noticeWords } from '../../protocol/notice-words.ts';
import { leftOutWords, newMessagesWords, sourceWords } from '../../protocol/source-words.ts';

const monday = '2026-11-23T09:00:00.000Z';
const tuesday = '2026-11-24T09:00:00.000Z';
const nextWeek = '2026-12-01T09:00:00.000Z';
type Found = BackupOutcome['sources'][number];
const found = (changes: Partial<Found> = {}): Found => ({
  id: 'wa',
  capturedAt: monday,
  complete: true,
  verified: true,
  messages: 950,
  conversations: 9,
  sizeBytes: 4_100_000,
  ...changes,
});
const held = (reason: string, changes: Partial<Found> = {}): Found =>
  found({ carriedFrom: { snapshot: 'aa', reason }, ...changes });
const labels = [{ id: 'wa', label: 'WhatsApp' }];
const noticesOf = (known: KnownSource, accepted = false) =>
  sourceNotices(labels, new Map([['wa', known]]), () => accepted);
const words = (known: KnownSource) => noticesOf(known).map(notice => noticeWords(notice, 0).message);

test('one incident keeps its notice for as long as it stands, and the next one has another', t => {
  const loss = { of: 'messages', count: 950 } as const;
  const first = afterBackup(undefined, held('shrunk', { loss }), monday);
  const later = afterBackup(first, held('shrunk', { loss }), tuesday);
  const [notice] = noticesOf(first);
  t.deepEqual(notice, {
    id: `shrunk wa ${monday}`,
    kind: 'shrunk',
    since: monday,
    source: 'wa',
    params: { app: 'WhatsApp', of: 'messages', count: 950 },
  });
  t.deepEqual(noticesOf(later), [notice]);
  const back = afterBackup(later, found(), tuesday);
  t.deepEqual(noticesOf(back), []);
  t.not(noticesOf(afterBackup(back, held('shrunk', { loss }), nextWeek))[0]?.id, notice?.id);
});

test('a source that was not due keeps what was wrong with it, and what is known of it', t => {
  const before = afterBackup(undefined, held('shrunk', { loss: { of: 'files', count: 12 } }), monday);
  t.deepEqual(afterBackup(before, held('not-due'), tuesday), before);
});

test('what the user accepted is told no more; what is not there cannot be accepted away', t => {
  const shrunk = afterBackup(undefined, held('shrunk', { loss: { of: 'bytes', count: 2e6 } }), monday);
  t.deepEqual(noticesOf(shrunk, true), []);
  t.is(acceptable(shrunk), 'in part');
  const missing = afterBackup(undefined, held('missing'), monday);
  t.is(noticesOf(missing, true).length, 1);
  t.false(acceptable(missing));
  t.true(acceptable(afterBackup(undefined, held('empty'), monday)));
  t.false(acceptable(undefined));
});

test('that messages went is told for a week, and added up', t => {
  const first = afterBackup(undefined, found({ messagesFewer: 30 }), monday);
  const second = afterBackup(first, found({ messagesFewer: 25 }), tuesday);
  t.like(noticesOf(second)[0], { kind: 'fewer-messages', since: monday, params: { count: 55 } });
  t.deepEqual(noticesOf(afterBackup(second, found(), nextWeek)), []);
});

test('what is known outlives a restart; what cannot be read is forgotten', t => {
  const known = new Map([['wa', afterBackup(undefined, held('shrunk'), monday)]]);
  t.deepEqual(decodeKnown(encodeKnown(known)), known);
  for (const text of [undefined, '', 'no json', 'null', '1']) t.is(decodeKnown(text).size, 0);
});

test('each notice says what happened in the terms of its incident', t => {
  const said = (source: Found) => words(afterBackup(undefined, source, monday))[0] ?? '';
  t.regex(said(found({ messagesFewer: 1240 })), /^WhatsApp has 1,240 messages fewer than before\./);
  for (const [loss, how] of [
    [{ of: 'messages', count: 950 }, 'has 950 messages fewer than before'],
    [{ of: 'files', count: 12 }, 'has 12 files fewer than before'],
    [{ of: 'bytes', count: 4_100_000 }, 'holds 4.1 MB less than before'],
  ] as const) {
    t.regex(said(held('shrunk', { loss })), new RegExp(`^WhatsApp ${how}\\.`));
  }
  t.regex(said(held('empty')), /^WhatsApp is empty now\./);
  t.regex(said(held('missing')), /^WhatsApp is not where it was\./);
});

test('new messages are told with their chats, where these are known', t => {
  t.is(newMessagesWords({ messagesNew: 212, conversationsChanged: 9 }), '212 new messages in 9 chats');
  t.is(newMessagesWords({ messagesNew: 1, conversationsChanged: 1 }), '1 new message in 1 chat');
  t.is(newMessagesWords({ messagesNew: 1234 }), '1,234 new messages');
  t.is(newMessagesWords({}), '');
});

test('a source tells its messages and size, and says when they are not counted', t => {
  const source = { id: 'wa', profile: 'whatsapp-android', label: 'WhatsApp', root: '/w', capturedAt: monday };
  t.is(sourceWords({ ...source, messages: 41_208, sizeBytes: 4.1e9 }), '41,208 messages · 4.1 GB');
  t.is(sourceWords({ ...source, sizeBytes: 310e6 }), 'messages not counted · 310 MB');
  t.is(sourceWords({ ...source, messages: 1, leftOut: { files: 412, bytes: 1 } }), '1 message · 412 files left out');
  t.is(sourceWords({ ...source, profile: 'generic', sizeBytes: 12 }), '12 bytes');
  t.is(sourceWords({ id: 'wa', profile: 'whatsapp-android', label: 'WhatsApp', root: '/w' }), '');
});

test('what a restore misses is told by its reason, also by one of a later version', t => {
  const of = (files: number, bytes: number) => ({ files, bytes });
  t.deepEqual(
    leftOutWords({
      files: 415,
      bytes: 0,
      byReason: { video: of(412, 3.1e9), excluded: of(1, 12), profile: of(2, 5e6), 'too-dull': of(3, 1e3) },
    }),
    [
      '412 videos were left out of this backup by your settings: 3.1 GB.',
      '1 file that you excluded was left out of this backup: 12 bytes.',
      '2 files that their apps make again were left out of this backup: 5.0 MB.',
      '3 files were left out of this backup on purpose: 1.0 kB.',
    ],
  );
  t.deepEqual(leftOutWords(undefined), []);
});

test('videos stay known while a source is not looked at, and are forgotten when a look finds none', t => {
  const videos = { files: 12, bytes: 96_000_000 };
  const first = afterBackup(undefined, found({ videos }), monday);
  t.deepEqual(first.videos, videos);
  for (const reason of ['not-due', 'missing', 'shrunk']) {
    t.deepEqual(afterBackup(first, held(reason, { videos: { files: 1, bytes: 1 } }), tuesday).videos, videos, reason);
  }
  t.is(afterBackup(first, found(), tuesday).videos, undefined);
});
