// Passwords in use: `signet password change`, `phone change`, `recovery-key show|renew`, `kit` and `fresh`. Each says first what it does not
// achieve, and asks for the present password whatever is unlocked.

import { resolve } from 'node:path';
import type { RequestType } from 'vscode-jsonrpc/node';
import { PeerError, type WireError } from '../../protocol/errors.ts';
import { counted, size } from '../../protocol/formats.ts';
import { afterChange, beforeChange, freshWords, type KeyChange } from '../../protocol/key-words.ts';
import type { Connected } from '../../protocol/launch.ts';
import * as messages from '../../protocol/messages.ts';
import { groupsOf } from '../../protocol/recovery-key.ts';
import type { Secrets } from '../../protocol/secrets.ts';
import {
  givenSecrets,
  isByKey,
  judgeBy,
  type SecretOptions,
  secretsForChange,
  suggestBy,
  type Wanted,
  withSuggested,
} from './secrets.ts';
import { type CommonOptions, longRequest, usage, withDaemon } from './session.ts';
import { canAsk, harmless, note, print, printJson, tell } from './terminal.ts';

export interface KeyOptions extends CommonOptions, Pick<SecretOptions, 'secretsStdin'> {
  readonly suggestPassword?: boolean;
}

/** A forgotten password is no obstacle for whoever has the recovery key. */
export async function changePassword(options: CommonOptions & SecretOptions): Promise<void> {
  const wanted = { newPassword: true, mayUseKey: true };
  await withSecrets(options, 'password', wanted, async (daemon, secrets, suggested) => {
    await send(daemon, messages.changePassword, {}, secrets);
    if (options.json) printJson({ changed: true, ...(suggested !== undefined && { newPassword: suggested }) });
    else sayChanged(afterChange('password'), suggested);
  });
}

export async function changePhone(options: KeyOptions): Promise<void> {
  await withSecrets(options, 'phone', { newPhone: true }, async (daemon, secrets) => {
    await send(daemon, messages.changePhone, {}, secrets);
    if (options.json) printJson({ changed: true });
    else tell(afterChange('phone'));
  });
}

export async function showKey(options: KeyOptions): Promise<void> {
  await withSecrets(options, 'show', {}, async (daemon, secrets) => {
    const { sealedKey } = await send(daemon, messages.showRecoveryKey, {}, secrets);
    sayKey(options, afterChange('show'), keyOf(daemon, messages.showRecoveryKey.method, sealedKey));
  });
}

export async function renewKey(options: KeyOptions): Promise<void> {
  await withSecrets(options, 'renew', {}, async (daemon, secrets) => {
    const { sealedKey } = await send(daemon, messages.renewRecoveryKey, {}, secrets);
    sayKey(options, afterChange('renew'), keyOf(daemon, messages.renewRecoveryKey.method, sealedKey));
  });
}

export async function kit(options: KeyOptions & { readonly to: string }): Promise<void> {
  if (options.to === '') throw usage('--to is empty: name a new file for the recovery sheet');
  const to = resolve(options.to);
  await withSecrets(options, 'sheet', {}, async (daemon, secrets) => {
    await send(daemon, messages.writeRecoverySheet, { to }, secrets);
    if (options.json) printJson({ to });
    else tell(`The recovery sheet is in ${harmless(to)}. Open it in a browser to print it.`);
  });
}

export async function fresh(options: KeyOptions & { readonly deleteOld?: string }): Promise<void> {
  const { deleteOld: name } = options;
  if (name !== undefined) return deleteOld(name, options);
  await withSecrets(options, 'fresh', { newPassword: true }, async (daemon, secrets, suggested) => {
    const params = { secrets: daemon.secrets.seal(messages.startAfresh.method, secrets) };
    const { sealedKey, ...made } = await longRequest(daemon, messages.startAfresh, params, options);
    const recoveryKey = keyOf(daemon, messages.startAfresh.method, sealedKey);
    if (options.json) {
      return printJson({ ...made, recoveryKey, ...(suggested !== undefined && { newPassword: suggested }) });
    }
    note(freshWords(harmless(made.remote.replace(/^folder:/, '')), harmless(made.left)));
    if (suggested !== undefined) note(`The new password: ${suggested}`);
    printKey(recoveryKey);
  });
}

/** What a start afresh or a move left. */
export async function deleteOld(name: string, options: KeyOptions): Promise<void> {
  if (name === '') throw usage('the name of the old backup is empty: give the one of its folder');
  await withSecrets(options, 'deleteOld', {}, async (daemon, secrets) => {
    const deleted = await send(daemon, messages.deleteOldBackup, { name }, secrets);
    if (options.json) printJson(deleted);
    else print(`The old backup is deleted: ${counted(deleted.objects, 'object', 'objects')}, ${size(deleted.bytes)}.`);
  });
}

/** The copies in the place in use; this computer is not set up afterwards. */
export async function deleteCopies(name: string, options: KeyOptions): Promise<void> {
  if (name === '') throw usage('the name of the copies is empty: give the one of their folder');
  await withSecrets(options, 'deleteCopies', {}, async (daemon, secrets) => {
    const params = { name, secrets: daemon.secrets.seal(messages.deleteBackup.method, secrets) };
    const deleted = await longRequest(daemon, messages.deleteBackup, params, options);
    if (options.json) printJson({ type: 'result', ...deleted });
    else {
      const what = `${counted(deleted.objects, 'object', 'objects')}, ${size(deleted.bytes)}`;
      print(`The copies are deleted: ${what}. Signet is not set up on this computer any more.`);
    }
  });
}

/** Says what is to come, gathers the secrets, and wipes them whatever happens. */
async function withSecrets(
  options: CommonOptions & SecretOptions,
  what: KeyChange,
  wanted: Wanted,
  run: (daemon: Connected, secrets: Secrets, suggested: string | undefined) => Promise<void>,
): Promise<void> {
  const given = await givenSecrets(options);
  await withDaemon(async daemon => {
    const { vault, phoneEnding } = await daemon.connection.sendRequest(messages.status, {});
    if (vault === 'absent') throw new PeerError('E_NOT_SET_UP', 'there is no lock to change');
    const before = what === 'password' && isByKey(options, given) ? 'passwordByKey' : what;
    if (canAsk()) note(`${beforeChange(before)}\n`);
    const tools = { judge: judgeBy(daemon), suggest: suggestBy(daemon) };
    const { secrets, suggested } = await secretsForChange(options, given, wanted, tools, phoneEnding !== null);
    try {
      await withSuggested({ newPassword: suggested }, options, () => run(daemon, secrets, suggested));
    } finally {
      secrets.wipe();
    }
  });
}

async function send<Params extends object, Result>(
  { connection, secrets: channel }: Connected,
  type: RequestType<Params & { readonly secrets: messages.SealedSecrets }, Result, WireError>,
  params: Params,
  secrets: Secrets,
): Promise<Result> {
  return connection.sendRequest<Result>(type.method, { ...params, secrets: channel.seal(type.method, secrets) });
}

function keyOf({ secrets: channel }: Connected, method: string, sealedKey: messages.SealedSecrets): string {
  const opened = channel.open(method, sealedKey);
  const recoveryKey = Buffer.from(opened.get('recoveryKey') ?? []).toString('latin1');
  opened.wipe();
  return recoveryKey;
}

function sayKey(options: CommonOptions, words: string, recoveryKey: string): void {
  if (options.json) printJson({ recoveryKey });
  else {
    note(words);
    printKey(recoveryKey);
  }
}

function sayChanged(words: string, suggested: string | undefined): void {
  if (suggested !== undefined) note(`The new password: ${suggested}`);
  tell(words);
}

/** The key in rows of four groups, as on the sheet. */
export function printKey(recoveryKey: string): void {
  const groups = groupsOf(recoveryKey);
  const rows = [0, 4, 8, 12].map(start => `    ${groups.slice(start, start + 4).join(' ')}`);
  print(['', ...rows, `    ${groups[16]}    (check group: it catches typing mistakes)`].join('\n'));
  note('\nWrite it down or print it, and keep it away from this computer. Whoever has it can open the backup.\n');
}
