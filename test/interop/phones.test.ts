// The script of docs/phones.md, as it is printed, on a made-up backup of an iPhone.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { detectProfile } from '../../daemon/sources/sources.ts';
import { treeOf } from '../support/archive.ts';
import { makeDatabase, scratch } from '../support/databases.ts';
import { skip } from '../support/skip.ts';

const shared = 'AppDomainGroup-group.net.whatsapp.WhatsApp.shared';

test('the steps for an iPhone give the folder of WhatsApp', async t => {
  if (spawnSync('sqlite3', ['-version']).status !== 0) return skip(t, 'sqlite3 is not installed');
  const home = scratch(t);
  const backup = join(home, 'Phone', 'iPhone', 'id');
  mkdirSync(backup, { recursive: true });
  const manifest = new DatabaseSync(join(backup, 'Manifest.db'));
  manifest.exec(
    'CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)',
  );
  const insert = manifest.prepare('INSERT INTO Files VALUES (?, ?, ?, ?, NULL)');
  const add = (domain: string, path: string, flags: number): string => {
    const id = createHash('sha1').update(`${domain}-${path}`).digest('hex');
    insert.run(id, domain, path, flags);
    mkdirSync(join(backup, id.slice(0, 2)), { recursive: true });
    return join(backup, id.slice(0, 2), id);
  };
  makeDatabase(add(shared, 'ChatStorage.sqlite', 1));
  add(shared, 'Message', 2);
  writeFileSync(add(shared, "Message/Media/it's a name/a b.jpg", 1), 'picture');
  writeFileSync(add('HomeDomain', 'Library/SMS/sms.db', 1), 'not asked for');
  manifest.close();

  const page = readFileSync(new URL('../../docs/phones.md', import.meta.url), 'utf8');
  const script = /```sh\n(.*?)```/s.exec(page)?.[1]?.replace('<id>', 'id');
  const ran = spawnSync('sh', ['-eu'], {
    input: script ?? 'false',
    encoding: 'utf8',
    env: { ...process.env, HOME: home },
  });
  t.is(ran.status, 0, ran.stderr);
  const folder = join(home, 'Phone', 'WhatsApp-iPhone');
  t.deepEqual([...treeOf(folder).keys()].filter(path => /\.(?:sqlite|jpg)$/.test(path)).sort(), [
    '/ChatStorage.sqlite',
    "/Message/Media/it's a name/a b.jpg",
  ]);
  t.is(await detectProfile(folder), 'whatsapp-apple');
});
