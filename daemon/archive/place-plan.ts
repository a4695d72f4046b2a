// What putting files back into their original place does to each name, and what taking that back does: decisions alone. Nothing is deleted:
// what has to make way is moved beside the source, and what the backup does not have stays.

/**
 * 'replaced': something is there and makes way · 'comes-back': nothing is there · 'moved-away': makes way without anything in its place, as
 * the log of a database that is replaced does: SQLite would take it for the new one's.
 */
export type PlaceKind = 'replaced' | 'comes-back' | 'moved-away';

export interface PlaceEntry {
  /** Below the source, as `displayPath` writes it. */
  readonly path: string;
  readonly kind: PlaceKind;
}

/** What lies at the place of a file of the backup: 'other' is anything that may make way, 'folder' and 'barred' do not. */
export type Live = 'absent' | 'same' | 'other' | 'folder' | 'barred';

export interface Found {
  readonly path: string;
  readonly live: Live;
  readonly isDatabase: boolean;
  /** What SQLite keeps beside a database and the backup does not bring; 'active' where it changes what the database holds. */
  readonly sidecars: readonly { readonly path: string; readonly isActive: boolean }[];
}

export interface PlacePlan {
  readonly entries: readonly PlaceEntry[];
  readonly same: number;
  readonly skipped: readonly { readonly path: string; readonly reason: string; readonly code: 'E_UNSAFE_PATH' }[];
}

/** Replaced first; what belongs to one database stays together. */
export function planPlacing(found: readonly Found[]): PlacePlan {
  const replaced: PlaceEntry[] = [];
  const comingBack: PlaceEntry[] = [];
  const skipped: PlacePlan['skipped'][number][] = [];
  let same = 0;
  for (const { path, live, isDatabase, sidecars } of found) {
    if (live === 'folder' || live === 'barred') {
      const reason = live === 'folder' ? 'a folder has its name now' : 'a link lies where its folder was';
      skipped.push({ path, reason, code: 'E_UNSAFE_PATH' });
      continue;
    }
    // With a log beside it the database says something else than its file alone.
    const isSame = live === 'same' && !(isDatabase && sidecars.some(({ isActive }) => isActive));
    if (isSame) {
      same += 1;
      continue;
    }
    const list = live === 'absent' ? comingBack : replaced;
    list.push({ path, kind: live === 'absent' ? 'comes-back' : 'replaced' });
    if (isDatabase) list.push(...sidecars.map(each => ({ path: each.path, kind: 'moved-away' as const })));
  }
  return { entries: [...replaced, ...comingBack], same, skipped };
}

export interface UndoStep {
  readonly path: string;
  /** What is there now makes way (and is kept). */
  readonly out: boolean;
  /** What was kept comes in. */
  readonly in: boolean;
}

/** What lies where, for one path of a restore that is taken back. */
export interface Seen {
  readonly live: boolean;
  /** Of what made way. */
  readonly kept: boolean;
  /** Still waiting to be put in place: the restore was broken off before. */
  readonly staged: boolean;
}

/** The steps that bring back the state before; nothing for what was never begun, and for what was kept and is gone. */
export function planUndo(entries: readonly PlaceEntry[], seenAt: (path: string) => Seen): readonly UndoStep[] {
  return entries.flatMap(({ path, kind }): UndoStep[] => {
    const { live, kept, staged } = seenAt(path);
    if (kept) return [{ path, out: live, in: true }];
    if (kind === 'comes-back' && !staged && live) return [{ path, out: true, in: false }];
    return [];
  });
}

/** What an undo did, told as what a restore does, so that it can be taken back in turn. */
export function entryOf(step: UndoStep): PlaceEntry {
  if (step.out && step.in) return { path: step.path, kind: 'replaced' };
  return { path: step.path, kind: step.in ? 'comes-back' : 'moved-away' };
}
