// Unlock…: the password, with the phone number where this computer does not remember it, or the recovery key in place of both.

import * as vscode from 'vscode';
import { PeerError } from '../../protocol/errors.ts';
import { status, unlock } from '../../protocol/messages.ts';
import { parseRecoveryKey } from '../../protocol/recovery-key.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import { digitsOf, emptyProblem, phoneProblem } from '../set-up/entries.ts';
import { liveKey } from '../set-up/secrets.ts';
import type { Command, Shell } from '../shell.ts';
import { ask, askInOrder, type Step } from '../steps.ts';

interface Answers {
  readonly password: string;
  readonly phone: string;
  readonly byKey: boolean;
}

const other = '\0other';

/** With `{ with: 'recoveryKey' }` it asks for the key at once. True when it is unlocked afterwards. @throws E_NOT_SET_UP */
export const unlockVault: Command<readonly [{ readonly with?: 'recoveryKey' }], boolean> = async (shell, given) => {
  const { vault, phoneEnding } = await shell.link.request(status, {});
  if (vault === 'absent') throw new PeerError('E_NOT_SET_UP', 'there is nothing to unlock');
  if (vault === 'unlocked') return true;
  const byKey = given?.with === 'recoveryKey';
  const start: Answers = { password: '', phone: '', byKey };
  const steps = phoneEnding === null && !byKey ? [phoneStep(shell), passwordStep(shell)] : [passwordStep(shell)];
  const answers = await askInOrder(start, steps);
  return answers === undefined ? undefined : true;
};

/** The number first: the password that follows is tried together with it. */
function phoneStep(shell: Shell): Step<Answers> {
  return async (answers, place) => {
    const phone = await ask({
      ...place,
      title: vscode.l10n.t('Unlock Signet: Phone'),
      prompt: vscode.l10n.t(
        'Your phone number, with country code. This computer does not remember it, so it is needed too.',
      ),
      value: answers.phone,
      buttons: [{ icon: 'key', tooltip: vscode.l10n.t('Use the Recovery Key'), answer: other }],
      check: async value => phoneProblem(value, shell.reader().locale),
    });
    if (phone === other) return { ...answers, byKey: true };
    return typeof phone === 'string' ? { ...answers, phone: digitsOf(phone), byKey: false } : phone;
  };
}

function passwordStep(shell: Shell): Step<Answers> {
  const byPassword: Step<Answers> = async (answers, place) => {
    if (answers.byKey) return keyStep(shell)(answers, place);
    const password = await ask({
      ...counterOf(place),
      title: vscode.l10n.t('Unlock Signet'),
      prompt: vscode.l10n.t('Your backup password. It stays on this computer.'),
      hidden: true,
      buttons: [{ icon: 'key', tooltip: vscode.l10n.t('Use the Recovery Key'), answer: other }],
      check: async typed =>
        emptyProblem(typed, shell.reader().locale) ??
        (await send(shell, { password: typed, ...(answers.phone !== '' && { phone: answers.phone }) })),
    });
    if (password === other) return keyStep(shell)({ ...answers, byKey: true }, place);
    return typeof password === 'string' ? answers : password;
  };
  return byPassword;
}

function keyStep(shell: Shell): Step<Answers> {
  return async (answers, place) => {
    const key = await ask({
      ...counterOf(place),
      title: vscode.l10n.t('Unlock Signet: Recovery Key'),
      prompt: vscode.l10n.t('The 16 groups, then the check group. Spaces do not matter.'),
      hidden: true,
      live: typed => liveKey(typed, shell),
      buttons: [{ icon: 'lock', tooltip: vscode.l10n.t('Use the Password'), answer: other }],
      // Typing mistakes are told before anything is sent.
      check: async typed => {
        try {
          return await send(shell, { recoveryKey: parseRecoveryKey(typed) });
        } catch (error) {
          return explain(asWireError(error));
        }
      },
    });
    if (key === other) return passwordStep(shell)({ ...answers, byKey: false }, place);
    return typeof key === 'string' ? answers : key;
  };
}

/** One question alone has no counter. */
function counterOf(place: { readonly step: number; readonly totalSteps: number }) {
  return place.totalSteps > 1 ? place : {};
}

/** The reason why it did not open, in the words for the input box; undefined when it did. */
async function send(
  { link }: Shell,
  values: { readonly password?: string; readonly phone?: string; readonly recoveryKey?: string },
): Promise<string | undefined> {
  try {
    await link.request(unlock, { secrets: await link.seal(unlock, values) });
    return undefined;
  } catch (error) {
    return explain(asWireError(error));
  }
}
