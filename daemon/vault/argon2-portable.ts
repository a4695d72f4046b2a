// Argon2id without native code, for runtimes that have neither the addon nor crypto.argon2 (Electron). BLAKE2b comes from
// hash-wasm; its own argon2id takes no associated data, which the vault needs, so the memory filling is here.
// Several times slower than native code and in one thread; the bytes are the same. Source: RFC 9106, the sections named below.

import { createBLAKE2b } from 'hash-wasm';
import { concat } from '../base/bytes.ts';

const version = 0x13;
const typeId = 2;
const blockWords = 256; // 1024 bytes as 32-bit words, low half of each 64-bit word first
const slices = 4;
const addressesPerBlock = 128;

export interface Argon2Request {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly associatedData: Uint8Array;
  readonly m: number;
  readonly t: number;
  readonly p: number;
  readonly length: number;
}

/** RFC 9106 §3.2. The bounds are the caller's: m ≥ 8p, and m KiB must be there. */
export async function argon2idPortable(request: Argon2Request): Promise<Uint8Array> {
  const { password, salt, associatedData, m, t, p, length } = request;
  const hash512 = await createBLAKE2b(512);
  const blake = (bytes: Uint8Array) => hash512.init().update(bytes).digest('binary');

  const first = blake(
    concat(
      words(p, length, m, t, version, typeId, password.length),
      password,
      words(salt.length),
      salt,
      words(0, associatedData.length),
      associatedData,
    ),
  );
  const laneBlocks = slices * Math.floor(m / (slices * p));
  const memory = new Uint32Array(p * laneBlocks * blockWords);
  for (let lane = 0; lane < p; lane++) {
    for (const column of [0, 1]) {
      const block = longHash(blake, concat(first, words(column, lane)));
      memory.set(new Uint32Array(block.buffer), (lane * laneBlocks + column) * blockWords);
    }
  }

  const filler = new Filler(memory, { m: p * laneBlocks, t, p, laneBlocks });
  for (let pass = 0; pass < t; pass++) {
    for (let slice = 0; slice < slices; slice++) {
      for (let lane = 0; lane < p; lane++) filler.fillSegment(pass, slice, lane);
    }
  }

  const last = memory.slice((laneBlocks - 1) * blockWords, laneBlocks * blockWords);
  for (let lane = 1; lane < p; lane++) {
    const offset = (lane * laneBlocks + laneBlocks - 1) * blockWords;
    for (let i = 0; i < blockWords; i++) last[i] = at(last, i) ^ at(memory, offset + i);
  }
  const shortHash = await createBLAKE2b(length * 8);
  const tag = shortHash
    .init()
    .update(concat(words(length), new Uint8Array(last.buffer)))
    .digest('binary');
  memory.fill(0);
  last.fill(0);
  return tag;
}

/** H' of §3.3 for 1024 bytes: halves of a chain of BLAKE2b-512, the last one whole. */
function longHash(blake: (bytes: Uint8Array) => Uint8Array, input: Uint8Array): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(1024);
  let link = blake(concat(words(1024), input));
  for (let offset = 0; offset < 1024 - 64; offset += 32) {
    output.set(link.subarray(0, 32), offset);
    link = blake(link);
  }
  output.set(link, 1024 - 64);
  return output;
}

interface Shape {
  /** Blocks in all. */
  readonly m: number;
  readonly t: number;
  readonly p: number;
  readonly laneBlocks: number;
}

class Filler {
  readonly #memory: Uint32Array;
  readonly #shape: Shape;
  readonly #mixed = new Uint32Array(blockWords);
  readonly #input = new Uint32Array(blockWords);
  readonly #addresses = new Uint32Array(blockWords);
  readonly #zero = new Uint32Array(blockWords);

  constructor(memory: Uint32Array, shape: Shape) {
    this.#memory = memory;
    this.#shape = shape;
  }

  /** §3.4: the first half of the first pass picks its references by counter, all else by the block before. */
  fillSegment(pass: number, slice: number, lane: number): void {
    const { laneBlocks } = this.#shape;
    const segmentBlocks = laneBlocks / slices;
    const byCounter = pass === 0 && slice < slices / 2;
    if (byCounter) this.#startAddresses(pass, slice, lane);
    for (let index = pass === 0 && slice === 0 ? 2 : 0; index < segmentBlocks; index++) {
      const column = slice * segmentBlocks + index;
      const before = (lane * laneBlocks + ((column + laneBlocks - 1) % laneBlocks)) * blockWords;
      if (byCounter && (index % addressesPerBlock === 0 || (index === 2 && slice === 0))) this.#nextAddresses();
      const source = byCounter ? this.#addresses : this.#memory;
      const from = byCounter ? 2 * (index % addressesPerBlock) : before;
      const reference = this.#reference(pass, slice, lane, index, at(source, from), at(source, from + 1));
      const target = (lane * laneBlocks + column) * blockWords;
      compress(this.#memory, before, this.#memory, reference * blockWords, this.#memory, target, this.#mixed, pass > 0);
    }
  }

  #startAddresses(pass: number, slice: number, lane: number): void {
    const { m, t } = this.#shape;
    this.#input.fill(0);
    [pass, lane, slice, m, t, typeId].forEach((value, i) => {
      this.#input[2 * i] = value;
    });
  }

  /** §3.4.1.2: two compressions of a counter. Index 0 of the very first segment is not filled, so its block is made at index 2. */
  #nextAddresses(): void {
    this.#input[12] = at(this.#input, 12) + 1;
    compress(this.#zero, 0, this.#input, 0, this.#addresses, 0, this.#mixed, false);
    compress(this.#zero, 0, this.#addresses, 0, this.#addresses, 0, this.#mixed, false);
  }

  /** §3.4.2: which block to mix in, from the two halves of the pseudo-random word. */
  #reference(pass: number, slice: number, lane: number, index: number, low: number, high: number): number {
    const { p, laneBlocks } = this.#shape;
    const segmentBlocks = laneBlocks / slices;
    const referenceLane = pass === 0 && slice === 0 ? lane : high % p;
    const finished = pass === 0 ? slice * segmentBlocks : laneBlocks - segmentBlocks;
    const area = referenceLane === lane ? finished + index - 1 : finished - (index === 0 ? 1 : 0);
    const distance = area - 1 - highProduct(area, highProduct(low, low));
    const start = pass === 0 ? 0 : ((slice + 1) % slices) * segmentBlocks;
    return referenceLane * laneBlocks + ((start + distance) % laneBlocks);
  }
}

/** G of §3.5: target = P(P(X ⊕ Y)) ⊕ X ⊕ Y, and ⊕ the old target after the first pass. */
function compress(
  x: Uint32Array,
  xAt: number,
  y: Uint32Array,
  yAt: number,
  target: Uint32Array,
  targetAt: number,
  mixed: Uint32Array,
  keepOld: boolean,
): void {
  for (let i = 0; i < blockWords; i++) {
    const word = at(x, xAt + i) ^ at(y, yAt + i);
    mixed[i] = word;
    target[targetAt + i] = keepOld ? at(target, targetAt + i) ^ word : word;
  }
  for (let row = 0; row < 8; row++) permute(mixed, row * 32, 4);
  for (let column = 0; column < 8; column++) permute(mixed, column * 4, 32);
  for (let i = 0; i < blockWords; i++) target[targetAt + i] = at(target, targetAt + i) ^ at(mixed, i);
}

/** P of §3.6 over eight 16-byte registers that begin `stride` words apart. */
function permute(v: Uint32Array, start: number, stride: number): void {
  const w = (n: number) => start + (n >> 1) * stride + (n & 1) * 2;
  for (let i = 0; i < 4; i++) quarter(v, w(i), w(4 + i), w(8 + i), w(12 + i));
  for (let i = 0; i < 4; i++) quarter(v, w(i), w(4 + ((i + 1) & 3)), w(8 + ((i + 2) & 3)), w(12 + ((i + 3) & 3)));
}

/** GB of §3.6: BLAKE2b's quarter round with a multiplication. Rotations by 32, 24, 16 and 63. */
function quarter(v: Uint32Array, a: number, b: number, c: number, d: number): void {
  multiplyAdd(v, a, b);
  rotateXor32(v, d, a);
  multiplyAdd(v, c, d);
  rotateXor(v, b, c, 24);
  multiplyAdd(v, a, b);
  rotateXor(v, d, a, 16);
  multiplyAdd(v, c, d);
  rotateXor63(v, b, c);
}

/** a = a + b + 2·lo(a)·lo(b), modulo 2^64. */
function multiplyAdd(v: Uint32Array, a: number, b: number): void {
  const aLow = at(v, a);
  const bLow = at(v, b);
  const productLow = Math.imul(aLow, bLow) >>> 0;
  const productHigh = highProduct(aLow, bLow);
  const sum = aLow + bLow + ((productLow << 1) >>> 0);
  v[a + 1] = at(v, a + 1) + at(v, b + 1) + ((productHigh << 1) | (productLow >>> 31)) + Math.floor(sum / 0x1_0000_0000);
  v[a] = sum;
}

function rotateXor32(v: Uint32Array, target: number, other: number): void {
  const low = at(v, target) ^ at(v, other);
  v[target] = at(v, target + 1) ^ at(v, other + 1);
  v[target + 1] = low;
}

/** To the right by fewer than 32 bits. */
function rotateXor(v: Uint32Array, target: number, other: number, bits: number): void {
  const low = at(v, target) ^ at(v, other);
  const high = at(v, target + 1) ^ at(v, other + 1);
  v[target] = (low >>> bits) | (high << (32 - bits));
  v[target + 1] = (high >>> bits) | (low << (32 - bits));
}

function rotateXor63(v: Uint32Array, target: number, other: number): void {
  const low = at(v, target) ^ at(v, other);
  const high = at(v, target + 1) ^ at(v, other + 1);
  v[target] = (low << 1) | (high >>> 31);
  v[target + 1] = (high << 1) | (low >>> 31);
}

/** The upper 32 bits of a product of two unsigned 32-bit numbers. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((Math.imul(aLow, bLow) >>> 16) >>> 0);
  const other = aLow * bHigh + (middle % 0x1_0000);
  return aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(other / 0x1_0000);
}

/** Every index here is inside its array; the compiler cannot know. */
function at(array: Uint32Array, index: number): number {
  return array[index] as number;
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  return bytes;
}
