// What a TypeScript source imports, found without a compiler: comments and the insides of literals are blanked first, so that
// only real statements are seen. Enough for the project's own formatted sources; it is no general parser.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';

export interface Import {
  /** As written: './x.ts', 'node:fs', 'argon2'. */
  readonly specifier: string;
  /** `url` is `new URL('./x.ts', import.meta.url)`: the entry of a worker or a child process. */
  readonly kind: 'static' | 'dynamic' | 'url';
}

/**
 * Blanks comments, and what stands inside strings that no import statement could own (templates, regular expressions). Plain
 * strings stay, since specifiers are strings; their quotes are replaced when they hold something that looks like an import.
 */
function withoutComments(source: string): string {
  let out = '';
  let at = 0;
  /** The last character that is not blank: tells a regular expression from a division. */
  let last = '';
  const blank = (text: string) => text.replace(/[^\n]/g, ' ');
  while (at < source.length) {
    const char = source[at] ?? '';
    const next = source[at + 1];
    if (char === '/' && (next === '/' || next === '*')) {
      const close = next === '/' ? source.indexOf('\n', at) : source.indexOf('*/', at + 2) + 2;
      const end = close < at ? source.length : close;
      out += blank(source.slice(at, end));
      at = end;
      continue;
    }
    if (char === "'" || char === '"' || char === '`' || (char === '/' && startsRegExp(last, out))) {
      const end = endOfLiteral(source, at);
      const text = source.slice(at, end);
      const isString = char === "'" || char === '"';
      out += isString && !/\b(import|from)\b/.test(text) ? text : char + blank(text.slice(1, -1)) + char;
      last = char;
      at = end;
      continue;
    }
    out += char;
    if (!/\s/.test(char)) last = char;
    at += 1;
  }
  return out;
}

function startsRegExp(last: string, before: string): boolean {
  return last === '' || '(,=:[!&|?{};+-*%~^<>'.includes(last) || /\b(return|typeof|case|in|of)\s*$/.test(before);
}

/** Index just behind a string, template or regular expression that begins at `start`. Templates may nest. */
function endOfLiteral(source: string, start: number): number {
  const quote = source[start];
  let inClass = false;
  for (let at = start + 1; at < source.length; at += 1) {
    const char = source[at];
    if (char === '\\') at += 1;
    else if (quote === '/' && char === '[') inClass = true;
    else if (quote === '/' && char === ']') inClass = false;
    else if (quote === '`' && char === '$' && source[at + 1] === '{') at = endOfSubstitution(source, at + 2) - 1;
    else if (char === quote && !inClass) return at + 1;
    else if (char === '\n' && quote !== '`') return at; // not a literal after all
  }
  return source.length;
}

function endOfSubstitution(source: string, start: number): number {
  let depth = 1;
  for (let at = start; at < source.length; at += 1) {
    const char = source[at] ?? '';
    if ('\'"`'.includes(char)) at = endOfLiteral(source, at) - 1;
    else if (char === '{') depth += 1;
    else if (char === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return source.length;
}

const statements: readonly (readonly [Import['kind'], RegExp])[] = [
  ['static', /(?:^|[;}\s])(?:import|export)\s(?:[\w$*{}\s,]*?\sfrom\s|[\w$*{}\s,]*?\}\s*from\s*)?['"]([^'"\n]+)['"]/g],
  ['static', /(?:^|[;}\s])import['"]([^'"\n]+)['"]/g],
  ['dynamic', /\bimport\s*\(\s*['"]([^'"\n]+)['"]/g],
  ['dynamic', /\brequire\s*\(\s*['"]([^'"\n]+)['"]/g],
  ['url', /\bnew\s+URL\s*\(\s*['"]([^'"\n]+)['"]\s*,\s*import\.meta\.url/g],
];

/** Everything a source names, type imports included. */
export function importsOf(source: string): readonly Import[] {
  const code = withoutComments(source);
  return statements.flatMap(([kind, pattern]) =>
    [...code.matchAll(pattern)].map(found => ({ specifier: found[1] ?? '', kind })),
  );
}

/** What is left of them at run time: `import type` is gone. */
export function valueImportsOf(source: string): readonly Import[] {
  return importsOf(stripTypeScriptTypes(source));
}

/** Paths of all TypeScript sources under a folder, relative to `base`, with forward slashes; [] when there is no such folder. */
export function sourcesUnder(base: string, folder: string): readonly string[] {
  const from = join(base, folder);
  if (!existsSync(from)) return [];
  return readdirSync(from, { recursive: true, encoding: 'utf8' })
    .filter(name => /(?<!\.d)\.ts$/.test(name))
    .map(name => relative(base, join(from, name)).split(sep).join('/'));
}

/** The packages and built-ins that run when `entry` does: every value import followed, through workers and child entries too. */
export function reachablePackages(base: string, entry: string): ReadonlySet<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const queue = [join(base, entry)];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file) || !existsSync(file)) continue;
    seen.add(file);
    for (const { specifier } of valueImportsOf(readFileSync(file, 'utf8'))) {
      if (!specifier.startsWith('.')) packages.add(packageOf(specifier));
      else if (specifier.endsWith('.ts')) queue.push(resolve(dirname(file), specifier));
    }
  }
  return packages;
}

export function packageOf(specifier: string): string {
  const depth = specifier.startsWith('@') ? 2 : 1;
  return specifier.split('/').slice(0, depth).join('/');
}
