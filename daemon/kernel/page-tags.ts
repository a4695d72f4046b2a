// Keyed tags of a database's pages: which pages changed is told by comparing them with those of the last capture (docs/format.md "Page tags").
// Poly1305 (RFC 8439 §2.5) under one secret multiplier with nothing added at the end. All 16 bytes are kept: for pages of 4 KiB two
// different ones have the same tag with a probability of about 2^-95, for half of the bytes that would be 2^-31.

import { SignetError } from '../base/errors.ts';
import { poly1305 } from './poly1305.ts';

export const pageTagBytes = 16;
export const pageTagKeyBytes = 16;

/**
 * Writes the tag of each page.
 *
 * @param key 16 bytes, the multiplier; need not be clamped
 * @param pages whole pages
 * @param tags room for 16 bytes a page
 */
export function tagPages(key: Uint8Array, pages: Uint8Array, pageSize: number, tags: Uint8Array): void {
  if (key.length !== pageTagKeyBytes || pages.length % pageSize !== 0) {
    throw new SignetError('E_INTERNAL', `page tags: a key of ${key.length} bytes, ${pages.length} bytes of pages`);
  }
  const oneTimeKey = new Uint8Array(32);
  oneTimeKey.set(key);
  for (let at = 0; at < pages.length; at += pageSize) {
    tags.set(poly1305(oneTimeKey, [pages.subarray(at, at + pageSize)]), (at / pageSize) * pageTagBytes);
  }
  oneTimeKey.fill(0);
}
