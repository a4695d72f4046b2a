// Where one installation of Signet lives on this machine, and where its daemon listens. Both sides compute the same answers from the
// same surroundings, so nothing has to be handed over. With SIGNET_HOME everything is below that folder; else the platform's own
// folders are used. Nothing here creates or changes a file.

import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import envPaths from 'env-paths';

/** Folders of one installation; each 0700. With SIGNET_HOME all are below it. */
export interface Home {
  readonly config: string;
  readonly state: string;
  readonly cache: string;
  readonly runtime: string;
  readonly logs: string;
  /** state/outbox: sealed packs on their way. */
  readonly outbox: string;
  /** state/staging: plaintext images while they are captured; swept at start. */
  readonly staging: string;
}

/** What the answers depend on; every field has the running process as its default. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  readonly uid?: number | undefined;
  readonly temporary?: string;
  /** Whether a path is a folder of this user that nobody else may enter. */
  readonly isPrivate?: (path: string, uid: number | undefined) => boolean;
}

/** Where the daemon listens. `folder` is private to the user; on Windows there is none and the name lies in the pipe namespace. */
export interface Endpoint {
  readonly folder: string | null;
  /** `path` is `folder/<appspace><id>`. */
  readonly appspace: string;
  readonly id: string;
  readonly path: string;
}

/** Longest socket path we use, in bytes: sockaddr_un holds 104 on macOS and 108 on Linux, with a final NUL. */
export const maxSocketPathBytes = 100;

const appspace = 'signet.';
const id = 'sock';

export function resolveHome(surroundings: Surroundings = {}): Home {
  const { env, platform } = withDefaults(surroundings);
  const own = env['SIGNET_HOME'];
  if (own !== undefined && own !== '') {
    const root = resolve(own);
    return below(join(root, 'config'), join(root, 'state'), join(root, 'cache'), join(root, 'run'), join(root, 'logs'));
  }
  const standard = envPaths('signet', { suffix: '' });
  // On Linux env-paths calls XDG_STATE_HOME "log"; elsewhere state belongs beside the program's data.
  const state = platform === 'linux' ? standard.log : standard.data;
  const logs = platform === 'linux' ? join(standard.log, 'logs') : standard.log;
  const session = sessionFolder(surroundings);
  return below(
    standard.config,
    state,
    standard.cache,
    session === undefined ? join(state, 'run') : join(session, 'signet'),
    logs,
  );
}

/**
 * Where the daemon of this home listens. A path over 100 bytes moves to `<runtime or temp>/signet-<uid>/<12 hex of SHA-256 of home>/`;
 * whoever uses it checks owner and type first (see socket.ts), since the temporary folder belongs to everyone.
 */
export function endpointOf(home: Home, surroundings: Surroundings = {}): Endpoint {
  const { platform, uid, temporary } = withDefaults(surroundings);
  // The state folder names the home: unlike the runtime folder it does not depend on the kind of login.
  const digest = createHash('sha256').update(home.state).digest('hex');
  if (platform === 'win32') {
    const name = `${digest.slice(0, 32)}`;
    return { folder: null, appspace, id: name, path: `/${appspace}${name}` };
  }
  const usual = home.runtime;
  if (fits(usual)) return inFolder(usual);
  const bases = [sessionFolder(surroundings), temporary, '/tmp'].filter(base => base !== undefined);
  const folders = bases.map(base => join(base, `signet-${uid ?? 'user'}`, digest.slice(0, 12)));
  return inFolder(folders.find(fits) ?? usual);
}

/** The 0600 secret that both ends of a connection prove to know. */
export function tokenFile(home: Home): string {
  return join(home.config, 'token');
}

function below(config: string, state: string, cache: string, runtime: string, logs: string): Home {
  return { config, state, cache, runtime, logs, outbox: join(state, 'outbox'), staging: join(state, 'staging') };
}

function inFolder(folder: string): Endpoint {
  return { folder, appspace, id, path: join(folder, appspace + id) };
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, appspace + id)) <= maxSocketPathBytes;
}

/** The user's runtime folder, gone at logout. Without the variable (cron, sudo) the usual place is taken when it is really ours. */
function sessionFolder(surroundings: Surroundings): string | undefined {
  const { env, platform, uid, isPrivate } = withDefaults(surroundings);
  if (platform !== 'linux') return undefined;
  const named = env['XDG_RUNTIME_DIR'];
  if (named?.startsWith('/')) return resolve(named);
  const usual = `/run/user/${uid}`;
  return uid !== undefined && isPrivate(usual, uid) ? usual : undefined;
}

function withDefaults(surroundings: Surroundings) {
  return {
    env: surroundings.env ?? process.env,
    platform: surroundings.platform ?? process.platform,
    uid: 'uid' in surroundings ? surroundings.uid : process.getuid?.(),
    temporary: surroundings.temporary ?? tmpdir(),
    isPrivate: surroundings.isPrivate ?? isPrivateFolder,
  };
}

/** A real folder (no link) of this user with no rights for others. On Windows, where rights are not modes, only the kind is checked. */
export function isPrivateFolder(path: string, uid: number | undefined): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isDirectory()) return false;
  return uid === undefined || (found.uid === uid && (found.mode & 0o077) === 0);
}
