// The list of what a hostile cloud, a hostile file system and hostile neighbours try: 34 rows, each with tests in test/adversary/ whose
// titles begin with its number.

import test, { type ExecutionContext } from 'ava';

export const rows = [
  'wrong password, wrong phone number, composed letters',
  'a bit of the vault is another',
  'a vault that is cut, empty, huge, no JSON or of another version',
  'a vault that asks for a weak key derivation',
  'a vault that asks for a ruinous key derivation',
  'the vault from before a change of the password',
  'vaults of others, many vaults, two of one generation',
  'a stranger’s vault and backup under a guessed password',
  'costs of the key derivation set by the cloud',
  'key files with hostile parameters, and a thousand of them',
  'a key file of another master key',
  'the config damaged, exchanged, foreign, of another version, gone',
  'a bit of a pack, index, snapshot, tree or head is another',
  'packs cut, longer, with absurd headers, empty',
  'contents of packs and blobs exchanged',
  'one kind of object filed as another',
  'newest snapshots or heads deleted',
  'a forgotten snapshot comes back',
  'two devices are shown different histories',
  'indexes deleted, junk, hostile',
  'locks: many, stale, of the future, unreadable, for ever',
  'listings that lie, objects that are listed and not there',
  'Drive: doubles, folders, trash, foreign files',
  'HTTP: cut, endless, slow, redirected, bombs',
  'uploads that are acknowledged and not kept',
  'hostile trees',
  'bombs that the right key sealed',
  'what lies in the way of a restore; full disks; kills',
  'neighbours at the socket',
  'secrets in logs, answers and memory',
  'an untrusted workspace',
  'stock restic reads ours, ours reads restic’s',
  'what the cloud can learn from sizes, order and names',
  'implementations agree, parsers stand mutations',
] as const;

/** A test of a row, numbered from 1 as in the list. */
export function row(number: number, title: string, run: (t: ExecutionContext) => Promise<void> | void): void {
  if (rows[number - 1] === undefined) throw new Error(`there is no row ${number}`);
  test(`${number} ${title}`, async t => run(t));
}
