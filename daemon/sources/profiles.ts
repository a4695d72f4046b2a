// What Signet knows about the apps whose chats it keeps: where they lie, how to recognise them, what is not worth or not safe
// keeping, and which files only grow. One table; everything else is a function of it. Facts and their sources: docs of each app;
// WhatsApp's excludes follow what phone-backup scripts leave out.

import type { EntryKind } from '../archive/model.ts';
import type { FolderProbe } from './probe.ts';

export type ProfileId = 'generic' | 'whatsapp-android' | 'whatsapp-apple' | 'claude-code';

/** The outside a default place depends on; passed in, so that every platform is tested on one. */
export interface Place {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Profile {
  readonly id: ProfileId;
  readonly label: string;
  /** Where the app keeps its data on this platform; the first that exists is offered. Empty: only the user knows. */
  readonly defaultRoots: (place: Place) => readonly string[];
  /** True when the folder is this app's. Reads names and first bytes only. */
  readonly detect: (folder: FolderProbe) => Promise<boolean>;
  /** Besides the common ones; a folder that fits is left out with all it holds. */
  readonly excludes: Patterns;
  readonly appendOnly: Patterns;
  /** Encrypted or otherwise closed: kept as bytes, never looked into. */
  readonly opaque: Patterns;
}

/** What no profile keeps: locks, what a system puts into every folder, and SQLite's shared memory, which is rebuilt on opening. */
const commonExcludes = patterns(
  '**/*-shm',
  '**/*.lock',
  '**/*.dlock',
  '**/*.tmp',
  '**/.DS_Store',
  '**/Thumbs.db',
  '**/desktop.ini',
  '**/.nomedia',
);

const logs = patterns('**/*.jsonl', '**/*.ndjson', '**/*.log', '**/*.weechatlog');
const none = patterns();

export const profiles: Readonly<Record<ProfileId, Profile>> = {
  generic: {
    id: 'generic',
    label: 'Folder',
    defaultRoots: () => [],
    detect: async () => true,
    excludes: none,
    appendOnly: logs,
    opaque: none,
  },
  'whatsapp-android': {
    id: 'whatsapp-android',
    label: 'WhatsApp (Android)',
    defaultRoots: () => [],
    // The folder of the app, or the one above it (com.whatsapp) that phones copy out.
    detect: async folder => (await isWhatsAppFolder(folder, '')) || (await isWhatsAppFolder(folder, 'WhatsApp/')),
    // The dated msgstore-*.crypt copies stay in: each is yesterday's undated one, so its bytes are in the repository already.
    excludes: patterns(
      '**/.Shared',
      '**/.StickerThumbs',
      '**/.trash',
      '**/.Thumbs',
      '**/Media/.Statuses',
      '**/Media/.Links',
    ),
    appendOnly: none,
    opaque: patterns('**/*.crypt*'),
  },
  'whatsapp-apple': {
    id: 'whatsapp-apple',
    label: 'WhatsApp (Mac, iPhone copy)',
    defaultRoots: ({ platform, home }) =>
      platform === 'darwin' ? [`${home}/Library/Group Containers/group.net.whatsapp.WhatsApp.shared`] : [],
    detect: folder => folder.isDatabase('ChatStorage.sqlite'),
    // Search index, caches and logs are made anew by the app; putting an old Axolotl session store back breaks sessions.
    excludes: patterns('fts', 'Logs', 'FieldStats2', 'Library/Caches', 'emoji.sqlite*', 'Axolotl.sqlite*'),
    appendOnly: none,
    opaque: none,
  },
  'claude-code': {
    id: 'claude-code',
    label: 'Claude Code',
    defaultRoots: ({ home, env }) => [`${env['CLAUDE_CONFIG_DIR'] || `${home}/.claude`}/projects`],
    detect: folder => folder.someFileBelow(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl$/, /"sessionId"\s*:/),
    excludes: patterns('statsig', 'ide', 'shell-snapshots'),
    appendOnly: patterns('**/*.jsonl'),
    opaque: none,
  },
};

async function isWhatsAppFolder(folder: FolderProbe, prefix: string): Promise<boolean> {
  return (
    (await folder.hasName(`${prefix}Databases`, name => /^msgstore.*\.db/.test(name))) ||
    (await folder.isFolder(`${prefix}Media/WhatsApp Images`)) ||
    (await folder.isDatabase(`${prefix}msgstore.db`))
  );
}

export function isProfileId(text: string): text is ProfileId {
  return Object.hasOwn(profiles, text);
}

/** The profile of that name; a name this version does not know (settings of a newer one) is treated as a plain folder. */
export function profileOf(id: string): Profile {
  return isProfileId(id) ? profiles[id] : profiles.generic;
}

/**
 * @param path relative to the source's root, bytes with '/'; what lies in an excluded folder is excluded too
 */
export function isExcluded(profile: string, path: Uint8Array, kind: EntryKind): boolean {
  const text = latin1(path);
  if (profileOf(profile).excludes.withinOne.test(text)) return true;
  // A folder may well be called notes.lock or x.tmp: the common patterns mean files.
  return kind !== 'dir' && commonExcludes.one.test(text);
}

export function isAppendOnly(profile: string, path: Uint8Array): boolean {
  return profileOf(profile).appendOnly.one.test(latin1(path));
}

export function isOpaque(profile: string, path: Uint8Array): boolean {
  return profileOf(profile).opaque.one.test(latin1(path));
}

/** Paths described by names: `*` stands for anything within a name, a leading `**` for any folders or none. */
interface Patterns {
  /** The path fits. */
  readonly one: RegExp;
  /** The path or a folder above it fits. */
  readonly withinOne: RegExp;
}

function patterns(...globs: readonly string[]): Patterns {
  const bodies = globs.map(glob => {
    const isAnywhere = glob.startsWith('**/');
    const rest = isAnywhere ? glob.slice(3) : glob;
    const body = rest.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
    return isAnywhere ? `(?:.*/)?${body}` : body;
  });
  const any = bodies.length === 0 ? '(?!)' : `(?:${bodies.join('|')})`;
  // 's': a name may hold a newline. 'i': Windows and macOS write Thumbs.db and .DS_Store as they like.
  return { one: new RegExp(`^${any}$`, 'si'), withinOne: new RegExp(`^${any}(?:/|$)`, 'si') };
}

/** One character for each byte: the patterns are ASCII, and a name need not be UTF-8. */
function latin1(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString('latin1');
}
