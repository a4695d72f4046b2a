// What answers in place of Google and means no good: addresses of another host, answers without end, uploads that go round in circles.

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import { type DriveBench, driveBench } from '../support/drive-bench.ts';
import { memoryObjects } from '../support/memory-objects.ts';

interface Told {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A server before the fake that may change what it answers. What it leaves alone names the fake's own host in addresses of uploads. */
async function before(
  t: ExecutionContext,
  { fake, open }: DriveBench,
  change: (asked: { readonly method: string; readonly url: URL }, told: Told, root: string) => void,
) {
  let root = '';
  const server = createServer((asked, answer) => {
    const url = new URL(asked.url ?? '/', fake.root);
    const { method = 'GET', headers } = asked;
    const onward = request(url, { method, headers: { ...headers, host: url.host } }, response => {
      response.toArray().then((parts: Buffer[]) => {
        const told = { status: response.statusCode ?? 0, headers: { ...response.headers }, body: Buffer.concat(parts) };
        change({ method, url }, told, root);
        answer.writeHead(told.status, { ...told.headers, 'content-length': told.body.length });
        answer.end(told.body);
      }, answer.destroy.bind(answer));
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return open({ endpoints: googleEndpoints(root), objects: memoryObjects() });
}

const large = randomBytes(6 * 1024 * 1024);

for (const [what, address] of Object.entries({
  'of another host': (own: string) => own,
  'that is none': () => 'upload/drive/v3/files?upload_id=ADPycdsecret',
  'of a file': () => 'file:///etc/passwd',
})) {
  test(`an address for uploads ${what} gets no token and is not kept: the next try asks for another`, async t => {
    const bench = await driveBench(t);
    let isHostile = true;
    const remote = await before(t, bench, ({ url }, told, root) => {
      const { location } = told.headers;
      if (location === undefined) return;
      t.true(url.pathname.startsWith('/upload/'));
      told.headers.location = isHostile ? address(location) : location.replace(bench.fake.root, root);
    });
    const thrown = await t.throwsAsync(remote.put('large', large), { code: 'E_UNREACHABLE' });
    t.notRegex(inspect(thrown, { depth: 9, showHidden: true }), /upload_id|ADPycd|ya29/);
    t.is(bench.fake.count('upload.chunk') + bench.fake.count('upload.status'), 0, 'nothing was sent to it');
    isHostile = false;
    await remote.put('large', large);
    t.true(bench.fake.paths().includes('Signet/large'));
  });
}

test('an upload that goes forward and back again is given up', async t => {
  t.timeout(60_000);
  const bench = await driveBench(t);
  let chunks = 0;
  const remote = await before(t, bench, ({ method, url }, told, root) => {
    const { location } = told.headers;
    if (location !== undefined) told.headers.location = location.replace(bench.fake.root, root);
    if (method !== 'PUT' || !url.pathname.startsWith('/upload/')) return;
    // Half of it is kept whenever bytes are sent, then there is trouble, and nothing is kept whenever it is asked how far they got.
    chunks += 1;
    if (chunks > 60) return;
    const turn = chunks % 3;
    told.body = Buffer.alloc(0);
    told.status = turn === 2 ? 503 : 308;
    told.headers = turn === 1 ? { range: 'bytes=0-262143' } : {};
  });
  await t.throwsAsync(remote.put('large', large), { code: 'E_UNREACHABLE' });
  t.true(chunks <= 30, `${chunks} requests`);
});

test('a redirect of a call or of a download is followed nowhere', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('c'));
  let elsewhere = 0;
  const other = createServer((_, answer) => {
    elsewhere += 1;
    answer.end('{}');
  });
  other.listen(0, '127.0.0.1');
  await new Promise(resolve => other.once('listening', resolve));
  t.teardown(() => other.close());
  const remote = await before(t, bench, (_, told) => {
    told.status = 307;
    told.headers = { location: `http://127.0.0.1:${(other.address() as AddressInfo).port}/` };
  });
  await t.throwsAsync(remote.stat('config'), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(remote.put('index/a', utf8('a')), { code: 'E_UNREACHABLE' });
  t.is(elsewhere, 0);
});

for (const [what, body] of Object.entries({
  'a page': '<html>Sign in to the hotel ya29.token</html>',
  'a list': '[]',
  nothing: '',
  'a number': '7',
  'deep nesting': `${'['.repeat(100_000)}`,
})) {
  test(`${what} in place of an answer is no answer, quoted nowhere, and passes`, async t => {
    const bench = await driveBench(t);
    await bench.remote.put('config', utf8('c'));
    const remote = await before(t, bench, ({ url }, told) => {
      if (!url.pathname.startsWith('/drive/')) return;
      told.body = Buffer.from(body);
      delete told.headers['content-encoding'];
    });
    for (const call of [() => remote.stat('config'), () => remote.about(), () => remote.put('index/a', utf8('a'))]) {
      const thrown = await t.throwsAsync(call(), { code: 'E_UNREACHABLE' });
      t.notRegex(inspect(thrown, { depth: 9, showHidden: true }), /ya29/);
    }
  });
}

test('a feed that never ends is left for a whole listing', async t => {
  t.timeout(60_000);
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('c'));
  let pages = 0;
  let isHostile = false;
  const remote = await before(t, bench, ({ url }, told) => {
    if (!isHostile || url.pathname !== '/drive/v3/changes') return;
    pages += 1;
    const changes = Array.from({ length: 1000 }, (_, index) => ({
      fileId: `x${pages}-${index}`,
      removed: true,
      changeType: 'file',
      time: '2026-01-01T00:00:00.000Z',
    }));
    // Left to itself after a while, so that a reader without a bound ends, too.
    told.body = Buffer.from(
      JSON.stringify({ changes, ...(pages < 2000 ? { nextPageToken: `p${pages}` } : { newStartPageToken: '7' }) }),
    );
    told.headers = {};
    told.status = 200;
  });
  t.is((await remote.stat('config'))?.sizeBytes, 1);
  await remote.put('index/a', utf8('a')); // what was looked at before is no answer any more
  isHostile = true;
  const fresh = await remote.stat('index/none');
  t.is(fresh, undefined);
  t.true(pages > 0 && pages <= 500, `${pages} pages`);
  t.is((await remote.stat('config'))?.sizeBytes, 1);
});
