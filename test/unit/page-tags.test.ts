// Tags of a database's pages.

import test from 'ava';
import { toHex } from '../../daemon/base/bytes.ts';
import { tagPages } from '../../daemon/kernel/page-tags.ts';

const key = Uint8Array.from({ length: 16 }, (_, i) => 0x85 ^ (i * 37));

test('each page has a tag of its own, which one bit changes', t => {
  const pages = Uint8Array.from({ length: 3 * 512 }, (_, i) => (i * 31) & 0xff);
  const tags = new Uint8Array(3 * 16);
  tagPages(key, pages, 512, tags);
  const flipped = pages.slice();
  flipped[700] = (flipped[700] ?? 0) ^ 1;
  const after = new Uint8Array(3 * 16);
  tagPages(key, flipped, 512, after);
  const same = [0, 1, 2].map(
    page => toHex(tags.subarray(page * 16, page * 16 + 16)) === toHex(after.subarray(page * 16, page * 16 + 16)),
  );
  t.deepEqual(same, [true, false, true]);
});

test('a tag is the polynomial of the page at the clamped key, by plain arithmetic', t => {
  const page = Uint8Array.from({ length: 512 }, (_, i) => (i * i) & 0xff);
  const tags = new Uint8Array(16);
  tagPages(key, page, 512, tags);
  const number = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const r = number(key) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < 512; at += 16)
    sum = ((sum + number(page.subarray(at, at + 16)) + (1n << 128n)) * r) % ((1n << 130n) - 5n);
  t.is(number(tags), sum & ((1n << 128n) - 1n));
});
