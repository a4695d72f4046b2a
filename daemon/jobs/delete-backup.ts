// Stopping for good: the copies in the place in use are deleted, and this computer is not set up afterwards. Refused while anything else counts
// on the place. A note in the state says that it has begun, before anything goes; from then on nothing is backed up, and whoever asks again
// carries it through: config, which says what the place was, goes last there, and what this computer knows of it only after that.

import { wipe } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import type { Settings } from '../state/model.ts';
import type { State } from '../state/state.ts';
import type { Vault } from '../vault/vault.ts';
import { limitsOf } from './clouds.ts';
import type { KeySession } from './credentials.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall } from './job-queue.ts';
import { leftPlaces } from './left-places.ts';
import { remoteName } from './places.ts';
import { type GivenSecrets, needed, phoneText } from './setup.ts';

const begunFact = 'delete.begun';

interface Begun {
  readonly remote: string;
  /** `configDigest`: says which backup is meant. */
  readonly config: string;
}

/**
 * The copies are deleted and this computer is not set up any more, but for what a crash kept from being forgotten: to be called before
 * anything reads state or vault. Needs no password.
 */
export async function finishDeletion(state: State): Promise<void> {
  if (state.facts.get(begunFact) === undefined) return;
  if ((await state.settings.load())?.remote === null) await state.forgetRepository();
}

export interface DeleteBackupOptions {
  readonly vault: Vault;
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly state: State;
  readonly deviceId: string;
  readonly session: Pick<KeySession, 'queue' | 'prove' | 'settings'> & {
    /** Forgets the keys at once. */
    readonly forget: () => Promise<void>;
    /** Nothing of the backup is left: this computer is as before set-up. Called while nothing runs. */
    readonly unset: () => Promise<void>;
  };
}

export class DeleteBackup {
  readonly #options: DeleteBackupOptions;

  constructor(options: DeleteBackupOptions) {
    this.#options = options;
  }

  /** @throws E_USAGE once deleting the copies has begun: nothing new belongs there */
  assertNotBegun(): void {
    if (this.#begun(this.#options.session.settings().remote) === undefined) return;
    throw refused(
      'the copies are being deleted: delete them again to finish it, or set this computer up anew afterwards',
    );
  }

  /**
   * @param name of the folder of the copies, as typed
   * @throws E_USAGE for another name, and while there are mirrors, places that were left, or backups of other computers
   */
  async delete(
    name: string,
    secrets: GivenSecrets,
    call: JobCall,
  ): Promise<{ readonly objects: number; readonly bytes: number }> {
    const { session } = this.#options;
    const password = needed(secrets.password, 'password');
    const { remote } = session.settings();
    if (name !== remoteName(remote)) {
      throw refused(`the folder of the copies is called “${remoteName(remote)}”: type that name`);
    }
    if (this.#begun(remote) === undefined) await session.prove({ password, phone: secrets.phone });
    const deleted = await session.queue.run('delete', call, async signal => {
      const settings = session.settings();
      if (settings.remote !== remote) throw new SignetError('E_BUSY', 'the place was changed meanwhile');
      const begun = this.#begun(remote);
      const config = begun?.config ?? (await this.#begin(settings, signal));
      if (begun !== undefined) await this.#openWhatIsLeft(remote, password, secrets.phone);
      return this.#remove({ remote, config }, settings);
    });
    await session.unset();
    return deleted;
  }

  async #begin(settings: Settings & { readonly remote: string }, signal: AbortSignal): Promise<string> {
    const { engine: worker, state, deviceId } = this.#options;
    const { remote, mirrors } = settings;
    if (mirrors.length > 0) {
      throw refused('a second place holds copies, too: `signet remote mirror remove` leaves it first');
    }
    if (leftPlaces(state, [remote]).length > 0) {
      throw refused('an older place holds copies that were left: `signet remote delete-old` deletes them first');
    }
    const others = await worker.ask(engine.others, { device: deviceId }, { signal });
    if (others > 0) {
      throw refused(
        'other computers back up to this place, too, or other programs: their backups would be deleted with yours',
      );
    }
    const { config } = await worker.ask(engine.digest, { remote }, { signal });
    signal.throwIfAborted();
    state.facts.set(begunFact, JSON.stringify({ remote, config } satisfies Begun));
    return config;
  }

  /** What opens a cloud lies sealed under keys whose copies are here, also when the place has lost its own. */
  async #openWhatIsLeft(remote: string, password: Uint8Array, phone: Uint8Array | undefined): Promise<void> {
    const { vault, engine: worker } = this.#options;
    await vault.unlockWithPassword(password, phone === undefined ? undefined : phoneText(phone));
    const recoveryKey = vault.recoveryKey();
    try {
      await worker.ask(engine.open, { remote, recoveryKey });
    } catch {
      // Half of it is deleted, so it need not open; whether the place can be reached shows next.
    } finally {
      wipe(recoveryKey);
    }
  }

  async #remove({ remote, config }: Begun, settings: Settings): Promise<{ objects: number; bytes: number }> {
    const { engine: worker, session } = this.#options;
    const { connections } = await worker.ask(engine.lend, {});
    try {
      // A repository that is open is never deleted.
      await worker.stop();
      const order = { remote, config, wasInUse: true, connections, limits: limitsOf(settings) } as const;
      return await worker.ask(engine.deletePlace, order);
    } catch (error) {
      await session.forget();
      throw error;
    } finally {
      wipe(connections);
    }
  }

  #begun(remote: string): Begun | undefined {
    const text = this.#options.state.facts.get(begunFact);
    const begun = text === undefined ? undefined : (JSON.parse(text) as Begun); // only this class writes it
    return begun?.remote === remote ? begun : undefined;
  }
}

function refused(detail: string): SignetError {
  return new SignetError('E_USAGE', 'the copies are not deleted', { params: { detail } });
}
