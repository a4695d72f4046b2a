// A second stock restic, of a later Debian suite, beside the one of this system: fetched by apt from the mirror that the system uses,
// its signature checked with Debian's own keyring, and unpacked into node_modules/.cache. It is never installed, and nothing of the
// system's apt changes: lists, status and package lie in a temporary folder.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const suite = 'trixie';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const aptGet = '/usr/bin/apt-get';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const unpacked = join(root, 'node_modules', '.cache', 'signet', `restic-${suite}`);

/** Where it is once it was fetched. */
export const newerResticProgram = join(unpacked, 'usr', 'bin', 'restic');

export interface StockRestic {
  readonly program: string;
  /** '0.14.0' */
  readonly version: string;
}

/** Undefined when the program is not there, or is none. */
export function resticAt(program: string): StockRestic | undefined {
  const ran = spawnSync(program, ['version'], { encoding: 'utf8' });
  const version = /^restic (\d+\.\d+\.\d+)/.exec(ran.stdout ?? '')?.[1];
  return ran.status === 0 && version !== undefined ? { program, version } : undefined;
}

/** Whether this system is one that can fetch it: a Debian with apt, run by root as everything that scripts/test fetches. */
export function canFetchNewerRestic(): boolean {
  return process.getuid?.() === 0 && existsSync(aptGet) && existsSync(keyring) && codename() !== undefined;
}

/**
 * Fetches it unless it is there already.
 * @throws Error with apt's own complaint
 */
export function fetchNewerRestic(): StockRestic {
  const present = resticAt(newerResticProgram);
  if (present !== undefined) return present;
  const folder = mkdtempSync(join(tmpdir(), 'signet-restic-'));
  try {
    const apt = privateApt(folder);
    run(aptGet, [...apt, 'update'], folder);
    run(aptGet, [...apt, 'download', 'restic'], folder);
    const archive = readdirSync(folder).find(name => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download restic of ${suite} left no package`);
    mkdirSync(dirname(unpacked), { recursive: true });
    const fresh = mkdtempSync(`${unpacked}-`);
    run('/usr/bin/dpkg-deb', ['-x', join(folder, archive), fresh], folder);
    rmSync(unpacked, { recursive: true, force: true });
    renameSync(fresh, unpacked);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const fetched = resticAt(newerResticProgram);
  if (fetched === undefined) throw new Error(`restic of ${suite} does not run on this system`);
  return fetched;
}

/** Options that give apt one source, the later suite, and a world of its own to remember it in. */
function privateApt(folder: string): readonly string[] {
  const [state, cache, sources] = ['state', 'cache', 'sources'].map(name => join(folder, name));
  for (const each of [join(state ?? '', 'lists', 'partial'), join(cache ?? '', 'archives', 'partial'), sources ?? '']) {
    mkdirSync(each, { recursive: true });
  }
  const status = join(state ?? '', 'status');
  writeFileSync(status, '');
  const source = ['Types: deb', `URIs: ${mirror()}`, `Suites: ${suite}`, 'Components: main', `Signed-By: ${keyring}`];
  writeFileSync(join(sources ?? '', 'later.sources'), `${source.join('\n')}\n`);
  const options = {
    'Dir::State': state,
    'Dir::State::status': status,
    'Dir::Cache': cache,
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': sources,
  };
  return ['-qq', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
}

/** The mirror that this system takes its own suite from: it has the later ones, too. */
function mirror(): string {
  const format = '$(RELEASE) $(COMPONENT) $(REPO_URI)';
  const targets = run(aptGet, ['indextargets', '--no-release-info', '--format', format, 'Identifier: Packages'], '/');
  const own = targets
    .split('\n')
    .find(line => line.startsWith(`${codename()} main `) || line.startsWith('stable main '));
  if (own === undefined) throw new Error('apt has no source of the main component of Debian');
  return own.slice(own.lastIndexOf(' ') + 1);
}

/** Of this Debian; undefined elsewhere. */
function codename(): string | undefined {
  if (!existsSync('/etc/os-release')) return undefined;
  const text = readFileSync('/etc/os-release', 'utf8');
  return /^ID=debian$/m.test(text) ? /^VERSION_CODENAME=([a-z]+)$/m.exec(text)?.[1] : undefined;
}

function run(program: string, args: readonly string[], cwd: string): string {
  const ran = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  if (ran.status !== 0) throw new Error(`${program} ${args.at(-1)} ended with ${ran.status}: ${ran.stderr?.trim()}`);
  return ran.stdout;
}
