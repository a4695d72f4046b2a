// Renew Recovery Key…: first what it does not achieve, then the present password; then the new key is shown and kept as at set-up.

import * as vscode from 'vscode';
import { renewRecoveryKey as renewRequest } from '../../protocol/messages.ts';
import type { Command } from '../shell.ts';
import { askUntilProven, nothingAsked, proofOf, proofSteps, setUpStatus, working } from './proof.ts';
import { confirmRecoveryKey } from './recovery-key.ts';

/** Whether the new key was typed back; undefined when there is none. */
export const renewRecoveryKey: Command<readonly [], { readonly confirmed: boolean }> = async shell => {
  const { link } = shell;
  const now = await setUpStatus(shell);
  const go = vscode.l10n.t('Renew Recovery Key…');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Make a new recovery key?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'The old key opens the backup no longer. Old copies of the cloud that someone may have taken still open with it: if someone may have it, start a fresh backup instead, with Change Password. Your other computers ask for the password once more.',
      ),
    },
    go,
  );
  if (answer !== go) return undefined;
  const steps = proofSteps(shell, vscode.l10n.t('Renew Recovery Key'), now);
  const done = await askUntilProven(nothingAsked, steps, async answers =>
    working(vscode.l10n.t('Renewing the recovery key'), async () => {
      const { sealedKey } = await link.request(renewRequest, {
        secrets: await link.seal(renewRequest, { ...proofOf(answers) }),
      });
      return link.openText(renewRequest, sealedKey);
    }),
  );
  if (done === undefined) return undefined;
  return { confirmed: await confirmRecoveryKey(shell, done.result, proofOf(done.answers)) };
};
