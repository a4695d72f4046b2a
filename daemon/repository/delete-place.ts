// Deleting a whole repository from its place, when a person said so twice. Only what restic and Signet write is removed, by the exact form
// of its name; everything else stays. The order is that of all deleting, backwards: what names things goes before the things, and config
// goes last, so that a place which is only half deleted is still known for what it was.

import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { CallOptions, Remote, RemoteEntry } from '../remotes/remote.ts';
import { limits } from './limits.ts';
import { type OwnFolder, ownNames } from './own-objects.ts';

const stages = ['snapshots', 'signet/heads', 'index', 'data', 'locks', 'keys', 'signet/vault'] as const;

/** SHA-256 of config as it is stored: says which repository a place holds without a key of it. @throws E_MISSING */
export async function configDigest(remote: Pick<Remote, 'get'>, options: CallOptions = {}): Promise<string> {
  return sha256Hex(await remote.get('config', { maxBytes: limits.configBytes, ...options }));
}

/**
 * @param expected `configDigest` of the repository that is meant; undefined only for a place that was never finished
 * @throws E_REPO_MISMATCH when another repository is there now, or one without config, or more than the first backup of a place that was
 *   never finished; nothing is removed then · what the remote throws; may be repeated then
 */
export async function deletePlace(
  remote: Remote,
  expected: string | undefined,
  options: CallOptions = {},
): Promise<{ readonly objects: number; readonly bytes: number }> {
  const config = await remote.stat('config', options);
  if (config !== undefined && expected !== undefined && (await configDigest(remote, options)) !== expected) {
    throw new SignetError('E_REPO_MISMATCH', `${remote.label} holds another backup than the one that was left`);
  }
  // Our own deleting takes config last: what lies there without it is not what was left. And a first backup makes one snapshot and one head.
  const most = expected === undefined ? 1 : 0;
  const looked = expected === undefined ? stages.slice(0, 2) : config === undefined ? stages : [];
  for (const folder of looked) {
    if ((await listed(remote, folder, options)).length <= most) continue;
    throw new SignetError('E_REPO_MISMATCH', `${remote.label} holds more than what is to be deleted`);
  }
  let objects = 0;
  let bytes = 0;
  for (const folder of stages) {
    for (const { key, sizeBytes } of await listed(remote, folder, options)) {
      await remote.remove(key, options);
      objects += 1;
      bytes += sizeBytes;
    }
  }
  if (config !== undefined) {
    await remote.remove('config', options);
    objects += 1;
    bytes += config.sizeBytes;
  }
  return { objects, bytes };
}

/** All of them at once: a listing must not be changed while it is read. */
async function listed(
  remote: Pick<Remote, 'list'>,
  folder: OwnFolder,
  options: CallOptions,
): Promise<readonly RemoteEntry[]> {
  const found: RemoteEntry[] = [];
  for await (const entry of remote.list(folder, options)) if (ownNames[folder].test(entry.key)) found.push(entry);
  return found;
}
