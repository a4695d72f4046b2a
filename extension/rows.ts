// What a row of the Status tree is, and how its words fit: it has room for some 34 characters at the usual width of the side bar, its label
// and description together, and 30 when nested. The tooltip has the whole sentence.

import { type Locale, plural } from '../protocol/formats.ts';

export const roomForRow = 34;
export const roomForNested = 30;

export interface Row {
  /** Stays the same while the row does, so that what is unfolded stays so. */
  readonly id: string;
  /** A product icon; its colour on state rows only. */
  readonly icon: string;
  readonly color?: 'charts.green' | 'charts.yellow' | 'charts.red' | undefined;
  readonly label: string;
  readonly description: string;
  /** The whole sentence, with the exact time where there is one. */
  readonly tooltip: string;
  /** Which action stands in the row, by the name that the manifest has for it. */
  readonly action?: 'backUpNow' | 'cancelBackup' | 'unlock' | 'signIn' | 'showAlarm' | 'acceptSource';
  /** Of a source: its id, for the action. */
  readonly source?: string;
  /** Of an alarm: its id, for the action. */
  readonly alarm?: string;
  readonly children?: readonly Row[];
}

export const alarming = { icon: 'error', color: 'charts.red' } as const;
export const warning = { icon: 'warning', color: 'charts.yellow' } as const;

export function forDays(days: number, locale: Locale): string {
  return plural(locale, days, 'for {count} day', 'for {count} days');
}

export function daysSince(at: string, now: number): number {
  return Math.max(0, Math.floor((now - Date.parse(at)) / 86_400_000));
}

export function joined(...facts: readonly string[]): string {
  return facts.filter(fact => fact !== '').join(' · ');
}

/** The first description that fits beside the label; a label that leaves no room for the shortest is cut in its middle. */
export function fitting(
  label: string,
  descriptions: readonly string[],
  room = roomForRow,
): Pick<Row, 'label' | 'description'> {
  const width = (description: string) => label.length + (description === '' ? 0 : 1 + description.length);
  const description =
    descriptions.find(each => each !== '' && width(each) <= room) ?? descriptions.findLast(each => each !== '') ?? '';
  const left = room - (description === '' ? 0 : 1 + description.length);
  return { label: cut(label, Math.max(12, left)), description };
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - end)}…${text.slice(text.length - end)}`;
}
