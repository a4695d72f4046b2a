// Starting afresh (DESIGN D17): a new backup under new keys beside the old one, for when somebody may know the password. Its state is made
// in a folder of its own; while its first backup runs, the old backup is the one that counts. One note in the state decides: before it is
// written everything is as it was, after it the switch is carried through, at the next start if need be. The old backup stays until a
// person types its name.

import { toHex, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Home, Settings, Witness } from '../state/model.ts';
import { removeBeside, type State } from '../state/state.ts';
import { resticPassword, type Vault } from '../vault/vault.ts';
import { limitsOf } from './clouds.ts';
import type { KeySession } from './credentials.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall } from './job-queue.ts';
import { type LeftPlace, noteLeft } from './left-places.ts';
import { pinFacts } from './opening.ts';
import { checkFolders, remoteName, siblingOf } from './places.ts';
import { saveMemory } from './recall.ts';
import { type GivenSecrets, needed, phoneText } from './setup.ts';

/** An engine and a state for the new repository, apart from those in use. */
export interface Beside {
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly state: State;
}

export interface FreshOptions {
  readonly vault: Vault;
  /** Of the backup in use. */
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly state: State;
  readonly home: Home;
  readonly openBeside: () => Promise<Beside>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  readonly homeFolders: readonly string[];
  readonly randomBytes: (count: number) => Uint8Array;
  readonly deviceId: string;
  readonly session: KeySession & {
    /** Work that writes the settings file itself, while nobody else changes them. */
    readonly rewriteSettings: (work: () => Promise<unknown>) => Promise<void>;
    /** The backup in use is another one: its repository is opened, or everything locked where that cannot be. */
    readonly switched: (outcome: engine.BackupOutcome | undefined) => Promise<void>;
    /** Forgets the keys at once. */
    readonly forget: () => Promise<void>;
  };
}

export interface FreshResult {
  readonly repositoryId: string;
  readonly remote: string;
  /** The name of the old place, to be typed for its deletion. */
  readonly left: string;
  /** 64 digits as ASCII, the caller's to wipe. */
  readonly recoveryKey: Uint8Array;
}

const unfinishedFact = 'fresh.unfinished';
const switchFact = 'fresh.switch';

interface NewSecrets {
  readonly password: Uint8Array;
  readonly phone: string;
}

interface Switch {
  readonly remote: string;
  readonly repositoryId: string;
  readonly masterKeyFingerprint: string;
  readonly left: LeftPlace & { readonly beside: string };
}

/**
 * Carries a decided switch through, if there is one: to be called before anything reads settings or vault. Needs no password.
 *
 * @returns whether there was one
 */
export async function finishSwitch(state: State, home: Home): Promise<boolean> {
  const text = state.facts.get(switchFact);
  if (text === undefined) return false;
  const { left, ...to } = JSON.parse(text) as Switch; // only `Fresh` writes it
  await state.takeOver(left.beside);
  const settings = await state.settings.load();
  if (settings === undefined) throw new SignetError('E_STATE_CORRUPT', 'there are no settings to switch');
  // The second places hold copies of the old backup, which nobody brings up to date any more.
  const copies = settings.mirrors.map(remote => ({ remote, config: left.config }));
  state.setFacts(noteLeft(state, [left, ...copies]));
  if (settings.remote !== to.remote) await state.settings.save({ ...settings, remote: to.remote, mirrors: [] });
  await removeBeside(home);
  state.setFacts({
    ...pinFacts(to),
    'vault.unfinished': undefined,
    [unfinishedFact]: undefined,
    [switchFact]: undefined,
  });
  return true;
}

export class Fresh {
  readonly #options: FreshOptions;
  /** The end of the last look for a decided switch: whoever starts afresh and whoever unlocks may both carry it through. */
  #resumed: Promise<unknown> = Promise.resolve();
  #isMaking = false;

  constructor(options: FreshOptions) {
    this.#options = options;
  }

  /** Secrets: password, newPassword, and newPhone or the number that is bound now. */
  async start(secrets: GivenSecrets, call: JobCall): Promise<FreshResult> {
    const { session, vault } = this.#options;
    const password = needed(secrets.newPassword, 'newPassword');
    const newPhone = secrets.newPhone === undefined ? undefined : phoneText(secrets.newPhone);
    needed(secrets.password, 'password');
    await session.prove(secrets);
    return session.queue.run('fresh', call, async (signal, onProgress) => {
      session.stateKey(); // it may have been locked while others had their turn
      const phone = newPhone ?? needed(vault.phone, 'phone');
      this.#isMaking = true;
      try {
        return await this.#make({ password, phone }, signal, onProgress);
      } finally {
        this.#isMaking = false;
      }
    });
  }

  async #make(
    secrets: NewSecrets,
    signal: AbortSignal,
    onProgress: (step: engine.EngineProgress) => void,
  ): Promise<FreshResult> {
    const { state, home, session, vault, randomBytes, engine: worker } = this.#options;
    const settings = session.settings();
    await this.#sweep();
    const remote = await this.#choosePlace(settings);
    state.facts.set(unfinishedFact, remote);
    await removeBeside(home);
    const beside = await this.#options.openBeside();
    const recoveryKey = randomBytes(32);
    try {
      let made: { readonly opened: engine.OpenedRepository; readonly outcome: engine.BackupOutcome };
      try {
        made = await this.#fill(beside, { ...secrets, remote, settings, recoveryKey }, signal, onProgress);
        const { config } = await worker.ask(engine.digest, { remote: settings.remote }, { signal });
        signal.throwIfAborted();
        const { repositoryId, masterKeyFingerprint } = made.opened;
        await vault.rememberBesides(secrets.phone);
        const left = { remote: settings.remote, config, beside: config.slice(0, 8) };
        state.facts.set(
          switchFact,
          JSON.stringify({ remote, repositoryId, masterKeyFingerprint, left } satisfies Switch),
        );
      } catch (error) {
        await beside.engine.stop();
        beside.state.close();
        await this.#sweep();
        throw error;
      }
      // The new backup counts from here on.
      await beside.engine.stop();
      beside.state.close();
      await worker.stop();
      await this.resume(secrets, made.outcome);
      wipe(made.opened.stateKey);
      const { repositoryId } = made.opened;
      return { repositoryId, remote, left: remoteName(settings.remote), recoveryKey: resticPassword(recoveryKey) };
    } finally {
      wipe(recoveryKey);
    }
  }

  /** Carries a switch through that this process or one before decided on. @param secrets open the new backup, where they are at hand */
  resume(secrets?: NewSecrets, outcome?: engine.BackupOutcome): Promise<void> {
    const turn = this.#resumed.then(() => this.#resume(secrets, outcome));
    this.#resumed = turn.catch(() => undefined); // its own caller is told
    return turn;
  }

  async #resume(secrets: NewSecrets | undefined, outcome: engine.BackupOutcome | undefined): Promise<void> {
    const { state, home, vault, session } = this.#options;
    if (state.facts.get(switchFact) === undefined) return;
    try {
      await session.rewriteSettings(() => finishSwitch(state, home));
      await vault.reload();
      if (secrets !== undefined) await vault.unlockWithPassword(secrets.password, secrets.phone);
    } catch (error) {
      await session.forget(); // what is in memory may be of either backup
      throw error;
    }
    await session.switched(outcome);
  }

  /** Keys, vault, repository, first backup and a look at all of it; then this computer's own state of it. Nothing counts yet. */
  async #fill(
    { engine: worker, state: aside }: Beside,
    to: {
      readonly remote: string;
      readonly settings: Settings;
      readonly password: Uint8Array;
      readonly phone: string;
      readonly recoveryKey: Uint8Array;
    },
    signal: AbortSignal,
    onProgress: (step: engine.EngineProgress) => void,
  ): Promise<{ readonly opened: engine.OpenedRepository; readonly outcome: engine.BackupOutcome }> {
    const { vault, clock, deviceId } = this.#options;
    const { remote, settings, recoveryKey, password, phone } = to;
    const { connections } = await this.#options.engine.ask(engine.lend, {}, { signal });
    const order = { remote, recoveryKey, connections, limits: limitsOf(settings) };
    const identity = await worker.ask(engine.prepare, order, { signal }).finally(() => wipe(connections));
    const device = settings.deviceLabel;
    const file = await vault.create({ ...identity, password, phone, recoveryKey, device, isFirst: true, signal });
    try {
      await worker.ask(engine.putVault, { name: file.key, bytes: file.bytes }, { signal });
      const back = (await worker.ask(engine.vaults, { remote }, { signal })).find(({ name }) => name === file.key);
      if (back === undefined) throw new SignetError('E_MISSING', `${file.key}: was written and is not listed`);
      await vault.checkOpens(file, back.bytes, { password, phone, signal });
    } finally {
      vault.discard(file); // the copy of it is opened with the password once it counts
    }
    const opened = await worker.ask(engine.create, {}, { signal });
    const { repositoryId, keyFileId, masterKeyFingerprint } = opened;
    const witness: Witness = {
      v: 1,
      since: new Date(clock.now()).toISOString(),
      repositoryId,
      keyFileId,
      masterKeyFingerprint,
      vaultSha256: file.sha256,
      vaultGeneration: file.generation,
      device: deviceId,
      ownHead: null,
      seen: {},
    };
    const backup: engine.BackupOrder = {
      reason: 'setup',
      device: { id: deviceId, label: device },
      sources: settings.sources.map(source => ({ ...source, captureNow: true, lossAccepted: false })),
      memory: null,
      witness,
      remembered: [],
    };
    const outcome = await worker.ask(engine.backup, backup, { signal, onProgress });
    refuseGaps(outcome, settings);
    const checked = await worker.ask(engine.verify, { readDataPercent: 0, witness: outcome.witness }, { signal });
    const [problem] = checked.problems;
    if (problem !== undefined)
      throw new SignetError(problem.code, `the new backup: ${problem.object}: ${problem.detail}`);
    await aside.vaultCopy.save(file.bytes);
    await aside.saveWitness(outcome.witness, opened.stateKey);
    await saveMemory(aside, opened.stateKey, outcome.memory);
    return { opened, outcome };
  }

  async #choosePlace(settings: Settings & { readonly remote: string }): Promise<string> {
    const { clock, randomBytes, homeFolders, engine: worker } = this.#options;
    const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
    const remote = siblingOf(settings.remote, day, toHex(randomBytes(2)));
    await checkFolders({ remote, sources: settings.sources, home: homeFolders });
    if ((await worker.ask(engine.inspect, { remote })) !== 'empty') {
      throw new SignetError('E_TARGET_NOT_EMPTY', 'the place for the fresh backup is taken', {
        params: { path: remoteName(remote), what: 'other' },
      });
    }
    return remote;
  }

  /**
   * Takes away what a start that did not come to its end left in its own new place; nothing while one is under way. What cannot be removed
   * now is tried again the next time.
   */
  async sweep(): Promise<void> {
    if (!this.#isMaking) await this.#sweep();
  }

  async #sweep(): Promise<void> {
    const { state, home, log, session, engine: worker } = this.#options;
    const remote = state.facts.get(unfinishedFact);
    if (remote === undefined || state.facts.get(switchFact) !== undefined) return;
    if (remote === session.settings().remote) throw new SignetError('E_INTERNAL', 'the place in use is not swept');
    try {
      await worker.ask(engine.deletePlace, { remote, config: null });
      await removeBeside(home);
      state.facts.remove(unfinishedFact);
    } catch (error) {
      log.warn('a fresh backup that was not finished is still to be removed', { code: toSignetError(error).code });
    }
  }
}

/** What the old backup has and the new one would lack must not be left behind unnoticed. */
function refuseGaps({ snapshot, sources, filesUnreadable, findings }: engine.BackupOutcome, settings: Settings): void {
  const [found] = findings;
  if (found !== undefined) throw new SignetError(found.code, `the first backup: ${found.detail}`);
  if (settings.sources.length > 0 && snapshot === undefined) {
    throw new SignetError('E_SOURCE_UNREADABLE', 'the first backup holds nothing');
  }
  const gone = sources.find(({ carriedFrom }) => carriedFrom !== undefined);
  const [file] = filesUnreadable;
  if (gone === undefined && file === undefined) return;
  const label = settings.sources.find(({ id }) => id === (gone?.id ?? file?.path.split('/')[0]))?.label ?? '';
  throw new SignetError('E_SOURCE_UNREADABLE', 'the first backup would lack what the old one may have', {
    params: { label, reason: gone?.carriedFrom?.reason ?? file?.reason ?? '' },
  });
}
