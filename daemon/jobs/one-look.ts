// One look at several folders of a place. Where listings at the same time are one look (Remote.listsTogether), they are begun together: they
// cost one request, and what they show belongs to one moment. Elsewhere each folder is listed when its turn comes.

import type { CallOptions, Remote, RemoteEntry } from '../remotes/remote.ts';

export type Shown = Pick<Remote, 'list'>;

/** What was listed serves once for each folder; another listing of it asks the place anew. */
export function oneLook(
  remote: Pick<Remote, 'list' | 'listsTogether'>,
  folders: readonly string[],
  options: CallOptions,
): Shown {
  if (remote.listsTogether !== true) return remote;
  const begun = new Map(folders.map(folder => [folder, all(remote.list(folder, options))]));
  for (const listing of begun.values()) listing.catch(() => undefined); // whoever takes it is told
  return {
    async *list(folder, own): AsyncGenerator<RemoteEntry> {
      const listing = begun.get(folder);
      begun.delete(folder);
      if (listing === undefined) yield* remote.list(folder, own);
      else yield* await listing;
    },
  };
}

async function all(listing: AsyncIterable<RemoteEntry>): Promise<readonly RemoteEntry[]> {
  const entries: RemoteEntry[] = [];
  for await (const entry of listing) entries.push(entry);
  return entries;
}
