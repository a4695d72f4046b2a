// What of the extension is there without being asked for: views and file systems. Each part gets the shell once the line to the daemon was
// loaded, and is disposed with the window.

import type { Disposable } from 'vscode';
import type { Shell } from './shell.ts';

export type Part = (shell: Shell) => Disposable | Promise<Disposable>;

export const parts: readonly Part[] = [async shell => (await import('./install-cli.ts')).launcherKept(shell)];
