import { readFileSync } from 'node:fs';
import test from 'ava';
import { requests } from '../../daemon/endpoint/endpoint.ts';
import { errorKinds } from '../../protocol/errors.ts';
import * as messages from '../../protocol/messages.ts';
import { declarationsOf, messagesOf } from '../../scripts/lib/declarations.ts';
import { protocolPage, protocolPagePath } from '../../scripts/lib/protocol-doc.ts';

const source = readFileSync(new URL('../../protocol/messages.ts', import.meta.url), 'utf8');

test('docs/protocol.md is what the sources say; `npm run build:protocol-doc` makes it anew', t => {
  t.is(readFileSync(protocolPagePath, 'utf8'), protocolPage());
});

test('every message of the language is found in its source, with its method and a sentence about it', t => {
  const found = messagesOf(source);
  const real = Object.entries(messages as Readonly<Record<string, unknown>>);
  t.deepEqual(
    found.map(({ name, method }) => [name, method]).sort(),
    real.map(([name, message]) => [name, (message as { method?: string }).method ?? '']).sort(),
  );
  for (const { name, types, maker, comment } of found) {
    t.not(comment, '', name);
    t.is(types.length, { RequestType: 3, RequestType0: 2, NotificationType: 1, ProgressType: 1 }[maker] ?? 0, name);
  }
});

test('every request that is served stands on the page, and every code of an error', t => {
  const page = protocolPage();
  for (const { method } of Object.values(requests)) t.true(page.includes(`### \`${method}\``), method);
  for (const code of Object.keys(errorKinds)) t.true(page.includes(`| \`${code}\` |`), code);
  t.notRegex(page.split('## Types')[0] ?? '', /undefined|\[object|NaN/);
});

test('a declaration is read with the comment above it alone', t => {
  const text = [
    '/** Not mine. */',
    'import x from "y";',
    '/** One',
    ' * and two. */',
    'export interface A {',
    '  readonly a: string;',
    '}',
    'export type B =',
    "  | 'x'",
    "  | 'y';",
    '',
    '/** Far away. */',
    '',
    'export const c = 1;',
  ].join('\n');
  t.deepEqual(
    declarationsOf(text).map(({ kind, name, comment, text: own }) => [kind, name, comment, own.split('\n').length]),
    [
      ['interface', 'A', 'One and two.', 3],
      ['type', 'B', '', 3],
      ['const', 'c', '', 1],
    ],
  );
});
