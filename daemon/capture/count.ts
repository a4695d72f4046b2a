// Counts the messages in a staged image, or in the pinned database where none is staged, by the queries of a profile. Runs in the capture
// child, after the image is taken, as a request of its own: SQLite cannot be interrupted from its own thread, so whoever asks ends the child
// when it takes too long.

import { DatabaseSync } from 'node:sqlite';
import type { CountOrder, CountQuery, DatabaseCounts } from './model.ts';
import { imageUrl } from './quick-check.ts';

/** @returns undefined when no query fits, or SQLite cannot run those that do: then the messages are not counted */
export function countImage(path: Uint8Array, order: CountOrder): DatabaseCounts | undefined {
  return unlessSqliteFails(() => {
    const image = new DatabaseSync(imageUrl(path), { readOnly: true, allowExtension: false });
    try {
      return countAll(image, order);
    } finally {
      image.close();
    }
  });
}

/** The same in a database that is open. */
export function countIn(database: DatabaseSync, order: CountOrder): DatabaseCounts | undefined {
  return unlessSqliteFails(() => countAll(database, order));
}

function countAll(database: DatabaseSync, { candidates, since }: CountOrder): DatabaseCounts | undefined {
  database.exec('PRAGMA trusted_schema=OFF');
  return most(candidates.map((query, index) => countBy(database, query, index, since)));
}

/** Damaged, or it needs functions that only its app has. Anything else is a fault of ours. */
function unlessSqliteFails<T>(count: () => T): T | undefined {
  try {
    return count();
  } catch (error) {
    if (error instanceof Error && 'errcode' in error) return undefined;
    throw error;
  }
}

function countBy(
  image: DatabaseSync,
  query: CountQuery,
  index: number,
  since: CountOrder['since'],
): DatabaseCounts | undefined {
  if (!fits(image, query)) return undefined;
  const messages = numberOf(image, query.messages, 'messages');
  const totals = { messages, conversations: numberOf(image, query.conversations, 'conversations') };
  if (query.newest === undefined || query.since === undefined) return totals;
  const newest = numberOf(image, query.newest, 'newest');
  const base = { ...totals, newest: { query: index, newest } };
  if (since?.query !== index) return base;
  // Nothing came after: no need to look. Ids that went backwards mean that the app began afresh.
  if (newest === since.newest) return { ...base, added: { messages: 0, conversations: 0 } };
  if (newest < since.newest) return base;
  const row = image.prepare(query.since).get(since.newest);
  return { ...base, added: { messages: toCount(row?.['messages']), conversations: toCount(row?.['conversations']) } };
}

function fits(image: DatabaseSync, { requires }: CountQuery): boolean {
  const columnsOf = image.prepare('SELECT name FROM pragma_table_info(?)');
  return Object.entries(requires).every(([table, columns]) => {
    const found = new Set(columnsOf.all(table).map(row => row['name']));
    return found.size > 0 && columns.every(column => found.has(column));
  });
}

function numberOf(image: DatabaseSync, sql: string, column: string): number {
  return toCount(image.prepare(sql).get()?.[column]);
}

function toCount(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0;
}

function most(found: readonly (DatabaseCounts | undefined)[]): DatabaseCounts | undefined {
  let best: DatabaseCounts | undefined;
  for (const each of found)
    if (each !== undefined && (best === undefined || each.messages > best.messages)) best = each;
  return best;
}
