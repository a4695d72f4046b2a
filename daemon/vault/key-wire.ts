// What passes between the daemon and its key child, one request and one answer: the heads of their frames. The secret behind them is the
// password or the recovery key one way, the derived key, words or the recovery sheet the other.

import type { ErrorParams } from '../../protocol/errors.ts';
import type { KdfBackend, KdfCost, SheetFacts, Verdict, WritePolicy } from './model.ts';

export type KeyRequest =
  | { readonly op: 'derive'; readonly phone: string; readonly salt: string; readonly cost: KdfCost }
  | { readonly op: 'derive-new'; readonly phone: string; readonly salt: string; readonly policy: WritePolicy }
  | { readonly op: 'judge'; readonly phone?: string }
  | { readonly op: 'suggest' }
  | { readonly op: 'sheet'; readonly facts: SheetFacts }
  | { readonly op: 'backend' };

export type KeyAnswer =
  | { readonly ok: true; readonly backend?: KdfBackend; readonly cost?: KdfCost; readonly verdict?: Verdict }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly params: ErrorParams };
