// What a refusal of Google's means, decided by status and `reason` and never by its text, which changes. The table follows "Resolve
// errors" of the Drive guide and rclone's shouldRetry; newer answers of Google's API style (AIP-193) carry their reasons in `details`.

import type { ErrorCode, ErrorParams } from '../../../protocol/errors.ts';
import { SignetError } from '../../base/errors.ts';

export const placeName = 'Google Drive';

export interface Refusal {
  readonly status: number;
  /** Every reason the answer names, in any of the forms Google uses. Empty for an answer that is none of Google's. */
  readonly reasons: readonly string[];
  /** What Retry-After said. */
  readonly retryAfterMs?: number;
}

/** A refusal as an error. Callers within the adapter ask it for what they handle themselves: 404, 409, a session that ended. */
export class DriveRefusal extends SignetError {
  readonly status: number;
  readonly reasons: readonly string[];

  constructor(code: ErrorCode, message: string, { status, reasons }: Refusal, params: ErrorParams = {}) {
    super(code, message, { params: { remote: placeName, ...params } });
    this.status = status;
    this.reasons = reasons;
  }
}

export function isRefused(thrown: unknown, ...statuses: readonly number[]): thrown is DriveRefusal {
  return thrown instanceof DriveRefusal && statuses.includes(thrown.status);
}

const rateReasons = ['rateLimitExceeded', 'userRateLimitExceeded', 'RATE_LIMIT_EXCEEDED', 'quotaExceeded'];
const fullReasons = [
  'storageQuotaExceeded',
  'numChildrenInNonRootLimitExceeded',
  'activeItemCreationLimitExceeded',
  'myDriveHierarchyDepthLimitExceeded',
];
const dailyReasons = ['dailyLimitExceeded', 'uploadLimitExceeded'];

/** Refusals that only their owner can lift, by what `params.reason` calls them. */
const deniedReasons: Readonly<Record<string, string>> = {
  insufficientPermissions: 'scope',
  insufficientScopes: 'scope',
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: 'scope',
  accessNotConfigured: 'api-off',
  SERVICE_DISABLED: 'api-off',
  insufficientFilePermissions: 'permission',
  insufficientParentPermissions: 'permission',
  domainPolicy: 'policy',
  cannotDownloadAbusiveFile: 'abusive',
};

/**
 * @param what is being attempted, on what: begins the message
 * @param now wall clock, for the end of a daily limit
 */
export function classify(refusal: Refusal, what: string, now: number): DriveRefusal {
  const { status, reasons } = refusal;
  const told = `${what}: google drive answers ${status}${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`;
  const refuse = (code: ErrorCode, params?: ErrorParams): DriveRefusal => new DriveRefusal(code, told, refusal, params);
  const has = (among: readonly string[]): boolean => reasons.some(reason => among.includes(reason));
  const asked: ErrorParams = refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs };

  if (status === 401) return refuse('E_SIGN_IN', { why: 'revoked' });
  if (status === 404 || status === 410) return refuse('E_MISSING');
  if (status === 429) return refuse('E_UNREACHABLE', { retryAfterMs: 0, ...asked });
  if (status === 403) {
    // Google forgot that this app made the file: for us it is not there.
    if (has(['appNotAuthorizedToFile'])) return refuse('E_MISSING');
    // Full and daily limits first: some answers name the domain 'usageLimits' with both a rate and a daily reason.
    if (has(fullReasons)) return refuse('E_REMOTE_FULL');
    if (has(dailyReasons)) return refuse('E_REMOTE_LIMIT', { until: new Date(nextPacificMidnight(now)).toISOString() });
    if (has(rateReasons)) return refuse('E_UNREACHABLE', { retryAfterMs: 0, ...asked });
    // A proxy's or a hotel's page has no reasons: that is not Google refusing.
    if (reasons.length === 0) return refuse('E_UNREACHABLE', asked);
    const known = reasons.map(reason => deniedReasons[reason]).find(reason => reason !== undefined);
    return refuse('E_REMOTE_DENIED', { reason: known ?? 'refused' });
  }
  if (status >= 500 || status === 408 || status === 409 || (status >= 300 && status < 400)) {
    return refuse('E_UNREACHABLE', asked);
  }
  return refuse('E_INTERNAL');
}

/** The reasons in an error body: `error.errors[].reason` (Drive v3), `error.details[].reason` and `error.status` (AIP-193). */
export function reasonsIn(body: unknown): readonly string[] {
  const error = fieldOf(body, 'error');
  const found = new Set<string>();
  for (const list of [fieldOf(error, 'errors'), fieldOf(error, 'details')]) {
    if (!Array.isArray(list)) continue;
    for (const entry of list.slice(0, 16)) found.add(String(fieldOf(entry, 'reason') ?? ''));
  }
  const status = fieldOf(error, 'status');
  if (found.size === 0 && typeof status === 'string') found.add(status);
  return [...found].filter(reason => /^[A-Za-z_]{1,64}$/.test(reason));
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** Retry-After is not documented for Drive; honoured where it is sent. Seconds or a date (RFC 9110 §10.2.3), at most a day. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 86_400_000) : undefined;
}

/** Daily quotas of Google's APIs start anew at midnight Pacific time. Milliseconds since 1970; an hour off on the days clocks change. */
export function nextPacificMidnight(now: number): number {
  const time = new Intl.DateTimeFormat('en-GB', {
    timeZone: 'America/Los_Angeles',
    timeStyle: 'medium',
    hourCycle: 'h23',
  });
  const [hours = 0, minutes = 0, seconds = 0] = time.format(now).split(':').map(Number);
  const passedMs = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return Math.floor(now / 1000) * 1000 + 86_400_000 - passedMs;
}

/** After this long with nothing but refusals of uploads "for their rate", it is the 750 GB that an account may upload in a day. */
const persistentMs = 5 * 60_000;
const persistentRefusals = 4;
/** Google does not say when an account may upload again; asking once an hour costs nothing. */
const askAgainMs = 3_600_000;

/** Tells a passing limit of the rate of uploads from the daily one, which Google answers with the same reason (rclone's shouldRetry). */
export interface UploadLimit {
  succeeded(): void;
  /** @returns the error to throw: the same, or E_REMOTE_LIMIT once it lasts */
  refused(error: unknown, now: { readonly wall: number; readonly monotonic: number }): unknown;
}

export function uploadLimit(): UploadLimit {
  let since: number | undefined;
  let count = 0;
  return {
    succeeded() {
      since = undefined;
      count = 0;
    },
    refused(error, now) {
      if (!(error instanceof DriveRefusal) || !error.reasons.includes('userRateLimitExceeded')) return error;
      since ??= now.monotonic;
      count++;
      if (count < persistentRefusals || now.monotonic - since < persistentMs) return error;
      return new DriveRefusal(
        'E_REMOTE_LIMIT',
        `${error.message}, for ${Math.round((now.monotonic - since) / 1000)} s`,
        error,
        {
          until: new Date(now.wall + askAgainMs).toISOString(),
        },
      );
    },
  };
}
