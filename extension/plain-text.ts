// Names that others chose (of chats, files, devices, places) in texts of the editor, which reads more than letters in some of them: notices,
// progress and input boxes turn `[text](command:…)` into a link that runs any command, the tooltip of the status bar is Markdown, and lists
// turn `$(name)` into a symbol. Pure.

import { wordsFor } from '../protocol/error-words.ts';
import type { WireError } from '../protocol/errors.ts';
import type { Reader } from './views.ts';

/** Stands between two signs that would be read as one together, and is not seen. */
const joiner = '\u2060';

/** For notices, progress and input boxes, which have no way to write a link that is none. */
export function withoutLinks(text: string): string {
  return text.replaceAll('](', `]${joiner}(`);
}

/** For entries of lists. */
export function withoutSymbols(text: string): string {
  return text.replaceAll('$(', `$${joiner}(`);
}

/** Characters that turn the direction of what follows, or break the line, are shown and not obeyed: a name cannot hide how it ends. */
export function withoutTurns(text: string): string {
  return text.replace(
    /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    character => `\\u{${character.charCodeAt(0).toString(16)}}`,
  );
}

/** One line as Markdown that shows it letter by letter; an address in it is no link either. */
export function asMarkdown(line: string): string {
  return line.replace(/[\n\r]+ */g, ' ').replace(/[!-/:-@[-`{-~]/g, '\\$&');
}

/** The sentences for a failure. What others named in it (a file, a place, an answer of the cloud) is no link there. */
export function errorText(error: Pick<WireError, 'code' | 'params'>, { now, locale }: Reader): string {
  const { message, advice } = wordsFor(error, now, locale);
  return withoutLinks(advice === '' ? message : `${message} ${advice}`);
}
