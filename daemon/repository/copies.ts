// Reading past damage: an object is taken from the first of its copies that proves to be what it should be. First whatever is at hand, then
// the place itself, which may hold what a copy on this computer lost, then the mirrors. What is told is what the place had.

import { isLoss } from '../base/errors.ts';
import type { GetOptions, Remote, RemoteKey } from '../remotes/remote.ts';
import type { ObjectProblem } from './model.ts';
import { problemFrom } from './problems.ts';

export interface CopyReading {
  readonly remote: Pick<Remote, 'get'>;
  /** Told of an object that only a mirror still has. */
  readonly report: (problem: ObjectProblem) => void;
}

export interface CopyRequest<Result> extends Omit<GetOptions, 'copies'> {
  readonly key: RemoteKey;
  /** Proves the bytes and opens them; what it throws as damage sends the reader to the next copy. */
  readonly judge: (bytes: Uint8Array) => Promise<Result> | Result;
}

/** @throws what the place had where no copy is good, and at once what is no damage */
export async function readCopies<Result>(reading: CopyReading, request: CopyRequest<Result>): Promise<Result> {
  const { key, judge, ...options } = request;
  try {
    return await judge(await reading.remote.get(key, { ...options, copies: 'any' }));
  } catch (error) {
    return readOtherCopies(reading, request, error);
  }
}

/** As `readCopies`, after what was at hand turned out to be damaged. @param damage what it had; thrown again if it is something else */
export async function readOtherCopies<Result>(
  { remote, report }: CopyReading,
  { key, judge, ...options }: CopyRequest<Result>,
  damage: unknown,
): Promise<Result> {
  if (!isLoss(damage)) throw damage;
  let told = damage;
  try {
    // What is missing was looked for in the place.
    if (damage.code !== 'E_MISSING') return await judge(await remote.get(key, { ...options, copies: 'remote' }));
  } catch (error) {
    if (!isLoss(error)) throw error;
    told = error;
  }
  try {
    const result = await judge(await remote.get(key, { ...options, copies: 'mirror' }));
    const problem = problemFrom(key, told);
    if (problem !== undefined) report({ ...problem, isInMirror: true });
    return result;
  } catch {
    options.signal?.throwIfAborted();
    throw told; // a mirror that lacks it too, or cannot be reached, changes nothing about the loss
  }
}
