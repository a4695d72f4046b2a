// The one board of alarms: what an honest place would not show, told until its cause is gone or its owner decided about it. Nothing is
// deleted anywhere while something stands here.

import type { Alarm } from '../../protocol/status.ts';
import { SignetError } from '../base/errors.ts';

export class Alarms {
  #standing: readonly Alarm[] = [];

  get standing(): readonly Alarm[] {
    return this.#standing;
  }

  /** What stands from now on. */
  replace(standing: readonly Alarm[]): void {
    this.#standing = standing;
  }

  /** Before anything is deleted, and once more under its lock. @throws E_ALARM with `params.alarm`, the code of the first */
  assertNone(): void {
    const [first] = this.#standing;
    if (first !== undefined)
      throw new SignetError('E_ALARM', `${first.code} stands`, { params: { alarm: first.code } });
  }
}
