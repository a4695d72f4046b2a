// What the user has run around each backup: a program before, one after, and an address that is asked at the end. All are named in the settings
// file alone and read from it each time. A program gets no shell, no secret and no path; one that fails before the backup stops it, one that
// fails afterwards, or an address that does not answer, is told and changes nothing.

import { spawn } from 'node:child_process';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import type { ErrorParams } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, systemCode, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { HistoryEntry, Settings } from '../state/model.ts';
import type { State } from '../state/state.ts';

export type Outcome = HistoryEntry['outcome'];

/** The longest a program may take. */
const programMs = 10 * 60_000;
/** What it still gets when the daemon ends. */
const lastMs = 3000;
const askMs = 10_000;
/** What programs need to run at all; nothing of Signet's own. */
const passedOn = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'XDG_RUNTIME_DIR', 'SystemRoot', 'USERPROFILE', 'TEMP'];

export interface AroundOptions {
  readonly state: Pick<State, 'settings' | 'facts'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Facts that `doctor` tells: what went wrong the last time. */
export const aroundFacts = { afterBackup: 'around.after', healthCheckUrl: 'around.health' } as const;

export class AroundBackups {
  readonly #options: AroundOptions;
  readonly #ending = new AbortController();

  constructor(options: AroundOptions) {
    this.#options = options;
  }

  /** @throws E_COMMAND when the program says no, cannot be started or takes too long; E_CANCELLED */
  async before(signal: AbortSignal): Promise<void> {
    const { beforeBackup } = await this.#settings();
    if (beforeBackup.length > 0) await this.#run('before', beforeBackup, {}, signal);
  }

  /** However the backup ended; never throws. */
  async after(outcome: Outcome): Promise<void> {
    const settings = await this.#settings().catch(thrown => {
      this.#options.log.warn('settings could not be read after a backup', { code: toSignetError(thrown).code });
      return undefined;
    });
    if (settings === undefined) return;
    const { afterBackup, healthCheckUrl } = settings;
    if (afterBackup.length > 0) {
      const never = new AbortController().signal;
      await this.#told('afterBackup', this.#run('after', afterBackup, { SIGNET_OUTCOME: outcome }, never));
    }
    // What a person stopped is neither news of success nor of failure.
    if (healthCheckUrl !== null && outcome !== 'cancelled') {
      await this.#told('healthCheckUrl', ask(healthAddress(healthCheckUrl, outcome)));
    }
  }

  /** The daemon ends: what runs gets three seconds more. */
  end(): void {
    this.#ending.abort();
  }

  async #settings(): Promise<Pick<Settings, 'beforeBackup' | 'afterBackup' | 'healthCheckUrl'>> {
    const settings = await this.#options.state.settings.load();
    return settings ?? { beforeBackup: [], afterBackup: [], healthCheckUrl: null };
  }

  async #told(what: keyof typeof aroundFacts, work: Promise<void>): Promise<void> {
    const { facts } = this.#options.state;
    try {
      const problem = await work.then(
        () => undefined,
        thrown => {
          const error = toSignetError(thrown);
          return String(error.params['problem'] ?? error.code);
        },
      );
      if (problem === undefined) {
        if (facts.get(aroundFacts[what]) !== undefined) facts.remove(aroundFacts[what]);
        return;
      }
      this.#options.log.warn('what follows a backup failed', { job: what, reason: problem });
      facts.set(aroundFacts[what], problem);
    } catch (thrown) {
      // A full disk keeps the note from being taken; the backup is what it is.
      this.#options.log.warn('what follows a backup could not be noted', { code: toSignetError(thrown).code });
    }
  }

  async #run(
    when: 'before' | 'after',
    [program = '', ...words]: readonly string[],
    more: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, env } = this.#options;
    signal.throwIfAborted();
    const given = Object.fromEntries(passedOn.flatMap(name => (env[name] === undefined ? [] : [[name, env[name]]])));
    const isGroup = process.platform !== 'win32';
    const child = spawn(program, words, {
      env: { ...given, ...more },
      stdio: 'ignore',
      detached: isGroup, // so that what it started ends with it
      windowsHide: true,
      ...(env['HOME'] !== undefined && { cwd: env['HOME'] }),
    });
    const ended = Promise.withResolvers<ErrorParams | undefined>();
    child.on('error', error => ended.resolve({ problem: `cannot be started (${systemCode(error) ?? error.name})` }));
    child.on('exit', (status, by) => {
      if (status === 0) ended.resolve(undefined);
      else ended.resolve({ problem: by === null ? `ended with ${status}` : `was ended by ${by}` });
    });
    const kill = (): void => {
      if (child.pid === undefined || child.exitCode !== null) return;
      try {
        process.kill(isGroup ? -child.pid : child.pid, 'SIGKILL');
      } catch {
        // It ended in the same moment.
      }
    };
    const giveUp = (): void => {
      kill();
      ended.resolve({ problem: 'took too long' });
    };
    const cancel = (): void => {
      kill();
      ended.reject(signal.reason);
    };
    let stopLast: () => void = () => undefined;
    const last = (): void => {
      stopLast = clock.timer(lastMs, giveUp);
    };
    const stopTimer = clock.timer(programMs, giveUp);
    signal.addEventListener('abort', cancel, { once: true });
    if (this.#ending.signal.aborted) last();
    else this.#ending.signal.addEventListener('abort', last, { once: true });
    try {
      const failure = await ended.promise;
      if (failure === undefined) return;
      throw new SignetError('E_COMMAND', `the program ${when} the backup ${failure['problem']}`, {
        params: { when, ...failure },
      });
    } finally {
      stopTimer();
      stopLast();
      signal.removeEventListener('abort', cancel);
      this.#ending.signal.removeEventListener('abort', last);
    }
  }
}

/** A backup with gaps still is one: the address is told of failures alone. */
export function healthAddress(address: string, outcome: Outcome): URL {
  const url = new URL(address);
  if (outcome === 'failed') url.pathname = `${url.pathname.replace(/\/$/, '')}/fail`;
  return url;
}

/** One GET that says nothing but that it was made: no body, no name of a program, no cookie, and no way to another host. */
function ask(url: URL): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (problem: string): void =>
    reject(new SignetError('E_UNREACHABLE', 'the health check did not answer', { params: { problem } }));
  const options = { agent: false, signal: AbortSignal.timeout(askMs) };
  const request = (url.protocol === 'https:' ? httpsGet : httpGet)(url, options, answer => {
    answer.destroy(); // only its status counts
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) resolve();
    else fail(`answered ${status}`);
  });
  request.on('error', error => fail(error.name === 'AbortError' ? 'took too long' : 'did not answer'));
  return promise;
}
