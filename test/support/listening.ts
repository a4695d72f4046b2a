// Which TCP ports a process listens on. Linux only.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Local addresses on which the process listens for TCP, as /proc/net writes them. */
export function listening(pid: number): readonly string[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map(fd => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined; // closed meanwhile
      }
    }),
  );
  const rows = ['tcp', 'tcp6'].flatMap(name => readFileSync(`/proc/${pid}/net/${name}`, 'latin1').split('\n').slice(1));
  return rows.flatMap(row => {
    const [, address = '', , state, , , , , , inode] = row.trim().split(/\s+/);
    return state === '0A' && own.has(inode) ? [address] : [];
  });
}
