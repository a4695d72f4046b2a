// Folders that an app on this computer uploads to a cloud by itself. Where they lie follows from the platform and a few things the apps
// write down; a pure function makes candidates of both, and only what exists is offered. Tested with folders laid out as on each system; not run on macOS or Windows.

import { stat } from 'node:fs/promises';
import { join, normalize, sep } from 'node:path';
import type { SyncedFolder } from '../../protocol/status.ts';
import type { Place } from './profile.ts';

/** How the outside is read; whatever is not there, or not ours to read, is undefined or empty. */
export interface SyncReading {
  text(path: string): Promise<string | undefined>;
  names(folder: string): Promise<readonly string[]>;
  /** A text value of the Windows registry. */
  registry(key: string, value: string): Promise<string | undefined>;
}

/** What the apps wrote down. */
export interface SyncFacts {
  /** Content of Dropbox's info.json, from each place where it may lie. */
  readonly dropboxInfo: readonly string[];
  /** macOS: names in ~/Library/CloudStorage. */
  readonly cloudStorage: readonly string[];
  /** Windows: OneDrive's folders and Drive for desktop's mount point as the registry has them. */
  readonly oneDrive: readonly string[];
  readonly driveMount: string | undefined;
}

const oneDriveAccounts = 'HKCU\\Software\\Microsoft\\OneDrive\\Accounts';

/** Of Drive for desktop's volume only this folder can be written to; its name follows the language of the account. */
const myDrive = ['My Drive', 'Meine Ablage', 'Mon Drive', 'Mi unidad', 'Il mio Drive', 'Meu Drive', 'Mijn Drive'];

/** Synced folders that are there, as places for the copies. */
export async function syncedFoldersOf(place: Place, reading: SyncReading): Promise<readonly SyncedFolder[]> {
  const folders = candidatesOf(place, await readFacts(place, reading)).filter(each => each.isPlace);
  const found: SyncedFolder[] = [];
  for (const { app, path } of folders) {
    if (found.some(other => other.path === path)) continue;
    if ((await stat(path).catch(() => undefined))?.isDirectory()) found.push({ app, path });
  }
  return found;
}

/** The app that uploads what lies at the path, or undefined for a plain folder. @param path absolute, without links */
export async function syncAppOf(path: string, place: Place, reading: SyncReading): Promise<string | undefined> {
  const isCaseless = place.platform === 'win32' || place.platform === 'darwin';
  const plain = (text: string) => (isCaseless ? normalize(text).toLowerCase() : normalize(text)) + sep;
  const candidates = candidatesOf(place, await readFacts(place, reading));
  return candidates.find(({ path: folder }) => plain(path).startsWith(plain(folder)))?.app;
}

async function readFacts({ platform, home, env }: Place, reading: SyncReading): Promise<SyncFacts> {
  const isWindows = platform === 'win32';
  const settings = isWindows ? [env['APPDATA'], env['LOCALAPPDATA']].filter(given) : [];
  const infos = isWindows ? settings.map(folder => join(folder, 'Dropbox')) : [join(home, '.dropbox')];
  const registry = async (key: string, value: string) => (isWindows ? reading.registry(key, value) : undefined);
  const oneDrive = ['Personal', 'Business1', 'Business2'].map(account =>
    registry(`${oneDriveAccounts}\\${account}`, 'UserFolder'),
  );
  return {
    dropboxInfo: (await Promise.all(infos.map(folder => reading.text(join(folder, 'info.json'))))).filter(
      text => text !== undefined,
    ),
    cloudStorage: platform === 'darwin' ? await reading.names(join(home, 'Library', 'CloudStorage')) : [],
    oneDrive: (await Promise.all(oneDrive)).filter(folder => folder !== undefined),
    driveMount: await registry('HKCU\\Software\\Google\\DriveFS', 'DefaultMountPoint'),
  };
}

export interface Candidate extends SyncedFolder {
  /** False: the app uploads what is in it, but copies cannot be put right there. */
  readonly isPlace: boolean;
}

/** Every folder that one of the apps would upload, whether or not it is there. */
export function candidatesOf(place: Place, facts: SyncFacts): readonly Candidate[] {
  const { platform } = place;
  const own =
    platform === 'darwin' ? onMac(place, facts) : platform === 'win32' ? onWindows(place, facts) : onLinux(place);
  const dropbox = [...facts.dropboxInfo.flatMap(dropboxFolders), join(place.home, 'Dropbox')];
  return [...own, ...dropbox.map(at('Dropbox'))];
}

function onMac({ home }: Place, { cloudStorage }: SyncFacts): readonly Candidate[] {
  const storage = join(home, 'Library', 'CloudStorage');
  const of = (start: string) => cloudStorage.filter(name => name.startsWith(start)).map(name => join(storage, name));
  return [
    ...of('GoogleDrive-').flatMap(driveVolume),
    // Mirrored instead of streamed.
    ...[join(home, 'My Drive'), join(home, 'Google Drive')].map(at('Google Drive')),
    at('iCloud Drive')(join(home, 'Library', 'Mobile Documents', 'com~apple~CloudDocs')),
    ...[...of('OneDrive-'), join(home, 'OneDrive')].map(at('OneDrive')),
    ...of('Dropbox').map(at('Dropbox')),
  ];
}

function onWindows({ home, env }: Place, facts: SyncFacts): readonly Candidate[] {
  const { driveMount } = facts;
  const volumes = [...(driveMount === undefined ? [] : [`${driveMount.replace(/[:\\/]+$/, '')}:${sep}`]), `G:${sep}`];
  const oneDrive = [env['OneDriveConsumer'], env['OneDriveCommercial'], env['OneDrive'], ...facts.oneDrive];
  return [
    ...volumes.flatMap(driveVolume),
    ...[join(home, 'My Drive'), join(home, 'Google Drive')].map(at('Google Drive')),
    at('iCloud Drive')(join(home, 'iCloudDrive')),
    ...oneDrive.filter(given).map(at('OneDrive')),
  ];
}

/** Neither Google nor Apple nor Microsoft has an app for Linux; the usual client for OneDrive keeps to its name. */
function onLinux({ home }: Place): readonly Candidate[] {
  return [at('OneDrive')(join(home, 'OneDrive'))];
}

function driveVolume(volume: string): readonly Candidate[] {
  const app = 'Google Drive';
  return [...myDrive.map(name => at(app)(join(volume, name))), { app, path: volume, isPlace: false }];
}

const given = (text: string | undefined): text is string => text !== undefined && text !== '';

const at =
  (app: string) =>
  (path: string): Candidate => ({ app, path, isPlace: true });

/** `{"personal": {"path": …}, "business": {"path": …}}`; what is not so names no folder. */
function dropboxFolders(info: string): readonly string[] {
  let accounts: unknown;
  try {
    accounts = JSON.parse(info);
  } catch {
    return [];
  }
  if (typeof accounts !== 'object' || accounts === null) return [];
  return Object.values(accounts).flatMap((account: unknown) =>
    typeof account === 'object' && account !== null && 'path' in account && typeof account.path === 'string'
      ? [account.path]
      : [],
  );
}
