// Where the copies can go: the kinds of places, the folders that were found for them, and how a place is written. Pure.

import { posix, win32 } from 'node:path';
import { type Locale, listed, say } from '../../protocol/formats.ts';
import type { PlaceStatus, SyncedFolder } from '../../protocol/status.ts';
import type { Choice } from '../steps.ts';
import type { PlaceDraft, PlaceKind, SignInFlow } from './answers.ts';

/** Folder for the copies in a folder that holds other things too. */
export const copiesFolder = 'Signet Backup';
/** In Google Drive every Signet looks here, so that the next computer finds it. */
export const driveRemote = 'drive:Signet';

export interface KindEntries {
  readonly kinds: readonly PlaceKind[];
  readonly synced: readonly SyncedFolder[];
  readonly places: readonly PlaceStatus[];
}

export function kindEntries({ kinds, synced, places }: KindEntries, locale: Locale): readonly Choice<PlaceKind>[] {
  const drive = connectedDrive(places);
  const apps = [...new Set(synced.map(({ app }) => app))];
  const all: { readonly [kind in PlaceKind]: Choice<PlaceKind> } = {
    folder: {
      label: `$(folder) ${say(locale, 'A folder')}`,
      // Whoever begins is offered this computer, too: elsewhere nothing begins.
      ...(kinds.includes('here') && { description: say(locale, 'recommended to begin') }),
      detail:
        apps.length === 0
          ? say(locale, 'A disk, a network folder, or one that a sync app uploads')
          : say(locale, 'Found here: {apps}', { apps: listed(apps, locale) }),
    },
    drive: {
      label: `$(cloud) ${say(locale, 'Google Drive, directly')}`,
      description:
        drive === undefined
          ? say(locale, 'once about 10 minutes')
          : say(locale, 'connected: {account}', { account: drive.account ?? driveRemote }),
      detail:
        drive === undefined
          ? say(locale, 'Needs a client id of your own; the guide shows each click')
          : say(locale, 'The sign-in that is there is used'),
    },
    s3: {
      label: `$(server) ${say(locale, 'S3 storage')}`,
      description: say(locale, 'any provider'),
      detail: say(locale, 'Needs an address, a bucket and a key'),
    },
    here: {
      label: `$(device-desktop) ${say(locale, 'This computer only, for now')}`,
      description: say(locale, 'connect a cloud later with nothing to set up again'),
      detail: say(locale, 'Protects against deletion, not against loss of this computer'),
    },
  };
  return kinds.map(kind => ({ ...all[kind], answer: kind }));
}

/** That can be used as it is. */
export function connectedDrive(places: readonly PlaceStatus[]): PlaceStatus | undefined {
  return places.find(({ remote, signIn }) => remote === driveRemote && signIn === undefined);
}

/** A folder of its own in each that was found; then the way to another. */
export function folderEntries(
  synced: readonly SyncedFolder[],
  platform: NodeJS.Platform,
  locale: Locale,
): readonly Choice<string>[] {
  return [
    ...synced.map(({ app, path }) => ({
      label: `$(cloud) ${say(locale, '{app} (synced)', { app })}`,
      detail: inside(path, platform),
      answer: inside(path, platform),
    })),
    { label: `$(folder) ${say(locale, 'Another folder…')}`, answer: '' },
  ];
}

/** @param folder that holds other things too */
export function inside(folder: string, platform: NodeJS.Platform): string {
  return (platform === 'win32' ? win32 : posix).join(folder, copiesFolder);
}

/**
 * Folders for programs' own data, the best first; the home folder is there in any case.
 *
 * @param home of the person
 */
export function dataHomes(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): readonly string[] {
  const { join } = platform === 'win32' ? win32 : posix;
  const given = (name: string) => (env[name] === undefined || env[name] === '' ? [] : [env[name]]);
  switch (platform) {
    case 'win32':
      return [...given('LOCALAPPDATA'), join(home, 'AppData', 'Local'), home];
    case 'darwin':
      return [join(home, 'Library', 'Application Support'), home];
    default:
      return [...given('XDG_DATA_HOME').filter(path => path.startsWith('/')), join(home, '.local', 'share'), home];
  }
}

/** As `--remote` has it; undefined while something is missing. */
export function remoteOf({ kind, folder, address, bucket }: PlaceDraft): string | undefined {
  switch (kind) {
    case 'folder':
    case 'here':
      return folder === undefined ? undefined : `folder:${folder}`;
    case 'drive':
      return driveRemote;
    case 's3':
      return address === undefined || bucket === undefined ? undefined : `s3:${address}/${bucket}`;
    default:
      return undefined;
  }
}

/** @param machine where Signet runs */
export function flowEntries(machine: string, locale: Locale): readonly Choice<SignInFlow>[] {
  return [
    {
      label: `$(remote) ${say(locale, 'On another computer, or a phone')}`,
      detail: say(locale, 'You type a code there; takes a client of the type “TVs and Limited Input devices”'),
      answer: 'device',
    },
    {
      label: `$(vm) ${say(locale, 'On {machine}', { machine })}`,
      detail: say(locale, 'Its page brings you back by itself; takes a client of the type “Desktop app”'),
      answer: 'browser',
    },
  ];
}

/** What another place is for. */
export type UseOfPlace = 'move' | 'mirror' | 'later';

/** @param isCloud one that stays connected without being used */
export function useEntries(isCloud: boolean, locale: Locale): readonly Choice<UseOfPlace>[] {
  return [
    {
      label: `$(arrow-swap) ${say(locale, 'Move the backup there')}`,
      description: say(locale, 'with password, recovery key and history'),
      detail: say(locale, 'Everything is copied and compared first; the old copies stay until you delete them'),
      answer: 'move',
    },
    {
      label: `$(copy) ${say(locale, 'Keep a second copy there')}`,
      detail: say(locale, 'Brought up to date after each backup; it keeps your backups when the first place is lost'),
      answer: 'mirror',
    },
    ...(isCloud
      ? [
          {
            label: `$(clock) ${say(locale, 'Nothing for now')}`,
            detail: say(locale, 'It stays connected, and nothing is kept there'),
            answer: 'later' as const,
          },
        ]
      : []),
  ];
}
