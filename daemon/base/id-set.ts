// A set of SHA-256 ids for walks over millions of objects: 16 bytes each in one typed array instead of a string and a slot of a hash table
// (about 150). Half of an id tells two apart: nobody finds two contents whose hashes agree in 128 bits.

const wordsEach = 4;

export class IdSet {
  #words = new Uint32Array(1024 * wordsEach);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** @param id 64 hex digits @returns whether it is new */
  add(id: string): boolean {
    if ((this.#count + 1) * wordsEach * 3 > this.#words.length * 2) this.#grow();
    const at = this.#find(this.#words, wordsOf(id));
    if (!this.#isFree(this.#words, at)) return false;
    this.#words.set(wordsOf(id), at);
    this.#count++;
    return true;
  }

  has(id: string): boolean {
    return !this.#isFree(this.#words, this.#find(this.#words, wordsOf(id)));
  }

  /** Where the id is, or the free place where it belongs. */
  #find(words: Uint32Array, id: readonly number[]): number {
    const mask = words.length / wordsEach - 1;
    for (let slot = (id[0] ?? 0) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * wordsEach;
      if (this.#isFree(words, at) || id.every((word, index) => words[at + index] === word)) return at;
    }
  }

  #isFree(words: Uint32Array, at: number): boolean {
    return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0;
  }

  #grow(): void {
    const larger = new Uint32Array(this.#words.length * 2);
    for (let at = 0; at < this.#words.length; at += wordsEach) {
      if (this.#isFree(this.#words, at)) continue;
      const id = [...this.#words.subarray(at, at + wordsEach)];
      larger.set(id, this.#find(larger, id));
    }
    this.#words = larger;
  }
}

/** Zeros stand for a free place; a hash that begins with 128 of them is taken for its neighbour. */
function wordsOf(id: string): readonly number[] {
  const words = [0, 8, 16, 24].map(at => Number.parseInt(id.slice(at, at + 8), 16));
  return words.some(word => word !== 0) ? words : [0, 0, 0, 1];
}
