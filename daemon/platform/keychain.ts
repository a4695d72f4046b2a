// The operating system's keychain, asked through a child process for each piece of work: a binding that crashes, or a prompt on the desktop
// that nobody answers, costs that one answer and nothing else. What the keychain does not give is not told from what it cannot give
// now: a locked keyring answers like an empty one.

import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { wipe } from '../base/bytes.ts';
import { askChild, packFrame, pick, unpackFrame } from '../base/child.ts';
import { toSignetError } from '../base/errors.ts';
import type { KeychainAnswer, KeychainRequest } from './keychain-wire.ts';

/** A person who is asked by the desktop to open the keyring has this long; so has a bus that does not answer. */
const longestMs = 20_000;

export type KeychainFound = Pick<KeychainAnswer, 'state' | 'backend' | 'detail'>;

export interface Keychain {
  /** Whether it keeps things now: stores, reads and removes a throw-away item under the account. */
  probe(account: string): Promise<KeychainFound>;
  /** The value, the caller's to wipe; null when there is none, or none is given now. */
  get(account: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array | null>;
  /** Whether the value is kept and was read back. UTF-8 of text without NUL. */
  set(account: string, value: Uint8Array): Promise<boolean>;
  remove(account: string): Promise<void>;
}

const answerSchema = v.strictObject({
  state: v.picklist(['works', 'locked', 'none', 'unavailable']),
  backend: v.nullable(v.string()),
  done: v.boolean(),
  detail: v.string(),
});

/** What the keychain holds under this product's name is touched by account only, never listed. */
export class KeychainProcess implements Keychain {
  readonly #childPath: string;
  readonly #timeoutMs: number;
  readonly #environment: Readonly<Record<string, string>>;
  /** One child after the other, so that what is stored last stays. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param options.childPath the file of the child; a test has its own @param options.environment where the person's desktop is found */
  constructor(
    options: {
      readonly childPath?: string;
      readonly timeoutMs?: number;
      readonly environment?: Readonly<Record<string, string | undefined>>;
    } = {},
  ) {
    this.#childPath = options.childPath ?? fileURLToPath(new URL('./keychain-child.ts', import.meta.url));
    this.#timeoutMs = options.timeoutMs ?? longestMs;
    this.#environment = pick(options.environment ?? process.env, desktopVariables);
  }

  async probe(account: string): Promise<KeychainFound> {
    const { done, secret: _none, ...found } = await this.#run({ op: 'probe', account });
    if (found.state === 'works' && !done)
      return { ...found, state: 'none', detail: 'it does not give back what it took' };
    return found;
  }

  async get(account: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array | null> {
    const { done, secret } = await this.#run({ op: 'get', account }, new Uint8Array(), signal);
    return done ? secret : null;
  }

  async set(account: string, value: Uint8Array): Promise<boolean> {
    return (await this.#run({ op: 'set', account }, value)).done;
  }

  async remove(account: string): Promise<void> {
    await this.#run({ op: 'remove', account });
  }

  #run(
    request: KeychainRequest,
    value: Uint8Array = new Uint8Array(),
    signal?: AbortSignal,
  ): Promise<KeychainAnswer & { readonly secret: Uint8Array }> {
    const frame = packFrame(request, value);
    const turn = this.#last.then(() => this.#ask(frame, signal));
    this.#last = turn;
    return turn;
  }

  /** Never throws: a child that failed is a keychain that does not work, and says how it ended. */
  async #ask(
    frame: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<KeychainAnswer & { readonly secret: Uint8Array }> {
    const failed = (detail: string) =>
      ({ state: 'none', backend: null, done: false, detail, secret: new Uint8Array() }) as const;
    try {
      signal?.throwIfAborted();
      const { reply, ended } = await askChild({
        name: 'keychain child',
        path: this.#childPath,
        frame,
        environment: this.#environment,
        timeoutMs: this.#timeoutMs,
        signal,
      });
      const answer = unpackFrame(reply);
      const head = v.safeParse(answerSchema, answer?.head);
      if (ended === 0 && answer !== undefined && head.success) return { ...head.output, secret: answer.secret };
      wipe(reply);
      return failed(
        ended === 'SIGKILL' ? 'the keychain did not answer in time' : `the keychain's process ended with ${ended}`,
      );
    } catch (error) {
      return failed(signal?.aborted ? 'nobody waits for the answer any more' : toSignetError(error).message);
    } finally {
      wipe(frame);
    }
  }
}

/** How the child finds the person's session bus, screen and profile. */
const desktopVariables = [
  ...['DBUS_SESSION_BUS_ADDRESS', 'XDG_RUNTIME_DIR', 'DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY'],
  ...['HOME', 'USER', 'LANG', 'LC_ALL', 'TMPDIR', '__CF_USER_TEXT_ENCODING'],
  ...['USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'TEMP'],
];
