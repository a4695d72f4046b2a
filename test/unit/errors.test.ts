import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { SignetError, toSignetError } from '../../daemon/base/errors.ts';

test('a full disk is told as one, whether the system says so or SQLite', t => {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE t (bytes BLOB); PRAGMA max_page_count = 2');
  const sqlite = t.throws(() => database.exec('INSERT INTO t VALUES (zeroblob(100000))'));
  database.close();
  const shared = Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 4874 });
  const system = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  for (const error of [sqlite, shared, system]) {
    const told = toSignetError(error);
    t.is(told.code, 'E_DISK_FULL');
    t.is(told.cause, error);
  }
  t.is(toSignetError(Object.assign(new Error('locked'), { errcode: 5 })).code, 'E_INTERNAL');
});

test('what is a known error stays what it is', t => {
  const known = new SignetError('E_UNREACHABLE', 'away');
  t.is(toSignetError(known), known);
  t.is(toSignetError(new DOMException('stopped', 'AbortError')).code, 'E_CANCELLED');
});
