// What feeds this computer and what its connection costs, as far as the system says: sysfs and NetworkManager on Linux, pmset on macOS,
// WMI and the connection profile on Windows. Asked only when an automatic backup is due and the settings want to know. Never fails: what
// cannot be told is undefined, and holds nothing back. The parsers are pure; those for macOS and Windows were written from the systems'
// documentation (pmset(1); Win32_Battery; Windows.Networking.Connectivity.ConnectionCost) and have run on examples alone.

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface PowerState {
  /** True when it runs on its battery; undefined when the system does not say. */
  readonly onBattery: boolean | undefined;
  /** True when the connection is paid by volume; undefined when the system does not say. */
  readonly isMetered: boolean | undefined;
}

const askTimeoutMs = 5000;
const powerSupplies = '/sys/class/power_supply';

export async function powerState(platform: NodeJS.Platform = process.platform): Promise<PowerState> {
  switch (platform) {
    case 'linux': {
      const [supplies, metered] = await Promise.all([readSupplies(powerSupplies), outputOf(...networkManager)]);
      return { onBattery: onBatteryOf(supplies), isMetered: meteredOfBusctl(metered) };
    }
    case 'darwin':
      // Low Data Mode has no interface that a plain program may ask.
      return { onBattery: onBatteryOfPmset(await outputOf('/usr/bin/pmset', ['-g', 'batt'])), isMetered: undefined };
    case 'win32':
      return ofPowershell(
        await outputOf('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', windowsScript]),
      );
    default:
      return { onBattery: undefined, isMetered: undefined };
  }
}

const networkManager = [
  'busctl',
  [
    '--system',
    '--timeout=3',
    'get-property',
    'org.freedesktop.NetworkManager',
    '/org/freedesktop/NetworkManager',
    'org.freedesktop.NetworkManager',
    'Metered',
  ],
] as const;

const windowsScript = [
  "$b = (Get-CimInstance Win32_Battery | Select-Object -First 1).BatteryStatus; 'battery=' + $b;",
  '[void][Windows.Networking.Connectivity.NetworkInformation, Windows, ContentType = WindowsRuntime];',
  '$p = [Windows.Networking.Connectivity.NetworkInformation]::GetInternetConnectionProfile();',
  "if ($p) { 'cost=' + $p.GetConnectionCost().NetworkCostType }",
].join(' ');

/** One folder of /sys/class/power_supply: contents of its files, '' where one is missing. */
export interface PowerSupply {
  readonly type: string;
  readonly online: string;
  readonly status: string;
  /** 'Device' for the battery of a mouse or a headset. */
  readonly scope: string;
}

/** Kernel documentation, sysfs-class-power: a supply from the mains says `online`; a battery says whether it is discharging. */
export function onBatteryOf(supplies: readonly PowerSupply[]): boolean | undefined {
  const own = supplies.filter(({ scope }) => scope !== 'Device');
  const mains = own.filter(({ type }) => type === 'Mains' || type.startsWith('USB'));
  if (mains.some(({ online }) => online === '1')) return false;
  const batteries = own.filter(({ type }) => type === 'Battery');
  if (batteries.some(({ status }) => status === 'Discharging')) return true;
  if (batteries.length === 0) return own.length === 0 ? undefined : false;
  return batteries.every(({ status }) => status === '' || status === 'Unknown') ? undefined : false;
}

/** NMMetered: 0 unknown, 1 yes, 2 no, 3 guessed yes, 4 guessed no. */
export function meteredOfBusctl(text: string): boolean | undefined {
  const [, value] = /^u ([0-4])\s*$/.exec(text) ?? [];
  if (value === undefined || value === '0') return undefined;
  return value === '1' || value === '3';
}

export function onBatteryOfPmset(text: string): boolean | undefined {
  const [, source] = /^Now drawing from '([^']+)'/m.exec(text) ?? [];
  return source === undefined ? undefined : source === 'Battery Power';
}

/** BatteryStatus 1 is discharging, 4 and 5 low and critical; without a battery it is empty. Cost types: Fixed and Variable are paid by volume. */
export function ofPowershell(text: string): PowerState {
  const [, battery] = /^battery=(\d*)\s*$/m.exec(text) ?? [];
  const [, cost] = /^cost=([A-Za-z]+)\s*$/m.exec(text) ?? [];
  return {
    onBattery: battery === undefined ? undefined : ['1', '4', '5'].includes(battery),
    isMetered: cost === undefined || cost === 'Unknown' ? undefined : cost !== 'Unrestricted',
  };
}

async function readSupplies(folder: string): Promise<readonly PowerSupply[]> {
  const names = await readdir(folder).catch(() => []); // a container or a machine without any
  return Promise.all(
    names.map(async name => {
      const [type, online, status, scope] = await Promise.all(
        ['type', 'online', 'status', 'scope'].map(file => lineOf(join(folder, name, file))),
      );
      return { type: type ?? '', online: online ?? '', status: status ?? '', scope: scope ?? '' };
    }),
  );
}

async function lineOf(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return ''; // this supply does not say
  }
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, [...args], { timeout: askTimeoutMs, windowsHide: true });
    return stdout;
  } catch {
    return ''; // not installed, or its service does not run: unknown
  }
}
