// What is remembered of the backup in use and is told also while it is locked and the place does not answer: its computers, when its copies
// were checked and tried, when its secrets were set and seen. One sealed value in the state, bound to the repository: of another one nothing is told.

import type { LastDrill, LastVerified, StatusDates, VerifyResult } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { State } from '../state/state.ts';
import type { KnownDevice } from './devices.ts';
import { pinnedRepository } from './opening.ts';
import { passwordConfirmedAt } from './password-reminder.ts';

const name = 'remembered';

interface Memory {
  /** Which repository all of it is about. */
  readonly repository: string;
  readonly devices?: readonly KnownDevice[];
  readonly lastVerified?: LastVerified;
  readonly lastDrill?: LastDrill;
  readonly passwordSetAt?: string;
  readonly sheetAt?: string;
  readonly lockedAt?: string;
}

export interface RememberedOptions {
  readonly state: Pick<State, 'facts' | 'sealedFacts'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Pick<Log, 'warn'>;
  readonly onChanged: () => void;
}

export class Remembered {
  readonly #options: RememberedOptions;
  #memory: Memory | undefined;

  constructor(options: RememberedOptions) {
    this.#options = options;
    this.#memory = decoded(options.state.sealedFacts.get(name));
  }

  /** Undefined while none is known. */
  get devices(): readonly KnownDevice[] | undefined {
    return this.#present()?.devices;
  }

  get lastVerified(): LastVerified | undefined {
    return this.#present()?.lastVerified;
  }

  get lastDrill(): LastDrill | undefined {
    return this.#present()?.lastDrill;
  }

  get dates(): StatusDates | undefined {
    const { passwordSetAt, sheetAt, lockedAt } = this.#present() ?? {};
    const confirmedAt = passwordConfirmedAt(this.#options.state.facts);
    const dates = {
      ...(passwordSetAt !== undefined && { passwordSetAt }),
      ...(confirmedAt !== undefined && { passwordConfirmedAt: confirmedAt }),
      ...(sheetAt !== undefined && { sheetAt }),
      ...(lockedAt !== undefined && { lockedAt }),
    };
    return Object.keys(dates).length === 0 ? undefined : dates;
  }

  /** The place was looked at as a whole. */
  sawDevices(devices: readonly KnownDevice[]): void {
    if (JSON.stringify(devices) !== JSON.stringify(this.devices)) this.#note({ devices });
  }

  verified({ bytesRead, problems, more }: VerifyResult): void {
    this.#note({ lastVerified: { at: this.#now(), bytesRead, problems: problems.length + (more?.problems ?? 0) } });
  }

  drilled(lastDrill: LastDrill): void {
    this.#note({ lastDrill });
  }

  passwordSet(): void {
    this.#note({ passwordSetAt: this.#now() });
  }

  sheetSeen(): void {
    this.#note({ sheetAt: this.#now() });
  }

  /** A sheet with the old key opens nothing any more. */
  keyRenewed(): void {
    this.#note({ sheetAt: undefined });
  }

  /** Noted once: what is locked stays so from the first moment on. */
  locked(): void {
    if (this.#present()?.lockedAt === undefined) this.#note({ lockedAt: this.#now() });
  }

  unlocked(): void {
    if (this.#present()?.lockedAt !== undefined) this.#note({ lockedAt: undefined });
  }

  #present(): Memory | undefined {
    return this.#memory?.repository === pinnedRepository(this.#options.state.facts) ? this.#memory : undefined;
  }

  /** It only helps to look back: what keeps it from being written, such as a full disk, stops nothing. */
  #note(changes: { readonly [key in keyof Omit<Memory, 'repository'>]: Memory[key] | undefined }): void {
    const { state, log } = this.#options;
    const repository = pinnedRepository(state.facts);
    if (repository === undefined) return;
    const kept = { repository, ...this.#present(), ...changes };
    this.#memory = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)) as Memory &
      object;
    try {
      state.sealedFacts.set(name, JSON.stringify(this.#memory));
    } catch (error) {
      log.warn('what is remembered could not be written', { code: toSignetError(error).code });
    }
    this.#options.onChanged();
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }
}

/** Sealed: only this class wrote it. */
function decoded(text: string | undefined): Memory | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Memory);
}
