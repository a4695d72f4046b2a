// When a source that is still there holds so much less than its newest capture that following it would be wrong without asking: an app that
// was reinstalled, a phone's folder that a sync tool emptied, a cleaner that went too far. Pure decisions over what was there and what is.

/** What a source holds. Both sides of a comparison leave out what comes and goes by rotation, and what the present choices leave out. */
export interface Extent {
  readonly files: number;
  readonly bytes: number;
  /** Undefined: not counted. */
  readonly messages?: number | undefined;
}

/** What most of is gone, and how much of it. */
export interface Loss {
  readonly of: 'messages' | 'files' | 'bytes';
  readonly count: number;
}

/** A loss below this is everyday tidying, however large its share. */
const leastLoss = { messages: 20, files: 8, bytes: 1 << 20 } as const;

/** The loss that holds a source back: more than half of its messages, files or bytes, in the order in which it tells a person most. */
export function shrinkage(before: Extent, after: Extent): Loss | undefined {
  for (const measure of ['messages', 'files', 'bytes'] as const) {
    const had = before[measure];
    const has = after[measure];
    if (had === undefined || has === undefined) continue;
    const count = had - has;
    if (count >= leastLoss[measure] && count > had / 2) return { of: measure, count };
  }
  return undefined;
}

/** How many messages fewer there are, where a person would want to know although the source is captured as it is; 0 otherwise. */
export function fewerMessages(before: number | undefined, after: number | undefined): number {
  if (before === undefined || after === undefined) return 0;
  const count = before - after;
  return count >= leastLoss.messages || count > before / 2 ? count : 0;
}
