// What an alarm means and what can be done about it, by its code. Every alarm says that the chats here are safe and that nothing is deleted
// meanwhile; the sentence itself is that of protocol/words.ts.

import type { ErrorCode } from '../../protocol/errors.ts';
import { type Locale, say } from '../../protocol/formats.ts';
import type { Action } from './panel-model.ts';

export interface AlarmText {
  readonly means: string;
  readonly steps: readonly string[];
  readonly primary: Action;
  readonly others: readonly Action[];
}

/** @param place begins large */
export function alarmText(code: ErrorCode, place: string, locale: Locale): AlarmText {
  const check: Action = { label: say(locale, 'Check Again'), intent: { do: 'check' } };
  const connect = (label: string): Action => ({ label, intent: { do: 'run', command: 'signet.connectCloud' } });
  const second = connect(say(locale, 'Add a Second Place…'));
  const changePassword: Action = {
    label: say(locale, 'Change Password…'),
    intent: { do: 'run', command: 'signet.changePassword' },
  };
  const account = say(
    locale,
    'If it was nobody you know, someone else may be able to use your account there. Change its password.',
  );
  const keepSecond = say(locale, 'Keep a second copy in another place, so that no single cloud can hide your backups.');
  switch (code) {
    case 'E_ROLLBACK':
    case 'E_WITHHELD':
      return {
        means: say(
          locale,
          'They reached {place} and were read back. Now they are missing there. Either someone removed them, or {place} is showing an old copy.',
          { place },
        ),
        steps: [
          say(locale, 'Look in the trash of {place}. What you put back there is found again at the next check.', {
            place,
          }),
          account,
          keepSecond,
        ],
        primary: check,
        others: [second],
      };
    case 'E_FORK':
      return {
        means: say(
          locale,
          'Two histories exist where there should be one. That does not happen by accident unless a computer was restored from a disk image.',
        ),
        steps: [
          say(locale, 'Think whether one of your computers was restored from an image of its disk.'),
          account,
          keepSecond,
        ],
        primary: check,
        others: [second],
      };
    case 'E_FOREIGN_SNAPSHOT':
      return {
        means: say(
          locale,
          'It opens with your key, but no device of yours signed for it. It is kept apart and never restored by default.',
        ),
        steps: [
          say(locale, 'If you made it yourself with restic, nothing needs to be done.'),
          say(locale, 'If not, someone may know your password or your recovery key. Change the password.'),
        ],
        primary: check,
        others: [changePassword],
      };
    case 'E_VAULT_CHANGED':
    case 'E_VAULT_ROLLBACK':
      return {
        means: say(
          locale,
          'This computer still opens the backup with the lock it knows. A new computer might be shown the wrong one.',
        ),
        steps: [
          say(
            locale,
            'If you changed the password on another computer, lock Signet here and unlock it with the new one.',
          ),
          account,
        ],
        primary: check,
        others: [second],
      };
    case 'E_REPO_MISMATCH':
      return {
        means: say(locale, 'The place holds another backup under the same name. Nothing was written there.'),
        steps: [
          say(locale, 'See whether the right account and the right folder are connected.'),
          say(locale, 'If they are, choose another place for the copies. The chats on this computer are all there.'),
        ],
        primary: check,
        others: [connect(say(locale, 'Choose a Place…'))],
      };
    default:
      return {
        means: say(
          locale,
          'Some files cannot be restored from there. What is still on this computer can be uploaded afresh.',
        ),
        steps: [say(locale, 'Verify the backups to see what is affected.'), keepSecond],
        primary: { label: say(locale, 'Verify…'), intent: { do: 'run', command: 'signet.verify' } },
        others: [check, second],
      };
  }
}

export function alarmCalm(locale: Locale): string {
  return say(
    locale,
    'Your chats on this computer are safe. New backups go on. Nothing is deleted or tidied up until you decide.',
  );
}
