// Sources as they are written in commands: which folder or app, and what of it to leave out.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { MediaClass, SourceChoices } from '../../protocol/status.ts';
import { usage } from './session.ts';

/** `false` by the option's negation: the choice is taken away. */
export interface ChoiceOptions {
  readonly videos?: boolean;
  readonly leaveOut?: string | false;
  readonly maxSize?: string | false;
  readonly exclude?: readonly string[] | false;
}

/** `<dir>`, `<profile>` or `<profile>:<dir>`. A word that is no folder here is a profile, if the daemon knows it. */
export function sourceOf(spec: string): { readonly root?: string; readonly profile?: string } {
  if (spec === '') throw usage('the source is empty: name a folder with chats');
  // A single letter before the colon is a drive on Windows.
  const [, profile, folder] = /^([a-z][a-z0-9-]{1,39})(?::(.+))?$/.exec(spec) ?? [];
  if (profile === undefined || (folder === undefined && existsSync(spec))) return { root: absolute(spec) };
  return folder === undefined ? { profile } : { root: absolute(folder), profile };
}

/** With `~` for the home folder as a shell would have it at the start of a word. */
export function absolute(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : resolve(path);
}

/**
 * Only what was said; an empty list and null take a choice away.
 * @param before what is left out now, which `--videos` and `--no-videos` add to and take from; absent: a new source, with its videos
 */
export function choicesOf(options: ChoiceOptions): SourceChoices;
export function choicesOf(
  options: ChoiceOptions,
  before: readonly MediaClass[],
): Omit<SourceChoices, 'maxFileBytes'> & { readonly maxFileBytes?: number | null };
export function choicesOf(
  { videos, leaveOut, maxSize, exclude }: ChoiceOptions,
  before?: readonly MediaClass[],
): Omit<SourceChoices, 'maxFileBytes'> & { readonly maxFileBytes?: number | null } {
  const kinds = new Set(leaveOut === undefined ? before : leaveOut === false ? [] : kindsOf(leaveOut));
  if (videos === false) kinds.add('video');
  if (videos === true) kinds.delete('video');
  const isSaid = leaveOut !== undefined || videos === false || (videos === true && before !== undefined);
  return {
    ...(isSaid && { leaveOut: [...kinds] }),
    ...(maxSize !== undefined && { maxFileBytes: maxSize === false ? null : bytesOf(maxSize) }),
    ...(exclude !== undefined && { exclude: exclude === false ? [] : exclude }),
  };
}

const kinds: { readonly [name: string]: MediaClass } = {
  image: 'image',
  images: 'image',
  video: 'video',
  videos: 'video',
  audio: 'audio',
  document: 'document',
  documents: 'document',
  sticker: 'sticker',
  stickers: 'sticker',
};

function kindsOf(text: string): readonly MediaClass[] {
  return text.split(',').map(name => {
    const kind = Object.hasOwn(kinds, name.trim()) ? kinds[name.trim()] : undefined;
    if (kind === undefined)
      throw usage('--leave-out takes image, video, audio, document, sticker, with commas between');
    return kind;
  });
}

const units = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12, KI: 2 ** 10, MI: 2 ** 20, GI: 2 ** 30, TI: 2 ** 40 } as const;

/** Of "100MB" or "1.5 GiB"; NaN for what is no size. */
export function bytesIn(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?) ?([KMGT]?i?)B?$/i.exec(text) ?? [];
  return Math.floor(Number(digits) * units[unit.toUpperCase() as keyof typeof units]);
}

function bytesOf(text: string): number {
  const bytes = bytesIn(text);
  if (!(bytes >= 1)) throw usage('--max-size takes a size such as 100MB or 1.5GB');
  return bytes;
}
