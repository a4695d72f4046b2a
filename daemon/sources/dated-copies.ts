// Copies of its own database that an app makes each night, encrypted and named by date: msgstore-2026-11-23.1.db.crypt15. Each is wholly
// new bytes, and the app removes them in turn, so they come and go without a message coming or going.

import { latin1 } from './patterns.ts';

/** Name before the date, date and number, name after it. */
const whatsAppCopy = /^(.+)-(\d{4}-\d\d-\d\d\.\d{1,3})(\.db\.crypt\d{1,2})$/is;
/** Signal's own backups on Android rotate in the same way. */
const signalCopy = /^(signal)-(\d{4}(?:-\d\d){5})(\.backup)$/is;

interface DatedCopy {
  /** What all copies of the same thing have in common. */
  readonly of: string;
  readonly date: string;
}

function datedCopyOf(name: string): DatedCopy | undefined {
  const [, stem, date, end] = whatsAppCopy.exec(name) ?? signalCopy.exec(name) ?? [];
  if (stem === undefined || date === undefined || end === undefined) return undefined;
  // Without the number of its format: after an update old and new copies lie side by side.
  return { of: `${stem}${end.replace(/\d+$/, '')}`.toLowerCase(), date };
}

export function isDatedCopy(path: Uint8Array): boolean {
  return datedCopyOf(nameOf(path)) !== undefined;
}

/**
 * Whether a dated copy is not worth keeping: the same database lies beside it in the clear, or so many newer copies do.
 * @param siblings names in the same folder, the copy's own among them; asked only for a dated copy
 */
export function isOlderCopy(path: Uint8Array, siblings: () => readonly Uint8Array[], kept: number): boolean {
  const own = datedCopyOf(nameOf(path));
  if (own === undefined) return false;
  const names = siblings().map(latin1);
  const plain = own.of.replace(/\.crypt$/, '');
  if (names.some(name => name.toLowerCase() === plain)) return true;
  const newer = names.filter(name => {
    const other = datedCopyOf(name);
    return other?.of === own.of && compareDates(other.date, own.date) > 0;
  });
  return newer.length >= kept;
}

/** Numbers may have one digit or two: "…-23.2" is before "…-23.10". */
function compareDates(one: string, other: string): number {
  const [oneDay = '', oneNumber = ''] = one.split('.');
  const [otherDay = '', otherNumber = ''] = other.split('.');
  if (oneDay !== otherDay) return oneDay < otherDay ? -1 : 1;
  return Number(oneNumber) - Number(otherNumber);
}

function nameOf(path: Uint8Array): string {
  return latin1(path.subarray(path.lastIndexOf(0x2f) + 1));
}
