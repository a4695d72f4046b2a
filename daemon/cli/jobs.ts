// The commands that take time: backup, verify, and stopping them; restoring is in restore.ts.

import { drillWords } from '../../protocol/drill-words.ts';
import { reasonWords, wordsFor } from '../../protocol/error-words.ts';
import { type ErrorCode, exitCode, exitPartial } from '../../protocol/errors.ts';
import { counted, duration, listed, size } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import { isHeldBack, isSource, newMessagesWords } from '../../protocol/source-words.ts';
import type { BackupResult, VerifyResult } from '../../protocol/status.ts';
import { affectedWords, damageWords, verifiedWords } from '../../protocol/verify-words.ts';
import { type CommonOptions, Exit, longRequest, usage, withDaemon } from './session.ts';
import { harmless, moreWords, print, printJson, tell } from './terminal.ts';

export async function backup(options: CommonOptions): Promise<void> {
  const { result, labels } = await withDaemon(async daemon => {
    const detach = 'The backup goes on. `signet cancel` stops it.';
    const result = await longRequest(daemon, messages.backup, {}, { ...options, detach });
    const { sources } = await daemon.connection.sendRequest(messages.status, {});
    return { result, labels: new Map(sources.map(({ id, label }) => [id, label])) };
  });
  if (options.json) printJson(result);
  else tell(backupWords(result, labels));
  if (result.filesUnreadable.length > 0) throw new Exit(exitPartial);
}

/** @param labels of the sources, by their ids: paths begin with these */
export function backupWords(result: BackupResult, labels: ReadonlyMap<string, string>): string {
  const named = (path: string): string => {
    const [id = '', ...rest] = path.split('/');
    return harmless([labels.get(id) ?? id, ...rest].join('/'));
  };
  const unreadable = result.filesUnreadable.map(
    ({ path, reason }) => `  ${named(path)}: ${harmless(reasonWords(reason))}`,
  );
  const { more = {} } = result;
  const whole = result.filesUnreadable.filter(isSource);
  const files = unreadable.length - whole.length + (more.filesUnreadable ?? 0);
  const missing = [
    ...(whole.length === 0 ? [] : [counted(whole.length, 'source', 'sources')]),
    ...(files === 0 ? [] : [counted(files, 'file', 'files')]),
  ];
  const heading =
    result.snapshot === undefined && missing.length === 0
      ? 'Everything is backed up. Nothing was new.'
      : `${missing.length === 0 ? 'Everything is backed up' : `Backed up, except ${listed(missing)}`}: ${news(result)}.`;
  const lines = [heading, ...unreadable, ...moreWords(more.filesUnreadable)];
  if (files > 0 || whole.some(({ reason }) => !isHeldBack(reason))) {
    lines.push('What could not be read is tried again next time.');
  }
  for (const { path } of whole.filter(({ reason }) => isHeldBack(reason))) {
    lines.push(`If you removed that yourself, say so: \`signet sources accept ${harmless(path)}\`.`);
  }
  for (const path of result.notVerified) lines.push(`Not verified: ${named(path)}`);
  lines.push(...moreWords(more.notVerified));
  for (const alarm of result.alarms) lines.push(alarmWords(alarm.code));
  return lines.join('\n');
}

function news(result: BackupResult): string {
  const { filesNew, filesChanged, bytesUploaded, durationMs } = result;
  const what = [
    ...(result.messagesNew ? [newMessagesWords(result)] : []),
    ...(filesNew === 0 ? [] : [counted(filesNew, 'new file', 'new files')]),
    ...(filesChanged === 0 ? [] : [counted(filesChanged, 'changed file', 'changed files')]),
    ...(filesNew + filesChanged === 0 ? ['no new or changed files'] : []),
  ];
  return `${what.join(', ')}, ${size(bytesUploaded)} uploaded${durationMs < 1000 ? '' : ` in ${duration(durationMs)}`}`;
}

function alarmWords(code: ErrorCode): string {
  const { message, advice } = wordsFor({ code, params: {} });
  return `Alarm: ${message} ${advice}`;
}

export async function cancel(options: CommonOptions): Promise<void> {
  const result = await withDaemon(({ connection }) => connection.sendRequest(messages.cancel));
  if (options.json) printJson(result);
  else
    print(
      result.cancelled
        ? 'Stopping. What is already uploaded is kept and need not be sent again.'
        : 'Nothing is running.',
    );
}

/** @param source id; undefined: all of them */
export async function drill(source: string | undefined, options: CommonOptions): Promise<void> {
  if (source !== undefined && !/^[a-z0-9-]{1,64}$/.test(source)) {
    throw usage('drill takes the id of a source', 'See `signet sources list`.');
  }
  const wish = source === undefined ? {} : { source };
  const result = await withDaemon(daemon => longRequest(daemon, messages.drill, wish, options));
  if (options.json) printJson(result);
  else {
    const details = result.problems.map(
      ({ path, code, detail }) => `  ${code}: ${harmless(path)}: ${harmless(detail)}`,
    );
    const below = details.length === 0 ? [] : ['Details:', ...details, ...moreWords(result.more?.problems ?? 0)];
    tell([...drillWords(result, Date.now()).split('\n').map(harmless), ...below].join('\n'));
  }
  if (!result.ok) throw new Exit(result.older === undefined ? 1 : exitPartial);
}

export interface VerifyOptions extends CommonOptions {
  readonly readData?: string | true;
}

export async function verify(options: VerifyOptions): Promise<void> {
  const readDataPercent = percentOf(options.readData);
  const result = await withDaemon(daemon =>
    longRequest(daemon, messages.verify, readDataPercent === undefined ? {} : { readDataPercent }, options),
  );
  if (options.json) printJson(result);
  else tell(verifyWords(result));
  if (result.ok) return;
  throw new Exit(
    Math.max(1, ...result.problems.map(({ code }) => (exitCode(code) === exitCode('E_ROLLBACK') ? exitCode(code) : 1))),
  );
}

function percentOf(given: string | true | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (given === true) return 100;
  const [, digits] = /^(\d{1,3}(?:\.\d{1,3})?)%?$/.exec(given) ?? [];
  const percent = Number(digits);
  if (digits === undefined || percent === 0 || percent > 100)
    throw usage('--read-data takes a share from 0.001 to 100 percent');
  return percent;
}

export function verifyWords(result: VerifyResult): string {
  if (result.ok) return verifiedWords(result);
  const more = result.more?.problems ?? 0;
  const lines = [verifiedWords(result), ...damageWords(result).map(({ message, advice }) => `${message} ${advice}`)];
  const affected = affectedWords(result);
  if (affected !== undefined) lines.push(harmless(affected));
  lines.push('Details:');
  for (const { object, code, detail, inMirror = false } of result.problems) {
    const rest = inMirror ? '; a second place has it whole' : '';
    lines.push(`  ${code}: ${harmless(object)}: ${harmless(detail)}${rest}`);
  }
  if (result.problems.some(({ inMirror }) => inMirror === true)) {
    lines.push('What a second place has whole is put back by: signet remote mirror sync');
  }
  lines.push(...moreWords(more));
  return lines.join('\n');
}
