// What a command needs that reads backups: a Signet that is set up and unlocked. A locked one asks for the password first.

import * as vscode from 'vscode';
import { PeerError } from '../protocol/errors.ts';
import { status } from '../protocol/messages.ts';
import type { Shell } from './shell.ts';

/** False when the person gave up. @throws E_NOT_SET_UP */
export async function unlocked({ link }: Pick<Shell, 'link'>): Promise<boolean> {
  const { vault } = await link.request(status, {});
  if (vault === 'absent') throw new PeerError('E_NOT_SET_UP', 'this computer is not set up');
  return vault === 'unlocked' || (await vscode.commands.executeCommand<boolean | undefined>('signet.unlock')) === true;
}
