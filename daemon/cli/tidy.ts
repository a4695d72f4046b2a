// Which backups are kept, and the room they take: `signet forget`, `prune` and `repair index`.

import { moment } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import { Secrets } from '../../protocol/secrets.ts';
import type { ForgetEntry, ForgetResult } from '../../protocol/status.ts';
import { forgetWords, keepWords, pruneWords, repairWords } from '../../protocol/tidy-words.ts';
import { givenSecrets, type SecretOptions, secretsForUnlock } from './secrets.ts';
import { backupNamed, type CommonOptions, longRequest, usage, withDaemon } from './session.ts';
import { harmless, moreWords, printJson, table, tell } from './terminal.ts';

export interface DryRunOptions extends CommonOptions {
  readonly dryRun?: boolean;
}

export interface ForgetOptions extends DryRunOptions, SecretOptions {
  readonly device?: string;
  readonly clockIsRight?: boolean;
}

/** @param named none: by their age */
export async function forget(named: readonly string[], options: ForgetOptions): Promise<void> {
  const { device, dryRun = false, clockIsRight = false } = options;
  if (device !== undefined && !/^[0-9a-f]{16}$/.test(device)) {
    throw usage('--device takes the id of a computer, 16 digits', 'See `devices` in `signet status --json`.');
  }
  const wish = {
    ...(named.length > 0 && { snapshots: named.map(backupNamed) }),
    ...(device !== undefined && { device }),
    ...(dryRun && { dryRun }),
    ...(clockIsRight && { clockIsRight }),
  };
  const given = await givenSecrets(options);
  const result = await withDaemon(async daemon => {
    if (device === undefined) return longRequest(daemon, messages.forget, wish, options);
    const { phoneEnding, device: own } = await daemon.connection.sendRequest(messages.status, {});
    const isOwn = own?.id === device;
    const secrets = isOwn ? new Secrets() : await secretsForUnlock(options, given, phoneEnding !== null);
    try {
      const sealed = isOwn ? {} : { secrets: daemon.secrets.seal(messages.forget.method, secrets) };
      return await longRequest(daemon, messages.forget, { ...wish, ...sealed }, options);
    } finally {
      secrets.wipe();
    }
  });
  if (options.json) printJson(result);
  else tell(forgottenWords(result));
}

export function forgottenWords(result: ForgetResult): string {
  const { forget: goes, keep, more, dryRun } = result;
  const [heading = '', ...rest] = forgetWords(result);
  const lines = [goes.length === 0 ? heading : heading.replace(/\.$/, ':')];
  if (goes.length > 0) lines.push(entriesWords(goes), ...moreWords(more?.forget), ...rest);
  if (dryRun && keep.length > 0) lines.push('', entriesWords(keep), ...moreWords(more?.keep));
  if (!dryRun && goes.length > 0) lines.push('`signet prune` tidies up.');
  return lines.join('\n');
}

function entriesWords(entries: readonly ForgetEntry[]): string {
  const rows = entries.map(({ id, number, at, device, reasons }) => [
    id.slice(0, 8),
    number === undefined ? '' : String(number),
    moment(at),
    harmless(device),
    keepWords(reasons),
  ]);
  const isKept = entries.some(({ reasons }) => reasons.length > 0);
  return table([['ID', 'No.', 'Made', 'Device', isKept ? 'Stays as' : ''], ...rows], [1]);
}

export async function prune(options: DryRunOptions): Promise<void> {
  const { dryRun = false } = options;
  const result = await withDaemon(daemon => longRequest(daemon, messages.prune, dryRun ? { dryRun } : {}, options));
  if (options.json) printJson(result);
  else tell(pruneWords(result, Date.now()).join('\n'));
}

export async function repairIndex(options: DryRunOptions): Promise<void> {
  const { dryRun = false } = options;
  const result = await withDaemon(daemon =>
    longRequest(daemon, messages.repairIndex, dryRun ? { dryRun } : {}, options),
  );
  if (options.json) return printJson(result);
  const details = result.problems.map(
    ({ object, code, detail }) => `  ${code}: ${harmless(object)}: ${harmless(detail)}`,
  );
  const told = details.length === 0 ? [] : ['Details:', ...details, ...moreWords(result.more?.problems)];
  tell([...repairWords(result), ...told].join('\n'));
}
