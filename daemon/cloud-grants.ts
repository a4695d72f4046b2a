// How the owner of a cloud lets this computer in: Google asks in a browser, an S3 storage takes keys. Belongs to the engine's wiring: it
// names the adapters' own sign-in.

import { fromUtf8 } from './base/bytes.ts';
import type { Clock } from './base/clock.ts';
import { SignetError } from './base/errors.ts';
import type { Grants } from './jobs/connect.ts';
import type { ConnectOrder } from './jobs/engine-messages.ts';
import type { Connection } from './remotes/connection.ts';
import { type PlaceSpec, parsePlace, placeLabel } from './remotes/spec.ts';

export interface GrantsOptions {
  /** As SIGNET_GOOGLE_ROOT says. */
  readonly googleRoot: string | undefined;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Where HTTPS_PROXY and its kin are looked up; undefined: nowhere. */
  readonly proxies: Readonly<Record<string, string | undefined>> | undefined;
}

export function grantsOf({ googleRoot, clock, randomBytes, proxies }: GrantsOptions): Grants {
  return {
    async ask(order, before, { onAsked, signal }) {
      const place = parsePlace(order.remote);
      if (place.kind === 's3') return s3Keys(order, place, before);
      if (place.kind !== 'drive') throw new SignetError('E_USAGE', 'a folder needs no connection');
      const known = before?.kind === 'drive' ? before : undefined;
      const clientId = order.clientId ?? known?.clientId;
      const accountId = known?.accountId ?? order.accountId;
      const given = order.clientSecret === undefined ? undefined : fromUtf8(order.clientSecret);
      // The secret of one client id says nothing to another.
      const clientSecret = given ?? (clientId === known?.clientId ? known?.clientSecret : undefined);
      if (clientId === undefined) throw missing('--client-id');
      if (clientSecret === undefined) throw missing('clientSecret');
      const [{ signIn }, { googleEndpoints }] = await Promise.all([
        import('./remotes/drive/sign-in.ts'),
        import('./remotes/drive/endpoints.ts'),
      ]);
      return signIn({
        clientId,
        clientSecret,
        flow: order.flow,
        endpoints: googleEndpoints(googleRoot),
        clock,
        randomBytes,
        proxies,
        place: placeLabel(place),
        onAsked,
        signal,
        ...(accountId !== undefined && { expectedAccountId: accountId }),
        ...(known !== undefined && { loginHint: known.account }),
      });
    },

    async end(connection, signal) {
      if (connection.kind !== 'drive') return false; // keys are made and ended at the storage
      const [{ revoke }, { googleEndpoints }] = await Promise.all([
        import('./remotes/drive/sign-in.ts'),
        import('./remotes/drive/endpoints.ts'),
      ]);
      const place = placeLabel({ kind: 'drive', folder: '' });
      await revoke(connection, { endpoints: googleEndpoints(googleRoot), clock, place, proxies, signal });
      return true;
    },
  };
}

/** What is not given again stays as it was, but for the keys: without them the system's own chain is meant. */
function s3Keys(
  { accessKeyId, s3Secret, region, pathStyle }: ConnectOrder,
  place: PlaceSpec & { readonly kind: 's3' },
  before: Connection | undefined,
): Connection {
  const known = before?.kind === 's3' ? before : undefined;
  const secretAccessKey = s3Secret === undefined ? undefined : fromUtf8(s3Secret);
  if (accessKeyId !== undefined && secretAccessKey === undefined) throw missing('s3Secret');
  if (accessKeyId === undefined && secretAccessKey !== undefined) throw missing('--access-key-id');
  const isAmazon = /\.amazonaws\.com(\.cn)?$/.test(new URL(place.endpoint).hostname);
  return {
    v: 1,
    kind: 's3',
    region: region ?? known?.region ?? null,
    pathStyle: pathStyle ?? known?.pathStyle ?? !isAmazon,
    keys: accessKeyId === undefined || secretAccessKey === undefined ? null : { accessKeyId, secretAccessKey },
  };
}

function missing(what: string): SignetError {
  return new SignetError('E_USAGE', `to connect this place ${what} is needed`, { params: { missing: what } });
}
