// An error in one paragraph: the sentences of protocol/words.ts in the editor's form.

import type { WireError } from '../protocol/errors.ts';
import { wordsFor } from '../protocol/words.ts';

export function explain(error: Pick<WireError, 'code' | 'params'>): string {
  const { message, advice } = wordsFor(error);
  return advice === '' ? message : `${message} ${advice}`;
}
