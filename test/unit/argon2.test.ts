import test from 'ava';
import { fromHex, toHex, utf8 } from '../../daemon/base/bytes.ts';
import { backends, chooseArgon2 } from '../../daemon/vault/argon2.ts';
import type { Argon2Request } from '../../daemon/vault/argon2-portable.ts';

const request: Argon2Request = {
  password: utf8('corréct horse'),
  salt: new Uint8Array(16).fill(1),
  associatedData: utf8('signet/vault/v1/argon2-ad\0+14155550123'),
  m: 64,
  t: 3,
  p: 4,
  length: 32,
};

/** Each a boundary: smallest memory, one lane, odd memory, address blocks that run over, long and short inputs and outputs. */
const cases: readonly (readonly [string, Partial<Argon2Request>])[] = [
  ['the usual shape', {}],
  ['the smallest memory', { m: 32 }],
  ['one lane, one pass', { m: 8, p: 1, t: 1 }],
  ['memory that is no multiple of 4p', { m: 75 }],
  ['more than one block of addresses in a segment', { m: 4 * 300, p: 1, t: 1 }],
  ['exactly one block of addresses in a segment', { m: 4 * 128, p: 1, t: 2 }],
  ['eight lanes', { m: 256, p: 8 }],
  ['no password and no associated data', { password: new Uint8Array(), associatedData: new Uint8Array() }],
  [
    'inputs longer than a hash block',
    { password: new Uint8Array(1024).fill(7), associatedData: new Uint8Array(300).fill(9) },
  ],
  ['a salt of 32 bytes', { salt: new Uint8Array(32).fill(3) }],
  ['a tag of 64 bytes', { length: 64 }],
];

for (const [what, change] of cases) {
  test(`three implementations of Argon2id agree on ${what} (row 34)`, async t => {
    const answers: string[] = [];
    for (const load of Object.values(backends)) {
      const argon2 = await load();
      answers.push(toHex(await argon2({ ...request, ...change })));
    }
    t.is(answers.length, 3);
    t.deepEqual(new Set(answers).size, 1, answers.join(' '));
  });
}

// security anchors §a: the key behind the known commitment, at the floor of the policy. The portable code takes seconds for it.
test('the native implementations agree at the floor of the policy', async t => {
  const atFloor = { ...request, m: 65_536 };
  const expected = fromHex('f20d18f8e49f2b483170a8419fd93846f2d3a0afbf158a9b9fc5f968fa53f0d0');
  t.deepEqual(new Uint8Array(await (await backends.argon2())(atFloor)), expected);
  t.deepEqual(new Uint8Array(await (await backends['node:crypto']())(atFloor)), expected);
});

test('the native addon is chosen where it works', async t => {
  t.is((await chooseArgon2()).backend, 'argon2');
});
