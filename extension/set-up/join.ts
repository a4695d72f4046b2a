// Restore… on a computer that is not set up: where the copies are, and what opens them. The computer then only looks and restores; none of
// its chats are backed up, and nothing there is changed.

import * as vscode from 'vscode';
import { type SetupAnswer, setup } from '../../protocol/messages.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Shell } from '../shell.ts';
import { askSteps, back, cancelled, type Step } from '../steps.ts';
import { type Answers, type FoundPlace, nothingYet } from './answers.ts';
import { askPlace } from './place.ts';
import { openingSteps } from './secrets.ts';
import { restoreTitles } from './titles.ts';

/** What was joined; undefined when the person gave up. */
export async function joinToRestore(shell: Shell): Promise<Pick<SetupAnswer, 'newest'> | undefined> {
  const titles = () => restoreTitles(shell.reader().locale);
  const place: Step<Answers> = async (answers, counter) => {
    const question = {
      titles: titles(),
      placeholder: vscode.l10n.t('Where are the copies?'),
      openLabel: vscode.l10n.t('Restore from Here'),
      isOld: true,
      kinds: ['folder', 'drive', 's3'],
      roots: [],
      accepts: hasBackup,
    } as const;
    const chosen = await askPlace(shell, question, counter, answers.place);
    return chosen === back || chosen === cancelled ? chosen : { ...answers, place: chosen };
  };
  let joined: SetupAnswer | undefined;
  const open = async (answers: Answers) => {
    try {
      joined = await openToRestore(shell, answers);
      return undefined;
    } catch (error) {
      return explain(asWireError(error));
    }
  };
  const finishes = { password: open, key: open, typed: { phone: '' } };
  const answers = await askSteps(nothingYet, state => [place, ...openingSteps(shell, titles(), state, finishes)]);
  return answers === back || answers === cancelled ? undefined : joined;
}

async function hasBackup({ holds, remote }: FoundPlace): Promise<boolean> {
  if (holds === 'repository') return true;
  vscode.window.showErrorMessage(
    remote.startsWith('drive:')
      ? vscode.l10n.t(
          'With this client id no backup can be seen in Google Drive. Connect it with the one that made the backup.',
        )
      : vscode.l10n.t('There is no backup in this place.'),
  );
  return false;
}

function openToRestore({ link }: Shell, answers: Answers): Promise<SetupAnswer> {
  const { byKey, recoveryKey, password, phone, place } = answers;
  const working = { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Opening the backup') };
  const opening = vscode.window.withProgress(working, async () =>
    link.request(setup, {
      sources: [],
      remote: place.found?.remote ?? '',
      readOnly: true,
      secrets: await link.seal(setup, byKey ? { recoveryKey } : { password, phone }),
    }),
  );
  return Promise.resolve(opening);
}
