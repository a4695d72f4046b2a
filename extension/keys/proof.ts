// The present password, asked for before a key is shown or changed, whatever is unlocked; with the phone number where this computer does
// not remember it.

import * as vscode from 'vscode';
import { PeerError } from '../../protocol/errors.ts';
import { status } from '../../protocol/messages.ts';
import { parseRecoveryKey } from '../../protocol/recovery-key.ts';
import type { Status } from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import { digitsOf, emptyProblem, phoneProblem } from '../set-up/entries.ts';
import { liveKey } from '../set-up/secrets.ts';
import type { Shell } from '../shell.ts';
import { ask, askInOrder, type Step } from '../steps.ts';

/** What the daemon asks for before it shows a key. */
export interface Proof {
  readonly password: string;
  /** Where the computer does not remember it. */
  readonly phone?: string;
}

export interface Asked {
  readonly present: string;
  /** In place of a forgotten password, where that will do; else empty. */
  readonly recoveryKey: string;
  /** Empty where the computer remembers it. */
  readonly presentPhone: string;
  /** Why the last try did not hold. */
  readonly problem?: string | undefined;
}

export const nothingAsked: Asked = { present: '', recoveryKey: '', presentPhone: '' };

export function proofOf({ present, presentPhone }: Asked): Proof {
  return { password: present, ...(presentPhone !== '' && { phone: presentPhone }) };
}

/** @throws E_NOT_SET_UP */
export async function setUpStatus({ link }: Shell): Promise<Status> {
  const now = await link.request(status, {});
  if (now.vault === 'absent') throw new PeerError('E_NOT_SET_UP', 'there is no lock to change');
  return now;
}

/** @param wish `mayUseKey`: the recovery key will do in place of the password; `prompt`: for another password than the present one */
export function proofSteps<State extends Asked>(
  shell: Shell,
  title: string,
  { phoneEnding }: Pick<Status, 'phoneEnding'>,
  wish: { readonly mayUseKey?: boolean; readonly prompt?: string | undefined } = {},
): readonly Step<State>[] {
  const { mayUseKey = false, prompt = vscode.l10n.t('Your present backup password. It stays on this computer.') } =
    wish;
  const locale = () => shell.reader().locale;
  const password: Step<State> = async (answers, place) => {
    const present = await ask({
      ...place,
      title,
      prompt,
      hidden: true,
      ...(answers.problem !== undefined && { problem: answers.problem }),
      ...(mayUseKey && { buttons: [{ icon: 'key', tooltip: vscode.l10n.t('Use the Recovery Key'), answer: other }] }),
      check: async value => emptyProblem(value, locale()),
    });
    if (present === other) return key({ ...answers, problem: undefined }, place);
    return typeof present === 'string' ? { ...answers, present, recoveryKey: '', problem: undefined } : present;
  };
  const key: Step<State> = async (answers, place) => {
    const typed = await ask({
      ...place,
      title,
      prompt: vscode.l10n.t('The 16 groups, then the check group. Spaces do not matter.'),
      hidden: true,
      ...(answers.problem !== undefined && { problem: answers.problem }),
      live: value => liveKey(value, shell),
      buttons: [{ icon: 'lock', tooltip: vscode.l10n.t('Use the Password'), answer: other }],
      check: async value => keyProblem(value),
    });
    if (typed === other) return password({ ...answers, problem: undefined }, place);
    if (typeof typed !== 'string') return typed;
    return { ...answers, present: '', recoveryKey: parseRecoveryKey(typed), problem: undefined };
  };
  const first: Step<State> = (answers, place) =>
    answers.recoveryKey === '' ? password(answers, place) : key(answers, place);
  const phone: Step<State> = async (answers, place) => {
    const typed = await ask({
      ...place,
      title,
      prompt: vscode.l10n.t(
        'Your phone number, with country code. This computer does not remember it, so it is needed too.',
      ),
      value: answers.presentPhone,
      check: async value => phoneProblem(value, locale()),
    });
    return typeof typed === 'string' ? { ...answers, presentPhone: digitsOf(typed) } : typed;
  };
  return phoneEnding === null ? [first, phone] : [first];
}

const other = '\0other';

/** Why this is no recovery key, before it is sent anywhere. */
function keyProblem(typed: string): string | undefined {
  try {
    parseRecoveryKey(typed);
    return undefined;
  } catch (error) {
    return explain(asWireError(error));
  }
}

/**
 * Asks, then does it; when the proof does not hold, asks again with the reason, and what else was answered is kept. Undefined when the person
 * gave up.
 */
export async function askUntilProven<State extends Asked, Result>(
  start: State,
  steps: readonly Step<State>[],
  work: (answers: State) => Promise<Result>,
): Promise<{ readonly answers: State; readonly result: Result } | undefined> {
  for (let state = start; ; ) {
    const answers = await askInOrder(state, steps);
    if (answers === undefined) return undefined;
    try {
      return { answers, result: await work(answers) };
    } catch (error) {
      const wire = asWireError(error);
      if (wire.code !== 'E_WRONG_SECRET' && wire.code !== 'E_TOO_MANY_TRIES') throw error;
      state = { ...answers, problem: explain(wire) };
    }
  }
}

/** A notice while the lock is at work, which takes its time on purpose. */
export function working<Result>(title: string, work: () => Promise<Result>): Promise<Result> {
  const options = { location: vscode.ProgressLocation.Notification, title };
  return Promise.resolve(vscode.window.withProgress(options, work));
}
