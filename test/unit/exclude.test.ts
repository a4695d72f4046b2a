import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { EntryKind } from '../../daemon/archive/model.ts';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { patternProblem } from '../../daemon/state/state.ts';
import { scratch } from '../support/databases.ts';
import { skip } from '../support/skip.ts';

function isExcluded(
  exclude: readonly string[],
  path: string | Uint8Array,
  kind: EntryKind = 'file',
  platform: NodeJS.Platform = 'linux',
): boolean {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  const rest = { sizeBytes: 1, siblings: () => [], head: () => new Uint8Array(0) };
  return rulesOf({ profile: 'generic', exclude }, platform).leftOut({ path: bytes, kind, ...rest }) === 'excluded';
}

const files = [
  'a.txt',
  'b.mp4',
  'B.MP4',
  'keep.mp4',
  'x/a.txt',
  'x/y/a.txt',
  'x/y/z.mp4',
  'build/out.txt',
  'sub/build/out.txt',
  'build.txt',
  '[draft].txt',
  'd1.txt',
  'd2.txt',
  '#note.txt',
  '!loud.txt',
  ' blank.txt',
  'ü.txt',
  'deep/a/b/c.log',
] as const;

const sets: readonly (readonly string[])[] = [
  ['*.mp4'],
  ['*.mp4', '!keep.mp4'],
  ['build/'],
  ['/build/'],
  ['/build'],
  ['x/*.txt'],
  ['x/**'],
  ['x/**/a.txt'],
  ['**/y'],
  ['x/', '!x/a.txt'],
  ['x/*', '!x/y'],
  ['d[0-1].txt'],
  ['d[!1].txt'],
  ['\\[draft\\].txt'],
  ['\\#note.txt', '\\!loud.txt'],
  ['d?.txt'],
  ['[[:digit:]a].txt', 'd[[:digit:]].txt'],
  ['*', '!*/', '!*.txt'],
  ['deep/**/c.log'],
  ['deep/a'],
  ['a.txt '],
  ['\\ blank.txt'],
];

test('patterns mean what they mean to git', t => {
  const git = spawnSync('git', ['--version']);
  if (git.status !== 0) return skip(t, 'git is not installed');
  const folder = scratch(t);
  const run = (args: readonly string[], input = '') =>
    spawnSync('git', ['-c', 'core.ignoreCase=false', '-c', 'core.quotePath=false', '-C', folder, ...args], {
      input,
      encoding: 'utf8',
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
    });
  t.is(run(['init', '-q']).status, 0);
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  for (const patterns of sets) {
    writeFileSync(join(folder, '.git', 'info', 'exclude'), `${patterns.join('\n')}\n`);
    const said = run(['check-ignore', '--no-index', '-z', '--stdin'], files.map(file => `${file}\0`).join(''));
    const ignored = said.stdout.split('\0').filter(name => name !== '');
    t.deepEqual(
      files.filter(file => isExcluded(patterns, file)),
      files.filter(file => ignored.includes(file)),
      patterns.join(' '),
    );
  }
});

test('a folder that fits is left out as a whole', t => {
  t.true(isExcluded(['build/'], 'sub/build', 'dir'));
  t.false(isExcluded(['build/'], 'sub/build', 'file'));
  t.true(isExcluded(['build/'], 'sub/build/a/b', 'file'));
});

test('a question mark is a character, where git takes a byte', t => {
  t.true(isExcluded(['?.txt'], 'ü.txt'));
  t.false(isExcluded(['??.txt'], 'ü.txt'));
});

test('case counts where the system tells names by it', t => {
  t.false(isExcluded(['*.mp4'], 'B.MP4', 'file', 'linux'));
  t.true(isExcluded(['*.mp4'], 'B.MP4', 'file', 'darwin'));
  t.true(isExcluded(['*.mp4'], 'B.MP4', 'file', 'win32'));
});

test('a name that is not UTF-8 is matched byte by byte where it is stray', t => {
  const name = Buffer.from([0xff, 0x61, 0xfe, ...Buffer.from('ü.mp4')]);
  t.true(isExcluded(['*.mp4'], name));
  t.true(isExcluded(['?a?ü.mp4'], name));
  t.false(isExcluded(['?a?.mp4'], name));
});

test('what lies beside an excluded database goes with it', t => {
  t.true(isExcluded(['secret.db'], 'a/secret.db-wal'));
  t.true(isExcluded(['secret.db'], 'a/secret.db-journal'));
  t.false(isExcluded(['secret.db'], 'a/other.db-wal'));
});

test('many paths are told apart as the first ones were', t => {
  const rules = rulesOf({ profile: 'generic', exclude: ['*.mp4', '!keep-*'] }, 'linux');
  const rest = { kind: 'file', sizeBytes: 1, siblings: () => [], head: () => new Uint8Array(0) } as const;
  for (let i = 0; i < 25_000; i++) {
    const name = `f/${i % 3 === 0 ? 'keep-' : ''}${i}.mp4`;
    if ((rules.leftOut({ path: Buffer.from(name), ...rest }) === 'excluded') === (i % 3 === 0)) t.fail(name);
  }
  t.pass();
});

for (const [pattern, problem] of [
  ['*.mp4', undefined],
  ['!keep', undefined],
  ['a b/', undefined],
  ['[a-z]x', undefined],
  ['[]x]', undefined],
  ['[!]]', undefined],
  ['\\[x', undefined],
  ['x\\\\', undefined],
  ['[[:alpha:]]', undefined],
  ['', /names nothing/],
  ['  ', /names nothing/],
  ['!', /names nothing/],
  ['/', /names nothing/],
  ['# videos', /comment/],
  ['a\nb', /one line/],
  ['a\\', /backslash/],
  ['[a', /without its \]/],
  ['x[]', /without its \]/],
  ['[!]', /without its \]/],
  ['[[:nothing:]]', /not known/],
] as const) {
  test(`the pattern ${JSON.stringify(pattern)} ${problem === undefined ? 'can be used' : 'says nothing, and that is said'}`, t => {
    const said = patternProblem(pattern);
    if (problem === undefined) t.is(said, undefined);
    else t.regex(said ?? '', problem);
  });
}
