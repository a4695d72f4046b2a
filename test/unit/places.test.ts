// How places are written, told apart and named, and what opens them when it is written down.

import test from 'ava';
import fc from 'fast-check';
import { utf8 } from '../../daemon/base/bytes.ts';
import { type Connection, connectionBytes, connectionFrom } from '../../daemon/remotes/connection.ts';
import { formatPlace, parsePlace, placeLabel, placeName, siblingPlace } from '../../daemon/remotes/spec.ts';

for (const [spec, normal, label, name] of [
  ['folder:/media/disk/Backup', 'folder:/media/disk/Backup', 'the folder Backup', 'Backup'],
  ['folder:/media/../mnt//Backup/', 'folder:/mnt/Backup', 'the folder Backup', 'Backup'],
  ['drive:Signet', 'drive:Signet', 'Google Drive', 'Signet'],
  ['drive:Bilder & Töne', 'drive:Bilder & Töne', 'Google Drive', 'Bilder & Töne'],
  ['s3:s3.example.org/chats', 's3:https://s3.example.org/chats', 'the bucket chats', 'chats'],
  ['s3:https://S3.Example.org/chats/', 's3:https://s3.example.org/chats', 'the bucket chats', 'chats'],
  ['s3:https://s3.example.org:9000/chats/a/b/', 's3:https://s3.example.org:9000/chats/a/b', 'the bucket chats', 'b'],
  ['s3:http://127.0.0.1:9000/chats', 's3:http://127.0.0.1:9000/chats', 'the bucket chats', 'chats'],
] as const) {
  test(`${spec} is kept as ${normal}, called ${label} and confirmed by ${name}`, t => {
    const place = parsePlace(spec);
    t.is(formatPlace(place), normal);
    t.deepEqual(parsePlace(normal), place, 'what is kept reads back as the same place');
    t.is(placeLabel(place), label);
    t.is(placeName(place), name);
  });
}

for (const spec of [
  '',
  'Backup',
  '/media/disk/Backup',
  'folder:Backup',
  'folder:',
  'drive:',
  'drive:a/b',
  'drive: Signet',
  'drive:a\nb',
  'dropbox:Signet',
  's3:',
  's3:s3.example.org',
  's3:s3.example.org/',
  's3:http://s3.example.org/chats',
  's3:https://key:secret@s3.example.org/chats',
  's3:https://s3.example.org/chats?x=1',
  's3:https://s3.example.org/chats/a%2f..%2fb',
  's3:https://s3.example.org/Chats',
  's3:ftp://s3.example.org/chats',
]) {
  test(`${JSON.stringify(spec)} names no place`, t => {
    t.throws(() => parsePlace(spec), { code: 'E_USAGE' });
  });
}

test('no text makes the parser fail in another way, and what it takes reads back the same', t => {
  const wild = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .tuple(fc.constantFrom('folder:', 'drive:', 's3:', 's3:https://'), fc.string({ unit: 'grapheme' }))
      .map(([kind, rest]) => kind + rest),
  );
  fc.assert(
    fc.property(wild, spec => {
      let place: ReturnType<typeof parsePlace>;
      try {
        place = parsePlace(spec);
      } catch (error) {
        return (error as { code?: string }).code === 'E_USAGE';
      }
      t.deepEqual(parsePlace(formatPlace(place)), place);
      return true;
    }),
    { numRuns: 2000, examples: [['s3:host/%'], ['s3:host/bucket/%ff']] },
  );
});

test('a fresh backup goes beside the old one, and a fresh one does not grow a second ending', t => {
  for (const [from, to] of [
    ['folder:/mnt/Backup', 'folder:/mnt/Backup-20261123-00ff'],
    ['drive:Signet-20250101-aaaa', 'drive:Signet-20261123-00ff'],
    ['s3:https://s3.example.org/chats', 's3:https://s3.example.org/chats/signet-20261123-00ff'],
    ['s3:https://s3.example.org/chats/laptop', 's3:https://s3.example.org/chats/laptop-20261123-00ff'],
  ] as const) {
    t.is(formatPlace(siblingPlace(parsePlace(from), '20261123-00ff')), to);
  }
});

const drive: Connection = {
  v: 1,
  kind: 'drive',
  clientId: 'id.apps.googleusercontent.com',
  clientSecret: 'client secret',
  refreshToken: 'refresh token',
  accountId: '1234',
  account: 'anna@example.org',
  folderId: null,
};

test('what opens a place reads back as it was written', t => {
  const s3: Connection = { v: 1, kind: 's3', region: null, pathStyle: true, keys: null };
  for (const connection of [drive, s3]) t.deepEqual(connectionFrom(connectionBytes(connection)), connection);
});

test('anything else is refused, without a word of it in the error', t => {
  for (const text of [
    '',
    '{',
    '{}',
    JSON.stringify({ ...drive, v: 2 }),
    JSON.stringify({ ...drive, more: 'refresh token' }),
  ]) {
    const error = t.throws(() => connectionFrom(utf8(text)), { code: 'E_STATE_CORRUPT' });
    t.false(JSON.stringify({ ...error, message: error?.message, cause: error?.cause }).includes('refresh token'));
  }
});
