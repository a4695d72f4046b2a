// What is to be restored, and where to: what a person chose or a caller gave, and what is asked of the daemon for it. Pure.

import { PeerError } from '../../protocol/errors.ts';
import type { ListEntry, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';

/** A backup with what it holds. */
export interface Shown {
  readonly snapshot: SnapshotEntry;
  readonly sources: readonly SnapshotSource[];
}

/** A file or a folder with all that is in it. @property path `<source id>/<path>`, as in lists of the backup */
export interface Picked {
  readonly path: string;
  readonly type: ListEntry['type'];
}

export type What =
  | { readonly kind: 'everything' }
  | { readonly kind: 'sources'; readonly ids: readonly string[] }
  | { readonly kind: 'picked'; readonly picked: readonly Picked[] }
  /** What a caller named, as the protocol has it. */
  | { readonly kind: 'globs'; readonly include: readonly string[] };

export type Where = { readonly kind: 'folder'; readonly target: string } | { readonly kind: 'original' };

/** Arguments of the command. */
export interface Given {
  /** As in RestoreParams. */
  readonly snapshot?: string;
  /** Ids; none given means all. */
  readonly sources?: readonly string[];
  /** As in RestoreParams. */
  readonly include?: readonly string[];
  /** Absolute path of an empty or absent folder. */
  readonly target?: string;
  /** Into the original places. */
  readonly original?: boolean;
}

/** What does not look like arguments (a click of the editor brings its own) counts as none. @throws E_USAGE for what almost does */
export function givenIn(value: unknown): Given {
  if (typeof value !== 'object' || value === null) return {};
  const { snapshot, sources, include, target, original } = value as { readonly [name in keyof Given]?: unknown };
  const refused = (name: string) => new PeerError('E_USAGE', `restore: ${name} is not understood`);
  if (snapshot !== undefined && typeof snapshot !== 'string') throw refused('snapshot');
  if (sources !== undefined && !isTexts(sources)) throw refused('sources');
  if (include !== undefined && !isTexts(include)) throw refused('include');
  if (target !== undefined && typeof target !== 'string') throw refused('target');
  if (original !== undefined && typeof original !== 'boolean') throw refused('original');
  if (target !== undefined && original === true) throw refused('target with original');
  if (sources !== undefined && include !== undefined) throw refused('sources with include');
  return {
    ...(snapshot !== undefined && { snapshot }),
    ...(sources !== undefined && { sources }),
    ...(include !== undefined && { include }),
    ...(target !== undefined && { target }),
    ...(original !== undefined && { original }),
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(each => typeof each === 'string');
}

export function whatGiven({ sources, include }: Given): What | undefined {
  if (sources !== undefined && sources.length > 0) return { kind: 'sources', ids: sources };
  return include !== undefined && include.length > 0 ? { kind: 'globs', include } : undefined;
}

export function whereGiven({ target, original }: Given): Where | undefined {
  if (target !== undefined) return { kind: 'folder', target };
  return original === true ? { kind: 'original' } : undefined;
}

/** Globs for a restore into a folder; undefined means everything. */
export function includeOf(what: What): readonly string[] | undefined {
  switch (what.kind) {
    case 'everything':
      return undefined;
    case 'sources':
      return what.ids.map(id => `${literal(id)}/**`);
    case 'picked':
      return what.picked.map(({ path }) => literal(path));
    case 'globs':
      return what.include;
  }
}

/** A source that is touched, with the globs within it; without any it is wanted whole. */
export interface Part {
  readonly source: SnapshotSource;
  readonly include?: readonly string[];
}

/** The sources of a wish, in the order of the backup. Globs of a caller that name no source are for any. */
export function partsOf(what: What, sources: readonly SnapshotSource[]): readonly Part[] {
  switch (what.kind) {
    case 'everything':
      return sources.map(source => ({ source }));
    case 'sources':
      return sources.filter(({ id }) => what.ids.includes(id)).map(source => ({ source }));
    case 'picked':
      return sources.flatMap(source => {
        const within = what.picked.filter(({ path }) => path === source.id || path.startsWith(`${source.id}/`));
        if (within.length === 0) return [];
        if (within.some(({ path }) => path === source.id)) return [{ source }];
        return [{ source, include: within.map(({ path }) => literal(path.slice(source.id.length + 1))) }];
      });
    case 'globs':
      return sources.flatMap(source => {
        const own = what.include.filter(glob => glob === source.id || glob.startsWith(`${source.id}/`));
        const inner = own.map(glob => glob.slice(source.id.length + 1));
        if (inner.length === 0) return [];
        return inner.some(glob => glob === '' || glob === '**') ? [{ source }] : [{ source, include: inner }];
      });
  }
}

/** Those that can be put back into their place here, and the others. */
export function dividedByPlace(parts: readonly Part[]): {
  readonly here: readonly Part[];
  readonly away: readonly Part[];
} {
  return {
    here: parts.filter(({ source }) => source.here !== undefined),
    away: parts.filter(({ source }) => source.here === undefined),
  };
}

/** A glob that matches this path and what is below it. Backslashes stand in brackets, since picomatch takes several in a row for one. */
export function literal(path: string): string {
  return path.replace(/[\\*?[\]{}()!+@|^$"]/g, sign => (sign === '\\' ? '[\\\\]' : `\\${sign}`));
}

/** Where a new folder is proposed: named for the moment of the backup, and not there yet. */
export function newFolder(
  home: string,
  at: string,
  exists: (path: string) => boolean,
  join: (folder: string, name: string) => string,
  timeZone?: string,
): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    timeZone,
  } as const).formatToParts(Date.parse(at));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find(each => each.type === type)?.value ?? '';
  const stamp = `${part('year')}-${part('month')}-${part('day')} ${part('hour')}.${part('minute')}`;
  for (let number = 1; ; number += 1) {
    const path = join(home, `Signet Restore ${stamp}${number === 1 ? '' : ` (${number})`}`);
    if (!exists(path)) return path;
  }
}
