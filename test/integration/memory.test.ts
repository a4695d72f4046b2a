// What the daemon's memory still holds when the backup is locked: the whole of it is read from outside, both threads and all heaps.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hkdfSha512 } from '../../daemon/kernel/hash.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { masterBytes, openConfig, openMasterKey } from '../../daemon/repository/master-key.ts';
import { daemonClient } from '../support/daemon-client.ts';
import { installation, password, phone } from '../support/installation.ts';
import { keyring, withoutKeyring } from '../support/keyring.ts';
import { findInMemory, type Needle } from '../support/process-memory.ts';
import { skip } from '../support/skip.ts';

const newPassword = 'velvet ostrich mosaic 42 canyon';

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

for (const keychain of ['without a keychain', 'with a keychain'] as const) {
  test.serial(
    `after locking, neither the password nor any key is left in the memory of the daemon, ${keychain}`,
    async t => {
      if (process.platform !== 'linux') return skip(t, 'reads /proc');
      t.timeout(180_000);
      const useKeychain = keychain === 'with a keychain';
      if (useKeychain && withoutKeyring !== undefined) return skip(t, withoutKeyring);
      const environment = useKeychain ? (await keyring(t)).environment : {};
      const signet = await installation(t, { environment, settings: { useKeychain } });
      writeFileSync(join(signet.source, 'chat.txt'), 'hello '.repeat(100_000));
      const { recoveryKey = '' } = await signet.setUp();
      await signet.ok(['backup']);
      await signet.ok(['lock']);
      t.is((await signet.signet(['unlock'], { password: `${password}?` })).code, 12);
      t.is((await signet.signet(['unlock'], { recoveryKey: wrongEnd(recoveryKey) })).code, 12);
      await signet.ok(['unlock'], { password });
      await signet.ok(['lock']);
      await signet.ok(['unlock'], { recoveryKey });
      await signet.ok(['verify', '--read-data']);
      await signet.ok(['recovery-key', 'show'], { password });
      await signet.ok(['password', 'change'], { password, newPassword });

      const key = Buffer.from(recoveryKey, 'hex');
      const remote = await createFolderRemote(signet.remote);
      const { masterKey } = await openMasterKey(remote, key, { report: () => {} });
      const master = masterBytes(masterKey);
      const { id } = openConfig(masterKey, await remote.get('config', { maxBytes: 4096 }));
      const derived = (label: string) => hkdfSha512(master, Buffer.from(id, 'hex'), Buffer.from(label), 32);
      const needles: readonly Needle[] = [
        ...textForms('password', password), // of the wrong one it is the beginning
        ...textForms('new password', newPassword),
        ...textForms('recovery key in groups', recoveryKey.replace(/(.{4})(?=.)/g, '$1 ')),
        ...formsOf('heads key', derived('signet/heads/v1')),
        ...formsOf('state key', derived('signet/state/v1')),
        ...formsOf('recovery key', key),
        ...formsOf('data key', master.subarray(0, 32)),
        ...formsOf('tag key k', master.subarray(32, 48)),
        ...formsOf('tag key r', master.subarray(48, 64)),
      ];
      const client = await daemonClient(t, signet.home);
      const { pid } = client;
      const open = findInMemory(pid, needles);
      if (open === undefined) return skip(t, 'the memory of other processes is not to be read here');
      t.log(`unlocked: ${JSON.stringify([...open])}`);
      for (const key of ['recovery key', 'data key', 'tag key k', 'tag key r', 'state key']) {
        t.true((open.get(key) ?? 0) > 0, `the look is able to see the ${key}`);
      }
      await signet.ok(['lock']);
      const locked = findInMemory(pid, needles) ?? new Map();
      t.deepEqual([...locked], []);

      // Locked in the middle of a backup, which is broken off first.
      await client.unlock(recoveryKey);
      for (let index = 0; index < 20; index += 1) {
        writeFileSync(join(signet.source, `media-${index}`), randomBytes(8 << 20));
      }
      const backup = client.backup();
      await client.until('it stores', ({ job }) => job?.phase === 'storing');
      await client.lock();
      t.is(await backup, 'E_CANCELLED');
      t.deepEqual([...(findInMemory(pid, needles) ?? [])], []);

      // The number is text wherever libraries take it, and this computer remembers it in any case.
      t.log(
        `the phone number, for the record: ${JSON.stringify([...(findInMemory(pid, textForms('phone', phone)) ?? [])])}`,
      );
    },
  );
}

/** The same key but for its last digit. */
function wrongEnd(key: string): string {
  return key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');
}
