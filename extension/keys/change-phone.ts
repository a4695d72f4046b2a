// Change Phone Number…: first what it does not achieve, then the present password and the new number.

import * as vscode from 'vscode';
import { afterChange } from '../../protocol/key-words.ts';
import { changePhone as changeRequest } from '../../protocol/messages.ts';
import { newPhoneSteps } from '../set-up/secrets.ts';
import type { Command } from '../shell.ts';
import { type Asked, askUntilProven, nothingAsked, proofOf, proofSteps, setUpStatus, working } from './proof.ts';

interface Answers extends Asked {
  /** The new one. */
  readonly phone: string;
}

/** True when it was changed. */
export const changePhone: Command<readonly [], boolean> = async shell => {
  const { link, reader } = shell;
  const now = await setUpStatus(shell);
  const go = vscode.l10n.t('Change Phone Number…');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Change the phone number?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'It is part of the lock. Old copies of the cloud that someone may have taken still open with the old number and the password of that time.',
      ),
    },
    go,
  );
  if (answer !== go) return undefined;
  const title = vscode.l10n.t('Change Phone Number');
  const steps = [
    ...proofSteps<Answers>(shell, title, now),
    ...newPhoneSteps<Answers>(shell, { phone: title, phoneAgain: title }, ({ present }) => present),
  ];
  const done = await askUntilProven({ ...nothingAsked, phone: '' }, steps, async answers => {
    const secrets = { ...proofOf(answers), newPhone: answers.phone };
    await working(vscode.l10n.t('Changing the phone number'), async () =>
      link.request(changeRequest, { secrets: await link.seal(changeRequest, secrets) }),
    );
  });
  if (done === undefined) return undefined;
  vscode.window.showInformationMessage(afterChange('phone', reader().locale));
  return true;
};
