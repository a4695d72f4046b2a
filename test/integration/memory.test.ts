// What the daemon's memory still holds when the backup is locked: the whole of it is read from outside, both threads and all heaps.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { masterBytes, openMasterKey } from '../../daemon/repository/master-key.ts';
import { daemonClient } from '../support/daemon-client.ts';
import { installation, password, phone } from '../support/installation.ts';
import { findInMemory, type Needle } from '../support/process-memory.ts';
import { skip } from '../support/skip.ts';

/** The bytes as they are, and as text in the forms in which programs write them. */
function formsOf(what: string, bytes: Uint8Array): readonly Needle[] {
  const buffer = Buffer.from(bytes);
  const texts = { hex: buffer.toString('hex'), base64: buffer.toString('base64').replace(/=+$/, '') };
  return [{ what, bytes }, ...Object.entries(texts).flatMap(([form, text]) => textForms(`${what}, ${form}`, text))];
}

function textForms(what: string, text: string): readonly Needle[] {
  return [
    { what, bytes: Buffer.from(text, 'latin1') },
    { what: `${what}, UTF-16`, bytes: Buffer.from(text, 'utf16le') },
  ];
}

test.serial('after locking, neither password nor phone nor any key is left in the memory of the daemon', async t => {
  if (process.platform !== 'linux') return skip(t, 'reads /proc');
  t.timeout(120_000);
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'chat.txt'), 'hello '.repeat(100_000));
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);
  await signet.ok(['lock']);
  await signet.ok(['unlock'], { password });
  await signet.ok(['lock']);
  await signet.ok(['unlock'], { recoveryKey });
  await signet.ok(['verify', '--read-data']);

  const key = Buffer.from(recoveryKey, 'hex');
  const remote = await createFolderRemote(signet.remote);
  const { masterKey } = await openMasterKey(remote, key, { report: () => {} });
  const master = masterBytes(masterKey);
  const needles: readonly Needle[] = [
    ...textForms('password', password),
    ...textForms('phone', phone),
    ...formsOf('recovery key', key),
    ...formsOf('data key', master.subarray(0, 32)),
    ...formsOf('tag key k', master.subarray(32, 48)),
    ...formsOf('tag key r', master.subarray(48, 64)),
  ];
  const { pid } = await daemonClient(t, signet.home);
  const open = findInMemory(pid, needles);
  if (open === undefined) return skip(t, 'the memory of other processes is not to be read here');
  t.log(`unlocked: ${JSON.stringify([...open])}`);
  t.true((open.get('data key') ?? 0) > 0, 'the look is able to see a key');
  await signet.ok(['lock']);
  const locked = findInMemory(pid, needles) ?? new Map();
  t.deepEqual([...locked], []);
});
