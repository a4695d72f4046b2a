// Makes the files of backups known to the editor at once: a window may open again with one of them before the line to the daemon is there.
// What reads them is loaded when the first one is asked for.

import * as vscode from 'vscode';
import type { Shell } from '../shell.ts';
import { scheme } from './address.ts';

export function mountSnapshots(shell: Promise<Shell>): vscode.Disposable {
  const changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  let files: Promise<import('./file-system.ts').SnapshotFiles> | undefined;
  const opened = () => {
    files ??= Promise.all([shell, import('./file-system.ts')]).then(
      ([given, { SnapshotFiles }]) => new SnapshotFiles(given),
    );
    return files;
  };
  const refuse = (uri: vscode.Uri): never => {
    throw vscode.FileSystemError.NoPermissions(uri);
  };
  const provider: vscode.FileSystemProvider = {
    onDidChangeFile: changed.event, // never: a backup stays as it is
    watch: () => ({ dispose: () => {} }),
    stat: async uri => (await opened()).stat(uri),
    readDirectory: async uri => (await opened()).readDirectory(uri),
    readFile: async uri => (await opened()).readFile(uri),
    createDirectory: refuse,
    writeFile: refuse,
    delete: refuse,
    rename: refuse,
  };
  const why = new vscode.MarkdownString(vscode.l10n.t('This is a file in a backup. It cannot be changed.'));
  return vscode.Disposable.from(
    changed,
    vscode.workspace.registerFileSystemProvider(scheme, provider, { isCaseSensitive: true, isReadonly: why }),
    { dispose: () => void files?.then(given => given.dispose()) },
  );
}
