import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { daemonValue, editorValues, mirrored, planSync } from '../../extension/settings-plan.ts';

const key = 'backup.frequency';
const sides = (editor: unknown, daemon: string, agreed?: string, isLooked = true) =>
  planSync({ editor: { [key]: editor }, daemon: { [key]: daemon }, agreed: { [key]: agreed }, isLooked });
const still = { toDaemon: {}, toEditor: {} };

test('what both have is agreed on, and nothing is written', t => {
  t.deepEqual(sides('daily', 'daily'), { ...still, agreed: { [key]: 'daily' } });
  t.deepEqual(sides('daily', 'daily', 'weekly'), { ...still, agreed: { [key]: 'daily' } });
});

test('what was changed in the editor is asked of the daemon, once it holds it is agreed on', t => {
  t.deepEqual(sides('weekly', 'daily', 'daily'), {
    toDaemon: { [key]: 'weekly' },
    toEditor: {},
    agreed: { [key]: 'daily' },
  });
});

test('what was changed elsewhere is shown in the editor, whichever window is in use', t => {
  for (const isLooked of [true, false]) {
    t.deepEqual(sides('daily', 'weekly', 'daily', isLooked), {
      toDaemon: {},
      toEditor: { [key]: 'weekly' },
      agreed: { [key]: 'weekly' },
    });
  }
});

test('where both changed, and where they never agreed, what the daemon has holds', t => {
  for (const agreed of ['monthly', undefined]) {
    t.deepEqual(sides('weekly', 'never', agreed), {
      toDaemon: {},
      toEditor: { [key]: 'never' },
      agreed: { [key]: 'never' },
    });
  }
});

test('a window that is not in use asks for nothing and settles nothing', t => {
  t.deepEqual(sides('weekly', 'daily', 'daily', false), { ...still, agreed: { [key]: 'daily' } });
  t.deepEqual(sides('weekly', 'never', 'daily', false), { ...still, agreed: { [key]: 'daily' } });
});

test('a value of another kind goes back', t => {
  t.deepEqual(sides(7, 'daily', 'daily'), { toDaemon: {}, toEditor: { [key]: 'daily' }, agreed: { [key]: 'daily' } });
});

test('a refused value is put back by the next plan', t => {
  const { agreed } = sides('25:00', '03:30', '03:30');
  const again = planSync({ editor: { [key]: '03:30' }, daemon: { [key]: '03:30' }, agreed, isLooked: true });
  t.deepEqual(again.toDaemon, {});
});

test('whatever changes where, a few rounds bring both to the same value and keep it', t => {
  const values = fc.constantFrom('a', 'b', 'c');
  const law = fc.property(values, values, fc.option(values, { nil: undefined }), (first, second, third) => {
    let [editor, daemon, agreed] = [first, second, third];
    for (let round = 0; round < 3; round += 1) {
      const plan = sides(editor, daemon, agreed);
      daemon = (plan.toDaemon[key] as typeof daemon) ?? daemon;
      editor = (plan.toEditor[key] as typeof editor) ?? editor;
      agreed = plan.agreed[key] as typeof agreed;
    }
    return editor === daemon && agreed === daemon;
  });
  t.notThrows(() => fc.assert(law));
});

test('values have the units of each side', t => {
  const values = editorValues(
    { kind: 'daily', at: '03:30', onChange: true },
    { quietMs: 30_000, lockAfterIdleMs: 600_000, maxUploadBytesPerSecond: 2_000_000, watch: 'off' },
  );
  t.deepEqual(values, {
    'backup.frequency': 'daily',
    'backup.time': '03:30',
    'backup.onChange': true,
    'backup.quietSeconds': 30,
    'cloud.uploadLimit': 2000,
    'lock.afterIdleMinutes': 10,
  });
  t.is(daemonValue('backup.quietSeconds', 0.3), 300);
  t.is(daemonValue('backup.quietSeconds', '30'), undefined);
  t.is(daemonValue('no.such', 1), undefined);
});

test('the manifest has each of these settings, of the same type and with a default', t => {
  const read = readFileSync(new URL('../../extension/manifest.json', import.meta.url), 'utf8');
  const manifest = JSON.parse(read) as {
    contributes: { configuration: readonly { properties: Record<string, { type: string; default?: unknown }> }[] };
  };
  const properties = Object.assign({}, ...manifest.contributes.configuration.map(each => each.properties)) as Record<
    string,
    { type: string; default?: unknown }
  >;
  for (const [name, { type }] of Object.entries(mirrored)) {
    t.is(properties[`signet.${name}`]?.type, type, name);
    t.is(typeof properties[`signet.${name}`]?.default, type, name);
  }
});
