// scripts/real-drive [--device] [--yes]: the tests of the Google Drive remote on a person's own account. Signs in as Signet does, with the person's
// own client id and secret, works in one new folder `Signet test <random>` and nowhere else, and removes that folder at the end, after asking.
// In the project it has only ever run against the fake of the tests: its authors had no account to try it on. Whoever runs it learns more.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drive } from '@googleapis/drive';
import { systemClock } from '../../daemon/base/clock.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { canAsk, Questions } from '../../daemon/cli/terminal.ts';
import type { DriveConnection } from '../../daemon/remotes/connection.ts';
import { DriveAuth } from '../../daemon/remotes/drive/auth.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import { signIn } from '../../daemon/remotes/drive/sign-in.ts';
import { wordsFor } from '../../protocol/error-words.ts';

const place = 'Google Drive';
const folderType = 'application/vnd.google-apps.folder';
const suite = new URL('../../test/real/drive.ts', import.meta.url).href;
const ava = fileURLToPath(new URL('../../node_modules/ava/entrypoints/cli.js', import.meta.url));
/** Against a fake on this computer nobody has to be spared. */
const root = process.env['SIGNET_GOOGLE_ROOT'];

const help = `scripts/real-drive runs the tests of Signet's Google Drive remote on an account of your own.

It asks for the client id and secret of your own Google Cloud project (docs/google-drive.md says how to make them) and for a sign-in.
It works in one new folder "Signet test <random>", which holds test data only, and asks before it removes it. It sends about 1000 requests
and 30 MB and reads 60 MB, which takes at least five minutes. The authors of Signet have run it against an imitation of Google Drive only.

  --device   sign in with a code on another device; needs a client of the type "TVs and Limited Input devices"
  --yes      remove the folder without asking
  --help     this text

Without a terminal, client id and secret are read from standard input: {"clientId": "…", "clientSecret": "…"}
`;

const { values: options } = parseArgs({
  options: { device: { type: 'boolean' }, yes: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});

interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
}

async function client(): Promise<Client> {
  if (!canAsk()) return fromInput(await readInput());
  const questions = new Questions();
  try {
    const clientId = (await questions.ask('Client id:', { hidden: false })).toString().trim();
    const clientSecret = (await questions.ask('Client secret (not shown):', { hidden: true })).toString().trim();
    return { clientId, clientSecret };
  } finally {
    questions.close();
  }
}

async function readInput(): Promise<string> {
  let text = '';
  for await (const part of process.stdin) {
    text += String(part);
    if (text.length > 10_000) break;
  }
  return text;
}

function fromInput(text: string): Client {
  const wrong = 'standard input holds no client id and secret; see scripts/real-drive --help';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(wrong); // the parser's own message quotes the text
  }
  const { clientId, clientSecret } = (value ?? {}) as Partial<Client>;
  if (typeof clientId !== 'string' || typeof clientSecret !== 'string') throw new Error(wrong);
  return { clientId, clientSecret };
}

async function run(): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const endpoints = googleEndpoints(root);
  const connection = await signIn({
    ...(await client()),
    flow: options.device === true ? 'device' : 'browser',
    endpoints,
    clock: systemClock,
    randomBytes,
    place,
    signal: stop.signal,
    onAsked({ url, userCode }) {
      console.log(`Open this address${userCode === undefined ? '' : ` and type ${userCode}`}: ${url}`);
    },
  });
  console.log(`Signed in as ${connection.account}.`);
  const auth = new DriveAuth({ connection, endpoints, clock: systemClock, place });
  const { files } = drive({ version: 'v3', auth: auth.client, rootUrl: endpoints.apiRoot });
  const name = `Signet test ${randomBytes(4).toString('hex')}`;
  const made = await files.create({ requestBody: { name, mimeType: folderType }, fields: 'id' }, { retry: false });
  const folder = made.data.id;
  if (typeof folder !== 'string') throw new Error('Google Drive made no folder');
  console.log(`Made the folder "${name}". Everything happens in there.`);
  let isGood = false;
  try {
    isGood = await runSuite({ connection, folder }, stop.signal);
  } finally {
    if (options.yes === true || (await agrees(name))) {
      await files.delete({ fileId: folder }, { retry: false });
      console.log(`Removed the folder "${name}".`);
    } else {
      console.log(`The folder "${name}" stays: remove it in Google Drive.`);
    }
  }
  // Taking the grant back would end it for everything that uses this client id, a real backup included.
  console.log('The sign-in stays. To end it: https://myaccount.google.com/connections');
  if (stop.signal.aborted) return 130;
  return isGood ? 0 : 1;
}

async function agrees(name: string): Promise<boolean> {
  if (!canAsk()) return false;
  const questions = new Questions();
  try {
    const answer = await questions.ask(`Remove the folder "${name}" and all test data in it? [y/N]`, { hidden: false });
    return /^y(es)?$/i.test(answer.toString().trim());
  } catch {
    return false; // Ctrl-C at this question is a no
  } finally {
    questions.close();
  }
}

/** In a project of its own, because the one of Signet keeps every test on this computer (test/support/loopback-only.ts). */
async function runSuite(
  grant: { readonly connection: DriveConnection; readonly folder: string },
  signal: AbortSignal,
): Promise<boolean> {
  const project = mkdtempSync(join(tmpdir(), 'signet-real-drive-'));
  try {
    const configuration = {
      files: ['drive.test.mjs'],
      serial: true,
      timeout: '15m',
      workerThreads: false,
      nodeArguments: ['--disable-warning=ExperimentalWarning'],
    };
    writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', ava: configuration }));
    writeFileSync(join(project, 'drive.test.mjs'), `import ${JSON.stringify(suite)};\n`);
    const handed = join(project, 'grant.json');
    writeFileSync(handed, JSON.stringify(grant), { mode: 0o600 });
    const child: ChildProcess = spawn(process.execPath, [ava], {
      cwd: project,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, SIGNET_REAL_DRIVE: handed },
    });
    const onAbort = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', onAbort, { once: true });
    const [code] = await once(child, 'exit');
    return code === 0;
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

if (options.help === true) {
  console.log(help);
} else {
  try {
    process.exitCode = await run();
  } catch (error) {
    const { message, advice } =
      error instanceof SignetError
        ? wordsFor(error)
        : { message: error instanceof Error ? error.message : String(error), advice: '' };
    console.error(`scripts/real-drive: ${message}${advice === '' ? '' : ` ${advice}`}`);
    process.exitCode = 1;
  }
}
