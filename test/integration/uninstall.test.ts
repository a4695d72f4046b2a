import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { startFakeDaemon } from '../support/daemon-process.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const script = fileURLToPath(new URL('../../extension/uninstall.ts', import.meta.url));

async function uninstall(t: ExecutionContext, signetHome: string): Promise<void> {
  const env = { ...process.env, SIGNET_HOME: signetHome };
  const { stderr } = await promisify(execFile)(process.execPath, ['--no-warnings', script], { env });
  t.is(stderr, '');
}

test('with the extension its start at login goes, and what runs ends', async t => {
  const folder = await temporaryFolder(t);
  const daemon = await startFakeDaemon(t, folder);
  await uninstall(t, folder);
  const asked = (await daemon.told()).map(({ name }) => name);
  t.deepEqual(asked.slice(-2), ['uninstallService', 'stopDaemon']);
});

test('where Signet never ran nothing is started, and nothing is made', async t => {
  const folder = await temporaryFolder(t);
  await uninstall(t, folder);
  t.deepEqual(readdirSync(folder), []);
});
