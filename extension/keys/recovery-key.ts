// A new recovery key on the screen, until it is kept: printed, saved or written down, and one group of it typed back.

import { randomInt } from 'node:crypto';
import * as vscode from 'vscode';
import { groupsOf } from '../../protocol/recovery-key.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Shell } from '../shell.ts';
import { ask } from '../steps.ts';
import { keyRows } from './key-hints.ts';
import type { Proof } from './proof.ts';
import { type ShownSheet, showRecoverySheet } from './recovery-sheet.ts';

/**
 * True when the key was kept and a group of it typed back. Closing early is allowed: who knows the password can see the key again.
 * @param proof for the sheet beside; without it the key is shown in the dialog alone
 */
export async function confirmRecoveryKey(shell: Shell, key: string, proof?: Proof): Promise<boolean> {
  const sheet = proof === undefined ? undefined : await sheetBeside(shell, proof);
  while (true) {
    const wish = await showKey(shell, key, sheet !== undefined);
    if (wish === 'later') return false;
    if (wish === 'written') {
      const isKept = await typedBack(key);
      // Nothing is left to do with it, and a key does not stay on a screen.
      if (isKept) sheet?.close();
      return isKept;
    }
    try {
      await (wish === 'print' ? sheet?.print() : sheet?.save());
    } catch (error) {
      await vscode.window.showErrorMessage(explain(asWireError(error)), { modal: true });
    }
  }
}

/** The key matters more than its sheet: what stands in the way of that is told, and the key is shown all the same. */
async function sheetBeside(shell: Shell, proof: Proof): Promise<ShownSheet | undefined> {
  try {
    return await showRecoverySheet(shell, proof);
  } catch (error) {
    const wire = asWireError(error);
    shell.log.warn(`recovery sheet: ${wire.code}`);
    vscode.window.showWarningMessage(explain(wire));
    return undefined;
  }
}

type Wish = 'print' | 'save' | 'written' | 'later';

async function showKey({ reader }: Shell, key: string, hasSheet: boolean): Promise<Wish> {
  const item = (title: string, wish: Wish) => ({ title, wish, isCloseAffordance: wish === 'later' });
  const answer = await vscode.window.showInformationMessage(
    vscode.l10n.t('This is your recovery key.'),
    {
      modal: true,
      detail: [
        keyRows(key, reader().locale),
        vscode.l10n.t(
          'It opens the backup if the password is lost. It is shown now, and later only to someone who knows the password.',
        ),
      ].join('\n\n'),
    },
    ...(hasSheet ? [item(vscode.l10n.t('Print…'), 'print'), item(vscode.l10n.t('Save…'), 'save')] : []),
    item(vscode.l10n.t('I Wrote It Down'), 'written'),
    item(vscode.l10n.t('Later'), 'later'),
  );
  return answer?.wish ?? 'later';
}

async function typedBack(key: string): Promise<boolean> {
  const groups = groupsOf(key).slice(0, -1);
  const asked = randomInt(groups.length);
  const n = asked + 1;
  const answer = await ask({
    title: vscode.l10n.t('Recovery Key'),
    prompt: vscode.l10n.t('To make sure it is readable, type group {n} of the key.', { n }),
    check: async value =>
      value.trim().toLowerCase() === groups[asked]
        ? undefined
        : vscode.l10n.t('That is not group {n}. Look again at the sheet.', { n }),
  });
  return typeof answer === 'string';
}
