// Lists that come a page at a time, put together again by whoever wants all of them.

export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Of all pages. */
  readonly total: number;
}

/** @param ask for the page that begins at `offset` */
export async function everyPage<Entry>(ask: (offset: number) => Promise<Page<Entry>>): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  for (;;) {
    const { entries, total } = await ask(found.length);
    found.push(...entries);
    if (entries.length === 0 || found.length >= total) return found;
  }
}
