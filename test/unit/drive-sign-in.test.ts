import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import { driveScope } from '../../daemon/remotes/drive/oauth.ts';
import { revoke, type SignInAsked, type SignInOptions, signIn } from '../../daemon/remotes/drive/sign-in.ts';
import { manualClock } from '../support/manual-clock.ts';
import { type Form, type Reply, tokenServer } from '../support/token-server.ts';

type Answers = { readonly [path: string]: (form: Form, count: number) => Reply };

const granted: Reply = {
  body: { access_token: 'access-secret', refresh_token: 'refresh-secret', expires_in: 3599, scope: driveScope },
};
const person: Reply = { body: { user: { permissionId: '42', emailAddress: 'anna@example.org' } } };
const refusal = (error: string, status = 400): Reply => ({ status, body: { error } });

const usual: Answers = {
  '/token': () => granted,
  '/revoke': () => ({ body: {} }),
  '/drive/v3/about': () => person,
  '/device/code': () => ({
    body: {
      device_code: 'device-secret',
      user_code: 'ABCD-EFGH',
      verification_url: 'https://www.google.example/device',
      expires_in: 1800,
      interval: 5,
    },
  }),
};

async function bench(t: ExecutionContext, changes: Answers = {}) {
  const counts = new Map<string, number>();
  const server = await tokenServer(t, form => {
    const path = form.path.replace(/\?.*$/, '');
    counts.set(path, (counts.get(path) ?? 0) + 1);
    const answer = changes[path] ?? usual[path];
    return answer?.(form, counts.get(path) ?? 0) ?? { status: 404, body: 'not there' };
  });
  const clock = manualClock();
  const endpoints = googleEndpoints(server.root);
  return {
    ...server,
    clock,
    endpoints,
    formsTo: (path: string) => server.asked.filter(form => form.path === path).map(({ values }) => values),
    /** Begins; resolves when the owner is asked. */
    begin(options: Partial<SignInOptions> = {}) {
      const asked = Promise.withResolvers<SignInAsked>();
      let byte = 0;
      const done = signIn({
        clientId: 'client-1',
        clientSecret: 'GOCSPX-secret',
        flow: 'browser',
        endpoints,
        clock,
        randomBytes: count => new Uint8Array(count).fill(++byte),
        place: 'Google Drive',
        onAsked: asked.resolve,
        ...options,
      });
      done.catch(asked.reject); // whoever waits to be asked would wait for ever
      asked.promise.catch(() => undefined);
      return { done, asked: asked.promise };
    },
  };
}

/** Comes back from Google as a browser does. */
async function visit(asked: SignInAsked, changes: Readonly<Record<string, string>> = {}, host?: string) {
  const query = new URL(asked.url).searchParams;
  const redirect = new URL(query.get('redirect_uri') ?? '');
  redirect.search = new URLSearchParams({ state: query.get('state') ?? '', code: '4/code', ...changes }).toString();
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; page: string; headers: object }>();
  httpRequest(redirect, { headers: host === undefined ? {} : { host } }, async response => {
    resolve({ status: response.statusCode ?? 0, page: await text(response), headers: response.headers });
  })
    .on('error', reject)
    .end();
  return promise;
}

async function fails(t: ExecutionContext, work: Promise<unknown>, expected: object): Promise<void> {
  const error = await t.throwsAsync(work, { instanceOf: SignetError });
  t.like(error, expected as Partial<SignetError>);
  t.notRegex(inspect(error, { depth: 20, showHidden: true }), /secret|4\/code/, 'nothing secret is in the error');
}

test('an owner who agrees in the browser is connected with one file scope, PKCE and state', async t => {
  const { begin, formsTo, root } = await bench(t);
  const { asked, done } = begin({ loginHint: 'anna@example.org' });
  const { url, expiresAt, userCode } = await asked;
  t.is(userCode, undefined);
  t.is(expiresAt, '2026-11-23T00:10:00.000Z');
  t.true(url.startsWith(`${root}o/oauth2/v2/auth?`));
  const query = Object.fromEntries(new URL(url).searchParams);
  t.like(query, {
    client_id: 'client-1',
    response_type: 'code',
    scope: 'https://www.googleapis.com/auth/drive.file',
    code_challenge_method: 'S256',
    access_type: 'offline',
    prompt: 'consent',
    login_hint: 'anna@example.org',
  });
  t.regex(query['redirect_uri'] ?? '', /^http:\/\/127\.0\.0\.1:\d+\/$/);
  const { status, page, headers } = await visit(await asked);
  t.is(status, 200);
  t.regex(page, /Google Drive is connected/);
  t.regex(page, /anna@example\.org\. You can close this page\./);
  t.like(headers, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
  t.notRegex(page, /4\/code|secret|<script/);
  t.deepEqual(await done, {
    v: 1,
    kind: 'drive',
    clientId: 'client-1',
    clientSecret: 'GOCSPX-secret',
    refreshToken: 'refresh-secret',
    accountId: '42',
    account: 'anna@example.org',
    grantedAt: Date.UTC(2026, 10, 23),
    folderId: null,
  });
  const [exchange] = formsTo('/token');
  t.like(exchange, {
    grant_type: 'authorization_code',
    code: '4/code',
    client_secret: 'GOCSPX-secret',
    redirect_uri: query['redirect_uri'],
  });
  const verifier = exchange?.['code_verifier'] ?? '';
  t.regex(verifier, /^[A-Za-z0-9._~-]{43,128}$/);
  t.is(query['code_challenge'], createHash('sha256').update(verifier).digest('base64url'));
  await t.throwsAsync(visit(await asked), { code: 'ECONNREFUSED' }, 'nobody listens any longer');
});

test('a visit that does not know the state, or comes by another name, changes nothing', async t => {
  const { begin, formsTo } = await bench(t);
  const { asked, done } = begin();
  const wrong = await visit(await asked, { state: 'A'.repeat(43) });
  t.is(wrong.status, 400);
  t.regex(wrong.page, /belongs to no sign-in/);
  t.is((await visit(await asked, { state: '' })).status, 400);
  t.is((await visit(await asked, {}, 'evil.example')).status, 404);
  t.is((await visit(await asked, { code: '' })).status, 400);
  t.deepEqual(formsTo('/token'), []);
  t.is((await visit(await asked)).status, 200);
  t.is((await done).accountId, '42');
});

test('a second visit is answered and has no effect', async t => {
  const second = Promise.withResolvers<{ status: number; page: string }>();
  let again: (() => void) | undefined;
  const { begin, formsTo } = await bench(t, {
    '/token': ({ values }) => {
      if (values['grant_type'] === 'authorization_code') again?.();
      return granted;
    },
  });
  const { asked, done } = begin();
  const where = await asked;
  again = () => visit(where, { code: 'other' }).then(second.resolve);
  await visit(where);
  t.like(await second.promise, { status: 400 });
  t.regex((await second.promise).page, /This sign-in is over/);
  await done;
  t.deepEqual(
    formsTo('/token').map(({ code = 'none' }) => code),
    ['4/code', 'none'],
  );
});

test('an owner who declines is believed', async t => {
  const { begin, formsTo } = await bench(t);
  const { asked, done } = begin();
  const failed = fails(t, done, { code: 'E_SIGN_IN', params: { place: 'Google Drive', why: 'declined' } });
  t.regex((await visit(await asked, { code: '', error: 'access_denied' })).page, /You did not agree/);
  await failed;
  t.deepEqual(formsTo('/token'), []);
});

test('a grant without the file scope is refused, and the page says so', async t => {
  const { begin, formsTo } = await bench(t, {
    '/token': () => ({ body: { ...(granted.body as object), scope: 'openid' } }),
  });
  const { asked, done } = begin();
  const failed = fails(t, done, { code: 'E_REMOTE_DENIED', params: { place: 'Google Drive', reason: 'scope' } });
  t.regex((await visit(await asked)).page, /was not connected/);
  await failed;
  t.is(formsTo('/token').length, 1);
});

test('another account than the one that holds the copies is refused, and its grant given back', async t => {
  const { begin, formsTo } = await bench(t);
  const { asked, done } = begin({ expectedAccountId: '41' });
  const params = { place: 'Google Drive', reason: 'other-account', account: 'anna@example.org' };
  const failed = fails(t, done, { code: 'E_REMOTE_DENIED', params });
  await visit(await asked);
  await failed;
  t.deepEqual(formsTo('/revoke'), [{ token: 'refresh-secret' }]);
});

test('the same account is welcome again', async t => {
  const { begin, formsTo } = await bench(t);
  const { asked, done } = begin({ expectedAccountId: '42' });
  await visit(await asked);
  t.is((await done).accountId, '42');
  t.deepEqual(formsTo('/revoke'), []);
});

test('a grant that Google will end is known to end', async t => {
  const week = 604_799;
  const { begin } = await bench(t, {
    '/token': () => ({ body: { ...(granted.body as object), refresh_token_expires_in: week } }),
  });
  const { asked, done } = begin();
  await visit(await asked);
  t.is((await done).endsAt, Date.UTC(2026, 10, 23) + week * 1000);
});

for (const [what, changes, expected] of [
  ['a client id that Google does not know', { '/token': () => refusal('invalid_client', 401) }, { why: 'client' }],
  ['a code that was used before', { '/token': () => refusal('invalid_grant') }, { why: 'refused' }],
] as const) {
  test(`${what} is told as such`, async t => {
    const { begin } = await bench(t, changes);
    const { asked, done } = begin();
    const failed = fails(t, done, { code: 'E_SIGN_IN', params: { place: 'Google Drive', ...expected } });
    await visit(await asked);
    await failed;
  });
}

test('a project without the Drive API is told as such', async t => {
  const body = { error: { code: 403, errors: [{ reason: 'accessNotConfigured' }], message: 'not enabled' } };
  const { begin } = await bench(t, { '/drive/v3/about': () => ({ status: 403, body }) });
  const { asked, done } = begin();
  const failed = fails(t, done, { code: 'E_REMOTE_DENIED', params: { place: 'Google Drive', reason: 'api-off' } });
  await visit(await asked);
  await failed;
});

test('lost answers send nobody back to the browser', async t => {
  const lossy = (reply: Reply) => (_: Form, count: number) => (count === 1 ? { body: undefined } : reply);
  const { begin, clock } = await bench(t, { '/token': lossy(granted), '/drive/v3/about': lossy(person) });
  const { asked, done } = begin();
  const page = visit(await asked);
  for (let lost = 0; lost < 2; lost += 1) {
    await clock.timerWithin(1000);
    clock.advance(1000);
  }
  t.is((await done).accountId, '42');
  t.regex((await page).page, /is connected/);
});

test('a sign-in that nobody answers is over after ten minutes', async t => {
  const { begin, clock } = await bench(t);
  const { asked, done } = begin();
  await asked;
  const failed = fails(t, done, { code: 'E_SIGN_IN', params: { place: 'Google Drive', why: 'late' } });
  clock.advance(10 * 60_000);
  await failed;
  await t.throwsAsync(visit(await asked), { code: 'ECONNREFUSED' });
});

test('a sign-in that is stopped listens no longer', async t => {
  const { begin } = await bench(t);
  const stop = new AbortController();
  const { asked, done } = begin({ signal: stop.signal });
  await asked;
  const failed = fails(t, done, { code: 'E_CANCELLED' });
  stop.abort(new SignetError('E_CANCELLED', 'stopped'));
  await failed;
  await t.throwsAsync(visit(await asked), { code: 'ECONNREFUSED' });
});

test('a code typed elsewhere is asked about at the pace that Google wants', async t => {
  const polls = ['authorization_pending', 'slow_down', 'trouble', 'authorization_pending'];
  const { begin, clock, formsTo } = await bench(t, {
    '/token': ({ values }) => {
      if (values['grant_type'] === 'refresh_token') return granted;
      const error = polls.shift();
      if (error === 'trouble') return refusal('internal_failure', 503);
      return error === undefined ? granted : refusal(error, error === 'slow_down' ? 403 : 428);
    },
  });
  const { asked, done } = begin({ flow: 'device' });
  t.deepEqual(await asked, {
    url: 'https://www.google.example/device',
    userCode: 'ABCD-EFGH',
    expiresAt: '2026-11-23T00:30:00.000Z',
  });
  for (const [index, seconds] of [5, 5, 10, 20, 20].entries()) {
    await clock.timerWithin(seconds * 1000);
    t.is(formsTo('/token').length, index, `asked ${index} times before ${seconds} more seconds`);
    clock.advance(seconds * 1000 - 1);
    t.is(formsTo('/token').length, index);
    clock.advance(1);
  }
  t.like(await done, { accountId: '42', refreshToken: 'refresh-secret' });
  t.deepEqual(formsTo('/device/code'), [{ client_id: 'client-1', scope: driveScope }]);
  t.like(formsTo('/token')[0], {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: 'device-secret',
    client_secret: 'GOCSPX-secret',
  });
});

for (const [error, why] of [
  ['access_denied', 'declined'],
  ['expired_token', 'late'],
  ['invalid_client', 'client'],
] as const) {
  test(`a code typed elsewhere that ends with ${error} is told as ${why}`, async t => {
    const { begin, clock } = await bench(t, { '/token': () => refusal(error, 403) });
    const { asked, done } = begin({ flow: 'device' });
    await asked;
    const failed = fails(t, done, { code: 'E_SIGN_IN', params: { place: 'Google Drive', why } });
    await clock.timerWithin(5000);
    clock.advance(5000);
    await failed;
  });
}

test('a code that nobody types is over when Google says so', async t => {
  const { begin, clock } = await bench(t, {
    '/device/code': () => ({
      body: { device_code: 'd', user_code: 'A', verification_url: 'https://g.example/', expires_in: 4, interval: 5 },
    }),
  });
  const { asked, done } = begin({ flow: 'device' });
  await asked;
  const failed = fails(t, done, { code: 'E_SIGN_IN', params: { place: 'Google Drive', why: 'late' } });
  await clock.timerWithin(5000);
  clock.advance(5000);
  await failed;
});

test('a place to type a code at that is no web page is not shown', async t => {
  const { begin, clock } = await bench(t, {
    '/device/code': () => ({
      body: { device_code: 'd', user_code: 'A', verification_url: 'file:///bin/sh', expires_in: 4 },
    }),
  });
  const { done } = begin({ flow: 'device' });
  await fails(t, done, { code: 'E_UNREACHABLE' });
  t.is(clock.monotonic(), 0);
});

test('a grant is given back, also one that is over', async t => {
  const { endpoints, clock, formsTo } = await bench(t, { '/revoke': () => refusal('invalid_token') });
  await revoke({ refreshToken: 'refresh-secret' }, { endpoints, clock, place: 'Google Drive' });
  t.deepEqual(formsTo('/revoke'), [{ token: 'refresh-secret' }]);
});
