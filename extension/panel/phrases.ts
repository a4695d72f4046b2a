// Small phrases and actions that several sections of the panel use.

import { ago, count, dayOf, type Locale, say } from '../../protocol/formats.ts';
import type { Reader } from '../views.ts';
import type { Action, PanelCommand } from './panel-model.ts';

/** Characters of a name in a table. */
export const longestName = 40;

export function run(label: string, command: PanelCommand): Action {
  return { label, intent: { do: 'run', command } };
}

/** Under an hour in minutes, the same day a time, else the day. */
export function when(at: string | undefined, { now, locale }: Reader): string {
  if (at === undefined) return say(locale, 'not known');
  const time = Date.parse(at);
  const isRecent = now - time < 3_600_000 || dayOf(at, now, locale) === dayOf(new Date(now).toISOString(), now, locale);
  return isRecent ? ago(at, now, { ...locale, bare: true }) : dayOf(at, now, locale);
}

/** What stands behind a figure where the heading of its column is not shown. */
export function unitOf(text: string, value: number, locale: Locale): string {
  return text.replace(count(value, locale), '').trim();
}

/** Keeps both ends of a name, which tell names apart; counts characters, not bytes. */
export function cutMiddle(name: string, most: number): string {
  const characters = Array.from(name);
  if (characters.length <= most) return name;
  const kept = most - 1;
  return `${characters.slice(0, Math.ceil(kept / 2)).join('')}…${characters.slice(-Math.floor(kept / 2)).join('')}`;
}
