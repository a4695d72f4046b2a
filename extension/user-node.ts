// Which Node the background part is started with: the one named in the settings, else the newest fitting one of the person's own, else the
// editor's. Looked for only when something is to be started, and asked for its version without holding the window up.

import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { PeerError } from '../protocol/errors.ts';
import { isNewEnough, oldestNode, ownRuntime, type Runtime } from '../protocol/launch.ts';
import { daemonFlags } from '../protocol/runtime.ts';

export interface NodeSurroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's own folder. */
  readonly home: string;
  /** Entries of a folder; none where it cannot be read. */
  readonly entriesOf: (folder: string) => Promise<readonly string[]>;
}

/** What one program said of itself: `v24.21.0`; undefined when it does not run. */
export type Probe = (program: string) => Promise<string | undefined>;

/** More are not asked: each costs some 40 ms. */
const mostProbes = 6;
const probeMs = 3000;

/**
 * Programs that may be a Node, best first: in the order of PATH, then where installers and version managers put them, the newest first. Those
 * whose folder tells that they are too old are left out; so are relative entries of PATH, which a folder that is opened could fill.
 */
export async function nodeCandidates(around: NodeSurroundings): Promise<readonly string[]> {
  const { platform, env, home } = around;
  const isWindows = platform === 'win32';
  const program = isWindows ? 'node.exe' : 'node';
  const path = env[Object.keys(env).find(name => name.toUpperCase() === 'PATH') ?? 'PATH'] ?? '';
  const inPath = path
    .split(isWindows ? ';' : ':')
    .filter(folder => isAbsolute(folder))
    .map(folder => join(folder, program));
  const data = env['XDG_DATA_HOME'] || join(home, '.local', 'share');
  const roots: readonly (readonly [folder: string, below: readonly string[]])[] = isWindows
    ? [
        [env['NVM_HOME'] ?? join(home, 'AppData', 'Roaming', 'nvm'), []],
        [join(env['APPDATA'] ?? join(home, 'AppData', 'Roaming'), 'fnm', 'node-versions'), ['installation']],
      ]
    : [
        [env['NVM_DIR'] ? join(env['NVM_DIR'], 'versions', 'node') : join(home, '.nvm', 'versions', 'node'), ['bin']],
        [join(data, 'fnm', 'node-versions'), ['installation', 'bin']],
        [join(data, 'mise', 'installs', 'node'), ['bin']],
        [join(env['ASDF_DATA_DIR'] || join(home, '.asdf'), 'installs', 'nodejs'), ['bin']],
        [join(home, '.volta', 'tools', 'image', 'node'), ['bin']],
      ];
  const managed: string[] = [];
  for (const [folder, below] of roots) {
    const versions = (await around.entriesOf(folder)).map(name => ({ name, version: `v${name.replace(/^v/, '')}` }));
    const fitting = versions.filter(({ version }) => isNewEnough(version)).sort((a, b) => newest(a.version, b.version));
    managed.push(...fitting.map(({ name }) => join(folder, name, ...below, program)));
  }
  const usual = isWindows
    ? [join(env['ProgramFiles'] ?? 'C:\\Program Files', 'nodejs', program)]
    : ['/opt/homebrew/bin/node', '/usr/local/bin/node', '/usr/bin/node', join(home, '.local', 'bin', 'node')];
  return [...new Set([...inPath, ...managed, ...usual])];
}

function newest(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true });
}

/**
 * @param named by the settings; it is that one or none
 * @param own what the editor itself runs on
 * @throws E_DAEMON_MISSING when nothing is new enough, with advice
 */
export async function chooseNode(options: {
  readonly named: string | undefined;
  readonly candidates: () => Promise<readonly string[]>;
  readonly probe: Probe;
  readonly own: { readonly version: string; readonly runtime: Runtime };
}): Promise<Runtime> {
  const { named, candidates, probe, own } = options;
  const chosen = (node: string): Runtime => ({ node, flags: daemonFlags, extraEnv: {} });
  if (named !== undefined) {
    const version = isAbsolute(named) ? await probe(named) : undefined;
    if (version !== undefined && isNewEnough(version)) return chosen(named);
    throw new PeerError('E_DAEMON_MISSING', `signet.nodePath names ${version ?? 'no Node'}, ${wanted} is needed`, {
      params: { advice: `name a Node ${wanted} in the setting signet.nodePath, or empty it` },
    });
  }
  for (const program of (await candidates()).slice(0, mostProbes)) {
    const version = await probe(program);
    if (version !== undefined && isNewEnough(version)) return chosen(program);
  }
  if (isNewEnough(own.version)) return own.runtime;
  throw new PeerError('E_DAEMON_MISSING', `the editor runs on Node ${own.version}, ${wanted} is needed`, {
    params: { advice: `install Node ${wanted} from nodejs.org, or name one in the setting signet.nodePath` },
  });
}

const wanted = `${oldestNode.join('.')} or newer`;

/** On this computer. */
export async function nodeForDaemon(named: string | undefined, home: string): Promise<Runtime> {
  const around = { platform: process.platform, env: process.env, home, entriesOf };
  return chooseNode({
    named,
    candidates: async () => existing(await nodeCandidates(around)),
    probe: versionOf,
    own: { version: process.version, runtime: ownRuntime() },
  });
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []); // that manager is not used here
}

async function existing(programs: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    programs.map(async program => {
      const isThere = await stat(program).then(
        entry => entry.isFile(),
        () => false, // nothing of that name
      );
      return isThere ? [program] : [];
    }),
  );
  return found.flat();
}

function versionOf(program: string): Promise<string | undefined> {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  return new Promise(done => {
    const options = { encoding: 'utf8', timeout: probeMs, windowsHide: true, env } as const;
    execFile(program, ['--version'], options, (error, stdout) => done(error === null ? stdout.trim() : undefined));
  });
}
