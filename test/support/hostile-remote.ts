// A place that means no good, in front of an honest one: what a test scripts for keys or their beginnings is hidden, altered, exchanged,
// set back, held up or invented, and uploads may be lied about. Everything that is asked for is written down, above all what was removed:
// nothing here may ever be mended by deleting.

import type { Clock } from '../../daemon/base/clock.ts';
import { pause } from '../../daemon/base/clock.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { CallOptions, RemoteBody, RemoteEntry, RemoteKey } from '../../daemon/remotes/remote.ts';

type Change = (bytes: Uint8Array) => Uint8Array;

interface Script {
  /** The beginning of keys. */
  readonly prefix: string;
  readonly isListed?: (key: RemoteKey) => boolean;
  /** Told of each listing that begins. */
  readonly onListing?: () => void;
  readonly isReadable?: boolean;
  readonly change?: Change;
  readonly hold?: (signal: AbortSignal | undefined) => Promise<void>;
  readonly store?: Change | 'not';
}

export interface RemoteCall {
  readonly call: 'put' | 'get' | 'stat' | 'list' | 'remove';
  readonly key: RemoteKey;
}

export interface HostileRemote extends MemoryRemote {
  /** All that was asked for, in order. */
  readonly calls: readonly RemoteCall[];
  /** Keys that someone asked to remove, in order; whether it was done or not. */
  readonly removed: readonly RemoteKey[];
  /** Everything that was ever put: a cloud forgets nothing. */
  readonly hoard: ReadonlyMap<RemoteKey, Uint8Array>;

  /** Neither listed nor to be had. */
  missing(prefix: string): void;
  /** Listed as ever, and 404 when it is asked for. */
  unreadable(prefix: string): void;
  /** To be had, and in none of the next listings. */
  unlisted(prefix: string, listings?: number): void;
  /** Listings show of these what is named, and nothing newer. */
  unlistedBut(prefix: string, known: ReadonlySet<RemoteKey>): void;
  /** Other bytes in its place, told as if they were stored. */
  altered(prefix: string, change: Change): void;
  /** Two objects under each other's names. */
  exchanged(one: RemoteKey, other: RemoteKey): void;
  /** Listed and to be had although nobody put it. */
  planted(key: RemoteKey, bytes: Uint8Array): void;
  /** Listings come in the order of these numbers, and each entry twice. */
  disordered(random: () => number): void;
  /** Every answer about these takes so long. */
  slow(prefix: string, clock: Clock, ms: number): void;
  /** Never answered; a call ends only by being stopped. */
  silent(prefix: string): void;
  /** Uploads are acknowledged and not kept. */
  forgetful(prefix: string): void;
  /** Uploads are acknowledged and other bytes are kept. */
  spoiling(prefix: string, change: Change): void;
  /** What lies there now; to be called when it is to be there again, and nothing else. */
  remember(): () => void;
  /** No scripts any more; what was planted goes. */
  honest(): void;
}

export const flipped =
  (at: number): Change =>
  bytes => {
    const where = at < 0 ? bytes.length + at : at;
    const other = new Uint8Array(bytes);
    other[where] = (other[where] ?? 0) ^ 1;
    return other;
  };

export function hostileRemote(inner: MemoryRemote = createMemoryRemote()): HostileRemote {
  const scripts: Script[] = [];
  const plants = new Map<RemoteKey, Uint8Array>();
  const exchanges = new Map<RemoteKey, RemoteKey>();
  const calls: RemoteCall[] = [];
  const hoard = new Map<RemoteKey, Uint8Array>();
  let order: (() => number) | undefined;

  const about = (key: RemoteKey): readonly Script[] => scripts.filter(({ prefix }) => key.startsWith(prefix));
  const lacks = (key: RemoteKey): SignetError => new SignetError('E_MISSING', `${key}: no such object`);

  async function begin(call: RemoteCall['call'], key: RemoteKey, options?: CallOptions): Promise<void> {
    calls.push({ call, key });
    options?.signal?.throwIfAborted();
    for (const { hold } of about(key)) await hold?.(options?.signal);
  }

  /** What is told to be stored there. */
  function shown(key: RemoteKey): Uint8Array | undefined {
    const stored = plants.get(key) ?? inner.objects.get(exchanges.get(key) ?? key);
    if (stored === undefined) return undefined;
    let bytes = stored;
    for (const { change } of about(key)) bytes = change?.(new Uint8Array(bytes)) ?? bytes;
    return bytes;
  }

  const readable = (key: RemoteKey): Uint8Array | undefined =>
    about(key).some(({ isReadable }) => isReadable === false) ? undefined : shown(key);

  function listed(folder: string): readonly RemoteEntry[] {
    const keys = [...new Set([...inner.objects.keys(), ...plants.keys()])].filter(key =>
      folder === '' ? true : key.startsWith(`${folder}/`),
    );
    for (const { onListing } of scripts) onListing?.();
    const entries = keys
      .filter(key => about(key).every(({ isListed }) => isListed?.(key) ?? true))
      .flatMap(key => {
        const bytes = shown(key);
        return bytes === undefined ? [] : [{ key, sizeBytes: bytes.length }];
      });
    if (order === undefined) return entries;
    const random = order;
    return [...entries, ...entries]
      .map(entry => ({ entry, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ entry }) => entry);
  }

  return {
    kind: inner.kind,
    label: inner.label,
    objects: inner.objects,
    calls,
    get removed() {
      return calls.filter(({ call }) => call === 'remove').map(({ key }) => key);
    },
    hoard,

    async put(key: RemoteKey, body: RemoteBody, options) {
      await begin('put', key, options);
      const stores = about(key).flatMap(({ store }) => (store === undefined ? [] : [store]));
      if (stores.includes('not')) return undefined;
      const entry = await inner.put(key, body, options);
      hoard.set(key, inner.objects.get(key) ?? new Uint8Array(0));
      for (const store of stores) {
        const bytes = inner.objects.get(key);
        if (store !== 'not' && bytes !== undefined) inner.objects.set(key, store(new Uint8Array(bytes)));
      }
      return entry;
    },

    async get(key, options) {
      await begin('get', key, options);
      const bytes = readable(key);
      if (bytes === undefined) throw lacks(key);
      return createMemoryRemote(new Map([[key, bytes]])).get(key, options);
    },

    async stat(key, options) {
      await begin('stat', key, options);
      const bytes = readable(key);
      return bytes === undefined ? undefined : { key, sizeBytes: bytes.length };
    },

    async *list(folder, options) {
      await begin('list', folder, options);
      for (const entry of listed(folder)) {
        options?.signal?.throwIfAborted();
        yield entry;
      }
    },

    async remove(key, options) {
      await begin('remove', key, options);
      await inner.remove(key, options);
    },

    missing(prefix) {
      scripts.push({ prefix, isListed: () => false, isReadable: false });
    },
    unreadable(prefix) {
      scripts.push({ prefix, isReadable: false });
    },
    unlisted(prefix, listings = Number.POSITIVE_INFINITY) {
      let left = listings;
      scripts.push({ prefix, isListed: () => left < 0, onListing: () => void left-- });
    },
    unlistedBut(prefix, known) {
      scripts.push({ prefix, isListed: key => known.has(key) });
    },
    altered(prefix, change) {
      scripts.push({ prefix, change });
    },
    exchanged(one, other) {
      exchanges.set(one, other);
      exchanges.set(other, one);
    },
    planted(key, bytes) {
      plants.set(key, bytes);
    },
    disordered(random) {
      order = random;
    },
    slow(prefix, clock, ms) {
      scripts.push({ prefix, hold: signal => pause(clock, ms, signal) });
    },
    silent(prefix) {
      scripts.push({ prefix, hold: signal => stopped(signal) });
    },
    forgetful(prefix) {
      scripts.push({ prefix, store: 'not' });
    },
    spoiling(prefix, store) {
      scripts.push({ prefix, store });
    },
    remember() {
      const then = new Map(inner.objects);
      return () => {
        inner.objects.clear();
        for (const [key, bytes] of then) inner.objects.set(key, bytes);
      };
    },
    honest() {
      scripts.length = 0;
      plants.clear();
      exchanges.clear();
      order = undefined;
    },
  };
}

/** Rejects when the call is stopped; never resolves. */
function stopped(signal: AbortSignal | undefined): Promise<void> {
  const { promise, reject } = Promise.withResolvers<void>();
  signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

/** What one of the cloud's owners may ask to be removed: locks alone, and of those only what this machine put there itself. */
export function removedBesideOwnLocks({ removed, hoard }: HostileRemote): readonly RemoteKey[] {
  return removed.filter(key => !key.startsWith('locks/') || !hoard.has(key));
}
