// Keeps the editor's settings and the daemon's choices in step, as a pure decision. The daemon is the truth: the editor shows what it has, and
// what is changed in the editor is asked of it. Which side changed is told by what both last agreed on; where both did, the daemon's holds.

import type { Schedule } from '../protocol/status.ts';

export type Value = string | number | boolean;
/** By the editor's name of the setting, without `signet.`. */
export type Values = Readonly<Record<string, Value | undefined>>;

interface Mirrored {
  /** What the daemon calls it, in its schedule or among its settings. */
  readonly of: 'schedule' | 'settings';
  readonly name: string;
  readonly type: 'string' | 'number' | 'boolean';
  /** Of numbers: how many of the daemon's units make one of the editor's. */
  readonly unit?: number;
}

/** What people change; the rest is for the settings file and the command line. */
export const mirrored: Readonly<Record<string, Mirrored>> = {
  'backup.frequency': { of: 'schedule', name: 'kind', type: 'string' },
  'backup.time': { of: 'schedule', name: 'at', type: 'string' },
  'backup.onChange': { of: 'schedule', name: 'onChange', type: 'boolean' },
  'backup.quietSeconds': { of: 'settings', name: 'quietMs', type: 'number', unit: 1000 },
  'backup.waitOnBattery': { of: 'settings', name: 'waitOnBattery', type: 'boolean' },
  'backup.waitOnMetered': { of: 'settings', name: 'waitOnMetered', type: 'boolean' },
  'cloud.uploadLimit': { of: 'settings', name: 'maxUploadBytesPerSecond', type: 'number', unit: 1000 },
  'lock.afterIdleMinutes': { of: 'settings', name: 'lockAfterIdleMs', type: 'number', unit: 60_000 },
  'lock.useKeychain': { of: 'settings', name: 'useKeychain', type: 'boolean' },
  'notices.desktop': { of: 'settings', name: 'desktopNotices', type: 'boolean' },
  'notices.passwordReminder': { of: 'settings', name: 'passwordReminder', type: 'boolean' },
};

/** The daemon's choices as the editor writes them; what it does not have is absent. */
export function editorValues(schedule: Schedule, settings: Readonly<Record<string, unknown>>): Values {
  const sides: Readonly<Record<Mirrored['of'], Readonly<Record<string, unknown>>>> = {
    schedule: { ...schedule },
    settings,
  };
  return Object.fromEntries(
    Object.entries(mirrored).flatMap(([key, { of, name, type, unit = 1 }]) => {
      const value = sides[of][name];
      if (typeof value !== type) return [];
      return [[key, typeof value === 'number' ? value / unit : (value as Value)]];
    }),
  );
}

/** The value as the daemon wants it; undefined where it is of another kind. */
export function daemonValue(key: string, value: unknown): Value | undefined {
  const { type, unit = 1 } = mirrored[key] ?? { type: undefined };
  if (typeof value !== type) return undefined;
  return typeof value === 'number' ? Math.round(value * unit) : (value as Value);
}

export interface SyncPlan {
  /** To ask of the daemon, in the editor's units. */
  readonly toDaemon: Readonly<Record<string, Value>>;
  readonly toEditor: Readonly<Record<string, Value>>;
  /** What both agree on once that is done. A value that the daemon refuses is none of it. */
  readonly agreed: Readonly<Record<string, Value>>;
}

/**
 * @param agreed what both had when they were last equal; absent keys never were
 * @param isLooked the window is the one in use: of several, only that one asks for changes and settles where both sides changed
 */
export function planSync(sides: {
  readonly editor: Readonly<Record<string, unknown>>;
  readonly daemon: Values;
  readonly agreed: Values;
  readonly isLooked: boolean;
}): SyncPlan {
  const { editor, daemon, agreed, isLooked } = sides;
  const toDaemon: Record<string, Value> = {};
  const toEditor: Record<string, Value> = {};
  const next: Record<string, Value> = {};
  for (const [key, held] of Object.entries(daemon)) {
    if (held === undefined) continue;
    const wanted = editor[key];
    const before = agreed[key];
    const isEditorChanged = wanted !== held && (before === undefined || wanted !== before);
    const isDaemonChanged = before === undefined || held !== before;
    if (wanted === held) next[key] = held;
    else if (!isEditorChanged || (isDaemonChanged && isLooked)) {
      toEditor[key] = held;
      next[key] = held;
    } else if (!isLooked) {
      if (before !== undefined) next[key] = before; // the window in use sees to it
    } else {
      // A value of another kind goes back as one that the daemon refused.
      if (daemonValue(key, wanted) === undefined) toEditor[key] = held;
      else toDaemon[key] = wanted as Value;
      next[key] = held;
    }
  }
  return { toDaemon, toEditor, agreed: next };
}
