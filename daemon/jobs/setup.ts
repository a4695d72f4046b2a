// Setting a computer up: opening a new backup in an empty place, or joining the one that is there (DESIGN D17). Nothing on this computer
// counts until all of it has worked; the caller keeps the settings and locks again when it has not.

import type { Schedule, SetupResult } from '../../protocol/status.ts';
import { fromUtf8, wipe } from '../base/bytes.ts';
import { isCode, SignetError } from '../base/errors.ts';
import type { SourceSetting } from '../state/model.ts';
import type { OpenedVault } from '../vault/model.ts';
import { checkSameRepository, normalisePhone, parseRecoveryKey, type Vault } from '../vault/vault.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { checkFolders, folderOfRemote, normaliseRemote, physicalFolderOf } from './places.ts';
import { type NewSource, type SourceWish, settingOf } from './source-list.ts';

/** Secrets as bytes, the caller's to wipe. */
export interface GivenSecrets {
  readonly password?: Uint8Array | undefined;
  readonly phone?: Uint8Array | undefined;
  readonly recoveryKey?: Uint8Array | undefined;
  readonly newPassword?: Uint8Array | undefined;
  readonly newPhone?: Uint8Array | undefined;
}

export interface SetupOrder {
  readonly sources: readonly SourceWish[];
  readonly remote: string;
  readonly schedule?: Partial<Schedule>;
  readonly createOnly?: boolean;
  readonly readOnly?: boolean;
}

export interface SetupOptions {
  readonly vault: Vault;
  readonly engine: Pick<Engine, 'ask'>;
  readonly hostLabel: string;
  readonly homeFolders: readonly string[];
  readonly newSource: NewSource;
  /** The app that uploads what lies at the path, if one does. @param path without links */
  readonly syncAppOf: (path: string) => Promise<string | undefined>;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly signal: AbortSignal;
}

/** What the settings are to remember. */
export interface NewPlace {
  readonly remote: string;
  readonly sources: readonly SourceSetting[];
  readonly opened: engine.OpenedRepository;
  /** The app that uploads the place from here; null for a plain one. */
  readonly syncedBy: string | null;
  /** E.164; undefined after joining by recovery key to look only. */
  readonly phone: string | undefined;
}

export interface SetUp extends Pick<SetupResult, 'repositoryId' | 'joined'> {
  readonly place: NewPlace;
  /** 32 bytes of a new backup, the caller's to wipe. */
  readonly recoveryKey?: Uint8Array;
}

/** @throws E_USAGE · E_TARGET_NOT_EMPTY (params.what: 'other' | 'repository') · what engine, vault and places throw */
export async function setUp(order: SetupOrder, secrets: GivenSecrets, options: SetupOptions): Promise<SetUp> {
  const remote = normaliseRemote(order.remote);
  const sources: SourceSetting[] = [];
  for (const wish of order.sources) sources.push(await settingOf(wish, sources, options.newSource));
  const found = await inspectPlace(remote, sources, options);
  if (found === 'repository' && !order.createOnly) {
    const { opened, phone } = await join(remote, order, secrets, options);
    const syncedBy = await syncedByOf(remote, options.syncAppOf);
    const place = { remote, sources: order.readOnly ? [] : sources, opened, phone, syncedBy };
    return { repositoryId: opened.repositoryId, joined: true, place };
  }
  if (found !== 'empty') {
    const what = found === 'other' ? 'other things' : 'a backup';
    throw new SignetError('E_TARGET_NOT_EMPTY', `the place for the copies holds ${what}`, {
      params: { path: folderOfRemote(remote) ?? remote, what: found },
    });
  }
  if (order.readOnly || secrets.recoveryKey !== undefined) {
    const detail = 'there is no backup in this place yet, so there is nothing to join: see that the place is right';
    throw new SignetError('E_USAGE', 'there is no backup in this place', { params: { detail } });
  }
  if (sources.length === 0) {
    throw new SignetError('E_USAGE', 'a new backup needs at least one source: add --source', {
      params: { missing: '--source' },
    });
  }
  const { opened, phone, recoveryKey } = await create(remote, secrets, options);
  const syncedBy = await syncedByOf(remote, options.syncAppOf);
  const place = { remote, sources, opened, phone, syncedBy };
  return { repositoryId: opened.repositoryId, joined: false, place, recoveryKey };
}

/**
 * What lies in a place for copies of these chats.
 *
 * @throws E_USAGE where folders that must be apart lie in one another · what engine and places throw
 */
export async function inspectPlace(
  spec: string,
  sources: readonly Pick<SourceSetting, 'root'>[],
  { engine: worker, homeFolders: home, signal }: Pick<SetupOptions, 'engine' | 'homeFolders' | 'signal'>,
): Promise<'empty' | 'repository' | 'other'> {
  const remote = normaliseRemote(spec);
  await checkFolders({ remote, sources, home });
  return worker.ask(engine.inspect, { remote }, { signal });
}

/** The app that uploads the place of the copies from here; null for a plain one. */
export async function syncedByOf(remote: string, syncAppOf: SetupOptions['syncAppOf']): Promise<string | null> {
  const folder = await physicalFolderOf(remote);
  return folder === undefined ? null : ((await syncAppOf(folder)) ?? null);
}

async function create(
  remote: string,
  secrets: GivenSecrets,
  options: SetupOptions,
): Promise<Pick<NewPlace, 'opened' | 'phone'> & { readonly recoveryKey: Uint8Array }> {
  const { engine: worker, vault, hostLabel: device, signal } = options;
  const password = needed(secrets.password, 'password');
  const phone = phoneText(needed(secrets.phone, 'phone'));
  const recoveryKey = options.randomBytes(32);
  try {
    const identity = await worker.ask(engine.prepare, { remote, recoveryKey }, { signal });
    // The vault goes first: a repository without one would be a place that nobody can open after a crash right here.
    const file = await vault.create({ ...identity, password, phone, recoveryKey, device, signal });
    await worker.ask(engine.putVault, { name: file.key, bytes: file.bytes }, { signal });
    const opened = await worker.ask(engine.create, {}, { signal });
    await vault.adopt(file);
    return { opened, phone, recoveryKey };
  } catch (error) {
    wipe(recoveryKey);
    throw error;
  }
}

async function join(
  remote: string,
  order: SetupOrder,
  secrets: GivenSecrets,
  options: SetupOptions,
): Promise<Pick<NewPlace, 'opened' | 'phone'>> {
  const phone = secrets.phone === undefined ? undefined : phoneText(secrets.phone);
  if (secrets.recoveryKey === undefined) {
    const opened = await joinByPassword(remote, needed(secrets.password, 'password'), needed(phone, 'phone'), options);
    return { opened, phone };
  }
  const recoveryKey = parseRecoveryKey(secrets.recoveryKey);
  try {
    const { password } = secrets;
    if (order.readOnly) {
      const opened = await options.engine.ask(engine.open, { remote, recoveryKey }, { signal: options.signal });
      options.vault.unlockWithRecoveryKey(recoveryKey);
      return { opened, phone: undefined };
    }
    if (password === undefined || phone === undefined) {
      throw new SignetError(
        'E_USAGE',
        'joining by recovery key sets a new password and phone number, or is read-only',
        {
          params: { missing: '--read-only' },
        },
      );
    }
    return { opened: await joinByKey(remote, { recoveryKey, password, phone }, options), phone };
  } finally {
    wipe(recoveryKey);
  }
}

/** A new password and phone number for the backup that is there; its other vaults stay. */
async function joinByKey(
  remote: string,
  secrets: { readonly recoveryKey: Uint8Array; readonly password: Uint8Array; readonly phone: string },
  { engine: worker, vault, hostLabel: device, signal }: SetupOptions,
): Promise<engine.OpenedRepository> {
  const { recoveryKey } = secrets;
  const opened = await worker.ask(engine.open, { remote, recoveryKey }, { signal });
  const { repositoryId, keyFileId, masterKeyFingerprint } = opened;
  const after = await worker.ask(engine.vaults, { remote }, { signal });
  const identity = { repositoryId, keyFileId, masterKeyFingerprint };
  const file = await vault.create({ ...identity, ...secrets, device, after, signal });
  await worker.ask(engine.putVault, { name: file.key, bytes: file.bytes }, { signal });
  await vault.adopt(file);
  return opened;
}

async function joinByPassword(
  remote: string,
  password: Uint8Array,
  phone: string,
  options: SetupOptions,
): Promise<engine.OpenedRepository> {
  const { engine: worker, vault, signal } = options;
  let candidates = await worker.ask(engine.vaults, { remote }, { signal });
  for (;;) {
    const file = await vault.openRemote(candidates, password, phone, { signal });
    try {
      const opened = await openWith(remote, file, options);
      await vault.adopt(file);
      return opened;
    } catch (error) {
      // A set-up that was cut off may have left a vault for a repository that never came to be.
      const isStray = isCode(error, 'E_WRONG_SECRET') || isCode(error, 'E_REPO_MISMATCH');
      candidates = candidates.filter(each => each.name !== file.key);
      if (!isStray || candidates.length === 0) throw error;
    }
  }
}

async function openWith(remote: string, file: OpenedVault, options: SetupOptions): Promise<engine.OpenedRepository> {
  const { recoveryKey, identity } = file;
  try {
    const order = { remote, recoveryKey, keyFileId: identity.keyFileId };
    const opened = await options.engine.ask(engine.open, order, { signal: options.signal });
    checkSameRepository(identity, { id: opened.repositoryId, ...opened });
    return opened;
  } finally {
    wipe(recoveryKey);
  }
}

export function needed<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new SignetError('E_USAGE', `the ${name} is missing`, { params: { missing: name } });
  return value;
}

/** A phone number is handled as text by the library that parses it; unlike a password it is no secret of its own. */
export function phoneText(bytes: Uint8Array): string {
  const text = fromUtf8(bytes);
  if (text === undefined) throw new SignetError('E_PHONE_FORM', 'the phone number is not text');
  return normalisePhone(text);
}
