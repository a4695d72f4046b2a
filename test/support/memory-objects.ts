// The table of known objects of a place, in memory.

import type { KnownObject, ObjectTable } from '../../daemon/remotes/drive/known.ts';

export function memoryObjects(rows: readonly KnownObject[] = []): ObjectTable {
  const objects = new Map(rows.map(row => [row.key, row]));
  const notes = new Map<string, string>();
  return {
    get: key => objects.get(key),
    put(added) {
      for (const row of added) objects.set(row.key, row);
    },
    remove(keys) {
      for (const key of keys) objects.delete(key);
    },
    below: prefix => [...objects.values()].filter(row => row.key.startsWith(prefix)),
    note: name => notes.get(name),
    setNote(name, value) {
      if (value === undefined) notes.delete(name);
      else notes.set(name, value);
    },
  };
}
