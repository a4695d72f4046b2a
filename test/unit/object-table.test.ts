import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../daemon/base/clock.ts';
import type { ObjectRow, ObjectRows } from '../../daemon/state/model.ts';
import { openObjectTables, openState } from '../../daemon/state/state.ts';
import { temporaryHome } from '../support/temporary-home.ts';

async function tables(t: ExecutionContext): Promise<{ of(place: string): ObjectRows; readonly file: string }> {
  const home = await temporaryHome(t);
  const state = await openState(home, { clock: systemClock, hostLabel: 'laptop' });
  const opened = openObjectTables(home);
  t.teardown(() => {
    opened.close();
    state.close();
  });
  return { of: place => opened.of(place), file: join(home.state, 'state.db') };
}

const row = (key: string, changes: Partial<ObjectRow> = {}): ObjectRow => ({
  key,
  id: `id of ${key}`,
  state: 'there',
  sizeBytes: 12,
  sha256: 'ab'.repeat(32),
  session: null,
  ...changes,
});

test('what is known of an object comes back as it was put, by another connection too', async t => {
  const { of, file } = await tables(t);
  const rows = [
    row('config'),
    row('data', { sizeBytes: null, sha256: null }),
    row('data/ab/1', { state: 'sent', session: new Uint8Array([1, 2, 3]) }),
  ];
  of('one').put(rows);
  for (const each of rows) t.deepEqual(of('one').get(each.key), each);
  const other = new DatabaseSync(file);
  t.is(other.prepare('SELECT count(*) AS n FROM object').get()?.['n'], 3);
  other.close();
});

test('a row that is put again is replaced, and one that is removed is gone', async t => {
  const { of } = await tables(t);
  of('one').put([row('a', { state: 'planned' }), row('b')]);
  of('one').put([row('a', { state: 'there', id: 'another' })]);
  t.deepEqual(of('one').get('a'), row('a', { id: 'another' }));
  of('one').remove(['a', 'never there']);
  t.is(of('one').get('a'), undefined);
  t.deepEqual(of('one').get('b'), row('b'));
});

test('what lies below is what begins so, and nothing else', async t => {
  const { of } = await tables(t);
  of('one').put(['data', 'data/00/1', 'data/ff/~', 'data0', 'datb', 'index/1'].map(key => row(key)));
  const below = (prefix: string) =>
    of('one')
      .below(prefix)
      .map(({ key }) => key)
      .sort();
  t.deepEqual(below('data/'), ['data/00/1', 'data/ff/~']);
  t.deepEqual(below(''), ['data', 'data/00/1', 'data/ff/~', 'data0', 'datb', 'index/1']);
  t.deepEqual(below('locks/'), []);
});

test('places know nothing of one another', async t => {
  const { of } = await tables(t);
  of('one').put([row('a')]);
  of('one').setNote('position', '7');
  t.is(of('two').get('a'), undefined);
  t.is(of('two').note('position'), undefined);
  t.deepEqual(of('two').below(''), []);
  of('two').remove(['a']);
  t.deepEqual(of('one').get('a'), row('a'));
  t.is(of('one').note('position'), '7');
});

test('a note is kept until it is taken away', async t => {
  const { of } = await tables(t);
  of('one').setNote('position', '7');
  of('one').setNote('position', '8');
  t.is(of('one').note('position'), '8');
  of('one').setNote('position', undefined);
  t.is(of('one').note('position'), undefined);
});
