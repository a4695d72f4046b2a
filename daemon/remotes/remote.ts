// What Signet asks of a place that keeps objects: names, bytes, nothing else. The words here are the contract that
// every adapter's suite (test/contracts/remote.ts) holds it to.
//
// - A key is restic's path ('data/3f/3f…', 'index/…', 'signet/heads/<device>/<seq>-<sha256>'): slash-separated, printable ASCII.
// - Objects are immutable: a key is written once; writing the same bytes again is allowed and changes nothing.
// - `put` is all or nothing: an object is listed and readable whole, or not at all, also after a crash, and durable on return.
// - Order is the caller's: an adapter never reorders a `put` before one that was awaited.

export type RemoteKey = string;

export interface RemoteEntry {
  readonly key: RemoteKey;
  readonly sizeBytes: number;
}

/** Bytes in memory, or a file of ours that is streamed and must not change meanwhile. */
export type RemoteBody = Uint8Array | { readonly path: string; readonly sizeBytes: number };

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface Remote {
  readonly kind: 'memory' | 'folder' | 'drive' | 's3';
  /** How words name the place: "the folder Backup", "Google Drive". */
  readonly label: string;

  /**
   * Stores the object.
   * @throws SignetError E_UNREACHABLE (retryable) · E_REMOTE_FULL · E_REMOTE_DENIED (read-only place, no permission)
   */
  put(key: RemoteKey, body: RemoteBody, options?: CallOptions): Promise<void>;

  /**
   * The object's bytes, or `length` of them from `offset` on, in memory that is the caller's own. Checks the size against `maxBytes` before allocating.
   * @throws SignetError E_MISSING when there is no such object or the range ends beyond it · E_OBJECT_LIMIT · E_UNREACHABLE · E_REMOTE_DENIED
   */
  get(
    key: RemoteKey,
    options: CallOptions & { readonly maxBytes: number; readonly offset?: number; readonly length?: number },
  ): Promise<Uint8Array>;

  /** Size of the object, or undefined when there is none. */
  stat(key: RemoteKey, options?: CallOptions): Promise<RemoteEntry | undefined>;

  /** Every object below the folder ('' for all, else without trailing slash), recursively, in no order. A missing folder is empty. */
  list(folder: string, options?: CallOptions): AsyncIterable<RemoteEntry>;

  /** Removes the object; one that is not there is no error. */
  remove(key: RemoteKey, options?: CallOptions): Promise<void>;
}
