import test from 'ava';
import fc from 'fast-check';
import { compareBytes, fromBase64Url, fromUtf8, toBase64Url, utf8 } from '../../daemon/base/bytes.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { compareVaults } from '../../daemon/vault/vault.ts';
import { openVault, parseVault, sealVault, vaultKey } from '../../daemon/vault/vault-file.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import { candidate, edited, fails, flip, makeKit, password, phone, setUp } from '../support/vault-kit.ts';

const flips: readonly (readonly [
  string,
  ErrorCode,
  (parts: Record<string, string>, header: Record<string, unknown>) => void,
])[] = [
  [
    'the salt',
    'E_WRONG_SECRET',
    (_, header) => {
      const kdf = header['kdf'] as Record<string, unknown>;
      kdf['salt'] = flip(String(kdf['salt']), 9);
    },
  ],
  [
    'the vault id',
    'E_WRONG_SECRET',
    (_, header) => {
      header['id'] = flip(String(header['id']), 3);
    },
  ],
  [
    'the generation',
    'E_WRONG_SECRET',
    (_, header) => {
      header['gen'] = 7;
    },
  ],
  [
    'the costs',
    'E_WRONG_SECRET',
    (_, header) => {
      header['kdf'] = { ...(header['kdf'] as object), t: 4 };
    },
  ],
  [
    'the commitment',
    'E_WRONG_SECRET',
    parts => {
      parts['commit'] = flip(parts['commit'] ?? '', 200);
    },
  ],
  [
    'the nonce',
    'E_VAULT_CORRUPT',
    parts => {
      parts['iv'] = flip(parts['iv'] ?? '', 1);
    },
  ],
  [
    'the sealed content',
    'E_VAULT_CORRUPT',
    parts => {
      parts['ct'] = flip(parts['ct'] ?? '', 77);
    },
  ],
  [
    'the tag',
    'E_VAULT_CORRUPT',
    parts => {
      parts['ct'] = flip(parts['ct'] ?? '', 1039 * 8);
    },
  ],
];

for (const [what, code, edit] of flips) {
  test(`a bit flipped in ${what}, name fitted, is ${code}; the local copy still unlocks (row 2)`, async t => {
    const { vault, file } = await setUp();
    const bytes = edited(file, edit);
    t.notDeepEqual(bytes, file.bytes);
    const fresh = await makeKit();
    await fails(t, code, () => fresh.vault.openRemote([candidate(bytes)], password, phone));
    t.is(fresh.keyWork.derived.length, 1);
    t.deepEqual(
      compareVaults(file, [candidate(bytes)]).map(finding => finding.code),
      ['E_VAULT_CHANGED'],
    );
    await vault.unlockWithPassword(password);
    t.is(vault.state, 'unlocked');
  });
}

test('a file whose name is not its hash is damage, before any derivation', async t => {
  const { file } = await setUp();
  const fresh = await makeKit();
  await fails(t, 'E_VAULT_CORRUPT', () =>
    fresh.vault.openRemote([{ ...candidate(file.bytes), name: vaultKey('0'.repeat(64)) }], password, phone),
  );
  t.is(fresh.keyWork.derived.length, 0);
});

const malformed: readonly (readonly [string, ErrorCode, (bytes: Uint8Array) => Uint8Array])[] = [
  ['empty', 'E_VAULT_MALFORMED', () => new Uint8Array()],
  ['truncated', 'E_VAULT_MALFORMED', bytes => bytes.subarray(0, 900)],
  ['one byte short', 'E_VAULT_MALFORMED', bytes => bytes.subarray(0, -1)],
  ['a megabyte', 'E_VAULT_MALFORMED', () => new Uint8Array(1024 * 1024).fill(0x20)],
  ['just over the limit', 'E_VAULT_MALFORMED', () => new Uint8Array(16 * 1024 + 1).fill(0x20)],
  ['not JSON', 'E_VAULT_MALFORMED', () => utf8('not JSON')],
  ['a list', 'E_VAULT_MALFORMED', () => utf8('[]')],
  ['not UTF-8', 'E_VAULT_MALFORMED', () => new Uint8Array([0x7b, 0xff, 0x7d])],
  ['deeply nested', 'E_VAULT_MALFORMED', () => utf8(`{"protected":${'['.repeat(8000)}${']'.repeat(8000)}}`)],
  [
    'spelled with spaces',
    'E_VAULT_MALFORMED',
    bytes => utf8(JSON.stringify(JSON.parse(fromUtf8(bytes) ?? ''), undefined, 1)),
  ],
  ['with one more part', 'E_VAULT_MALFORMED', bytes => edited(bytes, parts => Object.assign(parts, { more: 'x' }))],
  [
    'with a prototype part',
    'E_VAULT_MALFORMED',
    bytes => utf8((fromUtf8(bytes) ?? '').replace('{', '{"__proto__":{"a":1},')),
  ],
  ['with a part missing', 'E_VAULT_MALFORMED', bytes => edited(bytes, parts => delete parts['iv'])],
  [
    'with unpadded base64 that is not canonical',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, parts => Object.assign(parts, { iv: `${parts['iv']?.slice(0, -1)}_=` })),
  ],
  [
    'with a longer nonce',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, parts => Object.assign(parts, { iv: toBase64Url(new Uint8Array(16)) })),
  ],
  [
    'with a shorter ciphertext',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, parts => Object.assign(parts, { ct: toBase64Url(new Uint8Array(1039)) })),
  ],
  [
    'with another encryption',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, (_, header) => Object.assign(header, { enc: 'A256GCM' })),
  ],
  ['with generation 0', 'E_VAULT_MALFORMED', bytes => edited(bytes, (_, header) => Object.assign(header, { gen: 0 }))],
  [
    'with generation 1.5',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, (_, header) => Object.assign(header, { gen: 1.5 })),
  ],
  [
    'with another slot',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, (_, header) => Object.assign(header, { slot: 'none' })),
  ],
  [
    'with one more header field',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, (_, header) => Object.assign(header, { more: 1 })),
  ],
  ['without key derivation', 'E_VAULT_MALFORMED', bytes => edited(bytes, (_, header) => delete header['kdf'])],
  [
    'of another format',
    'E_VAULT_MALFORMED',
    bytes => edited(bytes, (_, header) => Object.assign(header, { fmt: 'other' })),
  ],
  ['of version 0', 'E_VAULT_VERSION', bytes => edited(bytes, (_, header) => Object.assign(header, { v: 0 }))],
  ['of version 2', 'E_VAULT_VERSION', bytes => edited(bytes, (_, header) => Object.assign(header, { v: 2 }))],
];

for (const [what, code, make] of malformed) {
  test(`a vault file that is ${what} is ${code} without a derivation (row 3)`, async t => {
    const { file } = await setUp();
    const fresh = await makeKit();
    await fails(t, code, () => fresh.vault.openRemote([candidate(make(file.bytes))], password, phone));
    t.is(fresh.keyWork.derived.length, 0);
  });
}

const badCosts: readonly (readonly [string, Record<string, unknown>])[] = [
  ['8 KiB of memory', { m: 8 }],
  ['one KiB below the floor', { m: 65_535 }],
  ['one KiB above the cap', { m: 1024 * 1024 + 1 }],
  ['64 GiB of memory', { m: 64 * 1024 * 1024 }],
  ['1 pass', { t: 1 }],
  ['2 passes', { t: 2 }],
  ['17 passes', { t: 17 }],
  ['10^9 passes', { t: 1e9 }],
  ['0 lanes', { p: 0 }],
  ['9 lanes', { p: 9 }],
  ['2^24 lanes', { p: 2 ** 24 }],
  ['more work than 4 GiB·passes', { m: 1024 * 1024, t: 5 }],
  ['argon2d', { alg: 'argon2d' }],
  ['argon2i', { alg: 'argon2i' }],
  ['version 16', { ver: 16 }],
  ['a fraction', { m: 65_536.5 }],
  ['text for a number', { m: '65536' }],
  ['a negative number', { t: -3 }],
  ['null', { p: null }],
  ['a list', { t: [3] }],
  ['a salt of 15 bytes', { salt: toBase64Url(new Uint8Array(15)) }],
  ['a salt of 33 bytes', { salt: toBase64Url(new Uint8Array(33)) }],
  ['a salt that is not base64url', { salt: '+'.repeat(22) }],
  ['a parameter more', { secret: 'x' }],
];

for (const [what, change] of badCosts) {
  test(`a header that asks for ${what} is refused by policy, without a derivation (rows 4 and 5)`, async t => {
    const { file } = await setUp();
    const bytes = edited(file, (_, header) => {
      header['kdf'] = { ...(header['kdf'] as object), ...change };
    });
    const fresh = await makeKit();
    await fails(t, 'E_KDF_POLICY', () => fresh.vault.openRemote([candidate(bytes)], password, phone));
    t.is(fresh.keyWork.derived.length, 0);
  });
}

test('a number too large for JSON is refused by policy (row 5)', async t => {
  const { file } = await setUp();
  const bytes = edited(file, parts => {
    const header = (fromUtf8(fromBase64Url(parts['protected'] ?? '') ?? new Uint8Array()) ?? '').replace(
      '65536',
      '1e400',
    );
    parts['protected'] = toBase64Url(utf8(header));
  });
  const fresh = await makeKit();
  await fails(t, 'E_KDF_POLICY', () => fresh.vault.openRemote([candidate(bytes)], password, phone));
  t.is(fresh.keyWork.derived.length, 0);
});

test('the costs at the bounds are accepted', async t => {
  const { file } = await setUp();
  for (const change of [{ m: 65_536 }, { m: 1024 * 1024, t: 4 }, { m: 262_144, t: 16 }, { p: 1 }, { p: 8 }]) {
    const bytes = edited(file, (_, header) => {
      header['kdf'] = { ...(header['kdf'] as object), ...change };
    });
    t.like(parseVault(bytes).header.cost, change);
  }
});

test('any change of a vault file ends in an error of the taxonomy, never in another recovery key (row 34)', async t => {
  const { file, keyWork } = await setUp();
  const { header } = parseVault(file.bytes);
  const ikm = await keyWork.derive({ password, phone, salt: header.salt, cost: header.cost });
  const expected = openVault(parseVault(file.bytes), ikm).recoveryKey;
  const outcomes = new Set<string>();
  const allowed = new Set([
    'E_VAULT_MALFORMED',
    'E_VAULT_VERSION',
    'E_KDF_POLICY',
    'E_WRONG_SECRET',
    'E_VAULT_CORRUPT',
  ]);
  const index = fc.nat(file.bytes.length - 1);
  const mutation = fc.oneof(
    fc.tuple(fc.constant('set'), index, fc.uint8Array({ minLength: 1, maxLength: 3 })),
    fc.tuple(fc.constant('cut'), index, fc.constant(new Uint8Array())),
    fc.tuple(fc.constant('insert'), index, fc.uint8Array({ minLength: 1, maxLength: 8 })),
    fc.tuple(fc.constant('delete'), index, fc.constant(new Uint8Array())),
  );
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), mutations => {
      let bytes = Buffer.from(file.bytes);
      for (const [kind, at, insert] of mutations) {
        const tail = { set: at + insert.length, cut: bytes.length, insert: at, delete: at + 1 }[kind] ?? at;
        bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(tail)]);
      }
      let outcome: string;
      try {
        const opened = openVault(parseVault(bytes), ikm).recoveryKey;
        outcome = bytes.equals(file.bytes) && compareBytes(opened, expected) === 0 ? 'same' : 'opened';
      } catch (error) {
        outcome = error instanceof SignetError && allowed.has(error.code) ? 'refused' : String(error);
      }
      outcomes.add(outcome);
    }),
    { numRuns: 1500, seed: 34 },
  );
  outcomes.delete('same');
  t.deepEqual([...outcomes], ['refused']);
});

test('any change inside the header is refused (row 34)', async t => {
  const { file, keyWork } = await setUp();
  const ikm = await keyWork.derive({ password, phone, ...parseVault(file.bytes).header });
  const { protected: stored } = JSON.parse(fromUtf8(file.bytes) ?? '');
  const header = Buffer.from(stored, 'base64url');
  fc.assert(
    fc.property(fc.nat(header.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const other = Buffer.from(header);
      other[at] = (other[at] ?? 0) ^ change;
      const bytes = edited(file, parts => Object.assign(parts, { protected: other.toString('base64url') }));
      t.throws(() => openVault(parseVault(bytes), ikm), { instanceOf: SignetError });
    }),
    { numRuns: 500, seed: 35 },
  );
});

test('a payload that a hostile holder of the password wrote is checked like any other input', async t => {
  const { file, keyWork, from } = await setUp();
  const { header } = parseVault(file.bytes);
  const ikm = await keyWork.derive({ password, phone, salt: header.salt, cost: header.cost });
  const payload = openVault(parseVault(file.bytes), ikm);
  const odd = sealVault(header, { ...payload, phone: 'no number' }, ikm, { nonce: new Uint8Array(12) });
  await fails(t, 'E_VAULT_CORRUPT', () => openVault(parseVault(odd), ikm));
  t.is(payload.phone, from.phone);
});
