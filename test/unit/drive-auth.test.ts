import { inspect } from 'node:util';
import { drive } from '@googleapis/drive';
import test, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import type { DriveConnection } from '../../daemon/remotes/connection.ts';
import { DriveAuth, whyEnded } from '../../daemon/remotes/drive/auth.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import { manualClock } from '../support/manual-clock.ts';
import { type Form, type Reply, tokenServer } from '../support/token-server.ts';

const connection: DriveConnection = {
  v: 1,
  kind: 'drive',
  clientId: 'client-1.apps.example',
  clientSecret: 'GOCSPX-secret',
  refreshToken: '1//refresh-secret',
  accountId: '42',
  account: 'anna@example.org',
  folderId: null,
};

async function bench(
  t: ExecutionContext,
  answer: (form: Form, count: number) => Reply | Promise<Reply> = (_, count) => granted(count),
  changes: Partial<DriveConnection> = {},
) {
  const server = await tokenServer(t, answer);
  const clock = manualClock();
  const endpoints = googleEndpoints(server.root);
  const auth = new DriveAuth({
    connection: { ...connection, ...changes },
    endpoints,
    clock,
    place: 'Google Drive',
  });
  return { ...server, clock, auth, endpoints };
}

const granted = (count: number, seconds = 3600): Reply => ({
  body: { access_token: `token-${count}`, expires_in: seconds, token_type: 'Bearer' },
});
const refusal = (error: string, status = 400): Reply => ({ status, body: { error, error_description: 'Gone.' } });

async function failure(t: ExecutionContext, work: Promise<unknown>): Promise<SignetError> {
  const error = await t.throwsAsync(work, { instanceOf: SignetError });
  if (error === undefined) throw new Error('nothing was thrown');
  const whole = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
  t.notRegex(whole, /secret/, 'nothing of the grant is in the error, nor behind it');
  return error;
}

for (const root of [
  'https://evil.example/',
  'http://10.0.0.1:80/',
  'http://127.0.0.1.evil.example/',
  'http://user:pass@127.0.0.1:1/',
  'http://127.0.0.1:1/path/',
  'http://127.0.0.1:1/?to=x',
  'file:///etc/passwd',
  'localhost:80',
]) {
  test(`Google is not moved to ${root}`, t => {
    t.like(
      t.throws(() => googleEndpoints(root), { instanceOf: SignetError }),
      { code: 'E_USAGE' },
    );
  });
}

test('Google is where it is, or below a root on this computer', t => {
  t.is(googleEndpoints(undefined).token, 'https://oauth2.googleapis.com/token');
  t.is(googleEndpoints('').apiRoot, 'https://www.googleapis.com/');
  t.like(googleEndpoints('http://[::1]:8080'), {
    apiRoot: 'http://[::1]:8080/',
    uploadRoot: 'http://[::1]:8080/upload/',
    authorize: 'http://[::1]:8080/o/oauth2/v2/auth',
    deviceCode: 'http://[::1]:8080/device/code',
  });
});

test('callers that come together share one request for a token', async t => {
  const { auth, asked } = await bench(t);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => auth.accessToken()));
  t.deepEqual(new Set(tokens), new Set(['token-1']));
  t.is(asked.length, 1);
  t.deepEqual(asked[0]?.values, {
    grant_type: 'refresh_token',
    client_id: connection.clientId,
    client_secret: connection.clientSecret,
    refresh_token: connection.refreshToken,
  });
});

test('a token is renewed before it ends, by either clock', async t => {
  const { auth, asked, clock } = await bench(t);
  t.is(await auth.accessToken(), 'token-1');
  clock.advance(54 * 60_000);
  t.is(await auth.accessToken(), 'token-1');
  clock.advance(60_000 + 1);
  t.is(await auth.accessToken(), 'token-2');
  clock.sleep(3_600_000);
  t.is(await auth.accessToken(), 'token-3', 'the computer slept meanwhile');
  clock.jumpTo(clock.now() - 86_400_000);
  clock.advance(3_500_000);
  t.is(await auth.accessToken(), 'token-4', 'the clock was set back');
  t.is(asked.length, 4);
});

test('a token that lives for two seconds is used for most of them', async t => {
  const { auth, asked, clock } = await bench(t, (_, count) => granted(count, 2));
  await auth.accessToken();
  clock.advance(1700);
  await auth.accessToken();
  t.is(asked.length, 1);
  clock.advance(200);
  await auth.accessToken();
  t.is(asked.length, 2);
});

test('a token that the server refuses is renewed once, however many calls were answered 401', async t => {
  const { auth, asked } = await bench(t);
  const token = await auth.accessToken();
  auth.refused(token);
  const next = await Promise.all([auth.accessToken(), auth.accessToken()]);
  auth.refused(token); // an answer that came late
  t.deepEqual(next, ['token-2', 'token-2']);
  t.is(await auth.accessToken(), 'token-2');
  t.is(asked.length, 2);
});

test('a grant that has ended is asked for once, and never again', async t => {
  const { auth, asked } = await bench(t, () => refusal('invalid_grant'));
  const together = await Promise.all([1, 2, 3].map(() => failure(t, auth.accessToken())));
  for (const error of together) t.like(error, { code: 'E_SIGN_IN', params: { place: 'Google Drive', why: 'revoked' } });
  t.like(await failure(t, auth.accessToken()), { code: 'E_SIGN_IN', retryable: false });
  t.is(asked.length, 1);
});

const day = 86_400_000;
const ends: readonly (readonly [string, string, Pick<DriveConnection, 'grantedAt' | 'endsAt'>, number, string])[] = [
  ['within what was announced', 'invalid_grant', { grantedAt: 0, endsAt: 7 * day }, 3 * day, 'revoked'],
  ['after the announced end', 'invalid_grant', { grantedAt: 0, endsAt: 7 * day }, 30 * day, 'weekly'],
  ['after a longer time that was announced', 'invalid_grant', { grantedAt: 0, endsAt: 30 * day }, 31 * day, 'revoked'],
  ['after seven days', 'invalid_grant', { grantedAt: 0 }, 7 * day + 3_600_000, 'weekly'],
  ['after a month', 'invalid_grant', { grantedAt: 0 }, 30 * day, 'revoked'],
  ['at an unknown age', 'invalid_grant', {}, 7 * day, 'revoked'],
  ['with its client', 'deleted_client', { grantedAt: 0 }, 7 * day, 'client'],
];
for (const [when, error, facts, now, why] of ends) {
  test(`a grant that ends ${when} is told as ${why}`, t => {
    t.is(whyEnded(error, facts, now), why as ReturnType<typeof whyEnded>);
  });
}

for (const [what, reply] of [
  ['is in trouble', refusal('internal_failure', 503)],
  ['asks for patience', refusal('rate_limit_exceeded', 429)],
  ['cuts the connection', { body: undefined }],
  ['is a page of a network that wants a password', { body: '<html>Welcome</html>' }],
  ['sends elsewhere', { status: 307, headers: { location: 'http://127.0.0.1:9/' }, body: '' }],
  ['answers without a reason', { status: 400, body: { message: 'no' } }],
  ['grants nothing', { body: { token_type: 'Bearer' } }],
  ['never ends', { body: `"${'x'.repeat(100_000)}"` }],
] as const) {
  test(`nothing is concluded from a sign-in that ${what}: it is asked again later`, async t => {
    const { auth, asked } = await bench(t, (_, count) => (count === 1 ? reply : granted(count)));
    t.like(await failure(t, auth.accessToken()), {
      code: 'E_UNREACHABLE',
      retryable: true,
      params: { place: 'Google Drive' },
    });
    t.is(asked.length, 1, 'the library did not try again');
    t.is(await auth.accessToken(), 'token-2');
  });
}

test('a sign-in that hangs is given up after half a minute', async t => {
  const hang = Promise.withResolvers<Reply>();
  const { auth, clock } = await bench(t, () => hang.promise);
  const error = failure(t, auth.accessToken());
  await clock.timerWithin(30_000);
  clock.advance(30_000);
  t.like(await error, { code: 'E_UNREACHABLE' });
  hang.resolve(granted(1));
});

test('a caller that gives up does not end the request of the others', async t => {
  const hang = Promise.withResolvers<Reply>();
  const { auth, asked } = await bench(t, () => hang.promise);
  const gone = new AbortController();
  const first = auth.accessToken({ signal: gone.signal });
  const second = auth.accessToken();
  gone.abort(new SignetError('E_CANCELLED', 'stopped'));
  t.like(await failure(t, first), { code: 'E_CANCELLED' });
  hang.resolve(granted(1));
  t.is(await second, 'token-1');
  t.is(asked.length, 1);
});

test('calls of the library are signed, tried once, and a 401 is noted', async t => {
  const statuses = [200, 401, 403, 503, 200];
  const { auth, asked, endpoints } = await bench(t, ({ path }, count) => {
    if (path === '/token') return granted(count);
    const status = statuses.shift() ?? 500;
    return { status, body: status === 200 ? { user: {} } : { error: { code: status, errors: [{ reason: 'x' }] } } };
  });
  const { about } = drive({ version: 'v3', auth: auth.client, rootUrl: endpoints.apiRoot });
  await about.get({ fields: 'user' });
  await t.throwsAsync(about.get({ fields: 'user' })); // 401
  await t.throwsAsync(about.get({ fields: 'user' })); // 403
  await t.throwsAsync(about.get({ fields: 'user' })); // 503
  await about.get({ fields: 'user' });
  t.deepEqual(
    asked.map(({ path, headers }) => (path === '/token' ? 'token' : headers.authorization)),
    ['token', 'Bearer token-1', 'Bearer token-1', 'token', ...Array(3).fill('Bearer token-4')],
    'one token for the 401, none for the 403, and no call of its own accord',
  );
  t.regex(asked[1]?.headers['user-agent'] ?? '', /google-api-nodejs-client/);
});

test('a call that was stopped before it was signed is not sent', async t => {
  const { auth, asked, endpoints } = await bench(t);
  const { about } = drive({ version: 'v3', auth: auth.client, rootUrl: endpoints.apiRoot });
  await t.throwsAsync(about.get({ fields: 'user' }, { signal: AbortSignal.abort() }));
  t.is(asked.length, 0);
});

test('the sign-in goes through the proxy of the environment, where there is one', async t => {
  const proxy = await tokenServer(t, (_, count) => granted(count));
  const auth = new DriveAuth({
    connection,
    endpoints: { ...googleEndpoints(proxy.root), token: 'http://oauth2.google.example/token' },
    clock: manualClock(),
    place: 'Google Drive',
    proxies: { HTTP_PROXY: proxy.root },
  });
  t.is(await auth.accessToken(), 'token-1');
  t.is(proxy.asked[0]?.path, 'http://oauth2.google.example/token');
});
