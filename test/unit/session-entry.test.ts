// The session entry: its bytes, and everything it refuses.

import test from 'ava';
import { toHex, utf8 } from '../../daemon/base/bytes.ts';
import { openSession, sealSession } from '../../daemon/vault/session-entry.ts';

const now = Date.UTC(2026, 10, 23, 9);
const scope = { installId: '00112233445566778899aabbccddeeff', login: 'linux 01234567-89ab-cdef-0123-456789abcdef' };
const keys = {
  recoveryKey: new Uint8Array(32).fill(7),
  identity: { repositoryId: 'aa'.repeat(32), keyFileId: 'bb'.repeat(32), masterKeyFingerprint: 'cc'.repeat(8) },
};
const times = { givenAt: now, expiresAt: now + 3_600_000 };
const marker = new Uint8Array(32).fill(2);
/** 0x01, 0x01… for the half, 0x03 for the nonce. */
const fixed = (count: number): Uint8Array => new Uint8Array(count).fill(count === 32 ? 1 : 3);

const sealed = (changes: Partial<typeof times> = {}): Uint8Array =>
  utf8(sealSession(keys, { ...times, ...changes }, scope, marker, fixed));

/** Of an implementation in Python (cryptography: HKDF, AESGCM) from the layout in the head of session-entry.ts. */
const known =
  'signet-session-1.AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEAAAGiB6IygAAAAaIH2SEAAwMDAwMDAwMDAwMDewCAQ8CZMR5CkZ73FSOEphVgG2VswEJJoIEB3V2dtNtr87GB__tSsKyj7VYuIbunAM-GgpRT54zTVEB076f055L7nmSkZ-aDBnum0R3M4r3n684zwrpx1TiAotW99PvxwPTymCe7kDKHKpu8lVc_PEgkw_4YOEN9';

test('the entry has the bytes that another implementation makes', t => {
  t.is(Buffer.from(sealed()).toString(), known);
});

test('what was sealed opens with both halves in the same login, until it expires', t => {
  const opened = openSession(sealed(), scope, marker, now + 3_599_999);
  t.deepEqual(opened, { ...keys, ...times });
  t.is(openSession(sealed(), scope, marker, now + 3_600_000), undefined);
  const endless = sealed({ expiresAt: 0 });
  t.is(openSession(endless, scope, marker, now + 1e12)?.expiresAt, undefined);
});

test('another login, another installation, another half, or a clock set back by more than minutes open nothing', t => {
  const entry = sealed();
  t.is(openSession(entry, { ...scope, login: 'linux 11234567-89ab-cdef-0123-456789abcdef' }, marker, now), undefined);
  t.is(openSession(entry, { ...scope, installId: 'ff'.repeat(16) }, marker, now), undefined);
  t.is(openSession(entry, scope, new Uint8Array(32).fill(4), now), undefined);
  t.is(openSession(entry, scope, new Uint8Array(31).fill(2), now), undefined);
  t.truthy(openSession(entry, scope, marker, now - 4 * 60_000));
  t.is(openSession(entry, scope, marker, now - 6 * 60_000), undefined);
});

test('no byte of an entry can be changed, added or left out', t => {
  const entry = sealed();
  const text = Buffer.from(entry).toString();
  const body = Buffer.from(text.slice('signet-session-1.'.length), 'base64url');
  for (let at = 0; at < body.length; at += 1) {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] ?? 0) ^ 1;
    t.is(
      openSession(utf8(`signet-session-1.${changed.toString('base64url')}`), scope, marker, now),
      undefined,
      `${at}`,
    );
  }
  for (const garbage of [
    '',
    'x',
    text.slice(0, -1),
    `${text}A`,
    `${text}=`,
    text.replace('-1.', '-2.'),
    'A'.repeat(99_999),
  ]) {
    t.is(openSession(utf8(garbage), scope, marker, now), undefined, garbage.slice(0, 40));
  }
  t.is(openSession(new Uint8Array([0xff, 0xfe]), scope, marker, now), undefined);
});

test('neither half shows a byte of the keys', t => {
  const text = Buffer.from(sealed()).toString();
  const bytes = Buffer.from(text.slice('signet-session-1.'.length), 'base64url');
  for (const secret of [Buffer.from(keys.recoveryKey), Buffer.from(keys.identity.repositoryId, 'hex')]) {
    t.false(bytes.includes(secret.subarray(0, 8)), toHex(secret));
  }
});
