// A new source: its profile recognised or its folder found, whichever was not said.

import { stat } from 'node:fs/promises';
import { SignetError, systemCode } from '../base/errors.ts';
import type { SourceSetting } from '../state/model.ts';
import { foldersOf } from './default-roots.ts';
import { probeFolder } from './probe.ts';
import type { Place } from './profile.ts';
import { isProfileId, type ProfileId, profileOf, profiles } from './profiles.ts';

/** The first profile whose rule fits the folder; 'generic' when none does. */
export async function detectProfile(root: string): Promise<ProfileId> {
  const folder = probeFolder(root);
  for (const profile of Object.values(profiles)) {
    if (profile.id !== 'generic' && (await profile.detect(folder))) return profile.id;
  }
  return 'generic';
}

/**
 * A new source with an id of its own; the same folder added twice gets two.
 * @param spec.root absolute
 * @throws SignetError E_USAGE (unknown profile, no such folder, or none given and the profile has none here) · E_SOURCE_UNREADABLE
 */
export async function newSource(
  spec: {
    readonly profile?: string | undefined;
    readonly root?: string | undefined;
    readonly label?: string | undefined;
  },
  outside: { readonly place: Place; readonly randomBytes: (count: number) => Uint8Array },
): Promise<SourceSetting> {
  if (spec.profile !== undefined && !isProfileId(spec.profile)) throw unusable(spec.profile);
  const root = spec.root ?? (await defaultRoot(spec.profile ?? 'generic', outside.place));
  await checkFolder(root);
  const profile = spec.profile ?? (await detectProfile(root));
  const folderName = root.split(/[/\\]/).findLast(part => part !== '') ?? root;
  const label = spec.label ?? (profile === 'generic' ? folderName : profileOf(profile).label);
  return { id: `${profile}-${base32(outside.randomBytes(5))}`, profile, label, root };
}

/** The folder that is the app's by its content, else the first that is there. */
async function defaultRoot(profile: string, place: Place): Promise<string> {
  const { defaultRoots, detect, label } = profileOf(profile);
  const folders = await foldersOf(defaultRoots(place));
  for (const root of folders) if (await detect(probeFolder(root))) return root;
  if (folders[0] !== undefined) return folders[0];
  throw new SignetError('E_USAGE', `source ${profile}: there is no usual folder of it on this computer, so name one`, {
    params: {
      detail: `no folder of ${label} is in its usual place on this computer`,
      advice: `name the folder, as ${profile}:<folder>`,
      what: 'source',
      value: profile,
    },
  });
}

async function checkFolder(root: string): Promise<void> {
  try {
    if ((await stat(root)).isDirectory()) return;
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw noFolder(root, 'it is not there');
    const reason = code === 'EACCES' || code === 'EPERM' ? 'permission' : 'io';
    throw new SignetError('E_SOURCE_UNREADABLE', 'the folder of a new source cannot be read', {
      params: { reason, path: root },
      cause,
    });
  }
  throw noFolder(root, 'it is a file');
}

function noFolder(root: string, why: string): SignetError {
  return new SignetError('E_USAGE', 'a source must be a folder that is there', {
    params: { detail: `${root} cannot be backed up: ${why}. Give the folder that holds the chats`, path: root },
  });
}

function unusable(text: string): SignetError {
  const known = Object.keys(profiles).join(', ');
  return new SignetError(
    'E_USAGE',
    `source "${text}": expected a folder, a profile or profile:folder (profiles: ${known})`,
    {
      params: {
        detail: `"${text}" is no folder here and no app that Signet knows`,
        advice: `apps it knows: ${known}`,
        what: 'source',
        value: text,
      },
    },
  );
}

/** RFC 4648 in lower case; `bytes` is a multiple of five long. */
function base32(bytes: Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let i = 0; i < (bytes.length * 8) / 5; i++) {
    text = (alphabet[Number(value & 31n)] ?? '') + text;
    value >>= 5n;
  }
  return text;
}
