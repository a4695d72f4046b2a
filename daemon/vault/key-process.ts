// The daemon's end of the key child: starts one process for each piece of work, never two at once, hands it the password through
// a pipe (never in an argument or the environment) and wipes every buffer that held a secret.

import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { isErrorCode } from '../../protocol/errors.ts';
import { toBase64Url, wipe } from '../base/bytes.ts';
import { askChild, packFrame, unpackFrame } from '../base/child.ts';
import { SignetError } from '../base/errors.ts';
import type { KeyRequest } from './key-wire.ts';
import type { DeriveNewRequest, DeriveRequest, KdfBackend, KeyWork, SheetFacts, Verdict } from './model.ts';

const keyBytes = 32;
/** 4 GiB·passes, the most a vault may ask for, takes below a minute in native code and some minutes in portable code. */
const longestRunMs = 10 * 60_000;
const mostWaiting = 8;

const cost = v.strictObject({ m: v.number(), t: v.number(), p: v.number() });
const answerSchema = v.variant('ok', [
  v.strictObject({
    ok: v.literal(true),
    backend: v.optional(v.picklist(['argon2', 'node:crypto', 'portable'])),
    cost: v.optional(cost),
    verdict: v.optional(v.picklist(['refused', 'weak', 'good', 'strong'])),
  }),
  v.strictObject({
    ok: v.literal(false),
    code: v.custom<Parameters<typeof isErrorCode>[0] & string>(isErrorCode),
    message: v.string(),
    params: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
  }),
]);
type Answer = Extract<v.InferOutput<typeof answerSchema>, { ok: true }>;

export class KeyProcess implements KeyWork {
  readonly #childPath: string;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();
  #backend: KdfBackend | undefined;

  /** @param options.childPath the file of the child; a bundle names its own */
  constructor(options: { childPath?: string } = {}) {
    this.#childPath = options.childPath ?? fileURLToPath(new URL('./key-child.ts', import.meta.url));
  }

  async derive({ password, phone, salt, cost, signal }: DeriveRequest): Promise<Uint8Array> {
    const { secret } = await this.#run({ op: 'derive', phone, salt: toBase64Url(salt), cost }, password, signal);
    return wholeKey(secret);
  }

  async deriveNew({ password, phone, salt, policy, signal }: DeriveNewRequest) {
    const { answer, secret } = await this.#run(
      { op: 'derive-new', phone, salt: toBase64Url(salt), policy },
      password,
      signal,
    );
    const { cost, verdict } = answer;
    if (cost === undefined || verdict === undefined) throw broken('its answer is incomplete');
    return { ikm: wholeKey(secret), cost, verdict };
  }

  async judge(password: Uint8Array, phone?: string): Promise<Verdict> {
    const { answer } = await this.#run({ op: 'judge', ...(phone === undefined ? {} : { phone }) }, password);
    if (answer.verdict === undefined) throw broken('its answer is incomplete');
    return answer.verdict;
  }

  async suggest(): Promise<Uint8Array> {
    return (await this.#run({ op: 'suggest' }, new Uint8Array())).secret;
  }

  async sheet(facts: SheetFacts, recoveryKey: Uint8Array): Promise<Uint8Array> {
    return (await this.#run({ op: 'sheet', facts }, recoveryKey)).secret;
  }

  async backend(): Promise<KdfBackend> {
    if (this.#backend === undefined) {
      const { answer } = await this.#run({ op: 'backend' }, new Uint8Array());
      if (answer.backend === undefined) throw broken('its answer is incomplete');
      this.#backend = answer.backend;
    }
    return this.#backend;
  }

  /** One after the other: two runs at once would take twice the memory that was checked for. */
  async #run(
    request: KeyRequest,
    secret: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ answer: Answer; secret: Uint8Array }> {
    if (this.#waiting >= mostWaiting) throw new SignetError('E_BUSY', `${mostWaiting} key derivations wait already`);
    this.#waiting++;
    const turn = this.#last.then(() => {
      signal?.throwIfAborted();
      return runChild(this.#childPath, packFrame(request, secret), signal);
    });
    this.#last = turn.catch(() => undefined); // its own caller hears of it
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }
}

async function runChild(
  path: string,
  frame: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<{ answer: Answer; secret: Uint8Array }> {
  const { reply, ended } = await askChild({ name: 'key child', path, frame, timeoutMs: longestRunMs, signal });
  try {
    return parseReply(reply, ended);
  } catch (error) {
    wipe(reply);
    throw error;
  }
}

function parseReply(reply: Uint8Array, ended: number | NodeJS.Signals | null): { answer: Answer; secret: Uint8Array } {
  if (ended === 'SIGKILL') {
    throw new SignetError('E_KDF_RESOURCES', 'the key derivation was killed: out of memory or time', {
      params: { have: process.availableMemory() },
    });
  }
  const frame = unpackFrame(reply);
  const answer = v.safeParse(answerSchema, frame?.head);
  if (frame === undefined || !answer.success) throw broken(`it ended with ${ended} and without an answer`);
  if (answer.output.ok) return { answer: answer.output, secret: frame.secret };
  const { code, message, params } = answer.output;
  throw isErrorCode(code) ? new SignetError(code, message, { params }) : broken(message);
}

function wholeKey(secret: Uint8Array): Uint8Array {
  if (secret.length !== keyBytes) throw broken(`it answered ${secret.length} bytes of key, ${keyBytes} expected`);
  return secret;
}

function broken(what: string, cause?: unknown): SignetError {
  return new SignetError('E_INTERNAL', `key child: ${what}`, { cause });
}
