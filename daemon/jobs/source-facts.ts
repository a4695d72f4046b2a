// What is known of each source between backups: what the last look said, since when something is wrong with it, and what a person should
// be told. Pure, but for where it is kept: numbers and ids only, so that it may lie beside the state while Signet is locked.

import type { Notice, SourceStatus } from '../../protocol/status.ts';
import type { Loss } from '../archive/model.ts';
import type { BackupOutcome } from './engine-messages.ts';

export type SourceFacts = Pick<
  SourceStatus,
  'capturedAt' | 'verified' | 'sizeBytes' | 'messages' | 'conversations' | 'leftOut' | 'videos' | 'problem'
>;

export interface KnownSource extends SourceFacts {
  /** RFC 3339: since when `problem` stands. */
  readonly problemSince?: string;
  /** With the problem 'shrunk'. */
  readonly loss?: Loss;
  /** Messages that went although the source was captured, since when. */
  readonly fewer?: { readonly count: number; readonly since: string };
}

/** By source id. */
export type KnownSources = ReadonlyMap<string, KnownSource>;

/** How long it is told that messages went. */
const fewerToldMs = 7 * 86_400_000;

/** A look at a source that was not due changes nothing of what is known. @param at RFC 3339 of the backup's end */
export function afterBackup(
  before: KnownSource | undefined,
  found: BackupOutcome['sources'][number],
  at: string,
): KnownSource {
  const { capturedAt, verified, sizeBytes, messages, conversations, leftOut, carriedFrom, messagesFewer, loss } = found;
  // What is carried forward holds what it held.
  const videos = carriedFrom === undefined ? found.videos : before?.videos;
  const facts = {
    capturedAt,
    verified,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(messages !== undefined && { messages }),
    ...(conversations !== undefined && { conversations }),
    ...(leftOut !== undefined && { leftOut }),
    ...(videos !== undefined && { videos }),
  };
  const fewer = fewerNow(before?.fewer, messagesFewer, at);
  const told = fewer === undefined ? {} : { fewer };
  if (carriedFrom?.reason === 'not-due') {
    // Not looked at this time: what was wrong with it still is, as far as anyone knows.
    const { problem, problemSince, loss: lost } = before ?? {};
    return {
      ...facts,
      ...told,
      ...(problem !== undefined && { problem }),
      ...(problemSince !== undefined && { problemSince }),
      ...(lost !== undefined && { loss: lost }),
    };
  }
  if (carriedFrom === undefined) return { ...facts, ...told };
  const problem = carriedFrom.reason;
  const problemSince = before?.problem === problem ? (before.problemSince ?? at) : at;
  return { ...facts, ...told, problem, problemSince, ...(loss !== undefined && { loss }) };
}

function fewerNow(before: KnownSource['fewer'], count: number | undefined, at: string): KnownSource['fewer'] {
  const isOld = before !== undefined && Date.parse(at) - Date.parse(before.since) > fewerToldMs;
  const standing = isOld ? undefined : before;
  if (count === undefined) return standing;
  return { count: (standing?.count ?? 0) + count, since: standing?.since ?? at };
}

/**
 * One for each incident: a source that is not there, one that shrank or was emptied, one that lost messages. What the user accepted is not
 * told any more.
 */
export function sourceNotices(
  sources: readonly { readonly id: string; readonly label: string }[],
  known: KnownSources,
  isAccepted: (id: string) => boolean,
): readonly Notice[] {
  return sources.flatMap(({ id, label }): Notice[] => {
    const facts = known.get(id);
    if (facts === undefined) return [];
    const { problem, problemSince: since = '', loss, fewer } = facts;
    const incident = (kind: Notice['kind'], from: string, params: Notice['params'] = {}): Notice => ({
      id: `${kind} ${id} ${from}`,
      kind,
      since: from,
      source: id,
      params: { app: label, ...params },
    });
    if (problem === 'missing') return [incident('missing-source', since)];
    const told =
      problem === 'empty'
        ? incident('shrunk', since, { of: 'everything' })
        : problem === 'shrunk'
          ? incident('shrunk', since, loss === undefined ? {} : { ...loss })
          : fewer && incident('fewer-messages', fewer.since, { count: fewer.count });
    return told === undefined || isAccepted(id) ? [] : [told];
  });
}

/** What the owner of a source in such a state accepts by saying that its loss was meant: not that it is emptied where something was left. */
export function acceptable(known: KnownSource | undefined): boolean | 'in part' {
  return known?.problem === 'shrunk' ? 'in part' : known?.problem === 'empty';
}

export function encodeKnown(known: KnownSources): string {
  return JSON.stringify(Object.fromEntries(known));
}

/** What cannot be read is forgotten: the next backup finds it out again. */
export function decodeKnown(text: string | undefined): Map<string, KnownSource> {
  if (text === undefined) return new Map();
  try {
    const found: unknown = JSON.parse(text);
    return new Map(
      typeof found === 'object' && found !== null ? (Object.entries(found) as [string, KnownSource][]) : [],
    );
  } catch {
    return new Map();
  }
}
