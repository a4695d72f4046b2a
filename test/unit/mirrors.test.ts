import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import type { Engine } from '../../daemon/jobs/engine.ts';
import { JobQueue } from '../../daemon/jobs/job-queue.ts';
import { Mirrors, type MirrorsOptions } from '../../daemon/jobs/mirrors.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings } from '../../daemon/state/state.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import {
  lostWords,
  mirrorAddedWords,
  mirrorRemovedWords,
  mirrorsSyncedWords,
  mirrorWords,
  movedWords,
} from '../../protocol/move-words.ts';
import { noticeWords } from '../../protocol/notice-words.ts';
import { copyResult } from '../support/fake-handlers.ts';
import { type DrivenClock, drivenClock } from '../support/repository.ts';

const call = { progress: () => undefined, signal: new AbortController().signal };
const one = 'folder:/media/one';
const two = 'folder:/media/two';

interface Kit {
  readonly mirrors: Mirrors;
  readonly queue: JobQueue;
  readonly clock: DrivenClock;
  /** What the engine was asked: `<request> <place>`. */
  readonly asked: string[];
  /** How each place fails; those that are not named do not. */
  readonly failures: Map<string, ErrorCode>;
  settings: Settings;
}

/** Jobs and state as they are, with an engine that only answers. */
function kit(places: readonly string[] = [one], facts = new Map<string, string>()): Kit {
  const clock = drivenClock();
  const asked: string[] = [];
  const failures = new Map<string, ErrorCode>();
  const ask = async ({ method }: { readonly method: string }, { remote = '' }: { readonly remote?: string }) => {
    asked.push(`${method} ${remote}`.trim());
    const code = failures.get(remote);
    if (code !== undefined) throw new SignetError(code, 'as asked');
    return method === 'heal' ? { healed: 0, problems: [] } : { objects: 1, bytes: 2, problems: [], config: 'ab' };
  };
  const queue = new JobQueue(clock, () => undefined);
  const made: Kit = {
    queue,
    clock,
    asked,
    failures,
    settings: { ...defaultSettings('bench'), remote: 'folder:/media/main', mirrors: places },
    mirrors: new Mirrors({
      engine: { ask } as unknown as Pick<Engine, 'ask'>,
      state: {
        facts: {
          get: (name: string) => facts.get(name),
          set: (name: string, value: string) => void facts.set(name, value),
          remove: (name: string) => void facts.delete(name),
        },
      } as unknown as MirrorsOptions['state'],
      homeFolders: [],
      clock,
      log: { info: () => undefined, warn: () => undefined },
      session: {
        queue,
        settings: () => ({ ...made.settings, remote: 'folder:/media/main' }),
        stateKey: () => new Uint8Array(32),
        witness: async () => ({}) as never,
        ready: async () => undefined,
        reopen: async () => undefined,
        alarms: () => [],
        lockFindings: async () => [],
        changeSettings: async change => {
          made.settings = change(made.settings);
        },
      },
      onChanged: () => undefined,
    }),
  };
  return made;
}

test('where nothing is new nothing is asked, and one that failed is tried again once an hour', async t => {
  const { mirrors, asked, failures, clock } = kit();
  await mirrors.follow(false);
  t.deepEqual(asked, []);
  failures.set(one, 'E_REMOTE_FULL');
  await mirrors.follow(true);
  t.is(mirrors.status([one])[0]?.problem, 'E_REMOTE_FULL');
  await mirrors.follow(false);
  t.is(asked.length, 1);
  await clock.advance(3_600_000);
  await mirrors.follow(false);
  t.is(asked.length, 2);
  failures.clear();
  await mirrors.follow(true);
  t.like(mirrors.status([one])[0], { syncedAt: new Date(clock.now()).toISOString(), problem: undefined });
});

test('one place that is full or signed out keeps no other from its copy', async t => {
  const { mirrors, failures } = kit([one, two]);
  failures.set(one, 'E_SIGN_IN');
  await mirrors.follow(true);
  const [first, second] = mirrors.status([one, two]);
  t.like(first, { problem: 'E_SIGN_IN', signIn: 'needed', syncedAt: null });
  t.is(second?.problem, undefined);
  t.not(second?.syncedAt, null);

  const result = await mirrors.sync(call);
  t.deepEqual(
    result.problems.map(({ object, code }) => [object, code]),
    [['the folder one', 'E_SIGN_IN']],
  );
  failures.set(two, 'E_UNREACHABLE');
  await t.throwsAsync(mirrors.sync(call), { code: 'E_UNREACHABLE' });
});

test('a notice begins with the first failure, three days later, and ends with the first success', async t => {
  const { mirrors, failures, clock } = kit();
  failures.set(one, 'E_REMOTE_FULL');
  await mirrors.follow(true);
  for (const days of [1, 1]) {
    await clock.advance(days * 86_400_000);
    await mirrors.follow(true);
    t.deepEqual(mirrors.notices([one]), []);
  }
  await clock.advance(86_400_000);
  const [notice] = mirrors.notices([one]);
  t.is(notice?.kind, 'mirror-behind');
  if (notice !== undefined) {
    const { message, advice } = noticeWords(notice, clock.now());
    t.is(message, 'The second copy in the folder one is behind: The folder one is full.');
    t.regex(advice, /^The backup itself is up to date\. /);
  }
  failures.clear();
  await mirrors.follow(true);
  t.deepEqual(mirrors.notices([one]), []);
});

test('a copy that is cancelled ends the turn, and fails nothing', async t => {
  const { mirrors, failures, asked } = kit([one, two]);
  failures.set(one, 'E_CANCELLED');
  await mirrors.follow(true);
  t.deepEqual(asked, [`copyTo ${one}`]);
  t.is(mirrors.status([one])[0]?.problem, 'E_CANCELLED');
});

test('what was new when the process ended is copied by the next one', async t => {
  const facts = new Map<string, string>();
  const ended = kit([one], facts);
  void ended.queue.run('backup', call, () => new Promise(() => undefined));
  void ended.mirrors.follow(true);
  const next = kit([one], facts);
  await next.mirrors.follow(false);
  t.deepEqual([ended.asked, next.asked], [[], [`copyTo ${one}`]]);
  await next.clock.advance(3_600_000);
  await next.mirrors.follow(false);
  t.is(next.asked.length, 1, 'it is whole');
});

test('backups that come in a row wait for one copy together', async t => {
  const { mirrors, queue, asked } = kit();
  const { promise: busy, resolve } = Promise.withResolvers<void>();
  const job = queue.run('backup', call, () => busy);
  const turns = [mirrors.follow(true), mirrors.follow(true), mirrors.follow(true)];
  resolve();
  await Promise.all([job, ...turns]);
  t.deepEqual(asked, [`copyTo ${one}`]);
});

test('the place in use, one that is a second place already, and a ninth are refused', async t => {
  const { mirrors, asked } = kit(Array.from({ length: 8 }, (_, at) => `folder:/media/${at}`));
  for (const place of ['folder:/media/main', 'folder:/media/3', 'folder:/media/ninth', 'nowhere']) {
    await t.throwsAsync(mirrors.add(place, call), { code: 'E_USAGE' }, place);
  }
  t.deepEqual(asked, []);
});

const damage = { object: 'data/ab/cd', code: 'E_OBJECT_ID', detail: 'rotten' } as const;

test('what is said names the places and what to do, in plain words', t => {
  const lines = [
    ...movedWords({ ...copyResult, problems: [damage] }, 'Google Drive', 'Backup'),
    ...lostWords({ ...copyResult, problems: [{ ...damage, code: 'E_ROLLBACK' }] }, 'Google Drive'),
    ...mirrorAddedWords({ ...copyResult, problems: [damage] }, 'the folder disk'),
    mirrorRemovedWords('the folder disk'),
    ...mirrorsSyncedWords({ ...copyResult, healed: 1, problems: [damage, damage] }),
    ...mirrorsSyncedWords({ ...copyResult, objects: 0, bytes: 0, healed: 2 }),
    mirrorWords({ kind: 'folder', label: 'the folder disk', syncedAt: null, problem: 'E_REMOTE_FULL' }, 0),
  ];
  const text = lines.join('\n');
  t.regex(text, /has moved to Google Drive: 120 objects copied, 5\.0 MB\./);
  t.regex(text, /1 piece of the backup is damaged or missing in the old place, and could not be copied/);
  t.regex(text, /`signet remote delete-old Backup`/);
  t.regex(text, /2 pieces of the backup that the first place had lost or damaged are back there\./);
  t.regex(text, /everything was there already/);
  t.regex(text, /the folder disk, not complete yet; behind: The folder disk is full\./);
  t.notRegex(text.replace(/`[^`]*`/g, ''), /vault|repository|remote|daemon|mirror|pack|!/i);
});
