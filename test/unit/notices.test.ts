import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DesktopNotices } from '../../daemon/jobs/notices.ts';
import { noticeTool, showNotice } from '../../daemon/platform/notify.ts';
import { openState } from '../../daemon/state/state.ts';
import { desktopAlarm, desktopNotice, noticeWords } from '../../protocol/notice-words.ts';
import type { Notice, NoticeKind, Status } from '../../protocol/status.ts';
import { alarmOf } from '../support/alarms.ts';
import { someStatus } from '../support/fake-handlers.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryFolder, temporaryHome } from '../support/temporary-home.ts';

/** With programs that Windows does not have. */
const posix = process.platform === 'win32' ? test.skip : test;

const now = Date.parse('2026-11-23T09:00:00.000Z');
const since = '2026-11-20T09:00:00.000Z';
const notice = (kind: NoticeKind, params: Notice['params'] = {}, id: string = kind): Notice => ({
  id,
  kind,
  since,
  params,
});
const all: readonly Notice[] = [
  notice('overdue', { days: 9, cause: 'sign-in', place: 'Google Drive' }),
  notice('locked-due', { schedule: 'weekly' }),
  notice('failed', { code: 'E_REMOTE_DENIED', place: 'the folder Anna', tries: 3 }),
  notice('shrunk', { app: 'Anna’s WhatsApp', of: 'messages', count: 1200 }),
  notice('missing-source', { app: 'Anna’s WhatsApp' }),
  notice('fewer-messages', { app: 'Anna’s WhatsApp', count: 1 }),
  notice('password-reminder'),
  notice('signed-out', { place: 'Google Drive', why: 'revoked' }),
  notice('signed-out', { place: 'Google Drive', why: 'weekly' }, 'signed-out weekly'),
  notice('signed-out', { place: 'the bucket Anna', why: 'keys' }, 'signed-out keys'),
  notice('signed-out', { place: 'Google Drive', why: 'client' }, 'signed-out client'),
  notice('cloud-full', { place: 'Google Drive', need: 5_500_000_000 }),
  notice('no-keychain'),
];

test('each kind of notice has words for what happened and what to do', t => {
  const text = all.map(each => Object.values(noticeWords(each, now)).join(' | '));
  t.deepEqual(text, [
    'No good backup for 9 days. Google Drive ended the sign-in, so nothing has been uploaded since. | See what Signet says, then back up.',
    'Signet is locked, and the weekly backup is due. | Unlock it, and the backup is made by itself.',
    'The backup stopped: The folder Anna does not let Signet read or write there. | Nothing is lost; Signet tries again by itself. Check the permissions of the place, then try again.',
    'Anna’s WhatsApp has 1,200 messages fewer than before. Its last full state is kept, and nothing newer of it is backed up until you decide. | If you removed that yourself, say so, and backups go on with what is there.',
    'Anna’s WhatsApp is not where it was. What was backed up of it is still in your backups. | Connect its disk or move it back; if it is gone for good, take it out of the backup.',
    'Anna’s WhatsApp has 1 message fewer than before. | They are still in your backups.',
    'Do you still know your backup password? | Typing it now makes sure. Nobody can reset it.',
    'Google Drive ended the sign-in. | Backups wait until you sign in again.',
    'Google ends this sign-in every 7 days, because the Google project is still in testing. | Backups wait until you sign in again. Publish the project first, and the next sign-in lasts.',
    'The bucket Anna does not accept the keys that Signet has for it. | Connect it again with keys that are valid. Backups wait until then.',
    'Google does not accept the client id or its secret. | See that both were copied whole, and that the client is still in your Google project.',
    'Google Drive is full. 5.5 GB more is needed for the next backup. | Free some space there; backups go on by themselves.',
    'This computer has no keychain that Signet can use. | It will ask for the password each time it starts.',
  ]);
});

test('words come without any parameter, too, and hold no word of ours that people do not know', t => {
  for (const { kind } of all) {
    const { message, advice } = noticeWords({ kind, params: {} }, now);
    t.regex(message, /^[A-Z].*[.?]$/, kind);
    t.notRegex(message + advice, /vault|repository|blob|daemon|remote|!|undefined/i, kind);
  }
  const locked = noticeWords(notice('locked-due', { schedule: 'changes' }), now).message;
  t.is(locked, 'Signet is locked, and what changed waits to be backed up.');
  const failed = notice('overdue', { cause: 'failed', code: 'E_REMOTE_FULL', days: 1, tries: 3 });
  t.is(
    noticeWords(failed, now).message,
    'No good backup for 1 day. The last 3 tries failed: The place of your backups is full.',
  );
  const empty = notice('shrunk', { app: 'WhatsApp', of: 'everything' });
  t.true(noticeWords(empty, now).message.startsWith('WhatsApp is empty now. Its last full state is kept'));
});

test('what stands on the desktop names no app, place or person', t => {
  for (const each of all) t.notRegex(desktopNotice(each, now), /Anna|Google/, each.kind);
  t.true(desktopNotice(notice('shrunk', { app: 'Anna', of: 'files', count: 9 }), now).includes('9 files fewer'));
  t.true(desktopAlarm({ code: 'E_WITHHELD', params: {} }).startsWith('The cloud is hiding backups'));
});

async function kit(t: ExecutionContext) {
  const state = await openState(await temporaryHome(t), { clock: manualClock(), hostLabel: 'bench' });
  t.teardown(() => state.close());
  const shown: string[] = [];
  const settings = { isWanted: true };
  const start = () =>
    new DesktopNotices({
      facts: state.facts,
      log: { info: () => undefined, warn: () => undefined },
      now: () => now,
      isWanted: () => settings.isWanted,
      show: async text => {
        shown.push(text);
        return true;
      },
    });
  return { start, shown, settings };
}

const overdue = notice('overdue', { days: 9, cause: 'offline' });
const standing = (notices: readonly Notice[], changes: Partial<Status> = {}) => someStatus({ notices, ...changes });

test('an incident is told once, also after a restart, and again when it comes back', async t => {
  const { start, shown } = await kit(t);
  const first = start();
  first.look(standing([overdue]));
  first.look(standing([overdue]));
  t.is(shown.length, 1);

  const second = start();
  second.look(standing([], { lastGoodAt: since })); // just started: nothing is known yet
  second.look(standing([overdue], { lastGoodAt: since }));
  t.is(shown.length, 1);
  second.look(standing([], { lastGoodAt: '2026-11-21T09:00:00.000Z' })); // a run showed that it is over
  second.look(standing([overdue], { lastGoodAt: '2026-11-21T09:00:00.000Z' }));
  t.is(shown.length, 2);
});

test('alarms and what needs a person are told, what can wait is not', async t => {
  const { start, shown } = await kit(t);
  const alarms = [alarmOf('E_FORK', { since, detail: '' })];
  start().look(standing(all, { alarms }));
  t.is(shown.length, 1 + all.length - 2);
  t.false(shown.some(text => /keychain|1 message fewer/.test(text)));
});

test('notices that are switched off stay off the desktop, and come when they are switched on', async t => {
  const { start, shown, settings } = await kit(t);
  settings.isWanted = false;
  const notices = start();
  notices.look(standing([overdue]));
  t.is(shown.length, 0);
  settings.isWanted = true;
  notices.look(standing([overdue]));
  t.is(shown.length, 1);
});

const nasty = `a <b>bold</b> & "quoted" $(touch x) \`y\`\n'; z \u202e ${'w'.repeat(500)}`;

test('the text is data to each tool, one line, and not longer than a notice', t => {
  const linux = noticeTool('linux', nasty);
  t.deepEqual(linux?.words.slice(0, 4), ['--app-name=Signet', '--icon=security-high', '--', 'Signet']);
  t.true(linux?.words[4]?.startsWith('a &lt;b&gt;bold&lt;/b&gt; &amp; "quoted" $(touch x) `y` \'; z'));
  t.notRegex(linux?.words[4] ?? '', /[\n\u202e]/);
  const mac = noticeTool('darwin', nasty);
  t.is(mac?.words.filter(word => word.includes('bold')).length, 1);
  t.is(mac?.words.at(-2)?.length, 240);
  const windows = noticeTool('win32', nasty);
  t.false(windows?.words.some(word => word.includes('bold')));
  t.true(windows?.environment['SIGNET_NOTICE']?.includes('<b>bold</b>'));
  t.is(noticeTool('aix', 'x'), undefined);
});

test('a computer without a tool shows nothing, which is no failure', async t => {
  t.false(await showNotice('x', { platform: 'linux', env: { PATH: await temporaryFolder(t) } }));
  t.false(await showNotice('x', { platform: 'aix', env: {} }));
});

posix('the tool gets the text as one argument', async t => {
  const folder = await temporaryFolder(t);
  const out = join(folder, 'out');
  writeFileSync(join(folder, 'notify-send'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${out}'\n`);
  chmodSync(join(folder, 'notify-send'), 0o700);
  t.true(await showNotice('it is $(id) -- here', { platform: 'linux', env: { PATH: folder } }));
  t.is(readFileSync(out, 'utf8').split('\n')[4], 'it is $(id) -- here');
});
