// Backups as a file system that can only be read: what is shown is decrypted piece by piece by the daemon and lies in the editor's memory alone.

import * as vscode from 'vscode';
import { size } from '../../protocol/formats.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Shell } from '../shell.ts';
import { placeOf, segmentOf, snapshotOf, written } from './address.ts';
import { Contents, maxShownBytes } from './contents.ts';

const types = {
  file: vscode.FileType.File,
  dir: vscode.FileType.Directory,
  // Where a link leads is on the computer that was backed up.
  symlink: vscode.FileType.SymbolicLink,
} as const;

export class SnapshotFiles implements Pick<vscode.FileSystemProvider, 'stat' | 'readDirectory' | 'readFile'> {
  readonly #shell: Shell;
  readonly #contents: Contents;
  readonly #listening: vscode.Disposable;

  constructor(shell: Shell) {
    this.#shell = shell;
    this.#contents = new Contents(shell.link);
    this.#listening = shell.onDidChange(known => {
      if (known.kind !== 'connected' || known.status.vault !== 'unlocked') this.#contents.forget();
    });
  }

  dispose(): void {
    this.#listening.dispose();
    this.#contents.forget();
  }

  stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    return this.#answer(uri, async () => {
      const { shown, snapshot, path } = await this.#find(uri);
      const made = Date.parse(shown.snapshot.at);
      const folder = {
        type: types.dir,
        ctime: made,
        mtime: made,
        size: 0,
        permissions: vscode.FilePermission.Readonly,
      };
      if (path === '') return folder;
      const entry = await this.#contents.stat(snapshot, path);
      if (entry === undefined) throw vscode.FileSystemError.FileNotFound(uri);
      return { ...folder, type: types[entry.type], mtime: Date.parse(entry.modifiedAt), size: entry.sizeBytes };
    });
  }

  readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    return this.#answer(uri, async () => {
      const { shown, snapshot, path } = await this.#find(uri);
      if (path === '' && shown.sources.length > 0)
        return shown.sources.map(({ id }): [string, vscode.FileType] => [
          written(segmentOf(shown.sources, id)),
          types.dir,
        ]);
      const [entry, entries] = await Promise.all([
        path === '' ? undefined : this.#contents.stat(snapshot, path),
        this.#contents.all(snapshot, path),
      ]);
      if (path !== '' && entry?.type !== 'dir') throw vscode.FileSystemError.FileNotADirectory(uri);
      return entries.map(({ name, type }): [string, vscode.FileType] => [written(name), types[type]]);
    });
  }

  readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return this.#answer(uri, async () => {
      const { snapshot, path } = await this.#find(uri);
      if (path === '') throw vscode.FileSystemError.FileIsADirectory(uri);
      const entry = await this.#contents.stat(snapshot, path);
      if (entry?.type === 'dir') throw vscode.FileSystemError.FileIsADirectory(uri);
      const bytes = await this.#contents.read(snapshot, path);
      if (bytes !== undefined) return bytes;
      const { locale } = this.#shell.reader();
      throw vscode.FileSystemError.Unavailable(
        vscode.l10n.t('Files of more than {size} are not opened from a backup. Restore it to look at it.', {
          size: size(maxShownBytes, locale),
        }),
      );
    });
  }

  async #find(uri: vscode.Uri) {
    const snapshot = snapshotOf(uri);
    if (snapshot === undefined) throw vscode.FileSystemError.FileNotFound(uri);
    const shown = await this.#contents.show(snapshot);
    return { shown, ...placeOf(uri, shown.sources) };
  }

  /** The daemon's errors in the editor's terms. */
  async #answer<Result>(uri: vscode.Uri, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof vscode.FileSystemError) throw error;
      const wire = asWireError(error);
      if (wire.code === 'E_NOT_FOUND') throw vscode.FileSystemError.FileNotFound(uri);
      throw vscode.FileSystemError.Unavailable(explain(wire));
    }
  }
}
