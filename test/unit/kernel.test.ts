import { createHmac, randomBytes, scryptSync } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { concat, fromHex, toHex, utf8 } from '../../daemon/base/bytes.ts';
import { systemCode } from '../../daemon/base/errors.ts';
import { createChunker, gearTable, maxChunkBytes, minChunkBytes } from '../../daemon/kernel/chunker.ts';
import { looksIncompressible } from '../../daemon/kernel/entropy.ts';
import { hkdfSha512, sha256Hex } from '../../daemon/kernel/hash.ts';
import { padme } from '../../daemon/kernel/padme.ts';
import { isIrreducible53, randomPolynomial53 } from '../../daemon/kernel/polynomial.ts';
import { checkScrypt, deriveScrypt } from '../../daemon/kernel/scrypt.ts';
import { open, poly1305Aes, seal, sealKeyFrom, sealOverhead } from '../../daemon/kernel/seal.ts';
import { compressedFrame, extendFrame, minExtension, openFrame, rawFrame } from '../../daemon/kernel/zstd.ts';
import { fixedRandom } from '../support/repository.ts';

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error(`not hex: ${hex}`);
  return bytes;
}

// D. J. Bernstein, "The Poly1305-AES message-authentication code" (2005), appendix B: message, r, k, nonce, tag.
for (const [message, r, k, nonce, tag] of [
  [
    'f3f6',
    '851fc40c3467ac0be05cc20404f3f700',
    'ec074c835580741701425b623235add6',
    'fb447350c4e868c52ac3275cf9d4327e',
    'f4c633c3044fc145f84f335cb81953de',
  ],
  [
    '',
    'a0f3080000f46400d0c7e9076c834403',
    '75deaa25c09f208e1dc4ce6b5cad3fbf',
    '61ee09218d29b0aaed7e154a2c5509cc',
    'dd3fab2251f11ac759f0887129cc2ee7',
  ],
  [
    '663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136',
    '48443d0bb0d21109c89a100b5ce2c208',
    '6acb5f61a7176dd320c5c1eb2edcdc74',
    'ae212a55399729595dea458bc621ff0e',
    '0ee1c16bb73f0f4fd19881753c01cdbe',
  ],
] as const) {
  test(`Poly1305-AES gives the tag of the paper for ${message.length / 2} bytes`, t => {
    const key = { macK: bytesOf(k), macR: bytesOf(r) };
    t.is(toHex(poly1305Aes(key, bytesOf(nonce), bytesOf(message))), tag);
  });
}

/** Poly1305 over big numbers, as the paper's §2 defines it: a second implementation. */
function poly1305ByDefinition(r: Uint8Array, s: Uint8Array, message: Uint8Array): string {
  const little = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const p = (1n << 130n) - 5n;
  const clamped = little(r) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = ((sum + little(block) + (1n << BigInt(8 * block.length))) * clamped) % p;
  }
  const tag = (sum + little(s)) & ((1n << 128n) - 1n);
  return toHex(Uint8Array.from({ length: 16 }, (_, i) => Number((tag >> BigInt(8 * i)) & 0xffn)));
}

test('Poly1305-AES agrees with its definition for unclamped keys and any length', t => {
  const random = fixedRandom(3);
  for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 4097]) {
    const key = sealKeyFrom(random(64));
    const iv = random(16);
    const message = random(length);
    // The paper's s is AES_k(nonce): the tag of an empty message is s itself.
    const s = poly1305Aes(key, iv, new Uint8Array(0));
    t.is(toHex(poly1305Aes(key, iv, message)), poly1305ByDefinition(key.macR, s, message), `${length} bytes`);
  }
});

test('opening what was sealed gives the plaintext', t => {
  const random = fixedRandom(4);
  const key = sealKeyFrom(random(64));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), plaintext => {
      const sealed = seal(key, random(16), plaintext);
      t.is(sealed.length, plaintext.length + sealOverhead);
      return toHex(open(key, sealed, 'x')) === toHex(plaintext);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('CTR gives the key stream of SP 800-38A, F.5.5', t => {
  const encrypt = bytesOf('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4');
  const key = { encrypt, macK: new Uint8Array(16).fill(1), macR: new Uint8Array(16).fill(1) };
  const sealed = seal(
    key,
    bytesOf('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'),
    bytesOf('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'),
  );
  t.is(toHex(sealed.subarray(16, 48)), '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5');
});

test('a flipped bit anywhere, a cut or another key is refused before anything is decrypted', t => {
  const random = fixedRandom(5);
  const key = sealKeyFrom(random(64));
  const sealed = seal(key, random(16), utf8('a chat'));
  for (let at = 0; at < sealed.length; at++) {
    const forged = new Uint8Array(sealed);
    forged[at] = (forged[at] ?? 0) ^ 0x10;
    t.throws(() => open(key, forged, 'x'), { code: 'E_OBJECT_AUTH' });
  }
  for (const length of [0, 1, 16, 31, sealed.length - 1]) {
    t.throws(() => open(key, sealed.subarray(0, length), 'x'), { code: 'E_OBJECT_AUTH' });
  }
  t.throws(() => open(sealKeyFrom(random(64)), sealed, 'x'), { code: 'E_OBJECT_AUTH' });
});

test('keys with an all-zero part and all-zero IVs are refused', t => {
  for (const [from, to] of [
    [0, 32],
    [32, 48],
    [48, 64],
  ] as const) {
    t.throws(() => sealKeyFrom(new Uint8Array(64).fill(9).fill(0, from, to)), { code: 'E_OBJECT_AUTH' });
  }
  const key = sealKeyFrom(new Uint8Array(64).fill(9));
  t.throws(() => seal(key, new Uint8Array(16), utf8('x')));
  const zeroIv = concat(new Uint8Array(16), poly1305Aes(key, new Uint8Array(16), new Uint8Array(0)));
  t.throws(() => open(key, zeroIv, 'x'), { code: 'E_OBJECT_AUTH' });
});

test('a sealing key does not share memory with the bytes it came from', t => {
  const bytes = Buffer.alloc(64, 7);
  const key = sealKeyFrom(bytes);
  bytes.fill(0);
  t.is(key.encrypt[0], 7);
});

test('HKDF-SHA512 equals extract and expand by HMAC alone', t => {
  const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer => {
    const hmac = createHmac('sha512', key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  };
  // RFC 5869, test case 1's input; the RFC has no vectors for SHA-512, so the expected value is computed by its §2.2 and §2.3.
  const ikm = new Uint8Array(22).fill(0x0b);
  const salt = bytesOf('000102030405060708090a0b0c');
  const info = bytesOf('f0f1f2f3f4f5f6f7f8f9');
  const prk = mac(salt, ikm);
  const first = mac(prk, info, Uint8Array.of(1));
  const second = mac(prk, first, info, Uint8Array.of(2));
  t.is(toHex(hkdfSha512(ikm, salt, info, 100)), toHex(concat(first, second).subarray(0, 100)));
  t.is(
    toHex(hkdfSha512(ikm, salt, info, 42)),
    '832390086cda71fb47625bb5ceb168e4c8e26a1a16ed34d9fc7fe92c1481579338da362cb8d9f925d7cb',
  );
});

for (const [name, n, r, p, salt] of [
  ['N is no power of two', 3, 8, 1, 64],
  ['N is below any honest cost', 2, 8, 1, 64],
  ['N takes 1 GiB', 2 ** 20, 8, 1, 64],
  ['N is absurd', 2 ** 30, 8, 1, 64],
  ['r is absurd', 32768, 2 ** 20, 1, 64],
  ['p is absurd', 32768, 8, 2 ** 20, 64],
  ['a fraction', 32768.5, 8, 1, 64],
  ['negative', -32768, 8, 1, 64],
  ['not a number', Number.NaN, 8, 1, 64],
  ['infinite', Number.POSITIVE_INFINITY, 8, 1, 64],
  ['a short salt', 32768, 8, 1, 8],
] as const) {
  test(`scrypt parameters are refused unrun: ${name}`, t => {
    t.throws(() => checkScrypt({ n, r, p }, new Uint8Array(salt), 'key'), { code: 'E_KDF_POLICY' });
  });
}

test("scrypt runs with restic's own parameters", async t => {
  const salt = new Uint8Array(64).fill(3);
  const derived = await deriveScrypt(utf8('secret'), salt, { n: 16384, r: 8, p: 6 }, 64);
  t.deepEqual(Buffer.from(derived), scryptSync('secret', salt, 64, { N: 16384, r: 8, p: 6, maxmem: 1 << 28 }));
});

const frameLengths = [0, 1, 255, 256, 257, 65791, 65792, 131071, 131072, 131073, 262144, 300001, 8 * 1024 * 1024];

for (const length of frameLengths) {
  test(`frames of ${length} bytes hold them, raw and compressed, and Node agrees`, async t => {
    const plaintext = fixedRandom(6)(length);
    for (const frame of [rawFrame(plaintext), await compressedFrame(plaintext)]) {
      const opened = await openFrame(frame, { exactBytes: length }, 'x');
      t.true(Buffer.from(opened).equals(plaintext));
      const { ZSTD_d_windowLogMax } = constants;
      t.true(zstdDecompressSync(frame, { params: { [ZSTD_d_windowLogMax]: 23 } }).equals(plaintext));
    }
  });
}

test('a raw frame costs what the format says', t => {
  const overhead = (length: number): number => rawFrame(new Uint8Array(length)).length - length;
  t.deepEqual([16384, 65536, 262144, 1 << 20, 8 << 20].map(overhead), [10, 10, 15, 33, 201]);
});

test('another length than was asked for is refused, and so is more than is allowed', async t => {
  for (const frame of [rawFrame(new Uint8Array(1000)), await compressedFrame(new Uint8Array(1000))]) {
    await t.throwsAsync(openFrame(frame, { exactBytes: 999 }, 'x'), { code: 'E_OBJECT_LIMIT' });
    await t.throwsAsync(openFrame(frame, { exactBytes: 1001 }, 'x'), { code: 'E_OBJECT_LIMIT' });
    await t.throwsAsync(openFrame(frame, { maxBytes: 999 }, 'x'), { code: 'E_OBJECT_LIMIT' });
    t.is((await openFrame(frame, { maxBytes: 1000 }, 'x')).length, 1000);
  }
});

test('a bomb without a content size stops at the bound', async t => {
  const { ZSTD_c_contentSizeFlag } = constants;
  const bomb = zstdCompressSync(new Uint8Array(64 << 20), { params: { [ZSTD_c_contentSizeFlag]: 0 } });
  t.true(bomb.length < 8192);
  for (const size of [{ maxBytes: 1 << 20 }, { exactBytes: 1 << 20 }]) {
    const error = await t.throwsAsync(openFrame(bomb, size, 'x'), { code: 'E_OBJECT_LIMIT' });
    t.is(systemCode(error?.cause), 'ERR_BUFFER_TOO_LARGE', 'the decoder itself was stopped');
  }
});

test('bytes after the frame, a second frame and a cut are refused', async t => {
  const plaintext = utf8('one frame and no more '.repeat(100));
  for (const frame of [rawFrame(plaintext), await compressedFrame(plaintext)]) {
    const size = { exactBytes: plaintext.length };
    await t.throwsAsync(openFrame(concat(frame, Uint8Array.of(0)), size, 'x'), { code: 'E_OBJECT_LIMIT' });
    await t.throwsAsync(openFrame(concat(frame, frame), size, 'x'), { code: 'E_OBJECT_LIMIT' });
    for (const length of [6, 8, 10, frame.length - 1]) {
      await t.throwsAsync(openFrame(frame.subarray(0, length), size, 'x'), { code: 'E_OBJECT_LIMIT' });
    }
    await t.throwsAsync(openFrame(frame.subarray(0, 5), size, 'x'), { code: 'E_OBJECT_TYPE' });
  }
  const skippable = concat(bytesOf('502a4d18'), bytesOf('01000000'), Uint8Array.of(0), rawFrame(plaintext));
  await t.throwsAsync(openFrame(skippable, { exactBytes: plaintext.length }, 'x'), { code: 'E_OBJECT_TYPE' });
});

test('large windows, dictionaries, reserved bits and blocks beyond 128 KiB are refused', async t => {
  const magic = bytesOf('28b52ffd');
  const block = bytesOf('090000aa'); // last, raw, one byte
  for (const [what, header] of [
    ['a window of 16 MiB', '0070'],
    ['a dictionary', '210101'],
    ['the reserved bit', '2801'],
  ] as const) {
    await t.throwsAsync(
      openFrame(concat(magic, bytesOf(header), block), { maxBytes: 100 }, 'x'),
      { code: 'E_OBJECT_LIMIT' },
      what,
    );
  }
  const tooLong = 131073;
  const blockHeader = Uint8Array.of((1 | (tooLong << 3)) & 0xff, (tooLong >> 5) & 0xff, (tooLong >> 13) & 0xff);
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, tooLong, true);
  const frame = concat(magic, bytesOf('a0'), size, blockHeader, new Uint8Array(tooLong));
  await t.throwsAsync(openFrame(frame, { exactBytes: tooLong }, 'x'), { code: 'E_OBJECT_LIMIT' });
});

test('a frame is extended to exactly the length that is asked for', async t => {
  const plaintext = utf8('{"packs":[]}'.repeat(50));
  const frames = [undefined, await compressedFrame(plaintext), rawFrame(plaintext)];
  for (const frame of frames) {
    const least = frame === undefined ? 13 : frame.length + minExtension;
    for (const more of [0, 1, 2, 100, 131071, 131072, 131075, 131076, 131077, 131078, 131079, 131080, 300000]) {
      const extended = extendFrame(frame, least + more, space => space.fill(0x20));
      t.is(extended.frame.length, least + more);
      const opened = Buffer.from(await openFrame(extended.frame, { exactBytes: extended.plainBytes }, 'x'));
      t.true(
        opened
          .subarray(0, frame === undefined ? 0 : plaintext.length)
          .equals(frame === undefined ? new Uint8Array(0) : plaintext),
      );
      t.is(opened.toString().trimEnd().length, frame === undefined ? 0 : plaintext.length);
      t.true(zstdDecompressSync(extended.frame).equals(opened));
    }
  }
});

test('photos and sealed bytes are not compressed, text and databases are', t => {
  const text = utf8('This message was deleted. '.repeat(4000));
  t.false(looksIncompressible(text));
  t.true(looksIncompressible(randomBytes(100_000)));
  t.false(looksIncompressible(randomBytes(1000)), 'too small to judge');
  t.false(looksIncompressible(concat(randomBytes(50_000), new Uint8Array(50_000))));
});

test('a chunker cuts the same bytes at the same places, whatever stands around them', t => {
  const chunker = createChunker(new Uint8Array(32).fill(1));
  const bytes = fixedRandom(7)(20 << 20);
  const whole: number[] = [];
  for (let start = 0, end: number | undefined; start < bytes.length; start = end) {
    end = chunker.cut(bytes, start, bytes.length, true) ?? bytes.length;
    whole.push(end - start);
  }
  t.is(
    whole.reduce((a, b) => a + b),
    bytes.length,
  );
  for (const length of whole.slice(0, -1)) t.true(length > minChunkBytes && length <= maxChunkBytes);

  // Streamed through a window that starts anywhere and is refilled in odd steps.
  const streamed: number[] = [];
  for (let start = 0; start < bytes.length; ) {
    const window = concat(new Uint8Array(13), bytes.subarray(start, start + maxChunkBytes));
    let end: number | undefined;
    for (let have = 100_000; end === undefined; have += 777_777) {
      const to = Math.min(window.length, 13 + have);
      end = chunker.cut(window, 13, to, start + to - 13 === bytes.length);
    }
    streamed.push(end - 13);
    start += end - 13;
  }
  t.deepEqual(streamed, whole);
});

test('inserting bytes moves only the chunks around them', t => {
  const chunker = createChunker(new Uint8Array(32).fill(1));
  const bytes = fixedRandom(8)(24 << 20);
  const chunksOf = (data: Uint8Array): readonly string[] => {
    const ids: string[] = [];
    for (let start = 0; start < data.length; ) {
      const end = chunker.cut(data, start, data.length, true) ?? data.length;
      ids.push(sha256Hex(data.subarray(start, end)));
      start = end;
    }
    return ids;
  };
  const before = new Set(chunksOf(bytes));
  const after = chunksOf(concat(bytes.subarray(0, 5 << 20), utf8('inserted'), bytes.subarray(5 << 20)));
  t.true(after.filter(id => !before.has(id)).length <= 3);
});

test('constant bytes are cut at 8 MiB, and ends are kept', t => {
  const chunker = createChunker(new Uint8Array(32).fill(2));
  const zeros = new Uint8Array(maxChunkBytes + 10);
  t.is(chunker.cut(zeros, 0, zeros.length, false), maxChunkBytes);
  t.is(chunker.cut(zeros, 0, maxChunkBytes - 1, false), undefined);
  t.is(chunker.cut(zeros, 0, maxChunkBytes - 1, true), maxChunkBytes - 1);
  t.is(chunker.cut(zeros, 0, 1, true), 1);
  t.is(chunker.cut(zeros, 0, minChunkBytes, true), minChunkBytes);
  t.is(chunker.cut(zeros, 5, 5, true), undefined);
});

test('another gear key cuts elsewhere', t => {
  const bytes = fixedRandom(9)(9 << 20);
  const firstCut = (fill: number): number | undefined =>
    createChunker(new Uint8Array(32).fill(fill)).cut(bytes, 0, bytes.length, true);
  t.is(new Set([1, 2, 3, 4, 5].map(firstCut)).size, 5);
});

test('the chunker is the 64-bit gear hash of the format', t => {
  // The same hash over big numbers, on the first two chunks.
  const gearKey = Uint8Array.from({ length: 32 }, (_, i) => i);
  const table = new BigUint64Array(new Uint8Array(gearTable(gearKey)).buffer);
  const bytes = fixedRandom(10)(4 << 20);
  const cutByDefinition = (start: number): number => {
    let hash = 0n;
    for (let at = start + minChunkBytes - 64; ; at++) {
      if (at >= bytes.length) return bytes.length;
      hash = BigInt.asUintN(64, (hash << 1n) + (table[bytes[at] ?? 0] ?? 0n));
      const length = at + 1 - start;
      if (length <= minChunkBytes) continue;
      const mask = length <= 1024 * 1024 ? 0x3fff_ff00_0000_0000n : 0x3fff_f000_0000_0000n;
      if ((hash & mask) === 0n) return at + 1;
    }
  };
  const chunker = createChunker(gearKey);
  const first = cutByDefinition(0);
  t.is(chunker.cut(bytes, 0, bytes.length, true), first);
  t.is(chunker.cut(bytes, first, bytes.length, true), cutByDefinition(first));
});

test('Padmé keeps few sizes and costs at most 12 %', t => {
  t.deepEqual([0, 1, 2, 3, 8, 9, 100, 1000, 1025, 65537, 1_000_000, 16 << 20, (16 << 20) + 1].map(padme), [
    0,
    1,
    2,
    3,
    8,
    10,
    104,
    1024,
    1088,
    67584,
    1_015_808,
    16 << 20,
    17_301_504,
  ]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), length => {
      const padded = padme(length);
      return padded >= length && padded <= length * 1.12 && padme(padded) === padded;
    }),
    { seed: 2 },
  );
});

test("restic's polynomials are told from reducible ones", t => {
  t.true(isIrreducible53(0x3da3358b4dc173n), "restic's test suite uses this one");
  t.false(isIrreducible53(0x3da3358b4dc171n));
  t.false(isIrreducible53(0x1da3358b4dc173n), 'degree 52');
  t.false(isIrreducible53((1n << 53n) | 1n), '(x+1) divides it');
  const polynomial = randomPolynomial53(fixedRandom(11));
  t.is(polynomial >> 53n, 1n);
  t.true(isIrreducible53(polynomial));
});
