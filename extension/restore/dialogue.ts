// What the steps of the restore dialogue share: the answers so far, and who is asked.

import { QuickPickItemKind } from 'vscode';
import type { RestoreUndo } from '../../protocol/status.ts';
import type { Shown, What, Where } from './wishes.ts';

export interface Answers {
  readonly shown?: Shown;
  /** Take a restore back instead. */
  readonly undo?: RestoreUndo;
  readonly what?: What;
  readonly where?: Where;
}

export const separator = { kind: QuickPickItemKind.Separator } as const;
