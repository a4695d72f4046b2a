import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { openStableFile, type StableFile } from '../../daemon/capture/capture.ts';
import { scratch } from '../support/databases.ts';

async function textOf(file: StableFile): Promise<string> {
  const bytes = Buffer.alloc(file.sizeBytes + 10);
  return bytes.subarray(0, await file.read(bytes, 0)).toString('utf8');
}

function reasonIn(error: Error | undefined): unknown {
  return error instanceof SignetError && error.code === 'E_SOURCE_UNREADABLE' ? error.params['reason'] : error;
}

for (const { title, act, appendOnly, outcome } of [
  { title: 'left alone', act: () => {}, appendOnly: false, outcome: 'stable' },
  { title: 'grown', act: (path: string) => appendFileSync(path, 'more\n'), appendOnly: false, outcome: 'changed' },
  {
    title: 'grown, append-only',
    act: (path: string) => appendFileSync(path, 'more\n'),
    appendOnly: true,
    outcome: 'stable',
  },
  { title: 'cut, append-only', act: (path: string) => truncateSync(path, 3), appendOnly: true, outcome: 'changed' },
  {
    title: 'written anew and longer, append-only',
    act: (path: string) => writeFileSync(path, 'another first line\nand a second one\nand a third\n'),
    appendOnly: true,
    outcome: 'changed',
  },
  {
    title: 'written over in the same length',
    act: (path: string) => writeFileSync(path, 'ONE\nTWO\n'),
    appendOnly: false,
    outcome: 'changed',
  },
  {
    title: 'replaced by another file',
    act: (path: string) => {
      writeFileSync(`${path}.new`, 'new');
      renameSync(`${path}.new`, path);
    },
    appendOnly: true,
    outcome: 'stable',
  },
] as const) {
  test(`a file ${title} while it was read is ${outcome}`, async t => {
    const path = join(scratch(t), 'x.jsonl');
    writeFileSync(path, 'one\ntwo\n');
    const file = await openStableFile(Buffer.from(path), { appendOnly });
    t.teardown(() => file.close());
    act(path);
    if (outcome === 'stable') t.is(await textOf(file), 'one\ntwo\n');
    t.is(await file.finish(), outcome);
  });
}

for (const { content, appendOnly, ageSeconds, stored } of [
  { content: 'one\ntwo\nthr', appendOnly: true, ageSeconds: 0, stored: 'one\ntwo\n' },
  { content: 'one\ntwo\nthr', appendOnly: true, ageSeconds: 60, stored: 'one\ntwo\nthr' },
  { content: 'one\ntwo\nthr', appendOnly: false, ageSeconds: 0, stored: 'one\ntwo\nthr' },
  { content: 'one', appendOnly: true, ageSeconds: 0, stored: 'one' },
  { content: '', appendOnly: true, ageSeconds: 0, stored: '' },
  { content: `one\n${'x'.repeat(200_000)}`, appendOnly: true, ageSeconds: 0, stored: 'one\n' },
]) {
  const kind = `${appendOnly ? 'append-only ' : ''}file of ${content.length} bytes written ${ageSeconds} s ago`;
  test(`of an ${kind} ${stored.length} bytes are stored`, async t => {
    const path = join(scratch(t), 'x.jsonl');
    writeFileSync(path, content);
    const then = Date.now() / 1000 - ageSeconds;
    if (ageSeconds > 0) utimesSync(path, then, then);
    const file = await openStableFile(Buffer.from(path), { appendOnly });
    t.teardown(() => file.close());
    t.is(await textOf(file), stored);
    t.is(file.stat.sizeBytes, content.length);
    t.is(await file.finish(), 'stable');
  });
}

test('a link, a pipe and a folder are not opened, and nothing hangs', async t => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'file'), 'x');
  symlinkSync(join(folder, 'file'), join(folder, 'link'));
  mkdirSync(join(folder, 'folder'));
  for (const name of ['link', 'folder']) {
    const error = await t.throwsAsync(openStableFile(Buffer.from(join(folder, name)), { appendOnly: false }));
    t.is(reasonIn(error), 'io', name);
  }
  if (spawnSync('mkfifo', [join(folder, 'pipe')]).status === 0) {
    const error = await t.throwsAsync(openStableFile(Buffer.from(join(folder, 'pipe')), { appendOnly: false }));
    t.is(reasonIn(error), 'io', 'pipe');
  }
});

test('a missing and a forbidden file say which they are', async t => {
  const folder = scratch(t);
  t.is(
    reasonIn(await t.throwsAsync(openStableFile(Buffer.from(join(folder, 'none')), { appendOnly: false }))),
    'vanished',
  );
  const path = join(folder, 'secret');
  writeFileSync(path, 'x');
  chmodSync(path, 0);
  if (process.getuid?.() === 0) return; // root reads everything
  t.is(reasonIn(await t.throwsAsync(openStableFile(Buffer.from(path), { appendOnly: false }))), 'permission');
});

test('a name that is not UTF-8 is opened', async t => {
  const path = Buffer.concat([Buffer.from(`${scratch(t)}/`), Buffer.from([0x61, 0xff])]);
  writeFileSync(path, 'x');
  const file = await openStableFile(path, { appendOnly: false });
  t.teardown(() => file.close());
  t.is(await textOf(file), 'x');
});
