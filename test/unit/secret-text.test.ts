import test from 'ava';
import fc from 'fast-check';
import { fromUtf8, toHex, utf8 } from '../../daemon/base/bytes.ts';
import {
  base64Bytes,
  blankFor,
  fillBlanks,
  fromBase64Bytes,
  fromHexBytes,
  hexBytes,
  liftSecrets,
} from '../../daemon/base/secret-text.ts';
import { carried, landed } from '../../daemon/jobs/engine-messages.ts';

const bytes = fc.uint8Array({ maxLength: 70 });

test('hex and both kinds of base64 are what Node writes, and read back', t => {
  fc.assert(
    fc.property(bytes, secret => {
      const buffer = Buffer.from(secret);
      t.is(fromUtf8(hexBytes(secret)), buffer.toString('hex'));
      t.deepEqual(fromHexBytes(hexBytes(secret)), secret);
      for (const form of ['base64', 'base64url'] as const) {
        t.is(fromUtf8(base64Bytes(secret, form)), buffer.toString(form));
        t.deepEqual(fromBase64Bytes(base64Bytes(secret, form), form), secret);
      }
    }),
  );
});

test('what is not canonical base64 is refused', t => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), text => {
      const read = fromBase64Bytes(utf8(text), 'base64url');
      const node = Buffer.from(text, 'base64url');
      const expected = node.toString('base64url') === text ? toHex(node) : undefined;
      t.is(read === undefined ? undefined : toHex(read), expected, JSON.stringify(text));
    }),
    { numRuns: 2000 },
  );
  for (const text of ['A', 'AB', 'AB=', 'AAAA=', '====', 'AA==A', 'AB==', '+A==', 'A-==', 'A A=']) {
    const node = Buffer.from(text, 'base64');
    t.is(fromBase64Bytes(utf8(text), 'base64') !== undefined, node.toString('base64') === text, text);
  }
});

for (const text of ['0', '0g', 'AB', '0x']) {
  test(`"${text}" is no hex`, t => t.is(fromHexBytes(utf8(text)), undefined));
}

test('secrets are filled into JSON and lifted out of it, and never stand in what is left', t => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 40 }), fc.string(), fc.string(), (secret, before, after) => {
      const text = base64Bytes(secret, 'base64url');
      const shown = fromUtf8(text) ?? '';
      const json = utf8(JSON.stringify({ key: blankFor(text), before, after: { k: after } }));
      fillBlanks(json, [text]);
      t.true(text.every(byte => byte === 0));
      t.deepEqual(JSON.parse(fromUtf8(json) ?? ''), { key: shown, before, after: { k: after } });
      const lifted = liftSecrets(json, ['key'], 'base64url');
      t.deepEqual(lifted.secrets.get('key'), secret);
      t.deepEqual(JSON.parse(fromUtf8(lifted.json) ?? ''), {
        key: '*'.repeat(shown.length),
        before,
        after: { k: after },
      });
    }),
  );
});

for (const [json, found] of [
  ['{"k" \n: "AAAA"}', '000000'],
  ['{"k":"AAAA","k":"AAAB"}', '000001'],
  ['{"k":"AAAA","k":"?"}', undefined],
  ['{"a":"k","b":"AAAA"}', undefined],
  ['{"a":"\\"k\\":\\"AAAA"}', undefined],
  ['{"k":["AAAA"]}', '000000'],
  ['{"k":"AAA', undefined],
  ['{"k":"AAAA\\', undefined],
  ['"', undefined],
  ['', undefined],
] as const) {
  test(`from ${JSON.stringify(json)} ${found ?? 'nothing'} is lifted`, t => {
    const secret = liftSecrets(utf8(json), ['k'], 'base64').secrets.get('k');
    t.is(secret === undefined ? undefined : toHex(secret), found);
  });
}

test('a key crosses to the engine in shared memory that is wiped where it lands; longer bytes go as they are', t => {
  const key = new Uint8Array(32).fill(7);
  const long = new Uint8Array(512 * 1024);
  const sent = carried({ key, long, name: 'x' });
  t.true(sent.key.buffer instanceof SharedArrayBuffer);
  t.is(sent.long, long);
  const there = landed(sent);
  t.deepEqual(there, { key: new Uint8Array(32).fill(7), long, name: 'x' });
  t.true(sent.key.every(byte => byte === 0));
  t.true(
    key.every(byte => byte === 7),
    'the sender wipes its own',
  );
});
