// vscode-languageclient brings some fifty features for editing code: completion, formatting, notebooks, diagnostics. The daemon is no
// language server and offers none of them, and a client that registers them all carries a third of a megabyte, tells the daemon the folders
// that are open, and listens to every document. In the bundle they are absent ones; the one for open documents stays, since the client
// asks it before each request.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const common = join(dirname(fileURLToPath(import.meta.resolve('vscode-languageclient/node'))), '..', 'common');
const kept = 'textSynchronization';

/** What the client registers by itself: the names of the classes by the module they come from. */
export function builtinFeatures(): ReadonlyMap<string, readonly string[]> {
  const client = readFileSync(join(common, 'client.js'), 'utf8');
  const found = new Map<string, string[]>();
  for (const [, module = '', name = ''] of client.matchAll(/new (\w+)_1\.(\w+Feature)\(/g)) {
    found.set(module, [...(found.get(module) ?? []), name]);
  }
  return found;
}

/** In place of each feature one that has nothing to say and nothing to do (the library's StaticFeature). */
export const withoutFeatures: Plugin = {
  name: 'without features',
  setup(builder) {
    const features = new Map([...builtinFeatures()].filter(([module]) => module !== kept));
    builder.onResolve({ filter: /^\.\/\w+$/ }, ({ path, importer }) => {
      const module = path.slice(2);
      const isOne = features.has(module) && dirname(importer) === common;
      return isOne ? { path: module, namespace: 'absent' } : undefined;
    });
    builder.onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => ({
      contents: [
        'class Absent { fillClientCapabilities() {} initialize() {} clear() {} getState() { return { kind: "static" }; } }',
        ...(features.get(path) ?? []).map(name => `exports.${name} = Absent;`),
      ].join('\n'),
      loader: 'js',
    }));
  },
};
