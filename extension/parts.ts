// What of the extension is there without being asked for: views and file systems. Each part gets the shell once the line to the daemon was
// loaded, and is disposed with the window.

import type { Disposable } from 'vscode';
import type { Shell } from './shell.ts';
import { mountSnapshots } from './snapshots/mount.ts';

export type Part = (shell: Shell) => Disposable | Promise<Disposable>;

export const parts: readonly Part[] = [
  async () => (await import('./keys/passing-file.ts')).nothingLeft(),
  async shell => (await import('./notice-board.ts')).notices(shell),
  async shell => (await import('./settings-sync.ts')).settingsInStep(shell),
  async shell => (await import('./install-cli.ts')).launcherKept(shell),
  async shell => new (await import('./snapshots/tree.ts')).SnapshotTree(shell),
];

/** What the editor may ask for before the line to the daemon was loaded: there when the extension has started, and answers when it can. */
export const mounts: readonly ((shell: Promise<Shell>) => Disposable)[] = [mountSnapshots];
