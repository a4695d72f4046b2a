// Change Password…: first what it does not achieve, with the way that does; then the present password and the new one. A fresh backup under
// new keys is the other way, for whoever fears that somebody knows the password.

import * as vscode from 'vscode';
import { afterChange } from '../../protocol/key-words.ts';
import { changePassword as changeRequest, startAfresh } from '../../protocol/messages.ts';
import { withoutLinks } from '../plain-text.ts';
import { withJobProgress } from '../progress.ts';
import { newPasswordSteps } from '../set-up/secrets.ts';
import type { Command, Shell } from '../shell.ts';
import { type Asked, askUntilProven, nothingAsked, proofOf, proofSteps, setUpStatus, working } from './proof.ts';
import { confirmRecoveryKey } from './recovery-key.ts';

interface Answers extends Asked {
  /** The new one. */
  readonly password: string;
}

const start: Answers = { ...nothingAsked, password: '' };

/** What was done. */
export type PasswordChange = 'changed' | 'fresh';

export const changePassword: Command<readonly [], PasswordChange> = async shell => {
  await setUpStatus(shell);
  const change = vscode.l10n.t('Change Password…');
  const fresh = vscode.l10n.t('Start a Fresh Backup…');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Change the password?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'Old copies of the cloud that someone may have taken still open with the old password. If someone may know it, start a fresh backup instead.',
      ),
    },
    change,
    fresh,
  );
  if (answer === change) return await setNewPassword(shell);
  return answer === fresh ? await startFresh(shell) : undefined;
};

async function setNewPassword(shell: Shell): Promise<PasswordChange | undefined> {
  const { link, reader } = shell;
  const done = await askUntilProven(
    start,
    await steps(shell, vscode.l10n.t('Change Password'), true),
    async answers => {
      const { recoveryKey, presentPhone: phone, password: newPassword } = answers;
      const byKey = { recoveryKey, ...(phone !== '' && { phone }) };
      const secrets = { ...(recoveryKey === '' ? proofOf(answers) : byKey), newPassword };
      await working(vscode.l10n.t('Changing the password'), async () =>
        link.request(changeRequest, { secrets: await link.seal(changeRequest, secrets) }),
      );
    },
  );
  if (done === undefined) return undefined;
  vscode.window.showInformationMessage(afterChange('password', reader().locale));
  return 'changed';
}

async function startFresh(shell: Shell): Promise<PasswordChange | undefined> {
  const { link } = shell;
  const go = vscode.l10n.t('Start a Fresh Backup…');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Start a fresh backup?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'Everything on this computer is backed up once more under new keys, beside the old backup; that takes as much room again. What someone copied from the cloud before stays open to the old password. Chats that are no longer on this computer, and those of your other computers, are in the old backup only; it stays until you delete it.',
      ),
    },
    go,
  );
  if (answer !== go) return undefined;
  const title = vscode.l10n.t('Start a Fresh Backup');
  const done = await askUntilProven(start, await steps(shell, title, false), async answers => {
    const secrets = await link.seal(startAfresh, { ...proofOf(answers), newPassword: answers.password });
    const working = vscode.l10n.t('Making the fresh backup');
    const made = await withJobProgress(shell, working, startAfresh, { secrets });
    return { ...made, key: await link.openText(startAfresh, made.sealedKey) };
  });
  if (done === undefined) return undefined;
  const { key, left } = done.result;
  vscode.window.showInformationMessage(
    vscode.l10n.t(
      'The fresh backup is made. From now on Signet backs up there, with the new password and a new recovery key. The old backup “{left}” stays as it is.',
      { left: withoutLinks(left) },
    ),
  );
  const { presentPhone, password } = done.answers;
  await confirmRecoveryKey(shell, key, { password, ...(presentPhone !== '' && { phone: presentPhone }) });
  return 'fresh';
}

async function steps(shell: Shell, title: string, mayUseKey: boolean) {
  const now = await setUpStatus(shell);
  const titles = { password: title, passwordAgain: title };
  // Beside the key a number proves nothing: one that had to be typed would become part of the lock unproved.
  const key = mayUseKey && now.phoneEnding !== null;
  return [
    ...proofSteps<Answers>(shell, title, now, { mayUseKey: key }),
    ...newPasswordSteps<Answers>(shell, titles, now.keychain),
  ];
}
