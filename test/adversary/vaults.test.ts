// Rows 1 to 9: what a cloud can do with the vault. A configured computer opens from its own copy, so it is never led astray; a new one runs no
// key derivation that the policy forbids and never more than four, and is told what it was given.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '../../daemon/base/bytes.ts';
import { defaultWritePolicy } from '../../daemon/vault/kdf-policy.ts';
import type { VaultFile } from '../../daemon/vault/model.ts';
import { compareVaults, listVaults } from '../../daemon/vault/vault.ts';
import { parseVault, vaultKey, vaultSha256 } from '../../daemon/vault/vault-file.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import { treeOf } from '../support/archive.ts';
import { type HostileRemote, hostileRemote } from '../support/hostile-remote.ts';
import {
  call,
  copyOf,
  given,
  type Machine,
  password as machinePassword,
  phone as machinePhone,
  setUpMachine,
  startMachine,
} from '../support/key-bench.ts';
import { row } from '../support/rows.ts';
import { unchanged } from '../support/tampered-place.ts';
import { edited, fails, flip, floor, makeKit, password, phone, setUp, type VaultKit } from '../support/vault-kit.ts';

interface Cloud {
  readonly remote: HostileRemote;
  /** The computer that made the vault; locked. */
  readonly own: VaultKit;
  readonly file: VaultFile;
  readonly from: Awaited<ReturnType<typeof setUp>>['from'];
}

/** A vault of a computer that is set up, in a place. */
async function cloud(changes = {}): Promise<Cloud> {
  const { file, from, ...own } = await setUp(changes);
  const remote = hostileRemote();
  await remote.put(file.key, file.bytes);
  return { remote, own, file, from };
}

/** Other bytes under the name that fits them, in the place of the vault. */
function replaced({ remote, file }: Cloud, bytes: Uint8Array): void {
  remote.missing(file.key);
  remote.planted(vaultKey(vaultSha256(bytes)), bytes);
}

/** A new computer joins. */
async function joined(remote: HostileRemote, values: { password?: Uint8Array; phone?: string } = {}) {
  const kit = await makeKit();
  const opening = (): ReturnType<typeof kit.vault.openRemote> =>
    listVaults(remote).then(found => kit.vault.openRemote(found, values.password ?? password, values.phone ?? phone));
  return { kit, opening };
}

/** The computer that knows its vault: what it finds in the place, and that its own copy still opens. */
async function known(t: ExecutionContext, { remote, own, file }: Cloud): Promise<readonly string[]> {
  const findings = compareVaults(file, await listVaults(remote)).map(({ code }) => code);
  await own.vault.unlockWithPassword(password);
  t.is(own.vault.state, 'unlocked', 'its own copy opens whatever the cloud does');
  t.deepEqual(own.disk.vault, file.bytes);
  t.deepEqual(remote.removed, []);
  return findings;
}

row(1, 'a wrong password and a wrong phone number are one error in the same words, after the same work', async t => {
  const { remote } = await cloud();
  const messages = new Set<string>();
  for (const values of [{ password: utf8('another password') }, { phone: '+14155550124' }]) {
    const { kit, opening } = await joined(remote, values);
    const error = await fails(t, 'E_WRONG_SECRET', opening);
    messages.add(JSON.stringify([error.message, error.params]));
    t.deepEqual(
      kit.keyWork.derived.map(({ cost }) => cost),
      [floor],
    );
  }
  t.is(messages.size, 1);
});

row(1, 'composed and decomposed letters are one password', async t => {
  const composed = utf8('corréct horse battery stàple'.normalize('NFC'));
  const decomposed = utf8('corréct horse battery stàple'.normalize('NFD'));
  t.notDeepEqual(composed, decomposed);
  for (const [made, typed] of [
    [composed, decomposed],
    [decomposed, composed],
  ]) {
    const { remote } = await cloud({ password: made });
    const { opening } = await joined(remote, { password: typed as Uint8Array });
    await t.notThrowsAsync(opening());
  }
});

const parts: readonly (readonly [string, ErrorCode, Parameters<typeof edited>[1]])[] = [
  [
    'the salt',
    'E_WRONG_SECRET',
    (_, header) => {
      const kdf = header['kdf'] as Record<string, unknown>;
      kdf['salt'] = flip(String(kdf['salt']), 9);
    },
  ],
  ['the generation', 'E_WRONG_SECRET', (_, header) => Object.assign(header, { gen: 7 })],
  ['the vault id', 'E_WRONG_SECRET', (_, header) => Object.assign(header, { id: flip(String(header['id']), 3) })],
  ['the commitment', 'E_WRONG_SECRET', each => Object.assign(each, { commit: flip(each['commit'] ?? '', 200) })],
  ['the nonce', 'E_VAULT_CORRUPT', each => Object.assign(each, { iv: flip(each['iv'] ?? '', 1) })],
  ['the sealed content', 'E_VAULT_CORRUPT', each => Object.assign(each, { ct: flip(each['ct'] ?? '', 77) })],
  ['the tag', 'E_VAULT_CORRUPT', each => Object.assign(each, { ct: flip(each['ct'] ?? '', 1039 * 8) })],
];

for (const [what, code, edit] of parts) {
  row(2, `${what}, the name fitted: ${code} on a new computer, changed to one that knows it`, async t => {
    const place = await cloud();
    replaced(place, edited(place.file, edit));
    const { kit, opening } = await joined(place.remote);
    await fails(t, code, opening);
    t.is(kit.keyWork.derived.length, 1);
    t.is(kit.disk.vault, undefined, 'nothing is taken over');
    t.deepEqual(await known(t, place), ['E_VAULT_CHANGED']);
  });
}

row(2, 'any bit under the old name: damage, before any derivation', async t => {
  const place = await cloud();
  place.remote.altered(place.file.key, bytes => {
    bytes[300] = (bytes[300] ?? 0) ^ 1;
    return bytes;
  });
  const { kit, opening } = await joined(place.remote);
  await fails(t, 'E_VAULT_CORRUPT', opening);
  t.is(kit.keyWork.derived.length, 0);
  t.true((await known(t, place)).includes('E_VAULT_CORRUPT'));
});

const malformed: readonly (readonly [string, ErrorCode, (bytes: Uint8Array) => Uint8Array])[] = [
  ['empty', 'E_VAULT_MALFORMED', () => new Uint8Array()],
  ['cut', 'E_VAULT_MALFORMED', bytes => bytes.slice(0, 900)],
  ['one byte short', 'E_VAULT_MALFORMED', bytes => bytes.slice(0, -1)],
  ['not JSON', 'E_VAULT_MALFORMED', () => utf8('not JSON')],
  ['deeply nested', 'E_VAULT_MALFORMED', () => utf8(`{"protected":${'['.repeat(8000)}${']'.repeat(8000)}}`)],
  [
    'with a prototype part',
    'E_VAULT_MALFORMED',
    bytes => utf8((fromUtf8(bytes) ?? '').replace('{', '{"__proto__":{"polluted":1},')),
  ],
  ['of version 0', 'E_VAULT_VERSION', bytes => edited(bytes, (_, header) => Object.assign(header, { v: 0 }))],
  ['of version 2', 'E_VAULT_VERSION', bytes => edited(bytes, (_, header) => Object.assign(header, { v: 2 }))],
];

for (const [what, code, change] of malformed) {
  row(3, `a vault that is ${what}: ${code} without a derivation`, async t => {
    const place = await cloud();
    replaced(place, change(place.file.bytes));
    const { kit, opening } = await joined(place.remote);
    await fails(t, code, opening);
    t.is(kit.keyWork.derived.length, 0);
    t.is(({} as Record<string, unknown>)['polluted'], undefined);
    t.deepEqual(await known(t, place), ['E_VAULT_CHANGED']);
  });
}

row(3, 'a vault of a megabyte: not even read', async t => {
  const place = await cloud();
  replaced(place, new Uint8Array(1024 * 1024).fill(0x20));
  const { kit, opening } = await joined(place.remote);
  await fails(t, 'E_MISSING', opening);
  t.is(kit.keyWork.derived.length, 0);
  t.false(place.remote.calls.some(({ call: asked }) => asked === 'get'));
  t.deepEqual(await known(t, place), ['E_WITHHELD']);
});

const weak: Readonly<Record<string, Record<string, unknown>>> = {
  '8 KiB of memory': { m: 8 },
  'one KiB below the floor': { m: 65_535 },
  'one pass': { t: 1 },
  'two passes': { t: 2 },
  'no lane': { p: 0 },
  argon2d: { alg: 'argon2d' },
  argon2i: { alg: 'argon2i' },
  'version 16': { ver: 16 },
  'a salt of 15 bytes': { salt: toBase64Url(new Uint8Array(15)) },
};
const ruinous: Readonly<Record<string, Record<string, unknown>>> = {
  '64 GiB of memory': { m: 64 * 1024 * 1024 },
  'one KiB above the cap': { m: 1024 * 1024 + 1 },
  '10^9 passes': { t: 1e9 },
  '17 passes': { t: 17 },
  '2^24 lanes': { p: 2 ** 24 },
  'more work than 4 GiB·passes': { m: 1024 * 1024, t: 5 },
  'a fraction': { m: 65_536.5 },
  'text for a number': { m: '65536' },
  'a negative number': { t: -3 },
  'a list': { t: [3] },
  'a parameter more': { secret: 'x' },
};

for (const [number, demands] of [
  [4, weak],
  [5, ruinous],
] as const) {
  for (const [what, change] of Object.entries(demands)) {
    row(number, `${what}: refused by policy, nothing is derived or allocated`, async t => {
      const place = await cloud();
      const kdf = (header: Record<string, unknown>): object => ({ ...(header['kdf'] as object), ...change });
      replaced(
        place,
        edited(place.file, (_, header) => Object.assign(header, { kdf: kdf(header) })),
      );
      const { kit, opening } = await joined(place.remote);
      const before = process.memoryUsage().rss;
      await fails(t, 'E_KDF_POLICY', opening);
      t.true(process.memoryUsage().rss - before < 64 * 1024 * 1024);
      t.is(kit.keyWork.derived.length, 0);
      t.deepEqual(await known(t, place), ['E_VAULT_CHANGED']);
    });
  }
}

row(5, '1e400, which no JSON number holds: refused by policy', async t => {
  const place = await cloud();
  const bytes = edited(place.file, each => {
    const header = fromUtf8(fromBase64Url(each['protected'] ?? '') ?? new Uint8Array()) ?? '';
    each['protected'] = toBase64Url(utf8(header.replace('65536', '1e400')));
  });
  replaced(place, bytes);
  const { kit, opening } = await joined(place.remote);
  await fails(t, 'E_KDF_POLICY', opening);
  t.is(kit.keyWork.derived.length, 0);
});

const secondPassword = utf8('quite another password of six words');

row(
  6,
  'served after a change of the password: a rollback to who knows better, and a new computer learns its age',
  async t => {
    const { remote, own, file, from } = await cloud();
    await own.vault.unlockWithPassword(password);
    const next = await own.vault.create({ ...from, password: secondPassword });
    await remote.put(next.key, next.bytes);
    await own.vault.adopt(next);
    own.vault.lock();
    remote.missing(next.key);
    t.deepEqual(
      compareVaults(next, await listVaults(remote)).map(({ code }) => code),
      ['E_VAULT_ROLLBACK'],
    );
    await fails(t, 'E_WRONG_SECRET', () =>
      own.vault.unlockWithPassword(password, undefined, { newer: () => listVaults(remote) }),
    );
    t.is(await own.vault.unlockWithPassword(secondPassword), undefined, 'the pinned one is what counts');
    t.deepEqual(own.disk.vault, next.bytes);

    await fails(t, 'E_WRONG_SECRET', (await joined(remote, { password: secondPassword })).opening);
    const { opening } = await joined(remote);
    const opened = await opening();
    t.deepEqual(
      [opened.sha256, opened.generation, opened.created, opened.device],
      [file.sha256, 1, '2025-11-24', 'laptop'],
    );
    t.deepEqual(remote.removed, []);
  },
);

row(7, 'fifty vaults and more: four derivations, whoever made them', async t => {
  const place = await cloud();
  const others = await Promise.all(
    Array.from({ length: 60 }, (_, index) => setUp({ password: utf8(`a stranger's password number ${index}`) })),
  );
  for (const { file } of others) place.remote.planted(file.key, file.bytes);
  const { kit, opening } = await joined(place.remote, { password: secondPassword });
  await fails(t, 'E_WRONG_SECRET', opening);
  t.is(kit.keyWork.derived.length, 4);
  const vaults = place.remote.calls.filter(({ call: asked }) => asked === 'get');
  t.true(vaults.length <= 50, `${vaults.length} were read`);
});

row(
  7,
  'fifty vaults that say they are newer ones of our own: five derivations for a wrong password, one for the right one',
  async t => {
    const place = await cloud();
    for (let gen = 2; gen < 60; gen++) {
      const bytes = edited(place.file, (_, header) => Object.assign(header, { gen }));
      place.remote.planted(vaultKey(vaultSha256(bytes)), bytes);
    }
    const newer = () => listVaults(place.remote);
    await fails(t, 'E_WRONG_SECRET', () => place.own.vault.unlockWithPassword(secondPassword, undefined, { newer }));
    t.is(place.own.keyWork.derived.length, 1 + 4);
    place.own.keyWork.derived.length = 0;
    t.is(await place.own.vault.unlockWithPassword(password, undefined, { newer }), undefined);
    t.is(place.own.keyWork.derived.length, 1);
    t.deepEqual(await known(t, place), ['E_VAULT_CHANGED']);
  },
);

row(7, 'two vaults of one generation that the password opens: a fork', async t => {
  const { own, from, remote } = await cloud();
  await own.vault.unlockWithPassword(password);
  for (const file of [await own.vault.create(from), await own.vault.create(from)]) remote.planted(file.key, file.bytes);
  const opened = await (await joined(remote)).opening();
  t.deepEqual(
    opened.findings.map(({ code }) => code),
    ['E_FORK'],
  );
});

row(9, 'a vault at the floor: what replaces it has the costs of this computer’s policy', async t => {
  const { remote, from } = await cloud();
  const policy = defaultWritePolicy(16 * 1024 ** 3);
  t.true(policy.m > floor.m);
  const kit = await makeKit({ writePolicy: policy });
  const opened = await kit.vault.openRemote(await listVaults(remote), password, phone);
  await kit.vault.adopt(opened);
  const next = await kit.vault.create({ ...from, password: secondPassword });
  const { cost } = parseVault(next.bytes).header;
  t.deepEqual([cost.m, cost.t >= policy.t, cost.p], [policy.m, true, policy.p]);
  t.deepEqual(kit.keyWork.derived.at(-1)?.cost, cost);
});

row(
  9,
  'a vault of the cloud that asks for less than the one before: the next one is never cheaper than either',
  async t => {
    const { disk, from } = await setUp();
    const dear = await makeKit({ disk, writePolicy: { m: 131_072, t: 4, p: 4 } });
    await dear.vault.adopt(await dear.vault.create(from));
    const cheap = await makeKit({ disk, writePolicy: floor });
    const cost = parseVault((await cheap.vault.create(from)).bytes).header.cost;
    t.like(cost, { m: 131_072, t: 4 });
  },
);

// A whole machine, with a folder as the cloud.

const template = mkdtempSync(join(tmpdir(), 'signet-test-'));
const stranger = mkdtempSync(join(tmpdir(), 'signet-test-'));
test.before(async () => {
  await setUpMachine(template);
  await setUpMachine(stranger);
});
test.after.always(() => {
  for (const folder of [template, stranger]) rmSync(folder, { recursive: true, force: true });
});

async function machine(t: ExecutionContext): Promise<Machine> {
  const made = await startMachine(await copyOf(t, template));
  t.teardown(() => made.end());
  return made;
}

const secrets = () => given({ password: machinePassword });

/** The whole place of another machine in the place of this one's. */
function exchange({ folder }: Machine): void {
  rmSync(join(folder, 'copies'), { recursive: true });
  cpSync(join(stranger, 'copies'), join(folder, 'copies'), { recursive: true });
}

for (const [number, title] of [
  [7, 'the vault and the backup of another under the same password: not opened, nothing is written'],
  [
    8,
    'a stranger’s backup under a guessed password: E_REPO_MISMATCH, nothing is uploaded, nothing of ours is given up',
  ],
] as const) {
  row(number, title, async t => {
    const own = await machine(t);
    const vaultBefore = await own.state.vaultCopy.load();
    exchange(own);
    const copies = join(own.folder, 'copies');
    const before = unchanged(copies);
    const chats = unchanged(join(own.folder, 'chats'));
    await fails(t, 'E_REPO_MISMATCH', () => own.jobs.unlock(secrets()));
    t.is(own.vault.state, 'locked');
    await t.throwsAsync(own.jobs.backup('user'), { code: 'E_VAULT_LOCKED' });
    t.true(before(), 'nothing is uploaded and nothing removed');
    t.true(chats());
    t.deepEqual(await own.state.vaultCopy.load(), vaultBefore);
  });
}

row(8, 'a stranger’s backup under a known recovery key that was unlocked with: E_REPO_MISMATCH as well', async t => {
  const own = await machine(t);
  await own.jobs.unlock(secrets());
  const recoveryKey = await own.recoveryKey();
  await own.jobs.lock();
  own.state.setFacts({ 'pinned.repository': 'ab'.repeat(32) }); // as if what lies there were another one
  const before = unchanged(join(own.folder, 'copies'));
  await fails(t, 'E_REPO_MISMATCH', () => own.jobs.unlock(given({ recoveryKey })));
  t.true(before());
});

row(
  8,
  'set up again over what lies there: joined, never overwritten, and only who says so begins a new backup',
  async t => {
    const own = await machine(t);
    exchange(own);
    const copies = treeOf(join(own.folder, 'copies'));
    const order = {
      sources: [{ root: join(own.folder, 'chats') }],
      remote: `folder:${join(own.folder, 'copies')}`,
      schedule: { kind: 'manual' as const, onChange: false },
    };
    await fails(t, 'E_ALREADY_SET_UP', () =>
      own.jobs.setup(order, given({ password: machinePassword, phone: machinePhone }), call),
    );
    t.deepEqual(treeOf(join(own.folder, 'copies')), copies);
  },
);

row(
  11,
  'a config and a key file of another backup beside the own vault: E_REPO_MISMATCH or damage, and nothing is written',
  async t => {
    const own = await machine(t);
    const copies = join(own.folder, 'copies');
    for (const name of ['config', 'keys']) {
      rmSync(join(copies, name), { recursive: true });
      cpSync(join(stranger, 'copies', name), join(copies, name), { recursive: true });
    }
    const before = unchanged(copies);
    await fails(t, 'E_REPO_MISMATCH', () => own.jobs.unlock(secrets()));
    t.true(before());
  },
);

row(
  6,
  'on a whole machine: the vault from before is put back, the password of now opens, and verify tells',
  async t => {
    const own = await machine(t);
    const folder = join(own.folder, 'copies', 'signet', 'vault');
    const [old = ''] = readdirSync(folder);
    const bytes = readFileSync(join(folder, old));
    await own.jobs.unlock(secrets());
    await own.jobs.credentials.changePassword(
      given({ password: machinePassword, newPassword: 'ablaze tidal frosty mango untie clock' }),
    );
    await own.jobs.lock();
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    writeFileSync(join(folder, old), bytes);
    await fails(t, 'E_WRONG_SECRET', () => own.jobs.unlock(secrets()));
    await own.jobs.unlock(given({ password: 'ablaze tidal frosty mango untie clock' }));
    const { problems } = await own.jobs.verifying.verify(0, call);
    t.true(problems.some(({ code }) => code === 'E_VAULT_ROLLBACK'));
    t.deepEqual(readdirSync(folder), [old], 'what was put back is left where it is');
  },
);
