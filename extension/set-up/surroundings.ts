// Where this part of the editor runs: beside the person, or on another machine that a window shows.

import { hostname } from 'node:os';
import * as vscode from 'vscode';
import type { Shell } from '../shell.ts';

/** Signet runs on another computer than the one whose browser opens pages. */
export function isElsewhere({ extension }: Pick<Shell, 'extension'>): boolean {
  if (vscode.env.remoteName === undefined) return false;
  const own = vscode.extensions.all.find(({ extensionUri }) => extensionUri.toString() === extension.toString());
  return own?.extensionKind !== vscode.ExtensionKind.UI;
}

/** Whose chats are backed up, where the window shows another machine than the one in front of the person; undefined where there is one only. */
export function machineName(): string | undefined {
  return vscode.env.remoteName === undefined ? undefined : hostname();
}
