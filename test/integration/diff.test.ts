// What differs between two backups, asked through the command line of a whole Signet.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { SnapshotDifference } from '../../protocol/status.ts';
import { runCli } from '../support/cli.ts';
import { installation } from '../support/installation.ts';

interface Differences {
  readonly entries: readonly SnapshotDifference[];
  readonly isMore: boolean;
}

test('`signet diff` tells which files differ between two backups, page after page', async t => {
  const signet = await installation(t);
  mkdirSync(join(signet.source, 'photos'));
  writeFileSync(join(signet.source, 'note.txt'), 'the first message\n');
  writeFileSync(join(signet.source, 'photos', 'old.jpg'), 'old');
  await signet.setUp();
  await signet.ok(['backup']);
  writeFileSync(join(signet.source, 'note.txt'), 'the first message\nand an answer\n');
  rmSync(join(signet.source, 'photos', 'old.jpg'));
  for (let photo = 0; photo < 1200; photo += 1)
    writeFileSync(join(signet.source, 'photos', `${String(photo).padStart(4, '0')}.jpg`), `photo ${photo}`);
  await signet.ok(['backup']);

  const [after, before] = (await signet.snapshots()).map(({ id }) => id) as [string, string];
  const all = await signet.ok<Differences>(['diff', before, after]);
  t.is(all.entries.length, 1202);
  t.false(all.isMore);
  const [source = ''] = all.entries[0]?.path.split('/') ?? [];
  t.deepEqual(
    all.entries.find(({ path }) => path.endsWith('note.txt')),
    {
      path: `${source}/note.txt`,
      change: 'changed',
      type: 'file',
      sizeBefore: 18,
      sizeAfter: 32,
    },
  );
  t.is(all.entries.at(-1)?.change, 'removed');
  t.is(new Set(all.entries.map(({ path }) => path)).size, 1202);

  const note = await signet.ok<Differences>(['diff', before.slice(0, 8), 'latest', `/${source}/note.txt/`]);
  t.is(note.entries.length, 1);
  t.deepEqual(await signet.ok<Differences>(['diff', after, after]), { type: 'result', entries: [], isMore: false });
  t.is((await signet.signet(['diff', before, after, 'nowhere'])).errorCode(), 'E_NOT_FOUND');
  t.is((await signet.signet(['diff', 'ffff', after])).errorCode(), 'E_NOT_FOUND');

  const shown = await runCli(t, signet.home, ['diff', before, after, `${source}/note.txt`]);
  t.regex(shown.stdout, /^\* +18 bytes → 32 bytes {2}\S+\/note\.txt\n$/);
  t.is(shown.stderr, '1 file differs: 1 changed.\n');
});
