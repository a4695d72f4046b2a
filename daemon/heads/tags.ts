// The tags by which a snapshot says which device's which backup it is: `signet-dev=`, `signet-seq=`, `signet-mac=`. A chat contact
// who gets a file filed as a snapshot cannot write them, and a replayed snapshot gives its number away.

import { concat, fromHex, toHex, utf8 } from '../base/bytes.ts';
import { equalBytes, hmacSha256 } from '../kernel/hash.ts';
import type { Snapshot } from '../repository/model.ts';
import { idBytes, seqBytes } from './head-file.ts';
import type { HeadsKey } from './model.ts';

const macBytes = 16;

export interface TaggedBackup {
  readonly device: string;
  readonly seq: number;
}

/** @param from.time the snapshot's time exactly as it is stored; from.tree 64 hex digits */
export function snapshotTags(from: HeadsKey & TaggedBackup & Pick<Snapshot, 'tree' | 'time'>): readonly string[] {
  return [`signet-dev=${from.device}`, `signet-seq=${from.seq}`, `signet-mac=${toHex(tagMac(from))}`];
}

/** The backup the snapshot belongs to, if its tags were written with this repository's key. */
export function readTags(snapshot: Pick<Snapshot, 'tree' | 'time' | 'tags'>, by: HeadsKey): TaggedBackup | undefined {
  const claimed = claimedBackup(snapshot);
  const mac = fromHex(onlyTag(snapshot.tags, 'signet-mac=', /^[0-9a-f]{32}$/) ?? '');
  if (claimed === undefined || mac === undefined || !/^[0-9a-f]{64}$/.test(snapshot.tree)) return undefined;
  return equalBytes(mac, tagMac({ ...by, ...claimed, tree: snapshot.tree, time: snapshot.time })) ? claimed : undefined;
}

/** What the tags say, unproven: for snapshots whose standing is known. */
export function claimedBackup(snapshot: Pick<Snapshot, 'tags'>): TaggedBackup | undefined {
  const device = onlyTag(snapshot.tags, 'signet-dev=', /^[0-9a-f]{16}$/);
  const seq = Number(onlyTag(snapshot.tags, 'signet-seq=', /^[1-9][0-9]{0,15}$/));
  return device === undefined || !Number.isSafeInteger(seq) ? undefined : { device, seq };
}

/** Fixed widths first, the one free text last, so that no two inputs have the same bytes. */
function tagMac({
  key,
  repositoryId,
  device,
  seq,
  tree,
  time,
}: HeadsKey & TaggedBackup & Pick<Snapshot, 'tree' | 'time'>): Uint8Array {
  const message = concat(idBytes(repositoryId, 32), idBytes(device, 8), seqBytes(seq), idBytes(tree, 32), utf8(time));
  return hmacSha256(key, message).subarray(0, macBytes);
}

/** The tag's value when there is exactly one such tag and it has the form. */
function onlyTag(tags: readonly string[], prefix: string, form: RegExp): string | undefined {
  const values = tags.filter(tag => tag.startsWith(prefix)).map(tag => tag.slice(prefix.length));
  const [value] = values;
  return values.length === 1 && value !== undefined && form.test(value) ? value : undefined;
}
