// Clients of several versions at once in one home: whatever they do, daemons follow one another at most once a minute, and never backwards.

import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { wireErrorOf } from '../../protocol/errors.ts';
import { resolveHome } from '../../protocol/home.ts';
import { connect, connectOrLaunch } from '../../protocol/launch.ts';
import { stopDaemon } from '../../protocol/messages.ts';
import { replacementEveryMs, takeReplacement } from '../../protocol/replacement.ts';
import { compareVersions, type Versions } from '../../protocol/version.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const entry = fileURLToPath(new URL('../support/fake-daemon.ts', import.meta.url));
const old = { protocolVersion: 1, productVersion: '0.1.0' };
const newer = { protocolVersion: 1, productVersion: '0.2.0' };
const newest = { protocolVersion: 2, productVersion: '0.3.0' };

async function crowd(t: ExecutionContext) {
  const folder = await temporaryFolder(t);
  const home = resolveHome({ env: { SIGNET_HOME: folder } });
  const startsFile = join(folder, 'starts');
  /** What a client of these versions ends with: the version of the daemon it is connected to, or why it is not. */
  const arrive = async (versions: Versions): Promise<string> => {
    const env = {
      ...process.env,
      SIGNET_HOME: folder,
      FAKE_VERSIONS: `${versions.protocolVersion} ${versions.productVersion}`,
      FAKE_STARTS: startsFile,
    };
    try {
      const connected = await connectOrLaunch({ home, entry, env, versions });
      connected.close();
      return connected.daemon.daemonVersion;
    } catch (error) {
      const wire = wireErrorOf(error);
      if (wire?.code !== 'E_DAEMON_INCOMPATIBLE') throw error;
      return `${wire.params['newer']} ${wire.params['reason'] ?? ''}`.trim();
    }
  };
  t.teardown(async () => {
    const { connection } = await connect(home, newest);
    const closed = new Promise<void>(done => connection.onClose(() => done()));
    await connection.sendRequest(stopDaemon);
    await closed;
  });
  return {
    home,
    arrive,
    /** The versions of the daemons that listened, in order. */
    starts: () => readFileSync(startsFile, 'utf8').trim().split('\n'),
    /** As if the last replacement had been longer ago. */
    aMinutePasses() {
      const past = (Date.now() - replacementEveryMs - 1000) / 1000;
      for (const name of readdirSync(home.state)) {
        if (name.startsWith('replaced-')) utimesSync(join(home.state, name), past, past);
      }
    },
  };
}

test('of many clients of three versions at once, at most one replaces the daemon in a minute, and none goes back', async t => {
  t.timeout(120_000);
  const { arrive, starts, aMinutePasses } = await crowd(t);
  t.is(await arrive(old), '0.1.0');
  const everyone = () => Promise.all(Array.from({ length: 8 }, () => [old, newer, newest].map(arrive)).flat());
  for (let round = 0; round < 3; round += 1) {
    for (const end of await everyone()) {
      t.true(['0.1.0', '0.2.0', '0.3.0', 'client recent', 'client busy', 'daemon'].includes(end), end);
    }
  }
  t.log(`24 clients three times: ${starts().join(', ')}`);
  t.is(starts().length, 2, 'one replacement in the first minute');
  aMinutePasses();
  await everyone();
  aMinutePasses();
  const last = await everyone();
  t.log(`and in two more minutes: ${starts().join(', ')}`);
  t.is(starts().at(-1), '0.3.0');
  t.deepEqual(starts(), starts().toSorted(), 'no older version ever followed a newer one');
  t.true(starts().length <= 4);
  t.deepEqual(
    last,
    Array.from({ length: 8 }, () => ['daemon', 'daemon', '0.3.0']).flat(),
    'the newest serves its own, and the others are told to update',
  );
});

test('versions follow one another a minute apart, and an older client uses the newer daemon or says that it cannot', async t => {
  const { arrive, starts, aMinutePasses } = await crowd(t);
  t.is(await arrive(old), '0.1.0');
  t.is(await arrive(newer), '0.2.0');
  t.is(await arrive(old), '0.2.0');
  t.is(await arrive(newest), 'client recent');
  aMinutePasses();
  t.is(await arrive(newest), '0.3.0');
  t.is(await arrive(newer), 'daemon');
  t.deepEqual(starts(), ['0.1.0', '0.2.0', '0.3.0']);
});

test('only one of many takes the right to replace, again after a minute, and a clock that was set back holds nobody up', async t => {
  const folder = await temporaryFolder(t);
  const home = resolveHome({ env: { SIGNET_HOME: folder } });
  const count = async (now: number) =>
    (await Promise.all(Array.from({ length: 50 }, () => takeReplacement(home, now)))).filter(Boolean).length;
  const now = Date.now();
  t.is(await count(now), 1);
  t.is(await count(now + replacementEveryMs - 5000), 0);
  t.is(await count(now + replacementEveryMs + 5000), 1);
  t.is(await count(now - 2 * replacementEveryMs), 1);
  t.is(readdirSync(home.state).length, 1);
});

for (const [a, b, order] of [
  ['1 0.1.0', '1 0.1.0', 0],
  ['1 9.9.9', '2 0.0.1', -1],
  ['1 0.10.0', '1 0.9.0', 1],
  ['1 1.0.0-beta.2', '1 1.0.0-beta.11', -1],
  ['1 1.0.0-rc.1', '1 1.0.0', -1],
  ['1 1.0.0-rc', '1 1.0.0-rc.1', -1],
  ['1 1.0.0-1', '1 1.0.0-a', -1],
  ['1 1.0.0+build', '1 1.0.0', 0],
  ['1 nonsense', '1 0.0.0', -1],
] as const) {
  test(`${a} is ${['older than', 'as new as', 'newer than'][order + 1]} ${b}`, t => {
    const versions = (text: string): Versions => {
      const [protocolVersion, productVersion = ''] = text.split(' ');
      return { protocolVersion: Number(protocolVersion), productVersion };
    };
    t.is(Math.sign(compareVersions(versions(a), versions(b))), order);
    t.is(Math.sign(compareVersions(versions(b), versions(a))), order === 0 ? 0 : -order);
  });
}
