// What passes between the daemon and its keychain child: the heads of their frames. The secret behind them is the value, one way or the other.

export type KeychainRequest =
  /** Stores, reads and removes a throw-away item under the account. */
  | { readonly op: 'probe'; readonly account: string }
  | { readonly op: 'get'; readonly account: string }
  /** Stores the value and reads it back. */
  | { readonly op: 'set'; readonly account: string }
  | { readonly op: 'remove'; readonly account: string };

/** 'unavailable': no binding loads. 'none': nothing answers, or there is no keyring. 'locked': there is one, and it takes nothing now. */
export type KeychainState = 'works' | 'locked' | 'none' | 'unavailable';

export interface KeychainAnswer {
  readonly state: KeychainState;
  readonly backend: string | null;
  /** Whether there was a value, or whether the value was stored. */
  readonly done: boolean;
  /** What the system said, for `doctor`; never a value. */
  readonly detail: string;
}
