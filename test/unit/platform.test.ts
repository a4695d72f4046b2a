import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import {
  freeDiskBytes,
  hostLabel,
  machineId,
  memory,
  probeNode,
  probeRuntime,
  registryValue,
} from '../../daemon/platform/platform.ts';

const door = new URL('../../daemon/platform/platform.ts', import.meta.url).href;

/** Runs lines in a process of their own, after `import * as platform`; answers what they printed as JSON. */
async function inProcess(
  t: ExecutionContext,
  lines: string,
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): Promise<unknown> {
  const child = spawn(
    process.execPath,
    [
      '--no-warnings',
      ...flags,
      '--input-type=module',
      '-e',
      `const platform = await import(${JSON.stringify(door)}); ${lines}`,
    ],
    { env: { ...process.env, NODE_OPTIONS: '', ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.teardown(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', chunk => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  t.is(code, 0);
  return JSON.parse(text);
}

test('the machine has an identity that stays the same', async t => {
  t.is(await machineId(), await machineId());
  t.true((await machineId()).length >= 8);
  t.regex(hostLabel(), /^[^\s.][^.]{0,63}$/);
});

test('a value of the Windows registry is read from what reg prints', t => {
  const printed = [
    '',
    'HKEY_CURRENT_USER\\Software\\Microsoft\\OneDrive\\Accounts\\Personal',
    '    UserFolder    REG_SZ    C:\\Users\\A B\\OneDrive',
    '    Count    REG_DWORD    0x1',
    '',
  ].join('\r\n');
  t.is(registryValue(printed, 'UserFolder'), 'C:\\Users\\A B\\OneDrive');
  t.is(registryValue(printed, 'Count'), undefined);
  t.is(registryValue('', 'UserFolder'), undefined);
});

test('memory and disk are bytes that can be there', async t => {
  const { totalBytes, availableBytes } = memory();
  t.true(totalBytes > 64 * 1024 ** 2 && totalBytes < 2 ** 50);
  t.true(availableBytes > 0 && availableBytes <= totalBytes);
  t.true((await freeDiskBytes(tmpdir())) > 0);
});

for (const [version, isEnough] of [
  ['24.12.0', true],
  ['24.13.1', true],
  ['25.0.0', true],
  ['24.11.9', false],
  ['22.99.0', false],
  ['', false],
] as const) {
  test(`Node "${version}" is ${isEnough ? 'new enough' : 'too old'}`, t => {
    if (isEnough) t.is(probeNode(version), version);
    else t.throws(() => probeNode(version), { message: /24\.12/ });
  });
}

test('this runtime passes all probes, started as the daemon is', async t => {
  const checks = (await inProcess(t, 'console.log(JSON.stringify(await platform.probeRuntime()));', {}, [
    '--disable-sigusr1',
  ])) as { ok: boolean }[];
  t.true(
    checks.every(({ ok }) => ok),
    JSON.stringify(checks),
  );
  t.is(checks.length, 5);
});

test('a probe that fails says why and what to do', async t => {
  const checks = await probeRuntime({ kdfBackend: async () => Promise.reject(new Error('nothing works')) });
  const failed = checks.find(({ name }) => name === 'password hashing');
  t.like(failed, { ok: false, detail: 'nothing works' });
  t.truthy(failed?.advice);
});

test('a process without --disable-sigusr1 is told so', async t => {
  const checks = (await inProcess(t, 'console.log(JSON.stringify(await platform.probeRuntime()));')) as {
    name: string;
    ok: boolean;
  }[];
  t.false(checks.find(({ name }) => name === 'debugger port')?.ok);
});

test('a hardened process starts no program of the folder it happens to be in', async t => {
  const code = 'platform.hardenProcess(); console.log(JSON.stringify(process.env.NoDefaultCurrentDirectoryInExePath));';
  t.is(await inProcess(t, code), '1', 'what keeps libuv on Windows from looking there first');
});

test('a hardened process survives the probe of restic, opens no debugger and writes files for its user alone', async t => {
  const found = await inProcess(
    t,
    `platform.hardenProcess();
     const { statSync, writeFileSync, mkdtempSync, rmSync } = await import('node:fs');
     const folder = mkdtempSync(${JSON.stringify(tmpdir())} + '/signet-harden-');
     writeFileSync(folder + '/file', '');
     const mode = statSync(folder + '/file').mode & 0o777;
     rmSync(folder, { recursive: true });
     const seen = [];
     const awake = setInterval(() => undefined, 1000);
     for (const signal of ['SIGHUP', 'SIGUSR1']) {
       const arrived = new Promise(resolve => process.once(signal, resolve));
       process.kill(process.pid, signal);
       await arrived;
       seen.push(signal);
     }
     clearInterval(awake);
     const { url } = await import('node:inspector');
     console.log(JSON.stringify({ mode, seen, debugger: url() ?? null, options: process.env.NODE_OPTIONS ?? null,
       trust: process.env.NODE_TLS_REJECT_UNAUTHORIZED ?? null }));`,
    { NODE_OPTIONS: '--no-deprecation', NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  );
  const expected = { mode: 0o600, seen: ['SIGHUP', 'SIGUSR1'], debugger: null, options: null, trust: null };
  t.deepEqual(found, expected);
});
