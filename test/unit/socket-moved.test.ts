// A home too long for a socket path is served from below the temporary folder, where anybody may have been first.

import { chmod, lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ensureToken } from '../../protocol/claim.ts';
import { endpointOf, resolveHome } from '../../protocol/home.ts';
import { dial, serve } from '../../protocol/socket.ts';

/** Makes a folder of its own the temporary one; the tests here run one after another. */
async function longHome(t: ExecutionContext) {
  const before = { TMPDIR: process.env['TMPDIR'], XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] };
  const folder = await mkdtemp(join(tmpdir(), 'signet-'));
  process.env['TMPDIR'] = folder;
  process.env['XDG_RUNTIME_DIR'] = folder;
  t.teardown(async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(folder, { recursive: true, force: true });
  });
  const home = resolveHome({ env: { SIGNET_HOME: join(folder, 'h'.repeat(200)) } });
  const place = endpointOf(home).folder ?? '';
  t.true(place.startsWith(folder));
  return { home, place, above: dirname(place), token: await ensureToken(home) };
}

test.serial('both levels are made private', async t => {
  const { home, place, above, token } = await longHome(t);
  const served = await serve({ home, token, onPeer: () => {} });
  for (const level of [place, above]) t.is((await lstat(level)).mode & 0o777, 0o700);
  (await dial(home)).close();
  await served.stop();
});

for (const level of ['place', 'above'] as const) {
  test.serial(
    `a folder open to others at the level "${level}" is refused by both sides, and left as it is`,
    async t => {
      const found = await longHome(t);
      await mkdir(found.place, { recursive: true, mode: 0o700 });
      await chmod(found[level], 0o755);
      t.like(await t.throwsAsync(serve({ home: found.home, token: found.token, onPeer: () => {} })), {
        code: 'E_RUNTIME',
      });
      t.like(await t.throwsAsync(dial(found.home)), { code: 'E_RUNTIME' });
      t.is((await lstat(found[level])).mode & 0o777, 0o755);
    },
  );

  test.serial(`a link at the level "${level}" is refused by both sides`, async t => {
    const found = await longHome(t);
    const elsewhere = join(dirname(found.above), 'elsewhere');
    await mkdir(join(elsewhere, 'deeper'), { recursive: true, mode: 0o700 });
    if (level === 'place') await mkdir(found.above, { mode: 0o700 });
    await symlink(elsewhere, found[level]);
    t.like(await t.throwsAsync(serve({ home: found.home, token: found.token, onPeer: () => {} })), {
      code: 'E_RUNTIME',
    });
    const error = await t.throwsAsync(dial(found.home));
    t.like(error, { code: 'E_RUNTIME' });
  });
}
