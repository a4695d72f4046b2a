// Open the Guide: the steps to a client id of one's own, as a page beside the question that asks for it.

import { type Locale, say } from '../../protocol/formats.ts';
import { ownClientSteps, ownClientWhy } from '../../protocol/sign-in-words.ts';

/** In Markdown. */
export function guideText(flow: 'browser' | 'device', locale: Locale): string {
  const steps = ownClientSteps(flow, locale).map(({ page, text }, index) => `${index + 1}. <${page}>\n\n   ${text}`);
  return [
    `# ${say(locale, 'A client id for Google Drive')}`,
    ownClientWhy(locale),
    ...steps,
    say(
      locale,
      'A new computer takes the client id of the one before: with another one Signet cannot see the backup that is there.',
    ),
    say(locale, 'Then type the client id and the client secret into the question at the top of this window.'),
    '',
  ].join('\n\n');
}
