import test from 'ava';
import { chooseNode, nodeCandidates } from '../../extension/user-node.ts';

const own = { version: 'v24.14.0', runtime: { node: '/editor', flags: [], extraEnv: { ELECTRON_RUN_AS_NODE: '1' } } };
const versions: Readonly<Record<string, string>> = {
  '/old/node': 'v20.20.2',
  '/new/node': 'v24.21.0',
  '/newer/node': 'v26.1.0',
};
const asked: string[] = [];
const probe = async (program: string) => {
  asked.push(program);
  return versions[program];
};

test("the person's own Node is taken before the editor's, the first that is new enough", async t => {
  const candidates = async () => ['/old/node', '/gone/node', '/new/node', '/newer/node'];
  t.is((await chooseNode({ named: undefined, candidates, probe, own })).node, '/new/node');
});

test("without one the editor's own does, when it is new enough", async t => {
  const candidates = async () => ['/old/node'];
  t.deepEqual(await chooseNode({ named: undefined, candidates, probe, own }), own.runtime);
  const old = { ...own, version: 'v22.17.0' };
  await t.throwsAsync(chooseNode({ named: undefined, candidates, probe, own: old }), { code: 'E_DAEMON_MISSING' });
});

test('the Node that the settings name is that one or none', async t => {
  const candidates = async () => ['/new/node'];
  t.is((await chooseNode({ named: '/newer/node', candidates, probe, own })).node, '/newer/node');
  for (const named of ['/old/node', '/gone/node', 'node']) {
    const error = await t.throwsAsync(chooseNode({ named, candidates, probe, own }), { code: 'E_DAEMON_MISSING' });
    t.regex(error?.message ?? '', /signet\.nodePath/);
  }
});

test('a relative entry of PATH is never run', async t => {
  const found = await nodeCandidates({
    platform: 'linux',
    env: { PATH: '.:bin:/usr/bin::/opt/node/bin' },
    home: '/home/kim',
    entriesOf: async () => [],
  });
  t.deepEqual(found.slice(0, 2), ['/usr/bin/node', '/opt/node/bin/node']);
  t.true(found.every(program => program.startsWith('/')));
});

test('of a version manager only versions that fit are asked, the newest first', async t => {
  const found = await nodeCandidates({
    platform: 'linux',
    env: { PATH: '' },
    home: '/home/kim',
    entriesOf: async folder =>
      folder === '/home/kim/.nvm/versions/node' ? ['v20.1.0', 'v24.9.0', 'v24.12.0', 'v26.2.0', 'alias'] : [],
  });
  t.deepEqual(found.slice(0, 2), [
    '/home/kim/.nvm/versions/node/v26.2.0/bin/node',
    '/home/kim/.nvm/versions/node/v24.12.0/bin/node',
  ]);
});
