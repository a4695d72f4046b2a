// Every row of the threat list has a test here whose title begins with its number.

import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { rows } from '../support/rows.ts';

test('all 34 rows are covered', t => {
  const folder = new URL('.', import.meta.url);
  const files = readdirSync(folder).filter(name => name.endsWith('.test.ts') && name !== 'rows.test.ts');
  const covered = new Map<number, Set<string>>();
  for (const name of files) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    // `row(13, …)`, and the tables whose rows begin with their number.
    const registered = [...text.matchAll(/\brow\(\s*(\d+),|^ {2}\[\n? *(\d+),|^ {6}(\d+),$/gm)];
    for (const [, ...numbers] of registered) {
      const number = Number(numbers.find(each => each !== undefined));
      covered.set(number, (covered.get(number) ?? new Set()).add(name.replace('.test.ts', '')));
    }
  }
  for (const [index, title] of rows.entries()) {
    t.log(`${String(index + 1).padStart(2)} ${title}: ${[...(covered.get(index + 1) ?? [])].join(', ') || 'NOTHING'}`);
  }
  t.is(rows.length, 34);
  t.deepEqual(
    rows.flatMap((_, index) => (covered.has(index + 1) ? [] : [index + 1])),
    [],
  );
});
