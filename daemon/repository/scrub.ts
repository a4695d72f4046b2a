// Compares the names of all objects with the hashes that the place itself tells of what it stores, where it tells any (Google Drive): no
// object is read. What it says proves no integrity, only damage: a place that lies is found out by reading.

import { type CallOptions, hashInKey, type Remote } from '../remotes/remote.ts';
import type { ObjectProblem } from './model.ts';

/** Named by their hashes; config and other people's files are not. */
const named = /^(?:data|index|snapshots|keys|signet)\//;

export async function scrub(
  remote: Pick<Remote, 'list'>,
  options: CallOptions,
): Promise<{ readonly objects: number; readonly problems: readonly ObjectProblem[] }> {
  let objects = 0;
  const problems: ObjectProblem[] = [];
  for await (const { key, sha256 } of remote.list('', options)) {
    const expected = named.test(key) ? hashInKey(key) : undefined;
    if (sha256 === undefined || expected === undefined) continue;
    objects++;
    if (sha256 === expected) continue;
    problems.push({
      key,
      code: 'E_OBJECT_ID',
      detail: 'by the checksum of the place its bytes do not hash to its name',
    });
  }
  return { objects, problems };
}
