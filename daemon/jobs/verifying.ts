// Verifying, on the main thread: what the engine finds in the place, what lies beside this computer's own lock, and whether its memory of
// the place is its own.

import type { VerifyResult } from '../../protocol/status.ts';
import type { Witness } from '../state/model.ts';
import type { Credentials } from './credentials.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall, JobManners, JobQueue } from './job-queue.ts';
import type { Mirrors } from './mirrors.ts';
import type { Remembered } from './remembered.ts';

/** What this computer saw of the place before cannot be compared with any more, until a backup writes it anew. */
const forgedWitness: VerifyResult['problems'][number] = {
  object: 'trust.json',
  code: 'E_STATE_CORRUPT',
  detail: 'what this computer remembers of the place was damaged or changed: it does not open under its key',
};

export interface VerifyingOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly queue: Pick<JobQueue, 'run'>;
  readonly ready: () => Promise<unknown>;
  /** @throws E_VAULT_LOCKED @param onForged called when what was remembered was not written by this computer */
  readonly witness: (onForged: () => void) => Promise<Witness>;
  readonly lockFindings: Credentials['findings'];
  readonly mirrors: Pick<Mirrors, 'suspect'>;
  readonly remembered: Pick<Remembered, 'verified'>;
}

export class Verifying {
  readonly #options: VerifyingOptions;

  constructor(options: VerifyingOptions) {
    this.#options = options;
  }

  /** @param readDataPercent share of the packs whose bytes are read, 0 to 100 */
  async verify(readDataPercent: number, call: JobCall, manners: JobManners = {}): Promise<VerifyResult> {
    const { engine: worker, queue, ready, mirrors, remembered, lockFindings } = this.#options;
    await ready();
    return queue.run(
      'verify',
      call,
      async (signal, onProgress) => {
        const own: VerifyResult['problems'][number][] = [];
        const witness = await this.#options.witness(() => own.push(forgedWitness)); // it may have been locked meanwhile
        const result = await worker.ask(engine.verify, { readDataPercent, witness }, { signal, onProgress });
        mirrors.suspect(result.problems.map(({ object }) => object));
        const lock = await lockFindings(signal);
        const problems = [...lock.map(({ code, detail }) => ({ object: 'signet/vault', code, detail })), ...own];
        const all = { ...result, ok: result.ok && problems.length === 0, problems: [...result.problems, ...problems] };
        remembered.verified(all);
        return all;
      },
      manners,
    );
  }
}
