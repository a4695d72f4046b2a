// Which of several files or folders with one name is the one. Names in Drive are labels: two computers that make a folder at the same
// time make two, and every computer must come to the same answer by itself. Pure.

import type { DriveFile } from './files.ts';

/** Ours, then the oldest, then the one with the smallest id. */
export function chooseFolder(found: readonly DriveFile[]): DriveFile | undefined {
  return [...found].sort(byRank)[0];
}

export interface ChosenFile {
  readonly chosen: DriveFile;
  /** Copies with the very same bytes that are ours: all that may go to the trash. What differs is never touched. */
  readonly spare: readonly DriveFile[];
}

/** Objects are named for the SHA-256 of their bytes: the copy that is what its name says. Where none is, the oldest. */
export function chooseFile(key: string, copies: readonly DriveFile[]): ChosenFile | undefined {
  const named = /([0-9a-f]{64})(?:\.json)?$/.exec(key)?.[1];
  const whole = copies.filter(copy => named !== undefined && copy.sha256 === named);
  const [chosen, ...others] = [...whole.sort(byRank), ...copies.filter(copy => !whole.includes(copy)).sort(byRank)];
  if (chosen === undefined) return undefined;
  const isEqual = (copy: DriveFile): boolean =>
    copy.sha256 !== null && copy.sha256 === chosen.sha256 && copy.sizeBytes === chosen.sizeBytes;
  return { chosen, spare: others.filter(copy => isEqual(copy) && copy.isOurs && copy.id !== chosen.id) };
}

/** Whoever makes a file says when it was made: what another account put into a shared folder would win by saying so. */
function byRank(a: DriveFile, b: DriveFile): number {
  const rank = ({ isOurs, createdAt, id }: DriveFile): string => `${isOurs ? 0 : 1} ${createdAt} ${id}`;
  const [first, second] = [rank(a), rank(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}
