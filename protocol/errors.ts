// The taxonomy of what can go wrong: one table from code to exit status and to whether trying again may help.
// Sources: restic's exit codes (scripting.rst) for 0, 1, 3, 10, 11, 12, 130; the others are Signet's own.
// The sentences people read for these codes are in error-words.ts; the wire carries only {code, params, retryable}.

/** Exit status of the CLI, and whether repeating the same call later can succeed without the user doing anything. */
interface ErrorKind {
  readonly exit: number;
  readonly retryable: boolean;
}

const final = (exit: number): ErrorKind => ({ exit, retryable: false });
const passing = (exit: number): ErrorKind => ({ exit, retryable: true });

export const errorKinds = {
  E_INTERNAL: final(1),
  E_BUSY: passing(1),
  E_NOT_FOUND: final(1),
  E_TARGET_NOT_EMPTY: final(1),
  E_SOURCE_UNREADABLE: final(1),
  /** Files that would be put back are open in a program (params.app). */
  E_APP_OPEN: passing(1),
  E_COMMAND: passing(1),
  E_REMOTE_DENIED: final(1),
  E_OBJECT_AUTH: final(1),
  E_OBJECT_ID: final(1),
  E_OBJECT_TYPE: final(1),
  E_OBJECT_LIMIT: final(1),
  E_MISSING: final(1),
  /** The clock jumped by more than two days (params.ms), so nothing is forgotten by age. */
  E_CLOCK: final(1),
  E_UNSAFE_PATH: final(1),
  E_VERSION: final(1),
  E_STATE_NEWER: final(1),
  E_STATE_CORRUPT: final(1),
  E_VAULT_CORRUPT: final(1),
  E_VAULT_MALFORMED: final(1),
  E_VAULT_VERSION: final(1),
  E_KDF_POLICY: final(1),
  E_KDF_RESOURCES: final(1),
  E_USAGE: final(2),
  E_WEAK_PASSWORD: final(2),
  E_PASSWORD_FORM: final(2),
  E_PHONE_FORM: final(2),
  E_SECOND_TYPING: final(2),
  E_RECOVERY_KEY_FORM: final(2),
  E_SETTING: final(2),
  E_ALREADY_SET_UP: final(2),
  E_NOT_SET_UP: final(10),
  E_REPOSITORY_LOCKED: passing(11),
  E_WRONG_SECRET: final(12),
  E_TOO_MANY_TRIES: passing(12),
  E_VAULT_LOCKED: final(13),
  E_UNREACHABLE: passing(14),
  /** The place takes no more for now: a daily limit (params.until, RFC 3339). */
  E_REMOTE_LIMIT: passing(14),
  E_REMOTE_FULL: final(15),
  E_DISK_FULL: final(15),
  E_SIGN_IN: final(16),
  /** Something was to be deleted while an alarm stands (params.alarm: its code). */
  E_ALARM: final(17),
  E_ROLLBACK: final(17),
  E_FORK: final(17),
  E_WITHHELD: final(17),
  E_FOREIGN_SNAPSHOT: final(17),
  E_REPO_MISMATCH: final(17),
  E_VAULT_CHANGED: final(17),
  E_VAULT_ROLLBACK: final(17),
  E_DAEMON_MISSING: final(18),
  E_DAEMON_INCOMPATIBLE: final(18),
  E_RUNTIME: final(18),
  E_CANCELLED: final(130),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** Values the sentence for a code is filled with. Never a secret; names of files only towards the owner's own screen. */
export type ErrorParams = Readonly<Record<string, string | number | boolean>>;

/** What a failure looks like on the wire and in history. */
export interface WireError {
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  readonly retryable: boolean;
}

export const exitPartial = 3;

export function exitCode(code: ErrorCode): number {
  return errorKinds[code].exit;
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorKinds, value);
}

/** A failure met at the protocol's own floor: the peers and the socket throw it, with the same shape as what crosses the wire. */
export class PeerError extends Error implements WireError {
  override readonly name = 'PeerError';
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  readonly retryable: boolean;

  /** @param detail lower-case, technical, without secrets; travels as `params.detail` */
  constructor(code: ErrorCode, detail: string, options: { params?: ErrorParams; cause?: unknown } = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.params = { detail, ...options.params };
    this.retryable = errorKinds[code].retryable;
  }
}

/** The `{code, params, retryable}` that an error is or carries (a ResponseError has it in `data`), or undefined. */
export function wireErrorOf(thrown: unknown): WireError | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const { code, params, retryable, data } = thrown as { [field in 'code' | 'params' | 'retryable' | 'data']?: unknown };
  if (isErrorCode(code)) {
    return {
      code,
      params: plainParams(params),
      retryable: typeof retryable === 'boolean' ? retryable : errorKinds[code].retryable,
    };
  }
  return data === undefined || data === thrown ? undefined : wireErrorOf(data);
}

function plainParams(params: unknown): ErrorParams {
  if (typeof params !== 'object' || params === null) return {};
  return Object.fromEntries(
    Object.entries(params).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)),
  );
}
