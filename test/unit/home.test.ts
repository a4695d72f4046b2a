import { Buffer } from 'node:buffer';
import test from 'ava';
import { endpointOf, maxSocketPathBytes, resolveHome } from '../../protocol/home.ts';

const linux = { env: {}, platform: 'linux', uid: 1000, temporary: '/tmp', isPrivate: () => false } as const;

test('with SIGNET_HOME every folder lies below it, made absolute', t => {
  const home = resolveHome({ ...linux, env: { SIGNET_HOME: '/srv/own/../own' } });
  for (const folder of Object.values(home)) t.true(folder.startsWith('/srv/own/'), folder);
  t.is(new Set(Object.values(home)).size, 7);
  t.true(resolveHome({ ...linux, env: { SIGNET_HOME: 'here' } }).state.startsWith(process.cwd()));
});

test('an empty SIGNET_HOME counts as none', t => {
  t.deepEqual(resolveHome({ ...linux, env: { SIGNET_HOME: '' } }), resolveHome(linux));
});

test('outbox and staging lie in the state folder, not in the cache that may be emptied', t => {
  const home = resolveHome(linux);
  t.is(home.outbox, `${home.state}/outbox`);
  t.is(home.staging, `${home.state}/staging`);
  t.not(home.state, home.cache);
  t.not(home.state, home.config);
});

test('the runtime folder is the one of the login session, by variable or by its usual place when it is really ours', t => {
  t.is(resolveHome({ ...linux, env: { XDG_RUNTIME_DIR: '/run/user/7' } }).runtime, '/run/user/7/signet');
  t.is(resolveHome({ ...linux, isPrivate: path => path === '/run/user/1000' }).runtime, '/run/user/1000/signet');
  const without = resolveHome(linux);
  t.is(without.runtime, `${without.state}/run`);
  t.is(resolveHome({ ...linux, env: { XDG_RUNTIME_DIR: 'relative' } }).runtime, without.runtime);
});

for (const length of [maxSocketPathBytes - 1, maxSocketPathBytes, maxSocketPathBytes + 1, 200]) {
  test(`a socket path that would have ${length} bytes ${length > maxSocketPathBytes ? 'moves' : 'stays'}`, t => {
    const tail = '/run/signet.sock'.length;
    const root = `/${'h'.repeat(length - tail - 1)}`;
    const home = resolveHome({ ...linux, env: { SIGNET_HOME: root } });
    const endpoint = endpointOf(home, linux);
    t.true(Buffer.byteLength(endpoint.path) <= maxSocketPathBytes);
    if (length <= maxSocketPathBytes) {
      t.is(endpoint.path.length, length);
      t.is(endpoint.folder, `${root}/run`);
    } else {
      t.regex(endpoint.path, /^\/tmp\/signet-1000\/[0-9a-f]{12}\/signet\.sock$/);
      const session = { ...linux, env: { XDG_RUNTIME_DIR: '/run/user/1000' } };
      t.regex(endpointOf(home, session).path, /^\/run\/user\/1000\/signet-1000\/[0-9a-f]{12}\/signet\.sock$/);
    }
  });
}

test('the length of a socket path is counted in bytes, not characters', t => {
  const home = resolveHome({ ...linux, env: { SIGNET_HOME: `/${'é'.repeat(60)}` } });
  t.true(endpointOf(home, linux).path.startsWith('/tmp/signet-1000/'));
});

test('two long homes have different endpoints, and a long temporary folder is passed over', t => {
  const long = (letter: string) => resolveHome({ ...linux, env: { SIGNET_HOME: `/${letter.repeat(200)}` } });
  t.not(endpointOf(long('a'), linux).path, endpointOf(long('b'), linux).path);
  t.true(endpointOf(long('a'), { ...linux, temporary: `/${'t'.repeat(90)}` }).path.startsWith('/tmp/signet-1000/'));
});

test('on Windows the endpoint is a pipe named after the home', t => {
  const endpoint = endpointOf(resolveHome(linux), { ...linux, platform: 'win32', uid: undefined });
  t.is(endpoint.folder, null);
  t.regex(endpoint.path, /^\/signet\.[0-9a-f]{32}$/);
});
