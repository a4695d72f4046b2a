// How the place is looked at for the board of alarms: by names where that needs no key, and with the key while a backup is open.

import { toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { findingId } from '../heads/heads.ts';
import type { Remote } from '../remotes/remote.ts';
import type { Witness } from '../state/model.ts';
import type { Found } from './alarm-of.ts';
import type { Alarms } from './alarms.ts';
import type { Credentials } from './credentials.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { LookOutcome } from './look.ts';
import { folderOfRemote } from './places.ts';
import { namesIn, type PlaceNames } from './presence.ts';

export interface PlaceLooksOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly log: Pick<Log, 'warn'>;
  readonly remote: () => string | null;
  /** A place in a folder, to list what lies there without a key. */
  readonly openFolder: (path: string) => Pick<Remote, 'get' | 'list'>;
  readonly isUnlocked: () => boolean;
  readonly witness: () => Promise<Witness>;
  readonly lockFindings: Credentials['findings'];
  readonly alarms: () => Pick<Alarms, 'seen' | 'missedHeads' | 'opened'>;
}

export class PlaceLooks {
  readonly #options: PlaceLooksOptions;

  constructor(options: PlaceLooksOptions) {
    this.#options = options;
  }

  /** What a place without a key shows by its names: a folder does. */
  async names(): Promise<PlaceNames | undefined> {
    const { remote, openFolder } = this.#options;
    const spec = remote();
    const folder = spec === null ? undefined : folderOfRemote(spec);
    return folder === undefined ? undefined : namesIn(openFolder(folder));
  }

  /** Undefined while locked. */
  async withKey(): Promise<(LookOutcome & { readonly lock: readonly Found[] }) | undefined> {
    const { isUnlocked, witness, engine: worker, lockFindings, alarms } = this.#options;
    if (!isUnlocked()) return undefined;
    const { seen, missedHeads } = alarms();
    const remembered = [...seen.snapshots.map(({ id }) => id), ...missedHeads];
    const looked = await worker.ask(engine.look, { witness: await witness(), remembered });
    const found = await lockFindings(new AbortController().signal);
    // A damaged file beside a whole one opens nothing: that is for verify to tell.
    const lock = found.filter(({ code }) => code !== 'E_VAULT_CORRUPT');
    return {
      ...looked,
      lock: lock.map(each => ({ ...each, id: findingId({ code: each.code, about: [each.detail] }) })),
    };
  }

  /** Which backup lies in the place that was opened just now, to compare with later. Never rejects, and nobody waits for it. */
  async noteOpened(): Promise<void> {
    try {
      this.#options.alarms().opened(await this.names());
    } catch (error) {
      this.#options.log.warn('the place was opened and not looked at', { code: toSignetError(error).code });
    }
  }
}
