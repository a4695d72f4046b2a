// Files of an app that is open are not put back: its owner is asked to close it, as often as it takes.

import { l10n, window } from 'vscode';
import { wordsFor } from '../../protocol/error-words.ts';
import { PeerError } from '../../protocol/errors.ts';
import { asWireError } from '../link.ts';
import type { Shell } from '../shell.ts';

/** @throws E_CANCELLED when the app stays open */
export async function closingApps<Result>(
  { reader }: Pick<Shell, 'reader'>,
  work: () => Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const wire = asWireError(error);
      if (wire.code !== 'E_APP_OPEN') throw error;
      const { now, locale } = reader();
      const { message, advice } = wordsFor(wire, now, locale);
      const closed = l10n.t('It Is Closed');
      const answer = await window.showWarningMessage(message, { modal: true, detail: advice }, closed);
      if (answer !== closed) throw new PeerError('E_CANCELLED', 'the app stays open', { params: { job: 'restore' } });
    }
  }
}
