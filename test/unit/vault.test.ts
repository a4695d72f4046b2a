import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '../../daemon/base/bytes.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { checkSameRepository, compareVaults, listVaults } from '../../daemon/vault/vault.ts';
import { parseVault, vaultKey, vaultSha256 } from '../../daemon/vault/vault-file.ts';
import { candidate, edited, fails, floor, makeKit, newVault, password, phone, setUp } from '../support/vault-kit.ts';

test('a vault goes from absent to unlocked to locked and back', async t => {
  const { vault, disk } = await makeKit();
  t.is(vault.state, 'absent');
  await fails(t, 'E_NOT_SET_UP', () => vault.unlockWithPassword(password));
  await fails(t, 'E_VAULT_LOCKED', () => vault.recoveryKey());
  const from = newVault();
  const file = await vault.create(from);
  t.is(vault.state, 'absent');
  t.is(disk.vault, undefined);
  await vault.adopt(file);
  t.is(vault.state, 'unlocked');
  t.deepEqual(vault.recoveryKey(), Uint8Array.from(from.recoveryKey));
  vault.lock();
  t.is(vault.state, 'locked');
  await fails(t, 'E_VAULT_LOCKED', () => vault.recoveryKey());
  await vault.unlockWithPassword(password);
  t.deepEqual(vault.recoveryKey(), Uint8Array.from(from.recoveryKey));
  t.deepEqual(vault.identity, {
    repositoryId: from.repositoryId,
    keyFileId: from.keyFileId,
    masterKeyFingerprint: from.masterKeyFingerprint,
  });
  const again = await makeKit({ disk });
  t.is(again.vault.state, 'locked');
  await again.vault.unlockWithPassword(password);
  t.deepEqual(again.vault.recoveryKey(), Uint8Array.from(from.recoveryKey));
});

test('a copy of the recovery key is no window to the kept one, and locking wipes', async t => {
  const { vault, from } = await setUp();
  await vault.unlockWithPassword(password);
  const copy = vault.recoveryKey();
  copy.fill(0);
  t.deepEqual(vault.recoveryKey(), Uint8Array.from(from.recoveryKey));
});

test('open after create gives the same back, for any secrets', async t => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  await fc.assert(
    fc.asyncProperty(
      bytes(32),
      fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
        .filter(text => !/[\u0000-\u001f\u007f-\u009f]/.test(text)),
      fc.string({ unit: 'grapheme', maxLength: 80 }),
      async (recoveryKey, text, device) => {
        const one = await makeKit();
        const from = newVault({ recoveryKey, password: utf8(text), device });
        const file = await one.vault.create(from);
        t.is(file.bytes.length, 1782, 'the size tells nothing');
        const two = await makeKit();
        const opened = await two.vault.openRemote([candidate(file.bytes)], utf8(text), phone);
        t.deepEqual(opened.recoveryKey, recoveryKey);
        t.deepEqual(opened.identity, file.identity);
      },
    ),
    { numRuns: 50 },
  );
});

test('nothing personal can be read in a vault file', async t => {
  const { file } = await setUp({ device: 'Annas-Laptop' });
  const text = fromUtf8(file.bytes) ?? '';
  const parts = Object.values(JSON.parse(text) as Record<string, string>).map(
    part => fromBase64Url(part) ?? new Uint8Array(),
  );
  for (const secret of [phone, '4155550123', 'Annas-Laptop', 'a1a1', 'b2b2', 'c3c3', 'velvet']) {
    for (const part of [file.bytes, ...parts]) t.false(Buffer.from(part).includes(secret));
  }
});

test('a wrong password and a wrong phone number are one error, after one derivation each (row 1)', async t => {
  const { vault, keyWork, from } = await setUp();
  const wrongPassword = await fails(t, 'E_WRONG_SECRET', () =>
    vault.unlockWithPassword(utf8('another password'), from.phone),
  );
  const first = keyWork.derived.splice(0);
  const other = await setUp();
  const wrongPhone = await fails(t, 'E_WRONG_SECRET', () => other.vault.unlockWithPassword(password, '+14155550124'));
  t.is(wrongPassword.message, wrongPhone.message);
  t.deepEqual(wrongPassword.params, wrongPhone.params);
  t.is(first.length, 1);
  t.is(other.keyWork.derived.length, 1);
  t.deepEqual(first[0]?.cost, other.keyWork.derived[0]?.cost);
  t.is(vault.state, 'locked');
  t.is(other.disk.phone, from.phone);
});

test('with the remembered number only the password can be wrong, and the error says so', async t => {
  const { vault, from } = await setUp();
  const remembered = await fails(t, 'E_WRONG_SECRET', () => vault.unlockWithPassword(utf8('another password')));
  t.deepEqual(remembered.params, { phoneKnown: true, triesLeft: 4 });
  const given = await fails(t, 'E_WRONG_SECRET', () => vault.unlockWithPassword(utf8('another password'), from.phone));
  t.deepEqual(given.params, { triesLeft: 3 });
});

test('composed and decomposed letters are one password (row 1)', async t => {
  const { vault } = await setUp({ password: utf8('corréct horse of a kind'.normalize('NFC')) });
  await vault.unlockWithPassword(utf8('corréct horse of a kind'.normalize('NFD')));
  t.is(vault.state, 'unlocked');
});

test('proving a wrong password while unlocked leaves the vault unlocked', async t => {
  const { vault } = await setUp();
  await vault.unlockWithPassword(password);
  await fails(t, 'E_WRONG_SECRET', () => vault.unlockWithPassword(utf8('another password')));
  t.is(vault.state, 'unlocked');
});

test('a derivation that needs more than half of the free memory is not started', async t => {
  const { file, disk } = await setUp();
  const availableBytes = 2 * 65_536 * 1024;
  const enough = await makeKit({ disk, memory: () => ({ totalBytes: availableBytes, availableBytes }) });
  await enough.vault.unlockWithPassword(password);
  const short = await makeKit({
    disk,
    memory: () => ({ totalBytes: availableBytes, availableBytes: availableBytes - 1 }),
  });
  const error = await fails(t, 'E_KDF_RESOURCES', () => short.vault.unlockWithPassword(password));
  t.deepEqual(error.params, { need: 65_536 * 1024, have: availableBytes - 1 });
  await fails(t, 'E_KDF_RESOURCES', () => short.vault.openRemote([candidate(file.bytes)], password, phone));
  await fails(t, 'E_KDF_RESOURCES', () => short.vault.create(newVault()));
  t.is(short.keyWork.derived.length, 0);
});

test('an old vault served after a change of the password is a rollback here, and opens elsewhere only with the old password (row 6)', async t => {
  const { vault, file, from } = await setUp();
  await vault.unlockWithPassword(password);
  const next = await vault.create({ ...from, password: utf8('quite another password') });
  await vault.adopt(next);
  t.is(next.generation, 2);
  t.is(parseVault(next.bytes).header.previous, file.sha256);
  t.deepEqual(parseVault(next.bytes).header.id, parseVault(file.bytes).header.id);
  t.notDeepEqual(parseVault(next.bytes).header.salt, parseVault(file.bytes).header.salt);

  t.deepEqual(
    compareVaults(next, [candidate(file.bytes)]).map(({ code }) => code),
    ['E_VAULT_ROLLBACK'],
  );
  t.deepEqual(compareVaults(next, [candidate(next.bytes)]), []);
  t.deepEqual(compareVaults(next, [candidate(file.bytes), candidate(next.bytes)]), []);
  t.deepEqual(
    compareVaults(next, []).map(({ code }) => code),
    ['E_WITHHELD'],
  );
  t.deepEqual(
    compareVaults(file, [candidate(next.bytes)]).map(({ code }) => code),
    ['E_VAULT_CHANGED'],
  );
  t.deepEqual(
    compareVaults(file, [candidate(file.bytes), candidate(next.bytes)]).map(({ code }) => code),
    ['E_VAULT_CHANGED'],
  );
  t.deepEqual(
    compareVaults(file, [candidate(file.bytes), candidate(utf8('junk'))]).map(({ code }) => code),
    ['E_VAULT_CHANGED'],
  );

  const fresh = await makeKit();
  await fails(t, 'E_WRONG_SECRET', () =>
    fresh.vault.openRemote([candidate(file.bytes)], utf8('quite another password'), phone),
  );
  const old = await fresh.vault.openRemote([candidate(file.bytes)], password, phone);
  t.is(old.generation, 1);
  t.is(old.created, '2025-11-24');
  t.is(old.device, 'laptop');
});

test('of several vaults the newest that opens is taken (row 7)', async t => {
  const { vault, file, from } = await setUp();
  await vault.unlockWithPassword(password);
  const next = await vault.create(from);
  const fresh = await makeKit();
  const opened = await fresh.vault.openRemote([candidate(file.bytes), candidate(next.bytes)], password, phone);
  t.is(opened.generation, 2);
  t.is(fresh.keyWork.derived.length, 1);
  await fresh.vault.adopt(opened);
  t.is(fresh.vault.state, 'unlocked');
  t.deepEqual(fresh.vault.known, { sha256: next.sha256, generation: 2 });
  t.is(fresh.disk.phone, phone);
});

test('fifty vaults cost at most four derivations (row 7)', async t => {
  const { file } = await setUp();
  const others = await Promise.all(
    Array.from({ length: 50 }, async () => (await setUp({ password: utf8(toBase64Url(randomBytes(9))) })).file),
  );
  const fresh = await makeKit();
  await fails(t, 'E_WRONG_SECRET', () =>
    fresh.vault.openRemote(
      others.map(({ bytes }) => candidate(bytes)),
      utf8('x'),
      phone,
    ),
  );
  t.is(fresh.keyWork.derived.length, 4);
  await fails(t, 'E_WRONG_SECRET', () =>
    fresh.vault.openRemote(
      [...others, file].map(({ bytes }) => candidate(bytes)),
      utf8('x'),
      phone,
    ),
  );
  t.is(fresh.keyWork.derived.length, 8);
});

test('damaged files beside a good one do not hide it', async t => {
  const { file } = await setUp();
  const fresh = await makeKit();
  const junk = [
    utf8('junk'),
    edited(file, (_, header) => Object.assign(header, { kdf: { alg: 'md5' } })),
    edited(file, (_, header) => Object.assign(header, { v: 9 })),
  ];
  const opened = await fresh.vault.openRemote([...junk, file.bytes].map(candidate), password, phone);
  t.is(opened.sha256, file.sha256);
});

test('two vaults of one generation that both open are a fork (row 7)', async t => {
  const { vault, from } = await setUp();
  const one = await vault.create(from);
  const two = await vault.create(from);
  const fresh = await makeKit();
  const opened = await fresh.vault.openRemote([candidate(one.bytes), candidate(two.bytes)], password, phone);
  t.deepEqual(
    opened.findings.map(({ code }) => code),
    ['E_FORK'],
  );
});

test('a vault of another repository is told from this one (rows 7, 8 and 11)', async t => {
  const { vault, from } = await setUp();
  await vault.unlockWithPassword(password);
  const identity = vault.identity ?? t.fail('unlocked');
  if (typeof identity === 'boolean') return;
  const repository = {
    id: from.repositoryId,
    keyFileId: from.keyFileId,
    masterKeyFingerprint: from.masterKeyFingerprint,
  };
  t.notThrows(() => checkSameRepository(identity, repository));
  t.notThrows(
    () => checkSameRepository(identity, { ...repository, keyFileId: 'f'.repeat(64) }),
    'a renewed recovery key',
  );
  await fails(t, 'E_REPO_MISMATCH', () => checkSameRepository(identity, { ...repository, id: 'f'.repeat(64) }));
  await fails(t, 'E_REPO_MISMATCH', () =>
    checkSameRepository(identity, { ...repository, masterKeyFingerprint: 'f'.repeat(16) }),
  );
});

test('a rewrite is never cheaper than the policy or the vault before, whatever the cloud says (row 9)', async t => {
  const { disk, from } = await setUp();
  const stronger = await makeKit({ disk, writePolicy: { m: 131_072, t: 4, p: 4 } });
  await stronger.vault.adopt(await stronger.vault.create(from));
  t.like(stronger.keyWork.derived.at(-1)?.cost, { m: 131_072, t: 4 });
  const weaker = await makeKit({ disk, writePolicy: floor });
  const file = await weaker.vault.create(from);
  t.like(parseVault(file.bytes).header.cost, { m: 131_072, t: 4 });
  await weaker.vault.openRemote([candidate(file.bytes)], password, phone);
});

test('a copy that a newer Signet wrote is not overwritten, a damaged one starts a new chain', async t => {
  const { file, from } = await setUp();
  const newer = await makeKit({ disk: { vault: edited(file, (_, header) => Object.assign(header, { v: 2 })) } });
  await fails(t, 'E_VAULT_VERSION', () => newer.vault.create(from));
  const damaged = await makeKit({ disk: { vault: utf8('junk') } });
  t.is(damaged.vault.state, 'locked');
  await fails(t, 'E_VAULT_MALFORMED', () => damaged.vault.unlockWithPassword(password, phone));
  t.is((await damaged.vault.create(from)).generation, 1);
});

test('the phone number is asked for where none is remembered, and remembered once it opened', async t => {
  const { disk } = await setUp();
  const elsewhere: { vault?: Uint8Array; phone?: string } = {
    ...(disk.vault === undefined ? {} : { vault: disk.vault }),
  };
  const kit = await makeKit({ disk: elsewhere });
  const error = await fails(t, 'E_PHONE_FORM', () => kit.vault.unlockWithPassword(password));
  t.is(error.params['problem'], 'needed');
  await fails(t, 'E_WRONG_SECRET', () => kit.vault.unlockWithPassword(password, '+14155550124'));
  t.is(elsewhere.phone, undefined);
  await kit.vault.unlockWithPassword(password, '+1 (415) 555-0123');
  t.is(elsewhere.phone, phone);
});

test('the recovery key unlocks without password and phone', async t => {
  const { vault, from } = await setUp();
  vault.unlockWithRecoveryKey(from.recoveryKey);
  t.is(vault.state, 'unlocked');
  t.deepEqual(vault.recoveryKey(), Uint8Array.from(from.recoveryKey));
  t.is(vault.identity, undefined);
});

test('only a vault made or opened here can be adopted', async t => {
  const { file } = await setUp();
  const other = await makeKit();
  await fails(t, 'E_INTERNAL', () => other.vault.adopt(file));
  t.is(other.vault.state, 'absent');
});

test('after five wrong tries there is a pause that doubles, and a right one clears it', async t => {
  const { vault, clock, keyWork } = await setUp();
  const wrong = utf8('another password');
  for (const triesLeft of [4, 3, 2, 1, 0]) {
    const error = await fails(t, 'E_WRONG_SECRET', () => vault.unlockWithPassword(wrong));
    t.is(error.params['triesLeft'], triesLeft);
  }
  const blocked = await fails(t, 'E_TOO_MANY_TRIES', () => vault.unlockWithPassword(password));
  t.is(blocked.params['seconds'], 30);
  t.is(keyWork.derived.length, 5);
  clock.ms += 29_999;
  t.is((await fails(t, 'E_TOO_MANY_TRIES', () => vault.unlockWithPassword(password))).params['seconds'], 1);
  clock.ms += 1;
  await fails(t, 'E_WRONG_SECRET', () => vault.unlockWithPassword(wrong));
  t.is((await fails(t, 'E_TOO_MANY_TRIES', () => vault.unlockWithPassword(password))).params['seconds'], 60);
  clock.ms += 60_000;
  await vault.unlockWithPassword(password);
  t.is((await fails(t, 'E_WRONG_SECRET', () => vault.unlockWithPassword(wrong))).params['triesLeft'], 4);
});

test('tries are a second apart and one after the other', async t => {
  const { vault, clock } = await setUp();
  const start = clock.ms;
  await Promise.all([
    vault.unlockWithPassword(password),
    vault.unlockWithPassword(password),
    vault.unlockWithPassword(password),
  ]);
  t.is(clock.ms - start, 2000);
});

test('a failure that says nothing about the password does not count as a try', async t => {
  const { disk } = await setUp();
  let availableBytes = 0;
  const { vault } = await makeKit({ disk, memory: () => ({ totalBytes: 0, availableBytes }) });
  for (let n = 0; n < 8; n++) await fails(t, 'E_KDF_RESOURCES', () => vault.unlockWithPassword(password));
  availableBytes = 1e10;
  await vault.unlockWithPassword(password);
  t.is(vault.state, 'unlocked');
});

test('the listing takes vaults only, at most fifty, none too large', async t => {
  const objects = new Map<string, Uint8Array>([
    ['signet/vault/README', utf8('x')],
    [vaultKey('f'.repeat(64)), new Uint8Array(16 * 1024 + 1)],
  ]);
  for (let n = 0; n < 60; n++) {
    const bytes = utf8(`file ${n}`);
    objects.set(vaultKey(vaultSha256(bytes)), bytes);
  }
  const gone = [...objects.keys()][5];
  const remote = {
    async *list(folder: string) {
      t.is(folder, 'signet/vault');
      for (const [key, { length }] of objects) yield { key, sizeBytes: length };
    },
    async get(key: string) {
      if (key === gone) throw new SignetError('E_MISSING', 'gone');
      return objects.get(key) ?? new Uint8Array();
    },
  };
  const found = await listVaults(remote);
  t.is(found.length, 49);
  t.true(found.every(({ name, bytes }) => name === vaultKey(vaultSha256(bytes))));
  const unreachable = { ...remote, get: async () => Promise.reject(new SignetError('E_UNREACHABLE', 'no network')) };
  await fails(t, 'E_UNREACHABLE', () => listVaults(unreachable));
});
