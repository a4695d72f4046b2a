// An error in one paragraph: the sentences of protocol/words.ts in the editor's form.

import { wordsFor } from '../protocol/error-words.ts';
import type { WireError } from '../protocol/errors.ts';

export function explain(error: Pick<WireError, 'code' | 'params'>): string {
  const { message, advice } = wordsFor(error);
  return advice === '' ? message : `${message} ${advice}`;
}
