import { once } from 'node:events';
import { watch } from 'node:fs';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runCli, runOnTerminal } from '../support/cli.ts';
import { startFakeDaemon } from '../support/daemon-process.ts';
import type { Script } from '../support/fake-daemon.ts';
import { connectedPlace, signInPage, someStatus } from '../support/fake-handlers.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const notYet: Script = { status: { result: someStatus({ vault: 'absent' }) } };
const nothing: Script = { ...notYet, showRemote: { result: { places: [] } } };
const clientId = '1-abc.apps.googleusercontent.com';
const clientSecret = 'GOCSPX-not-a-real-one';

async function daemonWith(t: ExecutionContext, script: Script = {}) {
  const home = await temporaryFolder(t);
  return { home, daemon: await startFakeDaemon(t, home, script) };
}

const asked = async (daemon: Awaited<ReturnType<typeof daemonWith>>['daemon'], name: string) =>
  (await daemon.told()).filter(each => each.name === name);

test('without a terminal the address is a line of JSON, and the answer the last line', async t => {
  const { home, daemon } = await daemonWith(t, nothing);
  const args = [
    'remote',
    'connect',
    'drive:Signet',
    '--client-id',
    clientId,
    '--no-browser',
    '--json',
    '--secrets-stdin',
  ];
  const { status, stdout, stderr } = await runCli(t, home, args, { input: JSON.stringify({ clientSecret }) });
  t.is(status, 0, stderr);
  const [first, last] = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  t.deepEqual(first, { type: 'signIn', ...signInPage });
  t.like(last, { type: 'result', remote: 'drive:Signet', holds: 'empty' });
  t.is(stderr, '');
  const [request] = await asked(daemon, 'connectRemote');
  t.deepEqual(request?.params, { remote: 'drive:Signet', flow: 'browser', clientId });
  t.deepEqual(request?.secrets, { clientSecret });
});

test('without --json the address stands alone on standard output, then what is connected', async t => {
  const { home } = await daemonWith(t, nothing);
  const args = ['remote', 'connect', 'drive:', '--client-id', clientId, '--no-browser', '--secrets-stdin'];
  const { status, stdout, stderr } = await runCli(t, home, args, { input: JSON.stringify({ clientSecret }) });
  t.is(status, 0, stderr);
  t.is(
    stdout,
    `${signInPage.url}\nGoogle Drive is connected: kim@example.org, 6.5 GB free of 16 GB.\nGo on with \`signet setup --source <folder with chats> --remote drive:Signet\`.\n`,
  );
  t.regex(stderr, /^Open this address in the browser of this computer:\nWaiting until you have agreed there/);
});

test('without a terminal what is missing is wrong use, and nothing is asked of the cloud', async t => {
  const { home, daemon } = await daemonWith(t, nothing);
  const missing: readonly (readonly [RegExp, readonly string[], string?])[] = [
    [/--client-id is missing/, ['drive:Signet']],
    [/client secret is missing/, ['drive:Signet', '--client-id', clientId]],
    [/has no --access-key-id/, ['s3:play.example/chats', '--secrets-stdin'], '{"s3Secret":"x"}'],
    [/secret key is missing/, ['s3:play.example/chats', '--access-key-id', 'AKIA']],
    [/say what to connect/i, []],
  ];
  for (const [words, args, input] of missing) {
    const ended = await runCli(t, home, ['remote', 'connect', ...args], input === undefined ? {} : { input });
    t.is(ended.status, 2, ended.stderr);
    t.regex(ended.stderr, words);
  }
  t.deepEqual(await asked(daemon, 'connectRemote'), []);
});

test('what cannot be connected is wrong use, and no background part is started for it', async t => {
  const home = await temporaryFolder(t);
  for (const args of [
    ['folder:/media/disk'],
    ['ftp:host'],
    ['drive:Signet', '--region', 'eu'],
    ['s3:host/bucket', '--device'],
    ['drive:Signet', '--client-id', 'a b'],
  ]) {
    const ended = await runCli(t, home, ['remote', 'connect', ...args]);
    t.is(ended.status, 2, ended.stderr);
  }
  t.deepEqual(await readdir(home), []);
});

test('whoever signs in again gives neither client id nor secret', async t => {
  const { home, daemon } = await daemonWith(t);
  const { status, stdout, stderr } = await runCli(t, home, ['remote', 'connect', '--no-browser']);
  t.is(status, 0, stderr);
  t.regex(stdout, /Backups go on by themselves\./);
  const [request] = await asked(daemon, 'connectRemote');
  t.deepEqual(request?.params, { remote: 'drive:Signet', flow: 'browser' });
  t.deepEqual(request?.secrets, {});
});

test('an S3 storage is connected with the key that was given, or with what the system has', async t => {
  const { home, daemon } = await daemonWith(t, nothing);
  const s3 = ['remote', 'connect', 's3:play.example/chats', '--json'];
  const options = ['--access-key-id', 'AKIA', '--region', 'eu', '--path-style', '--secrets-stdin'];
  const given = await runCli(t, home, [...s3, ...options], { input: '{"s3Secret":"not a real one"}' });
  t.is(given.status, 0, given.stderr);
  t.is((await runCli(t, home, s3)).status, 0);
  const [keys, chain] = await asked(daemon, 'connectRemote');
  const remote = 's3:https://play.example/chats';
  t.deepEqual(keys?.params, { remote, region: 'eu', pathStyle: true, accessKeyId: 'AKIA' });
  t.deepEqual(keys?.secrets, { s3Secret: 'not a real one' });
  t.deepEqual([chain?.params, chain?.secrets], [{ remote }, {}]);
});

test('a locked Signet is unlocked first, unless signing in is what it waits for', async t => {
  const locked = await daemonWith(t, { status: { result: someStatus({ vault: 'locked' }) } });
  t.is((await runCli(t, locked.home, ['remote', 'connect'])).status, 13);
  const remote = { kind: 'drive', label: 'Google Drive', reachable: null, signIn: 'needed' } as const;
  const waiting = await daemonWith(t, { status: { result: someStatus({ vault: 'locked', remote }) } });
  t.is((await runCli(t, waiting.home, ['remote', 'connect', '--no-browser'])).status, 0);
});

test('on a terminal the way leads from a Google account to what to do next, and the secret is not shown', async t => {
  const { home, daemon } = await daemonWith(t, nothing);
  const terminal = runOnTerminal(t, home, ['remote', 'connect', 'drive:Signet', '--no-browser']);
  await terminal.see('1. https://console.cloud.google.com/projectcreate');
  await terminal.see('In production');
  await terminal.see('Desktop app');
  await terminal.see('Client id:');
  terminal.type('anna@example.org\r');
  await terminal.see('A client id ends with .apps.googleusercontent.com.');
  await terminal.see('Client id:');
  terminal.type(` ${clientId} \r`);
  await terminal.see('Client secret (it is not shown):');
  terminal.type(` ${clientSecret}\t\r`);
  await terminal.see(signInPage.url);
  await terminal.see('Ctrl-C stops.');
  await terminal.see('Google Drive is connected: kim@example.org');
  const { status, screen } = await terminal.ended;
  t.is(status, 0, screen);
  t.false(screen.includes(clientSecret));
  const [request] = await asked(daemon, 'connectRemote');
  t.deepEqual(request?.secrets, { clientSecret });
});

test('a secret that is not at hand any more is asked for, and the client id is not', async t => {
  const missing = { error: { code: 'E_USAGE', params: { missing: 'clientSecret' } } } as const;
  const { home, daemon } = await daemonWith(t, { connectRemote: missing });
  const terminal = runOnTerminal(t, home, ['remote', 'connect']);
  await terminal.see('Client secret (it is not shown):');
  terminal.type(`${clientSecret}\r`);
  const { status, screen } = await terminal.ended;
  t.is(status, 2, 'the made-up answer stays the same');
  t.false(screen.includes('Client id:'));
  const [first, second] = await asked(daemon, 'connectRemote');
  t.deepEqual([first?.secrets, second?.secrets], [{}, { clientSecret }]);
  t.like(second?.params, { remote: 'drive:Signet', clientId: connectedPlace.clientId });
});

test('with --device the client is of the kind for it, and the code is shown', async t => {
  const { home, daemon } = await daemonWith(t, nothing);
  const terminal = runOnTerminal(t, home, ['remote', 'connect', 'drive:Signet', '--device']);
  await terminal.see('TVs and Limited Input devices');
  await terminal.see('Client id:');
  terminal.type(`${clientId}\r`);
  await terminal.see('shown):');
  terminal.type(`${clientSecret}\r`);
  t.is((await terminal.ended).status, 0);
  t.like((await asked(daemon, 'connectRemote'))[0]?.params, { flow: 'device' });
});

test('Ctrl-C while Google is waited for ends with 130, and says that nothing was changed', async t => {
  const { home, daemon } = await daemonWith(t, { connectRemote: { waits: true } });
  const { status, stderr } = await runCli(t, home, ['remote', 'connect', '--no-browser'], {
    started: child => void daemon.wait('connectRemote').then(() => child.kill('SIGINT')),
  });
  t.is(status, 130, stderr);
  t.is(stderr, 'Stopped at your request.\nNothing was changed.\n');
});

test('the page opens in the browser of the system, as one argument', async t => {
  const { home } = await daemonWith(t);
  const folder = join(await temporaryFolder(t), 'bin');
  const opened = join(folder, 'opened');
  await mkdir(folder);
  await writeFile(
    join(folder, 'browser'),
    `#!/bin/sh\nprintf '%s\\n' "$#" "$1" > '${opened}.part' && mv '${opened}.part' '${opened}'\n`,
  );
  await chmod(join(folder, 'browser'), 0o755);
  const { status, stderr } = await runCli(t, home, ['remote', 'connect'], {
    env: { BROWSER: join(folder, 'browser'), DISPLAY: '', WAYLAND_DISPLAY: '' },
  });
  t.is(status, 0, stderr);
  t.regex(stderr, /^Your browser opens a page of Google now\./);
  const watcher = watch(folder);
  t.teardown(() => watcher.close());
  const read = () => readFile(opened, 'utf8').catch(() => undefined);
  for (let text = await read(); ; text = await read()) {
    if (text !== undefined) {
      t.is(text, `1\n${signInPage.url}\n`);
      break;
    }
    await once(watcher, 'change');
  }
});

test('remote show and disconnect tell what is known and what is left to do', async t => {
  const { home } = await daemonWith(t);
  const shown = await runCli(t, home, ['remote', 'show']);
  t.regex(shown.stdout, /^Google Drive\n {2}Place +drive:Signet\n {2}Used as +the copies go here\n/);
  t.deepEqual(JSON.parse((await runCli(t, home, ['remote', 'show', '--json'])).stdout), { places: [connectedPlace] });
  const ended = await runCli(t, home, ['remote', 'disconnect', 'drive:Signet']);
  t.regex(ended.stdout, /^Disconnected\. The copies stay where they are\.\n`signet remote connect drive:Signet`/);
  const unheard = await daemonWith(t, { disconnectRemote: { result: { isRevoked: false } } });
  t.regex((await runCli(t, unheard.home, ['remote', 'disconnect'])).stdout, /It still stands there/);
});

test('setting up in a cloud that is not connected ends with 16 and the very command, before anything is asked', async t => {
  const { home, daemon } = await daemonWith(t, nothing);
  const terminal = runOnTerminal(t, home, ['setup', '--source', '/', '--remote', 'drive:Copies']);
  const { status, screen } = await terminal.ended;
  t.is(status, 16, screen);
  t.true(screen.includes('`signet remote connect drive:Copies`'), screen);
  t.deepEqual(await asked(daemon, 'setup'), []);
});

const secrets = JSON.stringify({ password: 'correct horse battery', phone: '+12025550100' });
const setup = ['setup', '--source', '/', '--remote', 'drive:Signet', '--secrets-stdin'];
const connected = (holds: string): Script => ({
  ...notYet,
  showRemote: { result: { places: [{ ...connectedPlace, role: 'unused', holds }] } },
});

test('a Google Drive in which no backup is seen is not taken for empty without a word', async t => {
  const { home, daemon } = await daemonWith(t, connected('empty'));
  const without = await runCli(t, home, setup, { input: secrets });
  t.is(without.status, 2, without.stderr);
  t.regex(without.stderr, /With this client id no backup can be seen in Google Drive: add --new/);
  t.is((await runCli(t, home, [...setup, '--new'], { input: secrets })).status, 0);
  t.like((await asked(daemon, 'setup'))[0]?.params, { remote: 'drive:Signet', createOnly: true });
  t.is((await asked(daemon, 'setup')).length, 1);
});

test('on a terminal a new backup in Google Drive is wanted by a word', async t => {
  const { home, daemon } = await daemonWith(t, connected('empty'));
  const first = runOnTerminal(t, home, ['setup', '--source', '/', '--remote', 'drive:Signet']);
  await first.see('Type new to create a backup there:');
  first.type('\r');
  t.is((await first.ended).status, 130);
  const second = runOnTerminal(t, home, ['setup', '--source', '/', '--remote', 'drive:Signet']);
  await second.see('Type new to create a backup there:');
  second.type('new\r');
  await second.see('Choose a password.');
  t.deepEqual(await asked(daemon, 'setup'), []);
});

test('a backup that is seen in the cloud is joined: its password is asked for, once, and no source is needed', async t => {
  const { home, daemon } = await daemonWith(t, connected('repository'));
  const terminal = runOnTerminal(t, home, ['setup', '--remote', 'drive:Signet']);
  await terminal.see('Password of the backup:');
  terminal.type('correct horse battery\r');
  await terminal.see('+1 202 555 0100):');
  terminal.type('+12025550100\r');
  await terminal.see('again:');
  terminal.type('+12025550100\r');
  t.is((await terminal.ended).status, 0);
  t.is((await asked(daemon, 'setup')).length, 1);
});
