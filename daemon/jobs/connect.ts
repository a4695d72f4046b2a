// The engine's part of connecting a place in a cloud: its owner signs in or gives keys, the place is looked at with them, and only then are they
// taken into use. A place that holds the open backup must hold the very same one for whoever signs in again.

import { isCode, SignetError } from '../base/errors.ts';
import type { Connection } from '../remotes/connection.ts';
import type { PlaceFacts, Remote } from '../remotes/remote.ts';
import { configDigest, inspectPlace } from '../repository/repository.ts';
import type { Connected, ConnectOrder, SignInAsked } from './engine-messages.ts';
import { type EnginePlaces, refuseOtherAccount } from './engine-places.ts';

/** Reaches whoever grants access: Google's sign-in, or nobody where keys are given. */
export interface Grants {
  /** @throws E_SIGN_IN when the owner refused · E_USAGE for a place that needs no connection · E_UNREACHABLE */
  ask(
    order: ConnectOrder,
    before: Connection | undefined,
    call: { readonly onAsked: (asked: SignInAsked) => void; readonly signal: AbortSignal },
  ): Promise<Connection>;
  /** @returns false where nothing can be ended from here */
  end(connection: Connection, signal: AbortSignal): Promise<boolean>;
}

export interface ConnectContext {
  readonly places: EnginePlaces;
  readonly grants: Grants;
  /** Of the open repository, when it is in this place. */
  readonly configInUse: (spec: string) => Promise<string | undefined>;
  readonly onAsked: (asked: SignInAsked) => void;
  readonly signal: AbortSignal;
}

/**
 * @throws E_REPO_MISMATCH when another account was signed in to, or another backup (or none) is there than the open one; what was in use
 *   stays · what sign-in and the place throw
 */
export async function connectPlace(
  order: ConnectOrder,
  context: ConnectContext,
): Promise<Omit<Connected, 'connections'>> {
  try {
    return await connected(order, context);
  } catch (error) {
    throw whileConnecting(error);
  }
}

/** Nothing is tried again by itself, and no keys were in use before: the advice is another one. */
function whileConnecting(error: unknown): unknown {
  if (!isCode(error, 'E_UNREACHABLE') && !isCode(error, 'E_SIGN_IN')) return error;
  const { code, message, params } = error as SignetError;
  return new SignetError(code, message, { params: { ...params, when: 'connecting' }, cause: error });
}

async function connected(order: ConnectOrder, context: ConnectContext): Promise<Omit<Connected, 'connections'>> {
  const { places, grants, configInUse, onAsked, signal } = context;
  const { remote: spec } = order;
  const before = places.connection(spec);
  const granted = await grants.ask(order, before, { onAsked, signal });
  if (before !== undefined) refuseOtherAccount(before, granted);
  const { place, connection } = await places.trial(spec, withFolder(granted, before));
  await place.check({ signal });
  const remote = (await place.isMissing({ signal })) ? undefined : await place.open({ signal });
  const holds = remote === undefined ? 'empty' : await inspectPlace(remote, { signal });
  // Who joins only to restore may have keys that write nothing.
  if (holds !== 'repository') await place.probe?.({ signal });
  const config = await configInUse(spec);
  if (config !== undefined) await refuseOtherBackup(remote, config, signal);
  const facts = await factsOf(place, signal);
  await places.use(spec, connection());
  return { ...facts, ...idsOf(connection()), holds };
}

/** Null for a folder. */
export async function askFacts(
  places: EnginePlaces,
  spec: string,
  signal: AbortSignal,
): Promise<(PlaceFacts & Pick<Connected, 'clientId' | 'accountId'>) | null> {
  const place = await places.place(spec);
  if (place.about === undefined) return null;
  const facts = await factsOf(place, signal);
  const connection = places.connection(spec);
  return { ...facts, ...(connection !== undefined && idsOf(connection)) };
}

/** Forgets the grant, whether or not it could be ended at its giver's. */
export async function disconnectPlace(
  spec: string,
  { places, grants, signal }: Pick<ConnectContext, 'places' | 'grants' | 'signal'>,
): Promise<{ readonly isRevoked: boolean }> {
  const connection = places.connection(spec);
  if (connection === undefined) return { isRevoked: false };
  let isRevoked = false;
  try {
    isRevoked = await grants.end(connection, signal);
  } catch (error) {
    // Told by the result: the owner can end it on the account's own page.
    if (!isCode(error, 'E_UNREACHABLE') && !isCode(error, 'E_SIGN_IN')) throw error;
  }
  await places.forget(spec);
  return { isRevoked };
}

async function factsOf(
  place: { about?(options: { readonly signal: AbortSignal }): Promise<PlaceFacts> },
  signal: AbortSignal,
): Promise<PlaceFacts> {
  return (await place.about?.({ signal })) ?? { advice: [] };
}

/** The folder is found by its id, wherever its owner moved it; another client id cannot see it. */
function withFolder(granted: Connection, before: Connection | undefined): Connection {
  if (granted.kind !== 'drive' || before?.kind !== 'drive' || before.clientId !== granted.clientId) return granted;
  return { ...granted, folderId: granted.folderId ?? before.folderId };
}

function idsOf(connection: Connection): Pick<Connected, 'clientId' | 'accountId'> {
  return connection.kind === 'drive' ? { clientId: connection.clientId, accountId: connection.accountId } : {};
}

async function refuseOtherBackup(remote: Remote | undefined, expected: string, signal: AbortSignal): Promise<void> {
  const found = remote === undefined ? undefined : await configDigest(remote, { signal }).catch(missing);
  if (found === expected) return;
  const what = found === undefined ? 'no backup is there' : 'another backup is there';
  throw new SignetError('E_REPO_MISMATCH', `${what} for this sign-in than the one in use`, {
    params: { found: found === undefined ? 'none' : 'other' },
  });
}

function missing(error: unknown): undefined {
  if (isCode(error, 'E_MISSING')) return undefined;
  throw error;
}
