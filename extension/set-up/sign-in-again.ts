// Sign In to Google Drive…: for the place in use, with the client id that is known. Its secret is asked for only where the background part
// does not have it any more.

import * as vscode from 'vscode';
import { showRemote } from '../../protocol/messages.ts';
import { adviceWords } from '../../protocol/place-words.ts';
import { asWireError } from '../link.ts';
import { withoutLinks } from '../plain-text.ts';
import type { Command, Shell } from '../shell.ts';
import { askSteps, back, cancelled, type Step } from '../steps.ts';
import type { PlaceDraft } from './answers.ts';
import { askClientId, askClientSecret, askFlow } from './place.ts';
import { type ConnectedPlace, connectPlace, isClientWrong } from './sign-in.ts';
import { isElsewhere } from './surroundings.ts';

export const signIn: Command<readonly [], ConnectedPlace> = async shell => {
  const { places } = await shell.link.request(showRemote);
  const drives = places.filter(({ kind, role }) => kind === 'drive' && role !== 'left');
  const place = drives.find(each => each.signIn !== undefined) ?? drives[0];
  if (place === undefined) {
    const connect = vscode.l10n.t('Connect a Cloud…');
    vscode.window
      .showInformationMessage(vscode.l10n.t('Google Drive is not in use on this computer.'), connect)
      .then(answer => {
        if (answer === connect) vscode.commands.executeCommand('signet.connectCloud');
      });
    return undefined;
  }
  const { remote, clientId } = place;
  const title = vscode.l10n.t('Sign In to Google Drive');
  const flow = isElsewhere(shell) ? await askFlow(shell, { title }) : 'browser';
  if (flow === back || flow === cancelled) return undefined;
  try {
    return tell(await connectPlace(shell, { remote, flow }), shell);
  } catch (error) {
    if (!isClientWrong(asWireError(error))) throw error;
  }
  const client = await askClient(shell, title, { flow, ...(clientId !== undefined && { clientId }) });
  return client === undefined ? undefined : tell(await connectPlace(shell, { remote, flow, ...client }), shell);
};

/** With what would make the sign-in last. */
function tell(place: ConnectedPlace, { reader }: Shell): ConnectedPlace {
  const { locale } = reader();
  const { account } = place;
  const connected =
    account === undefined
      ? vscode.l10n.t('Google Drive is connected. Backups go on by themselves.')
      : vscode.l10n.t('Google Drive is connected: {account}. Backups go on by themselves.', { account });
  const advice = place.advice.includes('project-in-testing') ? adviceWords('project-in-testing', locale) : undefined;
  vscode.window.showInformationMessage(withoutLinks([connected, ...(advice === undefined ? [] : [advice])].join(' ')));
  return place;
}

type Client = Pick<PlaceDraft, 'flow' | 'clientId' | 'clientSecret'>;

async function askClient(shell: Shell, title: string, known: Client): Promise<Client | undefined> {
  const id: Step<Client> = async (client, place) => {
    const clientId = await askClientId(shell, { ...place, title }, client);
    return typeof clientId === 'string' ? { ...client, clientId } : clientId;
  };
  const secret: Step<Client> = async (client, place) => {
    const clientSecret = await askClientSecret(shell, { ...place, title }, client);
    return typeof clientSecret === 'string' ? { ...client, clientSecret } : clientSecret;
  };
  const client = await askSteps(known, () => [id, secret]);
  return client === back || client === cancelled ? undefined : client;
}
