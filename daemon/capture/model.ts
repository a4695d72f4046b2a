// How a file of a running app becomes bytes that are safe to keep. SQLite databases are captured in a child process
// (POSIX locks are per process: any close of the file elsewhere drops them), other files are read here, stably.
// The source is never written to.

/** Of a database and its log, merged: what SQLite says of it; 'unknown' as for images, 'damaged-log': the log ends in the middle. */
export type MergeVerdict = 'ok' | 'damaged' | 'unknown' | 'damaged-log';

/** How a captured image came about, in the order of preference (notes: pinned read, fences, whole-file copy). */
export type CaptureStrategy = 'pinned' | 'immutable' | 'counter-fence' | 'backup' | 'salt-fence' | 'copy';

export interface CapturedDatabase {
  readonly kind: 'database';
  readonly strategy: CaptureStrategy;
  /** 'full': quick_check ran and said ok. 'pages': pinned and frame checksums verified. 'none': not verified (opaque, damaged, torn). */
  readonly checked: 'full' | 'pages' | 'none';
  /** Why it is not verified, when `checked` is 'none'. */
  readonly reason?: 'opaque' | 'damaged' | 'busy';
  /** 0 for opaque databases. */
  readonly pageSize: number;
  /** Whole pages. The image is longer only when the source ends in a torn page, which is kept byte by byte. */
  readonly pageCount: number;
  /** Neighbours whose content is folded into the image and which must not be stored ('-wal', '-journal', '-shm'). */
  readonly folded: readonly string[];
  /** Absent: not counted, because nobody asked, no query fits, or it took too long. */
  readonly counts?: DatabaseCounts;
  /** Changes when the database changed; an equal signature means that capturing again would give the same image. */
  readonly signature: string;
  readonly image: CapturedImage;
  /**
   * Neighbours that could not be folded in because the database is opaque: each is one consistent whole with `image` and must
   * be stored beside it under `<name><suffix>` from here, never from the live file. Empty for every plain database.
   */
  readonly companions: readonly CapturedCompanion[];
}

export interface CapturedCompanion {
  readonly suffix: '-wal' | '-journal';
  readonly image: CapturedImage;
}

/** Bytes in an unlinked 0600 staging file (or the read handle of a plain file). `close` frees it. */
export interface CapturedImage {
  readonly sizeBytes: number;
  /** Fills `target` from `position`; answers the bytes read, fewer only at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * The file cannot be captured as a database: it and its neighbours are to be stored as ordinary files.
 * 'foreign-wal': it is one, but a neighbour's name says log or journal and its content does not, so SQLite would destroy that
 * neighbour on opening; mark it "not verified".
 */
export interface NotADatabase {
  readonly kind: 'not-a-database';
  readonly reason: 'no-magic' | 'foreign-wal' | 'empty';
}

/**
 * SQL for one way an app keeps its messages. Each statement answers one row; none reads the text of a message, and `since` touches only
 * what was added after the id it is given. Without `newest` and `since` what is new is the difference of the totals: the app writes a
 * message anew when it changes, so its ids tell nothing.
 */
export interface CountQuery {
  /** Tables, with the columns in them, without which the statements cannot run. */
  readonly requires: Readonly<Record<string, readonly string[]>>;
  /** `SELECT count(*) AS messages`. */
  readonly messages: string;
  /** `SELECT count(*) AS conversations`. */
  readonly conversations: string;
  /** `SELECT max(id) AS newest`; null without a message. */
  readonly newest?: string;
  /** `SELECT count(*) AS messages, count(DISTINCT …) AS conversations`, with `?1` the `newest` of the last capture (0 before the first). */
  readonly since?: string;
}

/** Up to which message a database was counted, by which of the queries. */
export interface CountedUpTo {
  /** Index among the candidates. */
  readonly query: number;
  readonly newest: number;
}

export interface CountOrder {
  /** Of those that fit, the one that finds the most messages counts. */
  readonly candidates: readonly CountQuery[];
  /** Of the capture before; absent before the first, or when it was forgotten. */
  readonly since?: CountedUpTo | undefined;
}

export interface DatabaseCounts {
  readonly messages: number;
  readonly conversations: number;
  /** Absent where ids tell nothing. */
  readonly newest?: CountedUpTo;
  /** Since the capture before; absent when it was counted by another query, or its newest message was forgotten. */
  readonly added?: { readonly messages: number; readonly conversations: number };
}

export interface CaptureOptions {
  /** Run quick_check on the image (at each base and at most once a day per database). */
  readonly fullCheck: boolean;
  readonly count?: CountOrder | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One child process that captures databases one after the other, for one backup. */
export interface DatabaseCapture {
  /**
   * @param path absolute path as bytes
   * @throws SignetError E_SOURCE_UNREADABLE (params.reason: 'permission' | 'vanished' | 'io') · E_DISK_FULL · E_CANCELLED
   */
  capture(path: Uint8Array, options: CaptureOptions): Promise<CapturedDatabase | NotADatabase>;
  /** What SQLite says of a database that nobody uses, such as one just restored; 'unknown' when only its app can check it. */
  check(
    path: Uint8Array,
    options?: {
      readonly signal?: AbortSignal | undefined;
      /** By integrity_check, which also compares each index with its table; default quick_check. */
      readonly isWhole?: boolean;
    },
  ): Promise<'ok' | 'damaged' | 'unknown'>;
  /** The messages of a database that nobody uses; undefined when no query fits it, or counting takes too long. */
  count(
    path: Uint8Array,
    order: CountOrder,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<DatabaseCounts | undefined>;
  /**
   * Merges a database and its log into a new file at `to`, where it stays when the answer is 'ok' or 'unknown'; the pair is only read. What is
   * left at `to` and beside it is the caller's to remove.
   */
  merge(
    path: Uint8Array,
    to: Uint8Array,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<MergeVerdict>;
  /** The signature the database has now, without capturing: equal to the stored one means unchanged. Undefined: cannot tell. */
  signature(path: Uint8Array): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** A plain file held open while it is stored. */
export interface StableFile {
  /** The bytes to store: the size seen at open; for append-only text (JSONL, logs) up to the last newline of it. */
  readonly sizeBytes: number;
  readonly stat: FileFacts;
  read(target: Uint8Array, position: number): Promise<number>;
  /** 'stable' when nothing but growth of an append-only file happened meanwhile; else read it again or record it as changing. */
  finish(): Promise<'stable' | 'changed'>;
  close(): Promise<void>;
}

export interface FileFacts {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly atimeNs: bigint;
  readonly inode: bigint;
  readonly deviceId: bigint;
  readonly links: number;
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
}
