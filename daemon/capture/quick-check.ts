// Asks SQLite whether a staged image, or a restored database, is whole.

import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { fromUtf8 } from '../base/bytes.ts';

/** Findings after which SQLite stops looking. */
const mostFindings = 20;
const sqliteError = 1;

/**
 * @returns 'unknown' when the check cannot run here because the app brings its own functions, collations or tokenizers
 */
export function checkImage(
  path: Uint8Array,
  pragma: 'quick_check' | 'integrity_check' = 'quick_check',
): 'ok' | 'damaged' | 'unknown' {
  try {
    const image = new DatabaseSync(imageUrl(path), { readOnly: true, allowExtension: false });
    try {
      image.exec('PRAGMA trusted_schema=OFF');
      return verdict(
        image
          .prepare(`PRAGMA ${pragma}(${mostFindings})`)
          .all()
          .map(row => String(row[pragma])),
      );
    } finally {
      image.close();
    }
  } catch (error) {
    if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) throw error;
    return (error.errcode & 0xff) === sqliteError ? 'unknown' : 'damaged';
  }
}

/** immutable: no side files, and a header that says "log" with no log beside it is no obstacle. */
export function imageUrl(path: Uint8Array): URL {
  const url = fileUrl(path);
  url.searchParams.set('immutable', '1');
  return url;
}

/** Names need not be UTF-8, and a URL can spell any byte. */
function fileUrl(path: Uint8Array): URL {
  const text = fromUtf8(path);
  if (text !== undefined) return pathToFileURL(text);
  const spelt = Array.from(path, byte => (byte === 0x2f ? '/' : `%${byte.toString(16).padStart(2, '0')}`));
  return new URL(`file://${spelt.join('')}`);
}

function verdict(lines: readonly string[]): 'ok' | 'damaged' {
  // Said of a full-text index whose tokenizer only the app has, or that keeps no text to compare with; all else was looked at.
  const findings = lines.filter(line => line !== 'ok' && !line.startsWith('unable to validate the inverted index'));
  return findings.length === 0 && lines.length < mostFindings ? 'ok' : 'damaged';
}
