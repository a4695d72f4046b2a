// What is told of findings: what belongs together is one alarm, and what a sync app explains is none yet.

import test from 'ava';
import { type BoardFacts, decidedIds, type Found, groupOf, judge, remembering } from '../../daemon/jobs/alarm-of.ts';
import type { SeenPlace } from '../../daemon/jobs/look.ts';
import { isBackByNames, missingByNames, type PlaceNames } from '../../daemon/jobs/presence.ts';
import type { SnapshotId } from '../../daemon/repository/model.ts';

const self = 'aaaaaaaaaaaaaaaa';
const other = 'bbbbbbbbbbbbbbbb';
const first = '2026-11-23T08:00:00.000Z';
const now = Date.parse('2026-11-23T09:00:00.000Z');
const id = (digit: string) => digit.repeat(64) as SnapshotId;

const seen: SeenPlace = {
  heads: [
    { device: self, label: 'Laptop', seq: 412, sha256: id('1') },
    { device: other, label: 'Desk', seq: 20, sha256: id('2') },
  ],
  snapshots: [
    { id: id('a'), device: self, at: '2026-11-23T07:00:00Z', number: 412 },
    { id: id('b'), device: self, at: '2026-11-22T07:00:00Z', number: 411 },
    { id: id('c'), device: other, at: '2026-11-21T07:00:00Z', number: 20 },
  ],
};
const rollback = (device: string, expectedSeq: number, snapshots: readonly SnapshotId[]): Found => ({
  id: id('f'),
  code: 'E_ROLLBACK',
  device,
  expectedSeq,
  foundSeq: expectedSeq - 2,
  snapshots,
  detail: 'hidden',
});
const withheld = (device: string, snapshots: readonly SnapshotId[]): Found => ({
  id: id('e'),
  code: 'E_WITHHELD',
  device,
  snapshots,
  detail: 'missing',
});
const around = { self, place: 'folder', isSynced: false, now };
const facts = (history: readonly Found[], since: BoardFacts['since'] = {}): BoardFacts => ({
  found: { history },
  since,
  seen,
});

test('what is hidden of one computer is one alarm, counted and named', t => {
  const found = [rollback(self, 412, [id('a')]), withheld(self, [id('a'), id('b')])];
  const { alarms } = judge(facts(found, { [`hidden ${self}`]: first }), around);
  t.like(alarms, [
    {
      code: 'E_ROLLBACK',
      since: first,
      params: { place: 'folder', count: 2, number: 412, found: 410, at: '2026-11-23T07:00:00Z' },
      decisions: ['given-up'],
    },
  ]);
  t.is(alarms[0]?.params['device'], undefined);
  t.deepEqual(
    alarms[0]?.backups?.map(({ number, device }) => [number, device]),
    [
      [412, 'Laptop'],
      [411, 'Laptop'],
    ],
  );
  t.deepEqual(decidedIds(found), [id('f'), id('a'), id('e'), id('b')]);
});

test('an alarm has the same id as long as it stands, and another one the next time', t => {
  const of = (since: string, found: readonly Found[]) =>
    judge(facts(found, { [`hidden ${self}`]: since }), around).alarms[0]?.id;
  t.is(of(first, [withheld(self, [id('a')])]), of(first, [rollback(self, 412, [id('a'), id('b')])]));
  t.not(of(first, [withheld(self, [id('a')])]), of('2026-11-24T08:00:00.000Z', [withheld(self, [id('a')])]));
});

test('what this computer made comes first, and each other computer has its name', t => {
  const { alarms } = judge(facts([withheld(other, [id('c')]), withheld(self, [id('a')])]), around);
  t.deepEqual(
    alarms.map(({ params }) => params['device']),
    [undefined, 'Desk'],
  );
});

test('in a synced folder what another computer made has a day to arrive, what this one made has not', t => {
  const synced = { ...around, isSynced: true };
  const found = [withheld(other, [id('c')]), withheld(self, [id('a')])];
  const early = judge(facts(found, { [id('c')]: first }), synced);
  t.deepEqual([early.alarms.length, early.arriving.length], [1, 1]);
  const dayLater = { ...synced, now: Date.parse(first) + 24 * 3_600_000 };
  const late = judge(facts(found, { [id('c')]: first }), dayLater);
  t.deepEqual([late.alarms.length, late.arriving.length], [2, 0]);
  const more = [withheld(other, [id('c'), id('d')])];
  const mixed = judge(facts(more, { [id('c')]: first, [id('d')]: '2026-11-24T07:59:00.000Z' }), dayLater);
  t.is(mixed.alarms.length, 1, 'what arrives beside it excuses nothing');
});

test('two computers that a synced folder shows different things are no fork, two heads of one number are', t => {
  const blind: Found = { id: id('9'), code: 'E_FORK', device: self, other, expectedSeq: 3, detail: '' };
  const synced = { ...around, isSynced: true };
  t.deepEqual(judge(facts([blind]), synced), { alarms: [], arriving: [] });
  t.is(judge(facts([blind]), around).alarms[0]?.params['device'], 'Desk');
  const { other: _, ...twice } = blind;
  t.is(judge(facts([twice]), synced).alarms.length, 1);
});

test('while the newest head of a computer is hidden, what was known of it stays known', t => {
  const shown: SeenPlace = {
    heads: [{ device: self, label: 'Laptop', seq: 411, sha256: id('0') }],
    snapshots: [{ id: id('b'), device: self, at: '2026-11-22T07:00:00Z', number: 411 }],
  };
  const kept = remembering(seen, shown, [rollback(self, 412, [])]);
  t.deepEqual(
    kept.snapshots.map(each => each.id),
    [id('a'), id('b')],
  );
  t.is(kept.heads.find(({ device }) => device === self)?.seq, 412);
  t.deepEqual(remembering(seen, shown, []), shown, 'what was decided about is not missed any more');
  const named = { ...shown, snapshots: [{ id: id('a'), device: self }] };
  t.is(remembering(seen, named, []).snapshots[0]?.number, 412, 'a hidden one keeps its number');
});

const namesOf = (...keys: readonly string[]): PlaceNames => ({ keys: new Set(keys), digest: '', config: '' });
const head = (device: string, seq: number, sha256: string): string => `signet/heads/${device}/${seq}-${sha256}`;
const all = [
  head(self, 412, id('1')),
  head(other, 20, id('2')),
  ...['a', 'b', 'c'].map(digit => `snapshots/${id(digit)}`),
];
const without = (...gone: readonly string[]) => namesOf(...all.filter(key => !gone.includes(key)));

test('by names alone what is missing is found, and what another computer may have forgotten is not', t => {
  t.deepEqual(missingByNames(seen, namesOf(...all), self), []);
  const hidden = without(head(self, 412, id('1')), `snapshots/${id('a')}`);
  const [found] = missingByNames(seen, hidden, self);
  t.like(found, { code: 'E_ROLLBACK', device: self, expectedSeq: 412, foundSeq: 0, snapshots: [id('a')] });
  t.is(groupOf('history', found as Found), `hidden ${self}`);
  t.false(isBackByNames(found as Found, hidden));
  t.true(isBackByNames(found as Found, namesOf(...all)));
  t.like(missingByNames(seen, without(`snapshots/${id('c')}`), self), [{ code: 'E_WITHHELD', device: other }]);
  const newer = namesOf(...without(`snapshots/${id('c')}`).keys, head(other, 21, id('3')));
  t.deepEqual(missingByNames(seen, newer, self), [], 'its newer head may say that it is gone');
});
