// What `doctor` looks at: everything that backups depend on, one line each, with what to do about it. It looks and changes nothing, works
// before set-up and while locked, and one look that fails is a line, not the end of the others.

import { constants } from 'node:fs';
import { access, opendir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { wordsFor } from '../../protocol/error-words.ts';
import { count, counted, duration, size } from '../../protocol/formats.ts';
import { endpointOf, type Home, isPrivateFolder, maxSocketPathBytes } from '../../protocol/home.ts';
import type { DoctorCheck, PlaceStatus, Status } from '../../protocol/status.ts';
import { SignetError, systemCode, toSignetError } from '../base/errors.ts';
import type { WatchLimits } from '../platform/platform.ts';
import type { Settings, SourceSetting } from '../state/model.ts';
import { aroundFacts } from './around.ts';
import { folderOfRemote } from './places.ts';

const hourMs = 3_600_000;
/** More than time zones and a wrong summer time can explain (DESIGN D11). */
const clockToleranceMs = 48 * hourMs;
/** Sealed packs on their way and copies of databases lie there for a while. */
const leastFreeBytes = 512 << 20;
/** Above this share of the limit other programs of the user may leave too little. */
const watchShare = 0.8;
const mostFoldersCounted = 200_000;
/** Connections, databases, packs and the file that is read, with room to spare. */
const leastOpenFiles = 1024;
const leastInstances = 8;

export interface DoctorOptions {
  readonly home: Home;
  readonly platform: NodeJS.Platform;
  readonly now: number;
  readonly settingsFile: string;
  /** As the file is now. @throws E_SETTING */
  readonly settings: () => Promise<Settings | undefined>;
  readonly status: Status;
  /** The state after a look at the place of the copies. */
  readonly check: () => Promise<Status>;
  readonly runtime: () => Promise<readonly DoctorCheck[]>;
  /** Tried anew. */
  readonly keychain: () => Promise<{
    readonly isWanted: boolean;
    readonly kind: Status['keychain'];
    readonly backend: string | null;
  }>;
  readonly autostart: () => Promise<{ readonly manager: string; readonly isCurrent: boolean } | undefined>;
  readonly limits: () => Promise<WatchLimits | undefined>;
  readonly countFolders: (root: string, most: number) => Promise<number>;
  readonly freeBytes: (path: string) => Promise<number>;
  readonly fact: (name: string) => string | undefined;
  /** What is connected, as far as that is known here. */
  readonly places: readonly PlaceStatus[];
  /** SIGNET_GOOGLE_ROOT. */
  readonly googleRoot: string | undefined;
}

type Line = Omit<DoctorCheck, 'name'>;
type Look = readonly [name: string, look: () => Promise<Line>];

const good = (detail: string, advice?: string): Line => ({ ok: true, detail, ...(advice !== undefined && { advice }) });
const bad = (detail: string, advice: string): Line => ({ ok: false, detail, advice });

export async function examine(options: DoctorOptions): Promise<readonly DoctorCheck[]> {
  const runtime = await options.runtime();
  let settings: Settings | undefined;
  const file = await line('settings', async () => {
    settings = await options.settings();
    return good(settings === undefined ? `none yet: they would be in ${options.settingsFile}` : options.settingsFile);
  });
  const sources = settings?.sources ?? [];
  const remote = settings?.remote ?? null;
  const { status } = options;
  const looks: readonly Look[] = [
    ['keychain', () => keychain(options)],
    ['connection', async () => connection(options)],
    ['disk', () => disk(options)],
    ['lock', async () => lock(status)],
    ['start at login', () => autostart(options)],
    ['clock', () => clock(options, remote)],
    ['place of the copies', () => place(options, remote)],
    ...clouds(options),
    ...sources.map((source, at): Look => [`chats ${at + 1}`, () => readable(options, source)]),
    ...(sources.length === 0 ? [] : [['watching', () => watching(options, settings)] satisfies Look]),
    ...(settings === undefined ? [] : programs(options, settings)),
  ];
  const rest = await Promise.all(looks.map(([name, look]) => line(name, look)));
  return [...runtime, file, ...rest];
}

async function line(name: string, look: () => Promise<Line>): Promise<DoctorCheck> {
  try {
    return { name, ...(await look()) };
  } catch (thrown) {
    const { code, params } = toSignetError(thrown);
    if (thrown instanceof SignetError) {
      const { message, advice } = wordsFor({ code, params });
      return { name, ok: false, detail: message, advice };
    }
    return { name, ok: false, detail: `could not be looked at (${systemCode(thrown) ?? code})` };
  }
}

async function keychain({ keychain: look, platform }: DoctorOptions): Promise<Line> {
  const { isWanted, kind, backend } = await look();
  if (!isWanted) {
    return good(
      'not used, as you chose: the password is asked for at each start',
      '`signet settings set useKeychain on`',
    );
  }
  const by = backend === null ? '' : ` (${backend})`;
  const advice =
    platform === 'linux'
      ? 'for a password once in a login, install and unlock a keyring such as gnome-keyring'
      : 'see that the keychain of this account is unlocked';
  switch (kind) {
    case 'session':
      return good(`used${by}: the password is asked for once in each login`);
    case 'memory-only':
      return good(`cannot be used now${by}: the password is asked for at each start of Signet`, advice);
    case 'unavailable':
      return good('there is none: the password is asked for at each start of Signet', advice);
  }
}

/** Whoever asks has reached us, so we listen; what is left is whether the place stays ours alone. */
function connection({ home }: DoctorOptions): Line {
  const { folder, path } = endpointOf(home);
  if (folder === null) return good('a pipe of this user');
  const bytes = Buffer.byteLength(path);
  if (bytes > maxSocketPathBytes) {
    return bad(
      `the path of the socket has ${bytes} bytes, ${maxSocketPathBytes} are possible: ${path}`,
      'choose a shorter SIGNET_HOME',
    );
  }
  if (!isPrivateFolder(folder, process.getuid?.())) {
    return bad(`others may enter ${folder}`, 'make it private again: chmod 700, and see that it is yours and no link');
  }
  return good(`process ${process.pid} listens in a private folder`);
}

async function disk({ home, freeBytes }: DoctorOptions): Promise<Line> {
  const free = await freeBytes(home.state);
  if (!Number.isFinite(free)) return good('enough room');
  if (free < leastFreeBytes) {
    return bad(`${size(free)} are free for Signet's own files`, `free some space: ${size(leastFreeBytes)} are needed`);
  }
  return good(`${size(free)} are free`);
}

function lock({ vault }: Status): Line {
  if (vault === 'absent') return good('not set up yet', 'run `signet setup`');
  if (vault === 'locked') return good('locked: backups wait for the password', 'run `signet unlock`');
  return good('unlocked');
}

async function autostart({ autostart: find }: DoctorOptions): Promise<Line> {
  const found = await find();
  if (found === undefined)
    return good('no: backups begin when you start Signet', '`signet daemon install` changes that');
  if (!found.isCurrent) {
    return bad('another Signet than this one is started, or with other settings', 'run `signet daemon install` again');
  }
  return good(`yes, by ${found.manager}`);
}

/** A clock that is far ahead makes the newest backup look old, one far behind makes it lie in the future. */
async function clock({ now, status }: DoctorOptions, remote: string | null): Promise<Line> {
  const newest = status.lastBackup?.at ?? status.lastGoodAt;
  const told: readonly (readonly [string, number])[] = [
    ...(newest === null ? [] : [['the newest backup', Date.parse(newest)] as const]),
    ...(await placeTimes(remote)),
  ];
  const ahead = told.find(([, at]) => at > now + clockToleranceMs);
  if (ahead === undefined) return good('agrees with what is stored');
  const [what, at] = ahead;
  return bad(
    `${what} lies ${duration(at - now)} in the future, so this clock went back or that one is ahead`,
    'see that date and time are set by the network; backups go on meanwhile',
  );
}

async function placeTimes(remote: string | null): Promise<readonly (readonly [string, number])[]> {
  const folder = remote === null ? undefined : folderOfRemote(remote);
  if (folder === undefined) return [];
  const found = await stat(join(folder, 'snapshots')).catch(() => undefined); // its own line tells when it is away
  return found === undefined ? [] : [['the place of the copies', found.mtimeMs]];
}

async function place({ check, freeBytes }: DoctorOptions, remote: string | null): Promise<Line> {
  if (remote === null) return good('none chosen yet', 'run `signet setup`');
  const status = await check();
  const folder = folderOfRemote(remote);
  const label = status.remote?.label ?? 'the place';
  if (folder === undefined && status.remote?.reachable === null) {
    return good(
      `${label} was not asked: ${status.vault === 'locked' ? 'Signet is locked' : 'it needs a sign-in first'}`,
    );
  }
  if (status.remote?.reachable === false) {
    return bad(`${label} cannot be reached`, 'see that its disk or the network is connected');
  }
  if (folder === undefined) return good(`${label} answers`);
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = systemCode(error);
    const what =
      code === 'ENOENT' ? 'is not there' : code === 'EROFS' ? 'is read-only' : 'may not be written by Signet';
    return bad(`${label} ${what} (${code})`, 'connect its disk, or check the permissions of the folder');
  }
  const free = await freeBytes(folder);
  return good(`${label} can be read and written${Number.isFinite(free) ? `, ${size(free)} are free there` : ''}`);
}

/** One line for each cloud: whose account it is, and whether its owner has to do something. */
function clouds({ places, googleRoot }: DoctorOptions): readonly Look[] {
  const connected = places
    .filter(({ kind }) => kind !== 'folder')
    .map((place): Look => [`connection of ${place.remote}`, async () => cloud(place)]);
  if (googleRoot === undefined || googleRoot === '') return connected;
  const moved: Look = [
    'SIGNET_GOOGLE_ROOT',
    async () => good(`${googleRoot} answers in place of Google: for tests only`),
  ];
  return [...connected, moved];
}

function cloud({ account, signIn, remote, quota }: PlaceStatus): Line {
  const whose = account === undefined ? '' : ` as ${account}`;
  if (signIn !== undefined) {
    return bad(
      `the sign-in${whose} has ended, or what is kept of it cannot be read`,
      `run \`signet remote connect ${remote}\``,
    );
  }
  const free = quota === undefined || quota.limit === null ? undefined : Math.max(0, quota.limit - quota.used);
  return good(`connected${whose}${free === undefined ? '' : `, ${size(free)} were free when it was last asked`}`);
}

async function readable({ platform }: DoctorOptions, { label, root }: SourceSetting): Promise<Line> {
  try {
    if ((await stat(root)).isDirectory()) await (await opendir(root)).close();
    else await access(root, constants.R_OK);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return bad(`${label}: ${root} is not there`, 'connect its disk or move it back; what is backed up of it is kept');
    }
    const advice =
      platform === 'darwin'
        ? 'allow Full Disk Access for Signet in System Settings, under Privacy & Security'
        : 'give this user the right to read it';
    return bad(`${label}: ${root} may not be read (${code})`, advice);
  }
  return good(`${label} can be read`);
}

async function watching(options: DoctorOptions, settings: Settings | undefined): Promise<Line> {
  if (settings?.schedule.onChange === false) return good('not needed: backups on change are off');
  if (settings?.watch === 'off') {
    return good(
      'off: changes are found by looking through everything',
      '`signet settings set watch chokidar` switches it on',
    );
  }
  const limits = await options.limits();
  if (limits === undefined) return good('no limit of this system applies');
  let folders = 0;
  for (const { root } of settings?.sources ?? []) {
    folders += await options.countFolders(root, mostFoldersCounted - folders);
  }
  const enough = `${counted(folders, 'folder', 'folders')}, up to ${count(limits.watches)} can be watched`;
  if (folders > limits.watches * watchShare) {
    const wanted = 2 ** Math.ceil(Math.log2(folders * 4));
    return bad(
      enough,
      `allow more: sudo sysctl fs.inotify.max_user_watches=${wanted}; until then the regular look finds what is missed`,
    );
  }
  if (limits.instances < leastInstances) {
    return bad(
      `${limits.instances} programs may watch folders at once`,
      'allow more: sudo sysctl fs.inotify.max_user_instances=128',
    );
  }
  if (limits.openFiles < leastOpenFiles) {
    return bad(`${limits.openFiles} files may be open at once`, `allow ${leastOpenFiles} or more: ulimit -n`);
  }
  return good(enough);
}

function programs({ fact }: DoctorOptions, settings: Settings): readonly Look[] {
  const looks: Look[] = [];
  const add = (name: string, [program]: readonly string[], problem?: string): void => {
    if (program === undefined) return;
    looks.push([
      name,
      async () => {
        try {
          await access(program, constants.X_OK);
        } catch (error) {
          return bad(
            `${program} cannot be started (${systemCode(error)})`,
            `see that it is in ${dirname(program)} and executable`,
          );
        }
        return problem === undefined ? good(program) : bad(`${program} ${problem} the last time`, 'see what it says');
      },
    ]);
  };
  add('program before backups', settings.beforeBackup);
  add('program after backups', settings.afterBackup, fact(aroundFacts.afterBackup));
  if (settings.healthCheckUrl !== null) {
    const problem = fact(aroundFacts.healthCheckUrl);
    looks.push([
      'health check',
      async () =>
        problem === undefined
          ? good('asked after each backup')
          : bad(`${problem} the last time`, 'check its address in the settings file'),
    ]);
  }
  return looks;
}
