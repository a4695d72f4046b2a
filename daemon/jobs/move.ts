// From one place to another (DESIGN D17): packs as they are, so that password, key and history stay. Everything is copied and compared first;
// then one change of the settings decides. Before it the old place is in use and untouched, after it the new one; the old one stays until a
// person deletes it. Where the old place is gone for good, a copy of it takes its part, if it is this very backup.

import type { CopyResult } from '../../protocol/status.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Settings } from '../state/model.ts';
import type { State } from '../state/state.ts';
import { packsListedName } from './backups.ts';
import { bounded, inAnswer, moreOf } from './bounded.ts';
import type { KeySession } from './credentials.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall } from './job-queue.ts';
import { noteLeft } from './left-places.ts';
import { checkFolders, normaliseRemote, remoteName } from './places.ts';
import { type GivenSecrets, type SetupOptions, syncedByOf } from './setup.ts';

export interface MovingOptions extends Pick<SetupOptions, 'homeFolders' | 'syncAppOf'> {
  readonly engine: Pick<Engine, 'ask'>;
  readonly state: State;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly session: Pick<KeySession, 'queue' | 'settings' | 'stateKey' | 'witness'> & {
    /** Once it is sure whether the place in use can be opened. @throws E_NOT_SET_UP · E_VAULT_LOCKED */
    readonly ready: () => Promise<unknown>;
    readonly changeSettings: (make: (before: Settings) => Settings) => Promise<unknown>;
    /** Opens the backup where the settings say that it lies now. */
    readonly reopen: () => Promise<void>;
    /** Opens this computer's backup in another place, and keeps it open when `decide` went well. */
    readonly openElsewhere: (remote: string, secrets: GivenSecrets, decide: () => Promise<void>) => Promise<void>;
    readonly forget: () => Promise<void>;
    readonly isUnlocked: () => boolean;
  };
}

export type MoveResult = CopyResult & { readonly left: string | null };

export class Moving {
  readonly #options: MovingOptions;

  constructor(options: MovingOptions) {
    this.#options = options;
  }

  /**
   * @throws E_USAGE where the two places are one or lie in each other · E_TARGET_NOT_EMPTY when something else is there; nothing is written
   *   then · what copying throws; doing it again goes on where it ended
   */
  async move(spec: string, call: JobCall): Promise<MoveResult> {
    const { engine: worker, session, state, log } = this.#options;
    const to = normaliseRemote(spec);
    await session.ready();
    return session.queue.run('move', call, async (signal, onProgress) => {
      session.stateKey(); // it may have been locked while others had their turn
      const from = await this.#leaveFor(to);
      const copied = await worker.ask(engine.copyTo, { remote: to, occasion: 'new' }, { signal, onProgress });
      signal.throwIfAborted();
      onProgress(finishing);
      // Noted before it is left: a place that is in use counts as left by nobody.
      state.setFacts(noteLeft(state, [{ remote: from, config: copied.config }]));
      await this.#switchTo(to);
      log.info('the place of the copies was changed', { bytes: copied.bytes, count: copied.objects });
      try {
        await session.reopen();
      } catch (error) {
        log.warn('the new place could not be opened', { code: toSignetError(error).code });
        await session.forget(); // the backup has moved and counts; the next unlock opens it
      }
      return { ...copyResult({ ...copied, healed: 0 }), left: remoteName(from) };
    });
  }

  /**
   * The old place is gone for good: the copy of it that lies there is the backup from now on.
   *
   * @param secrets needed while locked: without the old place nothing else opens
   * @returns what this computer knows to be missing there, as problems
   * @throws E_REPO_MISMATCH, E_USAGE and the like where this computer's backup does not lie there; nothing is changed then
   */
  async lost(spec: string, secrets: GivenSecrets, call: JobCall): Promise<MoveResult> {
    const { engine: worker, session, log } = this.#options;
    const to = normaliseRemote(spec);
    return session.queue.run('move', call, async signal => {
      await this.#leaveFor(to);
      // A slip of the pen is told before anything is closed; while locked nothing is open, and what connects a cloud is sealed.
      if (session.isUnlocked() && (await worker.ask(engine.inspect, { remote: to }, { signal })) !== 'repository') {
        throw new SignetError('E_USAGE', 'no backup lies there', {
          params: { detail: 'no backup lies in this place: name the one that holds the copy' },
        });
      }
      await session.openElsewhere(to, secrets, async () => {
        signal.throwIfAborted();
        await this.#switchTo(to);
      });
      log.info('a copy took the place of the lost one', {});
      const { findings } = await worker.ask(engine.look, { witness: await session.witness(), remembered: [] });
      const problems = findings.map(each => ({ ...each, key: 'signet/heads' }));
      return { ...copyResult({ objects: 0, bytes: 0, healed: 0, problems }), left: null };
    });
  }

  /** @returns the place in use, which is another one */
  async #leaveFor(to: string): Promise<string> {
    const { session, homeFolders } = this.#options;
    const { remote: from, sources, mirrors } = session.settings();
    if (from === to) {
      throw new SignetError('E_USAGE', 'the two places are one', {
        params: { detail: 'the backup lies in this place already: give another one' },
      });
    }
    const others = [from, ...mirrors].filter(each => each !== to);
    await checkFolders({ remote: to, others, sources, home: homeFolders });
    return from;
  }

  /** The one step that decides. */
  async #switchTo(to: string): Promise<void> {
    const { session, state, syncAppOf } = this.#options;
    const syncedBy = await syncedByOf(to, syncAppOf);
    state.setFacts({ [packsListedName]: undefined }); // what was found in one place says nothing of another
    await session.changeSettings(before => ({
      ...before,
      remote: to,
      mirrors: before.mirrors.filter(each => each !== to),
      syncedBy,
    }));
  }
}

const finishing: engine.EngineProgress = {
  phase: 'finishing',
  filesDone: 0,
  filesTotal: 0,
  bytesDone: 0,
  bytesTotal: 0,
  bytesUploaded: 0,
  item: '',
};

interface Copied extends Pick<CopyResult, 'objects' | 'bytes' | 'healed'> {
  readonly problems: readonly (Pick<CopyResult['problems'][number], 'code' | 'detail'> & { readonly key: string })[];
}

/** As a client is told; the list is cut to what an answer holds. */
export function copyResult({ objects, bytes, healed, problems }: Copied): CopyResult {
  const { listed, more } = bounded(
    problems.map(({ key, code, detail }) => ({ object: key, code, detail })),
    inAnswer,
  );
  return { type: 'result', objects, bytes, healed, problems: listed, ...moreOf({ problems: more }) };
}
