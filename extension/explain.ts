// An error in one paragraph, in the language of the person at this editor.

import type { WireError } from '../protocol/errors.ts';
import { errorText } from './plain-text.ts';
import { reader } from './reader.ts';

export function explain(error: Pick<WireError, 'code' | 'params'>): string {
  return errorText(error, reader());
}
