// The language client can write every message of the line, with what it carries, into the log: names, and what files of backups hold. It does
// so at the log's level "Trace" once `signet.trace.server` says "verbose", which the settings of any folder that is opened may say. Here it
// cannot.

import type { LogOutputChannel } from 'vscode';

/** The channel for whoever traces: it takes nothing, and says at once that it does not. */
export function withoutTrace(log: LogOutputChannel): LogOutputChannel {
  const off: LogOutputChannel['logLevel'] = 0;
  return Object.create(log, {
    logLevel: { value: off },
    onDidChangeLogLevel: { value: () => ({ dispose: () => {} }) },
    trace: { value: () => {} },
  });
}
