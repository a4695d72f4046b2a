// How secrets reach a command: by hidden question on a terminal, or on standard input. Never by argument (the phone number may, for
// convenience) and never from the environment. Without a terminal nothing is asked: what is missing is a usage error naming the option.

import { timingSafeEqual } from 'node:crypto';
import { examplePhone, wordsFor } from '../../protocol/error-words.ts';
import { type ErrorCode, PeerError, wireErrorOf } from '../../protocol/errors.ts';
import type { Connected } from '../../protocol/launch.ts';
import { judgePassword, suggestPassword } from '../../protocol/messages.ts';
import { parseRecoveryKey } from '../../protocol/recovery-key.ts';
import { type SecretName, Secrets, secretNames } from '../../protocol/secrets.ts';
import { usage } from './session.ts';
import { canAsk, note, printJson, Questions } from './terminal.ts';

export interface SecretOptions {
  readonly secretsStdin?: boolean;
  readonly passwordStdin?: boolean;
  readonly recoveryKeyStdin?: boolean;
  /** Ask for the recovery key in place of the password. */
  readonly recoveryKey?: boolean;
  readonly phone?: string;
  /** Take six words that the daemon draws as the new password. */
  readonly suggestPassword?: boolean;
}

type Values = { [name in SecretName]?: Uint8Array };

const maxInput = 64 * 1024;
const maxTries = 3;

/** What standard input and `--phone` gave. Reads standard input only when an option says so. */
export async function givenSecrets(options: SecretOptions): Promise<Values> {
  const ways = [options.secretsStdin, options.passwordStdin, options.recoveryKeyStdin].filter(way => way === true);
  if (ways.length > 1)
    throw usage('only one of --secrets-stdin, --password-stdin and --recovery-key-stdin can read standard input');
  const values: Values = {};
  if (options.secretsStdin) Object.assign(values, fromJson(await readInput()));
  if (options.passwordStdin) values.password = nonEmpty(firstLine(await readInput()), '--password-stdin');
  if (options.recoveryKeyStdin) values.recoveryKey = nonEmpty(firstLine(await readInput()), '--recovery-key-stdin');
  if (options.phone !== undefined) {
    if (values.phone !== undefined) throw usage('the phone number is given twice, by --phone and by --secrets-stdin');
    values.phone = phoneForm(Buffer.from(options.phone));
  }
  if (values.recoveryKey !== undefined) values.recoveryKey = keyForm(values.recoveryKey);
  return values;
}

/** Whether the recovery key comes in place of the password. */
export function isByKey(options: SecretOptions, given: Values): boolean {
  return given.recoveryKey !== undefined || options.recoveryKey === true;
}

/** As `givenSecrets`, for `setup`: whoever comes there with the key sets a new password, so either name means that one. */
export async function givenForSetup(options: SecretOptions): Promise<Values> {
  const { newPassword, ...values } = await givenSecrets(options);
  if (values.recoveryKey === undefined) return newPassword === undefined ? values : { ...values, newPassword };
  return newPassword === undefined ? values : { password: newPassword, ...values };
}

/** What `setup` needs. Throws a usage error when some of it is missing and nobody can be asked. */
export function neededForSetup(
  options: SecretOptions & { readonly readOnly?: boolean },
  given: Values,
): readonly SecretName[] {
  const byKey = isByKey(options, given);
  const needed: SecretName[] = byKey ? ['recoveryKey'] : ['password', 'phone'];
  if (byKey && options.readOnly !== true) needed.push('password', 'phone');
  const drawn = options.suggestPassword === true ? 'password' : undefined;
  refuseWithoutTerminal(needed.filter(name => given[name] === undefined && name !== drawn));
  return needed;
}

/** Secrets for `setup`: a new password is judged and typed twice, the phone number typed twice, on a terminal. */
export async function secretsForSetup(
  options: SecretOptions & { readonly readOnly?: boolean },
  given: Values,
  joins: boolean,
  { judge, suggest }: NewPassword,
): Promise<{ readonly secrets: Secrets; readonly suggested: string | undefined }> {
  const needed = neededForSetup(options, given);
  const byKey = needed.includes('recoveryKey');
  const values: Values = { ...given };
  const isNew = !joins || byKey;
  const draws = options.suggestPassword === true && isNew;
  let suggested: string | undefined;
  const secrets = await asking(async questions => {
    if (byKey) values.recoveryKey ??= await askKey(questions);
    if (needed.includes('password') && values.password === undefined) {
      if (!isNew) values.password = await questions.ask('Password of the backup:', { hidden: true });
      else if (draws && !canAsk()) {
        suggested = await suggest();
        values.password = Buffer.from(suggested);
      } else values.password = await askNewPassword(questions, { judge, suggest }, draws);
    }
    if (needed.includes('phone')) {
      const { password } = values;
      // Joining needs the number of that backup: what fits it is no matter of taste.
      const tried = joins || password === undefined ? undefined : (phone: Uint8Array) => judge(password, phone);
      if (values.phone === undefined) values.phone = await askPhone(questions, tried);
      else if (options.phone !== undefined && canAsk()) await confirmPhone(questions, values.phone);
    }
    return toSecrets(values);
  });
  return { secrets, suggested };
}

/** Secrets for `unlock`: the recovery key, or the password with the phone number where this computer does not remember it. */
export async function secretsForUnlock(options: SecretOptions, given: Values, knowsPhone: boolean): Promise<Secrets> {
  const byKey = isByKey(options, given);
  const needed: SecretName[] = byKey ? ['recoveryKey'] : knowsPhone ? ['password'] : ['password', 'phone'];
  const values: Values = { ...given };
  refuseWithoutTerminal(needed.filter(name => values[name] === undefined));
  return asking(async questions => {
    if (byKey) values.recoveryKey ??= await askKey(questions);
    else {
      values.password ??= await questions.ask('Your backup password (it stays on this computer):', { hidden: true });
      if (!knowsPhone)
        values.phone ??= await retrying(async () => phoneForm(await questions.ask('Phone number:', open)));
    }
    return toSecrets(values);
  });
}

/** What a change of keys sets anew. */
export interface Wanted {
  readonly newPassword?: boolean;
  readonly newPhone?: boolean;
  /** The recovery key will do in place of the present password. */
  readonly mayUseKey?: boolean;
}

/**
 * Secrets for a change of keys: the present password or the recovery key, then what is new, each typed twice on a terminal. `suggested` is
 * the new password where it was drawn and nobody typed it after.
 */
export async function secretsForChange(
  options: SecretOptions,
  given: Values,
  wanted: Wanted,
  { judge, suggest }: NewPassword,
  knowsPhone: boolean,
): Promise<{ readonly secrets: Secrets; readonly suggested: string | undefined }> {
  const draws = options.suggestPassword === true && given.newPassword === undefined;
  const byKey = wanted.mayUseKey === true && isByKey(options, given);
  const needed: SecretName[] = [byKey ? 'recoveryKey' : 'password'];
  if (!knowsPhone && !(byKey && given.newPhone !== undefined)) needed.push('phone');
  if (wanted.newPassword === true && !draws) needed.push('newPassword');
  if (wanted.newPhone === true) needed.push('newPhone');
  refuseWithoutTerminal(
    needed.filter(name => given[name] === undefined),
    onlyBySecrets,
  );
  const values: Values = { ...given };
  let suggested: string | undefined;
  const secrets = await asking(async questions => {
    if (byKey) values.recoveryKey ??= await askKey(questions);
    else values.password ??= await questions.ask('Your present backup password:', { hidden: true });
    if (needed.includes('phone') && values.phone === undefined) {
      // Beside the key it is no proof: what is typed becomes a part of the new lock.
      values.phone = byKey
        ? await askPhone(questions, undefined)
        : await retrying(async () => phoneForm(await questions.ask('Phone number:', open)));
    } else if (byKey && options.phone !== undefined && values.phone !== undefined && canAsk()) {
      await confirmPhone(questions, values.phone);
    }
    if (wanted.newPassword === true && values.newPassword === undefined) {
      if (draws && !canAsk()) {
        suggested = await suggest();
        values.newPassword = Buffer.from(suggested);
      } else values.newPassword = await askNewPassword(questions, { judge, suggest }, draws);
    }
    const { password, newPassword } = values;
    if (password !== undefined && newPassword !== undefined && same(password, newPassword)) {
      for (const value of Object.values(values)) value.fill(0);
      throw usage('the new password is the present one');
    }
    if (wanted.newPhone === true) values.newPhone ??= await askPhone(questions, undefined);
    return toSecrets(values);
  });
  return { secrets, suggested };
}

/** What asking for a new password takes. */
export interface NewPassword {
  readonly judge: Judge;
  readonly suggest: () => Promise<string>;
}

export type Verdict = 'refused' | 'weak' | 'good' | 'strong';

/** @throws E_PHONE_FORM for what is no phone number */
export type Judge = (password: Uint8Array, phone?: Uint8Array) => Promise<Verdict>;

export function judgeBy({ connection, secrets: channel }: Connected): Judge {
  return async (password, phone) => {
    const secrets = Secrets.of(phone === undefined ? { password } : { password, phone });
    try {
      return (await connection.sendRequest(judgePassword, { secrets: channel.seal(judgePassword.method, secrets) }))
        .verdict;
    } finally {
      secrets.wipe();
    }
  };
}

/** For the eyes of whoever asked: text, as it is shown. */
export function suggestBy({ connection, secrets: channel }: Connected): () => Promise<string> {
  return async () => {
    const { sealedPassword } = await connection.sendRequest(suggestPassword);
    const opened = channel.open(suggestPassword.method, sealedPassword);
    try {
      return Buffer.from(opened.get('newPassword') ?? []).toString('utf8');
    } finally {
      opened.wipe();
    }
  };
}

/**
 * Words that nobody has seen yet may be the password by now, whatever became of the answer: they are told before the failure.
 *
 * @param suggested by the name that the answer would have them under; undefined: none were drawn
 */
export async function withSuggested<Result>(
  suggested: { readonly [name in 'password' | 'newPassword']?: string | undefined },
  { json }: { readonly json?: boolean },
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    const words = suggested.password ?? suggested.newPassword;
    if (words !== undefined && json === true) printJson(suggested);
    else if (words !== undefined) note(`If it was done all the same, the password is: ${words}`);
    throw error;
  }
}

type OptionNames = { readonly [name in SecretName]?: string };

/** Of the commands that change keys, which read nothing but `--secrets-stdin`. */
const onlyBySecrets: OptionNames = {};

const optionFor: OptionNames = {
  password: '--password-stdin or --secrets-stdin',
  phone: '--phone or --secrets-stdin',
  recoveryKey: '--recovery-key-stdin or --secrets-stdin',
};
const nameOf: { readonly [name in SecretName]?: string } = {
  password: 'password',
  phone: 'phone number',
  newPassword: 'new password',
  newPhone: 'new phone number',
  recoveryKey: 'recovery key',
};

function refuseWithoutTerminal(missing: readonly SecretName[], options = optionFor): void {
  const [first] = missing;
  if (first === undefined || canAsk()) return;
  throw usage(
    `the ${nameOf[first] ?? first} is missing, and there is no terminal to ask: use ${options[first] ?? '--secrets-stdin'}`,
  );
}

async function asking<T>(run: (questions: Questions) => Promise<T>): Promise<T> {
  const questions = new Questions();
  try {
    return await run(questions);
  } finally {
    questions.close();
  }
}

const verdictWords = {
  weak: 'Weak, but accepted. A word or two more would make it good.',
  good: 'Good.',
  strong: 'Strong.',
} as const;

const open = { hidden: false };

/** Asks again after a mistake of typing, with the sentence for it; the last mistake is thrown. */
async function retrying<T>(ask: () => Promise<T>): Promise<T> {
  const mistakes: readonly ErrorCode[] = [
    'E_WEAK_PASSWORD',
    'E_PASSWORD_FORM',
    'E_SECOND_TYPING',
    'E_PHONE_FORM',
    'E_RECOVERY_KEY_FORM',
  ];
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      const wire = wireErrorOf(error);
      if (wire === undefined || !mistakes.includes(wire.code) || tries === maxTries) throw error;
      const { message, advice } = wordsFor(wire);
      note(wire.code === 'E_SECOND_TYPING' || wire.code === 'E_RECOVERY_KEY_FORM' ? message : `${message} ${advice}`);
    }
  }
}

/** @param draws begin with words that Signet draws */
async function askNewPassword(
  questions: Questions,
  { judge, suggest }: NewPassword,
  draws: boolean,
): Promise<Uint8Array> {
  note('Choose a password. It is asked for once after each login, and nobody can reset it.');
  if (!draws) note('Enter alone draws six words for you.');
  let drawn = draws;
  return retrying(async () => {
    const typed = drawn ? Buffer.alloc(0) : await questions.ask('Password:', { hidden: true });
    drawn = false;
    if (typed.length === 0) note(`Six words for you, to be written down now: ${await suggest()}`);
    const password = typed.length === 0 ? await questions.ask('Type the password:', { hidden: true }) : typed;
    try {
      const verdict = await judge(password);
      if (verdict === 'refused') throw new PeerError('E_WEAK_PASSWORD', 'the password is too easy to guess');
      note(verdictWords[verdict]);
      const again = await questions.ask('Type the password again:', { hidden: true });
      const matches = same(password, again);
      again.fill(0);
      if (!matches) throw new PeerError('E_SECOND_TYPING', 'the two passwords are not the same');
    } catch (error) {
      password.fill(0);
      throw error;
    }
    return password;
  });
}

/** @param judge left out: whether it is a number is for the daemon to say, later */
async function askPhone(
  questions: Questions,
  judge: ((phone: Uint8Array) => Promise<unknown>) | undefined,
): Promise<Uint8Array> {
  note(
    'Your phone number, with country code. It becomes part of the lock. It stays on this computer and is never sent.',
  );
  return retrying(async () => {
    const phone = phoneForm(await questions.ask(`Phone number (example: ${examplePhone}):`, open));
    await judge?.(phone);
    await confirmPhone(questions, phone);
    return phone;
  });
}

async function confirmPhone(questions: Questions, first: Uint8Array): Promise<void> {
  const again = await questions.ask('Type the number again:', open);
  if (digitsOf(first) !== digitsOf(again)) {
    throw new PeerError('E_SECOND_TYPING', 'the two phone numbers are not the same');
  }
}

async function askKey(questions: Questions): Promise<Uint8Array> {
  return retrying(async () => {
    const question = 'Recovery key, the 16 groups and the check group (it is not shown):';
    const typed = await questions.ask(question, { hidden: true });
    try {
      return keyForm(typed);
    } finally {
      typed.fill(0);
    }
  });
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function keyForm(typed: Uint8Array): Uint8Array {
  return Buffer.from(parseRecoveryKey(Buffer.from(typed).toString('utf8')));
}

/** What cannot be a number is refused here; the daemon knows the countries. */
function phoneForm(typed: Buffer): Uint8Array {
  if (!/^\s*\+[0-9][0-9 ()./-]{4,40}\s*$/.test(typed.toString('utf8'))) {
    throw new PeerError('E_PHONE_FORM', 'a number starts with + and the country code');
  }
  return typed;
}

function digitsOf(phone: Uint8Array): string {
  return Buffer.from(phone).toString('utf8').replace(/\D/g, '');
}

function toSecrets(values: Values): Secrets {
  const secrets = Secrets.of(values);
  for (const value of Object.values(values)) value.fill(0);
  return secrets;
}

async function readInput(): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of process.stdin) {
    const bytes = Buffer.from(part);
    length += bytes.length;
    if (length > maxInput) throw usage(`standard input has more than ${maxInput} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** Up to the first line end; the rest is not looked at. */
function firstLine(input: Buffer): Buffer {
  const end = input.indexOf(0x0a);
  const line = end === -1 ? input : input.subarray(0, end);
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}

function nonEmpty(bytes: Buffer, option: string): Buffer {
  if (bytes.length === 0) throw usage(`${option}: standard input is empty`);
  return bytes;
}

/** No message quotes the input: it holds the secrets. */
function fromJson(input: Buffer): Values {
  const refused = (why: string) => usage(`--secrets-stdin: ${why}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(input.toString('utf8'));
  } catch {
    throw refused('standard input is not JSON');
  } finally {
    input.fill(0);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw refused('one JSON object is expected');
  const values: Values = {};
  for (const [name, value] of Object.entries(parsed)) {
    const known = secretNames.find(one => one === name);
    if (known === undefined) throw refused(`only ${secretNames.join(', ')} can be given`);
    if (typeof value !== 'string' || value === '') throw refused(`${known} is not a text`);
    values[known] = known === 'phone' || known === 'newPhone' ? phoneForm(Buffer.from(value)) : Buffer.from(value);
  }
  return values;
}
