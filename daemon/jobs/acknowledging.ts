// Its owner's word about an alarm. It asks for the password whatever is unlocked, and for the recovery key where no password is known here.
// What was decided about backups is written into a head at once, so that the other devices believe it; what was decided about the lock or
// about this computer's own memory counts here.

import type { Alarm, AlarmDecision } from '../../protocol/status.ts';
import { SignetError } from '../base/errors.ts';
import type { State } from '../state/state.ts';
import type { Vault } from '../vault/vault.ts';
import { decidedIds, type Found } from './alarm-of.ts';
import type { Alarms } from './alarms.ts';
import type { Credentials, KeySession } from './credentials.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall } from './job-queue.ts';
import { takeOverNewer } from './opening.ts';
import { type GivenSecrets, needed } from './setup.ts';

export interface AcknowledgingOptions {
  readonly alarms: Alarms;
  readonly credentials: Pick<Credentials, 'putBack'>;
  readonly engine: Pick<Engine, 'ask'>;
  readonly state: State;
  readonly vault: Vault;
  readonly deviceId: string;
  readonly session: Pick<
    KeySession,
    'queue' | 'prove' | 'proveKey' | 'settings' | 'stateKey' | 'witness' | 'keysChanged'
  >;
}

export interface Decision {
  readonly id: string;
  readonly decision: AlarmDecision;
}

export class Acknowledging {
  readonly #options: AcknowledgingOptions;

  constructor(options: AcknowledgingOptions) {
    this.#options = options;
  }

  /** @returns the alarms that stand afterwards @throws E_NOT_FOUND · E_USAGE for what cannot be decided so · what a wrong secret throws */
  async decide({ id, decision }: Decision, secrets: GivenSecrets, call: JobCall): Promise<readonly Alarm[]> {
    const { alarms } = this.#options;
    const alarm = alarms.standing.find(each => each.id === id);
    const about = alarms.findings(id);
    if (alarm === undefined || about === undefined) {
      throw new SignetError('E_NOT_FOUND', 'no such alarm stands', { params: { what: id } });
    }
    if (!alarm.decisions.includes(decision)) {
      const possible = alarm.decisions.length === 0 ? 'nothing can be decided about it' : alarm.decisions.join(', ');
      throw new SignetError('E_USAGE', 'this cannot be decided about the alarm', {
        params: { detail: `about this alarm it is one of these: ${possible}` },
      });
    }
    await this.#prove(secrets);
    if (decision === 'changed-elsewhere') await this.#takeOver(secrets);
    else if (decision === 'put-back') await this.#putBack(call);
    else if (about.origin === 'memory') await this.#believe();
    else await this.#write(about.findings, call, about.origin === 'packs');
    await alarms.look({ isForced: true });
    return alarms.standing;
  }

  async #prove(secrets: GivenSecrets): Promise<void> {
    const { vault, session } = this.#options;
    if (vault.known === undefined) return session.proveKey(needed(secrets.recoveryKey, 'recoveryKey'));
    needed(secrets.password, 'password');
    await session.prove(secrets);
  }

  /** The new password may have opened the newer vault already; where it is the old one too, that one is opened now. */
  async #takeOver(secrets: GivenSecrets): Promise<void> {
    const { vault, engine: worker, state, session } = this.#options;
    await takeOverNewer(secrets, { vault, engine: worker, facts: state.facts, remote: session.settings().remote });
    await session.keysChanged();
  }

  async #putBack(call: JobCall): Promise<void> {
    const { alarms, credentials, session } = this.#options;
    await session.queue.run('keys', call, async signal => {
      const refused = await credentials.putBack(signal);
      alarms.settle('lock', refused);
    });
  }

  /** What was noted elsewhere of what this computer saw is its memory from now on. */
  async #believe(): Promise<void> {
    const { alarms, state, session } = this.#options;
    await state.saveWitness(await session.witness(), session.stateKey());
    alarms.settle('memory');
  }

  async #write(findings: readonly Found[], call: JobCall, isOfPacks: boolean): Promise<void> {
    const { alarms, engine: worker, state, deviceId, session } = this.#options;
    await session.queue.run('verify', call, async signal => {
      session.stateKey(); // it may have been locked while others had their turn
      const { snapshots } = alarms.seen;
      const { witness, ...looked } = await worker.ask(
        engine.acknowledge,
        {
          witness: await session.witness(),
          device: { id: deviceId, label: session.settings().deviceLabel },
          ids: decidedIds(findings),
          remembered: [...snapshots.map(({ id }) => id), ...alarms.missedHeads],
          known: snapshots.filter(({ device }) => device === deviceId).map(({ id }) => id),
        },
        { signal },
      );
      await state.saveWitness(witness, session.stateKey());
      alarms.saw(looked, decidedIds(findings));
      if (isOfPacks) alarms.settlePacks(decidedIds(findings));
    });
  }
}
