// Every text that a person reads goes through translation, and German is complete: the keys are taken from the sources, never from a list.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { plural, say, type Translate } from '../../protocol/formats.ts';
import { sentenceFor } from '../../protocol/words.ts';
import { someStatus } from '../support/fake-handlers.ts';
import { sourcesUnder } from '../support/imports.ts';
import { placeholders, textsIn, untranslatedIn } from '../support/texts.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = [...sourcesUnder(root, 'protocol'), ...sourcesUnder(root, 'extension')].map(path => ({
  path,
  source: readFileSync(join(root, path), 'utf8'),
}));
type Bundle = Readonly<Record<string, string>>;
const bundleOf = (path: string) => JSON.parse(readFileSync(join(root, 'extension', path), 'utf8')) as Bundle;
const german = bundleOf('l10n/bundle.l10n.de.json');
const names = bundleOf('package.nls.json');
const germanNames = bundleOf('package.nls.de.json');

/** `say` and its like hand on what they are given. */
const handsOn = new Set(['protocol/formats.ts', 'extension/reader.ts']);

test('the text of every translating call is a literal, and is given what it is filled with', t => {
  const findings = sources
    .filter(({ path }) => !handsOn.has(path))
    .flatMap(({ path, source }) => textsIn(source).findings.map(({ line, problem }) => `${path}:${line} ${problem}`));
  t.deepEqual(findings, []);
});

test('no text of the extension and of the words goes round translation', t => {
  const shown = sources.filter(({ path }) => path.startsWith('extension/') || /(?:words|formats)\.ts$/.test(path));
  const findings = shown.flatMap(({ path, source }) =>
    untranslatedIn(source)
      .filter(({ problem }) => !isOurs(path, problem))
      .map(({ line, problem }) => `${path}:${line} ${problem}`),
  );
  t.deepEqual(findings, []);
});

/** How other services write their things, and the name of the folder that every Signet looks for. */
const samples = new Set([
  'Signet Backup',
  '….apps.googleusercontent.com',
  'https://s3.example.org',
  'chats/laptop',
  'eu-central-1',
]);

/** What is the same in every language. */
function isOurs(path: string, problem: string): boolean {
  if (problem === 'not translated: Signal Desktop') return true;
  if (path.startsWith('extension/set-up/') && samples.has(problem.replace('not translated: ', ''))) return true;
  // Programs for terminals and logs, where English is spoken.
  if (path === 'extension/launcher.ts' || path === 'extension/uninstall.ts') return true;
  // The name of a folder, which is the same on all computers of a person.
  return problem === 'not translated: Signet Backup';
}

const keys = new Set(sources.flatMap(({ source }) => textsIn(source).texts.map(({ key }) => key)));

test('the German bundle has every text of the sources, and no other', t => {
  t.true(keys.size > 400, 'the texts were found');
  const missing = [...keys].filter(key => !(key in german));
  t.deepEqual(missing, [], `missing:\n${JSON.stringify(missing, null, 1)}`);
  const forms = / \[(?:zero|two|few)\]$/;
  const superfluous = Object.keys(german).filter(key => !keys.has(key.replace(forms, '')));
  t.deepEqual(superfluous, [], `superfluous:\n${JSON.stringify(superfluous, null, 1)}`);
});

test('the manifest names its texts by keys, and both languages have each of them', t => {
  const manifest = readFileSync(join(root, 'extension', 'manifest.json'), 'utf8');
  const named = new Set([...manifest.matchAll(/%([\w.]+)%/g)].map(([, key = '']) => key));
  t.deepEqual([...named].sort(), Object.keys(names).sort());
  t.deepEqual(Object.keys(germanNames).sort(), Object.keys(names).sort());
  const shown = [
    ...manifest.matchAll(
      /"(?:title|name|label|shortTitle|displayName|description|markdownDescription|contents|contextualTitle|altText|(?:markdown)?[eE]numDescriptions|viewsWelcome)":\s*"([^"%][^"]*)"/g,
    ),
  ].map(([, text = '']) => text);
  t.deepEqual(
    shown.filter(text => !/^(?:Signet|signet|\$\{path\})$/.test(text)),
    [],
  );
});

for (const [language, pairs] of [
  ['German', { ...german, ...germanNames }],
  ['English', { ...Object.fromEntries([...keys].map(key => [key, key])), ...names }],
] as const) {
  test(`${language} is calm: no exclamation mark, nothing empty, no blank at an end`, t => {
    const loud = Object.entries(pairs).filter(([, text]) => /!/.test(text) || text.trim() !== text || text === '');
    t.deepEqual(loud, []);
  });
}

test('a translation is filled with what its text is filled with, and links where it links', t => {
  const commands = (text: string) => [...text.matchAll(/\(command:[^)]+\)/g)].map(([link]) => link);
  const differing = [
    ...Object.entries(german).filter(([key, text]) => placeholders(key).join() !== placeholders(text).join()),
    ...Object.entries(germanNames).filter(([key, text]) => commands(names[key] ?? '').join() !== commands(text).join()),
  ];
  t.deepEqual(differing, []);
});

test('no text has a word that only those who made Signet know', t => {
  const inside = /\b(?:vault|repository|blob|pack|head|daemon|kdf|remote|oops)s?\b/i;
  // In backticks stands what is typed.
  const spoken = (text: string) => text.replace(/`[^`]*`/g, '').replace(/\(command:[^)]+\)/g, '');
  const english = [...keys, ...Object.values(names)].filter(text => inside.test(spoken(text)));
  t.deepEqual(english, []);
  const translated = [...Object.values(german), ...Object.values(germanNames)];
  t.deepEqual(
    translated.filter(text => inside.test(spoken(text)) || /\b(?:Repositor|Blob|Daemon|Tresor)/i.test(spoken(text))),
    [],
  );
});

test('German says Sie, uses its own quotation marks, and leaves nothing in English', t => {
  const texts = Object.entries({ ...german, ...germanNames });
  t.deepEqual(
    texts.filter(([, text]) => /\b(?:du|dich|dir|deine?[mnrs]?|euch|eure?)\b/i.test(text)),
    [],
  );
  t.deepEqual(
    texts.filter(([, text]) => /[“"][^“"„]*["”]|\p{L}"/u.test(text)),
    [],
  );
  const same = Object.entries(german).filter(([key, text]) => key === text && /\p{Ll}{3}/u.test(withoutValues(text)));
  t.deepEqual(same.map(([key]) => key).sort(), alike.filter(text => keys.has(text)).sort());
});

/** Words that are German too. */
const alike = ['Google Drive', 'Chats', 'Cloud', 'Signet {size}'];

function withoutValues(text: string): string {
  return text.replace(/\{\w+\}/g, '');
}

const fromBundle =
  (bundle: Bundle): Translate =>
  (text, values) =>
    say({}, bundle[text] ?? text, values);

test('a state is said in German, with its figures and times', t => {
  const now = Date.parse('2026-11-23T09:00:00Z');
  const locale = { locale: 'de', timeZone: 'UTC', translate: fromBundle(german) };
  const status = {
    ...someStatus(),
    vault: 'locked' as const,
    keychain: 'session' as const,
    lastGoodAt: '2026-11-22T21:40:00Z',
    waiting: { reason: 'locked' as const, changes: 2 },
  };
  t.deepEqual(sentenceFor(status, now, locale), {
    state: 'locked',
    sentence: 'Signet ist gesperrt, 2 Änderungen warten',
    below:
      'Die Sicherungen warten auf Ihr Passwort. Danach wird einmal nach jeder Anmeldung am Computer gefragt. Letzte gute Sicherung gestern um 21:40.',
  });
});

test('a language with more forms than English says each, and one without them says that for many', t => {
  const polish: Bundle = {
    '{count} file': '{count} plik',
    '{count} files [few]': '{count} pliki',
    '{count} files [many]': '{count} plików',
  };
  const files = (value: number, bundle: Bundle) =>
    plural({ locale: 'pl', translate: fromBundle(bundle) }, value, '{count} file', '{count} files');
  t.deepEqual(
    [1, 3, 5, 22].map(value => files(value, polish)),
    ['1 plik', '3 pliki', '5 plików', '22 pliki'],
  );
  t.is(files(3, { '{count} files': '{count} plików' }), '3 plików');
  t.is(plural({ locale: 'ru' }, 21, '{count} file', '{count} files'), '21 file');
});

const unfit: readonly (readonly [what: string, source: string, problem: RegExp])[] = [
  ['a text that is put together', "l10n.t('a ' + b);", /no literal/],
  ['a text that is chosen', "vscode.l10n.t(isOne ? 'one' : 'many');", /no literal/],
  ['a template with something in it', 'vscode.l10n.t(`Restore ${name}`);', /no literal/],
  ['a text in a variable', "import { say } from './formats.ts';\nsay(locale, text);", /no literal/],
  [
    'a number that no text tells',
    "import { plural } from './formats.ts';\nplural(l, n, 'one', '{count} s');",
    /lacks \{count\}/,
  ],
  ['a value that is not given', "l10n.t('Restored {count} of {all}', { count });", /not given all/],
];
for (const [what, source, problem] of unfit) {
  test(`${what} is found`, t => {
    t.regex(
      textsIn(source)
        .findings.map(found => found.problem)
        .join('\n'),
      problem,
    );
  });
}

const unsaid: readonly (readonly [what: string, source: string])[] = [
  ['a message', "vscode.window.showInformationMessage('done');"],
  ['a button', "vscode.window.showErrorMessage(text, 'cancel');"],
  ['a title', "choose({ title: 'Restore', items });"],
  ['an icon with a word', "const row = { label: '$(folder) folder' };"],
  ['a sentence anywhere', "const advice = ['The place is full'];"],
  ['words around a value', 'item.tooltip = `${count} files not read`;'],
  ['a button that asks for more', "const more = 'Restore…';"],
];
for (const [what, source] of unsaid) {
  test(`${what} that goes round translation is found`, t => {
    t.is(untranslatedIn(source).length, 1);
  });
}

test('texts in translating calls, in comments, in the log and in errors are not taken for untranslated ones', t => {
  const source = [
    "// The place is full\nimport { plural, say } from './formats.ts';",
    "const a = [say(locale, 'The place is full'), plural(locale, n, '{count} File is', '{count} Files are')];",
    "log.info('The place is full'); throw new PeerError('E_USAGE', 'Nothing To Do');",
    "const b = vscode.l10n.t('The place {place} is full', { place: `${a}` }); const c = /The place is/.test(b);",
    "const d = { label: `$(history) ${b}`, command: 'signet.openStatus' };",
  ].join('\n');
  t.deepEqual(untranslatedIn(source), []);
  t.deepEqual(
    textsIn(source).texts.map(({ key }) => key),
    ['The place is full', '{count} File is', '{count} Files are', 'The place {place} is full'],
  );
});
