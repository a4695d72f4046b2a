// Row 34: everything that reads what a cloud serves, against bytes changed at random. Nothing is thrown beside the errors of the taxonomy,
// nothing is polluted, no case takes long; what is accepted is what was sealed, or, where the right key sealed the change, a value that
// writes and reads back as itself.

import { createCipheriv, randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { decodeManifest, encodeManifest } from '../../daemon/archive/manifest.ts';
import type { Manifest } from '../../daemon/archive/model.ts';
import { concat, fromHex, toHex, utf8 } from '../../daemon/base/bytes.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { idBytes, openHead, sealHead, seqBytes } from '../../daemon/heads/head-file.ts';
import type { Head } from '../../daemon/heads/model.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { open as openSealed, seal } from '../../daemon/kernel/seal.ts';
import { compressedFrame, openFrame, rawFrame } from '../../daemon/kernel/zstd.ts';
import { openBlob } from '../../daemon/repository/blob-reader.ts';
import { asBlobId, asPackId } from '../../daemon/repository/ids.ts';
import { decodeIndex, encodeIndex } from '../../daemon/repository/index-codec.ts';
import { limits } from '../../daemon/repository/limits.ts';
import {
  createConfig,
  createKeyFile,
  openConfig,
  parseKeyFile,
  randomMasterKey,
  sealConfig,
} from '../../daemon/repository/master-key.ts';
import type { SnapshotId } from '../../daemon/repository/model.ts';
import { decodeHeader, encodeHeader, type PlacedBlob } from '../../daemon/repository/pack-format.ts';
import { decodeSnapshot, encodeSnapshot } from '../../daemon/repository/snapshot-codec.ts';
import { decodeTree, encodeTree } from '../../daemon/repository/tree-codec.ts';
import { openUnpacked, parseJson, sealUnpacked } from '../../daemon/repository/unpacked.ts';
import { backends } from '../../daemon/vault/argon2.ts';
import { openVault, parseVault } from '../../daemon/vault/vault-file.ts';
import { isErrorCode } from '../../protocol/errors.ts';
import { mutated, seeded } from '../support/mutations.ts';
import { fileNode, fixedRandom, folderNode, linkNode, recoveryKey, snapshotOf } from '../support/repository.ts';
import { row } from '../support/rows.ts';
import { password, phone, setUp } from '../support/vault-kit.ts';

const isLong = process.env['SIGNET_LONG'] !== undefined;

/** What reads one kind of object. */
interface Parser {
  readonly name: string;
  /** Share of all mutations. */
  readonly share: number;
  /** Whole ones; each mutation changes one of them. */
  readonly samples: readonly Uint8Array[];
  /**
   * Reads it: the value, or an error of the taxonomy. `isWhole` judges what was accepted: what was stored, or, where whoever holds the key
   * may have written it, a value that stands for itself.
   */
  read(bytes: Uint8Array): Promise<Read> | Read;
}

interface Read {
  readonly isWhole: () => Promise<boolean> | boolean;
}

const random = fixedRandom(90);
const key = randomMasterKey(random);
const sealed = (plaintext: Uint8Array): Uint8Array => seal(key, random(16), plaintext);
const hexId = (seed: number): string => toHex(fixedRandom(seed)(32));

const blobs: readonly PlacedBlob[] = [
  { id: asBlobId(hexId(1)), type: 'data', offset: 0, sealedBytes: 900, plainBytes: 1500, isCompressed: true },
  { id: asBlobId(hexId(2)), type: 'tree', offset: 900, sealedBytes: 400, plainBytes: 700, isCompressed: true },
  { id: asBlobId(hexId(3)), type: 'data', offset: 1300, sealedBytes: 100, plainBytes: 40, isCompressed: true },
];
const contentBytes = 1400;

const head: Head = {
  device: '0011223344556677',
  label: 'laptop',
  seq: 42,
  time: '2026-11-23T10:00:00.000Z',
  snapshot: hexId(4) as SnapshotId,
  live: [hexId(4) as SnapshotId, hexId(5) as SnapshotId],
  gone: [{ id: hexId(6) as SnapshotId, reason: 'retention' }],
  extent: { indexSetSha256: hexId(7), packCount: 3, packBytes: 50_000_000 },
  vaultSha256: hexId(8),
  previous: hexId(9),
  seen: { ffeeddccbbaa9988: { seq: 7, sha256: hexId(10) } },
  acknowledged: [hexId(11) as SnapshotId],
  minReader: 1,
  minWriter: 1,
};
const headsKey = fixedRandom(12)(32);
const repositoryId = hexId(13);
const place = { repositoryId, device: head.device, seq: head.seq };

/** The bytes of a head around any text, sealed as docs/format.md says. */
function sealedHead(json: Uint8Array): Uint8Array {
  const padded = new Uint8Array(4096).fill(0x20);
  padded.set(json.subarray(0, 4096));
  const cipher = createCipheriv('aes-256-gcm', headsKey, new Uint8Array(12).fill(5));
  cipher.setAAD(
    concat(
      utf8('signet/heads/v1'),
      new Uint8Array(1),
      idBytes(repositoryId, 32),
      idBytes(head.device, 8),
      seqBytes(head.seq),
    ),
  );
  const body = cipher.update(padded);
  cipher.final();
  return concat(utf8('SGH1'), new Uint8Array(12).fill(5), body, cipher.getAuthTag());
}

const nodes = [
  fileNode('a.txt', { sizeBytes: 3, content: [asBlobId(hexId(14))] }),
  folderNode('inner', asBlobId(hexId(15))),
  linkNode('link', 'a.txt'),
  fileNode(new Uint8Array([0x62, 0xff, 0x0a]), {
    inode: 18_446_744_073_709_551_615n,
    deviceId: 9_007_199_254_740_993n,
  }),
];

const manifest: Manifest = {
  v: 1,
  device: head.device,
  sources: [
    {
      id: 'whatsapp-abcd2345',
      profile: 'whatsapp',
      label: 'WhatsApp',
      root: '/home/anna/chats',
      capturedAt: '2026-11-23T10:00:00.000Z',
      complete: true,
      omitted: [{ path: 'x/y', reason: 'excluded', byRule: { files: 3, bytes: 99 } }],
      databases: [
        {
          path: 'msgstore.db',
          layout: 'pages',
          pageSize: 4096,
          nPage: 10,
          strategy: 'pinned',
          checked: 'full',
          checkedAt: '2026-11-23T10:00:00.000Z',
          counts: { messages: 10, conversations: 2 },
        },
      ],
      files: 3,
      bytes: 1000,
    },
  ],
};

const equal =
  (a: unknown, b: unknown): (() => boolean) =>
  () =>
    isDeepStrictEqual(a, b);

/** A value that the right key sealed: it means what it says when it is written and read once more. */
const itself = (value: unknown, again: () => unknown): Read => ({ isWhole: () => isDeepStrictEqual(value, again()) });

async function parsers(): Promise<readonly Parser[]> {
  const { file, keyWork } = await setUp();
  const { header } = parseVault(file.bytes);
  const ikm = await keyWork.derive({ password, phone, salt: header.salt, cost: header.cost });
  const payload = openVault(parseVault(file.bytes), ikm);
  const headBytes = sealHead(headsKey, repositoryId, head, new Uint8Array(12).fill(9));
  const headJson = utf8(
    Buffer.from(JSON.stringify({ ...JSON.parse(plainHead(headBytes)) }))
      .toString()
      .trim(),
  );
  const packHeader = encodeHeader(blobs);
  const content = Buffer.from('what someone wrote '.repeat(80));
  const blob = {
    id: asBlobId(sha256Hex(content)),
    type: 'data',
    plainBytes: content.length,
    isCompressed: true,
  } as const;
  const frames = [await compressedFrame(content), rawFrame(content)];
  const index = encodeIndex([{ id: asPackId(hexId(16)), blobs }]);
  const snapshot = snapshotOf(asBlobId(hexId(17)));
  const unpacked = await sealUnpacked(key, random, encodeSnapshot(snapshot));
  const { json: configJson, config } = createConfig(random);
  const keyFile = await createKeyFile(key, recoveryKey, Date.UTC(2026, 10, 23), random);
  const knownKeyFile = parseKeyFile(keyFile.bytes, 'keys');
  const tree = encodeTree(nodes);

  return [
    {
      name: 'vault',
      share: 12,
      samples: [file.bytes],
      read(bytes) {
        const opened = openVault(parseVault(bytes), ikm);
        return { isWhole: equal(opened, payload) };
      },
    },
    {
      name: 'head',
      share: 7,
      samples: [headBytes],
      read: bytes => ({ isWhole: equal(openHead(headsKey, place, bytes), head) }),
    },
    {
      name: 'head text',
      share: 10,
      samples: [headJson],
      read(bytes) {
        const value = openHead(headsKey, place, sealedHead(bytes));
        return itself(value, () =>
          openHead(headsKey, place, sealHead(headsKey, repositoryId, value, new Uint8Array(12).fill(1))),
        );
      },
    },
    {
      name: 'pack header',
      share: 12,
      samples: [packHeader],
      read(bytes) {
        const value = decodeHeader(bytes, contentBytes, 'pack');
        const total = value.reduce((sum, each) => sum + each.sealedBytes, 0);
        return {
          isWhole: () => total === contentBytes && value.every(each => each.plainBytes <= limits.treeBlobBytes),
        };
      },
    },
    {
      name: 'sealed pack header',
      share: 4,
      samples: [sealed(packHeader)],
      read: bytes => ({ isWhole: equal(decodeHeader(openSealed(key, bytes, 'pack'), contentBytes, 'pack'), blobs) }),
    },
    {
      name: 'blob',
      share: 4,
      samples: frames.map(sealed),
      read: async bytes => ({
        isWhole: equal(Buffer.from(await openBlob(key, bytes, { ...blob, sealedBytes: bytes.length })), content),
      }),
    },
    {
      name: 'blob frame',
      share: 11,
      samples: frames,
      async read(bytes) {
        const opened = await openBlob(key, sealed(bytes), { ...blob, sealedBytes: bytes.length + 32 });
        return { isWhole: equal(Buffer.from(opened), content) };
      },
    },
    {
      name: 'frame of unknown length',
      share: 4,
      samples: frames,
      async read(bytes) {
        const opened = await openFrame(bytes, { maxBytes: 64 * 1024 }, 'frame');
        return { isWhole: () => opened.length <= 64 * 1024 };
      },
    },
    {
      name: 'stored object',
      share: 4,
      samples: [unpacked.bytes],
      async read(bytes) {
        const id = sha256Hex(bytes);
        const { json } = await openUnpacked(key, { key: `snapshots/${id}`, id, stored: bytes }, false);
        return { isWhole: equal(json, JSON.parse(encodeSnapshot(snapshot))) };
      },
    },
    {
      name: 'index',
      share: 7,
      samples: [utf8(index)],
      read(bytes) {
        const value = decodeIndex(parseJson(bytes, 'index'));
        if (value === undefined) throw new SignetError('E_OBJECT_TYPE', 'not an index');
        return itself(value.packs, () => decodeIndex(JSON.parse(encodeIndex(value.packs)))?.packs);
      },
    },
    {
      name: 'snapshot',
      share: 7,
      samples: [utf8(encodeSnapshot(snapshot))],
      read(bytes) {
        const value = decodeSnapshot(parseJson(bytes, 'snapshot'));
        if (value === undefined) throw new SignetError('E_OBJECT_TYPE', 'not a snapshot');
        return itself(value, () => decodeSnapshot(JSON.parse(encodeSnapshot(value))));
      },
    },
    {
      name: 'tree',
      share: 8,
      samples: [tree],
      read(bytes) {
        const value = decodeTree(bytes, 'tree').nodes;
        return itself(value, () => decodeTree(encodeTree(value), 'tree').nodes);
      },
    },
    {
      name: 'key file',
      share: 4,
      samples: [keyFile.bytes],
      read(bytes) {
        const value = parseKeyFile(bytes, 'keys');
        // With other parameters another key comes out, and the seal does not match; with the same ones the sealed bytes must.
        if (!isDeepStrictEqual({ ...value, data: 0 }, { ...knownKeyFile, data: 0 }))
          throw new SignetError('E_OBJECT_AUTH', 'another key');
        if (!isDeepStrictEqual(value.data, knownKeyFile.data)) throw new SignetError('E_OBJECT_AUTH', 'another seal');
        return { isWhole: () => true };
      },
    },
    {
      name: 'config',
      share: 2,
      samples: [sealConfig(key, random, configJson)],
      read: bytes => ({ isWhole: equal(openConfig(key, bytes), config) }),
    },
    {
      name: 'config text',
      share: 2,
      samples: [utf8(configJson)],
      read(bytes) {
        const { id } = openConfig(key, sealed(bytes));
        return { isWhole: () => fromHex(id)?.length === 32 };
      },
    },
    {
      name: 'manifest',
      share: 2,
      samples: [encodeManifest(manifest)],
      read(bytes) {
        const value = decodeManifest(bytes);
        return itself(value, () => decodeManifest(encodeManifest(value)));
      },
    },
  ];
}

/** The text that a head of ours holds. */
function plainHead(bytes: Uint8Array): string {
  const opened = openHead(headsKey, place, bytes);
  return JSON.stringify({
    ...{
      v: 1,
      minReader: 1,
      minWriter: 1,
      dev: opened.device,
      label: opened.label,
      seq: opened.seq,
      time: opened.time,
    },
    ...{ snapshot: opened.snapshot, live: opened.live, gone: opened.gone, indexSet: opened.extent.indexSetSha256 },
    ...{ packCount: opened.extent.packCount, packBytes: opened.extent.packBytes, vaultHash: opened.vaultSha256 },
    ...{ prevHead: opened.previous, seen: opened.seen, acknowledged: opened.acknowledged },
  });
}

/** One case: what came of it, or what must never come. */
async function judged(
  parser: Parser,
  bytes: Uint8Array,
): Promise<'accepted' | 'rejected' | { readonly wrong: string }> {
  let outcome: 'accepted' | 'rejected';
  try {
    const read = await parser.read(bytes);
    if (!(await read.isWhole())) return { wrong: 'accepted as something else' };
    outcome = 'accepted';
  } catch (error) {
    const isKnown = error instanceof SignetError && isErrorCode(error.code) && error.code !== 'E_INTERNAL';
    if (!isKnown) return { wrong: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
    outcome = 'rejected';
  }
  const isPolluted = Object.keys(Object.prototype).length > 0 || 'polluted' in {};
  return isPolluted ? { wrong: 'the prototype of objects is polluted' } : outcome;
}

/** Far above what any case takes; beyond it something runs away. */
const longestCaseMs = 5000;

row(
  34,
  'a hundred thousand mutations of all that a cloud serves: no error beside the taxonomy, nothing else accepted',
  async t => {
    t.timeout(600_000);
    const total = 100_000 * (isLong ? 10 : 1);
    const seed = Number(process.env['SIGNET_FUZZ_SEED'] ?? randomInt(2 ** 32));
    t.log(`seed ${seed} (SIGNET_FUZZ_SEED)`);
    const all = await parsers();
    t.is(
      all.reduce((sum, { share }) => sum + share, 0),
      100,
    );
    const counts = { accepted: 0, rejected: 0 };
    const tried: string[] = [];
    let slowestMs = 0;
    for (const [number, parser] of all.entries()) {
      const next = seeded(seed + number);
      const cases = (total * parser.share) / 100;
      for (let left = cases; left > 0; left--) {
        const bytes = mutated(parser.samples[left % parser.samples.length] ?? new Uint8Array(0), next);
        const from = performance.now();
        const outcome = await judged(parser, bytes);
        slowestMs = Math.max(slowestMs, performance.now() - from);
        if (typeof outcome === 'object') {
          t.fail(`seed ${seed}, ${parser.name}: ${outcome.wrong}\n${Buffer.from(bytes).toString('base64')}`);
          return;
        }
        counts[outcome]++;
      }
      tried.push(`${parser.name} ${cases}`);
    }
    t.log(`mutations tried: ${total} (${tried.join(', ')}), rejected ${counts.rejected}, accepted ${counts.accepted}`);
    t.log(`the slowest took ${Math.ceil(slowestMs)} ms`);
    t.true(slowestMs < longestCaseMs, `${slowestMs} ms`);
    t.true(counts.rejected > counts.accepted);
  },
);

row(34, 'unchanged, each of them is accepted as what it is', async t => {
  for (const parser of await parsers()) {
    for (const sample of parser.samples) t.is(await judged(parser, sample), 'accepted', parser.name);
  }
});

row(34, 'any bytes and any JSON at all: no error beside the taxonomy', async t => {
  t.timeout(120_000);
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    fc.json({ maxDepth: 6 }).map(utf8),
    fc.json().map(json => utf8(`{"packs":${json},"nodes":${json},"v":${json},"protected":${json},"kdf":${json}}`)),
    fc.integer({ min: 1, max: 20_000 }).map(depth => utf8('['.repeat(depth))),
    fc.integer({ min: 1, max: 20_000 }).map(depth => utf8(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)),
  );
  for (const parser of await parsers()) {
    await fc.assert(
      fc.asyncProperty(anything, async bytes => {
        const outcome = await judged(parser, bytes);
        if (typeof outcome === 'object') throw new Error(`${parser.name}: ${outcome.wrong}`);
      }),
      { numRuns: 150 },
    );
  }
  t.pass();
});

row(34, 'the implementations of Argon2id agree', async t => {
  const request = {
    password: utf8('corréct horse'),
    salt: new Uint8Array(16).fill(1),
    associatedData: utf8('signet/vault/v1/argon2-ad\0+14155550123'),
    m: 256,
    t: 3,
    p: 4,
    length: 32,
  };
  const answers = new Set<string>();
  for (const load of Object.values(backends)) answers.add(toHex(await (await load())(request)));
  t.is(answers.size, 1);
});
