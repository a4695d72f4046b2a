// Reads what ava prints with --tap, line by line: counts, and the lines worth showing (failures with their details).

export interface TapCounts {
  passed: number;
  failed: number;
  skipped: string[];
}

/** Feed it lines; `counts` is right after the last one, and each call answers whether the line belongs to a failure. */
export class TapReader {
  readonly counts: TapCounts = { passed: 0, failed: 0, skipped: [] };
  #inFailure = false;

  /** True when a person should see the line: a failure, its details, or something that is not TAP at all. */
  read(line: string): boolean {
    const result = /^(not ok|ok) \d+(?: - (.*))?$/.exec(line);
    if (result) {
      const title = result[2] ?? '';
      const directive = /\s# (SKIP|TODO)\b.*$/i.exec(title);
      this.#inFailure = false;
      if (directive) this.counts.skipped.push(title.slice(0, directive.index));
      else if (result[1] === 'ok') this.counts.passed += 1;
      else {
        this.counts.failed += 1;
        this.#inFailure = true;
      }
      return this.#inFailure;
    }
    if (/^(TAP version \d+|\d+\.\.\d+|# (tests|pass|skip|fail|todo) \d+|)$/.test(line)) {
      this.#inFailure = false;
      return false;
    }
    // Log lines and YAML blocks follow the test they belong to.
    return this.#inFailure || !/^(\s|#)/.test(line);
  }
}
