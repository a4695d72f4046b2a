import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { recoverySheet } from '../../daemon/vault/recovery-sheet.ts';
import {
  maxBoxLength,
  maxSecretBytes,
  maxSheetBytes,
  Secrets,
  secretChannel,
  secretNames,
} from '../../protocol/secrets.ts';

function recoverySheetOf(remote: string): Buffer {
  const facts = {
    date: '',
    place: remote,
    folder: remote,
    device: 'x'.repeat(64),
    newest: 1,
    repositoryId: '',
    keyFileId: '',
  };
  return Buffer.from(recoverySheet({ ...facts, cloud: { remote } }, new Uint8Array(32)));
}

function pair(token = randomBytes(32), salt = randomBytes(64)) {
  return { client: secretChannel('client', token, salt), daemon: secretChannel('daemon', token, salt) };
}

test('what one side seals the other opens', t => {
  const value = fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined });
  const record = fc.record({ password: value, newPassword: value, phone: value, recoveryKey: value });
  fc.assert(
    fc.property(record, fc.boolean(), (values, fromClient) => {
      const { client, daemon } = pair();
      const [from, to] = fromClient ? [client, daemon] : [daemon, client];
      const opened = to.open('signet/setup', from.seal('signet/setup', Secrets.of(values)));
      for (const name of secretNames) {
        const expected = name in values ? values[name as keyof typeof values] : undefined;
        t.deepEqual(opened.get(name), expected);
      }
    }),
    { numRuns: 50 },
  );
});

const secrets = Secrets.of({ password: 'correct horse', phone: '+15550100' });

test('a box opens only once', t => {
  const { client, daemon } = pair();
  const sealed = client.seal('signet/unlock', secrets);
  daemon.open('signet/unlock', sealed);
  t.throws(() => daemon.open('signet/unlock', sealed), { code: 'E_USAGE' });
});

test('a box does not open after a later one', t => {
  const { client, daemon } = pair();
  const first = client.seal('signet/unlock', secrets);
  daemon.open('signet/unlock', client.seal('signet/unlock', secrets));
  t.throws(() => daemon.open('signet/unlock', first), { code: 'E_USAGE' });
});

test('a box opens for no other request, no other connection, and not for the side that sealed it', t => {
  const token = randomBytes(32);
  const { client, daemon } = pair(token);
  t.throws(() => daemon.open('signet/setup', client.seal('signet/unlock', secrets)), { code: 'E_USAGE' });
  t.throws(() => pair(token).daemon.open('signet/unlock', client.seal('signet/unlock', secrets)), { code: 'E_USAGE' });
  t.throws(() => client.open('signet/unlock', client.seal('signet/unlock', secrets)), { code: 'E_USAGE' });
});

test('a changed bit anywhere in iv or box is refused, and does not use up the box', t => {
  const { client, daemon } = pair();
  const sealed = client.seal('signet/unlock', secrets);
  for (const field of ['iv', 'box'] as const) {
    const bytes = Buffer.from(sealed[field], 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      t.throws(() => daemon.open('signet/unlock', { ...sealed, [field]: bytes.toString('base64url') }), {
        code: 'E_USAGE',
      });
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    }
  }
  t.notThrows(() => daemon.open('signet/unlock', sealed));
});

for (const sealed of [
  { iv: '', box: '' },
  { iv: 'AAAAAAAAAAAAAAAB', box: 'AAAA' },
  { iv: 'AAAAAAAAAAAAAAAB', box: 'A'.repeat(maxBoxLength + 1) },
]) {
  test(`a box of ${sealed.box.length} characters that nobody sealed is refused`, t => {
    t.throws(() => pair().daemon.open('signet/unlock', sealed), { code: 'E_USAGE' });
  });
}

test('every secret at its longest fits the bound of a box; one byte more is refused before sealing', t => {
  const { client, daemon } = pair();
  const longest = Secrets.of(Object.fromEntries(secretNames.map(name => [name, 'x'.repeat(maxSecretBytes)])));
  const sealed = client.seal('signet/setup', longest);
  t.true(sealed.box.length <= maxBoxLength);
  t.is(daemon.open('signet/setup', sealed).names().length, secretNames.length);
  const error = t.throws(() => client.seal('signet/setup', Secrets.of({ password: 'x'.repeat(maxSecretBytes + 1) })));
  t.false(error.message.includes('xxx'));
});

test('a recovery sheet goes from the daemon to a client alone, up to a bound of its own', t => {
  const { client, daemon } = pair();
  const page = (bytes: number) => new Secrets([['sheet', new Uint8Array(bytes).fill(0x3c)]]);
  const sealed = daemon.seal('signet/recoverySheet/show', page(maxSheetBytes));
  t.is(client.open('signet/recoverySheet/show', sealed).get('sheet')?.length, maxSheetBytes);
  t.throws(() => daemon.seal('signet/recoverySheet/show', page(maxSheetBytes + 1)), { code: 'E_USAGE' });
  t.throws(() => client.seal('signet/recoverySheet/write', page(10)), { code: 'E_USAGE' });
  t.true(recoverySheetOf('x'.repeat(4000)).length <= maxSheetBytes, 'also of a place with the longest name there is');
});

test('a client that seals a sheet all the same is refused', t => {
  const token = randomBytes(32);
  const salt = randomBytes(64);
  const daemon = secretChannel('daemon', token, salt);
  // What a client says is sealed under the key of its direction, whatever program it is: here the bytes of a sheet as the daemon writes them.
  const key = Buffer.from(hkdfSync('sha256', token, salt, 'signet/ipc/v1/to-daemon', 32));
  const iv = Buffer.alloc(12);
  iv.writeUInt8(1, 11);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from('signet/unlock'));
  const plain = Buffer.from([secretNames.length, 0, 1, 0x3c]);
  const box = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const sealed = { iv: iv.toString('base64url'), box: box.toString('base64url') };
  t.throws(() => daemon.open('signet/unlock', sealed), { code: 'E_USAGE' });
});

test('printing, logging and serialising secrets shows none', t => {
  for (const shown of [
    String(secrets),
    JSON.stringify({ secrets }),
    inspect({ secrets }, { depth: 9, showHidden: true }),
  ]) {
    t.false(shown.includes('correct horse') || shown.includes('5550100'), shown);
  }
});

test('wiping clears the buffers that were handed out', t => {
  const own = Secrets.of({ password: 'correct horse' });
  const bytes = own.get('password');
  own.wipe();
  t.true(bytes?.every(byte => byte === 0));
  t.is(own.get('password'), undefined);
});

test('a closed connection seals and opens nothing', t => {
  const { client, daemon } = pair();
  const sealed = client.seal('signet/unlock', secrets);
  client.close();
  daemon.close();
  t.throws(() => client.seal('signet/unlock', secrets), { code: 'E_USAGE' });
  t.throws(() => daemon.open('signet/unlock', sealed), { code: 'E_USAGE' });
});
