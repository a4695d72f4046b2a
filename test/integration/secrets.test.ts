// Where secrets and names must not be: everything that a whole life of an installation leaves behind, on the disk, in the cloud and in the
// tables of the kernel, is searched for them.

import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import type { BackupResult, RestoreResult } from '../../protocol/status.ts';
import { type Installation, installation, password, phone, type Ran, withoutPower } from '../support/installation.ts';
import { watchProcesses } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const names = {
  folder: 'quokkafolder',
  inner: 'wombatinner',
  note: 'kangaroonote.txt',
  locked: 'platypuslocked.txt',
  database: 'echidnachats.sqlite',
  opaque: 'bandicootopaque.db',
  large: 'numbatlarge.txt',
} as const;
const text = 'meet me where the cassowary sleeps';

/** One thing to look for, in the forms in which it could appear. */
interface Needle {
  readonly what: string;
  readonly forms: readonly Buffer[];
}

const needle = (what: string, ...forms: readonly (string | Buffer)[]): Needle => ({
  what,
  forms: forms.flatMap(form => {
    const bytes = Buffer.from(form);
    return [bytes, Buffer.from(bytes.toString('base64').replace(/=+$/, '')), Buffer.from(bytes.toString('hex'))];
  }),
});

const groups = (key: string): string => key.replace(/(.{4})(?=.)/g, '$1 ');

function found(bytes: Buffer, needles: readonly Needle[]): readonly string[] {
  return needles.filter(({ forms }) => forms.some(form => bytes.includes(form))).map(({ what }) => what);
}

function* entriesIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    yield join(entry.parentPath, entry.name);
}

/** Searches the names and bytes of everything below the folder; answers "path: what was found". */
function hitsIn(folder: string, needles: readonly Needle[]): readonly string[] {
  const hits: string[] = [];
  for (const path of entriesIn(folder)) {
    const shown = path.slice(folder.length);
    hits.push(...found(Buffer.from(shown), needles).map(what => `name ${shown}: ${what}`));
    if (lstatSync(path).isFile()) hits.push(...found(readFileSync(path), needles).map(what => `${shown}: ${what}`));
  }
  return hits;
}

function writeChats(source: string): void {
  mkdirSync(join(source, names.inner), { recursive: true });
  writeFileSync(join(source, names.note), text);
  writeFileSync(join(source, names.inner, names.large), `${text}\n`.repeat(30_000));
  writeFileSync(join(source, names.locked), text);
  chmodSync(join(source, names.locked), 0);
  writeFileSync(join(source, names.opaque), Buffer.concat([Buffer.alloc(8192, text)]));
  const database = new DatabaseSync(join(source, names.inner, names.database));
  database.exec(`PRAGMA journal_mode=wal; CREATE TABLE message (body TEXT); INSERT INTO message VALUES ('${text}')`);
  database.close();
}

/** Everything a person does, and gets wrong. Answers what the commands said. */
async function wholeLife(t: ExecutionContext, signet: Installation): Promise<{ said: readonly Ran[]; key: string }> {
  const said: Ran[] = [];
  const run = async (exit: number, args: readonly string[], secrets?: object): Promise<Ran> => {
    const ran = await signet.signet(args, secrets);
    t.is(ran.code, exit, `signet ${args.join(' ')}: ${ran.err}${ran.out.slice(-500)}`);
    said.push(ran);
    return ran;
  };
  const { recoveryKey: key = '' } = await signet.setUp();
  const first = (await run(3, ['backup'])).json<BackupResult>();
  t.deepEqual(
    first.filesUnreadable.map(file => [basename(file.path), file.reason]),
    [[names.locked, 'permission']],
  );
  writeFileSync(join(signet.source, names.note), `${text}, again`);
  await run(3, ['backup']);
  const [source = ''] = (await signet.snapshots())[0]?.sources ?? [];
  await run(0, ['ls', 'latest', source]);
  await run(0, ['cat', 'latest', `${source}/${names.note}`]);
  await run(1, ['cat', 'latest', `${source}/${names.note}x`]);
  const { target } = (await run(0, ['restore', 'latest', '--to', join(signet.folder, 'back')])).json<RestoreResult>();
  t.is(readFileSync(join(target, source, names.note), 'utf8'), `${text}, again`);
  await run(1, ['restore', 'latest', '--to', join(signet.folder, 'none'), '--include', `${source}/${names.note}x`]);
  await run(2, ['restore', 'latest', '--to', join(signet.source, 'back')]);
  await run(0, ['verify', '--read-data']);
  await run(0, ['lock']);
  await run(12, ['unlock'], { password: `${password}!` });
  await run(2, ['unlock'], { recoveryKey: `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'} 0000` });
  await run(12, ['unlock'], { recoveryKey: '7'.repeat(64) });
  await run(0, ['unlock'], { recoveryKey: key });
  await run(0, ['lock']);
  await run(0, ['unlock'], { password });
  renameSync(signet.source, `${signet.source}.away`);
  await run(3, ['backup']);
  renameSync(`${signet.source}.away`, signet.source);
  await run(0, ['status', '--check']);
  await run(0, ['doctor']);
  return { said, key };
}

test('no secret, no message and no name of a file is left anywhere it does not belong', async t => {
  const folder = await temporaryFolder(t);
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { mode: 0o700 });
  const source = join(folder, names.folder);
  writeChats(source);
  const signet = await installation(t, { source, environment: { TMPDIR: temporary }, ...withoutPower() });
  const processes = watchProcesses(t, signet.home);
  const { said, key } = await wholeLife(t, signet);
  const seen = processes.stop();

  const secrets = [
    needle('password', password),
    needle('recovery key', key, groups(key), Buffer.from(key, 'hex')),
    needle('phone', phone, phone.slice(1), '415 555 0123', '(415) 555-0123'),
  ];
  const national = needle('phone, national', phone.slice(2));
  const contents = [
    needle('message', text, text.slice(0, 24)),
    ...Object.values(names).map(name => needle(name, name)),
    needle('path', source),
  ];
  const all = [...secrets, national, ...contents];

  t.deepEqual(hitsIn(signet.remote, all), [], 'in the cloud');
  t.deepEqual(hitsIn(temporary, all), [], 'in the folder for temporary files');
  const hits = hitsIn(signet.home, all);
  const allowed = ['/config/settings.json: path', `/config/settings.json: ${names.folder}`];
  t.deepEqual(hits.toSorted(), allowed, 'only the settings name the folder that is backed up');
  for (const { out, err } of said) t.deepEqual(found(Buffer.from(out + err), [...secrets, national]), []);

  const programs = new Set(seen.map(({ commandLine }) => /[\w-]+\.ts/.exec(commandLine)?.[0]));
  for (const program of ['key-child.ts', 'child.ts'])
    t.true(programs.has(program), `${program} was seen: ${[...programs]}`);
  for (const { commandLine, environment } of seen) {
    t.deepEqual(found(Buffer.from(commandLine + environment), [...secrets, national, ...contents]), [], commandLine);
  }

  for (const root of [signet.home, signet.remote]) {
    for (const path of entriesIn(root)) {
      const { mode } = lstatSync(path);
      const wanted = lstatSync(path).isDirectory() ? 0o700 : 0o600;
      t.is(mode & 0o777, wanted, `${path} ${(mode & 0o777).toString(8)}`);
    }
  }
  const run = join(signet.home, 'run');
  t.is(lstatSync(run).mode & 0o777, 0o700);
  const sockets = readdirSync(run).filter(name => lstatSync(join(run, name)).isSocket());
  t.is(sockets.length, 1);
});
