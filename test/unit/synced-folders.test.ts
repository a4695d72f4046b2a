import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Place } from '../../daemon/sources/profile.ts';
import { type SyncReading, syncAppOf, syncedFoldersOf } from '../../daemon/sources/sources.ts';
import { candidatesOf, type SyncFacts } from '../../daemon/sources/synced-folders.ts';
import { scratch } from '../support/databases.ts';

const nothing: SyncFacts = { dropboxInfo: [], cloudStorage: [], oneDrive: [], driveMount: undefined };
const at = (platform: NodeJS.Platform, env: Place['env'] = {}): Place => ({ platform, home: '/h', env });
const reads = (changes: Partial<SyncReading> = {}): SyncReading => ({
  text: async () => undefined,
  names: async () => [],
  registry: async () => undefined,
  ...changes,
});

for (const { title, place, facts, app, path } of [
  {
    title: 'iCloud Drive on a Mac',
    place: at('darwin'),
    facts: {},
    app: 'iCloud Drive',
    path: '/h/Library/Mobile Documents/com~apple~CloudDocs',
  },
  {
    title: 'Drive for desktop on a Mac',
    place: at('darwin'),
    facts: { cloudStorage: ['GoogleDrive-a@b.c'] },
    app: 'Google Drive',
    path: '/h/Library/CloudStorage/GoogleDrive-a@b.c/My Drive',
  },
  {
    title: 'Drive for desktop on a Mac, in German',
    place: at('darwin'),
    facts: { cloudStorage: ['GoogleDrive-a@b.c'] },
    app: 'Google Drive',
    path: '/h/Library/CloudStorage/GoogleDrive-a@b.c/Meine Ablage',
  },
  {
    title: 'OneDrive on a Mac',
    place: at('darwin'),
    facts: { cloudStorage: ['OneDrive-Personal'] },
    app: 'OneDrive',
    path: '/h/Library/CloudStorage/OneDrive-Personal',
  },
  {
    title: 'Dropbox on a newer Mac',
    place: at('darwin'),
    facts: { cloudStorage: ['Dropbox'] },
    app: 'Dropbox',
    path: '/h/Library/CloudStorage/Dropbox',
  },
  { title: 'Dropbox at its usual place', place: at('linux'), facts: {}, app: 'Dropbox', path: '/h/Dropbox' },
  {
    title: 'Dropbox where it was moved to',
    place: at('linux'),
    facts: { dropboxInfo: ['{"personal":{"path":"/disk/Dropbox (Me)","host":1}}'] },
    app: 'Dropbox',
    path: '/disk/Dropbox (Me)',
  },
  {
    title: "a firm's Dropbox",
    place: at('win32'),
    facts: { dropboxInfo: ['{"personal":{"path":"/p"},"business":{"path":"/firm"}}'] },
    app: 'Dropbox',
    path: '/firm',
  },
  {
    title: 'OneDrive by its variable',
    place: at('win32', { OneDrive: '/h/OneDrive - A' }),
    facts: {},
    app: 'OneDrive',
    path: '/h/OneDrive - A',
  },
  {
    title: "a firm's OneDrive",
    place: at('win32', { OneDriveCommercial: '/h/OneDrive - Firm' }),
    facts: {},
    app: 'OneDrive',
    path: '/h/OneDrive - Firm',
  },
  { title: 'OneDrive by the registry', place: at('win32'), facts: { oneDrive: ['/o'] }, app: 'OneDrive', path: '/o' },
  { title: 'iCloud Drive on Windows', place: at('win32'), facts: {}, app: 'iCloud Drive', path: '/h/iCloudDrive' },
  { title: 'Drive for desktop as a disk', place: at('win32'), facts: {}, app: 'Google Drive', path: 'G:/My Drive' },
  {
    title: 'Drive for desktop as another disk',
    place: at('win32'),
    facts: { driveMount: 'X' },
    app: 'Google Drive',
    path: 'X:/My Drive',
  },
  {
    title: 'OneDrive by the usual client for Linux',
    place: at('linux'),
    facts: {},
    app: 'OneDrive',
    path: '/h/OneDrive',
  },
] as const) {
  test(`a candidate: ${title}`, t => {
    const found = candidatesOf(place, { ...nothing, ...facts }).find(each => each.path === path);
    t.is(found?.app, app);
    t.true(found?.isPlace);
  });
}

for (const info of ['', 'no JSON', '[]', 'null', '{"personal":7}', '{"personal":{"path":7}}']) {
  test(`an info file of Dropbox that holds ${JSON.stringify(info)} names no folder`, t => {
    const paths = candidatesOf(at('linux'), { ...nothing, dropboxInfo: [info] }).map(each => each.path);
    t.deepEqual(paths, ['/h/OneDrive', '/h/Dropbox']);
  });
}

test('only folders that are there are offered, each once', async t => {
  const home = scratch(t);
  const place: Place = { platform: 'linux', home, env: {} };
  const asked: string[] = [];
  const reading = reads({
    text: async path => {
      asked.push(path);
      return JSON.stringify({ personal: { path: join(home, 'Dropbox') } });
    },
    registry: async () => t.fail('no registry on Linux') as never,
  });
  t.deepEqual(await syncedFoldersOf(place, reading), []);
  mkdirSync(join(home, 'Dropbox'));
  t.deepEqual(await syncedFoldersOf(place, reading), [{ app: 'Dropbox', path: join(home, 'Dropbox') }]);
  t.deepEqual(asked, [join(home, '.dropbox', 'info.json'), join(home, '.dropbox', 'info.json')]);
});

test('of a streamed Google Drive only the own folder is a place, and all of it is synced', async t => {
  const home = scratch(t);
  const volume = join(home, 'Library', 'CloudStorage', 'GoogleDrive-a@b.c');
  mkdirSync(join(volume, 'Mon Drive'), { recursive: true });
  mkdirSync(join(volume, 'Shared drives'));
  const place: Place = { platform: 'darwin', home, env: {} };
  const reading = reads({ names: async () => ['GoogleDrive-a@b.c'] });
  t.deepEqual(await syncedFoldersOf(place, reading), [{ app: 'Google Drive', path: join(volume, 'Mon Drive') }]);
  t.is(await syncAppOf(join(volume, 'Shared drives', 'x'), place, reading), 'Google Drive');
});

test('a folder belongs to the app whose folder it lies in, and to none beside it', async t => {
  const linux = at('linux');
  t.is(await syncAppOf('/h/Dropbox/Backup', linux, reads()), 'Dropbox');
  t.is(await syncAppOf('/h/Dropbox', linux, reads()), 'Dropbox');
  t.is(await syncAppOf('/h/Dropbox2/Backup', linux, reads()), undefined);
  t.is(await syncAppOf('/media/disk/Backup', linux, reads()), undefined);
  t.is(await syncAppOf('/h/dropbox/Backup', linux, reads()), undefined);
  t.is(await syncAppOf('/H/DROPBOX/Backup', at('darwin'), reads()), 'Dropbox');
});
