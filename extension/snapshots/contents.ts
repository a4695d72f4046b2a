// What is asked of the daemon about the inside of snapshots. A snapshot never changes, so that what it holds of each source is asked once; what
// is kept goes when the backup is locked.

import type { CancellationToken } from 'vscode';
import { list, read, showSnapshot } from '../../protocol/messages.ts';
import { everyPage } from '../../protocol/pages.ts';
import type { ListEntry, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import type { Link } from '../link.ts';

/** Of one answer. */
const pieceBytes = 128 * 1024;
/** Pieces that are asked for at a time: one is decrypted while another is on its way. */
const piecesAhead = 4;
/** Larger files are not shown: they would lie in the editor's memory whole, several times over. */
export const maxShownBytes = 64 * 1024 * 1024;
const keptSnapshots = 64;

export interface Shown {
  readonly snapshot: SnapshotEntry;
  readonly sources: readonly SnapshotSource[];
}

export class Contents {
  readonly #link: Pick<Link, 'request'>;
  readonly #shown = new Map<string, Promise<Shown>>();

  constructor(link: Pick<Link, 'request'>) {
    this.#link = link;
  }

  show(snapshot: string): Promise<Shown> {
    const known = this.#shown.get(snapshot);
    if (known !== undefined) return known;
    const asked = this.#link.request(showSnapshot, { snapshot });
    this.#shown.set(snapshot, asked);
    asked.catch(() => this.#shown.delete(snapshot)); // whoever asked is told; the next one asks again
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > keptSnapshots && oldest !== undefined) this.#shown.delete(oldest);
    return asked;
  }

  forget(): void {
    this.#shown.clear();
  }

  stat(snapshot: string, path: string): Promise<ListEntry | undefined> {
    return this.#link.request(list, { snapshot, path, self: true }).then(({ entries }) => entries[0]);
  }

  page(snapshot: string, path: string, offset: number) {
    return this.#link.request(list, { snapshot, path, offset });
  }

  all(snapshot: string, path: string): Promise<readonly ListEntry[]> {
    return everyPage(offset => this.page(snapshot, path, offset));
  }

  /** The first bytes of a file. */
  async head(snapshot: string, path: string, length: number): Promise<Uint8Array> {
    const { base64 } = await this.#link.request(read, { snapshot, path, offset: 0, length });
    return Buffer.from(base64, 'base64');
  }

  /** A whole file; undefined when it is too large to be shown. */
  async read(snapshot: string, path: string, token?: CancellationToken): Promise<Uint8Array | undefined> {
    const options = token === undefined ? {} : { token };
    const piece = async (offset: number) => {
      const { base64, sizeBytes } = await this.#link.request(
        read,
        { snapshot, path, offset, length: pieceBytes },
        options,
      );
      return { bytes: Buffer.from(base64, 'base64'), sizeBytes };
    };
    const first = await piece(0);
    if (first.sizeBytes > maxShownBytes) return undefined;
    const whole = new Uint8Array(first.sizeBytes);
    whole.set(first.bytes.subarray(0, first.sizeBytes));
    for (let start = pieceBytes; start < whole.length; start += piecesAhead * pieceBytes) {
      const offsets = Array.from({ length: piecesAhead }, (_, index) => start + index * pieceBytes);
      const within = offsets.filter(offset => offset < whole.length);
      const pieces = await Promise.all(within.map(piece));
      pieces.forEach(({ bytes }, index) => {
        const at = within[index] ?? 0;
        whole.set(bytes.subarray(0, whole.length - at), at);
      });
    }
    return whole;
  }
}
