// The keychain's child process: what it is told, and what its misdeeds cost. The keychain itself is in test/integration/keyring.test.ts.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { KeychainProcess } from '../../daemon/platform/keychain.ts';
import { isGone } from '../../protocol/launch.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

/** A stand-in for the child that writes down how it was started before it does what `body` says. */
async function standIn(t: ExecutionContext, body: string): Promise<{ childPath: string; log: string }> {
  const folder = await temporaryFolder(t);
  const [childPath, log] = [join(folder, 'child.mjs'), join(folder, 'log')];
  const started =
    'JSON.stringify({ argv: process.argv, execArgv: process.execArgv, env: process.env, pid: process.pid })';
  writeFileSync(
    childPath,
    `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(log)}, ${started}); ${body}`,
  );
  return { childPath, log };
}

const misdeeds: readonly (readonly [string, string, RegExp])[] = [
  ['crashes', "process.kill(process.pid, 'SIGSEGV'); setInterval(() => undefined, 1000);", /SIGSEGV/],
  ['waits for ever', 'setInterval(() => undefined, 1000);', /in time/],
  ['says nothing', 'process.exit(0);', /ended with 0/],
  ['fails', 'throw new Error();', /ended with 1/],
  ['answers nonsense', "process.stdout.write('nonsense');", /ended with 0/],
  ['answers without end', "for (let n = 0; n < 100; n++) process.stdout.write('x'.repeat(10_000));", /more than/],
];
for (const [what, body, detail] of misdeeds) {
  test(`a child that ${what} is a keychain that gives and takes nothing`, async t => {
    const { childPath, log } = await standIn(t, body);
    const keychain = new KeychainProcess({ childPath, timeoutMs: 2000, environment: {} });
    const found = await keychain.probe('a/probe');
    t.is(found.state, 'none');
    t.regex(found.detail, detail);
    t.is(await keychain.get('a/session'), null);
    t.true(await isGone(JSON.parse(readFileSync(log, 'utf8')).pid));
  });
}

test('a value is in no argument and no variable of the child, which gets the way to the desktop and nothing else', async t => {
  const real = fileURLToPath(new URL('../../daemon/platform/keychain-child.ts', import.meta.url));
  const { childPath, log } = await standIn(t, `await import(${JSON.stringify(real)});`);
  const environment = {
    DBUS_SESSION_BUS_ADDRESS: 'disabled:',
    HOME: '/nowhere',
    SIGNET_HOME: '/secret',
    TOKEN: 'secret',
  };
  const keychain = new KeychainProcess({ childPath, environment });
  t.false(await keychain.set('a/session', Buffer.from('ostrich')));
  const started = readFileSync(log, 'utf8');
  t.false(started.includes('ostrich') || started.includes('secret'));
  const names = Object.keys(JSON.parse(started).env).filter(name => name !== 'NODE_COMPILE_CACHE');
  t.deepEqual(names.sort(), ['DBUS_SESSION_BUS_ADDRESS', 'HOME']);
});

test('whoever does not wait any more ends the child', async t => {
  const { childPath } = await standIn(t, 'setInterval(() => undefined, 1000);');
  const keychain = new KeychainProcess({ childPath, environment: {} });
  const stop = new AbortController();
  const asked = keychain.get('a/session', { signal: stop.signal });
  stop.abort();
  t.is(await asked, null);
});

test('no code of ours asks for everything that a keychain holds', t => {
  const child = readFileSync(new URL('../../daemon/platform/keychain-child.ts', import.meta.url), 'utf8');
  t.notRegex(child.replaceAll(/\/\/.*/g, ''), /findCredentials|findPassword/);
});
