import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { poly1305 as noble } from '@noble/ciphers/_poly1305.js';
import test from 'ava';
import fc from 'fast-check';
import { toHex } from '../../daemon/base/bytes.ts';
import { poly1305 } from '../../daemon/kernel/poly1305.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const windowBytes = 262_144;

test('the vector of RFC 8439 §2.5.2', t => {
  const key = Buffer.from('85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b', 'hex');
  t.is(toHex(poly1305(key, [Buffer.from('Cryptographic Forum Research Group')])), 'a8061dc1305136c6c22b8baf0c0127a9');
});

for (const length of [0, 1, 15, 16, 17, 31, 32, windowBytes - 1, windowBytes, windowBytes + 1, 2 * windowBytes + 15]) {
  test(`${length} bytes get the tag another implementation gives them, whole and in parts`, t => {
    const key = randomBytes(32);
    const message = randomBytes(length);
    const expected = toHex(noble(message, key));
    t.is(toHex(poly1305(key, [message])), expected);
    const middle = length >> 1;
    t.is(toHex(poly1305(key, [message.subarray(0, middle), new Uint8Array(0), message.subarray(middle)])), expected);
  });
}

test('limbs at their limits carry as they should', t => {
  for (const fill of [0x00, 0x01, 0x7f, 0x80, 0xfb, 0xff]) {
    for (const keyFill of [0x00, 0x03, 0x0f, 0xfc, 0xff]) {
      const key = new Uint8Array(32).fill(keyFill);
      const message = new Uint8Array(160).fill(fill);
      t.is(toHex(poly1305(key, [message])), toHex(noble(message, key)), `${fill} under ${keyFill}`);
    }
  }
});

test('any key and message get the tag another implementation gives them', t => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(key, fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (oneTimeKey, parts) => {
      t.is(toHex(poly1305(oneTimeKey, parts)), toHex(noble(Buffer.concat(parts), oneTimeKey)));
    }),
    { numRuns: 500 },
  );
});

test('the bytes of the kernel are what its source builds', t => {
  const built = spawnSync(process.execPath, [path('scripts/kernel.mjs'), '--print'], { encoding: 'utf8' });
  t.is(built.status, 0, built.stderr);
  t.is(built.stdout, readFileSync(path('daemon/kernel/poly1305-wasm.ts'), 'utf8'));
});
