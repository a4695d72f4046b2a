// Settings that a client may choose: which they are, and how a change is made. What starts programs or names hosts is not among them: whoever
// reaches the daemon may use it, but not make it run something of theirs.

import { SignetError } from '../base/errors.ts';
import type { Settings } from '../state/model.ts';
import { defaultSettings, type State } from '../state/state.ts';

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
] as const satisfies readonly (keyof Settings)[];

/** Chosen by the file alone. */
const fileOnly = ['beforeBackup', 'afterBackup', 'healthCheckUrl'] as const satisfies readonly (keyof Settings)[];

/** Have commands of their own, with checks of their own. */
const elsewhere: Readonly<Record<string, string>> = {
  remote: '`signet setup` chooses the place of the copies',
  sources: '`signet sources` changes them',
  schedule: '`signet schedule` changes it',
  syncedBy: '`signet setup` finds it out',
};

export type ChosenSettings = Pick<Settings, (typeof settable)[number]>;

/** What can be chosen, as it is now. */
export function chosenSettings(settings: Settings): ChosenSettings {
  return pick(settings, settable);
}

export class SettingsChanges {
  readonly #state: Pick<State, 'settings'>;
  readonly #hostLabel: string;
  /** The end of the last change: two at once would undo one another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(state: Pick<State, 'settings'>, hostLabel: string) {
    this.#state = state;
    this.#hostLabel = hostLabel;
  }

  /**
   * Writes the new values into the file and answers what holds from now on: what somebody edited in the file meanwhile is taken over, but
   * for the places and times that have commands of their own.
   *
   * @param present what holds now; undefined before anything was chosen
   * @throws E_USAGE for a key that no client may set · E_SETTING for a value that does not fit; nothing is changed then
   */
  set(present: Settings | undefined, values: Readonly<Record<string, unknown>>): Promise<Settings> {
    const path = this.#state.settings.path;
    for (const key of Object.keys(values)) assertSettable(key, path);
    return this.#write(present ?? defaultSettings(this.#hostLabel), values);
  }

  /** Writes what other commands changed (places, chats, times), and takes over what somebody edited meanwhile likewise. */
  keep(next: Settings): Promise<Settings> {
    return this.#write(next, {});
  }

  #write(before: Settings, values: Readonly<Record<string, unknown>>): Promise<Settings> {
    const turn = this.#turn.then(async () => {
      const file = (await this.#state.settings.load()) ?? before;
      const next: Settings = { ...before, ...pick(file, [...settable, ...fileOnly]), ...values };
      await this.#state.settings.save(next); // checks the values, too
      return next;
    });
    this.#turn = turn.catch(() => undefined); // its own caller is told
    return turn;
  }
}

function assertSettable(key: string, path: string): void {
  if (settable.some(known => known === key)) return;
  const refuse = (detail: string, advice: string): never => {
    throw new SignetError('E_USAGE', `${detail}; ${advice}`, { params: { detail, advice } });
  };
  if (fileOnly.some(known => known === key)) {
    refuse(`${key} starts a program or names a host, so it is set in the settings file alone`, `edit ${path}`);
  }
  const other = Object.hasOwn(elsewhere, key) ? elsewhere[key] : undefined;
  if (other !== undefined) refuse(`${key} is not set here`, other);
  refuse(`there is no setting ${key}`, `there are ${settable.join(', ')}`);
}

function pick<Key extends keyof Settings>(settings: Settings, keys: readonly Key[]): Pick<Settings, Key> {
  return Object.fromEntries(keys.map(key => [key, settings[key]])) as Pick<Settings, Key>;
}
