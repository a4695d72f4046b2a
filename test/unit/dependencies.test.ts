import { readFile } from 'node:fs/promises';
import test from 'ava';

const text = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

test('node-ipc is 14.0.0 and nothing else: other versions of this package have carried sabotage and theft', async t => {
  t.is(JSON.parse(await text('package.json')).dependencies['node-ipc'], '14.0.0');
  const locked = JSON.parse(await text('package-lock.json')).packages['node_modules/node-ipc'];
  t.is(locked.version, '14.0.0');
  t.regex(locked.integrity, /^sha512-/);
  const installed = JSON.parse(await text('node_modules/node-ipc/package.json'));
  t.is(installed.version, '14.0.0');
  t.deepEqual(installed.dependencies, { 'event-pubsub': '6.1.1', 'js-message': '3.1.0', 'js-queue': '3.1.0' });
});

test('there is one vscode-jsonrpc: two copies would not know each other’s messages', async t => {
  const { packages } = JSON.parse(await text('package-lock.json'));
  const copies = Object.keys(packages).filter(path => path.endsWith('node_modules/vscode-jsonrpc'));
  t.deepEqual(copies, ['node_modules/vscode-jsonrpc']);
});
