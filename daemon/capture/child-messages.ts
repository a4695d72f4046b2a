// What the daemon and its capture child say to each other over the private channel. Paths travel as base64 of their bytes,
// since names on disk need not be UTF-8; tags as bytes.

import type { CapturedDatabase, CountOrder, DatabaseCounts, DeltaOrder, MergeVerdict, NotADatabase } from './model.ts';

export interface CaptureRequest {
  readonly id: number;
  /** base64 of the absolute path. */
  readonly path: string;
  /** A private folder of this request, with an empty file `image`; companions are written beside it as `image<suffix>`, frames as `frames`. */
  readonly folder: string;
  readonly fullCheck: boolean;
  readonly busyTimeoutMs: number;
  /** How long a read transaction may be held on the source. */
  readonly pinMs: number;
  /** The tag key comes before it by the child's standard input: what serialises messages leaves copies behind that nobody can wipe. */
  readonly delta?: Omit<DeltaOrder, 'key'> | undefined;
  /** A count of the messages follows. */
  readonly willCount: boolean;
}

/** Asks what SQLite says of a database that nobody uses, such as one just restored. */
export interface CheckRequest {
  readonly id: number;
  /** base64 of the absolute path. */
  readonly check: string;
  /** By integrity_check instead of quick_check. */
  readonly isWhole?: boolean;
}

/** Asks for a copy of a database and its log, merged. */
export interface MergeRequest {
  readonly id: number;
  /** base64 of the absolute paths. */
  readonly merge: string;
  readonly to: string;
}

/**
 * Asks for the messages in the image that was captured last, whose folder is still there, in a database that was restored, or in the source
 * of the last capture, which the child holds as it was until the next request.
 */
export interface CountRequest {
  readonly id: number;
  /** base64 of the image's absolute path; null: the held source. */
  readonly count: string | null;
  readonly order: CountOrder;
}

export type CaptureAnswer =
  | { readonly id: number; readonly counted: DatabaseCounts | null }
  | { readonly id: number; readonly checked: 'ok' | 'damaged' | 'unknown' }
  | { readonly id: number; readonly merged: MergeVerdict }
  | { readonly id: number; readonly ok: CaptureOutcome; readonly isHeld?: boolean }
  | { readonly id: number; readonly failed: CaptureFailure };

export type CaptureOutcome = NotADatabase | CapturedFacts;

export type CapturedFacts = Omit<CapturedDatabase, 'image' | 'companions' | 'counts'> & {
  readonly companions: readonly ('-wal' | '-journal')[];
};

export interface CaptureFailure {
  readonly reason: 'permission' | 'vanished' | 'io' | 'disk-full';
  readonly message: string;
}

export const imageName = 'image';
export const framesName = 'frames';
