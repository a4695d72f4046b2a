// Rows 23 to 25: what answers in place of Drive or of an S3 server, over real HTTP on this computer, and uploads that are lied about.

import { randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { systemClock } from '../../daemon/base/clock.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { createS3Remote } from '../../daemon/remotes/s3/s3.ts';
import { driveBench } from '../support/drive-bench.ts';
import { flipped, removedBesideOwnLocks } from '../support/hostile-remote.ts';
import { jobBench, writeFiles } from '../support/job-bench.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { memoryObjects } from '../support/memory-objects.ts';
import { until } from '../support/repository.ts';
import { row } from '../support/rows.ts';

const maxBytes = 1024 * 1024;

async function keysOf(remote: Remote): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.list('')) keys.push(key);
  return keys.sort();
}

row(23, 'doubles, folders, trash and foreign names: the right content is read, nothing foreign is removed', async t => {
  const { fake, remote, options, open } = await driveBench(t);
  const bytes = new Uint8Array(randomBytes(3000));
  const id = sha256Hex(bytes);
  await remote.put(`index/${id}`, bytes);
  const parent = fake.files().find(({ path }) => path === 'Signet/index')?.id ?? '';
  const root = options.connection.folderId ?? '';
  const foreign = [
    fake.seedFile(id, new Uint8Array(randomBytes(3000)), { parent }),
    fake.seedFolder(id, { parent }),
    fake.seedFile('a/b', utf8('x'), { parent: root }),
    fake.seedFile('../config', utf8('x'), { parent: root }),
    fake.seedFile('Dokument ohne Titel', utf8(''), { parent: root, project: null }),
  ];
  const trashed = fake.seedFile('f'.repeat(64), utf8('x'), { parent });
  fake.patchFile(trashed, { trashed: true });
  for (const each of [remote, open({ objects: memoryObjects() })]) {
    t.deepEqual(Buffer.from(await each.get(`index/${id}`, { maxBytes })), Buffer.from(bytes));
    t.deepEqual(await keysOf(each), [`index/${id}`]);
  }
  for (const each of foreign) t.false(fake.files().find(file => file.id === each)?.isTrashed ?? true, each);
  t.is(fake.count('files.delete'), 0);
});

row(23, 'ten thousand foreign files beside the copies: passed over, none is touched', async t => {
  t.timeout(120_000);
  const { fake, remote, options, open } = await driveBench(t);
  await remote.put('config', utf8('c'));
  const parent = options.connection.folderId ?? '';
  for (let number = 0; number < 10_000; number++) fake.seedFile(`Größe ${number}.jpg`, utf8('x'), { parent });
  const before = fake.files().length;
  t.deepEqual(await keysOf(open({ objects: memoryObjects() })), ['config']);
  t.is(fake.files().length, before);
  t.is(fake.count('files.delete') + fake.count('files.update'), 0);
});

interface Told {
  readonly url: string;
  readonly authorization: string;
}

/** An HTTP server that answers a download as it likes. */
async function server(t: ExecutionContext, answer: (response: ServerResponse, asked: Told) => void) {
  const asked: Told[] = [];
  const http = createServer((request, response) => {
    const told = { url: request.url ?? '', authorization: String(request.headers.authorization ?? '') };
    asked.push(told);
    request.resume();
    response.on('error', () => undefined);
    answer(response, told);
  });
  http.listen(0, '127.0.0.1');
  await new Promise(resolve => http.once('listening', resolve));
  t.teardown(() => {
    http.closeAllConnections();
    http.close();
  });
  return { root: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, asked };
}

type Kind = 'drive' | 's3';

/** An object of 3000 bytes, in a place whose downloads are answered so. */
async function hostile(
  t: ExecutionContext,
  kind: Kind,
  answer: (response: ServerResponse, content: Buffer) => void,
  clock?: ManualClock,
) {
  const content = randomBytes(3000);
  const time = clock ?? systemClock;
  if (kind === 's3') {
    const front = await server(t, response => answer(response, content));
    const remote = createS3Remote({
      place: { endpoint: front.root, bucket: 'chats', prefix: 'signet' },
      connection: {
        v: 1,
        kind: 's3',
        region: null,
        pathStyle: true,
        keys: { accessKeyId: 'A'.repeat(16), secretAccessKey: 'B'.repeat(32) },
      },
      clock: time,
      randomBytes,
      chain: undefined,
    });
    return { content, front, get: () => remote.get('index/a', { maxBytes }) };
  }
  const bench = await driveBench(t);
  await bench.remote.put('index/a', content);
  const front = await server(t, response => answer(response, content));
  const remote = bench.open({ endpoints: googleEndpoints(`${front.root}/`), clock: time });
  return { content, front, get: () => remote.get('index/a', { maxBytes }) };
}

const answers: readonly (readonly [string, RegExp, (response: ServerResponse, content: Buffer) => void])[] = [
  [
    'cut, with 200 and the length of what is left',
    /^E_(UNREACHABLE|OBJECT_ID|MISSING)$/,
    (response, content) => response.writeHead(200, { 'content-length': 1000 }).end(content.subarray(0, 1000)),
  ],
  [
    'cut, with a length that promises more',
    /^E_UNREACHABLE$/,
    (response, content) => {
      response.writeHead(200, { 'content-length': 3000 });
      response.write(content.subarray(0, 10));
      setImmediate(() => response.destroy());
    },
  ],
  [
    'longer than anything, with a length of 2^53',
    /^E_(OBJECT_LIMIT|OBJECT_ID|UNREACHABLE|MISSING)$/,
    response => {
      response.writeHead(200, { 'content-length': 2 ** 53 - 1 });
      response.write(randomBytes(4096));
    },
  ],
  [
    'a bomb in the encoding of the transport',
    /^E_(OBJECT_LIMIT|OBJECT_ID|UNREACHABLE|MISSING)$/,
    response => {
      const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024));
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length }).end(bomb);
    },
  ],
];

for (const kind of ['drive', 's3'] as const) {
  for (const [what, code, answer] of answers) {
    row(24, `${kind}, a download that is ${what}: an error in time, never other bytes`, async t => {
      const place = await hostile(t, kind, answer);
      const before = process.memoryUsage().rss;
      const outcome = await place.get().then(
        bytes => (place.content.equals(bytes) ? 'the content' : kind === 's3' ? 'judged by its hash' : 'other bytes'),
        (error: { code: string }) => error.code,
      );
      // An S3 server tells no hash: what is whole by its own word is judged by whoever asked, by its name.
      t.true(code.test(outcome) || outcome === 'judged by its hash', outcome);
      t.true(process.memoryUsage().rss - before < 128 * 1024 * 1024);
      t.true(place.front.asked.length <= 40);
    });
  }

  row(24, `${kind}, a body without end: read no further than was asked for`, async t => {
    let sent = 0;
    const place = await hostile(t, kind, response => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const pour = (): void => {
        while (!response.destroyed && sent < 2 ** 28) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return;
        }
      };
      response.on('drain', pour);
      pour();
    });
    const outcome = await place.get().then(
      () => 'other bytes',
      (error: { code: string }) => error.code,
    );
    t.regex(outcome, /^E_/);
    t.true(sent < 64 * 1024 * 1024, `${sent} bytes were taken`);
  });

  row(24, `${kind}, a byte now and then: given up after a minute, as silence is`, async t => {
    const clock = manualClock(Date.now());
    let open: ServerResponse | undefined;
    const place = await hostile(
      t,
      kind,
      response => {
        open = response;
        response.writeHead(200, { 'content-length': 3000 });
        response.write('x');
      },
      clock,
    );
    const outcome = place.get().then(
      () => 'other bytes',
      (error: { code: string }) => error.code,
    );
    let isOver = false;
    outcome.then(() => {
      isOver = true;
    });
    await until(() => open !== undefined);
    let drips = 0;
    while (!isOver && drips < 40) {
      drips++;
      open?.write('x');
      await new Promise(resolve => setTimeout(resolve, 5));
      clock.advance(20_000);
      await new Promise(resolve => setImmediate(resolve));
    }
    t.is(await outcome, 'E_UNREACHABLE');
    t.true(drips < 40);
  });

  row(
    24,
    `${kind}, a redirect to another host or to this computer: not followed, and nothing secret goes there`,
    async t => {
      const other = await server(t, response => response.end('stolen'));
      const place = await hostile(t, kind, response => response.writeHead(307, { location: `${other.root}/x` }).end());
      await t.throwsAsync(place.get());
      t.deepEqual(other.asked, []);
    },
  );
}

row(25, 'snapshots that are not kept: the backup says so, and the next one is whole', async t => {
  const place = await jobBench(t);
  writeFiles(place.source, { 'a.txt': 'one' });
  const session = await place.open();
  await session.backUp();
  for (const folder of ['snapshots/', 'signet/heads/']) {
    for (const [code, script] of [
      ['E_MISSING', () => place.remote.forgetful(folder)],
      ['E_OBJECT_ID', () => place.remote.spoiling(folder, flipped(40))],
    ] as const) {
      script();
      writeFiles(place.source, { [`${folder.length}-${code}.txt`]: code });
      await t.throwsAsync(session.backUp(), { code }, `${folder} ${code}`);
      place.remote.honest();
    }
  }
  writeFiles(place.source, { 'b.txt': 'two' });
  const { snapshot } = await session.backUp();
  t.truthy(snapshot);
  const { tree } = await session.restore(snapshot);
  t.true(tree.has('/b.txt') && tree.has('/a.txt'));
  await session.close();
  t.deepEqual(removedBesideOwnLocks(place.remote), []);
});

row(
  25,
  'packs that are not kept, or kept as other bytes: verify names them, and the next backup stores what is missing',
  async t => {
    for (const [codes, script] of [
      [['E_MISSING'], (remote: { forgetful(prefix: string): void }) => remote.forgetful('data/')],
      [
        ['E_OBJECT_AUTH', 'E_OBJECT_ID'],
        (remote: { spoiling(prefix: string, change: (bytes: Uint8Array) => Uint8Array): void }) =>
          remote.spoiling('data/', flipped(30)),
      ],
    ] as const) {
      const place = await jobBench(t);
      writeFiles(place.source, { 'a.txt': 'one '.repeat(500) });
      const session = await place.open();
      script(place.remote);
      await session.backUp();
      place.remote.honest();
      const again = await place.open();
      const { ok, problems } = await again.verify();
      t.false(ok);
      t.true(
        problems.every(({ code }) => (codes as readonly string[]).includes(code)),
        JSON.stringify(problems),
      );
      writeFiles(place.source, { 'b.txt': 'two' });
      const { snapshot } = await again.backUp();
      if (codes.length === 1)
        t.deepEqual([...(await again.restore(snapshot)).tree.keys()].sort(), ['/a.txt', '/b.txt']);
      for (const each of [session, again]) await each.close();
      t.deepEqual(removedBesideOwnLocks(place.remote), []);
    }
  },
);
