// Keeps the table of known objects true to the folder: one request to the feed of changes for each look, a whole listing on first use,
// when the feed cannot be followed, and once a week. Guarantees: a folder that is in the trash, gone or not to be seen is an error and
// never an empty place; what we made is not missing because a list lags, and what we removed does not come back.

import type { Clock } from '../../base/clock.ts';
import { SignetError } from '../../base/errors.ts';
import type { CallOptions } from '../remote.ts';
import { isRefused, placeName } from './classify.ts';
import { type FeedFold, foldChanges } from './feed.ts';
import type { DriveChange, FileCalls } from './files.ts';
import { emptyTable, type ObjectTable } from './known.ts';
import { listAll, settledMs } from './listing.ts';
import { type SharedWork, sharedWork } from './shared.ts';

/**
 * A look that began so recently answers others, too: a job asks for several folders at once, and Drive itself promises nothing about such
 * times. A look from before our last own write answers nobody: whoever writes a lock and then looks must see what others wrote before.
 */
const sharedMs = 1000;
const weekMs = 7 * 86_400_000;

/** Changes read in one look: with more of them a whole listing is shorter, and a feed without end is left. */
const mostChanges = 100_000;

const positionNote = 'position';
const dueNote = 'listing due';
const rootNote = 'root';
const folderNote = 'folder';

export interface CatalogOptions {
  readonly calls: FileCalls;
  readonly table: ObjectTable;
  readonly rootId: string;
  readonly clock: Clock;
}

export interface Catalog {
  readonly rootId: string;
  /** A look at what changed. */
  refresh(options?: CallOptions): Promise<void>;
  /** As `refresh`, unless there was a look within `maxAgeMs`. */
  refreshAfter(maxAgeMs: number, options?: CallOptions): Promise<void>;
  /** Something was written or removed by us. */
  wrote(): void;
  /** The table turned out to be wrong: the next look lists all. */
  distrust(): void;
  /** For writing: where the root folder was seen to be gone, as `checkRoot`; else nothing is asked. */
  expectRoot(options?: CallOptions): Promise<void>;
  /** Whether the root folder is there. @throws SignetError E_REMOTE_DENIED (params.reason 'trashed' or 'gone') */
  checkRoot(options?: CallOptions): Promise<void>;
}

export function rootProblem(reason: 'trashed' | 'gone'): SignetError {
  const why = reason === 'trashed' ? 'is in the trash' : 'is not there any more, or not for this app';
  return new SignetError('E_REMOTE_DENIED', `the folder with the copies in google drive ${why}`, {
    params: { remote: placeName, reason },
  });
}

export function createCatalog({ calls, table, rootId, clock }: CatalogOptions): Catalog {
  let look: { readonly startedAt: number; readonly work: SharedWork<void> } | undefined;
  let last: Promise<void> = Promise.resolve();
  let wroteAt = Number.NEGATIVE_INFINITY;
  let lookedAt = Number.NEGATIVE_INFINITY;

  if (table.note(folderNote) !== rootId) {
    // Ids drawn in advance stay good: they belong to the account.
    emptyTable(table, [positionNote, dueNote, rootNote]);
    table.setNote(folderNote, rootId);
  }

  async function checkRoot(options?: CallOptions): Promise<void> {
    const root = await calls.find(rootId, options);
    const problem = root === undefined ? 'gone' : root.isTrashed ? 'trashed' : undefined;
    if (table.note(rootNote) !== problem) {
      // The feed told of what is below as gone along with it, and does not tell of its return.
      table.setNote(dueNote, undefined);
      table.setNote(rootNote, problem);
    }
    if (problem !== undefined) throw rootProblem(problem);
  }

  async function expectRoot(options?: CallOptions): Promise<void> {
    // The feed told so earlier, and tells it once: whether it still holds is asked each time.
    if (table.note(rootNote) !== undefined) await checkRoot(options);
  }

  async function update(options: CallOptions): Promise<void> {
    await expectRoot(options);
    const due = Number(table.note(dueNote) ?? 0);
    const isDue = due <= clock.now() || due > clock.now() + weekMs; // the latter: the clock was wrong when it was set
    const position = table.note(positionNote);
    const fold = position === undefined ? undefined : await follow(position, options);
    if (fold === undefined || isDue || fold.isUnclear) await list(fold !== undefined, options);
    if (fold?.root === 'trashed' || fold?.root === 'gone') await checkRoot(options);
  }

  /** @returns undefined when the position is not one that Google still knows */
  async function follow(position: string, options: CallOptions): Promise<FeedFold | undefined> {
    const changes: DriveChange[] = [];
    let next: string | undefined;
    try {
      for await (const page of calls.changes(position, options)) {
        changes.push(...page.changes);
        if (changes.length > mostChanges) return undefined;
        next = page.next ?? next;
      }
    } catch (error) {
      if (isRefused(error, 400, 404, 410)) return undefined;
      throw error;
    }
    if (next === undefined) return undefined;
    const fold: FeedFold = changes.length === 0 ? nothing : foldChanges(changes, table, rootId);
    if (fold.root === 'trashed' || fold.root === 'gone') table.setNote(rootNote, fold.root);
    // An interruption in between repeats the same changes, which changes nothing.
    if (fold.remove.length > 0) table.remove(fold.remove);
    if (fold.put.length > 0) table.put(fold.put);
    if (fold.isUnclear) table.setNote(dueNote, undefined);
    if (next !== position) table.setNote(positionNote, next);
    return fold;
  }

  /** @param isFollowed whether the feed was read up to now, so that whatever the list lacks was or will be told by it */
  async function list(isFollowed: boolean, options: CallOptions): Promise<void> {
    // Before the listing: what changes meanwhile is told by the feed afterwards.
    const position = isFollowed ? undefined : await calls.feedStart(options);
    await checkRoot(options);
    const isHealed = await listAll({ calls, table, rootId, now: clock.now() }, options);
    if (position !== undefined) table.setNote(positionNote, position);
    // A list may lack what others made just before it, and the feed from then on names only what follows: so it is made once more.
    table.setNote(dueNote, String(clock.now() + (isFollowed && isHealed ? weekMs : settledMs)));
  }

  function refresh({ signal }: CallOptions = {}): Promise<void> {
    const now = clock.monotonic();
    const isFresh = look !== undefined && now - look.startedAt < sharedMs && look.startedAt > wroteAt;
    if (look === undefined || !isFresh || look.work.isStopped()) {
      const before = last;
      const work = sharedWork(async stop => {
        await before; // one look at a time moves the position
        await update({ signal: stop });
        lookedAt = now;
      });
      const mine = { startedAt: now, work };
      look = mine;
      work.failed.then(() => {
        if (look === mine) look = undefined; // nobody is to be told twice what went wrong once
      });
      last = work.ended;
    }
    return look.work.wait(signal);
  }

  return {
    rootId,
    refresh,
    expectRoot,
    checkRoot,
    async refreshAfter(maxAgeMs, options) {
      const isListed = table.note(positionNote) !== undefined && table.note(rootNote) === undefined;
      if (isListed && lookedAt > clock.monotonic() - maxAgeMs) return;
      await refresh(options);
    },
    wrote() {
      wroteAt = clock.monotonic();
    },
    distrust() {
      table.setNote(dueNote, undefined);
      look = undefined;
      lookedAt = Number.NEGATIVE_INFINITY;
    },
  };
}

const nothing: FeedFold = { put: [], remove: [], root: undefined, isUnclear: false };
