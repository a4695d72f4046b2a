// What is said around changes of password, phone number and recovery key: before each, what it does not achieve; after it, what is so now.

import { type Locale, say } from './formats.ts';

export type KeyChange =
  | 'password'
  | 'passwordByKey'
  | 'phone'
  | 'renew'
  | 'show'
  | 'sheet'
  | 'fresh'
  | 'deleteOld'
  | 'deleteCopies';

/** Before anything is asked. */
export function beforeChange(what: KeyChange, locale: Locale = {}): string {
  switch (what) {
    case 'password':
      return say(
        locale,
        'Change the password? Old copies of the cloud that someone may have taken still open with the old password. If someone may know it, start a fresh backup instead: `signet fresh`.',
      );
    case 'passwordByKey':
      return say(
        locale,
        'Choose a new password with the recovery key? The forgotten one opens the backup no longer; the recovery key stays as it is, and nothing is uploaded again. Old copies of the cloud that someone may have taken still open with the old password.',
      );
    case 'phone':
      return say(
        locale,
        'Change the phone number? It is part of the lock. Old copies of the cloud that someone may have taken still open with the old number and the password of that time.',
      );
    case 'renew':
      return say(
        locale,
        'Make a new recovery key? Old copies of the cloud that someone may have taken still open with the old key. If someone may have it, start a fresh backup instead: `signet fresh`. Your other computers ask for the password once more.',
      );
    case 'show':
      return say(
        locale,
        'Whoever sees the recovery key and can reach the copies can read your chats, without the password and the phone number.',
      );
    case 'sheet':
      return say(
        locale,
        'The recovery sheet holds the recovery key. Print it, keep it away from this computer, and delete the file: whoever has it and can reach the copies can read your chats.',
      );
    case 'fresh':
      return say(
        locale,
        'Start a fresh backup? Everything on this computer is backed up once more under new keys, beside the old backup; that takes as much room again. What someone copied from the cloud before stays open to the old password. Chats that are no longer on this computer, and those of your other computers, are in the old backup only; it stays until you delete it.',
      );
    case 'deleteCopies':
      return say(
        locale,
        'Stop backing up for good and delete the copies? What is in them and no longer on this computer is lost. Your chats on this computer stay as they are. Copies of the cloud that someone may have taken are not reached.',
      );
    case 'deleteOld':
      return say(
        locale,
        'Delete the old backup? What is in it and no longer on this computer is lost, and so are the backups that other computers made there. Copies of it that someone may have taken are not reached.',
      );
  }
}

export function afterChange(what: 'password' | 'phone' | 'renew' | 'show', locale: Locale = {}): string {
  switch (what) {
    case 'password':
      return say(
        locale,
        'The password is changed. Your other computers open with the new one as soon as they ask again.',
      );
    case 'phone':
      return say(locale, 'The phone number is changed. Other computers need the new one when they set up again.');
    case 'renew':
      return say(
        locale,
        'This is your new recovery key. The old one opens the backup no longer; replace the printed sheet.',
      );
    case 'show':
      return say(locale, 'This is your recovery key. It opens the backup if the password is lost.');
  }
}

/** @param left name of the old place */
export function freshWords(place: string, left: string, locale: Locale = {}): string {
  return say(
    locale,
    'The fresh backup is made, in {place}. From now on Signet backs up there, with the new password and this new recovery key. The old backup “{left}” stays as it is. When you are sure that you need it no more: `signet fresh --delete-old {left}`.',
    { place, left },
  );
}
