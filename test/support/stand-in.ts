// Standing in front of Node's own functions until they are given back: how tests see, or break, what a process does to a disk.

import { readlinkSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export interface StandIns {
  replace<Target extends object, Key extends keyof Target>(target: Target, key: Key, value: Target[Key]): void;
  /** Makes what was replaced count for those who imported it by name. */
  begin(): void;
  giveBack(): void;
}

export function standIns(): StandIns {
  const before: (() => void)[] = [];
  return {
    replace(target, key, value) {
      const kept = target[key];
      before.push(() => {
        target[key] = kept;
      });
      target[key] = value;
    },
    begin: syncBuiltinESMExports,
    giveBack() {
      for (const undo of before.reverse()) undo();
      syncBuiltinESMExports();
    },
  };
}

/** Of a name in a folder that is held, where that lies. */
export function physicalOf(path: unknown): string | undefined {
  const text = path instanceof Uint8Array ? Buffer.from(path).toString('latin1') : path;
  if (typeof text !== 'string') return undefined;
  return text.replace(/^\/proc\/self\/fd\/\d+/, held => readlinkSync(held));
}
