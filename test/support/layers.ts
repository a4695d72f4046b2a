// The floors and doors of docs/architecture.md as a function: a table of sources in, a list of broken rules out.

import { dirname, join } from 'node:path/posix';
import { importsOf, packageOf } from './imports.ts';

const floors: Readonly<Record<string, number>> = {
  base: 0,
  kernel: 0,
  remotes: 1,
  capture: 1,
  platform: 1,
  state: 1,
  repository: 2,
  archive: 3,
  heads: 3,
  conversations: 3,
  vault: 4,
  sources: 4,
  jobs: 5,
  endpoint: 6,
  handlers: 6,
  main: 6,
  engine: 6,
};

/** Pairs on one floor where the first may use the second. */
const beside = new Set(['kernel → base', 'main → endpoint', 'main → handlers', 'handlers → endpoint']);

/** Units with another door than the file named after them, or with several. */
const doors: Readonly<Record<string, readonly string[]>> = {
  remotes: ['remote.ts', 'spec.ts', 'connection.ts'],
  archive: ['archive.ts', 'restore.ts', 'into-place.ts', 'browse.ts', 'compare.ts'],
};
/** Entry files: they construct the adapters and wire the units together. */
const entries = new Set(['main', 'engine']);
/** Units that are a set of small tools rather than one door. */
const withoutDoor = new Set(['base', 'kernel']);

/** Protocol files anyone may use; the others only those who speak the protocol. */
const commonProtocol = new Set([
  'errors.ts',
  'words.ts',
  'error-words.ts',
  'notice-words.ts',
  'sign-in-words.ts',
  'formats.ts',
  'status.ts',
  'version.ts',
  'home.ts',
  'runtime.ts',
]);
const speakers = new Set(['endpoint', 'cli', 'extension', 'protocol']);

/** Packages that only some may know, by unit or by exact file. */
const reservedPackages: Readonly<Record<string, readonly string[]>> = {
  'node-ipc': ['endpoint', 'protocol/socket.ts'],
  vscode: ['extension'],
  'vscode-languageclient': ['extension'],
};

/** `daemon/vault/kdf.ts` is of unit vault, `protocol/x.ts` of protocol; what lies in daemon/ itself puts the rest together: main, and beside it handlers. */
function unitOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  if (top !== 'daemon') return top;
  if (second === 'handlers.ts') return 'handlers';
  return second.endsWith('.ts') ? 'main' : second;
}

export interface Violation {
  readonly file: string;
  readonly imports: string;
  readonly rule: string;
}

/** Checks sources given as path → text; paths are relative to the project, with forward slashes. */
export function violations(sources: ReadonlyMap<string, string>): readonly Violation[] {
  const found: Violation[] = [];
  for (const [file, text] of sources) {
    for (const { specifier, kind } of importsOf(text)) {
      // Entries of workers and child processes run elsewhere: naming one imports nothing.
      if (kind === 'url') continue;
      const rule = specifier.startsWith('.')
        ? fileRule(file, join(dirname(file), specifier))
        : packageRule(file, packageOf(specifier));
      if (rule !== undefined) found.push({ file, imports: specifier, rule });
    }
  }
  return found;
}

function packageRule(file: string, name: string): string | undefined {
  const allowed = reservedPackages[name];
  if (allowed === undefined || allowed.includes(unitOf(file)) || allowed.includes(file)) return undefined;
  return `only ${allowed.join(' and ')} know ${name}`;
}

function fileRule(file: string, target: string): string | undefined {
  const from = unitOf(file);
  const to = unitOf(target);
  if (from === to) return undefined;
  if (to === 'protocol') {
    const name = target.slice('protocol/'.length);
    return commonProtocol.has(name) || speakers.has(from)
      ? undefined
      : `only endpoint, cli and extension speak ${target}`;
  }
  if (from === 'protocol') return 'the protocol is a leaf: it imports nothing of the daemon or its peers';
  if (from === 'cli' || from === 'extension') return `${from} is a peer: it knows only the protocol`;
  if (to === 'cli' || to === 'extension') return `nothing but its own files imports ${to}`;
  const fromFloor = floors[from];
  const toFloor = floors[to];
  if (fromFloor === undefined) return `${from} has no floor in docs/architecture.md`;
  if (toFloor === undefined) return `${to} has no floor in docs/architecture.md`;
  if (toFloor > fromFloor) return `imports go down: ${from} is on floor ${fromFloor}, ${to} on floor ${toFloor}`;
  if (toFloor === fromFloor && !beside.has(`${from} → ${to}`)) return `${from} and ${to} share floor ${fromFloor}`;
  return doorRule(from, to, target);
}

function doorRule(from: string, to: string, target: string): string | undefined {
  if (withoutDoor.has(to)) return undefined;
  const name = target.split('/').slice(2).join('/');
  const through = doors[to] ?? [`${to}.ts`];
  if (name === 'model.ts' || through.includes(name) || entries.has(from)) return undefined;
  return `${to} is entered by its door, ${through.join(', ')} or model.ts`;
}
