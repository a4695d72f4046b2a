// What set-up has been told so far. Plain data; it lives as long as the dialogue, and so do the secrets in it.

import type { MediaClass, Schedule } from '../../protocol/status.ts';

/** A folder with chats; without a profile it is recognised by what lies in it. */
export interface ChosenChats {
  readonly root: string;
  readonly profile?: string;
}

export type PlaceKind = 'folder' | 'drive' | 's3' | 'here';

/** Back to this computer by itself, or with a code that is typed on any other. */
export type SignInFlow = 'browser' | 'device';

/** What lies in a place. */
export type Holds = 'empty' | 'repository' | 'other';

export interface FoundPlace {
  /** As `--remote` has it. */
  readonly remote: string;
  readonly holds: Holds;
}

export interface PlaceDraft {
  readonly kind?: PlaceKind;
  readonly folder?: string;
  /** How to sign in, where the browser may be on another computer. */
  readonly flow?: SignInFlow;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Of the S3 storage: scheme and host. */
  readonly address?: string;
  /** With a prefix after a slash, if any. */
  readonly bucket?: string;
  /** Empty: found out from the address. */
  readonly region?: string;
  /** Empty: the keys that the computer's own settings have. */
  readonly accessKeyId?: string;
  readonly s3Secret?: string;
  /** Set once the place was looked at. */
  readonly found?: FoundPlace;
}

export interface Frequency {
  readonly schedule: Partial<Schedule> & Pick<Schedule, 'kind'>;
  readonly includeVideos: boolean;
}

export interface Answers {
  /** In the order they were found; empty only for who joins. */
  readonly chats: readonly ChosenChats[];
  readonly place: PlaceDraft;
  readonly frequency?: Frequency;
  /** Of a backup that is joined: opened by the key rather than by password and phone number. */
  readonly byKey: boolean;
  readonly recoveryKey: string;
  readonly password: string;
  readonly phone: string;
}

export const nothingYet: Answers = {
  chats: [],
  place: {},
  byKey: false,
  recoveryKey: '',
  password: '',
  phone: '',
};

/** Kinds of media that are left out of a source. */
export function leftOutOf({ includeVideos }: Pick<Frequency, 'includeVideos'>): readonly MediaClass[] {
  return includeVideos ? [] : ['video'];
}
