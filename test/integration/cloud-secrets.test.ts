// What opens a cloud must lie nowhere in clear: after a life with failures and a crash, everything that an installation leaves on the disk, says
// or shows to other users of the computer is searched for it.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bucket, type Cloud, drive } from '../support/clouds.ts';
import { type Installation, password, phone, type Ran } from '../support/installation.ts';
import { watchProcesses } from '../support/processes.ts';

/** A secret in the forms in which it could appear. */
const formsOf = (secret: string): readonly Buffer[] => {
  const bytes = Buffer.from(secret);
  return [bytes, Buffer.from(bytes.toString('base64').replace(/=+$/, '')), Buffer.from(bytes.toString('hex'))];
};

/** "where: the beginning of what was found". */
function hits(where: string, bytes: Buffer, secrets: readonly string[]): readonly string[] {
  return secrets
    .filter(secret => formsOf(secret).some(form => bytes.includes(form)))
    .map(secret => `${where}: ${secret.slice(0, 8)}…`);
}

function hitsBelow(folder: string, secrets: readonly string[]): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .flatMap(entry => {
      const path = join(entry.parentPath, entry.name);
      return hits(path.slice(folder.length), readFileSync(path), secrets);
    });
}

interface Life {
  readonly place: Cloud;
  /** What the place failed at on purpose, in the middle of a backup. */
  readonly trouble: (signet: Installation) => Promise<void>;
  readonly secrets: () => readonly string[];
}

async function search(t: ExecutionContext, { place, trouble, secrets }: Life): Promise<void> {
  const signet = await place.installation();
  writeFileSync(join(signet.source, 'one.txt'), 'hello');
  // Not for longer than it takes to see all kinds of them: it keeps this process, and so the cloud, from its work.
  const processes = process.platform === 'linux' ? watchProcesses(t, signet.home) : undefined;
  const said: Ran[] = [];
  const run = async (exit: number, args: readonly string[], given?: object): Promise<void> => {
    const ran = await signet.signet(args, given);
    t.is(ran.code, exit, `signet ${args.join(' ')}: ${ran.err}`);
    said.push(ran);
  };
  await place.connect(signet);
  await run(0, ['setup', '--new', '--source', signet.source, '--remote', place.remote], { password, phone });
  await run(0, ['backup']);
  const seen = processes?.stop() ?? [];
  await trouble(signet);
  t.deepEqual(hitsBelow(signet.home, secrets()), [], 'after a crash');
  await run(0, ['unlock'], { password });
  await run(0, ['backup']);
  await run(0, ['verify']);
  await run(0, ['remote', 'show']);
  await run(0, ['status', '--check']);
  await run(0, ['settings', 'get']);
  await run(0, ['doctor']);
  await run(0, ['log']);
  await run(0, ['remote', 'disconnect']);

  t.true(secrets().length > 0);
  t.deepEqual(hitsBelow(signet.home, secrets()), []);
  for (const { out, err } of said) t.deepEqual(hits('said', Buffer.from(out + err), secrets()), []);
  for (const { commandLine, environment } of seen) {
    t.deepEqual(hits(commandLine, Buffer.from(commandLine + environment), secrets()), []);
  }
}

test('Google Drive: neither tokens nor the address of an upload nor the client secret lie in clear', async t => {
  t.timeout(120_000);
  const place = await drive(t);
  const { google } = place;
  await search(t, {
    place,
    secrets: () => google.secrets(),
    async trouble(signet) {
      writeFileSync(join(signet.source, 'video.mp4'), randomBytes(12 * 1024 * 1024));
      google.fault({ do: 'error', on: 'files.create.multipart', error: '503' });
      google.expireAccessTokens();
      google.set({ upBytesPerSec: 8 * 1024 * 1024 });
      google.clearLog();
      signet.start(['backup', '--json']);
      await google.until(() => google.log.some(({ type, bytesUp }) => type === 'upload.chunk' && bytesUp > 4_000_000));
      await signet.killDaemon();
      google.set({ upBytesPerSec: undefined });
      await google.until(() => google.log.every(({ endedAt }) => endedAt !== undefined));
      t.is(google.unfinishedSessions(), 1);
    },
  });
});

test('S3: the secret key lies nowhere in clear', async t => {
  t.timeout(120_000);
  const place = await bucket(t);
  const { server } = place;
  await search(t, {
    place,
    secrets: () => [server.secretAccessKey],
    async trouble(signet) {
      writeFileSync(join(signet.source, 'video.mp4'), randomBytes(12 * 1024 * 1024));
      const asked = Promise.withResolvers<void>();
      server.fault = ({ operation }) => {
        if (operation !== 'PutObject' && operation !== 'CreateMultipartUpload') return undefined;
        asked.resolve();
        return { kind: 'answer', status: 503, code: 'SlowDown' };
      };
      signet.start(['backup', '--json']);
      await asked.promise;
      await signet.killDaemon();
      server.fault = () => undefined;
    },
  });
});
