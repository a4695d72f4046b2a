// Settings that a client may choose, and those that are chosen elsewhere. What starts programs or names hosts is not among them: whoever
// reaches the daemon may use it, but not make it run something of theirs.

import { SignetError } from '../base/errors.ts';
import type { Settings } from '../state/model.ts';

const settable = [
  'deviceLabel',
  'quietMs',
  'longestWaitMs',
  'smallestIntervalMs',
  'rescanMs',
  'jitterMs',
  'lockAfterIdleMs',
  'lockAfterMs',
  'useKeychain',
  'waitOnBattery',
  'waitOnMetered',
  'passwordReminder',
  'desktopNotices',
  'watch',
  'maxUploadBytesPerSecond',
  'maxDownloadBytesPerSecond',
  'packTargetBytes',
  'tidyUp',
  'keepAllHours',
  'keepHourlyDays',
  'keepDailyDays',
  'keepWeeklyWeeks',
  'keepMonthlyMonths',
  'drillDays',
] as const satisfies readonly (keyof Settings)[];

/** Chosen by the file alone. */
const fileOnly = ['beforeBackup', 'afterBackup', 'healthCheckUrl'] as const satisfies readonly (keyof Settings)[];

/** Have commands of their own, with checks of their own. */
const elsewhere: Readonly<Record<string, string>> = {
  remote: '`signet setup` chooses the place of the copies, `signet remote move` another one',
  sources: '`signet sources` changes them',
  schedule: '`signet schedule` changes it',
  syncedBy: 'Signet finds it out',
};

export type ChosenSettings = Pick<Settings, (typeof settable)[number]>;

/** What can be chosen, as it is now. */
export function chosenSettings(settings: Settings): ChosenSettings {
  return pick(settings, settable);
}

/** What whoever edits the file may change there beside a running daemon. */
export function editable(settings: Settings): Partial<Settings> {
  return pick(settings, [...settable, ...fileOnly]);
}

/** @param path of the settings file, for the advice. @throws E_USAGE for a key that no client may set */
export function assertChoosable(key: string, path: string): void {
  if (settable.some(known => known === key)) return;
  const refuse = (detail: string, advice: string): never => {
    throw new SignetError('E_USAGE', `${detail}; ${advice}`, { params: { detail, advice } });
  };
  if (fileOnly.some(known => known === key)) {
    refuse(
      `the setting ${key} starts a program or names a host, so it is set in the settings file alone`,
      `edit ${path}`,
    );
  }
  const other = Object.hasOwn(elsewhere, key) ? elsewhere[key] : undefined;
  if (other !== undefined) refuse(`the setting ${key} is not changed here`, other);
  refuse(`there is no setting ${key}`, `there are ${settable.join(', ')}`);
}

function pick<Key extends keyof Settings>(settings: Settings, keys: readonly Key[]): Pick<Settings, Key> {
  return Object.fromEntries(keys.map(key => [key, settings[key]])) as Pick<Settings, Key>;
}
