// What the daemon does while nothing happens: nothing.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { daemonClient } from '../support/daemon-client.ts';
import { installation } from '../support/installation.ts';
import { listening } from '../support/listening.ts';
import { figuresOf } from '../support/process-figures.ts';
import { skip } from '../support/skip.ts';

test.serial('an unlocked daemon that watches uses no more than two hundredths of a second in ten', async t => {
  if (process.platform !== 'linux') return skip(t, 'reads /proc');
  t.timeout(120_000);
  const signet = await installation(t, {
    settings: { watch: 'chokidar', rescanMs: 3_600_000, schedule: { kind: 'daily' } },
  });
  writeFileSync(join(signet.source, 'a'), 'a');
  await signet.setUp();
  const client = await daemonClient(t, signet.home);
  t.is(typeof (await client.backup()), 'object');
  await pause(2000); // the allocator and the collector tidy up after the backup
  const before = figuresOf(client.pid).cpuMs;
  await pause(10_000);
  const used = figuresOf(client.pid).cpuMs - before;
  t.log(`${used} ms in 10 s`);
  t.true(used <= 20, `${used} ms`);
});

test.serial('no signal opens a debugger port in the daemon, and SIGUSR1 and SIGHUP do not end it', async t => {
  if (process.platform !== 'linux') return skip(t, 'reads /proc');
  const signet = await installation(t);
  await signet.status();
  const client = await daemonClient(t, signet.home);
  // The same signals to a plain Node show that the look is able to see a debugger.
  const plain = spawn(
    process.execPath,
    ['--inspect-port=127.0.0.1:0', '--eval', 'setInterval(() => {}, 1000); console.log("up")'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  t.teardown(() => plain.kill('SIGKILL'));
  await new Promise(resolve => plain.stdout.once('data', resolve));
  for (const signal of ['SIGUSR1', 'SIGHUP'] as const) process.kill(client.pid, signal);
  plain.kill('SIGUSR1');
  while (listening(plain.pid ?? 0).length === 0) await pause(20);
  await pause(200);
  t.deepEqual(listening(client.pid), []);
  t.is((await client.status()).vault, 'absent');
  t.is(await signet.daemonPid(), client.pid);
});
