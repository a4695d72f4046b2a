// The rows of the Status tree that somebody should act on, beside that of the state: further alarms, what the daemon found, files that were not
// read, computers that fell silent.

import { alarmSentence } from '../protocol/alarm-words.ts';
import { capital } from '../protocol/error-words.ts';
import { isErrorCode } from '../protocol/errors.ts';
import { ago, counted, type Locale, moment, plural, say } from '../protocol/formats.ts';
import { noticeWords } from '../protocol/notice-words.ts';
import type { Alarm, DeviceStatus, Notice, Status } from '../protocol/status.ts';
import { alarming, daysSince, fitting, forDays, type Row, warning } from './rows.ts';
import type { Reader } from './views.ts';

export function troubleRows(status: Status, reader: Reader): readonly Row[] {
  return [
    ...status.notices.flatMap(notice => noticeRow(notice, reader)),
    ...unreadableRows(status, reader),
    ...(status.devices ?? []).flatMap(device => silentRow(device, status, reader)),
  ];
}

/** What the daemon found that somebody should look at, and that no state and no other row tells. */
function noticeRow(notice: Notice, { now, locale }: Reader): readonly Row[] {
  const { id, kind, params, source } = notice;
  const { message, advice } = noticeWords(notice, now, locale);
  const app = capital(typeof params['app'] === 'string' ? params['app'] : say(locale, 'a folder with chats'));
  const row = { id, ...warning, tooltip: `${message} ${advice}`, ...(source !== undefined && { source }) };
  const fewer = typeof params['count'] === 'number' ? params['count'] : undefined;
  switch (kind) {
    case 'shrunk': {
      const by = fewer !== undefined && params['of'] === 'messages' ? byMessages(fewer, locale) : '';
      const label = say(locale, '{app} shrank', { app });
      return [{ ...row, ...fitting(label, [by, '']), action: 'acceptSource' }];
    }
    case 'fewer-messages':
      return [{ ...row, ...fitting(app, [fewer === undefined ? '' : fewerMessages(fewer, locale), '']) }];
    case 'missing-source':
      return [{ ...row, ...fitting(app, [say(locale, 'not where it was'), say(locale, 'missing')]) }];
    case 'half-restored':
      return [{ ...row, ...fitting(app, [say(locale, 'restore broke off'), say(locale, 'broke off')]) }];
    case 'mirror-behind': {
      const { code } = params;
      const description = isErrorCode(code) && code === 'E_SIGN_IN' ? say(locale, 'sign in') : say(locale, 'behind');
      return [{ ...row, label: say(locale, 'The second copy'), description }];
    }
    case 'drill-failed':
      return [{ ...row, label: say(locale, 'Trial restore'), description: say(locale, 'failed') }];
    case 'clock-jumped':
      return [{ ...row, label: say(locale, 'The clock jumped'), description: '' }];
    // The state's own row says these, or a notice asks them.
    case 'overdue':
    case 'locked-due':
    case 'failed':
    case 'signed-out':
    case 'cloud-full':
    case 'no-keychain':
    case 'password-reminder':
      return [];
  }
}

function byMessages(value: number, locale: Locale): string {
  return say(locale, 'by {messages}', { messages: counted(value, 'message', 'messages', locale) });
}

function fewerMessages(value: number, locale: Locale): string {
  return say(locale, '{messages} fewer', { messages: counted(value, 'message', 'messages', locale) });
}

function unreadableRows({ lastBackup }: Status, { locale }: Reader): readonly Row[] {
  const files = lastBackup?.filesUnreadable.filter(({ path }) => path.includes('/')) ?? [];
  if (lastBackup === null || files.length === 0) return [];
  const total = files.length + (lastBackup.more?.filesUnreadable ?? 0);
  return [
    {
      id: 'unreadable',
      ...warning,
      label: say(locale, '{files} not read', { files: counted(total, 'file', 'files', locale) }),
      description: '',
      tooltip: say(locale, 'They are tried again next time.'),
      children: files.map(({ path, reason }) => ({
        id: `unreadable ${path}`,
        icon: 'file',
        label: path.slice(path.lastIndexOf('/') + 1),
        description: reason,
        tooltip: say(locale, '{path} could not be read: {reason}', { path, reason }),
      })),
    },
  ];
}

/** A computer that has been quiet for long enough to wonder, but not so long that it is given up. */
function silentRow(
  { label, at, isThis, id }: DeviceStatus,
  { schedule }: Status,
  { now, locale }: Reader,
): readonly Row[] {
  if (isThis || at === undefined) return [];
  const days = daysSince(at, now);
  const isWeird = days >= (schedule.kind === 'monthly' ? 40 : 8) && days <= 90;
  if (!isWeird) return [];
  const row = fitting(say(locale, '{device} is silent', { device: label }), [forDays(days, locale), '']);
  const since = moment(at, locale);
  const tooltip = say(locale, '{device} has made no backup since {since}.', { device: label, since });
  return [{ id: `silent ${id}`, ...warning, ...row, tooltip }];
}

export function alarmRows(alarms: readonly Alarm[], { now, locale }: Reader): readonly Row[] {
  return alarms.map(alarm => ({
    id: `alarm ${alarm.id}`,
    ...alarming,
    ...fitting(alarmLabel(alarm, locale), [say(locale, 'show what to do'), say(locale, 'show')]),
    tooltip: [
      alarmSentence(alarm, locale),
      say(locale, 'Noticed {when}. Your chats on this computer are safe.', { when: ago(alarm.since, now, locale) }),
    ].join('\n'),
    action: 'showAlarm',
    alarm: alarm.id,
  }));
}

function alarmLabel({ code, params }: Alarm, locale: Locale): string {
  const several = typeof params['count'] === 'number' ? params['count'] : undefined;
  if (params['what'] === 'lock') return say(locale, 'Lock missing');
  switch (code) {
    case 'E_ROLLBACK':
    case 'E_WITHHELD':
      return several === undefined
        ? say(locale, 'Backups are hidden')
        : plural(locale, several, '{count} backup is hidden', '{count} backups are hidden');
    case 'E_FORK':
      return say(locale, 'Two histories');
    case 'E_FOREIGN_SNAPSHOT':
      return several === undefined || several === 1
        ? say(locale, 'Unknown backup')
        : plural(locale, several, '{count} unknown backup', '{count} unknown backups');
    case 'E_VAULT_CHANGED':
    case 'E_VAULT_ROLLBACK':
      return say(locale, 'Lock replaced');
    case 'E_REPO_MISMATCH':
      return say(locale, 'Not your backup');
    default:
      return say(locale, 'Backup damaged');
  }
}
