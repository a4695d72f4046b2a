// What the project promised about its own shape: the packages it is built on, and what lies at its top.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { suites } from '../scripts/lib/suites.ts';
import { reachablePackages, sourcesUnder } from './support/imports.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

/** The issue that this version of the project answers. */
const currentIssue = 6;

/** The packages the project is built on, and the issue from which on each is used. */
const namedPackages = [
  { name: 'node-ipc', issue: 2 },
  { name: 'chokidar', issue: 2 },
  { name: 'argon2', issue: 2 },
  { name: 'vscode-languageclient', issue: 2 },
  { name: 'keytar', issue: 3 },
  { name: '@googleapis/drive', issue: 4 },
] as const;

test('package.json depends on the named packages, and tests run on ava', t => {
  for (const { name } of namedPackages) t.true(name in manifest.dependencies, name);
  t.true('ava' in manifest.devDependencies);
});

test('each named package runs from its issue on: main imports it, directly or by a worker or child it starts', t => {
  const entries = ['daemon/main.ts', 'extension/main.ts'];
  const used = new Set(entries.flatMap(entry => [...reachablePackages(root, entry)]));
  for (const { name, issue } of namedPackages) if (issue <= currentIssue) t.true(used.has(name), name);
});

test('every version is exact', t => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  for (const [name, version] of Object.entries(all)) t.regex(version, /^(npm:@?[^@]+@)?\d+\.\d+\.\d+$/, name);
});

test('the top level of the repository is the agreed one', t => {
  const agreed = [
    ...['package.json', 'package-lock.json', 'tsconfig.json', 'biome.json', '.gitignore'],
    ...['daemon', 'extension', 'protocol', 'test', 'scripts', 'docs', '.ci', '.github', '.vscode'],
    ...['README.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md'],
  ];
  const notOurs = new Set(['.git', 'node_modules', 'dist']);
  const found = readdirSync(root).filter(name => !notOurs.has(name) && !/\.(log|vsix)$/.test(name));
  t.deepEqual(found.sort(), agreed.sort());
});

test('node-ipc is the one version that was read, and nothing else', t => {
  t.is(manifest.dependencies['node-ipc'], '14.0.0');
  t.deepEqual(installed('node-ipc'), ['14.0.0']);
});

test('exactly one vscode-jsonrpc is installed, so that both ends share their types', t => {
  t.is(installed('vscode-jsonrpc').length, 1);
});

test('keytar is the package with prebuilt binaries inside', t => {
  t.is(manifest.dependencies['keytar'], 'npm:@github/keytar@7.10.6');
});

test('the lockfile carries the optional packages of every platform', t => {
  interface Entry {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Entry>;
  };
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      name => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );
  t.deepEqual(missing, [], '`npm ci` fails on a platform whose packages are not locked');
});

test('every test file belongs to exactly one suite of scripts/test', t => {
  const patterns = suites.flatMap(suite => ('tests' in suite.run ? suite.run.tests : []));
  for (const file of sourcesUnder(root, 'test').filter(name => name.endsWith('.test.ts'))) {
    const owners = patterns.filter(pattern => fits(file, pattern));
    t.is(owners.length, 1, `${file}: ${owners.join(' ')}`);
  }
});

test('the budgets of all suites together add up to half an hour at most', t => {
  const seconds = suites.reduce((sum, suite) => sum + suite.budgetSeconds, 0);
  t.true(seconds <= 30 * 60, `${seconds} s`);
});

/** Versions of a package in node_modules, at any depth. */
function installed(name: string, folder = join(root, 'node_modules')): readonly string[] {
  if (!existsSync(folder)) return [];
  const versions: string[] = [];
  const own = join(folder, name, 'package.json');
  if (existsSync(own)) versions.push((JSON.parse(readFileSync(own, 'utf8')) as { version: string }).version);
  for (const entry of readdirSync(folder)) {
    const members = entry.startsWith('@')
      ? readdirSync(join(folder, entry)).map(member => join(entry, member))
      : [entry];
    for (const member of members) versions.push(...installed(name, join(folder, member, 'node_modules')));
  }
  return versions;
}

/** `**` and `*` as ava reads them. */
function fits(path: string, pattern: string): boolean {
  const source = pattern.replace(/[.]/g, '\\.').replace(/\*\*\/|\*/g, part => (part === '*' ? '[^/]*' : '(?:.*/)?'));
  return new RegExp(`^${source}$`).test(path);
}
