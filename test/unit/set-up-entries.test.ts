// What set-up shows and makes of what is typed: lists, hints and decisions, without an editor.

import test from 'ava';
import { addedWords, chatEntries, chatsPlaceholder, leaveOutLikeOthers } from '../../extension/set-up/chat-entries.ts';
import {
  addressOf,
  bucketOf,
  bucketProblem,
  clientIdProblem,
  isSamePassword,
  passwordPrompt,
  phoneDifference,
  phoneProblem,
  verdictHint,
} from '../../extension/set-up/entries.ts';
import {
  frequencyEntries,
  includesVideos,
  type Switches,
  scheduleOf,
  videoChanges,
} from '../../extension/set-up/frequency-entries.ts';
import { guideText } from '../../extension/set-up/guide.ts';
import { dataHomes, folderEntries, kindEntries, remoteOf, useEntries } from '../../extension/set-up/place-entries.ts';
import type { Reader } from '../../extension/views.ts';
import type { FoundSource, PlaceStatus } from '../../protocol/status.ts';

const reader: Reader = { now: Date.parse('2026-11-23T09:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };
const { locale } = reader;

const found = (changes: Partial<FoundSource> = {}): FoundSource => ({
  profile: 'whatsapp-android',
  label: 'WhatsApp',
  root: '/home/kim/WhatsApp',
  files: 900,
  sizeBytes: 4_100_000_000,
  isMore: false,
  newestAt: '2026-11-23T08:00:00Z',
  isAdded: false,
  ...changes,
});
const claude = found({
  profile: 'claude-code',
  label: 'Claude Code',
  root: '/home/kim/.claude',
  sizeBytes: 812_000_000,
});

test('chats that were found are marked, with their size, their age and what one should know', t => {
  const [first, second, last] = chatEntries({ found: [found(), claude], chosen: undefined }, reader);
  t.is(first?.label, '$(comment-discussion) WhatsApp');
  t.is(first?.description, '4.1 GB');
  t.is(first?.detail, 'Newest from today');
  t.true(first?.picked);
  t.is(second?.label, '$(terminal) Claude Code');
  t.is(second?.detail, 'Newest from today · This app removes chats after 30 days; the backup keeps them');
  t.is(last?.label, '$(folder-opened) Another folder…');
  t.true(last?.isOpener);
  t.falsy(last?.picked);
});

test('a folder with nothing in it is not marked, and a look that was cut off says so', t => {
  const [empty, cut] = chatEntries(
    { found: [found({ files: 0, sizeBytes: 0 }), found({ root: '/b', isMore: true })], chosen: undefined },
    reader,
  );
  t.false(empty?.picked);
  t.is(empty?.description, 'empty');
  t.is(cut?.description, 'at least 4.1 GB');
});

test('two folders of one app are told apart by where they lie', t => {
  const [one, other] = chatEntries({ found: [found(), found({ root: '/b' })], chosen: undefined }, reader);
  t.is(one?.detail, '/home/kim/WhatsApp · Newest from today');
  t.is(other?.detail, '/b · Newest from today');
});

test('an app whose files open only here says so', t => {
  const signal = found({ label: 'Signal Desktop', profile: 'signal-desktop', opensOnlyHere: true });
  const [entry] = chatEntries({ found: [signal], chosen: undefined }, reader);
  t.regex(entry?.detail ?? '', /On another computer these files will not open$/);
});

test('what was chosen before stays chosen, with folders that were named', t => {
  const chosen = [{ root: '/home/kim/.claude', profile: 'claude-code' }, { root: '/home/kim/Letters' }];
  const entries = chatEntries({ found: [found(), claude], chosen }, reader);
  t.deepEqual(
    entries.map(({ label, picked = false }) => [label, picked]),
    [
      ['$(comment-discussion) WhatsApp', false],
      ['$(terminal) Claude Code', true],
      ['$(folder-opened) /home/kim/Letters', true],
      ['$(folder-opened) Another folder…', false],
    ],
  );
});

test('the list says that nothing was found, and whose chats they are where that is not plain', t => {
  const words = (all: readonly FoundSource[] | undefined, machine?: string, isForMore = false) =>
    chatsPlaceholder({ found: all, machine, isForMore }, reader);
  t.is(words(undefined), 'Which chats do you want to back up?');
  t.is(words([found()]), 'Which chats do you want to back up?');
  t.is(words([]), 'No chats were found. Choose a folder.');
  t.is(words([], undefined, true), 'No other chats were found. Choose a folder.');
  t.is(words([found()], 'build-7'), 'Which chats on build-7 do you want to back up?');
  t.regex(words([], 'build-7'), /on build-7/);
  const asked = { found: [], machine: undefined, isForMore: false, hasOwn: true };
  t.is(chatsPlaceholder(asked, reader), 'Which chats do you want to back up?', 'a folder was chosen');
});

test('added chats leave videos out only where all others do', t => {
  t.deepEqual(leaveOutLikeOthers([]), []);
  t.deepEqual(leaveOutLikeOthers([{ leaveOut: ['video'] }, { leaveOut: ['video', 'audio'] }]), ['video']);
  t.deepEqual(leaveOutLikeOthers([{ leaveOut: ['video'] }, {}]), []);
  t.regex(addedWords([{ label: 'WhatsApp', nextBackup: 'on-request' }], locale), /Nothing is backed up by itself/);
  t.regex(addedWords([{ label: 'WhatsApp', nextBackup: 'by-itself' }], locale), /^Added: WhatsApp\. The next backup/);
});

test('the prompt of the password promises no more than the keychain keeps', t => {
  t.regex(passwordPrompt('session', locale), /once after each login/);
  t.regex(passwordPrompt('memory-only', locale), /each time Signet starts/);
  t.regex(passwordPrompt('unavailable', locale), /each time Signet starts/);
});

test('how strong a password is has the words of the design', t => {
  t.deepEqual(
    (['refused', 'weak', 'good', 'strong'] as const).map(verdict => verdictHint(verdict, locale).text),
    ['Too easy to guess. Add a word or two.', 'Too easy to guess. Add a word or two.', 'Good', 'Strong'],
  );
});

test('two typings of a password are compared as text, whichever way the keyboard wrote it', t => {
  t.true(isSamePassword('Z\u00fcrich', 'Zu\u0308rich'));
  t.false(isSamePassword('zurich', 'Zurich'));
});

test('a phone number needs its country code, and may have blanks and signs', t => {
  t.is(phoneProblem('+41 (0)44 668-18.00', locale), undefined);
  t.is(phoneProblem('044 668 18 00', locale), 'A number starts with + and the country code.');
  t.is(phoneProblem('', locale), 'A number starts with + and the country code.');
});

test('a second typing of the number tells the digits that differ', t => {
  t.is(phoneDifference('+12025550100', '+1 202 555 0100', locale), undefined);
  t.is(
    phoneDifference('+12025550100', '+1 202 555 0110', locale),
    'The two are not the same. The last two digits differ: 00 and 10.',
  );
  t.is(phoneDifference('+12025550100', '+1 202 556 0100', locale), 'The two are not the same.');
});

test('client ids, addresses and buckets are checked for their form', t => {
  t.is(clientIdProblem(' 12-ab.apps.googleusercontent.com ', locale), undefined);
  t.regex(clientIdProblem('12-ab', locale) ?? '', /apps\.googleusercontent\.com/);
  t.is(addressOf('s3.example.org'), 'https://s3.example.org');
  t.is(addressOf('http://127.0.0.1:9000/'), 'http://127.0.0.1:9000');
  for (const typed of ['', 'https://s3.example.org/bucket', 'ftp://host', 'https://me:secret@host', 'a b'])
    t.is(addressOf(typed), undefined, typed);
  t.is(bucketOf('/chats//laptop/'), 'chats/laptop');
  t.is(bucketProblem('chats/laptop', locale), undefined);
  t.truthy(bucketProblem('Chats', locale));
  t.truthy(bucketProblem('', locale));
});

test('a place is written as the command line has it', t => {
  t.is(remoteOf({}), undefined);
  t.is(remoteOf({ kind: 'folder', folder: '/b' }), 'folder:/b');
  t.is(remoteOf({ kind: 'drive' }), 'drive:Signet');
  t.is(remoteOf({ kind: 's3', address: 'https://s3.example.org' }), undefined);
  t.is(remoteOf({ kind: 's3', address: 'https://s3.example.org', bucket: 'a/b' }), 's3:https://s3.example.org/a/b');
});

const drive: PlaceStatus = {
  remote: 'drive:Signet',
  kind: 'drive',
  label: 'Google Drive',
  role: 'unused',
  account: 'kim@example.org',
  advice: [],
};

test('the kinds of places name what was found, and a sign-in that is there', t => {
  const kinds = ['folder', 'drive', 's3', 'here'] as const;
  const plain = kindEntries({ kinds, synced: [], places: [] }, locale);
  t.deepEqual(
    plain.map(({ label }) => label),
    [
      '$(folder) A folder',
      '$(cloud) Google Drive, directly',
      '$(server) S3 storage',
      '$(device-desktop) This computer only, for now',
    ],
  );
  t.is(plain[1]?.detail, 'Needs a client id of your own; the guide shows each click');
  t.is(plain[0]?.description, 'recommended to begin');
  const [old] = kindEntries({ kinds: ['folder', 'drive', 's3'], synced: [], places: [] }, locale);
  t.is(old?.description, undefined, 'where copies are looked for, nothing begins');
  const synced = [
    { app: 'Dropbox', path: '/home/kim/Dropbox' },
    { app: 'OneDrive', path: '/home/kim/OneDrive' },
  ];
  const [folder, connected] = kindEntries({ kinds, synced, places: [drive] }, locale);
  t.is(folder?.detail, 'Found here: Dropbox and OneDrive');
  t.is(connected?.description, 'connected: kim@example.org');
  const [, signedOut] = kindEntries({ kinds, synced, places: [{ ...drive, signIn: 'needed' }] }, locale);
  t.is(signedOut?.description, 'once about 10 minutes');
});

test('in a synced folder the copies get a folder of their own', t => {
  const entries = folderEntries([{ app: 'Dropbox', path: '/home/kim/Dropbox' }], 'linux', locale);
  t.deepEqual(
    entries.map(({ answer }) => answer),
    ['/home/kim/Dropbox/Signet Backup', ''],
  );
});

test('a place on this computer is where programs keep their data', t => {
  t.deepEqual(dataHomes('linux', { XDG_DATA_HOME: '/data' }, '/home/kim'), [
    '/data',
    '/home/kim/.local/share',
    '/home/kim',
  ]);
  t.deepEqual(dataHomes('linux', { XDG_DATA_HOME: 'relative' }, '/home/kim')[0], '/home/kim/.local/share');
  t.is(dataHomes('darwin', {}, '/Users/kim')[0], '/Users/kim/Library/Application Support');
  t.is(dataHomes('win32', {}, 'C:\\Users\\kim')[0], 'C:\\Users\\kim\\AppData\\Local');
});

test('only a cloud can be connected without being used', t => {
  t.deepEqual(
    useEntries(true, locale).map(({ answer }) => answer),
    ['move', 'mirror', 'later'],
  );
  t.deepEqual(
    useEntries(false, locale).map(({ answer }) => answer),
    ['move', 'mirror'],
  );
});

const list = (switches: Switches, flip: (change: Partial<Switches>) => void = () => undefined) =>
  frequencyEntries({ at: '03:30', switches, flip, separator: { kind: -1 } }, locale);

test('how often is chosen from five times, and videos are a switch below them', t => {
  const flipped: Partial<Switches>[] = [];
  const entries = list({ includeVideos: true }, change => flipped.push(change));
  t.deepEqual(
    entries.map(({ label, detail = '' }) => [label, detail]),
    [
      ['Daily', 'At 03:30, and when chats change'],
      ['Weekly', 'Sundays at 03:30'],
      ['Monthly', 'The 1st at 03:30'],
      ['Only when I tap "Back up"', ''],
      ['Never', ''],
      ['', ''],
      ['$(check) Include videos', ''],
    ],
  );
  t.is(entries[0]?.description, 'recommended');
  entries.at(-1)?.act?.();
  t.deepEqual(flipped, [{ includeVideos: false }]);
  t.is(list({ includeVideos: false }).at(-1)?.label, '$(circle-slash) Include videos');
});

test('on a computer that is set up the present choice is told, and changes of chats are a switch too', t => {
  const entries = frequencyEntries(
    {
      at: '21:00',
      now: 'weekly',
      switches: { includeVideos: true, onChange: true },
      flip: () => undefined,
      separator: { kind: -1 },
    },
    locale,
  );
  t.deepEqual(
    entries.map(({ label, description = '', detail = '' }) => [label, description, detail].join('|')).slice(0, 3),
    [
      'Daily||At 21:00, and when chats change',
      'Weekly|as it is now|Sundays at 21:00, and when chats change',
      'Monthly||The 1st at 21:00, and when chats change',
    ],
  );
  t.is(entries.at(-2)?.label, '$(check) When chats change');
});

test('changes of chats are backed up only beside a time', t => {
  t.deepEqual(scheduleOf('daily', undefined), { kind: 'daily', onChange: true });
  t.deepEqual(scheduleOf('weekly', undefined), { kind: 'weekly', onChange: false });
  t.deepEqual(scheduleOf('weekly', true), { kind: 'weekly', onChange: true });
  t.deepEqual(scheduleOf('manual', true), { kind: 'manual', onChange: false });
  t.deepEqual(scheduleOf('never', true), { kind: 'never', onChange: false });
});

test('videos are switched for the sources that are otherwise, and other choices stay', t => {
  const sources = [{ id: 'a' }, { id: 'b', leaveOut: ['audio', 'video'] as const }];
  t.true(includesVideos(sources));
  t.false(includesVideos(sources.slice(1)));
  t.deepEqual(videoChanges(sources, false), [{ id: 'a', leaveOut: ['video'] }]);
  t.deepEqual(videoChanges(sources, true), [{ id: 'b', leaveOut: ['audio'] }]);
});

test('the guide has a page for each step, and the kind of client that fits the sign-in', t => {
  const text = guideText('browser', locale);
  t.regex(text, /^# A client id for Google Drive$/m);
  t.regex(text, /^5\. <https:\/\/console\.cloud\.google\.com\/auth\/clients>$/m);
  t.regex(text, /Desktop app/);
  t.regex(guideText('device', locale), /TVs and Limited Input devices/);
});
