// Signing in and the grant at work, against the strict fake of Google's sign-in.

import { drive } from '@googleapis/drive';
import test, { type ExecutionContext } from 'ava';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
import type { DriveConnection } from '../../daemon/remotes/connection.ts';
import { DriveAuth } from '../../daemon/remotes/drive/auth.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import { revoke, type SignInAsked, type SignInOptions, signIn } from '../../daemon/remotes/drive/sign-in.ts';
import { startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { manualClock } from '../support/manual-clock.ts';

async function bench(t: ExecutionContext, settings: Parameters<typeof startDriveFake>[0] = {}) {
  const clock = manualClock();
  const fake = await startDriveFake({ clock, ...settings });
  t.teardown(() => fake.close());
  const endpoints = googleEndpoints(fake.root);
  const place = 'Google Drive';
  return {
    fake,
    clock,
    authOf: (connection: DriveConnection) => new DriveAuth({ connection, endpoints, clock, place }),
    revoked: (connection: DriveConnection) => revoke(connection, { endpoints, clock, place }),
    /** Signs in as a person does; the answers are of the browser's visits. */
    async signedIn(changes: Partial<SignInOptions> = {}) {
      const asked = Promise.withResolvers<SignInAsked>();
      const done = signIn({
        clientId: fake.client.id,
        clientSecret: fake.client.secret,
        flow: 'browser',
        endpoints,
        clock,
        randomBytes: count => crypto.getRandomValues(new Uint8Array(count)),
        place,
        onAsked: asked.resolve,
        ...changes,
      });
      done.catch(asked.reject);
      const { url } = await asked.promise;
      if (changes.flow !== 'device') {
        const page = await fetch(url);
        return { done, page: await page.text(), url };
      }
      return { done, page: '', url };
    },
  };
}

async function refusal(t: ExecutionContext, work: Promise<unknown>): Promise<SignetError> {
  const error = await t.throwsAsync(work, { instanceOf: SignetError });
  if (error === undefined) throw new Error('nothing was thrown');
  return error;
}

test('the strict sign-in finds nothing to object to, and its grant works', async t => {
  const { fake, signedIn, authOf } = await bench(t);
  const { done, page } = await signedIn();
  t.regex(page, /Google Drive is connected/);
  const connection = await done;
  t.like(connection, { account: fake.account.email, accountId: fake.account.permissionId });
  t.is(connection.endsAt, undefined);
  t.truthy(await authOf(connection).accessToken());
  t.deepEqual(fake.violations, []);
  t.is(fake.log.find(({ type }) => type === 'about')?.hadFields, true);
  t.regex(fake.log.find(({ type }) => type === 'about')?.apiClient ?? '', /\bgdcl\//);
});

test('signing in survives one request in five going wrong', async t => {
  const { fake, clock, signedIn } = await bench(t, { settings: { rates: { 'oauth.token': 0.2, about: 0.2 } } });
  let isOver = false;
  let connected = 0;
  const ticking = (async () => {
    for (;;) {
      await clock.timerWithin(8000);
      if (isOver) return;
      clock.advance(8000);
    }
  })();
  for (let round = 0; round < 10; round += 1) {
    // A code whose answer was lost is used up: then the owner begins again, as here.
    const result = await signedIn().then(({ done }) => done.catch((error: unknown) => error));
    if (result instanceof Error) t.like(result, { code: 'E_SIGN_IN', params: { why: 'refused' } });
    else if ((result as DriveConnection).accountId === fake.account.permissionId) connected += 1;
  }
  t.true(fake.log.filter(({ hadFault }) => hadFault).length > 3);
  t.true(connected > 5, `${connected} of 10`);
  isOver = true;
  clock.timer(0, () => undefined);
  await ticking;
  t.deepEqual(fake.violations, []);
});

test('signing in anew brings a lasting grant although the account agreed before', async t => {
  const { signedIn } = await bench(t);
  await (await signedIn()).done;
  t.truthy((await (await signedIn()).done).refreshToken);
});

test('the owner declines, unticks the box, or is somebody else', async t => {
  const { fake, signedIn } = await bench(t);
  fake.set({ deny: true });
  const declined = await signedIn();
  t.is((await refusal(t, declined.done)).params['why'], 'declined');
  fake.set({ deny: false, grantScopes: [] });
  t.is((await refusal(t, (await signedIn()).done)).params['reason'], 'scope');
  fake.set({ grantScopes: undefined, account: fake.otherAccount.email });
  const other = await signedIn({ expectedAccountId: fake.account.permissionId });
  t.like(await refusal(t, other.done), {
    code: 'E_REMOTE_DENIED',
    params: { place: 'Google Drive', reason: 'other-account', account: fake.otherAccount.email },
  });
  t.is(fake.count('oauth.revoke'), 1);
});

test('a redirect with another state, and a second visit, change nothing', async t => {
  const { fake, signedIn } = await bench(t);
  fake.set({ wrongState: true });
  const { page, url, done } = await signedIn();
  t.regex(page, /belongs to no sign-in/);
  fake.set({ wrongState: false, secondRedirect: true });
  // The fake comes back first; when the browser follows, the sign-in is done and nobody listens any more.
  await t.throwsAsync(fetch(url));
  t.truthy((await done).refreshToken);
  t.deepEqual(fake.secondRedirects, [200]);
  t.is(fake.count('oauth.token'), 2, 'the code was used once, the grant tried once');
});

test('a client id or a secret that Google does not know is told as such', async t => {
  const { signedIn } = await bench(t);
  t.is((await refusal(t, (await signedIn({ clientSecret: 'another' })).done)).params['why'], 'client');
  t.is(
    (
      await refusal(
        t,
        signedIn({ flow: 'device' }).then(({ done }) => done),
      )
    ).params['why'],
    'client',
  );
});

test('a code typed on another device is asked about no faster than told', async t => {
  const { fake, clock, signedIn } = await bench(t, { settings: { pendingPolls: 3 } });
  const { id: clientId, secret: clientSecret } = fake.deviceClient;
  const { done } = await signedIn({ flow: 'device', clientId, clientSecret });
  for (let polls = 1; polls <= 4; polls += 1) {
    await clock.timerWithin(5000);
    clock.advance(5000);
    await fake.until(() => fake.count('oauth.token') >= polls);
  }
  t.is((await done).accountId, fake.account.permissionId);
  t.deepEqual(fake.violations, []);
});

test('the project in testing is known from the first day, and named on the eighth', async t => {
  const { fake, clock, signedIn, authOf } = await bench(t, { settings: { refreshTtlSec: 7 * 86_400 } });
  const connection = await (await signedIn()).done;
  t.is(connection.endsAt, clock.now() + 7 * 86_400_000);
  const auth = authOf(connection);
  await auth.accessToken();
  clock.advance(7 * 86_400_000 + 1);
  fake.clearLog();
  for (let tries = 0; tries < 5; tries += 1) {
    t.like(await refusal(t, auth.accessToken()), {
      code: 'E_SIGN_IN',
      params: { place: 'Google Drive', why: 'weekly' },
    });
  }
  t.is(fake.count('oauth.token'), 1);
});

test('a grant given back opens nothing any more, and giving it back twice is no error', async t => {
  const { fake, signedIn, authOf, revoked } = await bench(t);
  const connection = await (await signedIn()).done;
  await revoked(connection);
  await revoked(connection);
  t.is((await refusal(t, authOf(connection).accessToken())).params['why'], 'revoked');
  t.is(fake.count('oauth.revoke'), 2);
});

test('tokens that end every two seconds cost one request each, however many calls there are', async t => {
  const { fake, clock, authOf } = await bench(t, { settings: { tokenTtlSec: 2 } });
  const auth = authOf(fake.connection());
  const { about } = drive({ version: 'v3', auth: auth.client, rootUrl: fake.root });
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(Array.from({ length: 8 }, () => about.get({ fields: 'user(permissionId)' })));
    clock.advance(2000);
  }
  t.is(fake.count('oauth.token'), 5);
  t.true(fake.log.filter(({ type }) => type === 'about').every(({ status }) => status === 200));
});

test('tokens that the server ended early are renewed once for all that were refused', async t => {
  const { fake, authOf } = await bench(t);
  const auth = authOf(fake.connection());
  const { about } = drive({ version: 'v3', auth: auth.client, rootUrl: fake.root });
  const ask = () => about.get({ fields: 'user(permissionId)' });
  await ask();
  fake.expireAccessTokens();
  const refused = await Promise.allSettled([ask(), ask(), ask()]);
  t.true(refused.every(({ status }) => status === 'rejected'));
  await Promise.all([ask(), ask(), ask()]);
  t.is(fake.count('oauth.token'), 2);
});

test('faults of the sign-in are passing, never the end of the grant', async t => {
  const { fake, authOf } = await bench(t);
  const auth = authOf(fake.connection());
  fake.fault(
    { do: 'error', on: 'oauth.token', error: '503' },
    { do: 'error', on: 'oauth.token', error: '429', skip: 1 },
    { do: 'reset', on: 'oauth.token', skip: 2 },
    { do: 'dropResponse', on: 'oauth.token', skip: 3 },
  );
  for (let tries = 0; tries < 4; tries += 1) {
    t.true(isCode(await refusal(t, auth.accessToken()), 'E_UNREACHABLE'));
  }
  t.truthy(await auth.accessToken());
});
