import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { importsOf, sourcesUnder, valueImportsOf } from './support/imports.ts';
import { violations } from './support/layers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

test('every import of the project keeps to the floors and doors', t => {
  const paths = ['daemon', 'extension', 'protocol'].flatMap(folder => sourcesUnder(root, folder));
  t.true(paths.length > 5, 'the sources were found');
  const sources = new Map(paths.map(path => [path, readFileSync(join(root, path), 'utf8')]));
  t.deepEqual(violations(sources), []);
});

const rulesOf = (file: string, text: string) => violations(new Map([[file, text]])).map(found => found.rule);

const broken: readonly (readonly [string, string, string, RegExp])[] = [
  [
    'an import that climbs',
    'daemon/repository/pack.ts',
    "import { plan } from '../jobs/jobs.ts';",
    /floor 2, jobs on floor 5/,
  ],
  [
    'a type import that climbs',
    'daemon/base/x.ts',
    "import type { A } from '../heads/model.ts';",
    /floor 0, heads on floor 3/,
  ],
  [
    'a dynamic import that climbs',
    'daemon/state/state.ts',
    "await import('../vault/vault.ts');",
    /floor 1, vault on floor 4/,
  ],
  ['an export that climbs', 'daemon/state/state.ts', "export * from '../vault/vault.ts';", /floor 1, vault on floor 4/],
  ['an import of a neighbour', 'daemon/vault/vault.ts', "import { a } from '../sources/sources.ts';", /share floor 4/],
  ['base that imports the kernel', 'daemon/base/files.ts', "import { a } from '../kernel/hash.ts';", /share floor 0/],
  [
    'an import through a side door',
    'daemon/archive/archive.ts',
    "import { a } from '../repository/pack.ts';",
    /by its door, repository\.ts/,
  ],
  [
    'a side door of the remotes',
    'daemon/jobs/backup.ts',
    "import { folder } from '../remotes/folder.ts';",
    /by its door, remote\.ts/,
  ],
  [
    'the command line importing the daemon',
    'daemon/cli/main.ts',
    "import { a } from '../jobs/jobs.ts';",
    /cli is a peer/,
  ],
  [
    'the extension importing the daemon',
    'extension/main.ts',
    "import { a } from '../daemon/base/bytes.ts';",
    /extension is a peer/,
  ],
  [
    'the extension importing the command line',
    'extension/main.ts',
    "import { a } from '../daemon/cli/table.ts';",
    /extension is a peer/,
  ],
  [
    'the daemon importing a peer',
    'daemon/main.ts',
    "import { a } from '../extension/tree.ts';",
    /nothing but its own files/,
  ],
  ['the protocol importing the daemon', 'protocol/words.ts', "import { a } from '../daemon/base/bytes.ts';", /a leaf/],
  [
    'a job that speaks the protocol',
    'daemon/jobs/jobs.ts',
    "import { a } from '../../protocol/messages.ts';",
    /only endpoint, cli and extension/,
  ],
  [
    'main dialling the socket',
    'daemon/main.ts',
    "import { a } from '../protocol/socket.ts';",
    /only endpoint, cli and extension/,
  ],
  [
    'handlers that reach behind a door',
    'daemon/handlers.ts',
    "import { a } from './jobs/credentials.ts';",
    /by its door, jobs\.ts/,
  ],
  [
    'jobs that know the handlers',
    'daemon/jobs/jobs.ts',
    "import { a } from '../handlers.ts';",
    /floor 5, handlers on floor 6/,
  ],
  ['node-ipc outside its two places', 'daemon/main.ts', "import { IPCModule } from 'node-ipc';", /know node-ipc/],
  [
    'node-ipc elsewhere in the protocol',
    'protocol/launch.ts',
    "import { IPCModule } from 'node-ipc';",
    /know node-ipc/,
  ],
  ['vscode in the command line', 'daemon/cli/main.ts', "import * as vscode from 'vscode';", /know vscode/],
  ['a unit nobody drew', 'daemon/helpers/x.ts', "import { a } from '../base/bytes.ts';", /helpers has no floor/],
];

for (const [name, file, text, rule] of broken) {
  test(`${name} is caught`, t => {
    const rules = rulesOf(file, text);
    t.is(rules.length, 1);
    t.regex(rules[0] ?? '', rule);
  });
}

const allowed: readonly (readonly [string, string, string])[] = [
  ['a door below', 'daemon/archive/archive.ts', "import { a } from '../repository/repository.ts';"],
  ['a model below', 'daemon/archive/archive.ts', "import type { A } from '../repository/model.ts';"],
  ['a neighbour in the same unit', 'daemon/vault/vault.ts', "import { a } from './kdf.ts';"],
  ['base from the kernel', 'daemon/kernel/hash.ts', "import { a } from '../base/bytes.ts';"],
  ['the answers in main', 'daemon/main.ts', "import { a } from './handlers.ts';"],
  ['the types of the answers', 'daemon/handlers.ts', "import type { A } from './endpoint/endpoint.ts';"],
  ['an adapter in main', 'daemon/main.ts', "import { folder } from './remotes/folder.ts';"],
  ['error codes anywhere', 'daemon/base/errors.ts', "import { a } from '../../protocol/errors.ts';"],
  ['the messages in the endpoint', 'daemon/endpoint/endpoint.ts', "import { a } from '../../protocol/messages.ts';"],
  ['node-ipc in the socket', 'protocol/socket.ts', "import { IPCModule } from 'node-ipc';"],
  [
    'naming the entry of a child process',
    'protocol/launch.ts',
    "const a = new URL('../daemon/main.ts', import.meta.url);",
  ],
  [
    'an import in a comment',
    'daemon/base/x.ts',
    "// import { a } from '../jobs/jobs.ts';\n/* import '../jobs/jobs.ts' */",
  ],
  [
    'an import in a text',
    'daemon/base/x.ts',
    'const a = "import { a } from \'../jobs/jobs.ts\'"; const b = `import "../jobs/jobs.ts"`;',
  ],
];

for (const [name, file, text] of allowed) {
  test(`${name} is allowed`, t => {
    t.deepEqual(rulesOf(file, text), []);
  });
}

test('imports are found in every form they are written in', t => {
  const source = [
    "import a from 'one';",
    "import b, { type C, d } from 'two';",
    "import * as e from 'three';",
    "import 'four';",
    "import type { F } from 'five';",
    "export { g } from 'six';",
    "export type { H } from 'seven';",
    "import {\n  i,\n  j,\n} from 'eight';",
    "const k = await import('nine');",
    "const l = /['\"]/.test(x) ? `'${y('`')}` : \"'\";",
    "const m = new Worker(new URL('./ten.ts', import.meta.url));",
  ].join('\n');
  const names = (found: ReturnType<typeof importsOf>) => found.map(({ specifier }) => specifier).sort();
  const all = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', './ten.ts'];
  t.deepEqual(names(importsOf(source)), all.toSorted());
  const values = all.filter(name => name !== 'five' && name !== 'seven');
  t.deepEqual(names(valueImportsOf(source)), values.toSorted());
});
