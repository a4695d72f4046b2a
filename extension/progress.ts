// The progress of a request that a person began and waits for: a notice with the share that is done, what is left, and Cancel.

import * as vscode from 'vscode';
import type { RequestType } from 'vscode-languageclient';
import type { WireError } from '../protocol/errors.ts';
import { duration } from '../protocol/formats.ts';
import type { JobProgress } from '../protocol/status.ts';
import { withoutLinks } from './plain-text.ts';
import type { Shell } from './shell.ts';
import { percentOf, type Reader } from './views.ts';

type Request<P, R> = RequestType<P, R, WireError>;

/** Ends as cancelled (E_CANCELLED) when the person says so. @param words behind the title */
export function withJobProgress<P extends object, R>(
  { link, reader }: Pick<Shell, 'link' | 'reader'>,
  title: string,
  type: Request<P, R>,
  params: P,
  words: (job: JobProgress, reader: Reader) => string | undefined = leftWords,
): Promise<R> {
  const options = { location: vscode.ProgressLocation.Notification, title: withoutLinks(title), cancellable: true };
  const shown = vscode.window.withProgress(options, (notice, token) => {
    let done = 0;
    const onProgress = (job: JobProgress) => {
      const now = percentOf(job) ?? done;
      const message = words(job, reader());
      notice.report({
        increment: Math.max(0, now - done),
        ...(message !== undefined && { message: withoutLinks(message) }),
      });
      done = Math.max(done, now);
    };
    return link.request(type, params, { onProgress, token });
  });
  return Promise.resolve(shown);
}

function leftWords({ etaSeconds }: JobProgress, { locale }: Reader): string | undefined {
  if (etaSeconds === undefined || etaSeconds < 1) return undefined;
  return vscode.l10n.t('about {time} left', { time: duration(etaSeconds * 1000, locale) });
}
