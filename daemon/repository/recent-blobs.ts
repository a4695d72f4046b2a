// Plaintexts of blobs that are read again and again, such as the trees of the last snapshot: the least recently used make room.

const limitBytes = 8 * 1024 * 1024;
/** A larger one would push out most others. */
const largestBytes = limitBytes / 4;

export class RecentBlobs {
  /** Least recently used first. */
  readonly #blobs = new Map<string, Uint8Array>();
  #bytes = 0;

  /** The kept bytes themselves; the caller copies what it gives away. */
  get(name: string): Uint8Array | undefined {
    const known = this.#blobs.get(name);
    if (known !== undefined) this.keep(name, known);
    return known;
  }

  keep(name: string, plaintext: Uint8Array): void {
    if (this.#blobs.delete(name)) this.#bytes -= plaintext.length;
    if (plaintext.length > largestBytes) return;
    this.#blobs.set(name, plaintext);
    this.#bytes += plaintext.length;
    for (const [oldest, bytes] of this.#blobs) {
      if (this.#bytes <= limitBytes) break;
      this.#blobs.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }

  clear(): void {
    this.#blobs.clear();
    this.#bytes = 0;
  }
}
