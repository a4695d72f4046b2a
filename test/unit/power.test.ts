import test from 'ava';
import {
  meteredOfBusctl,
  ofPowershell,
  onBatteryOf,
  onBatteryOfPmset,
  type PowerSupply,
  powerState,
} from '../../daemon/platform/power.ts';

const supply = (changes: Partial<PowerSupply>): PowerSupply => ({
  type: '',
  online: '',
  status: '',
  scope: '',
  ...changes,
});
const battery = (status: string): PowerSupply => supply({ type: 'Battery', status });
const mains = (online: string): PowerSupply => supply({ type: 'Mains', online });

for (const [what, supplies, expected] of [
  ['a desktop or a container', [], undefined],
  ['a desktop that names its mains', [mains('1')], false],
  ['a laptop on its battery', [mains('0'), battery('Discharging')], true],
  ['a laptop that is charged', [mains('1'), battery('Charging')], false],
  ['a laptop with a charge limit', [mains('0'), battery('Not charging')], false],
  ['one fed by USB-C', [supply({ type: 'USB', online: '1' }), battery('Discharging')], false],
  ['a battery that does not say', [battery('Unknown')], undefined],
  ["a mouse's battery", [supply({ type: 'Battery', status: 'Discharging', scope: 'Device' })], undefined],
] as const) {
  test(`sysfs of ${what}: on battery ${String(expected)}`, t => t.is(onBatteryOf(supplies), expected));
}

test("NetworkManager's Metered: yes and guessed yes count, unknown and no answer do not", t => {
  t.deepEqual(['u 0', 'u 1', 'u 2', 'u 3', 'u 4\n', 'u 9', '', 'Failed to get property'].map(meteredOfBusctl), [
    undefined,
    true,
    false,
    true,
    false,
    undefined,
    undefined,
    undefined,
  ]);
});

test('pmset names what the computer draws from', t => {
  t.true(
    onBatteryOfPmset(
      "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t87%; discharging; 5:12 remaining\n",
    ),
  );
  t.false(onBatteryOfPmset("Now drawing from 'AC Power'\n"));
  t.is(onBatteryOfPmset(''), undefined);
});

test('Windows tells battery and cost, or neither', t => {
  t.deepEqual(ofPowershell('battery=1\r\ncost=Fixed\r\n'), { onBattery: true, isMetered: true });
  t.deepEqual(ofPowershell('battery=2\r\ncost=Unrestricted\r\n'), { onBattery: false, isMetered: false });
  t.deepEqual(ofPowershell('battery=\r\ncost=Unknown\r\n'), { onBattery: false, isMetered: undefined });
  t.deepEqual(ofPowershell(''), { onBattery: undefined, isMetered: undefined });
});

test('this computer is asked without failing, whatever it has', async t => {
  for (const platform of [process.platform, 'freebsd', 'darwin', 'win32'] as const) {
    const state = await powerState(platform);
    t.deepEqual(Object.keys(state).sort(), ['isMetered', 'onBattery'], platform);
  }
});
