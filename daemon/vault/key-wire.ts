// What passes between the daemon and its key child, one request and one answer: the heads of their frames. The secret behind them is the
// password one way and the derived key the other.

import type { ErrorParams } from '../../protocol/errors.ts';
import type { KdfBackend, KdfCost, Verdict, WritePolicy } from './model.ts';

export type KeyRequest =
  | { readonly op: 'derive'; readonly phone: string; readonly salt: string; readonly cost: KdfCost }
  | { readonly op: 'derive-new'; readonly phone: string; readonly salt: string; readonly policy: WritePolicy }
  | { readonly op: 'judge'; readonly phone?: string }
  | { readonly op: 'backend' };

export type KeyAnswer =
  | { readonly ok: true; readonly backend?: KdfBackend; readonly cost?: KdfCost; readonly verdict?: Verdict }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly params: ErrorParams };
