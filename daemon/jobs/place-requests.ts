// What the engine is asked about places rather than about the backup in one: what lies there, connecting and disconnecting, copying a whole place,
// putting back what one lost, deleting one. The opened backup and how it is told of progress are the server's.

import type { RequestType } from 'vscode-jsonrpc/node';
import type { WireError } from '../../protocol/errors.ts';
import { wipe } from '../base/bytes.ts';
import { isCode, SignetError } from '../base/errors.ts';
import type { Remote } from '../remotes/remote.ts';
import { parsePlace, placeLabel } from '../remotes/spec.ts';
import type { Repository } from '../repository/model.ts';
import { configDigest, deletePlace, holdsRepository, inspectPlace } from '../repository/repository.ts';
import { askFacts, connectPlace, disconnectPlace, type Grants } from './connect.ts';
import {
  type CopyContext,
  type CopyOccasion,
  type CopyOutcome,
  copyTo,
  healFrom,
  isSamePlace,
  removeSuperseded,
  samePlace,
} from './copying.ts';
import * as engine from './engine-messages.ts';
import type { EnginePlaces } from './engine-places.ts';

/** The opened backup, and where it lies. */
export interface Session {
  readonly spec: string;
  readonly remote: Remote;
  readonly repository: Repository;
  readonly headsKey: Uint8Array;
}

export type Answer = <Params, Result>(
  type: RequestType<Params, Result, WireError>,
  work: (params: Params, signal: AbortSignal) => Promise<Result>,
) => void;

export interface PlaceRequestsOptions {
  readonly places: EnginePlaces;
  readonly grants: Grants;
  readonly temporaryFolder: string;
  readonly session: () => Session | undefined;
  /** Of the opened backup. */
  readonly mirrors: () => readonly string[];
  /** Work that has time to wait for a place. */
  readonly asJob: <Result>(who: 'attended' | 'alone', work: () => Promise<Result>) => Promise<Result>;
  readonly onProgress: (step: engine.EngineProgress) => void;
  readonly onSignInAsked: (asked: engine.SignInAsked) => void;
}

export class PlaceRequests {
  readonly #options: PlaceRequestsOptions;

  constructor(options: PlaceRequestsOptions) {
    this.#options = options;
  }

  listen(answer: Answer): void {
    const { places, grants, asJob } = this.#options;
    answer(engine.inspect, async ({ remote }, signal) => {
      const place = await places.place(remote);
      await place.check({ signal });
      if (await place.isMissing({ signal })) return 'empty';
      return inspectPlace(await places.remote(remote, { signal }), { signal });
    });
    answer(engine.digest, async ({ remote }, signal) => ({
      config: await configDigest(await places.remote(remote, { signal }), { signal }),
    }));
    answer(engine.reachable, async ({ remote }, signal) => {
      try {
        return await holdsRepository(await places.remote(remote, { signal }), { signal });
      } catch (error) {
        if (isCode(error, 'E_UNREACHABLE')) return false;
        throw error;
      }
    });
    answer(engine.about, ({ remote }, signal) => askFacts(places, remote, signal));
    answer(engine.connect, (order, signal) => this.#connect(order, signal));
    answer(engine.disconnect, ({ remote }, signal) => disconnectPlace(remote, { places, grants, signal }));
    answer(engine.lend, async () => ({ connections: places.lend() }));
    answer(engine.deletePlace, (order, signal) => asJob('attended', () => this.#deletePlace(order, signal)));
    answer(engine.copyTo, (order, signal) =>
      asJob(order.occasion === 'after-backup' ? 'alone' : 'attended', () => this.#copyTo(order, signal)),
    );
    answer(engine.heal, async ({ remote, witness, suspects }, signal) => {
      const { headsKey } = this.#opened();
      const context = { ...this.#copyContext(signal), headsKey, witness, suspects };
      return asJob('attended', async () => healFrom(await places.remote(remote, { signal }), context));
    });
    answer(engine.removeSuperseded, async ({ remote, keys, vault }, signal) => {
      const context = this.#copyContext(signal);
      const order = { keys, inUse: [vault, `keys/${context.repository.keyFileId}`] };
      return asJob('alone', async () => removeSuperseded(await places.remote(remote, { signal }), context, order));
    });
  }

  async #connect(order: engine.ConnectOrder, signal: AbortSignal): Promise<engine.Connected> {
    const { places, grants, onSignInAsked } = this.#options;
    const session = this.#options.session();
    try {
      const connected = await connectPlace(order, {
        places,
        grants,
        configInUse: async spec => (session?.spec === spec ? places.copiedConfig() : undefined),
        onAsked: onSignInAsked,
        signal,
      });
      return { ...connected, ...(session === undefined && { connections: places.lend() }) };
    } finally {
      wipe(order.clientSecret, order.s3Secret);
    }
  }

  async #deletePlace(
    { remote: spec, config, wasInUse }: engine.DeleteOrder,
    signal: AbortSignal,
  ): Promise<{ readonly objects: number; readonly bytes: number }> {
    const { places } = this.#options;
    const place = await places.place(spec);
    if (await place.isMissing({ signal })) return { objects: 0, bytes: 0 };
    await place.checkDeletable();
    const remote = await places.remote(spec, { signal });
    if (wasInUse === true) {
      if (this.#options.session() !== undefined)
        throw new SignetError('E_INTERNAL', 'an open repository is not deleted');
    } else if (config !== null) await this.#refuseUsed(spec, remote, config, signal);
    const deleted = await deletePlace(remote, config ?? undefined, { signal });
    await place.removeEmpty({ signal });
    places.drop(spec);
    return deleted;
  }

  /** A place that was moved from holds the very backup that is open; under another name it may be the one in use. */
  async #refuseUsed(spec: string, remote: Remote, config: string, signal: AbortSignal): Promise<void> {
    const { places, mirrors } = this.#options;
    if (mirrors().some(mirror => places.isOneFolder(spec, mirror))) {
      throw new SignetError('E_USAGE', 'the place that is to be deleted is a second place', {
        params: { detail: `${remote.label} is the very place where a second copy lies now: it is not deleted` },
      });
    }
    const isOne = places.isOneFolder(spec, this.#opened().spec);
    if (!isOne && (await configDigest(this.#opened().remote, { signal })) !== config) return;
    if (!isOne && !(await isSamePlace(remote, this.#copyContext(signal)))) return;
    throw new SignetError('E_USAGE', 'the place that is to be deleted is the one in use', {
      params: { detail: `${remote.label} is the very place where the backup lies now: it is not deleted` },
    });
  }

  async #copyTo(
    { remote: spec, occasion }: { readonly remote: string; readonly occasion: CopyOccasion },
    signal: AbortSignal,
  ): Promise<CopyOutcome> {
    const context = this.#copyContext(signal);
    const { places } = this.#options;
    if (occasion === 'new') {
      const place = await places.place(spec);
      await place.check({ signal });
      if (await place.isMissing({ signal })) await place.prepare({ signal });
    }
    const other = await places.remote(spec, { signal });
    if (places.isOneFolder(spec, this.#opened().spec)) throw samePlace(other);
    return copyTo(other, context, { occasion, place: placeLabel(parsePlace(spec)) });
  }

  #copyContext(signal: AbortSignal): CopyContext {
    const { remote, repository } = this.#opened();
    const { temporaryFolder, onProgress } = this.#options;
    return { remote, repository, temporaryFolder, signal, onProgress };
  }

  #opened(): Session {
    const session = this.#options.session();
    if (session === undefined) throw new SignetError('E_VAULT_LOCKED', 'no repository is open');
    return session;
  }
}
