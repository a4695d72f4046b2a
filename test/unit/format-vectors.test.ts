// Reads the test vectors from docs/format.md and holds the code to them, so that the page cannot rot.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeManifest, encodeManifest } from '../../daemon/archive/manifest.ts';
import { fromBase64Url, fromHex, fromUtf8, toBase64Url, toHex, utf8 } from '../../daemon/base/bytes.ts';
import type { LogEnd } from '../../daemon/capture/capture.ts';
import { startFrames } from '../../daemon/capture/frames.ts';
import { headKey, headSha256, openHead, parseHeadKey, sealHead } from '../../daemon/heads/head-file.ts';
import { snapshotTags } from '../../daemon/heads/heads.ts';
import { connectionsBytes, connectionsFrom } from '../../daemon/jobs/engine-places.ts';
import {
  averageChunkBytes,
  createChunker,
  gearTable,
  maxChunkBytes,
  minChunkBytes,
} from '../../daemon/kernel/chunker.ts';
import { hkdfSha512, sha256Hex } from '../../daemon/kernel/hash.ts';
import { padme } from '../../daemon/kernel/padme.ts';
import { tagPages } from '../../daemon/kernel/page-tags.ts';
import { rawFrame } from '../../daemon/kernel/zstd.ts';
import { fingerprintOf, masterBytes } from '../../daemon/repository/master-key.ts';
import type { BlobId } from '../../daemon/repository/model.ts';
import { openBox } from '../../daemon/state/sealed.ts';
import { backends } from '../../daemon/vault/argon2.ts';
import { normalisePassword } from '../../daemon/vault/password.ts';
import { parseRecoveryKey, recoveryKeyGroups, resticPassword } from '../../daemon/vault/vault.ts';
import {
  argon2AssociatedData,
  openVault,
  parseVault,
  sealVault,
  vaultKey,
  vaultKeys,
  vaultSha256,
} from '../../daemon/vault/vault-file.ts';
import { mergeDelta } from '../../scripts/lib/merge-delta.mjs';
import { scratch } from '../support/databases.ts';

const page = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8');
const vectors = new Map(
  [...page.matchAll(/^```json vector:(\S+)\n([\s\S]*?)\n```$/gm)].map(([, name, json]) => [name, json]),
);
const used = new Set<string>();

/** The vector's fields; a missing one fails the test that asks for it. */
function vector<Fields>(name: string): Fields {
  const json = vectors.get(name);
  if (json === undefined) throw new Error(`docs/format.md has no vector ${name}`);
  used.add(name);
  return JSON.parse(json);
}

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`${text} is not hex`);
  return bytes;
}

interface Keys {
  readonly encrypt: string;
  readonly macK: string;
  readonly macR: string;
  readonly repositoryId: string;
  readonly derived: Readonly<Record<string, string>>;
  readonly masterKeyFingerprint: string;
}

test('every key of the page comes from the master key and the repository id', t => {
  const keys = vector<Keys>('keys');
  const master = { encrypt: hex(keys.encrypt), macK: hex(keys.macK), macR: hex(keys.macR) };
  const ikm = masterBytes(master);
  t.deepEqual(
    Object.keys(keys.derived),
    ['heads', 'state', 'gear', 'pages', 'credentials'].map(name => `signet/${name}/v1`),
  );
  for (const [label, key] of Object.entries(keys.derived)) {
    t.is(toHex(hkdfSha512(ikm, hex(keys.repositoryId), utf8(label), 32)), key, label);
    t.true(page.includes(`| \`${label}\` |`));
  }
  t.is(fingerprintOf(master), keys.masterKeyFingerprint);
});

test('the recovery key of the page is written and read as it says', t => {
  const {
    rk,
    resticPassword: expected,
    groups,
  } = vector<{ rk: string; resticPassword: string; groups: string }>('recovery-key');
  t.is(recoveryKeyGroups(hex(rk)).join(' '), groups);
  t.is(fromUtf8(resticPassword(hex(rk))), expected);
  t.deepEqual(parseRecoveryKey(Buffer.from(groups)), hex(rk));
});

interface VaultVector {
  readonly password: string;
  readonly phone: string;
  readonly ikm: string;
  readonly header: string;
  readonly commit: string;
  readonly wrap: string;
  readonly iv: string;
  readonly payload: {
    rk: string;
    repoId: string;
    keyFileId: string;
    masterKeyFpr: string;
    phone: string;
    created: string;
    device: string;
    epoch: number;
  };
  readonly key: string;
  readonly fileBytes: number;
}

test('the vault of the page comes out byte for byte, and opens', async t => {
  const given = vector<VaultVector>('vault');
  const { kdf, id, gen, prev } = JSON.parse(given.header);
  const salt = fromBase64Url(kdf.salt) ?? t.fail();
  const headerId = fromBase64Url(id) ?? t.fail();
  if (typeof salt === 'boolean' || typeof headerId === 'boolean') return;
  const argon2 = await backends['node:crypto']();
  const ikm = await argon2({
    password: normalisePassword(utf8(given.password)),
    salt,
    associatedData: argon2AssociatedData(given.phone),
    m: kdf.m,
    t: kdf.t,
    p: kdf.p,
    length: 32,
  });
  t.is(toHex(ikm), given.ikm);
  const { commitment, wrappingKey } = vaultKeys(ikm, toBase64Url(utf8(given.header)));
  t.is(toBase64Url(commitment), given.commit);
  t.is(toHex(wrappingKey), given.wrap);

  const { rk, repoId, keyFileId, masterKeyFpr, phone, created, device, epoch } = given.payload;
  const payload = {
    recoveryKey: fromBase64Url(rk) ?? new Uint8Array(),
    identity: { repositoryId: repoId, keyFileId, masterKeyFingerprint: masterKeyFpr },
    phone,
    created,
    device,
    epoch,
  };
  const cost = { m: kdf.m, t: kdf.t, p: kdf.p };
  const file = sealVault({ cost, salt, id: headerId, generation: gen, previous: prev }, payload, ikm, {
    nonce: fromBase64Url(given.iv) ?? new Uint8Array(),
  });
  t.is(fromUtf8(fromBase64Url(JSON.parse(fromUtf8(file) ?? '').protected) ?? new Uint8Array()), given.header);
  t.is(vaultKey(vaultSha256(file)), given.key);
  t.is(file.length, given.fileBytes);
  t.deepEqual(openVault(parseVault(file), ikm), payload);

  // The payload once more without our code: what another program would do.
  const { protected: stored, commit, iv, ct } = JSON.parse(fromUtf8(file) ?? '');
  const sealed = Buffer.from(ct, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', hex(given.wrap), Buffer.from(iv, 'base64url'));
  decipher.setAAD(Buffer.concat([Buffer.from(`signet/vault/v1/aad\0${stored}`), Buffer.from(commit, 'base64url')]));
  decipher.setAuthTag(sealed.subarray(1024));
  const opened = Buffer.concat([decipher.update(sealed.subarray(0, 1024)), decipher.final()]).toString();
  t.deepEqual(JSON.parse(opened), given.payload);
  t.is(opened.length, 1024);
});

test('the first known commitment still holds', t => {
  const { ikm, header, commit } = vector<{ ikm: string; header: string; commit: string }>('vault-without-slot');
  t.is(toBase64Url(vaultKeys(hex(ikm), toBase64Url(utf8(header))).commitment), commit);
});

interface HeadVector {
  readonly headsKey: string;
  readonly repositoryId: string;
  readonly nonce: string;
  readonly associatedData: string;
  readonly json: object;
  readonly paddedBytes: number;
  readonly key: string;
  readonly fileBytes: number;
  readonly firstBytes: string;
}

test('the head of the page comes out byte for byte, and opens', t => {
  const given = vector<HeadVector>('head');
  const cipher = createCipheriv('aes-256-gcm', hex(given.headsKey), hex(given.nonce));
  cipher.setAAD(hex(given.associatedData));
  const padded = JSON.stringify(given.json).padEnd(given.paddedBytes);
  const bytes = Buffer.concat([
    utf8('SGH1'),
    hex(given.nonce),
    cipher.update(padded),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  t.is(toHex(bytes.subarray(0, 32)), given.firstBytes);
  t.is(bytes.length, given.fileBytes);

  const place = parseHeadKey(given.key);
  if (place === undefined) return t.fail('the name is one');
  const { device, seq } = place;
  t.is(headKey(device, seq, headSha256(bytes)), given.key);
  const head = openHead(hex(given.headsKey), { repositoryId: given.repositoryId, device, seq }, bytes);
  t.deepEqual(Buffer.from(sealHead(hex(given.headsKey), given.repositoryId, head, hex(given.nonce))), bytes);
  for (const field of Object.keys(given.json)) t.true(page.includes(`\`${field}\``), field);
});

interface TagVector {
  readonly headsKey: string;
  readonly repositoryId: string;
  readonly device: string;
  readonly seq: number;
  readonly tree: BlobId;
  readonly time: string;
  readonly tags: readonly string[];
}

test('the tags of the page are those of its snapshot', t => {
  const { headsKey, tags, ...given } = vector<TagVector>('tags');
  t.deepEqual(snapshotTags({ ...given, key: hex(headsKey) }), tags);
});

test('the manifest of the page is read and written without loss', t => {
  const given = vector<object>('manifest');
  const decoded = decodeManifest(utf8(JSON.stringify(given)));
  t.deepEqual(decoded, given as typeof decoded);
  t.is(fromUtf8(encodeManifest(decoded)), `${JSON.stringify(given)}\n`);
});

test('the chunking table of the page comes from the gear key', t => {
  const { gearKey, firstEntries, tableSha256 } = vector<{
    gearKey: string;
    firstEntries: string[];
    tableSha256: string;
  }>('gear');
  const table = gearTable(hex(gearKey));
  t.is(sha256Hex(table), tableSha256);
  const view = new DataView(table.buffer, table.byteOffset);
  t.deepEqual(
    firstEntries.map(
      (_, i) =>
        `0x${view
          .getBigUint64(8 * i, true)
          .toString(16)
          .padStart(16, '0')}`,
    ),
    firstEntries,
  );
});

function endsOf(gearKey: string, bytes: Uint8Array): readonly number[] {
  const chunker = createChunker(hex(gearKey));
  const ends: number[] = [];
  for (let at = 0; ; ) {
    const end = chunker.cut(bytes, at, bytes.length, true);
    if (end === undefined) return ends;
    ends.push(end);
    at = end;
  }
}

interface ChunkVector {
  readonly gearKey: string;
  readonly streamBytes: number;
  readonly streamSha256: string;
  readonly ends: number[];
  readonly zeroBytes: number;
  readonly zeroEnds: number[];
}

test('chunks end where the page says', t => {
  const given = vector<ChunkVector>('chunks');
  const stream = createCipheriv('aes-256-ctr', new Uint8Array(32), new Uint8Array(16)).update(
    new Uint8Array(given.streamBytes),
  );
  t.is(sha256Hex(stream), given.streamSha256);
  t.deepEqual(endsOf(given.gearKey, stream), given.ends);
  t.deepEqual(endsOf(given.gearKey, new Uint8Array(given.zeroBytes)), given.zeroEnds);
  t.deepEqual([minChunkBytes, averageChunkBytes, maxChunkBytes], [512 * 1024, 1024 * 1024, 8 * 1024 * 1024]);
});

/** By the rule of the page alone, one byte at a time, as another program would write it. */
function firstEnd(table: Uint8Array, bytes: Uint8Array): number | undefined {
  const view = new DataView(table.buffer, table.byteOffset);
  let h = 0n;
  for (let at = minChunkBytes - 64; at < bytes.length; at++) {
    h = BigInt.asUintN(64, 2n * h + view.getBigUint64(8 * (bytes[at] ?? 0), true));
    const end = at + 1;
    if (end <= minChunkBytes) continue;
    const zeros = end <= averageChunkBytes ? ((1n << 22n) - 1n) << 40n : ((1n << 18n) - 1n) << 44n;
    if ((h & zeros) === 0n) return end;
  }
  return undefined;
}

test('the rule of the page, followed word by word, ends the first chunk at the same place', t => {
  const { gearKey, ends } = vector<ChunkVector>('chunks');
  const stream = createCipheriv('aes-256-ctr', new Uint8Array(32), new Uint8Array(16)).update(
    new Uint8Array(ends[0] ?? 0),
  );
  t.is(firstEnd(gearTable(hex(gearKey)), stream), ends[0]);
});

/** As the page says of its vectors. */
function pageOf(number: number, version: number): Uint8Array {
  return Uint8Array.from({ length: 512 }, (_, i) => (31 * number + 7 * version + i) & 0xff);
}

interface DeltaLogVector {
  readonly pageSize: number;
  readonly salts: string;
  readonly steps: readonly {
    readonly pages: readonly (readonly [page: number, version: number])[];
    readonly pageCount: number;
    readonly logBytes: number;
    readonly checksum: readonly [number, number];
    readonly mergedSha256: string;
  }[];
  readonly header: string;
  readonly frameHeaders: readonly string[];
  readonly logSha256: string;
}

test('the delta log of the page is written as it says, step by step, and merges', t => {
  const given = vector<DeltaLogVector>('delta-log');
  const file = join(scratch(t), 'frames');
  const base = Buffer.concat([1, 2, 3].map(number => pageOf(number, 0)));
  let log = Buffer.alloc(0);
  let end: LogEnd = { salts: hex(given.salts) };
  for (const { pages, pageCount, logBytes, checksum, mergedSha256 } of given.steps) {
    const frames = startFrames(file, given.pageSize, end);
    for (const [number, version] of pages) frames.add(number, pageOf(number, version));
    end = frames.finish(pageCount);
    frames.close();
    log = Buffer.concat([log, readFileSync(file)]);
    t.deepEqual([log.length, end.checksum?.s0, end.checksum?.s1], [logBytes, ...checksum]);
    t.is(sha256Hex(mergeDelta(base, log)), mergedSha256);
  }
  t.is(toHex(log.subarray(0, 32)), given.header);
  const frameBytes = 24 + given.pageSize;
  t.deepEqual(
    given.frameHeaders.map((_, i) => toHex(log.subarray(32 + i * frameBytes, 32 + i * frameBytes + 24))),
    given.frameHeaders,
  );
  t.is(sha256Hex(log), given.logSha256);
});

test('the tags of the page are those of its pages', t => {
  const { r, tags } = vector<{ r: string; tags: readonly string[] }>('page-tags');
  const found = new Uint8Array(32);
  tagPages(hex(r), Buffer.concat([pageOf(1, 0), pageOf(2, 1)]), 512, found);
  t.deepEqual([toHex(found.subarray(0, 16)), toHex(found.subarray(16))], tags);
});

test('lengths are padded as the page says', t => {
  const { lengths } = vector<{ lengths: [number, number][] }>('padme');
  for (const [length, padded] of lengths) t.is(padme(length), padded, `${length}`);
});

test('a blob that does not compress is framed as the page says', t => {
  const { plain, frame, zeroBytes131073 } = vector<{
    plain: string;
    frame: string;
    zeroBytes131073: { sha256: string; length: number };
  }>('frame');
  t.is(toHex(rawFrame(hex(plain))), frame);
  const long = rawFrame(new Uint8Array(131_073));
  t.deepEqual({ sha256: sha256Hex(long), length: long.length }, zeroBytes131073);
});

test('what opens a cloud is sealed as the page says', t => {
  const { key, name, text, box } = vector<Readonly<Record<'key' | 'name' | 'text' | 'box', string>>>('connections');
  t.is(vector<Keys>('keys').derived['signet/credentials/v1'], key);
  const opened = openBox(hex(key), name, hex(box));
  t.is(fromUtf8(opened ?? new Uint8Array()), text);
  const connections = connectionsFrom(opened ?? new Uint8Array());
  t.is(fromUtf8(connectionsBytes(connections)), text);
  t.is(openBox(hex(key), 'upload-session', hex(box)), undefined);
});

test.after.always('every vector of the page is used', (t: ExecutionContext) => {
  t.deepEqual(
    [...vectors.keys()].filter(name => !used.has(name ?? '')),
    [],
  );
});
