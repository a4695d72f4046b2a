import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { inCommands, toWire } from '../../daemon/cli/session.ts';
import { meanings, parsedValue } from '../../daemon/cli/settings.ts';
import { chosenSettings } from '../../daemon/jobs/chosen-settings.ts';
import { SettingsInUse } from '../../daemon/jobs/settings-in-use.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings, openState } from '../../daemon/state/state.ts';
import { duration } from '../../protocol/formats.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryHome } from '../support/temporary-home.ts';

async function kit(t: Parameters<typeof temporaryHome>[0]) {
  const state = await openState(await temporaryHome(t), { clock: manualClock(), hostLabel: 'bench' });
  t.teardown(() => state.close());
  const followed: Settings[] = [];
  const settings = new SettingsInUse(await state.settings.load(), {
    file: state.settings,
    hostLabel: 'bench',
    follow: async next => void followed.push(next),
  });
  return { state, settings, followed };
}

test('nothing that starts a program, names a host or a place can be chosen by a client', async t => {
  const { settings, followed } = await kit(t);
  const present = defaultSettings('bench');
  t.deepEqual(
    Object.keys(present).filter(key => !(key in chosenSettings(present))),
    ['v', 'remote', 'mirrors', 'sources', 'schedule', 'syncedBy', 'beforeBackup', 'afterBackup', 'healthCheckUrl'],
  );
  for (const key of ['beforeBackup', 'afterBackup', 'healthCheckUrl', 'remote', 'sources', 'v', '__proto__', 'other']) {
    const values = JSON.parse(`{ "${key}": "x", "quietMs": 5 }`) as Record<string, unknown>;
    t.like(await t.throwsAsync(settings.choose(values)), { code: 'E_USAGE' }, key);
  }
  t.deepEqual([settings.current, followed], [undefined, []]);
});

test('a value that does not fit changes nothing', async t => {
  const { state, settings, followed } = await kit(t);
  await settings.choose({ quietMs: 1000 });
  t.like(await t.throwsAsync(settings.choose({ quietMs: -1, watch: 'off' })), { code: 'E_SETTING' });
  t.like(await state.settings.load(), { quietMs: 1000, watch: 'chokidar' });
  t.like(settings.current, { quietMs: 1000, watch: 'chokidar' });
  t.is(followed.length, 1);
});

test('what somebody edited in the file meanwhile is kept, but not another place', async t => {
  const { state, settings } = await kit(t);
  const present = await settings.choose({ quietMs: 1000 });
  const edited = { ...present, beforeBackup: ['/bin/true'], jitterMs: 5, remote: 'folder:/elsewhere', mine: 7 };
  writeFileSync(state.settings.path, JSON.stringify(edited));
  const next = await settings.choose({ waitOnBattery: true });
  t.like(next, { quietMs: 1000, jitterMs: 5, waitOnBattery: true, beforeBackup: ['/bin/true'], remote: null });
  t.is((JSON.parse(readFileSync(state.settings.path, 'utf8')) as { mine: number }).mine, 7);
});

test('what other commands change leaves alone what somebody edited in the file meanwhile', async t => {
  const { state, settings } = await kit(t);
  const present = await settings.choose({ quietMs: 1000 });
  writeFileSync(state.settings.path, JSON.stringify({ ...present, afterBackup: ['/bin/true'], jitterMs: 5 }));
  const schedule = { ...present.schedule, kind: 'weekly' } as const;
  const expected = { schedule, afterBackup: ['/bin/true'], jitterMs: 5 };
  t.like(await settings.change(before => ({ ...before, schedule })), expected);
  t.like(await state.settings.load(), { ...expected, quietMs: 1000 });
});

test('changes at once are all there, each made of what the one before it left', async t => {
  const { state, settings, followed } = await kit(t);
  const failing = settings.change(() => {
    throw new Error('no');
  });
  const label = settings.change(async before => ({ ...before, deviceLabel: `${before.quietMs}` }));
  await Promise.all([
    t.throwsAsync(failing),
    label,
    settings.choose({ rescanMs: 2000 }),
    settings.choose({ quietMs: 7 }),
  ]);
  t.like(await state.settings.load(), { quietMs: 7, rescanMs: 2000, deviceLabel: '30000' });
  t.deepEqual(followed.at(-1), settings.current);
});

test('a value is read as what the setting holds', t => {
  t.is(parsedValue('quietMs', '30s', 1), 30_000);
  t.is(parsedValue('quietMs', '10m', 1), 600_000);
  t.is(parsedValue('quietMs', '250', 1), 250);
  t.is(parsedValue('lockAfterMs', '0', 1), 0);
  t.is(parsedValue('waitOnBattery', 'on', false), true);
  t.is(parsedValue('waitOnBattery', 'false', true), false);
  t.is(parsedValue('deviceLabel', '30s', 'Laptop'), '30s');
  t.is(parsedValue('watch', 'on', 'off'), 'chokidar');
  t.is(parsedValue('watch', 'off', 'chokidar'), 'off');
  const error = t.throws(() => parsedValue('watch', 'sometimes', 'chokidar'));
  t.is(inCommands(toWire(error)).message, 'The setting watch is on or off.');
  t.is(parsedValue('maxUploadBytesPerSecond', '500kB', 0), 500_000);
  t.is(parsedValue('packTargetBytes', '32MiB', 0), 32 * 2 ** 20);
  t.is(parsedValue('packTargetBytes', '0', 32), 0);
  for (const text of ['', 'soon', '-1', '2 seconds']) {
    t.like(
      t.throws(() => parsedValue('maxDownloadBytesPerSecond', text, 0)),
      { code: 'E_USAGE' },
      text,
    );
  }
  for (const text of ['', 'soon', '-1', '1.5h', '10 m', '1w']) {
    t.like(
      t.throws(() => parsedValue('quietMs', text, 1)),
      { code: 'E_USAGE' },
      text,
    );
  }
  t.like(
    t.throws(() => parsedValue('waitOnBattery', '1', true)),
    { code: 'E_USAGE' },
  );
});

test('every setting is described: in short by the command, with its default in the page', t => {
  const settings = defaultSettings('Laptop');
  t.deepEqual(Object.keys(meanings).sort(), Object.keys(chosenSettings(settings)).sort());
  const page = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
  for (const key of Object.keys(settings)) t.regex(page, new RegExp(`\\x60${key}(?:\\[\\]|\\.[a-z]+)?\\x60`, 'i'), key);
  for (const [key, value] of Object.entries(chosenSettings(settings))) {
    if (key === 'deviceLabel') continue;
    const isCount = /^(?:keep|drill)/.test(key);
    const wanted = isCount
      ? value === 0
        ? '0 (for ever)'
        : String(value)
      : key.includes('Bytes')
        ? '0 (as usual)'
        : typeof value === 'number'
          ? value === 0
            ? '0 (never)'
            : duration(value)
          : `\`${JSON.stringify(value)}\``;
    t.true(page.includes(`| \`${key}\` | ${wanted} |`), `${key}: ${wanted}`);
  }
});
