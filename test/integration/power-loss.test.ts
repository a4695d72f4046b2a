// A machine that loses its process or its power at every write of an operation, the place being a folder on the same disk: before, in the middle
// of and after every object written or removed there, and around every sync of a file and of a folder. Of what was not synced all is lost, or
// a part of it comes true in another order. Whatever is left: the old or the new password opens, everything in the place is whole, each
// snapshot that was reported comes back as it was, stock restic finds no fault, and the next backup is a good one.

import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isCode } from '../../daemon/base/errors.ts';
import { seeded } from '../../scripts/lib/seeded.ts';
import { treeOf } from '../support/archive.ts';
import { call, copyOf, given, type Machine, password, setUpMachine, startMachine } from '../support/key-bench.ts';
import { type Kept, type Moment, type Recording, recorded } from '../support/recorded-disk.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

const isLong = process.env['SIGNET_LONG'] !== undefined;
/** Of the states that differ so many are judged for each operation, spread evenly; the long form judges all. */
const judgedAtMost = isLong ? Number.POSITIVE_INFINITY : 12;
/** Stock restic looks at each one of so many. */
const resticEvery = isLong ? 1 : 6;
const seed = process.env['SIGNET_SEED'] ?? String(randomInt(1e9));
const newPassword = 'ablaze tidal frosty mango untie clock';
const hourMs = 3_600_000;

const template = mkdtempSync(join(tmpdir(), 'signet-test-'));
test.after.always(() => rmSync(template, { recursive: true, force: true }));

type Tree = ReadonlyMap<string, string>;
/** What each snapshot that was reported must give back. */
type Good = Map<string, Tree>;

const good: Good = new Map();

async function backUp(machine: Machine, into: Good): Promise<void> {
  const { snapshot } = await machine.jobs.backup('user');
  if (snapshot !== undefined) into.set(snapshot, treeOf(join(machine.folder, 'chats')));
}

test.before(async () => {
  if (process.platform !== 'linux') return;
  await setUpMachine(template);
  const machine = await startMachine(template);
  await machine.jobs.unlock(given({ password }));
  const chats = join(template, 'chats');
  const random = seeded('power loss');
  mkdirSync(join(chats, 'media'));
  for (let n = 0; n < 4; n++) writeFileSync(join(chats, 'media', `photo-${n}`), random.bytes(30_000 + 9_000 * n));
  await backUp(machine, good);
  writeFileSync(join(chats, 'a.txt'), 'changed');
  rmSync(join(chats, 'media', 'photo-0'));
  writeFileSync(join(chats, 'media', 'photo-4'), random.bytes(60_000));
  await backUp(machine, good);
  await machine.jobs.lock();
  await machine.end();
});

interface Operation {
  readonly name: string;
  /** What happens before, which is whole on the disk. */
  readonly before?: (machine: Machine, good: Good) => Promise<unknown>;
  readonly run: (machine: Machine, good: Good) => Promise<unknown>;
  /** What opens before it and after it. */
  readonly passwords: readonly string[];
  /** Backups may be gone afterwards, as was asked for. */
  readonly takesOut?: true;
  /** The place is damaged before, and mended by the run: until then a repair comes first. */
  readonly isDamaged?: true;
}

function changeChats({ folder }: Machine): void {
  const random = seeded('power loss, later');
  const chats = join(folder, 'chats');
  writeFileSync(join(chats, 'b.txt'), 'changed, too');
  rmSync(join(chats, 'media', 'photo-1'));
  mkdirSync(join(chats, 'media', 'deep'));
  writeFileSync(join(chats, 'media', 'deep', 'photo-5'), random.bytes(80_000));
}

const operations: readonly Operation[] = [
  {
    name: 'a backup',
    before: async machine => changeChats(machine),
    run: backUp,
    passwords: [password],
  },
  {
    name: 'a change of the password',
    run: ({ jobs }) => jobs.credentials.changePassword(given({ password, newPassword })),
    passwords: [password, newPassword],
  },
  {
    name: 'a start afresh',
    run: ({ jobs }) => jobs.fresh.start(given({ password, newPassword }), call),
    passwords: [password, newPassword],
  },
  {
    name: 'forgetting and the first step of pruning',
    run: async (machine, known) => {
      await forgetFirst(machine, known);
      await machine.jobs.tidying.prune(false, call);
    },
    passwords: [password],
    takesOut: true,
  },
  {
    name: 'the second step of pruning',
    before: async (machine, known) => {
      await forgetFirst(machine, known);
      await machine.jobs.tidying.prune(false, call);
      await machine.clock.advance(49 * hourMs);
    },
    run: ({ jobs }) => jobs.tidying.prune(false, call),
    passwords: [password],
    takesOut: true,
  },
  {
    name: 'a repair of a lost index',
    before: async machine => {
      const [lost = ''] = machine.objects('index');
      rmSync(join(machine.remote(), 'index', lost));
    },
    run: ({ jobs }) => jobs.tidying.repairIndex(false, call),
    passwords: [password],
    isDamaged: true,
  },
];

/** The first backup of the template: nothing else needs all that is in it. */
async function forgetFirst({ jobs }: Machine, known: Good): Promise<void> {
  const [first = ''] = known.keys();
  await jobs.tidying.forget({ snapshots: [first] }, {}, call);
  known.delete(first);
}

interface State {
  readonly moment: number;
  readonly kept: Kept['kind'];
  readonly write: () => void;
}

interface Visited {
  /** By the moment and what was kept. */
  readonly counts: Map<`${Moment}, ${Kept['kind']}`, number>;
  readonly states: readonly State[];
  readonly all: number;
}

/** Every moment, with what may be left of it; states that are the same are judged once. */
function visit(recording: Recording, remoteFolder: string): Visited {
  const seen = new Set<string>();
  const states: State[] = [];
  const counts: Visited['counts'] = new Map();
  let all = 0;
  for (let moment = 0; moment <= recording.writes; moment++) {
    const losses: readonly Kept[] = recording.isLoose(moment)
      ? [
          { kind: 'synced' },
          ...[1, 2].map(turn => ({ kind: 'some', random: seeded(`${seed} ${moment} ${turn}`) }) as const),
        ]
      : [];
    for (const kept of [{ kind: 'all' } as const, ...losses]) {
      all += 1;
      const name = `${recording.momentOf(moment, remoteFolder)}, ${kept.kind}` as const;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      const { digest, write } = recording.remains(moment, kept);
      if (seen.has(digest)) continue;
      seen.add(digest);
      states.push({ moment, kept: kept.kind, write });
    }
  }
  return { counts, states, all };
}

function told(name: string, { counts, states, all }: Visited, judged: number, byRestic: number): string {
  const of = (wanted: (key: string) => boolean): number =>
    [...counts].reduce((sum, [key, count]) => sum + (wanted(key) ? count : 0), 0);
  return (
    `${name}: crash points visited: ${all} (remote before ${of(key => key.startsWith('remote before'))}, ` +
    `half-way ${of(key => key.startsWith('remote half-way'))}, after ${of(key => key.startsWith('remote after'))}; ` +
    `local ${of(key => key.startsWith('local'))}; of them unsynced writes lost ${of(key => key.endsWith('synced'))}, ` +
    `reordered ${of(key => key.endsWith('some'))}); ${states.length} states differ, ${judged} judged, ${byRestic} of them by restic`
  );
}

for (const operation of operations) {
  test.serial(
    `${operation.name} that dies at any write leaves everything whole, whatever of it was synced`,
    async t => {
      if (process.platform !== 'linux') return skip(t, 'follows open files below /proc', 'other system');
      if (!hasRestic) return skip(t, 'restic is not installed');
      t.timeout(60 * 60_000);
      const folder = await copyOf(t, template);
      const machine = await unlocked(t, folder, undefined, [password]);
      const mustBe = new Map(good);
      await operation.before?.(machine, mustBe);
      const mayBe = new Map(good);
      for (const [id, tree] of mustBe) mayBe.set(id, tree);
      const after = new Map(mustBe);
      const place = machine.remote();
      const recording = await recorded(folder, () => operation.run(machine, after));
      for (const [id, tree] of after) mayBe.set(id, tree);
      if (operation.takesOut) for (const id of mustBe.keys()) if (!after.has(id)) mustBe.delete(id);
      await machine.end();
      const visited = visit(recording, join(folder, 'copies'));
      const chosen = spread(visited.states, judgedAtMost);
      let byRestic = 0;
      for (const [turn, { moment, kept, write }] of chosen.entries()) {
        write();
        const where = `${operation.name}, seed ${seed}, ${recording.named(moment)}, ${kept} kept`;
        const isEnd = moment === recording.writes && kept === 'all';
        const asksRestic = turn % resticEvery === 0;
        if (asksRestic) byRestic += 1;
        const next = { mustBe: isEnd ? after : mustBe, mayBe, place, asksRestic, turn };
        await judge(t, folder, machine.clock.now() + hourMs, operation, next, where);
      }
      t.log(told(operation.name, visited, chosen.length, byRestic));
    },
  );
}

async function judge(
  t: ExecutionContext,
  folder: string,
  now: number,
  { passwords, isDamaged }: Operation,
  {
    mustBe,
    mayBe,
    place,
    asksRestic,
    turn,
  }: { mustBe: Good; mayBe: Good; place: string; asksRestic: boolean; turn: number },
  where: string,
): Promise<void> {
  const order = turn % 2 === 0 ? passwords : passwords.toReversed();
  const machine = await unlocked(t, folder, now, order, where);
  try {
    const { jobs } = machine;
    if (isDamaged) await jobs.tidying.repairIndex(false, call);
    t.deepEqual((await jobs.verifying.verify(100, call)).problems, [], where);
    const { entries } = await jobs.browsing.snapshots({}, call.signal);
    const isHere = machine.remote() === place;
    if (isHere)
      for (const id of mustBe.keys())
        t.true(
          entries.some(each => each.id === id),
          `${where}: ${id} is gone`,
        );
    for (const { id } of entries) {
      const target = join(folder, 'back');
      const { skipped } = await jobs.restore({ snapshot: id, target, include: [], dryRun: false }, call);
      t.deepEqual(skipped, [], where);
      const [source = ''] = readdirSync(target);
      const expected = mayBe.get(id);
      if (expected !== undefined) t.deepEqual([...treeOf(join(target, source))], [...expected], `${where}: ${id}`);
      rmSync(target, { recursive: true });
    }
    if (asksRestic) await soundToRestic(t, machine, where);
    writeFileSync(join(folder, 'chats', 'later.txt'), 'written after the crash');
    const next = await jobs.backup('user');
    t.not(next.snapshot, undefined, where);
    t.deepEqual([next.alarms, next.filesUnreadable], [[], []], where);
    if (asksRestic) await soundToRestic(t, machine, where);
  } finally {
    await machine.end();
  }
}

async function soundToRestic(t: ExecutionContext, machine: Opened, where: string): Promise<void> {
  const key = await machine.recoveryKey(given({ password: machine.opened }));
  const { status, out } = await restic(machine.remote(), key, ['--no-lock', 'check', '--read-data']);
  t.is(status, 0, `${where}: ${out}`);
}

type Opened = Machine & { readonly opened: string };

/** The machine as it starts on what is there, opened by the first of the passwords that does. */
async function unlocked(
  t: ExecutionContext,
  folder: string,
  at: number | undefined,
  passwords: readonly string[],
  where = 'at first',
): Promise<Opened> {
  const machine = await startMachine(folder, at);
  t.teardown(() => machine.end());
  for (const each of passwords) {
    try {
      await machine.jobs.unlock(given({ password: each }));
      return { ...machine, opened: each };
    } catch (error) {
      if (!isCode(error, 'E_WRONG_SECRET')) throw error;
    }
  }
  throw new Error(`${where}: no password opens`);
}

/** At most so many of them, the first and the last among them. */
function spread<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, at) => items[Math.round((at * (items.length - 1)) / (most - 1))]).filter(
    item => item !== undefined,
  );
}
