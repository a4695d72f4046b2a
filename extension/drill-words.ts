// What a trial restore brought, in one sentence and in lines. Pure.

import { wordsFor } from '../protocol/error-words.ts';
import { count, counted, type Locale, listed, plural, say, size } from '../protocol/formats.ts';
import type { DrillResult } from '../protocol/status.ts';

/** `Proven restorable: 41 files (31 MB) of WhatsApp and Claude Code came back as they were backed up. 5 databases in them are sound.` */
export function drillWords(result: DrillResult, locale: Locale): string {
  const { ok, sources, databases } = result;
  const files = sources.reduce((sum, each) => sum + each.files, 0);
  const bytes = sources.reduce((sum, each) => sum + each.bytes, 0);
  if (!ok) {
    return plural(
      locale,
      troublesOf(result),
      'The trial restore failed: {count} problem in {files} of {apps}. Older backups may still have it whole.',
      'The trial restore failed: {count} problems in {files} of {apps}. Older backups may still have them whole.',
      { files: counted(files, 'file', 'files', locale), apps: appsIn(result, locale) },
    );
  }
  if (files === 0) return say(locale, 'There was nothing to restore on trial: the newest backup holds no files.');
  const back = say(locale, 'Proven restorable: {files} of {apps}, {size}, came back as they were backed up.', {
    files: counted(files, 'file', 'files', locale),
    apps: appsIn(result, locale),
    size: size(bytes, locale),
  });
  const sound = databases.filter(({ check }) => check === 'ok').length + (result.more?.databases ?? 0);
  return sound === 0
    ? back
    : `${back} ${plural(locale, sound, '{count} database in them is sound.', '{count} databases in them are sound.')}`;
}

function appsIn({ sources }: DrillResult, locale: Locale): string {
  const labels = sources.filter(({ files }) => files > 0).map(({ label }) => label);
  return listed(labels.length === 0 ? sources.map(({ label }) => label) : labels, locale);
}

function troublesOf({ problems, more, databases }: DrillResult): number {
  return Math.max(1, problems.length + (more?.problems ?? 0), databases.filter(isUnsound).length);
}

function isUnsound({ check, messages, messagesThen }: DrillResult['databases'][number]): boolean {
  return !isReadable(check) || (messagesThen !== undefined && (messages ?? 0) < messagesThen);
}

/** Sound, or not for us to tell: only its app can. */
function isReadable(check: string): boolean {
  return check === 'ok' || check === 'opaque' || check === 'unknown';
}

/** What is wrong, one a line. */
export function drillLines(result: DrillResult, locale: Locale): readonly string[] {
  const more = result.more?.problems ?? 0;
  return [
    ...result.problems.map(({ path, code }) =>
      say(locale, '{path}: {reason}', { path, reason: wordsFor({ code, params: {} }, undefined, locale).message }),
    ),
    ...result.databases.filter(isUnsound).map(({ path, check, messages, messagesThen }) =>
      say(locale, '{path}: {reason}', {
        path,
        reason: isReadable(check)
          ? say(locale, '{found} of {total} messages', {
              found: count(messages ?? 0, locale),
              total: count(messagesThen ?? 0, locale),
            })
          : check,
      }),
    ),
    ...(more === 0 ? [] : [plural(locale, more, 'and {count} more', 'and {count} more')]),
  ];
}
