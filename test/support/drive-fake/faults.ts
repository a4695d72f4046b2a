// What goes wrong on demand: a set number of times (`Fault`) or by chance (`Rates`). Chance is drawn from the seed and from how many requests
// of the type came before, so a run repeats however the requests of other types fall between.

import { createHash } from 'node:crypto';
import type { ErrorName } from './answers.ts';

export type RequestType =
  | 'oauth.auth'
  | 'oauth.token'
  | 'oauth.device'
  | 'oauth.revoke'
  | 'about'
  | 'files.generateIds'
  | 'files.list'
  | 'files.get'
  | 'files.download'
  | 'files.create.folder'
  | 'files.create.metadata'
  | 'files.create.multipart'
  | 'files.update'
  | 'files.delete'
  | 'upload.start'
  | 'upload.chunk'
  | 'upload.status'
  | 'upload.cancel'
  | 'changes.startPageToken'
  | 'changes.list'
  | 'unknown';

/** A type, the beginning of several before `.*`, or `*` for all but what a browser asks. */
export type Pattern = RequestType | 'oauth.*' | 'files.*' | 'files.create.*' | 'upload.*' | 'changes.*' | '*';

export function fits(pattern: Pattern, type: RequestType): boolean {
  if (pattern === '*') return type !== 'oauth.auth';
  return pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}

interface When {
  /** How many requests it hits. Default 1. */
  readonly times?: number | 'always';
  /** How many go well before the first of them. Default 0. */
  readonly skip?: number;
}

export type Fault = When &
  (
    | { readonly do: 'error'; readonly on: Pattern; readonly error: ErrorName }
    /** The connection breaks before anything was done. */
    | { readonly do: 'reset'; readonly on: Pattern }
    /** Everything was done; the answer never comes. */
    | { readonly do: 'dropResponse'; readonly on: Pattern }
    /** Never answers, or for `ms` and then breaks. */
    | { readonly do: 'hang'; readonly on: Pattern; readonly ms?: number }
    | { readonly do: 'delay'; readonly on: Pattern; readonly ms: number }
    /** The connection breaks when `share` of the body has arrived. Default 0.5. */
    | { readonly do: 'resetMidUpload'; readonly on?: Pattern; readonly share?: number }
    /** Keeps `share` of a chunk in whole 256 KiB and asks for the rest. */
    | { readonly do: 'partialAccept'; readonly share: number }
    /** Forgets the session that the request names. */
    | { readonly do: 'sessionLost' }
    /** One bit in the middle is another. */
    | { readonly do: 'corruptDownload' }
    /** Ends at `share` of the bytes. An honest one breaks the connection, the other says that this was all. */
    | { readonly do: 'truncateDownload'; readonly isHonest: boolean; readonly share?: number }
    | { readonly do: 'resetMidDownload'; readonly share?: number }
  );

/** Share of the requests that fail; the later of two that fit counts. */
export type Rates = { readonly [pattern in Pattern]?: number };

/** What happens to one request. */
export interface Plan {
  error?: ErrorName;
  /** The connection breaks before, or at this share of the body. */
  reset?: 'before' | { readonly upTo: number };
  dropResponse?: boolean;
  hangMs?: number;
  delayMs?: number;
  partialShare?: number;
  sessionLost?: boolean;
  corrupt?: boolean;
  /** How much of a download is sent. */
  truncate?: { readonly share: number; readonly isHonest: boolean };
}

const someErrors: readonly ErrorName[] = [
  'userRateLimitExceeded',
  'rateLimitExceeded',
  '403q',
  '429',
  '500',
  '502',
  '503',
  '504',
];

export class Faults {
  readonly #seed: string;
  readonly #seen = new Map<RequestType, number>();
  #faults: { readonly fault: Fault; skip: number; left: number }[] = [];

  constructor(seed: string) {
    this.#seed = seed;
  }

  add(fault: Fault): void {
    const { times = 1, skip = 0 } = fault;
    this.#faults.push({ fault, skip, left: times === 'always' ? Infinity : times });
  }

  clear(): void {
    this.#faults = [];
  }

  /** Set faults that did not happen yet. */
  left(): number {
    return this.#faults.filter(({ left }) => left > 0 && left < Infinity).length;
  }

  plan(type: RequestType, rates: Rates): Plan {
    const count = this.#seen.get(type) ?? 0;
    this.#seen.set(type, count + 1);
    const plan: Plan = {};
    for (const each of this.#faults) {
      if (each.left === 0 || !patternsOf(each.fault).some(pattern => fits(pattern, type))) continue;
      if (each.skip > 0) {
        each.skip--;
        continue;
      }
      each.left--;
      apply(each.fault, plan);
    }
    if (Object.keys(plan).length === 0) this.#byChance(type, count, rates, plan);
    return plan;
  }

  #byChance(type: RequestType, count: number, rates: Rates, plan: Plan): void {
    const [, rate = 0] = Object.entries(rates).findLast(([pattern]) => fits(pattern as Pattern, type)) ?? [];
    const draw = createHash('sha256').update(`${this.#seed} ${type} ${count}`).digest();
    if (draw.readUInt32LE(0) / 2 ** 32 >= rate) return;
    const choice = draw.readUInt32LE(4) % (someErrors.length + 4);
    const error = someErrors[choice];
    const share = draw.readUInt32LE(8) / 2 ** 32;
    if (error !== undefined) plan.error = error;
    else if (choice === someErrors.length) plan.reset = 'before';
    else if (choice === someErrors.length + 1) plan.dropResponse = true;
    else if (type === 'files.download') plan.truncate = { share, isHonest: true };
    else plan.reset = { upTo: share };
  }
}

function patternsOf(fault: Fault): readonly Pattern[] {
  if ('on' in fault && fault.on !== undefined) return [fault.on];
  switch (fault.do) {
    case 'corruptDownload':
    case 'truncateDownload':
    case 'resetMidDownload':
      return ['files.download'];
    case 'sessionLost':
      return ['upload.chunk', 'upload.status'];
    default:
      return ['upload.chunk'];
  }
}

function apply(fault: Fault, plan: Plan): void {
  switch (fault.do) {
    case 'error':
      plan.error = fault.error;
      return;
    case 'reset':
      plan.reset = 'before';
      return;
    case 'dropResponse':
      plan.dropResponse = true;
      return;
    case 'hang':
      plan.hangMs = fault.ms ?? Infinity;
      return;
    case 'delay':
      plan.delayMs = fault.ms;
      return;
    case 'resetMidUpload':
      plan.reset = { upTo: fault.share ?? 0.5 };
      return;
    case 'partialAccept':
      plan.partialShare = fault.share;
      return;
    case 'sessionLost':
      plan.sessionLost = true;
      return;
    case 'corruptDownload':
      plan.corrupt = true;
      return;
    case 'truncateDownload':
      plan.truncate = { share: fault.share ?? 0.5, isHonest: fault.isHonest };
      return;
    case 'resetMidDownload':
      plan.truncate = { share: fault.share ?? 0.5, isHonest: true };
  }
}
