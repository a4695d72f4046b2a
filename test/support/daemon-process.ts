// Starts the fake daemon as a process of its own and ends it with the test.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { Script } from './fake-daemon.ts';
import type { Asked } from './fake-handlers.ts';

export interface DaemonProcess {
  readonly child: ChildProcess;
  /** Ends the daemon and answers every request it ever got, in order. */
  told(): Promise<readonly Asked[]>;
  /** Resolves with the next request of that name, past or coming. */
  wait(name: Asked['name']): Promise<Asked>;
  end(signal?: NodeJS.Signals): Promise<void>;
}

export async function startFakeDaemon(
  t: ExecutionContext,
  signetHome: string,
  script: Script = {},
): Promise<DaemonProcess> {
  const child = spawn(process.execPath, ['--no-warnings', fileURLToPath(new URL('fake-daemon.ts', import.meta.url))], {
    env: { ...process.env, SIGNET_HOME: signetHome },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const closed = once(child, 'close');
  const end = async (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal);
    await ended;
  };
  t.teardown(() => end());
  child.stdin.write(`${JSON.stringify(script)}\n`);
  const asked: Asked[] = [];
  const waiting = new Set<() => void>();
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', line => {
    const said: Asked | 'ready' = JSON.parse(line);
    if (said === 'ready') return ready.resolve();
    asked.push(said);
    for (const look of waiting) look();
  });
  await Promise.race([
    ready.promise,
    ended.then(([code]) => {
      throw new Error(`the fake daemon ended with ${code} before it listened`);
    }),
  ]);
  return {
    child,
    end,
    async told() {
      child.kill('SIGKILL');
      await closed; // what it wrote has been read by then
      return asked;
    },
    wait(name) {
      const { promise, resolve } = Promise.withResolvers<Asked>();
      const look = () => {
        const found = asked.find(one => one.name === name);
        if (found !== undefined) {
          waiting.delete(look);
          resolve(found);
        }
      };
      waiting.add(look);
      look();
      return promise;
    },
  };
}
