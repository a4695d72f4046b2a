// What an S3 server's refusal means: one table from its codes and from HTTP and network failures to the errors of the taxonomy.
// Only codes leave this file, never the server's own words: those can hold the request's signature, and a hostile place chooses them.
// Sources: AWS "S3 API error responses"; MinIO cmd/api-errors.go; Garage src/api/s3/error.rs; Ceph src/rgw/rgw_common.cc.

import { SignetError, systemCode } from '../../base/errors.ts';

/** What could be read from a failed call. */
export interface S3Failure {
  /** S3's code, or that of Node for a failure of the network; '' when there is none. */
  readonly code: string;
  readonly status: number | undefined;
  /** The header, as it came. */
  readonly retryAfter: string | undefined;
  /** Where the bucket lies, as a refusal of the wrong region tells. */
  readonly region: string | undefined;
}

type Meaning =
  | 'missing'
  | 'no-bucket'
  | 'there'
  | 'no-lock'
  | 'permission'
  | 'sign-in'
  | 'patience'
  | 'passing'
  | 'full'
  | 'clock'
  | 'region'
  | 'unsupported'
  | 'certificate'
  | 'unknown';

const codes: { readonly [meaning in Meaning]?: readonly string[] } = {
  missing: ['NoSuchKey', 'NotFound', 'InvalidRange', 'NoSuchVersion'],
  'no-bucket': ['NoSuchBucket', 'InvalidBucketName'],
  there: ['PreconditionFailed'],
  'no-lock': ['ObjectLockConfigurationNotFoundError', 'ObjectLockConfigurationNotFound'],
  permission: [
    'AccessDenied',
    'AllAccessDisabled',
    'AccountProblem',
    'MethodNotAllowed',
    'InvalidObjectState',
    'Forbidden',
  ],
  'sign-in': [
    ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'TokenRefreshRequired'],
    ...['InvalidSecurity', 'NotSignedUp', 'Unauthorized', 'CredentialsProviderError', 'ExpiredTokenException'],
    'ERR_INVALID_CHAR', // a key with a line break in it fits into no header
  ],
  patience: [
    ...['SlowDown', 'SlowDownRead', 'SlowDownWrite', 'ServiceUnavailable', 'Throttling', 'ThrottlingException', 'Busy'],
    ...['TooManyRequests', 'RequestLimitExceeded', 'XMinioServerNotInitialized'],
  ],
  passing: [
    // An upload in parts that somebody ended: begun anew it goes through.
    ...[
      'NoSuchUpload',
      'InternalError',
      'RequestTimeout',
      'OperationAborted',
      'ConditionalRequestConflict',
      'IncompleteBody',
    ],
    // What came in differs from what was sent: the network's doing, and sending again helps.
    ...['BadDigest', 'XAmzContentSHA256Mismatch', 'TimeoutError', 'BadGateway', 'GatewayTimeout'],
    ...[
      'ECONNREFUSED',
      'ECONNRESET',
      'ECONNABORTED',
      'EPIPE',
      'ETIMEDOUT',
      'ESOCKETTIMEDOUT',
      'ENOTFOUND',
      'EAI_AGAIN',
    ],
    ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL', 'EPROTO'],
    ...['ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_CONSTANT', 'HPE_INVALID_EOF_STATE'],
  ],
  full: [
    ...['QuotaExceeded', 'QuotaExceededException', 'EntityTooLarge', 'InsufficientStorage', 'StorageFull'],
    ...['XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded', 'StorageLimitExceeded', 'TooManyObjects'],
  ],
  clock: ['RequestTimeTooSkewed', 'RequestExpired'],
  region: [
    ...['PermanentRedirect', 'TemporaryRedirect', 'Redirect', 'AuthorizationHeaderMalformed'],
    ...['IllegalLocationConstraintException', 'XMinioInvalidRegion'],
  ],
  unsupported: ['NotImplemented'],
  certificate: [
    ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'],
    ...['CERT_REVOKED', 'CERT_UNTRUSTED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'],
  ],
};

const meanings: ReadonlyMap<string, Meaning> = new Map(
  Object.entries(codes).flatMap(([meaning, list]) => list.map(code => [code, meaning as Meaning] as const)),
);

/** Where a code is unknown or absent (HEAD answers have no body) the status decides. */
function byStatus(status: number | undefined): Meaning {
  if (status === undefined) return 'unknown';
  switch (status) {
    case 401:
      return 'sign-in';
    case 403:
    case 405:
      return 'permission';
    case 404:
    case 416:
      return 'missing';
    case 408:
    case 409:
      return 'passing';
    case 412:
      return 'there';
    case 413:
    case 507:
      return 'full';
    case 429:
    case 503:
      return 'patience';
    case 501:
      return 'unsupported';
    default:
      if (status >= 500) return 'passing';
      return status >= 300 && status < 400 ? 'region' : 'unknown';
  }
}

/** Milliseconds; 0 where the server names no time. At most an hour: a server must not be able to stop backups for days. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3600_000) : 0;
}

/** Of which call a failure is. */
export interface Attempt {
  /** What is attempted and on what, for the message. */
  readonly what: string;
  /** How words name the place. */
  readonly place: string;
  /** Whether "not found" can only mean the bucket: for lists and for what is stored. */
  readonly isOfBucket?: boolean;
}

export function errorFor(failure: S3Failure, { what, place, isOfBucket }: Attempt, now: number): SignetError {
  const { code, status, region } = failure;
  const told = [code, status === undefined ? '' : `HTTP ${status}`].filter(Boolean).join(', ') || 'no code';
  const params = { remote: place };
  const denied = (reason: string, why: string, more = {}): SignetError =>
    new SignetError('E_REMOTE_DENIED', `${what}: ${why} (${told})`, { params: { ...params, reason, ...more } });
  const read = meanings.get(code) ?? byStatus(status);
  const meaning = read === 'missing' && isOfBucket === true ? 'no-bucket' : read;
  switch (meaning) {
    case 'missing':
      return new SignetError('E_MISSING', `${what}: no such object (${told})`, { params });
    case 'no-bucket':
      return denied(meaning, `${place} does not exist`);
    case 'there':
      return denied(meaning, `a condition does not hold`);
    case 'no-lock':
      return denied(meaning, `${place} locks no objects`);
    case 'permission':
      return denied(meaning, `the keys do not allow it in ${place}`);
    case 'sign-in':
      return new SignetError('E_SIGN_IN', `${what}: the keys for ${place} are not accepted (${told})`, {
        params: { ...params, why: 'keys' },
      });
    case 'patience':
      return new SignetError('E_UNREACHABLE', `${what}: ${place} asks for patience (${told})`, {
        params: { ...params, retryAfterMs: retryAfterMs(failure.retryAfter, now) },
      });
    case 'passing':
      return new SignetError('E_UNREACHABLE', `${what}: ${place} did not carry it out (${told})`, { params });
    case 'full':
      return new SignetError('E_REMOTE_FULL', `${what}: ${place} takes no more (${told})`, { params });
    case 'clock':
      return denied(meaning, `the clock of this computer is too far from that of ${place}`);
    case 'region':
      return region === undefined
        ? denied(meaning, `${place} lies in another region than the one given`)
        : denied(meaning, `${place} lies in the region ${region}, another was given`, { region });
    case 'unsupported':
      return denied(meaning, `${place} cannot do this`);
    case 'certificate':
      return denied(meaning, `the server of ${place} does not prove who it is`);
    case 'unknown':
      // With a status the server spoke; without code and status it was no S3 answer at all, such as a sign-in page of a network.
      return status !== undefined && status >= 400
        ? denied('refused', `${place} refuses it`)
        : new SignetError('E_UNREACHABLE', `${what}: ${place} gave no answer of S3 (${told})`, { params });
  }
}

/** Why a place refused, of an error that `errorFor` made. */
export const reasonOf = (error: unknown): unknown =>
  error instanceof SignetError ? error.params['reason'] : undefined;

/** Names of errors that a bug of ours would have; what a server says is never one. */
const ours = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

/** Reads what the S3 client threw; undefined for a fault that is no answer and no failure of the network. */
export function failureFrom(thrown: unknown): S3Failure | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { $metadata, $response, Region } = thrown as {
    readonly [field in '$metadata' | '$response' | 'Region']?: unknown;
  };
  const status = field($metadata, 'httpStatusCode') ?? field($response, 'statusCode');
  const headers = field($response, 'headers');
  const network = systemCode(thrown);
  const isAnswer = typeof status === 'number';
  if (!isAnswer && network === undefined && ours.has(thrown.name)) return undefined;
  return {
    code: codeForm(isAnswer ? thrown.name : (network ?? thrown.name)),
    status: isAnswer ? status : undefined,
    retryAfter: textOf(field(headers, 'retry-after')),
    region: regionForm(Region) ?? regionForm(field(headers, 'x-amz-bucket-region')),
  };
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
/** The client says Error, UnknownError or S3ServiceException where an answer had no code. */
const codeForm = (name: string): string =>
  /^[A-Za-z_]{1,64}\d{0,4}[A-Za-z_]{0,32}$/.test(name) &&
  !/^(Error|UnknownError|S3ServiceException|Unknown)$/.test(name)
    ? name
    : '';
const regionForm = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[a-z0-9-]{2,32}$/.test(value) ? value : undefined;
