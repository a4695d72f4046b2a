import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { AvaOutput } from '../../scripts/lib/ava-output.ts';
import { linkedPages, root, withoutPictures } from '../../scripts/lib/package.ts';
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

test("ava's output is counted, and only failures are shown", t => {
  const output = new AvaOutput();
  const lines = [
    '',
    '  ✔ one › works',
    '    ℹ a log line',
    '  - [skip] one › left out',
    '  ✘ [fail]: one › breaks',
    '    ℹ a log line of it',
    '  ✔ one › works again (2.1s)',
    '  - [todo] one › later',
    '  Uncaught exception in test/two.test.ts',
    '',
    '  Error: late',
    '  ✘ test/two.test.ts exited with a non-zero exit code: 1',
    '  ✔ three › works',
    'something a child process wrote',
    '  ─',
    '',
    '  one › breaks',
    '  Difference (- actual, + expected):',
    '  ─',
    '',
    '  3 tests passed',
    '  1 test failed',
    '  1 uncaught exception',
  ];
  const shown = lines.filter(line => output.read(line));
  t.deepEqual(output.counts, { passed: 3, failed: 2, skipped: ['one › left out', 'one › later'] });
  t.deepEqual(
    shown,
    [4, 5, 8, 10, 11, 13, 16, 17].map(at => lines[at]),
  );
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

test('the README loses its pictures and nothing else in the package', t => {
  const pictures = '<picture>\n  <img src="a.png">\n</picture>\n\n';
  t.is(withoutPictures(`# A\n\n${pictures}b\n\n![c](d.png)\n\ne\n`), '# A\n\nb\n\ne\n');
});

test('the pages that the README leads to are there, and so are those behind them', t => {
  const pages = linkedPages();
  t.deepEqual(
    pages.filter(page => !existsSync(join(root, page))),
    [],
  );
  for (const page of ['phones', 'settings', 'passwords', 'protocol', 'format'])
    t.true(pages.includes(join('docs', `${page}.md`)), page);
});
