// The editor's Uri of a file in a backup.

import { Uri } from 'vscode';
import { addressOf, scheme } from './address.ts';
import type { Shown } from './contents.ts';

/** @param path `<source id>/<path>`, as the protocol has it */
export function uriOf(snapshot: string, sources: Shown['sources'], path: string): Uri {
  const [source = '', ...names] = path.split('/');
  return Uri.from({ scheme, ...addressOf(snapshot, sources, source, names.join('/')) });
}
