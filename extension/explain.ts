// An error in one paragraph: the sentences of protocol/words.ts in the editor's form. What others named in it (a file, a place, an answer of
// the cloud) is no link there.

import { wordsFor } from '../protocol/error-words.ts';
import type { WireError } from '../protocol/errors.ts';
import { withoutLinks } from './plain-text.ts';

export function explain(error: Pick<WireError, 'code' | 'params'>): string {
  const { message, advice } = wordsFor(error);
  return withoutLinks(advice === '' ? message : `${message} ${advice}`);
}
