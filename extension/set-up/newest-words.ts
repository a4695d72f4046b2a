// What is asked on a computer that knows no backup of its own yet, where an old copy of the cloud would look like the newest. Pure.

import { dayOf, say } from '../../protocol/formats.ts';
import type { SnapshotEntry } from '../../protocol/status.ts';
import type { Reader } from '../views.ts';

export type Newest = Pick<SnapshotEntry, 'number' | 'device' | 'at'>;

export function newestWords(
  newest: Newest,
  { now, locale }: Reader,
): { readonly message: string; readonly detail: string } {
  const { number, device, at } = newest;
  const day = dayOf(at, now, locale);
  if (number === undefined) {
    return {
      message: say(locale, 'Newest backup: from {device}, {day}.', { device, day }),
      detail: say(locale, 'Is there a later day on your recovery sheet? Then the cloud is showing an old copy.'),
    };
  }
  return {
    message: say(locale, 'Newest backup: number {number}, from {device}, {day}.', { number, device, day }),
    detail: say(locale, 'Is there a higher number on your recovery sheet? Then the cloud is showing an old copy.'),
  };
}
