// Google Drive as its owner meets it: connected on the command line, set up, signed out, signed in again, given up. The real background part,
// and the strict fake of Google.

import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import type { PlaceStatus, SetupResult } from '../../protocol/status.ts';
import { type DriveFake, startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { type Installation, installation, password, phone } from '../support/installation.ts';

async function bench(t: ExecutionContext) {
  const google = await startDriveFake();
  t.teardown(() => google.close());
  const signet = await installation(t, { environment: { SIGNET_GOOGLE_ROOT: google.root } });
  await writeFile(join(signet.source, 'notes.txt'), 'words\n'.repeat(1000));
  return { google, signet };
}

interface Connecting {
  readonly code: number | null;
  readonly answer: PlaceStatus & { readonly holds?: string };
  readonly page: string;
  readonly err: string;
}

/** `remote connect`, with an owner who opens the address that it prints. */
async function connect(signet: Installation, args: readonly string[] = [], secrets?: object): Promise<Connecting> {
  const given = secrets === undefined ? [] : ['--secrets-stdin'];
  const child = signet.start(['remote', 'connect', ...args, '--no-browser', '--json', ...given], secrets);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('the command has no output');
  const err = text(stderr);
  const lines: string[] = [];
  let page = '';
  const ended = once(child, 'close');
  for await (const line of createInterface({ input: stdout })) {
    lines.push(line);
    const said = JSON.parse(line);
    if (said.type === 'signIn') page = await (await fetch(said.url)).text();
  }
  const [code] = (await ended) as [number | null];
  return { code, answer: JSON.parse(lines.at(-1) ?? '{}'), page, err: await err };
}

const firstTime = (google: DriveFake): [readonly string[], object] => [
  ['drive:Signet', '--client-id', google.client.id],
  { clientSecret: google.client.secret },
];
const setup = (signet: Installation) => ['setup', '--source', signet.source, '--remote', 'drive:Signet'];

/** Every byte that lies in the home, as text. */
function written(home: string): string {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

test('setting up in Google Drive before it is connected ends with 16 and the command that connects it', async t => {
  const { signet } = await bench(t);
  const ran = await signet.signet([...setup(signet), '--new'], { password, phone });
  t.is(ran.code, 16, ran.err);
  t.regex(ran.err, /"code":"E_SIGN_IN".*`signet remote connect drive:Signet`/);
});

test('an address beyond this computer is never taken for Google', async t => {
  const { google } = await bench(t);
  const signet = await installation(t, { environment: { SIGNET_GOOGLE_ROOT: 'https://google.example/' } });
  const { code, err } = await connect(signet, ...firstTime(google));
  t.is(code, 2, err);
  t.regex(err, /"code":"E_USAGE"/);
});

test('from a Google account to a backup, through the end of a sign-in, to a second computer', async t => {
  t.timeout(240_000);
  const { google, signet } = await bench(t);
  const connected = await connect(signet, ...firstTime(google));
  t.is(connected.code, 0, connected.err);
  t.like(connected.answer, {
    remote: 'drive:Signet',
    account: google.account.email,
    holds: 'empty',
    clientId: google.client.id,
  });
  t.is(connected.answer.quota?.limit, google.settings.quotaLimit);
  t.regex(connected.page, /Google Drive is connected/);

  const without = await signet.signet(setup(signet), { password, phone });
  t.is(without.code, 2, 'what another client made cannot be seen: a new backup is wanted by --new');
  await signet.ok<SetupResult>([...setup(signet), '--new'], { password, phone });
  await signet.ok(['backup']);
  const { remote } = await signet.status();
  t.like(remote, { label: 'Google Drive', account: google.account.email });
  const { places } = await signet.ok<{ places: readonly PlaceStatus[] }>(['remote', 'show']);
  t.like(places[0], { remote: 'drive:Signet', role: 'main', clientId: google.client.id });

  // The owner removes the access in their Google account.
  google.revokeRefreshTokens();
  google.expireAccessTokens();
  google.clearLog();
  await writeFile(join(signet.source, 'more.txt'), 'more words\n');
  const refused = await signet.signet(['backup']);
  t.is(refused.code, 16, refused.err);
  t.regex(refused.err, /Run `signet remote connect`/);
  t.true(google.count('oauth.token') <= 2);
  t.is((await signet.status()).remote?.signIn, 'needed');

  google.set({ account: google.otherAccount.email });
  const other = await connect(signet);
  t.is(other.code, 1, other.err);
  t.regex(other.err, /"code":"E_REMOTE_DENIED".*ben@example\.org/);
  t.is(google.count('oauth.revoke'), 1);
  google.set({ account: google.account.email });
  const again = await connect(signet);
  t.is(again.code, 0, again.err);
  await signet.ok(['backup']);
  t.is((await signet.status()).remote?.signIn, undefined);

  const second = await installation(t, { environment: { SIGNET_GOOGLE_ROOT: google.root } });
  const there = await connect(second, ...firstTime(google));
  t.is(there.answer.holds, 'repository', there.err);
  const joined = await second.ok<SetupResult>(['setup', '--remote', 'drive:Signet'], { password, phone });
  t.true(joined.joined);
  t.is(joined.snapshots, 2);
  await second.ok(['restore', 'latest', '--to', join(second.folder, 'restored')]);

  const home = `${written(signet.home)}${written(second.home)}`;
  for (const secret of [google.client.secret, 'ya29.', '1//0', '4/0A', google.client.secret.slice(0, 20)]) {
    t.false(home.includes(secret), `${secret} lies in a file`);
  }
  t.deepEqual(google.violations, []);
});

test('what is given up opens nothing any more, and connecting again finds the copies', async t => {
  t.timeout(240_000);
  const { google, signet } = await bench(t);
  await connect(signet, ...firstTime(google));
  await signet.ok([...setup(signet), '--new'], { password, phone });
  await signet.ok(['backup']);
  t.deepEqual(await signet.ok(['remote', 'disconnect']), { disconnected: true, isRevoked: true });
  t.is(google.count('oauth.revoke'), 1);
  const ran = await signet.signet(['backup']);
  t.is(ran.code, 16, ran.err);
  const connected = await connect(signet, ...firstTime(google));
  t.is(connected.code, 0, connected.err);
  t.is((await signet.snapshots()).length, 1);
});
