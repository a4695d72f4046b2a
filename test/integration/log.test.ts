import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readable } from '../../daemon/cli/log.ts';
import { runCli } from '../support/cli.ts';
import { installation } from '../support/installation.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const line = (msg: string, more: object = {}, level = 30) =>
  `${JSON.stringify({ level, time: '2026-11-23T08:55:12.000Z', ...more, msg })}\n`;

async function logs(t: ExecutionContext) {
  const home = await temporaryFolder(t);
  const folder = join(home, 'logs');
  mkdirSync(folder, { mode: 0o700 });
  return { home, path: join(folder, 'daemon.log') };
}

test('a line reads as time, level, event and fields; what is none of ours stands as it is, harmless', t => {
  t.is(
    readable(line('backup failed', { job: 'change', code: 'E_UNREACHABLE' }, 40).trim(), 'UTC'),
    '23 Nov 2026, 08:55:12  warning  backup failed  job change, code E_UNREACHABLE',
  );
  t.is(readable(line('daemon starts').trim(), 'UTC'), '23 Nov 2026, 08:55:12  daemon starts');
  t.is(readable('{"level":30,"ti'), '{"level":30,"ti');
  t.is(readable('\u001b[31mred'), '\\u{1b}[31mred');
});

test('the newest lines are shown, over the files that turned over, without starting anything', async t => {
  const { home, path } = await logs(t);
  writeFileSync(`${path}.2`, line('one') + line('two'));
  writeFileSync(`${path}.1`, line('three'));
  writeFileSync(path, line('four') + line('five'));
  const events = async (...args: string[]) =>
    (await runCli(t, home, ['log', ...args])).stdout.split('\n').map(text => text.split('  ').at(-1));
  t.deepEqual(await events('--lines', '4'), ['two', 'three', 'four', 'five', '']);
  t.deepEqual(await events('--lines', '1'), ['five', '']);
  t.deepEqual(await events('--lines', '0'), ['']);
  t.is((await runCli(t, home, ['log', '--lines', '1', '--json'])).stdout, line('five'));
  t.is((await runCli(t, home, ['log', '--lines', 'many'])).status, 2);
  t.is((await runCli(t, home, ['daemon', 'status'])).status, 18, 'none was started');
});

test('without a log that is said', async t => {
  const { status, stderr } = await runCli(t, await temporaryFolder(t), ['log']);
  t.is(status, 0);
  t.is(stderr, 'There is no log yet.\n');
});

test('with --follow new lines come as they are written, also when the log turns over', async t => {
  const { home, path } = await logs(t);
  writeFileSync(path, line('one'));
  const shown: string[] = [];
  const seen = async (count: number) => {
    while (shown.join('').split('\n').length <= count) await new Promise(resolve => setImmediate(resolve));
  };
  const ended = runCli(t, home, ['log', '--follow', '--json'], {
    started(child) {
      child.stdout?.on('data', (text: string) => shown.push(String(text)));
      void (async () => {
        await seen(1);
        appendFileSync(path, line('two').slice(0, 20));
        appendFileSync(path, line('two').slice(20));
        await seen(2);
        appendFileSync(path, line('three'));
        renameSync(path, `${path}.1`);
        writeFileSync(path, line('four'));
        await seen(4);
        child.kill('SIGTERM');
      })();
    },
  });
  await ended;
  t.is(shown.join(''), ['one', 'two', 'three', 'four'].map(text => line(text)).join(''));
});

test('what a daemon really noted can be read, and names no path', async t => {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'Anna.txt'), 'hello\n');
  await signet.setUp();
  await signet.ok(['backup']);
  const { stdout } = await runCli(t, signet.home, ['log']);
  t.regex(stdout, /daemon starts/);
  t.regex(stdout, /backup done {2}.*job user/);
  t.false(stdout.includes('Anna'));
  t.false(stdout.includes(signet.folder));
});
