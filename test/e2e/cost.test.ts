// What Signet costs the editor it runs in, beside an editor without it, and that it leaves a newer background part alone. Times and shares of
// the processor are told and not judged: they are those of a machine that runs other tests.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { extensionHost, startCodeServer } from '../support/code-server.ts';
import { desk } from '../support/desk.ts';
import { figuresOf, megabytes } from '../support/process-figures.ts';
import { temporaryFolder } from '../support/temporary-home.ts';
import { Workbench } from '../support/workbench.ts';

const idleMs = 20_000;
/** More than that would be felt in an editor. */
const mostMegabytes = 40;

/** Memory after a while, and what the processor did for it in between. */
async function idle(pid: number): Promise<{ readonly rssBytes: number; readonly cpuMs: number }> {
  const before = figuresOf(pid);
  await pause(idleMs);
  const after = figuresOf(pid);
  return { rssBytes: after.rssBytes, cpuMs: after.cpuMs - before.cpuMs };
}

test.serial('an idle Signet costs the editor little, and a newer background part is left alone', async t => {
  t.timeout(240_000);
  const without = await startCodeServer({ home: await temporaryFolder(t) });
  t.teardown(() => without.stop());
  const bare = await Workbench.open(without.url);
  t.teardown(() => bare.close());
  const { signet, workbench, picture, log, hostPid } = await desk(t);
  await workbench.status('Signet: Set Up').waitFor({ timeout: 60_000 });
  await signet.setUp();
  await signet.ok(['backup']);
  await workbench.status(/^\s*Signet\s*$/).waitFor();

  await workbench.runCommand('Developer: Show Running Extensions');
  const row = workbench.page.locator('.runtime-extensions-editor .monaco-list-row', {
    hasText: 'Encrypted Chat Backup',
  });
  t.log((await row.innerText()).replaceAll('\n', ' '));
  await picture('running-extensions');
  await workbench.runCommand('View: Close All Editors');
  const [withSignet, plain] = await Promise.all([idle(hostPid()), idle(extensionHost(without.pid))]);
  const more = withSignet.rssBytes - plain.rssBytes;
  t.log(`${megabytes(withSignet.rssBytes)} with Signet, ${megabytes(plain.rssBytes)} without`);
  t.log(`${withSignet.cpuMs} ms of the processor in ${idleMs} ms with Signet, ${plain.cpuMs} ms without`);
  t.true(more < mostMegabytes << 20, `${megabytes(more)} more`);
  await bare.close();
  await without.stop();

  // Another window got a newer extension, which put its own background part in the place of this one.
  const starts = join(signet.folder, 'starts');
  const entry = fileURLToPath(new URL('../support/fake-daemon.ts', import.meta.url));
  await signet.ok(['daemon', 'stop']);
  const newer = spawn(process.execPath, ['--no-warnings', entry], {
    env: { ...process.env, SIGNET_HOME: signet.home, FAKE_VERSIONS: '99 99.0.0', FAKE_STARTS: starts },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => newer.kill('SIGKILL'));
  newer.stdin.end('{}\n');
  await once(newer.stdout, 'data');
  await workbench.status('Signet: Update').waitFor({ timeout: 90_000 });
  await workbench.runCommand('View: Show Signet');
  const pane = workbench.page.locator('.part.sidebar', {
    hasText: "Signet's background part is newer than this extension",
  });
  await pane.waitFor();
  await picture('newer');
  t.false((await workbench.offered('Signet')).includes('Start'));
  await pause(10_000);
  const looks = log().split('E_DAEMON_INCOMPATIBLE').length - 1;
  t.true(looks <= 3, `${looks} looks in ten seconds`);
  t.is(newer.exitCode, null, 'nobody ended it');
  t.true(existsSync(starts));
  t.is(readFileSync(starts, 'utf8'), '99.0.0\n');
});
