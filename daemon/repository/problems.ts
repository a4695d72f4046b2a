// Which errors say that one stored object is not what it should be, and nothing about the place or the caller.

import { SignetError } from '../base/errors.ts';
import type { BlobId, ObjectProblem } from './model.ts';

const problemCodes = [
  'E_OBJECT_AUTH',
  'E_OBJECT_ID',
  'E_OBJECT_TYPE',
  'E_OBJECT_LIMIT',
  'E_MISSING',
  'E_VERSION',
] as const;

/** The problem of one object, or undefined when the error is about something else (the remote, the caller). */
export function problemFrom(key: string, error: unknown): ObjectProblem | undefined {
  if (!(error instanceof SignetError)) return undefined;
  const code = problemCodes.find(known => known === error.code);
  return code === undefined ? undefined : { key, code, detail: error.message };
}

/** Takes down what is wrong with the object, or with one blob in it; what is about anything else is thrown on. */
export function noteIn(problems: ObjectProblem[], key: string): (error: unknown, blob?: BlobId) => void {
  return (error, blob) => {
    const problem = problemFrom(key, error);
    if (problem === undefined) throw error;
    problems.push(blob === undefined ? problem : { ...problem, blob });
  };
}
