// What Signet asks of a place that keeps objects: names, bytes, nothing else. The words here are the contract that
// every adapter's suite (test/contracts/remote.ts) holds it to.
//
// - A key is restic's path ('data/3f/3f…', 'index/…', 'signet/heads/<device>/<seq>-<sha256>'): slash-separated, printable ASCII.
// - Objects are immutable: a key is written once; writing the same bytes again is allowed and changes nothing.
// - `put` is all or nothing: an object is listed and readable whole, or not at all, also after a crash, and durable on return.
// - Order is the caller's: an adapter never reorders a `put` before one that was awaited.

import { isCode, SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';

export type RemoteKey = string;

export interface RemoteEntry {
  readonly key: RemoteKey;
  readonly sizeBytes: number;
  /** SHA-256 of the stored bytes in hex, as the place itself tells it; absent where it does not. */
  readonly sha256?: string;
}

/** The hash in the name of an object that is named by its content. */
export function hashInKey(key: RemoteKey): string | undefined {
  return /(?:^|[/-])([0-9a-f]{64})(?:\.json)?$/.exec(key)?.[1];
}

/** Bytes in memory, or a file of ours that is streamed and must not change meanwhile. */
export type RemoteBody = Uint8Array | { readonly path: string; readonly sizeBytes: number };

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Holds a transfer to a rate: an adapter that moves a body in pieces awaits it for each piece, before that is sent or after it came.
   * Absent where there is no limit.
   */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined;
}

export interface PutOptions extends CallOptions {
  /** It will be read again soon: worth a copy on this computer. Default false. */
  readonly keep?: boolean | undefined;
}

/**
 * Which copies may answer a read: any that is at hand ('any'), the remote itself and no local copy of it ('remote'), or the mirrors alone
 * ('mirror': E_MISSING where there are none). For reading again what turned out to be damaged, and for checking.
 */
export type Copies = 'any' | 'remote' | 'mirror';

export interface GetOptions extends CallOptions {
  readonly maxBytes: number;
  readonly offset?: number;
  readonly length?: number;
  /**
   * Memory that the bytes may be put into, for a reader that reads on and on; it is the call's until that settles. The answer is then a view
   * of it. A place may answer in memory of its own all the same.
   */
  readonly into?: Uint8Array | undefined;
  /** Default 'any'. */
  readonly copies?: Copies | undefined;
  /**
   * Worth a copy of the whole object on this computer, even when a part of it is asked for. With copies 'remote' a copy that is there is
   * given up, as the reader found it damaged. Default false.
   */
  readonly keep?: boolean | undefined;
  /** For how long at most a place that does not answer is tried, milliseconds; absent: as long as whoever runs now has patience. */
  readonly patienceMs?: number | undefined;
}

/** Copies of objects on this computer. */
export interface LocalCopies {
  /** Gives up those of the folder ('index', 'signet/heads') that are not wanted any more, by the hashes they are named for. */
  keepOnly(folder: string, isWanted: (sha256: string) => boolean): Promise<void>;
}

/** What went to and from a place since it was opened; it grows. */
export interface TrafficCount {
  readonly bytesUploaded: number;
  readonly bytesDownloaded: number;
  readonly requests: number;
}

export type RemoteKind = 'memory' | 'folder' | 'drive' | 's3';

export interface Remote {
  readonly kind: RemoteKind;
  /** How words name the place: "the folder Backup", "Google Drive". */
  readonly label: string;
  /**
   * Every object costs something to be listed (S3: a request for each thousand), so packs are looked through once a week and not at every
   * backup. Absent where a listing is cheap: a folder, or a place that tells what changed since the last one.
   */
  readonly isCostlyToList?: boolean | undefined;
  /**
   * Listings at the same time are one look at the place: together they cost what one costs (a feed of changes), and what they show
   * belongs to one moment. Absent where each folder is listed by itself.
   */
  readonly listsTogether?: boolean | undefined;
  /** Absent where no copies are kept. */
  readonly local?: LocalCopies | undefined;
  /** Absent where nobody counts. */
  readonly traffic?: TrafficCount | undefined;

  /**
   * Stores the object. Answers what the place itself tells of what it stored; undefined where it tells nothing.
   * @throws SignetError E_UNREACHABLE (retryable; params.retryAfterMs where the place asked for patience, 0 when it named no time) ·
   *   E_REMOTE_FULL · E_REMOTE_LIMIT (params.until) · E_SIGN_IN · E_REMOTE_DENIED (read-only place, no permission; params.reason)
   */
  put(key: RemoteKey, body: RemoteBody, options?: PutOptions): Promise<RemoteEntry | undefined>;

  /**
   * The object's bytes, or `length` of them from `offset` on, in memory that is the caller's own. Checks the size against `maxBytes` before allocating.
   * @throws SignetError E_MISSING when there is no such object or the range ends beyond it · E_OBJECT_LIMIT · E_UNREACHABLE · E_REMOTE_DENIED
   */
  get(key: RemoteKey, options: GetOptions): Promise<Uint8Array>;

  /** Size of the object, or undefined when there is none. */
  stat(key: RemoteKey, options?: CallOptions): Promise<RemoteEntry | undefined>;

  /** Every object below the folder ('' for all, else without trailing slash), recursively, in no order. A missing folder is empty. */
  list(folder: string, options?: CallOptions): AsyncIterable<RemoteEntry>;

  /** Removes the object; one that is not there is no error. */
  remove(key: RemoteKey, options?: CallOptions): Promise<void>;
}

/**
 * Stores bytes and proves that the place holds them. One that hashes what it stored and answers with the hash has read it back itself;
 * anywhere else it is read back here, from the place and from no copy of it.
 *
 * @throws SignetError E_OBJECT_ID when the place holds other bytes · what `put` and `get` throw
 */
export async function putProven(
  remote: Pick<Remote, 'put' | 'get' | 'label'>,
  key: RemoteKey,
  bytes: Uint8Array,
  options: PutOptions,
): Promise<void> {
  const sha256 = sha256Hex(bytes);
  const { signal } = options;
  const stored = await remote.put(key, bytes, options);
  const found =
    stored?.sha256 ??
    // One byte more than was written, so that a longer object is told as other bytes and not as one that is too large.
    sha256Hex(await remote.get(key, { maxBytes: bytes.length + 1, copies: 'remote', signal }));
  if (found === sha256) return;
  throw new SignetError('E_OBJECT_ID', `${key}: ${remote.label} holds other bytes than the ${bytes.length} written`);
}

/** What a place tells about itself. */
export interface PlaceFacts {
  /** How the user knows the account ("anna@example.org"). */
  readonly account?: string;
  /** Bytes; `limit` is null for an account without one. `own` is what this backup takes, where the place says so. */
  readonly quota?: { readonly limit: number | null; readonly used: number; readonly inTrash?: number };
  /** The place's own id of the folder. */
  readonly folderId?: string;
  /** What would make the copies safer there, as codes for the words: 'versioning-off', 'object-lock-off', 'project-in-testing'. */
  readonly advice: readonly string[];
}

/** A remote behind a network. */
export interface NetworkRemote extends Remote {
  /** Requests sent so far, every try and every page by itself; sign-in is not counted. */
  readonly requests: () => number;
  about(options?: CallOptions): Promise<PlaceFacts>;
}

/** Why a place answers nothing for now. What it lost is none: its reader asks the copies, and names it. */
const absences = ['E_UNREACHABLE', 'E_SIGN_IN', 'E_REMOTE_LIMIT'] as const;

export const isAbsence = (error: unknown): boolean => absences.some(code => isCode(error, code));
