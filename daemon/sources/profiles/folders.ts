// Where the three platforms let apps keep their data. Separators are those of the system this runs on.

import { join } from 'node:path';
import type { Place } from '../profile.ts';

/** Where desktop apps keep their data: one folder for each app. */
export function appData({ platform, home, env }: Place): string {
  if (platform === 'win32') return env['APPDATA'] || join(home, 'AppData', 'Roaming');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  return env['XDG_CONFIG_HOME'] || join(home, '.config');
}

/** XDG's folder for data; only for programs that follow XDG. */
export function xdgData({ home, env }: Place): string {
  return env['XDG_DATA_HOME'] || join(home, '.local', 'share');
}
