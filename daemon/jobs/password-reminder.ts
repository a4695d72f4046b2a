// When to ask whether the password is still known: who types it once a month or less forgets it, and nobody can reset it. Each time the
// password is proved counts, whatever it was typed for; the first reminder comes after 30 days without, later ones after 90.

import type { Notice } from '../../protocol/status.ts';
import type { State } from '../state/state.ts';

const dayMs = 86_400_000;
const firstMs = 30 * dayMs;
const laterMs = 90 * dayMs;

const confirmedFact = 'password.confirmedAt';
/** There once a reminder was answered. */
const remindedFact = 'password.reminded';

/** The notice that stands now, if any. A computer on which the password was never proved (joined by key, to look) has none. */
export function passwordReminder(facts: State['facts'], now: number): Notice | undefined {
  const confirmedAt = Date.parse(facts.get(confirmedFact) ?? '');
  if (Number.isNaN(confirmedAt)) return undefined;
  const due = confirmedAt + (facts.get(remindedFact) === undefined ? firstMs : laterMs);
  if (now < due) return undefined;
  const since = new Date(due).toISOString();
  return { id: `password-reminder ${since.slice(0, 10)}`, kind: 'password-reminder', since, params: {} };
}

/** RFC 3339. */
export function passwordConfirmedAt(facts: State['facts']): string | undefined {
  return facts.get(confirmedFact);
}

/** To be called whenever the right password was typed. */
export function passwordProved(facts: State['facts'], now: number): void {
  if (passwordReminder(facts, now) !== undefined) facts.set(remindedFact, 'yes');
  facts.set(confirmedFact, new Date(now).toISOString());
}
