// The titles of the questions, by the dialogue they belong to: whole texts, so that each can be translated.

import { type Locale, say } from '../../protocol/formats.ts';

export interface PlaceTitles {
  readonly place: string;
  readonly drive: string;
  readonly s3: string;
}

export interface KeyTitles {
  readonly password: string;
  readonly passwordAgain: string;
  readonly phone: string;
  readonly phoneAgain: string;
  readonly recoveryKey: string;
}

export function setUpTitles(locale: Locale) {
  return {
    chats: say(locale, 'Set Up Backup: Chats'),
    place: say(locale, 'Set Up Backup: Place'),
    drive: say(locale, 'Set Up Backup: Google Drive'),
    s3: say(locale, 'Set Up Backup: S3 Storage'),
    password: say(locale, 'Set Up Backup: Password'),
    passwordAgain: say(locale, 'Set Up Backup: Password Again'),
    phone: say(locale, 'Set Up Backup: Phone'),
    phoneAgain: say(locale, 'Set Up Backup: Phone Again'),
    recoveryKey: say(locale, 'Set Up Backup: Recovery Key'),
    howOften: say(locale, 'Set Up Backup: How Often'),
  } as const satisfies PlaceTitles & KeyTitles & Record<string, string>;
}

/** Of a computer that is not set up, on the way to its first restore. */
export function restoreTitles(locale: Locale) {
  return {
    place: say(locale, 'Restore: Place'),
    drive: say(locale, 'Restore: Google Drive'),
    s3: say(locale, 'Restore: S3 Storage'),
    password: say(locale, 'Restore: Password'),
    phone: say(locale, 'Restore: Phone'),
    recoveryKey: say(locale, 'Restore: Recovery Key'),
  } as const satisfies PlaceTitles & Record<string, string>;
}

export function connectTitles(locale: Locale) {
  return {
    place: say(locale, 'Connect a Cloud: Place'),
    drive: say(locale, 'Connect a Cloud: Google Drive'),
    s3: say(locale, 'Connect a Cloud: S3 Storage'),
    use: say(locale, 'Connect a Cloud: What For'),
  } as const satisfies PlaceTitles & Record<string, string>;
}
