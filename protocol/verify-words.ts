// What a verification found, in sentences: one line of how much was looked at, then each kind of damage once. The objects concerned are for
// whoever looks at the details.

import { type Words, wordsFor } from './error-words.ts';
import type { ErrorCode } from './errors.ts';
import { counted, type Locale, listed, plural, say, size } from './formats.ts';
import type { VerifyResult } from './status.ts';

/** `No problems. 5 backups checked, 31 MB read.`, and what is a risk although nothing is wrong. */
export function verifiedWords(result: VerifyResult, locale: Locale = {}): string {
  const { uncompressed = 0 } = result;
  if (uncompressed === 0) return lookedAt(result, locale);
  const risk = plural(
    locale,
    uncompressed,
    'Injection risk: another program stored {count} piece here without compression, so a cloud could pass it off as something else. Restore only backups that one of your devices reported.',
    'Injection risk: another program stored {count} pieces here without compression, so a cloud could pass them off as something else. Restore only backups that one of your devices reported.',
  );
  return `${lookedAt(result, locale)} ${risk}`;
}

function lookedAt(result: VerifyResult, locale: Locale): string {
  const { ok, problems, more, snapshots, bytesRead, scrubbed } = result;
  const backups = counted(snapshots, 'backup', 'backups', locale);
  const read = size(bytesRead, locale);
  const found = counted(problems.length + (more?.problems ?? 0), 'problem', 'problems', locale);
  const checked = ok
    ? say(locale, 'No problems. {backups} checked, {read} read.', { backups, read })
    : say(locale, '{found}. {backups} checked, {read} read.', { found, backups, read });
  return scrubbed === undefined ? checked : `${checked} ${scrubbedWords(scrubbed, locale)}`;
}

function scrubbedWords(scrubbed: number, locale: Locale): string {
  return plural(
    locale,
    scrubbed,
    '{count} stored file was compared by the checksum of the place.',
    '{count} stored files were compared by the checksums of the place.',
  );
}

/** Whose chats damage concerns; undefined where it concerns none, or it is not known whose. */
export function affectedWords({ affected = [] }: VerifyResult, locale: Locale = {}): string | undefined {
  if (affected.length === 0) return undefined;
  const apps = listed(
    affected.map(({ label }) => label),
    locale,
  );
  return say(locale, 'Affected: {apps}.', { apps });
}

/** One for each kind of damage, in the order in which it was found. */
export function damageWords({ problems }: VerifyResult, now?: number, locale: Locale = {}): readonly Words[] {
  const told = new Map<string, Words>();
  for (const { code } of problems) {
    const { message, advice } = wordsFor({ code, params: {} }, now, locale);
    if (!told.has(message)) told.set(message, { message, advice: isDamage(code) ? afresh(locale) : advice });
  }
  return [...told.values()];
}

/** The usual advice is to verify, which whoever reads this has done. */
function isDamage(code: ErrorCode): boolean {
  return code === 'E_MISSING' || code.startsWith('E_OBJECT_');
}

function afresh(locale: Locale): string {
  return say(
    locale,
    'A backup uploads afresh what it needs of that and finds on this computer; earlier backups may lack it for good.',
  );
}
