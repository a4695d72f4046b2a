// The questions for what locks a backup: a new password and phone number, each typed twice, or those of a backup that is there, or its
// recovery key. Nothing typed here is kept longer than the dialogue.

import * as vscode from 'vscode';
import { judgePassword, suggestPassword } from '../../protocol/messages.ts';
import { parseRecoveryKey } from '../../protocol/recovery-key.ts';
import type { Status } from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { keyHint } from '../keys/key-hints.ts';
import { asWireError, type Link } from '../link.ts';
import type { Shell } from '../shell.ts';
import { ask, type Step } from '../steps.ts';
import type { Answers } from './answers.ts';
import {
  digitsOf,
  emptyProblem,
  isSamePassword,
  passwordPrompt,
  phoneDifference,
  phoneProblem,
  phonePrompt,
  type Verdict,
  verdictHint,
} from './entries.ts';
import type { KeyTitles } from './titles.ts';

type Judge = (password: string, phone?: string) => Promise<Verdict>;

function judgeBy(link: Link): Judge {
  return async (password, phone) => {
    const secrets = await link.seal(judgePassword, { password, ...(phone !== undefined && { phone }) });
    return (await link.request(judgePassword, { secrets })).verdict;
  };
}

const severities = {
  info: vscode.InputBoxValidationSeverity.Info,
  warning: vscode.InputBoxValidationSeverity.Warning,
} as const;

/** Judging takes a moment of the computer's time: it begins when the typing pauses. */
const judgeAfterMs = 200;

type LockTitles = Pick<KeyTitles, 'password' | 'passwordAgain' | 'phone' | 'phoneAgain'>;
type Finish<State> = (answers: State) => Promise<string | undefined>;

/**
 * Password, again, phone, again.
 *
 * @param finish done with all of it when the last was typed; what it answers is the reason why it did not work
 */
export function newLockSteps(
  shell: Shell,
  titles: LockTitles,
  keychain: Status['keychain'],
  finish?: Finish<Answers>,
): readonly Step<Answers>[] {
  return [
    ...newPasswordSteps<Answers>(shell, titles, keychain),
    ...newPhoneSteps<Answers>(shell, titles, ({ password }) => password, finish),
  ];
}

/** A password, and again. */
export function newPasswordSteps<State extends { readonly password: string }>(
  shell: Shell,
  titles: Pick<LockTitles, 'password' | 'passwordAgain'>,
  keychain: Status['keychain'],
): readonly Step<State>[] {
  const locale = () => shell.reader().locale;
  const judge = judgeBy(shell.link);
  return [
    async (answers, place) => {
      const password = await ask({
        ...place,
        title: titles.password,
        prompt: passwordPrompt(keychain, locale()),
        value: answers.password,
        hidden: true,
        buttons: [generateButton(shell)],
        liveAfter: judgeAfterMs,
        live: async value => {
          if (value === '') return undefined;
          const { text, severity } = verdictHint(await judge(value), locale());
          return { message: text, severity: severities[severity] };
        },
        check: async value => {
          const weak = verdictHint('refused', locale()).text;
          if (value === '') return weak;
          try {
            return (await judge(value)) === 'refused' ? weak : undefined;
          } catch (error) {
            return explain(asWireError(error));
          }
        },
      });
      return typeof password === 'string' ? { ...answers, password } : password;
    },
    async (answers, place) => {
      const again = await ask({
        ...place,
        title: titles.passwordAgain,
        prompt: vscode.l10n.t('Type the password again.'),
        hidden: true,
        check: async value =>
          isSamePassword(value, answers.password) ? undefined : vscode.l10n.t('The two are not the same.'),
      });
      return typeof again === 'string' ? answers : again;
    },
  ];
}

/** A phone number, and again. @param passwordOf it is the lock together with, which it must not give away */
export function newPhoneSteps<State extends { readonly phone: string }>(
  shell: Shell,
  titles: Pick<LockTitles, 'phone' | 'phoneAgain'>,
  passwordOf: (answers: State) => string,
  finish?: Finish<State>,
): readonly Step<State>[] {
  const locale = () => shell.reader().locale;
  const judge = judgeBy(shell.link);
  return [
    async (answers, place) => {
      const typed = await ask({
        ...place,
        title: titles.phone,
        prompt: phonePrompt(locale()),
        value: answers.phone,
        check: async value => phoneProblem(value, locale()) ?? (await refusedPhone(judge, passwordOf(answers), value)),
      });
      return typeof typed === 'string' ? { ...answers, phone: digitsOf(typed) } : typed;
    },
    async (answers, place) => {
      const again = await ask({
        ...place,
        title: titles.phoneAgain,
        prompt: vscode.l10n.t('Type the number again.'),
        check: async value => phoneDifference(answers.phone, value, locale()) ?? (await finish?.(answers)),
      });
      return typeof again === 'string' ? answers : again;
    },
  ];
}

/** The daemon knows the numbers of each country, and whether the password gives the number away. */
async function refusedPhone(judge: Judge, password: string, phone: string): Promise<string | undefined> {
  try {
    const verdict = await judge(password, digitsOf(phone));
    return verdict === 'refused'
      ? vscode.l10n.t('With this number the password is too easy to guess. Go back and add a word or two.')
      : undefined;
  } catch (error) {
    return explain(asWireError(error));
  }
}

/** A phrase is shown as it is, so that it can be written down; it has to be typed again like any other. */
function generateButton({ link }: Shell) {
  return {
    icon: 'sparkle',
    tooltip: vscode.l10n.t('Suggest a Password of Six Words'),
    act: async (box: vscode.InputBox) => {
      const { sealedPassword } = await link.request(suggestPassword);
      const phrase = await link.openText(suggestPassword, sealedPassword);
      box.password = false;
      box.value = phrase;
      const message = vscode.l10n.t('These six words are your password. Write them down now, then press Enter.');
      box.validationMessage = { message, severity: severities.info };
      const listener = box.onDidChangeValue(value => {
        if (value === phrase) return;
        box.password = true;
        listener.dispose();
      });
    },
  };
}

const other = '\0other';

type OpenTitles = Pick<KeyTitles, 'password' | 'phone' | 'recoveryKey'>;

/** What is done when the last was typed; what it answers is the reason why it did not work. Without one for the key more is asked. */
export interface Finishes {
  readonly password: Finish<Answers>;
  readonly key?: Finish<Answers>;
  /** The number as it was typed last: it stands there again for who went back to correct the password. */
  readonly typed: { phone: string };
}

/**
 * What opens a backup that is there: its password and phone number, or, by the button at the password, its recovery key. A list that follows
 * from `byKey`.
 */
export function openingSteps(
  shell: Shell,
  titles: OpenTitles,
  { byKey }: Pick<Answers, 'byKey'>,
  finishes: Finishes,
): readonly Step<Answers>[] {
  const first: Step<Answers> = (answers, place) =>
    answers.byKey
      ? keyStep(shell, titles, password, finishes.key)(answers, place)
      : passwordStep(shell, titles, key)(answers, place);
  const password: Step<Answers> = (answers, place) => first({ ...answers, byKey: false, recoveryKey: '' }, place);
  const key: Step<Answers> = (answers, place) => first({ ...answers, byKey: true, password: '' }, place);
  return byKey ? [first] : [first, phoneStep(shell, titles, finishes)];
}

function passwordStep(shell: Shell, titles: OpenTitles, byKey: Step<Answers>): Step<Answers> {
  return async (answers, place) => {
    const password = await ask({
      ...place,
      title: titles.password,
      prompt: vscode.l10n.t('The password of that backup. It stays on this computer.'),
      value: answers.password,
      hidden: true,
      buttons: [{ icon: 'key', tooltip: vscode.l10n.t('Use the Recovery Key'), answer: other }],
      check: async value => emptyProblem(value, shell.reader().locale),
    });
    if (password === other) return byKey(answers, place);
    return typeof password === 'string' ? { ...answers, password } : password;
  };
}

function phoneStep(shell: Shell, titles: OpenTitles, { password: finish, typed: last }: Finishes): Step<Answers> {
  return async (answers, place) => {
    const typed = await ask({
      ...place,
      title: titles.phone,
      prompt: vscode.l10n.t('The phone number of that backup, with country code.'),
      value: answers.phone || last.phone,
      check: async value => {
        last.phone = value;
        return phoneProblem(value, shell.reader().locale) ?? (await finish({ ...answers, phone: digitsOf(value) }));
      },
    });
    return typeof typed === 'string' ? { ...answers, phone: digitsOf(typed) } : typed;
  };
}

function keyStep(shell: Shell, titles: OpenTitles, byPassword: Step<Answers>, finish?: Finish<Answers>): Step<Answers> {
  return async (answers, place) => {
    const typed = await ask({
      ...place,
      title: titles.recoveryKey,
      prompt: vscode.l10n.t('The 16 groups, then the check group. Spaces do not matter.'),
      value: answers.recoveryKey,
      hidden: true,
      live: value => liveKey(value, shell),
      buttons: [{ icon: 'lock', tooltip: vscode.l10n.t('Use the Password'), answer: other }],
      check: async value => {
        try {
          return await finish?.({ ...answers, recoveryKey: parseRecoveryKey(value) });
        } catch (error) {
          return explain(asWireError(error));
        }
      },
    });
    if (typed === other) return byPassword(answers, place);
    return typeof typed === 'string' ? { ...answers, recoveryKey: parseRecoveryKey(typed) } : typed;
  };
}

/** The hint under a recovery key while it is typed. */
export async function liveKey(
  typed: string,
  { reader }: Pick<Shell, 'reader'>,
): Promise<vscode.InputBoxValidationMessage | undefined> {
  const hint = keyHint(typed, reader().locale);
  return hint === undefined
    ? undefined
    : { message: hint.text, severity: severities[hint.isWrong ? 'warning' : 'info'] };
}
