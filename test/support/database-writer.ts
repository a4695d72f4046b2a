// Child process of startWriter: one row per transaction into `entry`, at a rate or flat out (0), until it is killed.
// Says how many rows are committed after each of them, as JSON lines.

import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait, setImmediate as yieldToTimers } from 'node:timers/promises';

const [path = '', everyMs = '20'] = process.argv.slice(2);
const database = new DatabaseSync(path, { timeout: 0 });
const insert = database.prepare('INSERT INTO entry (body) VALUES (hex(randomblob(400)))');
let committed = 0;
let failures = 0;

for (;;) {
  try {
    insert.run();
    committed += 1;
  } catch {
    failures += 1;
  }
  try {
    writeSync(1, `${JSON.stringify({ committed, failures })}\n`);
  } catch {
    process.exit(0); // the test is gone
  }
  if (Number(everyMs) > 0) await wait(Number(everyMs));
  else await yieldToTimers();
}
