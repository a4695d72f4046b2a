// What Signet knows about one app whose chats it keeps: where they lie, how to recognise them, what is not worth or not safe keeping, which
// files only grow, and how its messages are counted. Plain data and pure functions; the table is profiles.ts.

import type { MediaClass } from '../../protocol/status.ts';
import type { CountRule } from '../archive/model.ts';
import type { Patterns } from './patterns.ts';
import type { FolderProbe } from './probe.ts';

/** The outside a default place depends on; passed in, so that every platform is tested on one. */
export interface Place {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Profile {
  readonly id: string;
  readonly label: string;
  /**
   * Where the app keeps its data on this platform, the usual place first; the last name may hold `*`. Empty: only the user knows.
   */
  readonly defaultRoots: (place: Place) => readonly string[];
  /** True when the folder is this app's. Reads names and first bytes only. */
  readonly detect: (folder: FolderProbe) => Promise<boolean>;
  /** Nothing else in the folder belongs to the chats. Absent: everything does. */
  readonly includes?: Patterns;
  /** A folder that fits is left out with all it holds. */
  readonly excludes: Patterns;
  readonly appendOnly: Patterns;
  readonly opaque: Patterns;
  /** Kinds of media by the name of a folder on the path, in lower case. */
  readonly mediaFolders?: Readonly<Record<string, MediaClass>>;
  /** Of an app's own dated, encrypted copies of its database, so many of the newest are kept. Absent: all. */
  readonly datedCopiesKept?: number;
  /** The app seals its data with a key of this computer, so the bytes open nowhere else. */
  readonly opensOnlyHere?: true;
  /** The app itself keeps its chats in that folder; absent: it holds a copy, an export, or what nobody knows. */
  readonly isLive?: true;
  readonly counting?: CountRule;
}
