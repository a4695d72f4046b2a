// Which errors say that one stored object is not what it should be, and nothing about the place or the caller.

import { SignetError } from '../base/errors.ts';
import type { ObjectProblem } from './model.ts';

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
