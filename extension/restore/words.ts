// What the restore dialogue says: before it, while it runs, and of what came of it. Pure.

import { onlyHereWords, restoringNote } from '../../protocol/choice-words.ts';
import { reasonWords } from '../../protocol/error-words.ts';
import { ago, count, counted, duration, type Locale, listed, plural, say, size } from '../../protocol/formats.ts';
import { leftOutWords } from '../../protocol/source-words.ts';
import type {
  JobProgress,
  OriginalRestoreResult,
  RestoredDatabase,
  RestoreResult,
  RestoreUndo,
  SkippedEntry,
  SnapshotEntry,
  SnapshotSource,
} from '../../protocol/status.ts';
import type { Reader } from '../views.ts';
import { trail } from './browse-entries.ts';
import type { Part } from './wishes.ts';

/** `3 files come back, 1.2 MB. Nothing is replaced or deleted.` */
export function folderPreview(plan: Pick<RestoreResult, 'files' | 'bytes'>, locale: Locale): string {
  return plural(
    locale,
    plan.files,
    '{count} file comes back, {size}. Nothing is replaced or deleted.',
    '{count} files come back, {size}. Nothing is replaced or deleted.',
    { size: size(plan.bytes, locale) },
  );
}

type Changes = Pick<OriginalRestoreResult, 'comesBack' | 'replaced'>;

export function totalOf(plans: readonly Changes[]): Changes {
  return {
    comesBack: plans.reduce((sum, plan) => sum + plan.comesBack, 0),
    replaced: plans.reduce((sum, plan) => sum + plan.replaced, 0),
  };
}

/** `3 files come back, 1 is replaced, nothing is deleted.` */
export function originalPreview({ comesBack, replaced }: Changes, locale: Locale): string {
  if (comesBack === 0 && replaced === 0) return say(locale, 'Everything is there already, as the backup has it.');
  if (replaced === 0) {
    return plural(
      locale,
      comesBack,
      '{count} file comes back, nothing is replaced or deleted.',
      '{count} files come back, nothing is replaced or deleted.',
    );
  }
  if (comesBack === 0) {
    return plural(
      locale,
      replaced,
      '{count} file is replaced, nothing is deleted.',
      '{count} files are replaced, nothing is deleted.',
    );
  }
  return say(locale, '{files}, {replaced}, nothing is deleted.', {
    files: plural(locale, comesBack, '{count} file comes back', '{count} files come back'),
    replaced: plural(locale, replaced, '{count} is replaced', '{count} are replaced'),
  });
}

/** What one should know of the files of these apps before they come back. */
export function restoringNotes(
  sources: readonly SnapshotSource[],
  here: ReadonlySet<string>,
  locale: Locale,
): string[] {
  const notes = sources.map(
    ({ id, label, profile }) =>
      restoringNote(profile, locale) ?? (here.has(id) ? onlyHereWords(label, locale) : undefined),
  );
  return [...new Set(notes.filter(note => note !== undefined))];
}

/** Before files are overwritten where they are. */
export function overwriteWords(
  parts: readonly Part[],
  { at }: Pick<SnapshotEntry, 'at'>,
  changes: Changes,
  { now, locale }: Reader,
): { readonly message: string; readonly detail: string } {
  const apps = listed(
    parts.map(({ source }) => source.label),
    locale,
  );
  return {
    message: say(locale, 'Put {app} back as it was {when}?', { app: apps, when: ago(at, now, locale) }),
    detail: [
      originalPreview(changes, locale),
      say(locale, 'What is there now is kept beside it, so you can go back.'),
    ].join(' '),
  };
}

/** Before a restore is taken back. */
export function undoWords(
  undo: RestoreUndo,
  { now, locale }: Reader,
): { readonly message: string; readonly detail: string } {
  const { label, at, comesBack, root } = undo;
  // What made way with nothing in its place comes back like what was replaced.
  const replaced = undo.replaced + (undo.takenAway ?? 0);
  const isAgain = bringsBack(undo);
  const takenAgain = plural(
    locale,
    comesBack,
    '{count} file that came when it was taken back goes again.',
    '{count} files that came when it was taken back go again.',
  );
  const taken = plural(
    locale,
    comesBack,
    '{count} file that the restore brought is taken away again.',
    '{count} files that the restore brought are taken away again.',
  );
  const back = isAgain
    ? plural(
        locale,
        replaced,
        '{count} file is put back as the restore had left it.',
        '{count} files are put back as the restore had left them.',
      )
    : plural(
        locale,
        replaced,
        '{count} file is put back as it was before.',
        '{count} files are put back as they were before.',
      );
  const when = ago(at, now, locale);
  return {
    message: isAgain
      ? say(locale, 'Bring back the restore of {app} that was taken back {when}?', { app: label, when })
      : say(locale, 'Take back the restore of {app} {when}?', { app: label, when }),
    detail: [
      root,
      '',
      ...(comesBack > 0 ? [isAgain ? takenAgain : taken] : []),
      ...(replaced > 0 ? [back] : []),
      say(locale, 'What is there now is kept in turn.'),
    ].join('\n'),
  };
}

/** Taking it back brings a restore about again. */
export function bringsBack({ isUndo, isUnfinished }: Pick<RestoreUndo, 'isUndo' | 'isUnfinished'>): boolean {
  return isUndo === true && !isUnfinished;
}

/** After it. */
export function undoneWords(undo: Pick<RestoreUndo, 'label' | 'isUndo' | 'isUnfinished'>, locale: Locale): string {
  const { label } = undo;
  if (bringsBack(undo)) return say(locale, '{app} is as the restore had left it.', { app: label });
  return say(locale, '{app} is as it was before the restore.', { app: label });
}

/** `1.2 GB of 4.1 GB, about 3 minutes left`. */
export function progressWords(job: JobProgress, locale: Locale): string {
  switch (job.phase) {
    case 'waiting':
      return say(locale, 'waiting until something else is done');
    case 'cancelling':
      return say(locale, 'stopping');
    case 'checking':
      return say(locale, 'checking that everything can be read');
    default:
      break;
  }
  if (job.bytesTotal === 0) return say(locale, 'looking at what comes back');
  const done = size(job.bytesDone, locale);
  const total = size(job.bytesTotal, locale);
  if (job.etaSeconds === undefined || job.etaSeconds < 1) return say(locale, '{done} of {total}', { done, total });
  const time = duration(job.etaSeconds * 1000, locale);
  return say(locale, '{done} of {total}, about {time} left', { done, total, time });
}

/** What came of it, from one or several answers of the daemon. */
export interface Outcome {
  readonly files: number;
  readonly bytes: number;
  readonly skipped: readonly SkippedEntry[];
  readonly databases: readonly RestoredDatabase[];
  /** Entries that were skipped beyond those listed. */
  readonly moreSkipped: number;
  /** Messages of sources that were restored whole; undefined where one of them is not counted. */
  readonly messages?: number;
  readonly conversations?: number;
}

export function outcomeOf(
  results: readonly (RestoreResult | OriginalRestoreResult)[],
  whole: readonly SnapshotSource[],
): Outcome {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const messages = whole.flatMap(source => source.messages ?? []);
  const conversations = whole.flatMap(source => source.conversations ?? []);
  const isCounted = whole.length > 0 && messages.length === whole.length;
  return {
    files: sum(results.map(result => ('files' in result ? result.files : result.comesBack + result.replaced))),
    bytes: sum(results.map(({ bytes }) => bytes)),
    skipped: results.flatMap(({ skipped }) => skipped),
    databases: results.flatMap(({ databases }) => databases),
    moreSkipped: sum(results.map(({ more }) => more?.skipped ?? 0)),
    ...(isCounted && { messages: sum(messages) }),
    ...(isCounted && conversations.length === whole.length && { conversations: sum(conversations) }),
  };
}

export interface Report {
  readonly text: string;
  /** There is something to show: files that did not come, or databases that are not sound. */
  readonly hasGaps: boolean;
}

/** `Restored 41,208 messages in 128 chats. All are readable.` */
export function reportWords(outcome: Outcome, locale: Locale): Report {
  const { files, bytes, skipped, databases, moreSkipped, messages, conversations } = outcome;
  const lost = skipped.filter(({ code }) => code !== undefined);
  // What was lost is listed before what was left out: when all that is listed is lost, the rest may be too.
  const lostCount = lost.length + (lost.length === skipped.length ? moreSkipped : 0);
  const broken = databases.filter(({ check }) => check !== 'ok' && check !== 'opaque');
  const opaque = databases.filter(({ check }) => check === 'opaque');
  if (lostCount > 0 || broken.length > 0) {
    const parts = [
      lostCount > 0
        ? plural(locale, files + lostCount, 'Restored {done} of {count} file.', 'Restored {done} of {count} files.', {
            done: count(files, locale),
          })
        : say(locale, 'Restored {files}, {size}.', sums(outcome, locale)),
      ...(lostCount === 0 ? [] : [lostWords(lost, lostCount, locale)]),
      ...(broken.length === 0
        ? []
        : [
            plural(
              locale,
              broken.length,
              '{count} database did not pass the check.',
              '{count} databases did not pass the check.',
            ),
          ]),
    ];
    return { text: parts.join(' '), hasGaps: true };
  }
  if (files === 0 && bytes === 0) {
    return { text: say(locale, 'Everything was there already. Nothing was changed.'), hasGaps: false };
  }
  const what =
    messages === undefined
      ? say(locale, 'Restored {files}, {size}.', sums(outcome, locale))
      : conversations === undefined
        ? plural(locale, messages, 'Restored {count} message.', 'Restored {count} messages.')
        : say(locale, 'Restored {messages} in {chats}.', {
            messages: counted(messages, 'message', 'messages', locale),
            chats: counted(conversations, 'chat', 'chats', locale),
          });
  const check =
    opaque.length === 0
      ? say(locale, 'All are readable.')
      : plural(
          locale,
          opaque.length,
          '{count} database is locked by its app, so it was not checked.',
          '{count} databases are locked by their apps, so they were not checked.',
        );
  return { text: `${what} ${check}`, hasGaps: false };
}

function sums({ files, bytes }: Outcome, locale: Locale) {
  return { files: counted(files, 'file', 'files', locale), size: size(bytes, locale) };
}

const damageCodes: ReadonlySet<string> = new Set(['E_OBJECT_AUTH', 'E_OBJECT_ID', 'E_OBJECT_TYPE', 'E_MISSING']);

function lostWords(lost: readonly SkippedEntry[], value: number, locale: Locale): string {
  return lost.every(({ code }) => code !== undefined && damageCodes.has(code))
    ? plural(
        locale,
        value,
        '{count} is in a damaged part of the backup.',
        '{count} are in a damaged part of the backup.',
      )
    : plural(locale, value, '{count} could not be restored.', '{count} could not be restored.');
}

/** What the daemon says of a damaged piece is for the log: it names the piece. */
function whyNot({ code, reason }: SkippedEntry, locale: Locale): string {
  return code !== undefined && damageCodes.has(code)
    ? say(locale, 'in a damaged part of the backup')
    : reasonWords(reason, locale);
}

/** Of files that did not come and databases that are not sound, one a line. */
export function gapLines(
  { skipped, databases, moreSkipped }: Outcome,
  sources: readonly SnapshotSource[],
  locale: Locale,
): readonly string[] {
  const named = (path: string) => trail(path, sources);
  return [
    ...skipped
      .filter(({ code }) => code !== undefined)
      .map(entry => say(locale, '{path}: {reason}', { path: named(entry.path), reason: whyNot(entry, locale) })),
    ...databases
      .filter(({ check }) => check !== 'ok' && check !== 'opaque')
      .map(({ path, check }) => say(locale, '{path}: {reason}', { path: named(path), reason: check })),
    ...moreWords(moreSkipped, locale),
  ];
}

/** The list behind "Show the list", of a restore into a folder: what was chosen and what does not come with it. */
export function folderList(
  plan: RestoreResult,
  chosen: readonly string[],
  sources: readonly SnapshotSource[],
  preview: string,
  locale: Locale,
): readonly string[] {
  const { skipped, more, leftOut, target } = plan;
  const named = (path: string) => trail(path, sources);
  return [
    preview,
    say(locale, 'Into {folder}', { folder: target }),
    '',
    ...chosen,
    ...(skipped.length === 0 && leftOut === undefined ? [] : ['', say(locale, 'What does not come back:')]),
    ...skipped.map(entry =>
      say(locale, '{path}: {reason}', { path: named(entry.path), reason: whyNot(entry, locale) }),
    ),
    ...moreWords(more?.skipped ?? 0, locale),
    ...leftOutWords(leftOut, locale),
  ];
}

/** The same of a restore into the original places: every file that changes there. */
export function originalList(
  plans: readonly OriginalRestoreResult[],
  preview: string,
  locale: Locale,
): readonly string[] {
  return [
    preview,
    ...plans.flatMap(({ source, root, changes, skipped, untouched, same, more }) => {
      const within = (path: string) => (path.startsWith(`${source}/`) ? path.slice(source.length + 1) : path);
      return [
        '',
        root,
        '',
        ...changes.map(({ path, change }) =>
          change === 'replaced'
            ? say(locale, 'replaced: {path}', { path: within(path) })
            : say(locale, 'comes back: {path}', { path: within(path) }),
        ),
        ...moreWords(more?.changes ?? 0, locale),
        ...skipped.map(entry =>
          say(locale, '{path}: {reason}', { path: within(entry.path), reason: whyNot(entry, locale) }),
        ),
        ...(same > 0
          ? [plural(locale, same, '{count} file is as the backup has it.', '{count} files are as the backup has them.')]
          : []),
        ...(untouched > 0
          ? [
              plural(
                locale,
                untouched,
                '{count} file that the backup does not have stays.',
                '{count} files that the backup does not have stay.',
              ),
            ]
          : []),
      ];
    }),
  ];
}

function moreWords(value: number, locale: Locale): readonly string[] {
  return value === 0 ? [] : [plural(locale, value, 'and {count} more', 'and {count} more')];
}
