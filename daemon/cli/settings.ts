// What can be chosen: shown, and changed one at a time. How a value is meant is told by what the setting holds now.

import { duration, size } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import { type CommonOptions, usage, withDaemon } from './session.ts';
import { bytesIn } from './source-spec.ts';
import { harmless, print, printJson, table } from './terminal.ts';

type Values = Readonly<Record<string, unknown>>;

/** In a few words; docs/settings.md has the long form. */
export const meanings: Readonly<Record<string, string>> = {
  deviceLabel: 'name of this computer in the list of backups',
  quietMs: 'so long without a change before a backup',
  longestWaitMs: 'at most so long until that backup',
  smallestIntervalMs: 'at least so long between two on change',
  rescanMs: 'how often everything is looked through',
  jitterMs: 'up to so long later, by chance',
  lockAfterIdleMs: 'lock after so long without use',
  lockAfterMs: 'lock so long after the password was given',
  useKeychain: 'stay unlocked until logout',
  waitOnBattery: 'no backups by themselves on battery',
  waitOnMetered: 'none by themselves where volume is paid',
  passwordReminder: 'ask whether the password is still known',
  desktopNotices: 'show what needs you on the desktop',
  watch: 'notice changes at once',
  maxUploadBytesPerSecond: 'at most so much to a cloud in a second',
  maxDownloadBytesPerSecond: 'at most so much from a cloud in a second',
  packTargetBytes: 'size of the objects that data is collected in',
  tidyUp: 'forget old backups by itself',
  keepAllHours: 'hours of which every backup is kept',
  keepHourlyDays: 'then days of which one an hour is kept',
  keepDailyDays: 'then days of which one a day is kept',
  keepWeeklyWeeks: 'then weeks of which one a week is kept',
  keepMonthlyMonths: 'then months of which one a month is kept',
  drillDays: 'days between two restores on trial',
};

/** Numbers of what their names end in; of the others a number is a time or a size. */
const countName = /^(?:keep|drill)\w*(?:Hours|Days|Weeks|Months)$/;

const sizes: ReadonlySet<string> = new Set(['maxUploadBytesPerSecond', 'maxDownloadBytesPerSecond', 'packTargetBytes']);

export async function get(key: string | undefined, options: CommonOptions): Promise<void> {
  const values = await withDaemon(({ connection }) => connection.sendRequest(messages.getSettings));
  if (key !== undefined && !Object.hasOwn(values, key)) throw unknown(key, values);
  if (options.json) printJson(key === undefined ? values : { [key]: values[key] });
  else if (key !== undefined) print(shown(key, values[key]));
  else print(table(Object.entries(values).map(([name, value]) => [name, shown(name, value), meanings[name] ?? ''])));
}

export async function set(key: string, text: string, options: CommonOptions): Promise<void> {
  const values = await withDaemon(async ({ connection }) => {
    const before = await connection.sendRequest(messages.getSettings);
    // A key that cannot be set travels as it is: the daemon says why.
    const value = Object.hasOwn(before, key) ? parsedValue(key, text, before[key]) : text.slice(0, 256);
    return connection.sendRequest(messages.setSettings, { values: { [key]: value } });
  });
  if (options.json) printJson(values);
  else print(`${key} is now ${shown(key, values[key])}.`);
}

/** @throws E_USAGE when the text is not of the kind that the setting holds */
export function parsedValue(key: string, text: string, before: unknown): boolean | number | string {
  if (key === 'watch') {
    const ways: Readonly<Record<string, string>> = { on: 'chokidar', chokidar: 'chokidar', off: 'off' };
    const way = Object.hasOwn(ways, text) ? ways[text] : undefined;
    if (way === undefined) throw usage('the setting watch is on or off');
    return way;
  }
  if (typeof before === 'boolean') {
    if (['on', 'true', 'yes'].includes(text)) return true;
    if (['off', 'false', 'no'].includes(text)) return false;
    throw usage(`the setting ${key} is on or off`);
  }
  if (sizes.has(key)) {
    const bytes = bytesIn(text);
    if (!(bytes >= 0)) throw usage(`the setting ${key} takes a size, such as 500kB, 2MB, 16MiB, or 0`);
    return bytes;
  }
  if (countName.test(key)) {
    if (!/^\d{1,6}$/.test(text)) throw usage(`the setting ${key} takes a whole number, such as 7`);
    return Number(text);
  }
  if (typeof before === 'number') {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    const [, digits, unit = 'ms'] = /^(\d{1,10})(ms|s|m|h|d)?$/.exec(text) ?? [];
    if (digits === undefined) throw usage(`the setting ${key} takes a time, such as 30s, 10m, 2h, or 0`);
    return Number(digits) * units[unit as keyof typeof units];
  }
  return text;
}

function shown(key: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (key === 'watch') return value === 'off' ? 'off' : 'on';
  if (sizes.has(key) && typeof value === 'number') return value === 0 ? 'as usual' : size(value);
  if (key === 'keepMonthlyMonths' && value === 0) return 'for ever';
  if (countName.test(key)) return String(value);
  if (typeof value === 'number') return value === 0 && /^(?:lock|rescan)/.test(key) ? 'never' : duration(value);
  return harmless(String(value));
}

function unknown(key: string, values: Values) {
  return usage(`there is no setting ${harmless(key)} to show`, `there are ${Object.keys(values).join(', ')}`);
}
