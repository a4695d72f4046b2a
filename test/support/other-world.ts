// Loaded into a daemon with `--import`, to show it another machine than this one: `?boot=<uuid>` is the boot id it reads, `?without=keytar` and
// `?without=napi` let the native part of that binding not load in its keychain child, as when a library is missing.

import child from 'node:child_process';
import fs from 'node:fs';
import { registerHooks, syncBuiltinESMExports } from 'node:module';

const wanted = new URL(import.meta.url).searchParams;
const boot = wanted.get('boot');
const without = wanted.getAll('without');

if (boot !== null) {
  const real = fs.promises.readFile;
  fs.promises.readFile = ((path: string, ...rest: []) =>
    path === '/proc/sys/kernel/random/boot_id'
      ? Promise.resolve(`${boot}\n`)
      : real(path, ...rest)) as typeof fs.promises.readFile;
}

const natives = { keytar: /keytar\.node$/, napi: /keyring[-.][\w-]+(\.node)?$/ } as const;
const missing = without.map(name => natives[name as keyof typeof natives]);
registerHooks({
  resolve(specifier, context, next) {
    if (missing.some(pattern => pattern.test(specifier))) {
      throw new Error(`${specifier}: cannot open shared object file: No such file or directory`);
    }
    return next(specifier, context);
  },
});

const spawn = child.spawn;
child.spawn = ((program: string, args: readonly string[], options: object) =>
  spawn(
    program,
    args.at(-1)?.endsWith('keychain-child.ts') ? ['--import', import.meta.url, ...args] : args,
    options,
  )) as typeof spawn;
syncBuiltinESMExports();
