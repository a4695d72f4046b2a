// Reading a source: what fails there concerns one file, what fails elsewhere the whole backup, and the two are told apart here.

import { SignetError, systemCode } from '../base/errors.ts';
import type { OmissionReason } from './model.ts';

export async function readExactly(
  from: { read(target: Uint8Array, position: number): Promise<number> },
  target: Uint8Array,
  position: number,
): Promise<void> {
  const got = await fromSource(() => from.read(target, position));
  if (got !== target.length) {
    throw new SignetError('E_SOURCE_UNREADABLE', `a file gave ${got} bytes where it had ${target.length}`, {
      params: { reason: 'io' },
    });
  }
}

/** Marks what fails while a source is read, so that it is told apart from a failing repository. */
export async function fromSource<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof SignetError || systemCode(cause) === undefined) throw cause;
    throw new SignetError('E_SOURCE_UNREADABLE', `reading a file failed (${systemCode(cause)})`, {
      params: { reason: reasonOf(cause) },
      cause,
    });
  }
}

/** The reason when the source is at fault; undefined when the error is about anything else and must stop the backup. */
export function sourceFailure(error: unknown): OmissionReason | undefined {
  if (!(error instanceof SignetError) || error.code !== 'E_SOURCE_UNREADABLE') return undefined;
  const { reason } = error.params;
  return reason === 'permission' || reason === 'vanished' ? reason : 'io';
}

export function reasonOf(error: unknown): OmissionReason {
  const code = systemCode(error);
  return code === 'EACCES' || code === 'EPERM' ? 'permission' : code === 'ENOENT' ? 'vanished' : 'io';
}
