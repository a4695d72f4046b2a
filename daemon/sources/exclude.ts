// What a person leaves out, in the language of gitignore (npm `ignore`, which follows git's own matcher). Paths are bytes: what is not
// UTF-8 gets one stand-in character for each stray byte, so that `*` and `?` match it. As with git's `core.ignorecase`, case counts only
// where the system tells names by it.

import ignore from 'ignore';
import type { EntryKind } from '../archive/model.ts';
import { fromUtf8 } from '../base/bytes.ts';

export interface Exclusion {
  excludes(path: Uint8Array, kind: EntryKind): boolean;
}

/** The library remembers each path it was asked about; it is begun anew before that becomes much. */
const pathsRemembered = 10_000;

export function excludeBy(patterns: readonly string[], platform: NodeJS.Platform): Exclusion {
  const ignoreCase = platform === 'win32' || platform === 'darwin';
  const begin = () => ignore({ ignoreCase, allowRelativePaths: true }).add(patterns.map(pattern => ({ pattern })));
  let rules = begin();
  let asked = 0;
  return {
    excludes(path, kind) {
      if (asked === pathsRemembered) {
        rules = begin();
        asked = 0;
      }
      asked += 1;
      const text = textOf(path);
      // What SQLite keeps beside a database holds the same messages: it goes and stays with it.
      const owner = kind === 'file' ? text.replace(/-(?:wal|journal)$/, '') : text;
      return rules.ignores(kind === 'dir' ? `${text}/` : text) || (owner !== text && rules.ignores(owner));
    },
  };
}

function textOf(path: Uint8Array): string {
  const text = fromUtf8(path);
  if (text !== undefined) return text;
  let shown = '';
  for (let at = 0; at < path.length; ) {
    const [character, length] = characterAt(path, at);
    shown += character;
    at += length;
  }
  return shown;
}

function characterAt(path: Uint8Array, at: number): readonly [string, number] {
  for (const length of [1, 2, 3, 4]) {
    if (at + length > path.length) break;
    const character = fromUtf8(path.subarray(at, at + length));
    if (character !== undefined) return [character, length];
  }
  // A lone low surrogate: no text holds it, and it is none of what patterns are written with.
  return [String.fromCharCode(0xdc00 + (path[at] ?? 0)), 1];
}
