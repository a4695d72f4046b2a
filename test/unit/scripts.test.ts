import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { TapReader } from '../../scripts/lib/tap.ts';
import { isLoopback } from '../support/loopback-only.ts';

/** The runtime is JavaScript, for Node 20 to read; these are the parts of it that tests use. */
interface Runtime {
  isInstalled(base: string): boolean;
  isRecent(version: string): boolean;
}
const runtime = (await import(new URL('../../scripts/lib/runtime.mjs', import.meta.url).href)) as Runtime;

test('a Node from 24.12 on is recent enough', t => {
  const table = {
    '20.20.2': false,
    '24.11.9': false,
    '24.12.0': true,
    '24.21.0': true,
    '25.0.0': true,
    '100.0.0': true,
  };
  for (const [version, recent] of Object.entries(table)) t.is(runtime.isRecent(version), recent, version);
});

test('packages count as installed only while they are what the lockfile says', t => {
  const base = mkdtempSync(join(tmpdir(), 'signet-scripts-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const locked = {
    '': {},
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b': { version: '1.0.0', integrity: 'sha512-b', optional: true },
  };
  const write = (name: string, packages: unknown) => writeFileSync(join(base, name), JSON.stringify({ packages }));
  write('package-lock.json', locked);
  t.false(runtime.isInstalled(base), 'no node_modules');
  mkdirSync(join(base, 'node_modules', 'a'), { recursive: true });
  t.false(runtime.isInstalled(base), 'an install that did not end');
  const record = 'node_modules/.package-lock.json';
  write(record, { 'node_modules/a': locked['node_modules/a'] });
  t.true(runtime.isInstalled(base), 'an optional package may be missing');
  write(record, { 'node_modules/b': locked['node_modules/b'] });
  t.false(runtime.isInstalled(base), 'another may not');
  write(record, { 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } });
  t.false(runtime.isInstalled(base), 'another version');
  write(record, { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' } });
  t.false(runtime.isInstalled(base), 'another checksum');
});

test('TAP is counted, and only failures are shown', t => {
  const tap = new TapReader();
  const lines = [
    'TAP version 13',
    'ok 1 - works',
    '#   a log line',
    'ok 2 - left out # SKIP',
    'not ok 3 - breaks',
    '#   a log line of it',
    '  ---',
    "    message: ''",
    '  ...',
    'ok 4 - works again',
    'not ok 5 - later # TODO',
    'not ok 6 - test/a.test.ts exited with a non-zero exit code: 1',
    'something a child process wrote',
    '1..6',
    '# tests 5',
    '# pass 2',
    '# fail 2',
    '',
  ];
  const shown = lines.filter(line => tap.read(line));
  t.deepEqual(tap.counts, { passed: 2, failed: 2, skipped: ['left out', 'later'] });
  t.deepEqual(shown, [...lines.slice(4, 9), ...lines.slice(11, 13)]);
});

test('loopback is told from everything else', t => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost', 'a.localhost']) t.true(isLoopback(host), host);
  for (const host of ['10.0.0.1', 'example.com', '127.0.0.1.example.com', 'localhost.example.com', '::2'])
    t.false(isLoopback(host), host);
});

test('a process that tries to reach beyond loopback ends, even when it swallows the error', t => {
  const script =
    "import net from 'node:net'; try { net.connect(443, 'example.com') } catch {} setTimeout(() => {}, 60_000);";
  const guard = new URL('../support/loopback-only.ts', import.meta.url).href;
  const answer = spawnSync(process.execPath, ['--import', guard, '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.not(answer.status, 0);
  t.regex(answer.stderr, /tried to reach example\.com; tests talk to this computer only/);
});
