// The one error type of the daemon. A code for machines and error-words.ts, a technical message for logs and reports,
// parameters for the sentence. No secret, phone number or message text may enter either; file names only `params`.

import { type ErrorCode, type ErrorParams, errorKinds, type WireError, wireErrorOf } from '../../protocol/errors.ts';

export class SignetError extends Error {
  override readonly name = 'SignetError';
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  readonly retryable: boolean;

  /**
   * @param message lower-case; says what was attempted and on what, with both numbers when sizes differ
   * @param options.params fills the sentence for the code in error-words.ts; may name files of the user
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { params?: ErrorParams; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.params = options.params ?? {};
    this.retryable = options.retryable ?? errorKinds[code].retryable;
  }

  /** The form that crosses IPC: the technical message travels as `params.detail`. */
  toWire(): WireError {
    return { code: this.code, params: { detail: this.message, ...this.params }, retryable: this.retryable };
  }
}

/** Wraps anything thrown into a SignetError; a cancelled operation becomes E_CANCELLED, the unknown E_INTERNAL. */
export function toSignetError(thrown: unknown): SignetError {
  if (thrown instanceof SignetError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return thrown.cause instanceof SignetError
      ? thrown.cause
      : new SignetError('E_CANCELLED', 'stopped at the request of the user', { cause: thrown });
  }
  const wire = wireErrorOf(thrown); // the protocol's own floor throws errors of the same form
  if (wire !== undefined && thrown instanceof Error) {
    return new SignetError(wire.code, thrown.message, {
      params: wire.params,
      retryable: wire.retryable,
      cause: thrown,
    });
  }
  const full = fullDiskCode(thrown);
  if (full !== undefined) return new SignetError('E_DISK_FULL', `the disk is full (${full})`, { cause: thrown });
  return new SignetError('E_INTERNAL', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** What says so when a disk of this computer is full: the system, or SQLite (SQLITE_FULL, SQLITE_IOERR_SHMSIZE). */
function fullDiskCode(thrown: unknown): string | undefined {
  const code = systemCode(thrown);
  if (code === 'ENOSPC' || code === 'EDQUOT') return code;
  if (!(thrown instanceof Error && 'errcode' in thrown)) return undefined;
  return thrown.errcode === 13 || thrown.errcode === 4874 ? `SQLite ${thrown.errcode}` : undefined;
}

/** The `code` of a Node system error ('ENOENT', …), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

export function isCode(thrown: unknown, code: ErrorCode): boolean {
  return thrown instanceof SignetError && thrown.code === code;
}

/** Whether the error says that something stored is damaged, missing or not to be used, and nothing else. */
export function isLoss(thrown: unknown): thrown is SignetError {
  return thrown instanceof SignetError && /^E_(?:OBJECT_|MISSING$|UNSAFE_PATH$)/.test(thrown.code);
}
