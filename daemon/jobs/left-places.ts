// Places where a backup of this computer lies that is in use no more: left by a start afresh or a move. Each stays as it is until a person
// types its name and proves the password; then what restic and Signet wrote is deleted, and nothing that is in use.

import { SignetError } from '../base/errors.ts';
import type { Home } from '../state/model.ts';
import { removeLeft, type State } from '../state/state.ts';
import type { KeySession } from './credentials.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { remoteName } from './places.ts';
import { type GivenSecrets, needed } from './setup.ts';

export interface LeftPlace {
  readonly remote: string;
  /** `configDigest`: says which backup it is. */
  readonly config: string;
  /** Where the state that belongs to it was set aside; absent where the backup is the one in use, which lies elsewhere now. */
  readonly beside?: string;
}

const leftFact = 'fresh.left';

/** The facts that remember these beside those that were left before. */
export function noteLeft(state: State, left: readonly LeftPlace[]): Readonly<Record<string, string>> {
  const others = remembered(state).filter(({ remote }) => !left.some(each => each.remote === remote));
  return { [leftFact]: JSON.stringify([...others, ...left]) };
}

/** Without those in use: one is noted before it is left, and can be moved back to. */
export function leftPlaces(state: State, used: readonly string[]): readonly LeftPlace[] {
  return remembered(state).filter(({ remote }) => !used.includes(remote));
}

function remembered(state: State): readonly LeftPlace[] {
  return JSON.parse(state.facts.get(leftFact) ?? '[]') as readonly LeftPlace[]; // only this file writes it
}

export interface LeftPlacesOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly state: State;
  readonly home: Home;
  readonly session: Pick<KeySession, 'queue' | 'prove' | 'settings'>;
}

export class LeftPlaces {
  readonly #options: LeftPlacesOptions;

  constructor(options: LeftPlacesOptions) {
    this.#options = options;
  }

  /** The specs of those that are not in use again. @param used places in use */
  remotes(used: readonly string[]): readonly string[] {
    return leftPlaces(this.#options.state, used).map(({ remote }) => remote);
  }

  /**
   * Deletes one.
   *
   * @param name of its folder, as typed; the whole place where two have the same name
   * @throws E_USAGE for anything that was not left so, or is the place in use under another name · E_REPO_MISMATCH when another backup lies
   *   there now
   */
  async delete(name: string, secrets: GivenSecrets): Promise<{ readonly objects: number; readonly bytes: number }> {
    const { state, home, session, engine: worker } = this.#options;
    needed(secrets.password, 'password');
    await session.prove(secrets);
    const never = new AbortController().signal;
    return session.queue.run('fresh', { progress: () => undefined, signal: never }, async signal => {
      const { remote: used, mirrors } = session.settings();
      const places = leftPlaces(state, [used, ...mirrors]);
      const meant = places.filter(({ remote }) => remote === name || remoteName(remote) === name);
      const [left] = meant;
      if (left === undefined || meant.length > 1) throw notLeft(places, meant.length > 1);
      const { remote, config, beside } = left;
      const deleted = await worker.ask(engine.deletePlace, { remote, config }, { signal });
      if (beside !== undefined) await removeLeft(home, beside);
      const others = remembered(state).filter(each => each.remote !== remote);
      state.setFacts({ [leftFact]: JSON.stringify(others) });
      return deleted;
    });
  }
}

function notLeft(places: readonly LeftPlace[], isAmbiguous: boolean): SignetError {
  const names = places.map(({ remote }) => `“${isAmbiguous ? remote : remoteName(remote)}”`).join(', ');
  const there = `there ${places.length === 1 ? 'is' : 'are'} ${names}`;
  const detail =
    places.length === 0
      ? 'no old backup was left by a start afresh or a move, so there is none to delete'
      : isAmbiguous
        ? `several old backups of this name were left, so the whole place is to be given: ${there}`
        : `no old backup of this name was left: ${there}`;
  return new SignetError('E_USAGE', 'no old backup of this name was left', { params: { detail } });
}
