// Which sources there are and what of them is kept, with settings in memory.

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { acceptedName } from '../../daemon/jobs/backups.ts';
import { SettingsInUse } from '../../daemon/jobs/settings-in-use.ts';
import { SourceList } from '../../daemon/jobs/source-list.ts';
import { sourceStatus } from '../../daemon/jobs/status.ts';
import { newSource } from '../../daemon/sources/sources.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings, type State } from '../../daemon/state/state.ts';
import type { Notice } from '../../protocol/status.ts';
import { scratch } from '../support/databases.ts';
import { manualClock } from '../support/manual-clock.ts';

function kit(t: ExecutionContext, isAutomatic = true) {
  const folder = scratch(t);
  const root = (name: string): string => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  let settings: Settings = { ...defaultSettings('bench'), remote: `folder:${join(folder, 'copies')}` };
  const save = async (next: Settings): Promise<void> => {
    saved.push(next);
    await Promise.resolve();
    settings = next;
  };
  const inUse = new SettingsInUse(settings, {
    file: { path: 'settings.json', load: async () => settings, save } as unknown as State['settings'],
    hostLabel: 'bench',
    follow: async () => undefined,
  });
  let notices: readonly Notice[] = [];
  const facts = new Map<string, string>();
  let drawn = 0;
  const saved: Settings[] = [];
  const due: string[] = [];
  const list = new SourceList({
    newSource: wish =>
      newSource(wish, {
        place: { platform: 'linux', home: folder, env: {} },
        randomBytes: count => new Uint8Array(count).fill(++drawn),
      }),
    discover: async known => known.map(each => ({ profile: 'generic', label: each, root: each }) as never),
    syncedFolders: async () => [],
    homeFolders: [root('home')],
    facts: { get: name => facts.get(name), set: (name, value) => void facts.set(name, value) },
    clock: manualClock(),
    change: make => inUse.change(make),
    status: () => ({ sources: settings.sources.map(each => sourceStatus(each)), notices }),
    sourceDue: id => {
      if (isAutomatic) due.push(id);
      return isAutomatic;
    },
    onChanged: () => undefined,
  });
  return {
    list,
    due,
    root,
    folder,
    facts,
    saved,
    settings: () => settings,
    notice: (kind: Notice['kind'], source: string) => {
      notices = [{ id: 'n', kind, since: '2026-11-23T00:00:00Z', source, params: {} }];
    },
  };
}

test('a source is added with what its owner chose, and saved', async t => {
  const { list, root, settings } = kit(t);
  const added = await list.add({
    root: root('chats'),
    leaveOut: ['video', 'video'],
    maxFileBytes: 5,
    exclude: ['*.iso'],
  });
  t.deepEqual(settings().sources, [
    {
      id: added.id,
      profile: 'generic',
      label: 'chats',
      root: root('chats'),
      leaveOut: ['video'],
      maxFileBytes: 5,
      exclude: ['*.iso'],
    },
  ]);
  t.deepEqual([added.leaveOut, added.maxFileBytes, added.excludes], [['video'], 5, 1]);
});

test('a folder is taken once, under whatever name', async t => {
  const { list, root, folder, settings } = kit(t);
  await list.add({ root: root('chats'), label: 'First' });
  symlinkSync(root('chats'), join(folder, 'link'));
  const error = await t.throwsAsync(list.add({ root: join(folder, 'link') }), { code: 'E_USAGE' });
  t.regex(String((error as unknown as { params: { detail: string } }).params.detail), /backed up already, as First/);
  t.is(settings().sources.length, 1);
});

test("the copies and Signet's own folders cannot be sources, nor what holds them", async t => {
  const { list, root, folder } = kit(t);
  root('copies');
  for (const bad of [join(folder, 'copies'), folder, join(folder, 'home')]) {
    await t.throwsAsync(list.add({ root: bad }), { code: 'E_USAGE' }, bad);
  }
});

test('two added at once are both kept', async t => {
  const { list, root, settings } = kit(t);
  await Promise.all([list.add({ root: root('a') }), list.add({ root: root('b') })]);
  t.deepEqual(
    settings().sources.map(each => each.label),
    ['a', 'b'],
  );
  const twice = await Promise.allSettled([list.add({ root: root('c') }), list.add({ root: root('c') })]);
  t.deepEqual(
    twice.map(each => each.status),
    ['fulfilled', 'rejected'],
  );
});

test('two sources of one name are told apart', async t => {
  const { list, root, settings } = kit(t);
  for (const name of ['a', 'b', 'c']) await list.add({ root: root(name), label: 'Logs' });
  t.deepEqual(
    settings().sources.map(each => each.label),
    ['Logs', 'Logs 2', 'Logs 3'],
  );
});

test('a pattern that says nothing is refused by its name, and nothing is saved', async t => {
  const { list, root, saved } = kit(t);
  const error = await t.throwsAsync(list.add({ root: root('a'), exclude: ['*.mp4', '[x'] }), { code: 'E_USAGE' });
  t.is((error as unknown as { params: { pattern: string } }).params.pattern, '[x');
  t.is(saved.length, 0);
  const { id } = await list.add({ root: root('a') });
  await t.throwsAsync(list.change({ id, exclude: ['# x'] }), { code: 'E_USAGE' });
  t.is(saved.length, 1);
});

test('a change touches what it names; null and empty lists take choices away', async t => {
  const { list, root, settings } = kit(t);
  const { id } = await list.add({ root: root('a'), leaveOut: ['video'], maxFileBytes: 5, exclude: ['x'] });
  await list.change({ id, label: 'New', maxFileBytes: 7 });
  t.like(settings().sources[0], { id, label: 'New', leaveOut: ['video'], maxFileBytes: 7, exclude: ['x'] });
  await list.change({ id, leaveOut: [], maxFileBytes: null, exclude: [] });
  t.deepEqual(settings().sources[0], { id, profile: 'generic', label: 'New', root: root('a') });
  await t.throwsAsync(list.change({ id: 'generic-zzzzzzzz' }), { code: 'E_NOT_FOUND' });
});

test('a removed source is off the list, and its folder can be added again', async t => {
  const { list, root, settings } = kit(t);
  const first = await list.add({ root: root('a') });
  await list.remove(first.id);
  t.deepEqual(settings().sources, []);
  t.not((await list.add({ root: root('a') })).id, first.id);
  await t.throwsAsync(list.remove(first.id), { code: 'E_NOT_FOUND' });
});

test('a loss is accepted only where one was noticed, and twice is once', async t => {
  const { list, root, facts, notice } = kit(t);
  const { id } = await list.add({ root: root('a') });
  const other = await list.add({ root: root('b') });
  await t.throwsAsync(list.accept(id), { code: 'E_USAGE' });
  notice('missing-source', id);
  await t.throwsAsync(list.accept(id), { code: 'E_USAGE' });
  notice('shrunk', id);
  await t.throwsAsync(list.accept(other.id), { code: 'E_USAGE' });
  t.is(facts.size, 0);
  await list.accept(id);
  const at = facts.get(acceptedName(id)) ?? '';
  t.false(Number.isNaN(Date.parse(at)));
  await list.accept(id);
  t.deepEqual([...facts], [[acceptedName(id), at]]);
});

for (const isAutomatic of [true, false]) {
  test(`what comes in is backed up ${isAutomatic ? 'soon' : 'on request where nothing is backed up by itself'}; leaving more out waits for the next backup`, async t => {
    const { list, root, due, notice } = kit(t, isAutomatic);
    const nextBackup = isAutomatic ? 'by-itself' : 'on-request';
    const added = await list.add({ root: root('a') });
    const { id } = added;
    t.is(added.nextBackup, nextBackup);
    const steps = [
      [{ label: 'New' }, undefined],
      [{ leaveOut: ['video', 'audio'], maxFileBytes: 5, exclude: ['x'] }, undefined],
      [{ leaveOut: ['video'] }, nextBackup],
      [{ leaveOut: ['video', 'image'] }, undefined],
      [{ maxFileBytes: 4 }, undefined],
      [{ maxFileBytes: 6 }, nextBackup],
      [{ maxFileBytes: null }, nextBackup],
      [{ exclude: ['x', 'y'] }, undefined],
      [{ exclude: ['x', 'y', '!z'] }, nextBackup],
      [{ exclude: ['y', 'x'] }, nextBackup],
      [{ exclude: ['y'] }, nextBackup],
      [{ exclude: [] }, nextBackup],
    ] as const;
    for (const [change, expected] of steps) {
      t.is((await list.change({ id, ...change })).nextBackup, expected, JSON.stringify(change));
    }
    notice('shrunk', id);
    t.is((await list.accept(id)).nextBackup, nextBackup);
    t.is(due.length, isAutomatic ? 9 : 0);
  });
}

test('discovery is told which folders are sources already', async t => {
  const { list, root } = kit(t);
  await list.add({ root: root('a') });
  t.deepEqual(
    (await list.discover()).map(each => each.root),
    [root('a')],
  );
});
