// What is typed in set-up, judged as far as the screen can: form, and whether two typings agree. What only the daemon can judge (how strong a
// password is, whether a number exists, whether a place answers) it is asked. Pure.

import { examplePhone } from '../../protocol/error-words.ts';
import { type Locale, plural, say } from '../../protocol/formats.ts';
import type { Status } from '../../protocol/status.ts';

export type Verdict = 'refused' | 'weak' | 'good' | 'strong';

export interface Hint {
  readonly text: string;
  readonly severity: 'info' | 'warning';
}

export function verdictHint(verdict: Verdict, locale: Locale): Hint {
  switch (verdict) {
    case 'refused':
    case 'weak':
      return { text: say(locale, 'Too easy to guess. Add a word or two.'), severity: 'warning' };
    case 'good':
      return { text: say(locale, 'Good'), severity: 'info' };
    case 'strong':
      return { text: say(locale, 'Strong'), severity: 'info' };
  }
}

/** Not every computer has a keychain that keeps Signet unlocked over a restart. */
export function passwordPrompt(keychain: Status['keychain'], locale: Locale): string {
  return keychain === 'session'
    ? say(locale, 'Choose a password. It is asked for once after each login, and nobody can reset it.')
    : say(locale, 'Choose a password. It is asked for each time Signet starts, and nobody can reset it.');
}

/** Keyboards write the same letter in two ways. */
export function isSamePassword(one: string, other: string): boolean {
  return one.normalize('NFC') === other.normalize('NFC');
}

export function phonePrompt(locale: Locale): string {
  return say(
    locale,
    'Your phone number, with country code. It becomes part of the lock. It stays on this computer and is never sent. Example: {example}',
    { example: examplePhone },
  );
}

export function digitsOf(phone: string): string {
  return phone.replace(/[\s()./-]/g, '');
}

/** Why this cannot be a phone number; undefined when it may be one. */
export function phoneProblem(typed: string, locale: Locale): string | undefined {
  return /^\+\d{7,15}$/.test(digitsOf(typed)) ? undefined : say(locale, 'A number starts with + and the country code.');
}

/** In what the two differ; undefined when they are the same. */
export function phoneDifference(first: string, again: string, locale: Locale): string | undefined {
  const [one, other] = [digitsOf(first), digitsOf(again)];
  if (one === other) return undefined;
  const [ends, otherEnds] = [one.slice(-2), other.slice(-2)];
  if (ends === otherEnds) return say(locale, 'The two are not the same.');
  return say(locale, 'The two are not the same. The last two digits differ: {first} and {second}.', {
    first: ends,
    second: otherEnds,
  });
}

export function clientIdProblem(typed: string, locale: Locale): string | undefined {
  return /^[\w.-]{1,200}\.apps\.googleusercontent\.com$/.test(typed.trim())
    ? undefined
    : say(locale, 'A client id ends with .apps.googleusercontent.com.');
}

export function emptyProblem(typed: string, locale: Locale): string | undefined {
  return typed.trim() === '' ? say(locale, 'Nothing was typed.') : undefined;
}

/** Scheme and host of a storage, with https where none was typed; undefined for what is no address. */
export function addressOf(typed: string): string | undefined {
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(typed.trim()) ? typed.trim() : `https://${typed.trim()}`;
  if (!URL.canParse(written)) return undefined;
  const { origin, protocol, pathname, search, hash, username, password } = new URL(written);
  const isBare = pathname.replace(/\/$/, '') === '' && search === '' && hash === '' && username + password === '';
  return isBare && /^https?:$/.test(protocol) ? origin : undefined;
}

export function addressProblem(typed: string, locale: Locale): string | undefined {
  return typed.trim() !== '' && addressOf(typed) !== undefined
    ? undefined
    : say(locale, 'An address is a host, such as https://s3.example.org, without the bucket.');
}

/** Bucket and prefix without slashes at their ends. */
export function bucketOf(typed: string): string {
  return typed
    .trim()
    .split('/')
    .filter(part => part !== '')
    .join('/');
}

export function bucketProblem(typed: string, locale: Locale): string | undefined {
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/.+)?$/.test(bucketOf(typed))
    ? undefined
    : say(locale, 'A bucket has 3 to 63 small letters, digits, dots and hyphens; a prefix may follow after a slash.');
}

export function joinedWords(snapshots: number, locale: Locale): string {
  if (snapshots === 0) return say(locale, 'Joined. Nothing is in this backup yet.');
  return plural(locale, snapshots, 'Joined. {count} backup is there.', 'Joined. {count} backups are there.');
}
