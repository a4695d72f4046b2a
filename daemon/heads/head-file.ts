// The bytes of a head: AES-256-GCM over padded JSON. docs/format.md "Heads" is the description.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import * as v from 'valibot';
import { concat, fromHex, fromUtf8, utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { SnapshotId } from '../repository/model.ts';
import type { Head, ListedHead } from './model.ts';

export const headsLabel = 'signet/heads/v1';
export const headsFolder = 'signet/heads';
/** The version of the cloud format that this program reads and writes. */
export const formatVersion = 1;

const magic = utf8('SGH1');
export const nonceBytes = 12;
const tagBytes = 16;
const overhead = magic.length + nonceBytes + tagBytes;
const smallestClass = 4096;
const largestClass = 1024 * 1024;
export const maxHeadBytes = largestClass + overhead;

const hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));
const snapshotId = v.pipe(
  hex(64),
  v.transform(text => text as SnapshotId),
);
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const seqNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const short = v.pipe(v.string(), v.maxLength(64));

const versions = v.object({ v: seqNumber, minReader: seqNumber, minWriter: seqNumber });

const schema = v.object({
  v: v.literal(1),
  minReader: seqNumber,
  minWriter: seqNumber,
  dev: hex(16),
  label: short,
  seq: seqNumber,
  time: v.pipe(v.string(), v.maxLength(64), v.isoTimestamp()),
  snapshot: snapshotId,
  live: v.array(snapshotId),
  gone: v.array(v.object({ id: snapshotId, reason: short })),
  indexSet: hex(64),
  packCount: count,
  packBytes: count,
  vaultHash: v.nullable(hex(64)),
  prevHead: v.nullable(hex(64)),
  seen: v.record(hex(16), v.object({ seq: seqNumber, sha256: hex(64) })),
  acknowledged: v.array(hex(64)),
});

/** Which head, of which repository: what its bytes are bound to. */
export interface HeadPlace {
  /** 64 hex digits. */
  readonly repositoryId: string;
  readonly device: string;
  readonly seq: number;
}

/**
 * @param key 32 bytes, label signet/heads/v1
 * @param nonce 12 random bytes
 * @throws E_OBJECT_LIMIT for more than a megabyte (some 15,000 snapshots)
 */
export function sealHead(key: Uint8Array, repositoryId: string, head: Head, nonce: Uint8Array): Uint8Array {
  const padded = pad(utf8(headJson(head)));
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(associatedData({ repositoryId, device: head.device, seq: head.seq }));
  const body = cipher.update(padded);
  cipher.final();
  return concat(magic, nonce, body, cipher.getAuthTag());
}

/**
 * @param place where the bytes were found; a head filed under another device, number or repository does not open
 * @throws E_OBJECT_AUTH · E_OBJECT_TYPE for content that is not a head's · E_VERSION when it demands a newer reader
 */
export function openHead(key: Uint8Array, place: HeadPlace, bytes: Uint8Array): Head {
  const bodyStart = magic.length + nonceBytes;
  if (
    bytes.length < overhead + smallestClass ||
    bytes.length > maxHeadBytes ||
    magic.some((byte, i) => bytes[i] !== byte)
  ) {
    throw unauthenticated(place, 'not the form of one');
  }
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(magic.length, bodyStart), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(associatedData(place));
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  const padded = decipher.update(bytes.subarray(bodyStart, bytes.length - tagBytes));
  try {
    decipher.final();
  } catch {
    throw unauthenticated(place, 'it does not open under this key and name');
  }
  return parseHead(place, padded);
}

export function headKey(device: string, seq: number, sha256: string): string {
  return `${headsFolder}/${device}/${seq}-${sha256}`;
}

/** Undefined for names that are not a head's. */
export function parseHeadKey(key: string): ListedHead | undefined {
  const [, device, digits, sha256] =
    /^signet\/heads\/([0-9a-f]{16})\/([1-9][0-9]{0,15})-([0-9a-f]{64})$/.exec(key) ?? [];
  const seq = Number(digits);
  if (device === undefined || sha256 === undefined || !Number.isSafeInteger(seq)) return undefined;
  return { key, device, seq, sha256 };
}

export function headSha256(bytes: Uint8Array): string {
  return sha256Hex(bytes);
}

function parseHead(place: HeadPlace, padded: Uint8Array): Head {
  let json: unknown;
  try {
    json = JSON.parse(fromUtf8(padded) ?? '');
  } catch {
    throw notAHead(place, 'not JSON');
  }
  const version = v.safeParse(versions, json);
  if (!version.success) throw notAHead(place, 'it names no versions');
  if (version.output.minReader > formatVersion) {
    throw new SignetError(
      'E_VERSION',
      `${nameOf(place)}: needs format ${version.output.minReader}, this program reads ${formatVersion}`,
    );
  }
  const parsed = v.safeParse(schema, json);
  if (!parsed.success) throw notAHead(place, `${v.getDotPath(parsed.issues[0]) ?? 'root'} is not as described`);
  const { dev, seq, indexSet, packCount, packBytes, vaultHash, prevHead, v: _, ...same } = parsed.output;
  if (dev !== place.device || seq !== place.seq) throw notAHead(place, 'it speaks for another device or number');
  return {
    ...same,
    device: dev,
    seq,
    extent: { indexSetSha256: indexSet, packCount, packBytes },
    vaultSha256: vaultHash,
    previous: prevHead,
  };
}

function headJson(head: Head): string {
  return JSON.stringify({
    v: formatVersion,
    minReader: head.minReader,
    minWriter: head.minWriter,
    dev: head.device,
    label: head.label,
    seq: head.seq,
    time: head.time,
    snapshot: head.snapshot,
    live: head.live,
    gone: head.gone,
    indexSet: head.extent.indexSetSha256,
    packCount: head.extent.packCount,
    packBytes: head.extent.packBytes,
    vaultHash: head.vaultSha256,
    prevHead: head.previous,
    seen: head.seen,
    acknowledged: head.acknowledged,
  });
}

/** Spaces up to 4 KiB, 8 KiB, … 1 MiB: the size tells the number of snapshots to within a factor of two. */
function pad(json: Uint8Array): Uint8Array {
  let size = smallestClass;
  while (size < json.length) size *= 2;
  if (size > largestClass)
    throw new SignetError('E_OBJECT_LIMIT', `head: ${json.length} bytes, at most ${largestClass}`);
  const padded = new Uint8Array(size).fill(0x20);
  padded.set(json);
  return padded;
}

/** Label, NUL, then fixed widths: 32 bytes of repository id, 8 of device id, 8 of seq (big-endian). */
function associatedData({ repositoryId, device, seq }: HeadPlace): Uint8Array {
  return concat(utf8(headsLabel), new Uint8Array(1), idBytes(repositoryId, 32), idBytes(device, 8), seqBytes(seq));
}

/** @throws E_INTERNAL when the text is not that many bytes of hex */
export function idBytes(id: string, sizeBytes: number): Uint8Array {
  const bytes = fromHex(id);
  if (bytes?.length !== sizeBytes) throw new SignetError('E_INTERNAL', `an id of ${sizeBytes} bytes is expected`);
  return bytes;
}

/** @throws E_INTERNAL for anything but 1 to 2^53−1 */
export function seqBytes(seq: number): Uint8Array {
  if (!Number.isSafeInteger(seq) || seq < 1) throw new SignetError('E_INTERNAL', `${seq} is no number of a backup`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(seq));
  return bytes;
}

function nameOf({ device, seq }: HeadPlace): string {
  return `head ${device}/${seq}`;
}

function unauthenticated(place: HeadPlace, why: string): SignetError {
  return new SignetError('E_OBJECT_AUTH', `${nameOf(place)}: ${why}`);
}

function notAHead(place: HeadPlace, why: string): SignetError {
  return new SignetError('E_OBJECT_TYPE', `${nameOf(place)}: ${why}`);
}
