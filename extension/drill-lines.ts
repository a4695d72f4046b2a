// What did not come back from a trial restore, for the list that its owner opens. Pure.

import { wordsFor } from '../protocol/error-words.ts';
import { count, type Locale, plural, say } from '../protocol/formats.ts';
import type { DrillResult } from '../protocol/status.ts';

/** One a line. */
export function drillLines(result: DrillResult, locale: Locale): readonly string[] {
  const more = result.more?.problems ?? 0;
  return [
    ...result.problems.map(({ path, code }) =>
      say(locale, '{path}: {reason}', { path, reason: wordsFor({ code, params: {} }, undefined, locale).message }),
    ),
    ...result.databases.flatMap(({ path, messages = 0, messagesThen = 0 }) =>
      messages >= messagesThen
        ? []
        : [
            say(locale, '{path}: {reason}', {
              path,
              reason: say(locale, '{found} of {total} messages', {
                found: count(messages, locale),
                total: count(messagesThen, locale),
              }),
            }),
          ],
    ),
    ...(more === 0 ? [] : [plural(locale, more, 'and {count} more', 'and {count} more')]),
  ];
}
