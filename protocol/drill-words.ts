// What a trial restore showed, in sentences: that things come back whole, or whose do not and from which backup they do.

import { wordsFor } from './error-words.ts';
import { isErrorCode } from './errors.ts';
import { ago, counted, type Locale, say } from './formats.ts';
import type { DrillResult, LastDrill } from './status.ts';

type Counts = Pick<LastDrill, 'files' | 'databases'>;

/** `Proven restorable: 3 databases and 41 files came back whole.`, or whose part did not come back, why, and what did. */
export function drillWords(result: DrillResult, now: number, locale: Locale = {}): string {
  if (result.ok) return provenWords(countsOf(result), locale);
  const failed = result.sources.filter(({ ok }) => !ok);
  const code = result.problems[0]?.code;
  const lines =
    failed.length === 0
      ? [trialFailed(say(locale, 'one of your folders with chats'), code, locale)]
      : failed.map(({ id, label }) => {
          const own = result.problems.find(({ path }) => path.startsWith(`${id}/`));
          return trialFailed(label, own?.code ?? code, locale);
        });
  return [...lines, olderWords(result.older?.at, now, locale)].join('\n');
}

/** Of what came back; a database is no file here. */
export function provenWords({ files, databases }: Counts, locale: Locale = {}): string {
  const others = Math.max(0, files - databases);
  const named = {
    databases: counted(databases, 'database', 'databases', locale),
    files: counted(others, 'file', 'files', locale),
  };
  if (files === 0) return say(locale, 'The backup holds no files that could be restored on trial.');
  if (databases === 0) return say(locale, 'Proven restorable: {files} came back whole.', named);
  if (others === 0) return say(locale, 'Proven restorable: {databases} came back whole.', named);
  return say(locale, 'Proven restorable: {databases} and {files} came back whole.', named);
}

/** `A trial restore of WhatsApp failed: Part of the backup is damaged.` */
export function trialFailed(app: string, code: unknown, locale: Locale = {}): string {
  if (!isErrorCode(code)) return say(locale, 'A trial restore of {app} failed.', { app });
  const { message } = wordsFor({ code, params: {} }, undefined, locale);
  return say(locale, 'A trial restore of {app} failed: {reason}', { app, reason: message });
}

/** From which backup things come back. @param at RFC 3339 of the newest that is known to; undefined: none that was tried */
export function olderWords(at: string | undefined, now: number, locale: Locale = {}): string {
  return at === undefined
    ? say(
        locale,
        'Of the backups before it none came back whole either. Back up now: what is on this computer is uploaded afresh.',
      )
    : say(locale, 'The backup made {when} came back whole.', { when: ago(at, now, locale) });
}

function countsOf({ sources, databases, more }: DrillResult): Counts {
  return {
    files: sources.reduce((sum, { files }) => sum + files, 0),
    databases: databases.length + (more?.databases ?? 0),
  };
}
