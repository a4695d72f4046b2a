// Connecting a place in a cloud: the browser opens for the sign-in, a notification waits and can be cancelled, and what goes wrong is said.
// Where the browser is on another computer than Signet, the page could not come back: a code is typed there instead.

import * as vscode from 'vscode';
import type { WireError } from '../../protocol/errors.ts';
import { ago } from '../../protocol/formats.ts';
import { connectRemote, signInAsked } from '../../protocol/messages.ts';
import type { PlaceStatus } from '../../protocol/status.ts';
import type { Shell } from '../shell.ts';
import type { Holds, SignInFlow } from './answers.ts';

export interface ConnectWish {
  readonly remote: string;
  /** Of Google Drive. */
  readonly flow?: SignInFlow;
  /** Of Google Drive; without it those that are known. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Of S3; without them the computer's own settings. */
  readonly accessKeyId?: string;
  readonly s3Secret?: string;
  readonly region?: string;
}

export type ConnectedPlace = PlaceStatus & { readonly holds: Holds };

/** @throws what sign-in and the place throw; E_CANCELLED when the person stopped it */
export function connectPlace(shell: Shell, wish: ConnectWish): Thenable<ConnectedPlace> {
  const { link } = shell;
  const { clientSecret, s3Secret, ...rest } = wish;
  const isDrive = wish.remote.startsWith('drive:');
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: isDrive ? vscode.l10n.t('Connecting Google Drive') : vscode.l10n.t('Connecting the S3 storage'),
    cancellable: true,
  };
  return vscode.window.withProgress(options, async (shown, token) => {
    const listener = await link.listen(signInAsked, asked => {
      shown.report({ message: waitingWords(asked, shell) });
      // What the person does with the page shows in the answer of the request.
      void openPage(asked);
    });
    try {
      const secrets = await link.seal(connectRemote, {
        ...(clientSecret !== undefined && { clientSecret }),
        ...(s3Secret !== undefined && { s3Secret }),
      });
      return await link.request(connectRemote, { ...rest, secrets }, { token });
    } finally {
      listener.dispose();
    }
  });
}

interface Asked {
  readonly url: string;
  readonly userCode?: string;
  readonly expiresAt: string;
}

function waitingWords({ userCode, expiresAt }: Asked, { reader }: Shell): string {
  const { locale, now } = reader();
  const time = ago(expiresAt, now, { ...locale, bare: true });
  return userCode === undefined
    ? vscode.l10n.t('Agree on the page that opens in your browser, until {time} at the latest.', { time })
    : vscode.l10n.t('Type the code {code} on the page of Google and agree there, until {time} at the latest.', {
        code: userCode,
        time,
      });
}

async function openPage({ url, userCode }: Asked): Promise<void> {
  const page = vscode.Uri.parse(url, true);
  if (userCode === undefined) {
    if (await vscode.env.openExternal(page)) return;
    const copy = vscode.l10n.t('Copy Address');
    const answer = await vscode.window.showWarningMessage(
      vscode.l10n.t('The browser was not opened. Open the address of the sign-in there yourself.'),
      copy,
    );
    if (answer === copy) await vscode.env.clipboard.writeText(url);
    return;
  }
  const open = vscode.l10n.t('Copy Code and Open the Page');
  const answer = await vscode.window.showInformationMessage(
    vscode.l10n.t('To connect Google Drive, type the code {code} at {url}. Any device will do.', {
      code: userCode,
      url,
    }),
    open,
  );
  if (answer !== open) return;
  await vscode.env.clipboard.writeText(userCode);
  await vscode.env.openExternal(page);
}

/** What the place was connected with is not at hand any more, or no longer valid: it has to be typed again. */
export function isClientWrong({ code, params }: Pick<WireError, 'code' | 'params'>): boolean {
  return (
    (code === 'E_USAGE' && params['missing'] !== undefined) || (code === 'E_SIGN_IN' && params['why'] === 'client')
  );
}
