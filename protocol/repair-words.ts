// What came of writing the index anew, in sentences; the objects concerned are for whoever looks at the details.

import { type Locale, plural, say } from './formats.ts';
import type { RepairResult } from './status.ts';

/** What came of writing the index anew. */
export function repairedWords(result: RepairResult, locale: Locale = {}): string {
  const { packsAdded, packsRemoved, junk, problems, more } = result;
  const left = problems.length + (more?.problems ?? 0);
  return [
    packsAdded === 0 && packsRemoved === 0
      ? say(locale, 'The index was whole.')
      : say(locale, 'The index is written anew.'),
    ...(packsAdded === 0
      ? []
      : [plural(locale, packsAdded, '{count} stored file is found again.', '{count} stored files are found again.')]),
    ...(packsRemoved === 0
      ? []
      : [
          plural(
            locale,
            packsRemoved,
            '{count} stored file that is not there any more is named no longer.',
            '{count} stored files that are not there any more are named no longer.',
          ),
        ]),
    ...(junk === 0
      ? []
      : [
          plural(
            locale,
            junk,
            '{count} file of the old index cannot be read and stays where it is.',
            '{count} files of the old index cannot be read and stay where they are.',
          ),
        ]),
    ...(left === 0
      ? []
      : [plural(locale, left, '{count} stored file cannot be used.', '{count} stored files cannot be used.')]),
  ].join(' ');
}
