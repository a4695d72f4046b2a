// Alarms as a daemon tells them, for tests of what is shown.

import type { ErrorCode } from '../../protocol/errors.ts';
import type { Alarm } from '../../protocol/status.ts';

export function alarmOf(code: ErrorCode, rest: Partial<Alarm> = {}): Alarm {
  return {
    id: '00000000000000aa',
    code,
    since: '2026-11-23T08:00:00Z',
    detail: '',
    params: {},
    decisions: [],
    ...rest,
  };
}
