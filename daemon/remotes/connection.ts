// What opens a place in a cloud: the grant of its owner. One value for each place, kept sealed on this computer (label
// signet/credentials/v1) and never sent anywhere but to the place itself.

import * as v from 'valibot';
import { fromUtf8, secretBytes, utf8, wipe } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(2048));

const driveConnection = v.strictObject({
  v: v.literal(1),
  kind: v.literal('drive'),
  clientId: text,
  clientSecret: text,
  refreshToken: text,
  /** Google's own id of the account (about.get permissionId): another one on signing in again is refused. */
  accountId: text,
  /** How its owner knows it, an e-mail address. */
  account: text,
  /** Milliseconds since 1970: when the owner agreed; absent: not known. */
  grantedAt: v.optional(v.number()),
  /** When Google ends the grant by itself, as it does after 7 days for a project in testing; absent: not announced. */
  endsAt: v.optional(v.number()),
  /** The folder that holds the copies, once it is found or made. */
  folderId: v.nullable(text),
});

const s3Connection = v.strictObject({
  v: v.literal(1),
  kind: v.literal('s3'),
  region: v.nullable(text),
  /** Bucket in the path rather than in the host name. */
  pathStyle: v.boolean(),
  /** Null: the standard chain of the system (environment, profile, instance role). */
  keys: v.nullable(v.strictObject({ accessKeyId: text, secretAccessKey: text })),
});

const connection = v.variant('kind', [driveConnection, s3Connection]);

export type DriveConnection = v.InferOutput<typeof driveConnection>;
export type S3Connection = v.InferOutput<typeof s3Connection>;
export type Connection = v.InferOutput<typeof connection>;

/** Bytes at most of one that is written down. */
export const maxConnectionBytes = 16 * 1024;

/** UTF-8 JSON; the caller wipes it. */
export function connectionBytes(value: Connection): Uint8Array {
  const bytes = utf8(JSON.stringify(value));
  const secret = secretBytes(bytes.length);
  secret.set(bytes);
  wipe(bytes);
  return secret;
}

/** @throws SignetError E_STATE_CORRUPT for what is no connection; nothing of it is in the message */
export function connectionFrom(bytes: Uint8Array): Connection {
  try {
    return v.parse(connection, JSON.parse(fromUtf8(bytes) ?? ''));
  } catch {
    // The cause would name what was found, and that may be a token.
    throw new SignetError(
      'E_STATE_CORRUPT',
      'what connects this computer to the cloud cannot be read: connect it again',
    );
  }
}
