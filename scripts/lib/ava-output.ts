// Reads what ava prints, line by line: counts, and the lines worth showing (failures with their details). Its usual form, not --tap:
// that one ends the whole run when the details of a failure hold an undefined value.

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: string[];
}

/** Feed it lines; `counts` is right after the last one. */
export class AvaOutput {
  readonly counts: TestCounts = { passed: 0, failed: 0, skipped: [] };
  #inFailure = false;

  /** True when a person should see the line: a failure, its details, or something that is not ava's. */
  read(line: string): boolean {
    if (/^\s+[✔√] /.test(line)) {
      this.counts.passed += 1;
      this.#inFailure = false;
      return false;
    }
    // `✘ [fail]: title`, and what befell a whole file: `✘ test/a.test.ts exited with…`, `✘ No tests found in…`, `✘ Timed out…`
    if (/^\s+[✘×] /.test(line)) {
      this.counts.failed += 1;
      this.#inFailure = true;
      return true;
    }
    const skipped = /^\s+- \[(?:skip|todo)\] (.*)$/.exec(line);
    if (skipped) {
      this.counts.skipped.push(skipped[1] ?? '');
      this.#inFailure = false;
      return false;
    }
    if (/^\s*$|^\s*─+$|^\s+\d+ (tests?|known failures?|unhandled rejections?|uncaught exceptions?)\b/.test(line)) {
      return false;
    }
    // Details of all failures once more at the end, after the first rule; logs follow the test they belong to.
    if (/^\s+(Uncaught exception|Unhandled rejection) in /.test(line)) this.#inFailure = true;
    return this.#inFailure || !/^\s+ℹ /.test(line);
  }
}
