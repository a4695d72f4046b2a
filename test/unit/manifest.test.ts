import { readFileSync } from 'node:fs';
import test from 'ava';
import { commands } from '../../extension/commands.ts';

interface Contributed {
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string; readonly category?: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when?: string }[]>>;
  };
}

const read = (name: string) => readFileSync(new URL(`../../extension/${name}`, import.meta.url), 'utf8');
const text = read('manifest.json');
const { contributes } = JSON.parse(text) as Contributed;
const titles = JSON.parse(read('package.nls.json')) as Readonly<Record<string, string>>;
const contributed = contributes.commands.map(({ command }) => command);
/** Commands of rows, as `signet.snapshot.compare`: nobody looks for them in the palette. */
const isOfRows = (id: string) => id.split('.').length > 2;

test('every contributed command has its function, and every function that people look for is contributed', t => {
  t.deepEqual(new Set(contributed), new Set(contributed.filter(id => id in commands)));
  t.deepEqual(
    Object.keys(commands).filter(id => !isOfRows(id) && !contributed.includes(id)),
    [],
  );
  t.is(new Set(contributed).size, contributed.length);
});

test('commands of rows are hidden from the palette', t => {
  const hidden = contributes.menus['commandPalette']?.filter(({ when }) => when === 'false') ?? [];
  t.deepEqual(
    contributed.filter(id => isOfRows(id) && !hidden.some(({ command }) => command === id)),
    [],
  );
});

test('the manifest has a text for each of its keys, and no text is left over', t => {
  const keys = [...text.matchAll(/"%([^%"]+)%"/g)].map(([, key = '']) => key);
  t.deepEqual(
    [...new Set(keys)].filter(key => !(key in titles)),
    [],
  );
  t.deepEqual(
    Object.keys(titles).filter(key => !keys.includes(key)),
    [],
  );
});

test('every command is in the category of its product, with a title of its own in title case', t => {
  for (const { command, title, category } of contributes.commands) {
    t.is(category, 'Signet', command);
    t.is(title, `%${command}.title%`);
    const words = (titles[`${command}.title`] ?? '').replace(/'signet'/, 'Signet').split(' ');
    const small = new Set(['a', 'an', 'and', 'from', 'in', 'of', 'the', 'to', 'with']);
    t.deepEqual(
      words.filter(word => !small.has(word) && !/^[A-Z]/.test(word)),
      [],
      command,
    );
  }
});
