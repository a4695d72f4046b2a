// What this machine notes of restores, so that a crash leaves nothing unknown: folders in which files are being staged, which the next start
// takes away, and what was put into original places, which can be taken back. Only what is noted here is ever removed, never what merely
// looks like it. The notes lie sealed under the machine's own key and are read while Signet is locked, too.

import { lstat } from 'node:fs/promises';
import type { RestoreUndo } from '../../protocol/status.ts';
import { type MissingFolder, type PlaceEntry, removeStaging, type UndoStep } from '../archive/into-place.ts';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import { systemCode, toSignetError } from '../base/errors.ts';
import type { OwnRecords } from '../state/state.ts';

interface StagingNote {
  readonly v: 1;
  readonly kind: 'staging';
  readonly paths: readonly string[];
}

/** A restore into an original place. */
export interface PutBack {
  readonly v: 1;
  readonly kind: 'put-back';
  /** 12 hex digits, drawn anew when it is undone. */
  readonly id: string;
  /** Higher than that of all before: clocks jump. */
  readonly number: number;
  /** RFC 3339. */
  readonly at: string;
  readonly source: string;
  readonly label: string;
  /** Without links. */
  readonly root: string;
  /** Where what made way lies; not there when nothing had to. */
  readonly kept: string;
  readonly entries: readonly PlaceEntry[];
  /** Folders that were made, and those that went, topmost first. */
  readonly made: readonly MissingFolder[];
  readonly gone: readonly MissingFolder[];
  /** It took a restore back; absent: it is a restore, or one that was brought back. */
  readonly isUndo?: true;
  /** What is under way or was broken off; absent: it is done. */
  readonly step?:
    | { readonly kind: 'placing'; readonly staging: string; readonly from: string }
    | {
        readonly kind: 'undoing';
        readonly steps: readonly UndoStep[];
        /** Where what makes way now goes. */
        readonly keptNow: string;
        readonly staging?: string;
      };
}

export class RestoreRecords {
  readonly #records: Pick<OwnRecords, 'save' | 'all' | 'remove'>;

  constructor(records: Pick<OwnRecords, 'save' | 'all' | 'remove'>) {
    this.#records = records;
  }

  /**
   * Runs work that stages files in the folders, which are gone afterwards unless `handOver` was called.
   *
   * @param mark what the names of the folders end with
   * @param paths none for work that only looks
   */
  async staging<Result>(
    mark: string,
    paths: readonly string[],
    work: (handOver: () => Promise<void>) => Promise<Result>,
  ): Promise<Result> {
    if (paths.length === 0) return work(async () => undefined);
    const name = `staging-${mark}`;
    await this.#noteStaging(name, { v: 1, kind: 'staging', paths });
    let isOurs = true;
    try {
      return await work(async () => {
        isOurs = false;
        await this.#records.remove(name);
      });
    } finally {
      if (isOurs) await this.#clear(name, paths);
    }
  }

  /** Who has no room left on this disk may need a restore to another most: it goes on, and only a crash would leave something behind. */
  async #noteStaging(name: string, note: StagingNote): Promise<void> {
    try {
      await this.#save(name, note);
    } catch (error) {
      if (toSignetError(error).code !== 'E_DISK_FULL') throw error;
    }
  }

  /** What cannot be removed now stays noted for the next start: how the work ended is what its caller is told. */
  async #clear(name: string, paths: readonly string[]): Promise<void> {
    try {
      for (const path of paths) await removeStaging(path);
      await this.#records.remove(name);
    } catch {
      // the note stands
    }
  }

  /** At the start: takes away what a process that is gone was staging. Answers how many folders there were. */
  async sweep(): Promise<number> {
    const inUse = [...(await this.putBacks()).values()].map(({ step }) => step?.staging);
    let swept = 0;
    for (const [name, note] of await this.#all()) {
      if (note.kind !== 'staging') continue;
      for (const path of note.paths) {
        if (inUse.includes(path) || !(await isOwnFolder(path, name.replace('staging-', '.signet-')))) continue;
        await removeStaging(path);
        swept += 1;
      }
      await this.#records.remove(name);
    }
    return swept;
  }

  /** By the name of the record. */
  async putBacks(): Promise<ReadonlyMap<string, PutBack>> {
    const found = [...(await this.#all())].flatMap(([name, note]) =>
      note.kind === 'put-back' ? [[name, note] as const] : [],
    );
    return new Map(found);
  }

  /** For the next record. */
  async nextNumber(): Promise<number> {
    return Math.max(0, ...[...(await this.putBacks()).values()].map(({ number }) => number)) + 1;
  }

  save(name: string, record: PutBack): Promise<void> {
    return this.#save(name, record);
  }

  remove(name: string): Promise<void> {
    return this.#records.remove(name);
  }

  async #save(name: string, note: StagingNote | PutBack): Promise<void> {
    await this.#records.save(name, utf8(JSON.stringify(note)));
  }

  async #all(): Promise<ReadonlyMap<string, StagingNote | PutBack>> {
    const found = new Map<string, StagingNote | PutBack>();
    for (const [name, bytes] of await this.#records.all()) {
      const note = JSON.parse(fromUtf8(bytes) ?? 'null') as StagingNote | PutBack | { readonly v: number } | null;
      // Authenticated: only this program wrote it, in this form or in that of a later version, which is passed over.
      if (note?.v === 1) found.set(name, note as StagingNote | PutBack);
    }
    return found;
  }
}

/** How a client is told of it. */
export function undoOf({ id, at, source, label, root, kept, entries, isUndo, step }: PutBack): RestoreUndo {
  const count = (kind: PlaceEntry['kind']): number => entries.filter(each => each.kind === kind).length;
  const takenAway = count('moved-away');
  return {
    id,
    at,
    source,
    label,
    root,
    ...(entries.some(({ kind }) => kind !== 'comes-back') && { kept }),
    comesBack: count('comes-back'),
    replaced: count('replaced'),
    ...(takenAway > 0 && { takenAway }),
    ...(isUndo && { isUndo }),
    isUnfinished: step !== undefined,
  };
}

async function isOwnFolder(path: string, ending: string): Promise<boolean> {
  if (!path.endsWith(ending)) return false;
  try {
    const found = await lstat(path);
    return found.isDirectory() && (process.getuid === undefined || found.uid === process.getuid());
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}
