// The real key child. Few tests, each starting processes that run Argon2id at the floor of the policy.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { toBase64Url, utf8 } from '../../daemon/base/bytes.ts';
import { isCode } from '../../daemon/base/errors.ts';
import { KeyProcess } from '../../daemon/vault/key-process.ts';
import { vaultKeys } from '../../daemon/vault/vault-file.ts';
import { floor, makeKit, newVault, password, phone } from '../support/vault-kit.ts';

test.serial('the known answer of the construction holds through the child, for both forms of the password', async t => {
  const keyWork = new KeyProcess();
  const header =
    '{"fmt":"signet-vault","v":1,"kdf":{"alg":"argon2id","ver":19,"m":65536,"t":3,"p":4,"salt":"AQEBAQEBAQEBAQEBAQEBAQ"},' +
    '"enc":"HKDF-SHA512-COMMIT+A256GCM","id":"AgICAgICAgICAgICAgICAg","gen":1,"prev":null}';
  for (const form of ['NFC', 'NFD']) {
    const typed = utf8('corréct horse'.normalize(form));
    const ikm = await keyWork.derive({ password: typed, phone, salt: new Uint8Array(16).fill(1), cost: floor });
    const { commitment } = vaultKeys(ikm, toBase64Url(utf8(header)));
    t.is(toBase64Url(commitment), 'm6I3NyMfkt2BMXUZpGFLvFVwI9EEjlbqtUqZdCE_BFU');
    t.deepEqual(typed, utf8('corréct horse'.normalize(form)), 'the caller owns its buffer');
  }
});

test.serial('a vault made with the real child opens with it, and not with another password', async t => {
  const { vault } = await makeKit({ keyWork: new KeyProcess() });
  const from = newVault();
  await vault.adopt(await vault.create(from));
  vault.lock();
  t.true(isCode(await t.throwsAsync(vault.unlockWithPassword(utf8('another password'))), 'E_WRONG_SECRET'));
  await vault.unlockWithPassword(password);
  t.deepEqual(vault.recoveryKey(), Uint8Array.from(from.recoveryKey));
});

test.serial('a weak password makes no vault, and a malformed one is told from a wrong one', async t => {
  const { vault } = await makeKit({ keyWork: new KeyProcess() });
  t.true(isCode(await t.throwsAsync(vault.create(newVault({ password: utf8('Signet-backup1') }))), 'E_WEAK_PASSWORD'));
  t.true(
    isCode(await t.throwsAsync(vault.create(newVault({ password: utf8('with\ta tab in it') }))), 'E_PASSWORD_FORM'),
  );
  t.is(await vault.judgePassword(password, phone), 'strong');
});

test.serial('passes are raised until a run takes the time aimed at, and stay inside the bounds', async t => {
  const { cost } = await new KeyProcess().deriveNew({
    password,
    phone,
    salt: new Uint8Array(16),
    policy: { ...floor, targetMs: 60_000 },
  });
  t.deepEqual(cost, { ...floor, t: 16 });
});

test.serial('doctor learns which Argon2 runs', async t => {
  t.is(await new KeyProcess().backend(), 'argon2');
});

/** A stand-in for the child that writes down how it was started before it does what `body` says. */
async function standIn(t: ExecutionContext, body: string): Promise<{ childPath: string; log: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'signet-child-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const childPath = join(folder, 'child.mjs');
  const log = join(folder, 'log');
  await writeFile(
    childPath,
    `import { appendFileSync } from 'node:fs';
     appendFileSync(${JSON.stringify(log)}, JSON.stringify({ argv: process.argv, execArgv: process.execArgv, env: process.env }) + '\\n');
     ${body}`,
  );
  return { childPath, log };
}

test('the password is in no argument and no variable of the child, and nothing of our environment is', async t => {
  const real = fileURLToPath(new URL('../../daemon/vault/key-child.ts', import.meta.url));
  const { childPath, log } = await standIn(t, `await import(${JSON.stringify(real)});`);
  const ikm = await new KeyProcess({ childPath }).derive({ password, phone, salt: new Uint8Array(16), cost: floor });
  t.is(ikm.length, 32);
  const started = await readFile(log, 'utf8');
  t.false(started.includes('velvet'));
  t.false(started.includes('415555'));
  const { env } = JSON.parse(started);
  t.deepEqual(
    Object.keys(env).filter(name => !['SystemRoot', 'ELECTRON_RUN_AS_NODE', 'NODE_COMPILE_CACHE'].includes(name)),
    [],
  );
});

const brokenChildren: readonly (readonly [string, string, string])[] = [
  ['ends without an answer', 'process.exit(1);', 'E_INTERNAL'],
  ['is killed for its memory', "process.kill(process.pid, 'SIGKILL');", 'E_KDF_RESOURCES'],
  ['answers nonsense', "process.stdout.write('nonsense');", 'E_INTERNAL'],
  ['answers without end', "for (let n = 0; n < 100; n++) process.stdout.write('x'.repeat(10_000));", 'E_INTERNAL'],
];

for (const [what, body, code] of brokenChildren) {
  test(`a child that ${what} is ${code}, and the next one works`, async t => {
    const { childPath } = await standIn(t, body);
    const keyWork = new KeyProcess({ childPath });
    const request = { password, phone, salt: new Uint8Array(16), cost: floor };
    for (let n = 0; n < 2; n++) t.is(((await t.throwsAsync(keyWork.derive(request))) as { code?: string }).code, code);
  });
}

test('a derivation that is cancelled ends its child', async t => {
  const { childPath, log } = await standIn(t, 'setInterval(() => undefined, 1000); process.stdout.write("x");');
  const stop = new AbortController();
  const running = new KeyProcess({ childPath }).derive({
    password,
    phone,
    salt: new Uint8Array(16),
    cost: floor,
    signal: stop.signal,
  });
  while ((await readFile(log, 'utf8').catch(() => '')) === '') await new Promise(resolve => setImmediate(resolve));
  stop.abort();
  t.is((await t.throwsAsync(running)).name, 'AbortError');
});

test('two derivations never run at once, and a crowd is turned away', async t => {
  const { childPath, log } = await standIn(t, 'process.exit(1);');
  const keyWork = new KeyProcess({ childPath });
  const all = await Promise.allSettled(
    Array.from({ length: 10 }, () => keyWork.derive({ password, phone, salt: new Uint8Array(16), cost: floor })),
  );
  const codes = all.map(result => (result.status === 'rejected' ? result.reason.code : 'done'));
  t.is(codes.filter(code => code === 'E_BUSY').length, 2);
  t.is((await readFile(log, 'utf8')).trim().split('\n').length, 8);
});
