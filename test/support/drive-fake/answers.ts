// What the fake answers, in Google's own words: the JSON of Drive's errors and of the token endpoint's. Texts differ in the real service over
// time and by language, so a client that decides by them instead of `reason` is wrong; some reasons come in several texts here for that.

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: Uint8Array | string | object | undefined;
  /** For the log. */
  readonly reason?: string;
}

/** Thrown by whatever refuses a request. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`${answer.status} ${answer.reason ?? ''}`);
    this.answer = answer;
  }
}

interface Kind {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly domain?: string;
  readonly location?: string;
}

const usage = 'usageLimits';

/** By the name that a test gives them. */
const kinds = {
  userRateLimitExceeded: {
    status: 403,
    reason: 'userRateLimitExceeded',
    message: 'User Rate Limit Exceeded',
    domain: usage,
  },
  rateLimitExceeded: { status: 403, reason: 'rateLimitExceeded', message: 'Rate Limit Exceeded', domain: usage },
  '403q': {
    status: 403,
    reason: 'rateLimitExceeded',
    message:
      "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'drive.googleapis.com' for consumer 'project_number:100'.",
    domain: usage,
  },
  /** 750 GB in a day. */
  uploadLimit: { status: 403, reason: 'userRateLimitExceeded', message: 'User rate limit exceeded.', domain: usage },
  quota: {
    status: 403,
    reason: 'storageQuotaExceeded',
    message: "The user's Drive storage quota has been exceeded.",
    domain: 'global',
  },
  daily: { status: 403, reason: 'dailyLimitExceeded', message: 'Daily Limit Exceeded', domain: usage },
  insufficientPermissions: {
    status: 403,
    reason: 'insufficientPermissions',
    message: 'Insufficient Permission: Request had insufficient authentication scopes.',
  },
  insufficientFilePermissions: {
    status: 403,
    reason: 'insufficientFilePermissions',
    message: 'The user does not have sufficient permissions for this file.',
  },
  accessNotConfigured: {
    status: 403,
    reason: 'accessNotConfigured',
    message: 'Google Drive API has not been used in project 100 before or it is disabled.',
    domain: usage,
  },
  abuse: {
    status: 403,
    reason: 'cannotDownloadAbusiveFile',
    message: 'This file has been identified as malware or spam and cannot be downloaded.',
  },
  '400': { status: 400, reason: 'badRequest', message: 'Bad Request' },
  '401': { status: 401, reason: 'authError', message: 'Invalid Credentials', location: 'Authorization' },
  '404': { status: 404, reason: 'notFound', message: 'File not found: .', location: 'fileId' },
  '408': { status: 408, reason: 'timeout', message: 'Request Timeout' },
  '429': { status: 429, reason: 'rateLimitExceeded', message: 'Too many requests', domain: usage },
  '500': { status: 500, reason: 'internalError', message: 'Internal Error' },
  '502': { status: 502, reason: 'badGateway', message: '' },
  '503': { status: 503, reason: 'backendError', message: 'Transient failure' },
  '504': { status: 504, reason: 'gatewayTimeout', message: '' },
} as const satisfies Readonly<Record<string, Kind>>;

export type ErrorName = keyof typeof kinds;

export function driveError(kind: Kind, headers: Readonly<Record<string, string>> = {}): Answer {
  const { status, reason, message, domain = 'global', location } = kind;
  // The front ends that answer so know nothing of JSON.
  if (status === 502 || status === 504) {
    const body = `<!DOCTYPE html><html lang=en><title>Error ${status} (Server Error)!!1</title><p><b>${status}.</b> That’s an error.</html>`;
    return { status, reason, headers: { 'content-type': 'text/html; charset=UTF-8', ...headers }, body };
  }
  const locationType = location === 'Authorization' ? 'header' : 'parameter';
  const detail = { message, domain, reason, ...(location !== undefined && { location, locationType }) };
  return { status, reason, headers, body: { error: { errors: [detail], code: status, message } } };
}

export function namedError(name: ErrorName, headers?: Readonly<Record<string, string>>): Answer {
  return driveError(kinds[name], headers);
}

export function isErrorName(name: string): name is ErrorName {
  return name in kinds;
}

/** What the token endpoint and its neighbours answer. */
export function oauthError(status: number, error: string, description: string): Answer {
  return { status, reason: error, body: { error, error_description: description } };
}

/** A fault by name as the sign-in endpoints would put it. */
export function oauthFault(name: ErrorName): Answer {
  const { status } = kinds[name];
  if (status === 502 || status === 504) return namedError(name);
  if (status >= 500) return oauthError(status, 'internal_failure', 'Internal Error');
  if (status === 429 || status === 403) return oauthError(429, 'rate_limit_exceeded', 'Rate Limit Exceeded');
  return oauthError(status, 'invalid_request', 'Bad Request');
}

export function refuse(status: number, reason: string, message: string, location?: string): Refused {
  return new Refused(driveError({ status, reason, message, ...(location !== undefined && { location }) }));
}

export const refuseNamed = (name: ErrorName): Refused => new Refused(namedError(name));

export function notFound(id: string, location = 'fileId'): Refused {
  return refuse(404, 'notFound', `File not found: ${id}.`, location);
}

export function invalid(location: string, message = 'Invalid Value'): Refused {
  return refuse(400, 'invalid', message, location);
}
