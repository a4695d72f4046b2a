import test from 'ava';
import {
  entryOf,
  type Found,
  type PlaceEntry,
  planPlacing,
  planUndo,
  type Seen,
} from '../../daemon/archive/place-plan.ts';
import { withCompanions } from '../../daemon/jobs/staging.ts';

const found = (path: string, live: Found['live'], more: Partial<Found> = {}): Found => ({
  path,
  live,
  isDatabase: false,
  sidecars: [],
  ...more,
});
const log = { path: 'chat.db-wal', isActive: true };
const index = { path: 'chat.db-shm', isActive: false };

test('what is there makes way, what is gone comes back, what is the same is left alone; replaced files come first', t => {
  const plan = planPlacing([found('a', 'absent'), found('b', 'same'), found('c', 'other')]);
  t.deepEqual(plan, {
    entries: [
      { path: 'c', kind: 'replaced' },
      { path: 'a', kind: 'comes-back' },
    ],
    same: 1,
    skipped: [],
  });
});

test('the log of a database that is replaced or comes back goes with the one that it belongs to', t => {
  const kinds = (live: Found['live'], isDatabase = true) =>
    planPlacing([found('chat.db', live, { isDatabase, sidecars: [log, index] })]).entries.map(
      ({ path, kind }) => `${path} ${kind}`,
    );
  const away = ['chat.db-wal moved-away', 'chat.db-shm moved-away'];
  t.deepEqual(kinds('other'), ['chat.db replaced', ...away]);
  t.deepEqual(kinds('absent'), ['chat.db comes-back', ...away]);
  t.deepEqual(kinds('same'), ['chat.db replaced', ...away], 'with a log beside it, it is not the same');
  t.deepEqual(kinds('other', false), ['chat.db replaced'], 'of another file nothing is known');
});

test('a database that is the same, without anything in a log, is left alone with all beside it', t => {
  const plan = planPlacing([
    found('chat.db', 'same', { isDatabase: true, sidecars: [{ ...log, isActive: false }, index] }),
  ]);
  t.deepEqual(plan, { entries: [], same: 1, skipped: [] });
});

test('where a folder or a link lies in the way nothing is put', t => {
  const { entries, skipped } = planPlacing([found('a', 'folder'), found('b/c', 'barred')]);
  t.deepEqual(entries, []);
  t.deepEqual(
    skipped.map(({ path, code }) => [path, code]),
    [
      ['a', 'E_UNSAFE_PATH'],
      ['b/c', 'E_UNSAFE_PATH'],
    ],
  );
});

const nothing: Seen = { live: false, kept: false, staged: false };
const undo = (kind: PlaceEntry['kind'], seen: Partial<Seen>) => {
  const [step] = planUndo([{ path: 'a', kind }], () => ({ ...nothing, ...seen }));
  return step === undefined ? 'nothing' : `${step.out ? 'out' : ''}${step.in ? 'in' : ''}`;
};

test('an undo finds from what lies where how far a restore came', t => {
  t.deepEqual(
    [
      undo('replaced', { live: true, staged: true }),
      undo('replaced', { kept: true, staged: true }),
      undo('replaced', { live: true, kept: true, staged: true }),
      undo('replaced', { live: true, kept: true }),
      undo('replaced', { kept: true }),
      undo('replaced', { live: true }),
    ],
    ['nothing', 'in', 'outin', 'outin', 'in', 'nothing'],
    'never begun; moved out alone; made anew by somebody meanwhile; done; done and deleted since; what was kept is lost',
  );
  t.deepEqual(
    [
      undo('comes-back', { staged: true }),
      undo('comes-back', { live: true, staged: true }),
      undo('comes-back', { live: true }),
      undo('comes-back', {}),
      undo('comes-back', { live: true, kept: true }),
    ],
    ['nothing', 'nothing', 'out', 'nothing', 'outin'],
    'never begun; made by somebody else; done; deleted since; something had come in its place and is kept',
  );
  t.deepEqual(
    [
      undo('moved-away', { live: true }),
      undo('moved-away', { kept: true }),
      undo('moved-away', { live: true, kept: true }),
    ],
    ['nothing', 'in', 'outin'],
  );
});

test('an undo told as a restore is undone to what was before it', t => {
  t.deepEqual(
    [
      entryOf({ path: 'a', out: true, in: true }),
      entryOf({ path: 'b', out: true, in: false }),
      entryOf({ path: 'c', out: false, in: true }),
    ].map(({ kind }) => kind),
    ['replaced', 'moved-away', 'comes-back'],
  );
});

test('patterns are of paths in the source, and bring a log along with its database', t => {
  t.deepEqual(withCompanions('app-1', []), ['app-1']);
  t.deepEqual(withCompanions('app-1', ['/Media/', '*.db']), [
    'app-1/Media',
    'app-1/Media-wal',
    'app-1/Media-journal',
    'app-1/*.db',
    'app-1/*.db-wal',
    'app-1/*.db-journal',
  ]);
});
