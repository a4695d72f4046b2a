// What this machine keeps between runs, behind one door: the settings file, state.db, sealed files, the witness, the vault copy,
// and the small secrets of the installation (local key, remembered phone). All of it is the user's alone
// (0700/0600), replaced in one step, and none of it is ever deleted because it looks wrong.
//
// The remembered phone number lies in the state folder, sealed under a key file in the config folder. That keeps the number out
// of sight of whoever gets the state folder alone (a support archive, a partial backup); it is no protection from someone who
// reads the whole home folder.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';
import { fromHex, fromUtf8, toHex, utf8, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, systemCode } from '../base/errors.ts';
import { ensurePrivateFolder, privateFile, readBounded, replaceFile, syncFolder } from '../base/files.ts';
import { removeRepositoryFiles, takeOverFiles } from './beside.ts';
import { inTransaction, joinDatabase, openDatabase } from './database.ts';
import type { DeviceIdentity, Home, ObjectRows, PackRows, Witness } from './model.ts';
import { ObjectTable } from './object-table.ts';
import { OwnRecords } from './own-records.ts';
import { Facts, History, PackTable, SealedFacts } from './records.ts';
import { openBox, sealBox } from './sealed.ts';
import { SealedFiles } from './sealed-files.ts';
import { SettingsFile } from './settings.ts';

export { besideHome, removeBeside, removeLeft } from './beside.ts';
export { patternProblem } from './exclude-pattern.ts';
export type { OwnRecords } from './own-records.ts';
export { openBox, sealBox } from './sealed.ts';
export { SealedFiles } from './sealed-files.ts';
export { defaultSettings } from './settings.ts';

const databaseName = 'state.db';
const keyBytes = 32;
const maxVaultBytes = 16 * 1024;
const maxWitnessBytes = 1024 * 1024;

/**
 * Opens (or makes) the state of this installation. For the main thread; other threads use `openPackJournal`.
 * `hostLabel` names this computer where the settings do not.
 *
 * @throws E_STATE_NEWER · E_STATE_CORRUPT · E_RUNTIME when a folder is not the user's own private one
 */
export async function openState(home: Home, options: { clock: Clock; hostLabel: string }): Promise<State> {
  for (const folder of Object.values(home)) await ensurePrivateFolder(folder);
  const localKey = await loadOrMake(join(home.config, 'local.key'), keyBytes);
  const installId = toHex(await loadOrMake(join(home.config, 'install-id'), 16));
  const database = openDatabase(join(home.state, databaseName), { now: options.clock.now() });
  return new State(home, database, localKey, installId, options.hostLabel);
}

/** The journal alone, for the engine worker, on a connection of its own to the state that the main thread opened. */
export function openPackJournal<Id extends string>(home: Home): PackRows<Id> & { close(): void } {
  const database = joinDatabase(join(home.state, databaseName));
  return Object.assign(new PackTable<Id>(database), { close: () => database.close() });
}

/** What is known of objects in clouds, for the engine worker as the journal is. */
export function openObjectTables(home: Home): { of(place: string): ObjectRows; close(): void } {
  const database = joinDatabase(join(home.state, databaseName));
  return { of: place => new ObjectTable(database, place), close: () => database.close() };
}

export class State {
  readonly settings: SettingsFile;
  readonly history: History;
  readonly facts: Facts;
  readonly sealedFacts: SealedFacts;
  readonly vaultCopy: VaultCopy;
  readonly phone: RememberedPhone;
  /** Of restores: what is being staged, and what can be taken back. */
  readonly restores: OwnRecords;
  /** 32 hex digits, random, the same as long as the config folder lives. */
  readonly installId: string;
  readonly #home: Home;
  readonly #database: DatabaseSync;
  readonly #localKey: Uint8Array;
  readonly #sealed: SealedFiles;

  constructor(home: Home, database: DatabaseSync, localKey: Uint8Array, installId: string, hostLabel: string) {
    this.#home = home;
    this.#database = database;
    this.#localKey = localKey;
    this.#sealed = new SealedFiles(home);
    this.installId = installId;
    this.settings = new SettingsFile(home.config, hostLabel);
    this.history = new History(database, localKey);
    this.facts = new Facts(database);
    this.sealedFacts = new SealedFacts(this.facts, localKey);
    this.vaultCopy = new VaultCopy(home);
    this.phone = new RememberedPhone(home, localKey);
    this.restores = new OwnRecords(home, localKey);
  }

  /** Fits the repository's PackJournal: `const journal: PackJournal = state.packJournal()`. */
  packJournal<Id extends string>(): PackRows<Id> {
    return new PackTable<Id>(this.#database);
  }

  /**
   * This machine's device id. It is kept with a fingerprint of the machine, so that a state folder copied to another
   * machine gets an id of its own and the two never write as one device.
   *
   * @param machineId any text that is the machine's own and stays the same
   */
  device(machineId: string): DeviceIdentity {
    const machine = createHmac('sha256', this.#localKey).update('signet/machine/v1\0').update(machineId).digest('hex');
    const id = this.facts.get('device.id');
    if (id !== undefined && this.facts.get('device.machine') === machine) return { id, isNew: false };
    return this.#newDevice(machine);
  }

  #newDevice(machine: string): DeviceIdentity {
    const id = toHex(randomBytes(8));
    inTransaction(this.#database, () => {
      this.facts.set('device.id', id);
      this.facts.set('device.machine', machine);
    });
    return { id, isNew: true };
  }

  /** Keeps bytes as `SealedFiles.save`. @param key derived from the repository's master key (label signet/state/v1) */
  saveSealed(name: string, key: Uint8Array, bytes: Uint8Array): Promise<void> {
    return this.#sealed.save(name, key, bytes);
  }

  /** As `SealedFiles.load`. */
  loadSealed(name: string, key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#sealed.load(name, key);
  }

  /** Several facts in one step; undefined takes one away. */
  setFacts(changes: Readonly<Record<string, string | undefined>>): void {
    inTransaction(this.#database, () => {
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined) this.facts.remove(name);
        else this.facts.set(name, value);
      }
    });
  }

  /** Makes what lies beside this state its own (see beside.ts); packs of the old repository that were on their way are forgotten. */
  async takeOver(leftName: string): Promise<void> {
    const rows = this.packJournal();
    rows.remove(rows.rows().map(({ id }) => id));
    await takeOverFiles(this.#home, leftName);
  }

  /** Forgets the repository in use with its history, for good: what stays is what belongs to this installation. May be repeated. */
  async forgetRepository(): Promise<void> {
    const rows = this.packJournal();
    rows.remove(rows.rows().map(({ id }) => id));
    await removeRepositoryFiles(this.#home);
    await this.phone.forget();
    inTransaction(this.#database, () => {
      this.history.clear();
      this.facts.keepOnly(['device.id', 'device.machine']);
    });
  }

  /**
   * What this machine saw last. 'forged': there is a file, and it was not written with this key (or is damaged).
   *
   * @param stateKey 32 bytes (label signet/state/v1)
   */
  async loadWitness(stateKey: Uint8Array): Promise<'absent' | 'forged' | Witness> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await readBounded(this.#witnessPath, maxWitnessBytes);
    } catch (error) {
      if (error instanceof SignetError) return 'forged'; // larger than any we write
      throw error;
    }
    return bytes === undefined ? 'absent' : parseWitness(bytes, stateKey);
  }

  async saveWitness(witness: Witness, stateKey: Uint8Array): Promise<void> {
    const text = JSON.stringify(v.parse(witnessSchema, witness));
    const file = JSON.stringify({ witness: text, mac: toHex(witnessMac(text, stateKey)) });
    await replaceFile(this.#witnessPath, `${file}\n`);
  }

  get #witnessPath(): string {
    return join(this.#home.state, 'trust.json');
  }

  close(): void {
    this.#database.close();
    wipe(this.#localKey);
  }
}

/** The vault that this machine unlocks from; the one in the cloud is not asked. */
export class VaultCopy {
  readonly #path: string;

  constructor(home: Home) {
    this.#path = join(home.state, 'vault.json');
  }

  /** @throws E_OBJECT_LIMIT when the file is larger than any vault */
  async load(): Promise<Uint8Array | undefined> {
    return readBounded(this.#path, maxVaultBytes);
  }

  async save(bytes: Uint8Array): Promise<void> {
    await replaceFile(this.#path, bytes);
  }
}

const phoneName = 'phone';

export class RememberedPhone {
  readonly #path: string;
  readonly #key: Uint8Array;

  constructor(home: Home, localKey: Uint8Array) {
    this.#path = join(home.state, phoneName);
    this.#key = localKey;
  }

  async remember(e164: string): Promise<void> {
    // Sealed at one length, so that the file's size does not tell the country.
    await replaceFile(this.#path, sealBox(this.#key, phoneName, utf8(e164.padEnd(16))));
  }

  /** The number, or undefined when none is remembered or the key file is another one. */
  async recall(): Promise<string | undefined> {
    const box = await readBounded(this.#path, 4096);
    const bytes = box === undefined ? undefined : openBox(this.#key, phoneName, box);
    return bytes === undefined ? undefined : fromUtf8(bytes)?.trimEnd();
  }

  async forget(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

const hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const witnessSchema = v.strictObject({
  v: v.literal(1),
  since: v.string(),
  repositoryId: hex(64),
  keyFileId: hex(64),
  masterKeyFingerprint: hex(16),
  vaultSha256: v.nullable(hex(64)),
  vaultGeneration: count,
  device: hex(16),
  ownHead: v.nullable(v.strictObject({ seq: count, sha256: hex(64) })),
  seen: v.record(hex(16), count),
});

const witnessFile = v.strictObject({ witness: v.string(), mac: hex(64) });

function parseWitness(bytes: Uint8Array, stateKey: Uint8Array): 'forged' | Witness {
  const file = v.safeParse(witnessFile, parseJson(fromUtf8(bytes)));
  if (!file.success) return 'forged';
  const mac = fromHex(file.output.mac);
  if (mac === undefined || !timingSafeEqual(mac, witnessMac(file.output.witness, stateKey))) return 'forged';
  const witness = v.safeParse(witnessSchema, parseJson(file.output.witness));
  return witness.success ? witness.output : 'forged';
}

function witnessMac(text: string, stateKey: Uint8Array): Uint8Array {
  const key = createHmac('sha256', stateKey).update('signet/witness/v1').digest();
  return createHmac('sha256', key).update(text).digest();
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller's schema refuses undefined
  }
}

/**
 * A small random secret in a file of its own, made when there is none. Two processes that start at once get the same one.
 * A file of another length is refused, not replaced: something else may depend on it.
 */
async function loadOrMake(path: string, sizeBytes: number): Promise<Uint8Array> {
  const found = await readBounded(path, 4096);
  if (found === undefined) {
    await makeOnce(path, randomBytes(sizeBytes));
    return loadOrMake(path, sizeBytes);
  }
  if (found.length !== sizeBytes) {
    throw new SignetError(
      'E_STATE_CORRUPT',
      `${path}: ${found.length} bytes, ${sizeBytes} expected; move it away to have a new one made`,
      {
        params: { path },
      },
    );
  }
  if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) await chmod(path, privateFile);
  return found;
}

/** Puts the file in place whole, unless another process was faster. */
async function makeOnce(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${toHex(randomBytes(6))}.tmp`;
  const file = await open(temporary, 'wx', privateFile);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, path);
    await rm(temporary);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') await rm(temporary);
    else await rename(temporary, path); // a file system without hard links
  }
  await syncFolder(dirname(path));
}
