import test from 'ava';
import { asMarkdown, errorText, withoutLinks, withoutSymbols, withoutTurns } from '../../extension/plain-text.ts';

/** As the editor finds links in notices, progress and input boxes (vs/base/common/linkedText.ts). */
const links = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;

const hostile = [
  '[Restored](command:workbench.action.terminal.sendSequence?%7B%22text%22%3A%22x%22%7D).pdf',
  '[sign in](https://signet.example/)',
  'a [b](file:c) [d](command:e "f")',
  '[[x](command:a)](command:b)',
];

test('no name makes a link in a notice', t => {
  for (const name of hostile) {
    t.regex(name, new RegExp(links));
    t.notRegex(withoutLinks(name), new RegExp(links));
    t.is(withoutLinks(name).replaceAll('\u2060', ''), name);
  }
});

test('an error that names a file of somebody else has no link in its words', t => {
  for (const name of hostile) {
    for (const error of [
      { code: 'E_UNSAFE_PATH', params: { name } },
      { code: 'E_NOT_FOUND', params: { what: name } },
      { code: 'E_SOURCE_UNREADABLE', params: { label: name } },
      { code: 'E_USAGE', params: { detail: name, advice: name } },
    ] as const) {
      t.notRegex(errorText(error, { now: 0, locale: {} }), new RegExp(links));
    }
  }
});

test('no name makes a symbol in a list', t => {
  t.false(withoutSymbols('$(verified) chat.db $(~)').includes('$('));
});

test('a name cannot turn around to hide how it ends, and is otherwise as it was', t => {
  t.is(withoutTurns('invoice\u202efdp.exe'), 'invoice\\u{202e}fdp.exe');
  t.is(withoutTurns('\u2067a\u2069\u200f\u2028b'), '\\u{2067}a\\u{2069}\\u{200f}\\u{2028}b');
  for (const name of ['שלום.jpg', 'فاتورة.pdf', 'Grüße 😀.opus']) t.is(withoutTurns(name), name);
});

test('a line of a tooltip is neither markup nor an address that can be clicked', t => {
  t.is(asMarkdown('**a** <b> [c](d) &lt;'), '\\*\\*a\\*\\* \\<b\\> \\[c\\]\\(d\\) \\&lt\\;');
  t.notRegex(asMarkdown('https://signet.example www.signet.example kim@signet.example'), /https?:\/\/|www\.|\w@\w/);
  t.is(asMarkdown('one\n\n    two'), 'one two');
  t.is(asMarkdown('Gesichert um 08:55 Uhr'), 'Gesichert um 08\\:55 Uhr');
});

test('an error is told in the language of its reader', t => {
  const locale = { translate: (text: string) => `<${text}>` };
  const told = errorText({ code: 'E_VAULT_LOCKED', params: {} }, { now: 0, locale });
  t.is(told, '<Signet is locked.> <Unlock it first.>');
});
