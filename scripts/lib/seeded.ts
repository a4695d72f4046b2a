// Chance that repeats: everything drawn from a seed is the same on every machine.

import { createCipheriv, createHash } from 'node:crypto';

export interface Seeded {
  /** From 0 up to, not including, `limit`. */
  below(limit: number): number;
  /** True in `share` of all cases. */
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Incompressible. */
  bytes(count: number): Buffer;
  hex(digits: number): string;
}

export function seeded(seed: string): Seeded {
  const key = createHash('sha256').update(`signet test data ${seed}`).digest();
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const blank = Buffer.alloc(64 * 1024);
  let pool = Buffer.alloc(0);
  let at = 0;

  function word(): number {
    if (at + 4 > pool.length) {
      pool = stream.update(blank);
      at = 0;
    }
    at += 4;
    return pool.readUInt32LE(at - 4);
  }

  return {
    below: limit => Math.floor((word() / 2 ** 32) * limit),
    chance: share => word() / 2 ** 32 < share,
    pick(items) {
      const item = items[Math.floor((word() / 2 ** 32) * items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    bytes: count => stream.update(Buffer.alloc(count)),
    hex: digits =>
      stream
        .update(Buffer.alloc(Math.ceil(digits / 2)))
        .toString('hex')
        .slice(0, digits)
        .toUpperCase(),
  };
}

/** Draws 0…count−1, the first far more often than the last (Zipf, exponent 1). */
export function zipf(random: Seeded, count: number): () => number {
  const sums: number[] = [];
  let total = 0;
  for (let i = 1; i <= count; i++) {
    total += 1 / i;
    sums.push(total);
  }
  return () => {
    const wanted = (random.below(2 ** 32) / 2 ** 32) * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
