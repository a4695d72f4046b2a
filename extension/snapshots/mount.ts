// Makes the files of backups known to the editor at once: a window may open again with one of them before the line to the daemon is there.
// What reads them is loaded when the first one is asked for. Files of this computer that are compared with them can only be read, too: an app
// may have them open, and a slip of the hand would be saved into its chats.

import * as vscode from 'vscode';
import type { Shell } from '../shell.ts';
import { liveScheme, scheme } from './address.ts';

type Reading = Pick<vscode.FileSystemProvider, 'stat' | 'readDirectory' | 'readFile'>;

export function mountSnapshots(shell: Promise<Shell>): vscode.Disposable {
  let files: Promise<import('./file-system.ts').SnapshotFiles> | undefined;
  const opened = () => {
    files ??= Promise.all([shell, import('./file-system.ts')]).then(
      ([given, { SnapshotFiles }]) => new SnapshotFiles(given),
    );
    return files;
  };
  const backedUp: Reading = {
    stat: async uri => (await opened()).stat(uri),
    readDirectory: async uri => (await opened()).readDirectory(uri),
    readFile: async uri => (await opened()).readFile(uri),
  };
  const onDisk = (uri: vscode.Uri) => uri.with({ scheme: 'file' });
  const live: Reading = {
    stat: async uri => vscode.workspace.fs.stat(onDisk(uri)),
    readDirectory: async uri => vscode.workspace.fs.readDirectory(onDisk(uri)),
    readFile: async uri => vscode.workspace.fs.readFile(onDisk(uri)),
  };
  const inBackup = vscode.l10n.t('This is a file in a backup. It cannot be changed.');
  const compared = vscode.l10n.t('This file is shown for comparison. It cannot be changed here.');
  return vscode.Disposable.from(readOnly(scheme, backedUp, inBackup), readOnly(liveScheme, live, compared), {
    dispose: () => void files?.then(given => given.dispose()),
  });
}

function readOnly(of: string, reading: Reading, why: string): vscode.Disposable {
  const changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  const refuse = (uri: vscode.Uri): never => {
    throw vscode.FileSystemError.NoPermissions(uri);
  };
  const provider: vscode.FileSystemProvider = {
    ...reading,
    onDidChangeFile: changed.event, // never: what is shown is what was there when it was opened
    watch: () => ({ dispose: () => {} }),
    createDirectory: refuse,
    writeFile: refuse,
    delete: refuse,
    rename: refuse,
  };
  const options = { isCaseSensitive: true, isReadonly: new vscode.MarkdownString(why) };
  return vscode.Disposable.from(changed, vscode.workspace.registerFileSystemProvider(of, provider, options));
}
