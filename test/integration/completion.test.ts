// Completion as shells do it: each loads the script that the command prints, and is asked what could follow.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runCli } from '../support/cli.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

async function script(t: ExecutionContext, shell: string): Promise<string> {
  const folder = await temporaryFolder(t);
  const { status, stdout, stderr } = await runCli(t, folder, ['completion', shell]);
  t.is(status, 0, stderr);
  const path = join(folder, `signet.${shell}`);
  writeFileSync(path, stdout);
  return path;
}

const isMissing = (shell: string) => spawnSync(shell, ['--version']).error !== undefined;

/** What bash offers for the last word. */
function bashOffers(path: string, words: readonly string[], cwd = '/'): string[] {
  const program =
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _signet; printf "%s\\n" "${COMPREPLY[@]}"';
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['--noprofile', '--norc', '-c', program, 'bash', path, 'signet', ...words],
    { encoding: 'utf8', cwd },
  );
  if (status !== 0 || stderr !== '') throw new Error(`bash ended with ${status}: ${stderr}`);
  return stdout.split('\n').filter(line => line !== '');
}

test('bash completes commands, options, their values and folders', async t => {
  if (isMissing('bash')) return skip(t, 'this machine has no bash', 'other system');
  const path = await script(t, 'bash');
  t.deepEqual(bashOffers(path, ['stat']), ['status']);
  t.true(bashOffers(path, ['']).includes('restore'));
  t.deepEqual(bashOffers(path, ['daemon', 'st']), ['start', 'stop', 'status']);
  t.deepEqual(bashOffers(path, ['settings', 'g']), ['get']);
  t.deepEqual(bashOffers(path, ['restore', 'latest', '--d']), ['--dry-run']);
  t.deepEqual(bashOffers(path, ['schedule', 'we']), ['weekly']);
  t.deepEqual(bashOffers(path, ['schedule', 'daily', '--on-change', 'o']), ['on', 'off']);
  t.deepEqual(bashOffers(path, ['log', '--lines', '']), [], 'a number is nobody else’s to choose');
  t.deepEqual(bashOffers(path, ['completion', '']).slice(0, 3), ['bash', 'zsh', 'fish']);

  const folder = await temporaryFolder(t);
  mkdirSync(join(folder, 'My Chats'));
  writeFileSync(join(folder, 'My file'), '');
  t.deepEqual(bashOffers(path, ['setup', '--source', 'M'], folder), ['My Chats']);
});

test('every command and option of the help is among what bash offers', async t => {
  if (isMissing('bash')) return skip(t, 'this machine has no bash', 'other system');
  const path = await script(t, 'bash');
  const folder = await temporaryFolder(t);
  for (const place of [[], ['setup'], ['restore'], ['daemon'], ['settings', 'set']]) {
    const { stdout } = await runCli(t, folder, [...place, '--help']);
    const named = [...stdout.matchAll(/^ {2}(?:-\w, )?(-{0,2}[a-z][a-z-]+)(?= |$)/gm)]
      .map(([, word = '']) => word)
      .filter(word => word !== 'signet');
    t.true(named.length > 1, stdout);
    const offered = bashOffers(path, [...place, '']);
    t.deepEqual(
      named.filter(word => !offered.includes(word)),
      [],
      place.join(' '),
    );
  }
});

test('fish loads its script and completes', async t => {
  if (isMissing('fish')) return skip(t, 'this machine has no fish', 'other system');
  const path = await script(t, 'fish');
  const offers = (line: string) =>
    spawnSync('fish', ['--no-config', '-c', `source ${path}; complete -C '${line}'`], { encoding: 'utf8' });
  t.regex(offers('signet stat').stdout, /^status\b/);
  t.regex(offers('signet daemon sta').stdout, /^start\b.*\n(?:.*\n)*status\b/);
  t.is(offers('signet').stderr, '');
});

test('zsh accepts its script', async t => {
  if (isMissing('zsh')) return skip(t, 'this machine has no zsh', 'other system');
  const path = await script(t, 'zsh');
  const { status, stderr } = spawnSync('zsh', ['-f', '-n', path], { encoding: 'utf8' });
  t.is(status, 0, stderr);
});

test('descriptions are quoted for each shell', async t => {
  const text = async (shell: string) => (await runCli(t, await temporaryFolder(t), ['completion', shell])).stdout;
  t.true((await text('zsh')).includes(`'daemon:Signet'\\''s background part'`));
  t.true((await text('fish')).includes(`-a daemon -d 'Signet\\'s background part'`));
  t.is((await runCli(t, await temporaryFolder(t), ['completion', 'tcsh'])).status, 2);
});
