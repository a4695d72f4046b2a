// Which keys an adapter accepts: what restic and Signet write, and nothing that could leave the place they are kept in.

import { SignetError } from '../base/errors.ts';
import type { Copies, RemoteKey } from './remote.ts';

/** Objects being written have names that begin so; they are never listed and never readable. */
export const temporaryPrefix = '.tmp-';

const segment = /^[\x20-\x7e]{1,255}$/;

/** @throws SignetError E_USAGE for anything but printable slash-separated names without '.', '..', backslash or our temporary names */
export function checkKey(key: RemoteKey): void {
  const isSafe = key
    .split('/')
    .every(
      part =>
        segment.test(part) &&
        part !== '.' &&
        part !== '..' &&
        !part.includes('\\') &&
        !part.startsWith(temporaryPrefix),
    );
  if (!isSafe || key.length > 1024) {
    throw new SignetError('E_USAGE', `${JSON.stringify(key.slice(0, 100))} is not a key an object can be kept under`);
  }
}

/** For a place alone: it has no mirrors. @throws SignetError E_MISSING when only they were asked */
export function refuseMirror(key: RemoteKey, copies: Copies | undefined): void {
  if (copies === 'mirror') throw new SignetError('E_MISSING', `${key}: there is no mirror`);
}

/** Where a key lies below a folder as `list` means it. */
export function isBelow(folder: string, key: RemoteKey): boolean {
  return folder === '' || key.startsWith(`${folder}/`);
}
