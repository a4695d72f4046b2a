import test from 'ava';
import { dueNotices, stillTold, type Told } from '../../extension/notices.ts';
import type { Known, Reader } from '../../extension/views.ts';
import type { Notice, NoticeKind, Status } from '../../protocol/status.ts';
import { alarmOf } from '../support/alarms.ts';
import { someStatus } from '../support/fake-handlers.ts';

const reader: Reader = { now: Date.parse('2026-11-23T09:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };
const own = { protocolVersion: 1, productVersion: '0.2.0' };
const nobody: Told = { ids: [], silenced: [] };
const since = '2026-11-23T08:00:00Z';

const connected = (change: Partial<Status> = {}): Known => ({
  kind: 'connected',
  status: someStatus({ daemonVersion: '0.2.0', ...change }),
});
const notice = (kind: NoticeKind, more: Partial<Notice> = {}): Notice => ({
  id: `${kind} ${since}`,
  kind,
  since,
  params: { place: 'Google Drive', app: 'WhatsApp', count: 950, of: 'messages', days: 9, code: 'E_UNREACHABLE' },
  ...more,
});
const due = (known: Known, told: Told = nobody) => dueNotices(known, told, own, reader);
const titles = (known: Known) => due(known).map(({ actions }) => actions.map(({ title }) => title));

test('while all is well nothing is said', t => {
  t.deepEqual(due(connected()), []);
  t.deepEqual(due({ kind: 'starting' }), []);
  t.deepEqual(due({ kind: 'notRunning', reason: '' }), [], 'somebody stopped it');
});

test('an incident is told once, whichever window told it', t => {
  const known = connected({ notices: [notice('failed')] });
  const [first] = due(known);
  t.regex(first?.text ?? '', /The backup stopped: .*Nothing is lost/);
  t.deepEqual(due(known, { ids: [first?.id ?? ''], silenced: [] }), []);
  const again = connected({ notices: [notice('failed', { id: 'failed another' })] });
  t.is(due(again, { ids: [first?.id ?? ''], silenced: [] }).length, 1, 'another incident');
});

test('what nobody wants to hear of is not told, but an alarm is', t => {
  const alarms = [alarmOf('E_ROLLBACK', { since, detail: '' })];
  const known = connected({ notices: [notice('failed')], alarms });
  const found = due(known, { ids: [], silenced: ['failed', 'E_ROLLBACK'] });
  t.is(found.length, 1);
  t.like(found[0], { severity: 'error' });
  t.is(found[0]?.kind, undefined);
  t.regex(found[0]?.text ?? '', /^The cloud is hiding .*Your chats on this computer are safe\./);
});

test('each kind of notice has what helps', t => {
  const wanted: Readonly<Partial<Record<NoticeKind, readonly string[]>>> = {
    'locked-due': ['Unlock…'],
    failed: ['Try Now', 'Show Log'],
    overdue: ['Back Up Now', 'Open Status'],
    'password-reminder': ['Check…'],
    'no-keychain': [],
    'fewer-messages': ['Show Them'],
    'drill-failed': ['Show', 'Back Up Now'],
    'cloud-full': ['Show Plan…', 'Open Status'],
    'clock-jumped': ['Tidy Up…', 'Open Status'],
  };
  for (const [kind, actions] of Object.entries(wanted))
    t.deepEqual(titles(connected({ notices: [notice(kind as NoticeKind)] })), [actions], kind);
  t.deepEqual(titles(connected({ vault: 'locked', notices: [notice('overdue')] })), [['Unlock…', 'Open Status']]);
});

test('an alarm says how many backups, and shows itself', t => {
  const alarms = [alarmOf('E_WITHHELD', { since, params: { count: 2 } })];
  const [found] = due(connected({ alarms }));
  t.regex(found?.text ?? '', /^The cloud is hiding 2 backups that this computer made\. Your chats/);
  t.deepEqual(found?.actions, [{ title: 'Show…', command: 'signet.showAlarm', given: { alarm: '00000000000000aa' } }]);
  const ids = [found?.id ?? ''];
  const more = [alarmOf('E_WITHHELD', { since, params: { count: 3 } })];
  t.deepEqual(due(connected({ alarms: more }), { ids, silenced: [] }), [], 'the same alarm is told once');
});

test('that a source shrank can be taken on oneself, where it is known which', t => {
  const shrunk = notice('shrunk', { source: 'whatsapp-aaaaaaaa' });
  const [found] = due(connected({ notices: [shrunk] }));
  t.like(found?.actions[1], {
    title: 'That Was Me',
    command: 'signet.source.accept',
    given: { source: 'whatsapp-aaaaaaaa' },
  });
  t.deepEqual(titles(connected({ notices: [notice('shrunk')] })), [['Show Them']]);
});

test('files that could not be read are counted and not named, and told again only after a whole backup', t => {
  const { lastBackup } = someStatus();
  if (lastBackup === null) return t.fail();
  const filesUnreadable = ['a/secret chat.txt', 'a/b.txt'].map(path => ({ path, reason: 'busy' }));
  const some = connected({ lastBackup: { ...lastBackup, filesUnreadable } });
  const [found] = due(some);
  t.is(found?.text, 'Backed up, except 2 files that could not be read. They are tried again next time.');
  const ids = [found?.id ?? ''];
  t.deepEqual(stillTold(some, ids), ids);
  t.deepEqual(stillTold(connected({ lastBackup: { ...lastBackup, filesUnreadable: [] } }), ids), []);
});

test('a newer background part is told of once for each version, and an older one not at all', t => {
  t.deepEqual(titles(connected({ daemonVersion: '0.3.0' })), [['Update']]);
  t.deepEqual(titles({ kind: 'notRunning', reason: 'no matter', isNewer: true }), [['Update']]);
  t.deepEqual(due(connected({ daemonVersion: '0.1.0' })), []);
  const [{ id } = { id: '' }] = due(connected({ daemonVersion: '0.3.0' }));
  t.deepEqual(due(connected({ daemonVersion: '0.3.0' }), { ids: [id], silenced: [] }), []);
  t.is(due(connected({ daemonVersion: '0.4.0' }), { ids: [id], silenced: [] }).length, 1);
});

test('a background part that cannot be started is told of, and anew when it ran in between', t => {
  const known: Known = { kind: 'notRunning', reason: 'No Node was found.' };
  const [found] = due(known);
  t.is(found?.text, 'Signet is not running and could not be started: No Node was found.');
  const ids = [found?.id ?? ''];
  t.deepEqual(stillTold(known, ids), ids);
  t.deepEqual(stillTold(connected(), ids), []);
});
