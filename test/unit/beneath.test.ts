import { existsSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { Beneath, beneath, splitLast } from '../../daemon/base/beneath.ts';
import { utf8 } from '../../daemon/base/bytes.ts';
import { isCode } from '../../daemon/base/errors.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const path = (text: string): Uint8Array => utf8(text);

for (const platform of ['linux', 'darwin'] as const) {
  test(`${platform}: names below a folder are reached, and a link or a file in the place of a folder is not passed`, async t => {
    const folder = await temporaryFolder(t);
    const root = join(folder, 'root');
    mkdirSync(join(root, 'a', 'b'), { recursive: true });
    mkdirSync(join(folder, 'outside', 'b'), { recursive: true });
    symlinkSync(join(folder, 'outside'), join(root, 'link'));
    const below = new Beneath(root, platform);
    t.teardown(() => below.close());
    for (const inner of ['', 'a', 'a/b']) await below.in(path(inner), at => writeFile(at(path('x')), inner));
    t.deepEqual(
      [root, join(root, 'a'), join(root, 'a', 'b')].map(each => existsSync(join(each, 'x'))),
      [true, true, true],
    );
    for (const inner of ['link', 'link/b', 'a/x', 'a/x/y']) {
      const error = await t.throwsAsync(below.in(path(inner), async () => undefined));
      t.true(isCode(error, 'E_UNSAFE_PATH') || inner === 'a/x/y', inner);
    }
    await t.throwsAsync(
      below.in(path('gone/b'), async () => undefined),
      { code: 'ENOENT' },
    );
    await t.throwsAsync(
      below.make(path('link/new'), () => 0o700),
      { code: 'E_UNSAFE_PATH' },
    );
    t.deepEqual(readdirSync(join(folder, 'outside')), ['b']);
  });

  test(`${platform}: folders are made with their modes, and the ones that were missing are named`, async t => {
    const root = await temporaryFolder(t);
    const modes = new Map([
      ['a', 0o750],
      ['a/b', 0o500],
    ]);
    const made = await beneath(root, below =>
      below.make(path('a/b'), each => modes.get(Buffer.from(each).toString()) ?? 0),
    );
    t.deepEqual(
      made.map(each => Buffer.from(each).toString()),
      ['a', 'a/b'],
    );
    if (process.platform !== 'win32') {
      t.is(statSync(join(root, 'a')).mode & 0o777, 0o750);
      t.is(statSync(join(root, 'a', 'b')).mode & 0o777, 0o700, 'its owner can always write it');
    }
    t.deepEqual(await beneath(root, below => below.make(path('a/b'), () => 0o700)), []);
  });
}

test('Linux: a folder that is swapped for a link while work is done in it leads nowhere else', async t => {
  if (process.platform !== 'linux') return skip(t, 'folders are held by their handles on Linux alone');
  const folder = await temporaryFolder(t);
  const [root, outside] = [join(folder, 'root'), join(folder, 'outside')];
  mkdirSync(join(root, 'a'), { recursive: true });
  mkdirSync(outside);
  await beneath(root, below =>
    below.in(path('a'), async at => {
      renameSync(join(root, 'a'), join(root, 'moved'));
      symlinkSync(outside, join(root, 'a'));
      await writeFile(at(path('x')), 'x');
    }),
  );
  t.deepEqual(readdirSync(outside), []);
  t.deepEqual(readdirSync(join(root, 'moved')), ['x']);
});

test('a path is parted at its last slash', t => {
  const parts = (text: string) => splitLast(path(text)).map(each => Buffer.from(each).toString());
  t.deepEqual(
    [parts('a'), parts('a/b'), parts('a/b/c')],
    [
      ['', 'a'],
      ['a', 'b'],
      ['a/b', 'c'],
    ],
  );
});
