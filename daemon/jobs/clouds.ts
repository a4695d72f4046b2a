// Places in clouds, on the main thread: connecting and disconnecting them, what they told about themselves the last time they were asked, and
// whether one needs its owner to sign in again. The grants themselves are the engine's: here they are only held as long as nothing of theirs
// can be sealed, and lent to each order that names a place.

import type { RequestType } from 'vscode-jsonrpc/node';
import type { WireError } from '../../protocol/errors.ts';
import type { PlaceStatus, Status } from '../../protocol/status.ts';
import { wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isCode, SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { parsePlace } from '../remotes/spec.ts';
import type { Settings } from '../state/model.ts';
import type { State } from '../state/state.ts';
import type { Engine, EngineCall } from './engine.ts';
import * as engine from './engine-messages.ts';
import { HeldConnections } from './held-connections.ts';
import type { JobCall, JobQueue } from './job-queue.ts';
import type { SignedOut } from './overdue.ts';
import { normaliseRemote, remoteLabel } from './places.ts';

export interface ConnectWish {
  readonly remote: string;
  readonly clientId?: string | undefined;
  readonly flow?: 'browser' | 'device' | undefined;
  readonly accessKeyId?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
}

/** As bytes, the caller's to wipe. */
export interface CloudSecrets {
  readonly clientSecret?: Uint8Array | undefined;
  readonly s3Secret?: Uint8Array | undefined;
}

export interface ConnectCall extends JobCall {
  readonly signInAsked: (asked: engine.SignInAsked & { readonly remote: string }) => void;
}

export interface CloudsOptions {
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly facts: State['facts'];
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly queue: Pick<JobQueue, 'run'>;
  readonly settings: () => Settings;
  readonly isUnlocked: () => boolean;
  /** The place in use is opened anew, with what opens it now. */
  readonly reopen: () => Promise<void>;
  /** A place that could not be opened can be tried again, while locked. */
  readonly onConnectedLocked: () => void;
  readonly onChanged: () => void;
}

/** Room shrinks by megabytes with a backup, and each question is a request. */
const roomEveryMs = 3_600_000;

/** What a place told the last time it was asked; no secret. */
type Told = Pick<PlaceStatus, 'account' | 'clientId' | 'folderId' | 'quota' | 'advice'> &
  Pick<engine.Connected, 'accountId'>;

const toldFact = (remote: string): string => `cloud.told ${remote}`;
/** Places that are connected, whether used or not, as JSON. */
const connectedFact = 'cloud.connected';
/** A `SignedOut`, as JSON. */
const signInFact = (remote: string): string => `cloud.sign-in ${remote}`;

export function isCloud(remote: string): boolean {
  return parsePlace(remote).kind !== 'folder';
}

export class Clouds {
  /** The engine, with what orders need that name a cloud; what it answers tells whether an owner has to sign in. */
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly #options: CloudsOptions;
  readonly #held: HeldConnections;
  /** Monotonic milliseconds, by place. */
  readonly #roomAskedAt = new Map<string, number>();
  /** What lay in places when they were connected by this process. */
  readonly #holds = new Map<string, engine.Connected['holds']>();

  constructor(options: CloudsOptions) {
    this.#options = options;
    this.#held = new HeldConnections(options.clock);
    this.engine = {
      ask: (type, params, call) => this.#ask(type, params, call),
      stop: () => options.engine.stop(),
    };
  }

  /** Of the place of the copies, for the state. */
  status(remote: string): Pick<NonNullable<Status['remote']>, 'account' | 'quota' | 'signIn'> {
    if (!isCloud(remote)) return {};
    const { account, quota } = this.#told(remote);
    return {
      ...(account !== undefined && { account }),
      ...(quota !== undefined && { quota }),
      ...(this.isSignInNeeded(remote) && { signIn: 'needed' }),
    };
  }

  isSignInNeeded(remote: string): boolean {
    return this.signedOut(remote) !== undefined;
  }

  /** Since when nothing can be sent before its owner signs in, and why; undefined when nothing is wrong. */
  signedOut(remote: string): SignedOut | undefined {
    const text = this.#options.facts.get(signInFact(remote));
    return text === undefined ? undefined : (JSON.parse(text) as SignedOut); // only `#noteSignIn` writes it
  }

  /** What the owner can read to find the place again by other means. */
  told(remote: string): Pick<PlaceStatus, 'account' | 'clientId' | 'folderId'> {
    const { account, clientId, folderId } = isCloud(remote) ? this.#told(remote) : {};
    return {
      ...(account !== undefined && { account }),
      ...(clientId !== undefined && { clientId }),
      ...(folderId !== undefined && { folderId }),
    };
  }

  /**
   * Signs in to a place or takes its keys, and looks at it with them.
   * @throws E_VAULT_LOCKED on a computer that is set up, unless the place cannot be opened before its owner signs in again
   */
  async connect(
    wish: ConnectWish,
    secrets: CloudSecrets,
    call: ConnectCall,
  ): Promise<PlaceStatus & Pick<engine.Connected, 'holds'>> {
    const { settings, isUnlocked, queue, reopen } = this.#options;
    const remote = normaliseRemote(wish.remote);
    if (!isCloud(remote)) {
      throw new SignetError('E_USAGE', 'a folder needs no connection', {
        params: { detail: 'a folder needs no connection: give it to `signet setup` as it is', option: '--remote' },
      });
    }
    const inUse = settings().remote;
    const isWaiting = inUse === remote && this.isSignInNeeded(remote);
    if (inUse !== null && !isUnlocked() && !isWaiting) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
    return queue.run('connect', call, async signal => {
      const order: engine.ConnectOrder = {
        ...defined(wish),
        ...(inUse !== null && defined({ accountId: this.#told(remote).accountId })),
        remote,
        flow: wish.flow ?? 'browser',
        ...defined(secrets),
      };
      const onSignInAsked = (asked: engine.SignInAsked): void => call.signInAsked({ ...asked, remote });
      const { connections, holds, ...facts } = await this.#ask(engine.connect, order, { signal, onSignInAsked });
      this.#remember(remote, facts);
      this.#holds.set(remote, holds);
      this.#options.log.info('a cloud was connected');
      if (connections !== undefined) this.#held.hold(connections);
      else this.#noteConnected([...this.#connected(), remote]);
      // While locked it is the next unlock that proves whether this is the place.
      if (isUnlocked() || inUse === null) this.#options.facts.remove(signInFact(remote));
      if (inUse === remote && isUnlocked()) await reopen();
      else if (isWaiting) this.#options.onConnectedLocked();
      this.#options.onChanged();
      return { ...this.#placeStatus(remote), holds };
    });
  }

  /**
   * Ends the grant where that is possible, and forgets it here; the copies stay. Answers whether it was ended where it was given.
   * @throws E_VAULT_LOCKED on a computer that is set up
   */
  async disconnect(wanted: string | undefined): Promise<boolean> {
    const { settings, isUnlocked, queue, facts, log, onChanged } = this.#options;
    const inUse = settings().remote;
    const remote = wanted === undefined ? inUse : normaliseRemote(wanted);
    if (remote === null || !isCloud(remote)) {
      const detail =
        remote === null ? 'no cloud is connected yet' : 'a folder is not connected, so there is nothing to end';
      throw new SignetError('E_USAGE', detail, { params: { detail } });
    }
    if (inUse !== null && !isUnlocked()) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
    const never = new AbortController().signal;
    const isRevoked = await queue.run('connect', { progress: () => undefined, signal: never }, async signal => {
      const ended = await this.#ask(engine.disconnect, { remote }, { signal });
      if (!ended.isRevoked) log.warn('a grant could not be ended where it was given, and is forgotten here');
      await this.#holdWhatIsLeft();
      facts.remove(toldFact(remote));
      this.#holds.delete(remote);
      this.#noteConnected(this.#connected().filter(each => each !== remote));
      if (settings().remote === remote) this.#noteSignIn(remote, 'disconnected');
      else facts.remove(signInFact(remote));
      return ended.isRevoked;
    });
    onChanged();
    return isRevoked;
  }

  /** The places in use, and those that are connected. */
  places(left: readonly string[]): readonly PlaceStatus[] {
    const { remote, mirrors } = this.#options.settings();
    const used = [...(remote === null ? [] : [remote]), ...mirrors, ...left];
    return [...new Set([...used, ...this.#connected()])].map(each => this.#placeStatus(each, left));
  }

  /**
   * Asks a cloud about account and room: one request. Whether it answered; null for one that cannot be asked before its owner signs in.
   * @throws what is neither of these
   */
  async look(remote: string): Promise<boolean | null> {
    try {
      const facts = await this.#ask(engine.about, { remote });
      if (facts !== null) this.#remember(remote, facts);
      return true;
    } catch (error) {
      if (isCode(error, 'E_UNREACHABLE')) return false;
      if (isCode(error, 'E_SIGN_IN') || isCode(error, 'E_VAULT_LOCKED')) return null;
      throw error;
    }
  }

  /** A backup took room: asks how much is left, where the place tells, at most once an hour. Never rejects. */
  async stored(remote: string): Promise<void> {
    if (parsePlace(remote).kind !== 'drive') return;
    const now = this.#options.clock.monotonic();
    if (now - (this.#roomAskedAt.get(remote) ?? Number.NEGATIVE_INFINITY) < roomEveryMs) return;
    this.#roomAskedAt.set(remote, now);
    await this.look(remote).catch((error: unknown) => {
      this.#options.log.warn('a place did not tell about itself', { code: toSignetError(error).code });
    });
  }

  /** The repository is open: what was held is sealed by now. */
  opened(): void {
    if (this.#held.isHolding) this.#noteConnected([...this.#connected(), ...this.#holds.keys()]);
    this.#held.forget();
  }

  stop(): void {
    this.#held.forget();
  }

  /** Other limits from now on, also for what is open. Never rejects. */
  async follow(settings: Settings): Promise<void> {
    try {
      await this.#options.engine.ask(engine.setLimits, { limits: limitsOf(settings) });
    } catch (error) {
      this.#options.log.warn('limits of traffic count later', { code: toSignetError(error).code });
    }
  }

  async #ask<Params extends object, Result>(
    type: RequestType<Params, Result, WireError>,
    params: Params,
    call?: EngineCall,
  ): Promise<Result> {
    const named = 'remote' in params && typeof params.remote === 'string' ? params.remote : undefined;
    const remote = named ?? this.#options.settings().remote;
    const connections = named === undefined ? undefined : this.#held.copy();
    const more = named === undefined ? {} : { limits: limitsOf(this.#options.settings()), ...defined({ connections }) };
    try {
      const result = await this.#options.engine.ask(type, { ...params, ...more }, call);
      if (answersFor.has(type.method) && remote !== null && this.isSignInNeeded(remote)) {
        this.#options.facts.remove(signInFact(remote));
      }
      return result;
    } catch (error) {
      if (type.method !== engine.connect.method && remote !== null && needsSignIn(error)) {
        this.#noteSignIn(remote, String(toSignetError(error).params['why'] ?? ''));
      }
      const isOther = isCode(error, 'E_REPO_MISMATCH') || isCode(error, 'E_NOT_FOUND');
      // What was connected while locked turned out to lead elsewhere: what was sealed before counts again.
      if (isOther && type.method === engine.open.method && this.#options.settings().remote !== null)
        this.#held.forget();
      throw error;
    } finally {
      wipe(connections);
    }
  }

  async #holdWhatIsLeft(): Promise<void> {
    const held = this.#held.copy();
    if (held === undefined) return;
    wipe(held);
    const { connections } = await this.#options.engine.ask(engine.lend, {});
    this.#held.hold(connections);
  }

  /** Sealed, or held as long as nothing can be. */
  #connected(): readonly string[] {
    const { facts, settings } = this.#options;
    if (settings().remote === null) return this.#held.isHolding ? [...this.#holds.keys()] : [];
    return JSON.parse(facts.get(connectedFact) ?? '[]') as readonly string[]; // only `#noteConnected` writes it
  }

  #noteConnected(places: readonly string[]): void {
    const { facts, settings } = this.#options;
    if (settings().remote !== null) facts.set(connectedFact, JSON.stringify([...new Set(places)]));
  }

  #noteSignIn(remote: string, why: string): void {
    const { facts, clock, onChanged, settings } = this.#options;
    if (settings().remote === null || !isCloud(remote) || this.isSignInNeeded(remote)) return;
    facts.set(signInFact(remote), JSON.stringify({ since: clock.now(), why } satisfies SignedOut));
    onChanged();
  }

  #placeStatus(remote: string, left: readonly string[] = []): PlaceStatus {
    const settings = this.#options.settings();
    const isMirror = settings.mirrors.includes(remote);
    const role = settings.remote === remote ? 'main' : isMirror ? 'mirror' : left.includes(remote) ? 'left' : 'unused';
    const { quota, advice = [] } = isCloud(remote) ? this.#told(remote) : {};
    const holds = role === 'unused' ? this.#holds.get(remote) : undefined;
    return {
      remote,
      kind: parsePlace(remote).kind,
      label: remoteLabel(remote),
      role,
      ...this.told(remote),
      ...(quota !== undefined && { quota }),
      ...(isCloud(remote) && this.isSignInNeeded(remote) && { signIn: 'needed' }),
      ...(holds !== undefined && { holds }),
      advice,
    };
  }

  #remember(remote: string, facts: Told): void {
    const { account, accountId, clientId, folderId, quota, advice } = facts;
    const told = JSON.stringify({ account, accountId, clientId, folderId, quota, advice } satisfies {
      [key in keyof Told]: unknown;
    });
    if (this.#options.facts.get(toldFact(remote)) === told) return;
    this.#options.facts.set(toldFact(remote), told);
    this.#options.onChanged();
  }

  #told(remote: string): Partial<Told> {
    const text = this.#options.facts.get(toldFact(remote));
    return text === undefined ? {} : (JSON.parse(text) as Told); // only `#remember` writes it
  }
}

/** Also where what is kept of the grant cannot be read any more. */
export function needsSignIn(error: unknown): boolean {
  return (
    isCode(error, 'E_SIGN_IN') ||
    (isCode(error, 'E_STATE_CORRUPT') && toSignetError(error).params['what'] === 'connection')
  );
}

/** What cannot succeed without a grant that holds. */
const answersFor: ReadonlySet<string> = new Set([engine.open.method, engine.backup.method, engine.about.method]);

export function limitsOf(settings: Settings): engine.PlaceLimits {
  const { packTargetBytes, maxUploadBytesPerSecond, maxDownloadBytesPerSecond } = settings;
  return { packTargetBytes, maxUploadBytesPerSecond, maxDownloadBytesPerSecond };
}

type Defined<Fields> = { readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<Fields>;
}
