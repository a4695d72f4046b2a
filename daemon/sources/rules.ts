// What is left out of a source and why: what nobody would miss, what its app makes anew, what its owner does not want kept. The archive
// asks it of every name and the watcher of every event, so both leave out the same.

import type { RuleEntry, SourceRules } from '../archive/model.ts';
import { looksLikeDatabase } from '../capture/capture.ts';
import type { SourceSetting } from '../state/model.ts';
import { isDatedCopy, isOlderCopy } from './dated-copies.ts';
import { type Exclusion, excludeBy } from './exclude.ts';
import { mediaClassOf, videoByName } from './media.ts';
import { latin1, patterns } from './patterns.ts';
import { profileOf } from './profiles.ts';

/** What no profile keeps: locks, what a system puts into every folder, and SQLite's shared memory, which is rebuilt on opening. */
const noFiles = patterns(
  '**/*-shm',
  '**/*.lock',
  '**/*.dlock',
  '**/*.tmp',
  '**/.DS_Store',
  '**/Thumbs.db',
  '**/desktop.ini',
  '**/.nomedia',
);
/** Syncthing's: a mark that the folder is there, and what was replaced. */
const noFolders = patterns('**/.stfolder', '**/.stversions');

/** A source's profile and its owner's choices. @param platform decides whether case counts in what the owner wrote */
export function rulesOf(
  source: Pick<SourceSetting, 'profile' | 'leaveOut' | 'maxFileBytes' | 'exclude'>,
  platform: NodeJS.Platform = process.platform,
): SourceRules {
  const profile = profileOf(source.profile);
  const exclusion = source.exclude?.length ? excludeBy(source.exclude, platform) : nothing;
  const isVideo = videoByName(profile.mediaFolders ?? {});
  const isOpaque = (path: Uint8Array) => profile.opaque.one.test(latin1(path));
  const isAppendOnly = (path: Uint8Array) => profile.appendOnly.one.test(latin1(path));
  return {
    leftOut(entry) {
      const { path, kind } = entry;
      const text = latin1(path);
      const isFolder = kind === 'dir';
      // A folder may well be called notes.lock or x.tmp.
      if (isFolder ? noFolders.withinOne.test(text) : noFiles.one.test(text) || noFolders.withinOne.test(text)) {
        return 'noise';
      }
      const { includes } = profile;
      if (includes !== undefined && !includes.withinOne.test(text) && !(isFolder && includes.aboveOne.test(text))) {
        return 'noise';
      }
      if (profile.excludes.withinOne.test(text)) return 'profile';
      if (exclusion.excludes(path, kind)) return 'excluded';
      if (kind !== 'file') return undefined;
      if (source.leaveOut?.length) {
        const media = mediaClassOf(text, profile.mediaFolders ?? {}, entry.head);
        if (media !== undefined && source.leaveOut.includes(media)) return media;
      }
      if (entry.sizeBytes > (source.maxFileBytes ?? Number.POSITIVE_INFINITY) && !holdsMessages(entry)) {
        return 'too-large';
      }
      const { datedCopiesKept } = profile;
      if (datedCopiesKept !== undefined && isOlderCopy(path, entry.siblings, datedCopiesKept)) return 'older-copy';
      return undefined;
    },
    isAppendOnly,
    isOpaque,
    isRotating: isDatedCopy,
    isVideo: path => isVideo(latin1(path)),
    ...(profile.counting !== undefined && { counting: profile.counting }),
  };

  /** A limit is meant for media: a database or a log of chats is never too large to be kept. */
  function holdsMessages({ path, head }: RuleEntry): boolean {
    return isOpaque(path) || isAppendOnly(path) || /-(?:wal|journal)$/.test(latin1(path)) || looksLikeDatabase(head());
  }
}

const nothing: Exclusion = { excludes: () => false };
