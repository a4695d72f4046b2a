// How often Signet backs up, and what it takes along: one list with the times to choose from and, below them, what can be switched on and off. Pure.

import { type Locale, say } from '../../protocol/formats.ts';
import type { Schedule, ScheduleKind, SourceStatus } from '../../protocol/status.ts';
import type { Choice } from '../steps.ts';

/** The switches below the times, as they stand. */
export interface Switches {
  readonly includeVideos: boolean;
  /** Undefined where it follows from the choice: set-up backs up when chats change with `daily` alone. */
  readonly onChange?: boolean;
}

const kinds: readonly ScheduleKind[] = ['daily', 'weekly', 'monthly', 'manual', 'never'];

export interface FrequencyEntries {
  /** "HH:MM". */
  readonly at: string;
  /** What is chosen now; undefined in set-up. */
  readonly now?: ScheduleKind;
  readonly switches: Switches;
  readonly flip: (change: Partial<Switches>) => void;
  readonly separator: { readonly kind: number };
}

export function frequencyEntries(
  { at, now, switches, flip, separator }: FrequencyEntries,
  locale: Locale,
): readonly Choice<ScheduleKind>[] {
  const { includeVideos, onChange } = switches;
  const entry = (kind: ScheduleKind): Choice<ScheduleKind> => {
    const { label, detail } = words(kind, at, onChange ?? kind === 'daily', locale);
    const description =
      now === undefined
        ? kind === 'daily'
          ? say(locale, 'recommended')
          : ''
        : kind === now
          ? say(locale, 'as it is now')
          : '';
    return {
      label,
      ...(description !== '' && { description }),
      ...(detail !== undefined && { detail }),
      answer: kind,
    };
  };
  return [
    ...kinds.map(entry),
    { label: '', ...separator },
    ...(onChange === undefined
      ? []
      : [switchEntry(say(locale, 'When chats change'), onChange, locale, () => flip({ onChange: !onChange }))]),
    switchEntry(say(locale, 'Include videos'), includeVideos, locale, () => flip({ includeVideos: !includeVideos })),
  ];
}

/** The mark says it to the eye, the description to a screen reader. */
function switchEntry(label: string, isOn: boolean, locale: Locale, act: () => void): Choice<never> {
  return {
    label: `$(${isOn ? 'check' : 'circle-slash'}) ${label}`,
    description: isOn ? say(locale, 'on; choose it to switch it off') : say(locale, 'off; choose it to switch it on'),
    act,
  };
}

function words(
  kind: ScheduleKind,
  at: string,
  onChange: boolean,
  locale: Locale,
): { readonly label: string; readonly detail?: string } {
  switch (kind) {
    case 'daily':
      return {
        label: say(locale, 'Daily'),
        detail: onChange ? say(locale, 'At {at}, and when chats change', { at }) : say(locale, 'At {at}', { at }),
      };
    case 'weekly':
      return {
        label: say(locale, 'Weekly'),
        detail: onChange
          ? say(locale, 'Sundays at {at}, and when chats change', { at })
          : say(locale, 'Sundays at {at}', { at }),
      };
    case 'monthly':
      return {
        label: say(locale, 'Monthly'),
        detail: onChange
          ? say(locale, 'The 1st at {at}, and when chats change', { at })
          : say(locale, 'The 1st at {at}', { at }),
      };
    case 'manual':
      return { label: say(locale, 'Only when I tap "Back up"') };
    case 'never':
      return { label: say(locale, 'Never') };
  }
}

/** Backing up when chats change goes with a time; on its own it would surprise who chose to be asked. */
export function scheduleOf(kind: ScheduleKind, onChange: boolean | undefined): Pick<Schedule, 'kind' | 'onChange'> {
  const isTimed = kind === 'daily' || kind === 'weekly' || kind === 'monthly';
  return { kind, onChange: isTimed && (onChange ?? kind === 'daily') };
}

/** Sources whose choice of videos changes, with what each leaves out then. */
export function videoChanges(
  sources: readonly Pick<SourceStatus, 'id' | 'leaveOut'>[],
  includeVideos: boolean,
): readonly { readonly id: string; readonly leaveOut: NonNullable<SourceStatus['leaveOut']> }[] {
  return sources
    .filter(({ leaveOut = [] }) => leaveOut.includes('video') === includeVideos)
    .map(({ id, leaveOut = [] }) => ({
      id,
      leaveOut: includeVideos ? leaveOut.filter(kind => kind !== 'video') : [...leaveOut, 'video'],
    }));
}

/** Videos count as included unless every source leaves them out. */
export function includesVideos(sources: readonly Pick<SourceStatus, 'leaveOut'>[]): boolean {
  return sources.length === 0 || sources.some(({ leaveOut = [] }) => !leaveOut.includes('video'));
}
