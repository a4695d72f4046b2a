#!/usr/bin/env node
// An independent reader of docs/format.md "Delta log": merges a database's base and the log beside it, as a stock restic restores them, into
// one file. Plain JavaScript for any Node from 18 on, and on purpose nothing of Signet's own code. Both are read as wholes.
//
//     node merge-delta.mjs <base> <log> <merged> [<bytes of the log to take>]

import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * @param {Buffer} base
 * @param {Buffer} log may be empty: then the base is the database
 * @returns {Buffer} the database
 */
export function mergeDelta(base, log) {
  if (log.length === 0) return base;
  const { pageSize, sum } = readHeader(log);
  /** @type {Map<number, Buffer>} the last frame of each page */
  const pages = new Map();
  let pageCount = 0;
  for (let at = 32; at < log.length; at += 24 + pageSize) {
    const page = log.subarray(at + 24, at + 24 + pageSize);
    if (page.length < pageSize) throw new Error(`the log ends within the frame at byte ${at}`);
    if (!log.subarray(at + 8, at + 16).equals(log.subarray(16, 24))) throw new Error(`foreign salts at byte ${at}`);
    add(sum, log.subarray(at, at + 8));
    add(sum, page);
    if (!isSum(sum, log, at + 16)) throw new Error(`wrong checksum at byte ${at}`);
    pages.set(log.readUInt32BE(at), page);
    pageCount = log.readUInt32BE(at + 4);
  }
  if (pageCount === 0) throw new Error('the log does not end with a commit');
  const merged = Buffer.alloc(pageCount * pageSize);
  base.copy(merged);
  for (const [number, page] of pages) if (number <= pageCount) page.copy(merged, (number - 1) * pageSize);
  return merged;
}

/** @param {Buffer} log */
function readHeader(log) {
  if (log.length < 32) throw new Error('the log is shorter than its header');
  if (log.readUInt32BE(0) !== 0x377f0682 || log.readUInt32BE(4) !== 3007000) throw new Error('not a delta log');
  const pageSize = log.readUInt32BE(8);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) throw new Error('not a page size');
  const sum = { s0: 0, s1: 0 };
  add(sum, log.subarray(0, 24));
  if (!isSum(sum, log, 24)) throw new Error('wrong checksum of the header');
  return { pageSize, sum };
}

/**
 * @param {{s0: number, s1: number}} sum
 * @param {Buffer} bytes
 */
function add(sum, bytes) {
  for (let at = 0; at < bytes.length; at += 8) {
    sum.s0 = (sum.s0 + bytes.readUInt32LE(at) + sum.s1) >>> 0;
    sum.s1 = (sum.s1 + bytes.readUInt32LE(at + 4) + sum.s0) >>> 0;
  }
}

/**
 * @param {{s0: number, s1: number}} sum
 * @param {Buffer} log
 * @param {number} at
 */
function isSum(sum, log, at) {
  return log.readUInt32BE(at) === sum.s0 && log.readUInt32BE(at + 4) === sum.s1;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [base, log, merged, bytes] = process.argv.slice(2);
  if (base === undefined || log === undefined || merged === undefined) {
    process.stderr.write('usage: merge-delta.mjs <base> <log> <merged> [<bytes of the log to take>]\n');
    process.exit(2);
  }
  const whole = readFileSync(log);
  const taken = whole.subarray(0, bytes === undefined ? whole.length : Number(bytes));
  writeFileSync(merged, mergeDelta(readFileSync(base), taken), { flag: 'wx', mode: 0o600 });
}
