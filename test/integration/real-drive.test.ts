// scripts/real-drive, against the fake: what it does on a person's account before anyone trusts it with one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type DriveFake, startDriveFake } from '../support/drive-fake/drive-fake.ts';

const script = fileURLToPath(new URL('../../scripts/lib/real-drive.ts', import.meta.url));

/** Runs it, and visits the sign-in page as a browser would. */
async function ran(
  t: ExecutionContext,
  fake: DriveFake,
  args: readonly string[],
  secret = fake.client.secret,
): Promise<{ code: number; out: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, SIGNET_GOOGLE_ROOT: fake.root },
  });
  t.teardown(() => child.kill('SIGKILL'));
  child.stdin.end(JSON.stringify({ clientId: fake.client.id, clientSecret: secret }));
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', line => {
      out += `${line}\n`;
      const [, url] = /^Open this address: (\S+)$/.exec(line) ?? [];
      if (url !== undefined) void fetch(url).then(page => page.text());
    });
  }
  const [code] = (await once(child, 'close')) as [number];
  return { code, out };
}

test('the tests pass on an account, in one folder that is gone afterwards', async t => {
  t.timeout(180_000);
  const fake = await startDriveFake();
  t.teardown(() => fake.close());
  const photos = fake.seedFolder('Photos', { project: null });
  const { code, out } = await ran(t, fake, ['--yes']);
  t.is(code, 0, out);
  t.regex(out, /tests passed/);
  t.deepEqual(
    fake.files().map(({ id }) => id),
    [photos],
    'nothing of it is left, and nothing else was touched',
  );
  t.deepEqual(fake.violations, []);
  t.notRegex(out, /GOCSPX|ya29\.|1\/\/0/);
});

test('without a yes the folder stays, and its name is told', async t => {
  t.timeout(180_000);
  const fake = await startDriveFake();
  t.teardown(() => fake.close());
  // Every upload fails for good: the tests do, and soon.
  fake.fault({ do: 'error', on: 'files.create.multipart', error: 'insufficientPermissions', times: 'always' });
  fake.fault({ do: 'error', on: 'upload.*', error: 'insufficientPermissions', times: 'always' });
  const { code, out } = await ran(t, fake, []);
  t.is(code, 1);
  const [, name = ''] = /The folder "(Signet test [0-9a-f]{8})" stays/.exec(out) ?? [];
  t.true(fake.files().some(({ path }) => path === name));
});

test('a wrong secret makes nothing and is said', async t => {
  const fake = await startDriveFake();
  t.teardown(() => fake.close());
  const { code, out } = await ran(t, fake, ['--yes'], 'wrong-secret-of-nobody');
  t.is(code, 1);
  t.deepEqual(fake.files(), []);
  t.notRegex(out, /wrong-secret-of-nobody/);
});
