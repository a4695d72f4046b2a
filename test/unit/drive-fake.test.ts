// The fake of Google Drive: where it must be as strict as the real service, for a client that is tested with it to be any good.

import { createHash } from 'node:crypto';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { type DriveFake, type DriveFakeOptions, startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { manualClock } from '../support/manual-clock.ts';

const test = anyTest as TestFn;
const folderType = 'application/vnd.google-apps.folder';
const scope = 'https://www.googleapis.com/auth/drive.file';

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at by assertions
  readonly json: any;
  readonly bytes: Buffer;
}

interface Asking {
  readonly fake: DriveFake;
  /** With a live token of the usual client. */
  ask(
    method: string,
    path: string,
    options?: { body?: object | Uint8Array; headers?: Record<string, string> },
  ): Promise<Answered>;
  token(form: Record<string, string>): Promise<Answered>;
  newId(): Promise<string>;
  newFolder(name: string, parent?: string): Promise<string>;
  newFile(name: string, bytes: Uint8Array, parent: string, id?: string): Promise<Answered>;
}

async function answered(response: Response): Promise<Answered> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    json: isJson ? JSON.parse(bytes.toString()) : undefined,
  };
}

async function asking(t: ExecutionContext, options: DriveFakeOptions = {}): Promise<Asking> {
  const fake = await startDriveFake(options);
  t.teardown(() => fake.close());
  const token: Asking['token'] = async form =>
    answered(await fetch(`${fake.root}token`, { method: 'POST', body: new URLSearchParams(form) }));
  const connection = fake.connection();
  const { json } = await token({
    grant_type: 'refresh_token',
    client_id: connection.clientId,
    client_secret: connection.clientSecret,
    refresh_token: connection.refreshToken,
  });
  const authorization = `Bearer ${json.access_token}`;
  const ask: Asking['ask'] = async (method, path, { body, headers } = {}) => {
    const isJson = body !== undefined && !(body instanceof Uint8Array);
    const response = await fetch(path.startsWith('http') ? path : `${fake.root}${path}`, {
      method,
      headers: { authorization, ...(isJson && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isJson ? JSON.stringify(body) : Uint8Array.from(body) }),
    });
    return answered(response);
  };
  const newId = async (): Promise<string> => (await ask('GET', 'drive/v3/files/generateIds?count=1')).json.ids[0];
  return {
    fake,
    ask,
    token,
    newId,
    async newFolder(name, parent = 'root') {
      const body = { name, mimeType: folderType, parents: [parent] };
      return (await ask('POST', 'drive/v3/files?fields=id', { body })).json.id;
    },
    newFile(name, bytes, parent, id) {
      const part = `--b\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify({ name, parents: [parent], id })}\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n`;
      return ask('POST', 'upload/drive/v3/files?uploadType=multipart&fields=id,size,sha256Checksum', {
        body: Buffer.concat([Buffer.from(part), bytes, Buffer.from('\r\n--b--\r\n')]),
        headers: { 'content-type': 'multipart/related; boundary=b' },
      });
    },
  };
}

const verifier = 'v'.repeat(43);
const challenge = createHash('sha256').update(verifier).digest('base64url');

async function consented(fake: DriveFake, changes: Record<string, string> = {}): Promise<URL> {
  const url = new URL('o/oauth2/v2/auth', fake.root);
  const params = {
    client_id: fake.client.id,
    redirect_uri: 'http://127.0.0.1:9999/',
    response_type: 'code',
    scope,
    state: 's'.repeat(22),
    code_challenge: challenge,
    code_challenge_method: 'S256',
    access_type: 'offline',
    ...changes,
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const response = await fetch(url, { redirect: 'manual' });
  return new URL(response.headers.get('location') ?? `error:${response.status}`);
}

function exchange(fake: DriveFake, code: string | null, changes: Record<string, string> = {}): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    client_id: fake.client.id,
    client_secret: fake.client.secret,
    redirect_uri: 'http://127.0.0.1:9999/',
    code: code ?? '',
    code_verifier: verifier,
    ...changes,
  };
}

test('a sign-in ends with both tokens, and its code is good for one use', async t => {
  const { fake, token } = await asking(t);
  const location = await consented(fake);
  t.is(location.searchParams.get('state'), 's'.repeat(22));
  const form = exchange(fake, location.searchParams.get('code'));
  const { status, json } = await token(form);
  t.is(status, 200);
  t.like(json, { scope, token_type: 'Bearer', expires_in: 3599 });
  t.truthy(json.refresh_token);
  t.like((await token(form)).json, { error: 'invalid_grant' });
});

for (const [what, changes, error] of [
  ['another verifier', { code_verifier: 'w'.repeat(43) }, 'invalid_grant'],
  ['another redirect address', { redirect_uri: 'http://127.0.0.1:9998/' }, 'redirect_uri_mismatch'],
  ['another secret', { client_secret: 'guessed' }, 'invalid_client'],
  ['no secret', { client_secret: '' }, 'invalid_request'],
  ['another client', { client_id: '300-none.apps.googleusercontent.com' }, 'invalid_client'],
] as const) {
  test(`a code with ${what} gives no token`, async t => {
    const { fake, token } = await asking(t);
    const code = (await consented(fake)).searchParams.get('code');
    const { status, json } = await token(exchange(fake, code, changes));
    t.true(status === 400 || status === 401);
    t.is(json.error, error);
  });
}

test('a second sign-in brings a refresh token only where consent is asked for', async t => {
  const { fake, token } = await asking(t);
  const again = async (changes: Record<string, string>): Promise<boolean> => {
    const code = (await consented(fake, changes)).searchParams.get('code');
    return 'refresh_token' in (await token(exchange(fake, code))).json;
  };
  t.true(await again({}));
  t.false(await again({}));
  t.true(await again({ prompt: 'consent' }));
});

test('people deny, untick and use another account, as they are told', async t => {
  const { fake } = await asking(t);
  fake.set({ deny: true });
  t.is((await consented(fake)).searchParams.get('error'), 'access_denied');
  fake.set({ deny: false, grantScopes: [], wrongState: true });
  const location = await consented(fake);
  t.is(location.searchParams.get('scope'), '');
  t.not(location.searchParams.get('state'), 's'.repeat(22));
});

test('the device flow is pending, asks to slow down and ends with tokens', async t => {
  const clock = manualClock();
  const { fake, token } = await asking(t, { clock });
  const form = (client: { id: string }): URLSearchParams => new URLSearchParams({ client_id: client.id, scope });
  const ask = (body: URLSearchParams): Promise<Response> => fetch(`${fake.root}device/code`, { method: 'POST', body });
  t.is((await ask(form(fake.client))).status, 401);
  const { json } = await answered(await ask(form(fake.deviceClient)));
  t.like(json, { interval: 5 });
  const poll = (): Promise<Answered> =>
    token({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: fake.deviceClient.id,
      client_secret: fake.deviceClient.secret,
      device_code: json.device_code,
    });
  t.like(await poll(), { status: 428, json: { error: 'authorization_pending' } });
  t.like(await poll(), { status: 403, json: { error: 'slow_down' } });
  clock.advance(5000);
  t.truthy((await poll()).json.refresh_token);
});

test('a token that is over is refused, and one that is revoked takes its whole grant along', async t => {
  const clock = manualClock();
  const { fake, ask, token } = await asking(t, { clock, settings: { tokenTtlSec: 2 } });
  t.is((await ask('GET', 'drive/v3/files/generateIds')).status, 200);
  clock.advance(2000);
  const late = await ask('GET', 'drive/v3/files/generateIds');
  t.like(late, { status: 401, json: { error: { code: 401, errors: [{ reason: 'authError' }] } } });
  const [one, two] = [fake.connection(), fake.connection()];
  const revoked = await fetch(`${fake.root}revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: one.refreshToken }),
  });
  t.is(revoked.status, 200);
  const { json } = await token({
    grant_type: 'refresh_token',
    client_id: two.clientId,
    client_secret: two.clientSecret,
    refresh_token: two.refreshToken,
  });
  t.is(json.error, 'invalid_grant');
});

for (const q of [
  'nonsense',
  "title = 'x'",
  'name = "x"',
  "name = 'x",
  "('x' in parents",
  "trashed = 'false'",
  "appProperties has { key='a' }",
  "name like 'x' and trashed = false",
]) {
  test(`the search ${q} is refused`, async t => {
    const { ask } = await asking(t);
    const { status, json } = await ask('GET', `drive/v3/files?fields=files(id)&q=${encodeURIComponent(q)}`);
    t.is(status, 400);
    t.is(json.error.errors[0].location, 'q');
  });
}

test('searches find by parent, name in any case, type, property and trash', async t => {
  const { fake, ask } = await asking(t);
  const parent = fake.seedFolder('Signet', { appProperties: { signetRepo: 'abc' } });
  const a = fake.seedFile("It's", new Uint8Array(1), { parent });
  const b = fake.seedFile('b', new Uint8Array(1), { parent });
  fake.patchFile(b, { trashed: true });
  const found = async (q: string): Promise<readonly string[]> => {
    const { json } = await ask('GET', `drive/v3/files?fields=files(id)&q=${encodeURIComponent(q)}`);
    return json.files.map(({ id }: { id: string }) => id).sort();
  };
  t.deepEqual(await found(`'${parent}' in parents and trashed = false`), [a]);
  t.deepEqual(await found(`'${parent}' in parents and (trashed=true or name='IT\\'S')`), [a, b].sort());
  t.deepEqual(await found(`'root' in parents and mimeType = '${folderType}' and trashed = false`), [parent]);
  t.deepEqual(await found("appProperties has { key='signetRepo' and value='abc' } and not trashed = true"), [parent]);
  t.deepEqual(await found("appProperties has { key='signetRepo' and value='ABC' } and trashed = false"), []);
});

test('an answer holds what was asked for and no more, and unknown fields are refused', async t => {
  const { fake, ask } = await asking(t);
  const id = fake.seedFile('x', new Uint8Array(5));
  t.deepEqual(Object.keys((await ask('GET', `drive/v3/files/${id}`)).json), ['kind', 'id', 'name', 'mimeType']);
  t.deepEqual((await ask('GET', `drive/v3/files/${id}?fields=size,capabilities(canEdit)`)).json, {
    size: '5',
    capabilities: { canEdit: true },
  });
  t.deepEqual((await ask('GET', `drive/v3/files/${id}?fields=capabilities/canEdit`)).json, {
    capabilities: { canEdit: true },
  });
  t.is((await ask('GET', `drive/v3/files/${id}?fields=sise`)).status, 400);
  t.is((await ask('GET', `drive/v3/files/${id}?field=size`)).status, 400);
  fake.seedFile('y', new Uint8Array(5));
  const list = await ask('GET', "drive/v3/files?pageSize=1&fields=files(id)&q='root'+in+parents+and+trashed=false");
  t.deepEqual(Object.keys(list.json), ['files']);
  t.is((await ask('GET', 'drive/v3/about')).json.error.errors[0].reason, 'required');
  t.deepEqual((await ask('GET', 'drive/v3/about?fields=storageQuota(usage,limit)')).json, {
    storageQuota: { usage: '10', limit: String(15 * 1024 ** 3) },
  });
});

test('every file is on exactly one page, though pages are short or empty', async t => {
  const { fake, ask } = await asking(t, { settings: { shortPages: true } });
  const parent = fake.seedFolder('many');
  for (let i = 0; i < 300; i++) fake.seedFile(`f${i}`, new Uint8Array(0), { parent });
  const names: string[] = [];
  let pages = 0;
  let pageToken: string | undefined;
  do {
    const q = encodeURIComponent(`'${parent}' in parents and trashed = false`);
    const next = pageToken === undefined ? '' : `&pageToken=${encodeURIComponent(pageToken)}`;
    const { json } = await ask('GET', `drive/v3/files?pageSize=100&fields=nextPageToken,files(name)&q=${q}${next}`);
    names.push(...json.files.map(({ name }: { name: string }) => name));
    pageToken = json.nextPageToken;
    pages++;
  } while (pageToken !== undefined);
  t.is(new Set(names).size, 300);
  t.is(names.length, 300);
  t.true(pages > 3);
  t.is((await ask('GET', 'drive/v3/files?fields=files(id)&pageSize=1001&q=trashed=false')).status, 400);
});

test('an id makes one file, also when it is used again, and nobody makes up ids', async t => {
  const { fake, ask, newId, newFile } = await asking(t);
  const id = await newId();
  t.is((await newFile('config', Buffer.from('one'), 'root', id)).json.id, id);
  const again = await newFile('config', Buffer.from('one'), 'root', id);
  t.like(again, { status: 409, json: { error: { errors: [{ reason: 'fileIdInUse' }] } } });
  const headers = { 'x-upload-content-length': '3' };
  const start = await ask('POST', 'upload/drive/v3/files?uploadType=resumable&fields=id', { body: { id }, headers });
  t.is(start.status, 409);
  t.is((await newFile('config', Buffer.from('one'), 'root', 'made-up-id')).status, 400);
  t.deepEqual(fake.paths(), ['config']);
});

test('binary bytes come back as they were sent, with their checksums', async t => {
  const { fake, ask, newFile } = await asking(t);
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 256));
  const { json } = await newFile('pack', bytes, 'root');
  t.is(json.sha256Checksum, createHash('sha256').update(bytes).digest('hex'));
  t.true((await ask('GET', `drive/v3/files/${json.id}?alt=media`)).bytes.equals(bytes));
  const part = await ask('GET', `drive/v3/files/${json.id}?alt=media`, { headers: { range: 'bytes=10-19' } });
  t.is(part.status, 206);
  t.is(part.headers.get('content-range'), 'bytes 10-19/70000');
  t.true(part.bytes.equals(bytes.subarray(10, 20)));
  const beyond = await ask('GET', `drive/v3/files/${json.id}?alt=media`, { headers: { range: 'bytes=70000-' } });
  t.is(beyond.status, 416);
  const empty = fake.seedFile('empty', new Uint8Array(0));
  t.is((await ask('GET', `drive/v3/files/${empty}?alt=media`, { headers: { range: 'bytes=0-0' } })).status, 416);
});

async function session(asked: Asking, total: number): Promise<string> {
  const { headers } = await asked.ask('POST', 'upload/drive/v3/files?uploadType=resumable&fields=id,size', {
    body: { name: 'pack', id: await asked.newId() },
    headers: { 'x-upload-content-length': String(total) },
  });
  return headers.get('location') ?? '';
}

test('a resumable upload tells what it kept and goes on from there', async t => {
  const asked = await asking(t);
  const unit = 256 * 1024;
  const total = unit * 4 + 5;
  const bytes = Buffer.alloc(total, 7);
  const address = await session(asked, total);
  const put = (range: string, body: Uint8Array = new Uint8Array(0)): Promise<Answered> =>
    asked.ask('PUT', address, { body, headers: { 'content-range': range } });
  const none = await put(`bytes */${total}`);
  t.is(none.status, 308);
  t.is(none.headers.get('range'), null);
  asked.fake.fault({ do: 'partialAccept', share: 0.5 });
  const some = await put(`bytes 0-${unit * 2 - 1}/${total}`, bytes.subarray(0, unit * 2));
  t.is(some.status, 308);
  t.is(some.headers.get('range'), `bytes=0-${unit - 1}`);
  t.is((await put(`bytes ${unit * 2}-${total - 1}/${total}`, bytes.subarray(unit * 2))).status, 400);
  t.is((await put(`bytes ${unit}-${unit + 99}/${total}`, bytes.subarray(0, 100))).status, 400);
  t.is((await put(`bytes ${unit}-${total - 1}/${total + 1}`, bytes.subarray(unit))).status, 400);
  t.is(asked.fake.violations.length, 3);
  const last = await put(`bytes ${unit}-${total - 1}/${total}`, bytes.subarray(unit));
  t.like(last, { status: 200, json: { size: String(total) } });
  t.is((await put(`bytes */${total}`)).status, 200);
  t.is(asked.fake.files()[0]?.sizeBytes, total);
});

test('an upload that breaks keeps whole multiples of 256 KiB, and one whose session is lost begins anew', async t => {
  const asked = await asking(t);
  const total = 3_000_000;
  const address = await session(asked, total);
  asked.fake.fault({ do: 'resetMidUpload', share: 0.5 });
  await t.throwsAsync(asked.ask('PUT', address, { body: Buffer.alloc(total) }));
  const status = await asked.ask('PUT', address, { headers: { 'content-range': `bytes */${total}` } });
  t.is(status.headers.get('range'), `bytes=0-${5 * 262_144 - 1}`);
  asked.fake.fault({ do: 'sessionLost' });
  t.is((await asked.ask('PUT', address, { headers: { 'content-range': `bytes */${total}` } })).status, 404);
  t.is((await asked.ask('PUT', address, { body: Buffer.alloc(total) })).status, 404);
});

test('a lost answer is lost after the work was done', async t => {
  const { fake, newFile, newId } = await asking(t);
  const id = await newId();
  fake.fault({ do: 'dropResponse', on: 'files.create.*' });
  await t.throwsAsync(newFile('config', Buffer.from('x'), 'root', id));
  t.deepEqual(fake.paths(), ['config']);
  t.is((await newFile('config', Buffer.from('x'), 'root', id)).status, 409);
});

test('lists and changes tell late what was made and changed, while a get knows it', async t => {
  const clock = manualClock();
  const { fake, ask, newFolder } = await asking(t, { clock, settings: { listLagMs: 5000 } });
  const from = (await ask('GET', 'drive/v3/changes/startPageToken')).json.startPageToken;
  const id = await newFolder('data');
  const q = encodeURIComponent("'root' in parents and trashed = false");
  const listed = async (): Promise<number> =>
    (await ask('GET', `drive/v3/files?fields=files(id)&q=${q}`)).json.files.length;
  const changed = async (): Promise<number> =>
    (await ask('GET', `drive/v3/changes?fields=changes,newStartPageToken&pageToken=${from}`)).json.changes.length;
  t.deepEqual([await listed(), await changed()], [0, 0]);
  t.is((await ask('GET', `drive/v3/files/${id}?fields=name`)).json.name, 'data');
  clock.advance(5000);
  t.deepEqual([await listed(), await changed()], [1, 1]);
  t.is((await ask('DELETE', `drive/v3/files/${id}`)).status, 204);
  t.is((await ask('GET', `drive/v3/files/${id}?fields=name`)).status, 404);
  t.is(await listed(), 1);
  clock.advance(5000);
  t.is(await listed(), 0);
  const { json } = await ask(
    'GET',
    `drive/v3/changes?fields=changes(removed,fileId),newStartPageToken&pageToken=${from}`,
  );
  t.deepEqual(json.changes, [{ removed: true, fileId: id }]);
  t.is(fake.violations.length, 0);
});

test('a folder in the trash takes along what is in it, and a client sees only what its project made', async t => {
  const { fake, ask } = await asking(t);
  const folder = fake.seedFolder('Signet');
  const inside = fake.seedFile('config', new Uint8Array(3), { parent: folder });
  await ask('PATCH', `drive/v3/files/${folder}?fields=id`, { body: { trashed: true } });
  t.deepEqual((await ask('GET', `drive/v3/files/${inside}?fields=trashed,explicitlyTrashed`)).json, {
    trashed: true,
    explicitlyTrashed: false,
  });
  fake.patchFile(inside, { project: null });
  t.is((await ask('GET', `drive/v3/files/${inside}?fields=id`)).status, 404);
  t.is((await ask('GET', 'drive/v3/files/root?fields=id')).status, 404);
  const foreign = fake.seedFolder('Photos', { project: null });
  const q = encodeURIComponent(`'${foreign}' in parents and trashed = false`);
  t.is((await ask('GET', `drive/v3/files?fields=files(id)&q=${q}`)).status, 404);
});

test('a file moves from one parent to another and never has two', async t => {
  const { fake, ask } = await asking(t);
  const [one, two] = [fake.seedFolder('one'), fake.seedFolder('two')];
  const id = fake.seedFile('x', new Uint8Array(1), { parent: one });
  t.is((await ask('PATCH', `drive/v3/files/${id}?fields=id&addParents=${two}`)).status, 403);
  t.is((await ask('PATCH', `drive/v3/files/${id}?fields=id`, { body: { parents: [two] } })).status, 403);
  const moved = await ask('PATCH', `drive/v3/files/${id}?fields=parents&addParents=${two}&removeParents=${one}`);
  t.deepEqual(moved.json.parents, [two]);
});

test('a full account takes no more bytes, and says so before they are sent', async t => {
  const asked = await asking(t, { settings: { quotaLimit: 1000, usedElsewhere: 400 } });
  t.is((await asked.newFile('small', Buffer.alloc(600), 'root')).status, 200);
  const { status, json } = await asked.newFile('more', Buffer.alloc(1), 'root');
  t.is(status, 403);
  t.is(json.error.errors[0].reason, 'storageQuotaExceeded');
  const start = await asked.ask('POST', 'upload/drive/v3/files?uploadType=resumable&fields=id', {
    body: { name: 'x' },
    headers: { 'x-upload-content-length': '1' },
  });
  t.is(start.status, 403);
  asked.fake.set({ quotaLimit: null });
  t.deepEqual((await asked.ask('GET', 'drive/v3/about?fields=storageQuota(limit,usage)')).json, {
    storageQuota: { usage: '1000' },
  });
});

test('chance fails the same share of requests in the same order under the same seed', async t => {
  const outcome = async (): Promise<readonly number[]> => {
    const { fake, ask } = await asking(t, { seed: 'chance' });
    fake.set({ rates: { '*': 0.2 } });
    const all: number[] = [];
    for (let i = 0; i < 100; i++) {
      all.push(
        await ask('GET', 'drive/v3/files/generateIds').then(
          ({ status }) => status,
          () => 0,
        ),
      );
    }
    return all;
  };
  const first = await outcome();
  t.deepEqual(await outcome(), first);
  const failed = first.filter(status => status !== 200).length;
  t.true(failed > 10 && failed < 35, String(failed));
});

test('offences that the real service overlooks are noted', async t => {
  const clock = manualClock();
  const { fake, ask } = await asking(t, { clock, settings: { retryAfterSec: 2 } });
  await ask('GET', 'drive/v3/files');
  fake.fault({ do: 'error', on: 'about', error: '403q' });
  const limited = await ask('GET', 'drive/v3/about?fields=user');
  t.is(limited.headers.get('retry-after'), '2');
  clock.advance(1000);
  await ask('GET', 'drive/v3/about?fields=user');
  t.deepEqual(
    fake.violations.map(({ rule }) => rule),
    ['a list without fields', 'a list that says nothing of the trash', 'a request before Retry-After was over'],
  );
});
