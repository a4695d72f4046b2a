// What is said of a recovery key while it is typed or shown. Pure.

import { type Locale, say } from '../../protocol/formats.ts';
import { groupsOf } from '../../protocol/recovery-key.ts';

/** As people write it: 16 groups and the check group. */
const written = 68;

/** In four rows of four groups, then the check group, as on the sheet. */
export function keyRows(key: string, locale: Locale): string {
  const groups = groupsOf(key);
  const rows = [0, 4, 8, 12].map(at => groups.slice(at, at + 4).join('  '));
  const check = say(locale, 'Check group, to notice a typing mistake: {group}', { group: groups[16] ?? '' });
  return [rows.join('\n'), check].join('\n\n');
}

/** While a key is typed; `isWrong` for what belongs into no key. Undefined before anything is there. */
export function keyHint(
  typed: string,
  locale: Locale,
): { readonly text: string; readonly isWrong: boolean } | undefined {
  const digits = typed.replace(/[\s\u00a0\u200b\u2010-\u2015\u2212-]/g, '');
  if (digits === '') return undefined;
  if (!/^[0-9a-f]*$/i.test(digits)) return { text: say(locale, 'Only 0 to 9 and a to f.'), isWrong: true };
  const text = say(locale, '{count} of 68 characters', { count: digits.length });
  return { text, isWrong: digits.length > written };
}
