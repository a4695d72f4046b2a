// From one place to another and second copies: `signet remote move` and `signet remote mirror`. What was left is deleted as after a start
// afresh, by name and password (keys.ts).

import { exitCode, exitPartial } from '../../protocol/errors.ts';
import * as messages from '../../protocol/messages.ts';
import {
  lostWords,
  mirrorAddedWords,
  mirrorRemovedWords,
  mirrorsSyncedWords,
  movedWords,
} from '../../protocol/move-words.ts';
import { placeNamed } from '../../protocol/place-words.ts';
import { Secrets } from '../../protocol/secrets.ts';
import type { CopyResult } from '../../protocol/status.ts';
import { cloudOf } from './cloud-wish.ts';
import { givenSecrets, type SecretOptions, secretsForUnlock } from './secrets.ts';
import { type CommonOptions, Exit, longRequest, usage, withDaemon } from './session.ts';
import { absolute } from './source-spec.ts';
import { harmless, printJson, tell } from './terminal.ts';

/** The place as the daemon writes it: `folder:` paths become absolute, with `~` for the home folder as a shell would do at the start of a word. */
export function placeOf(spec: string, what = '--remote'): string {
  const [, kind, place = ''] = /^([a-z0-9]{2,16}):(.*)$/.exec(spec) ?? [];
  if (kind === undefined || (place === '' && kind !== 'drive'))
    throw usage(`${what} names a kind and a place, such as folder:/media/disk/Backup or drive:Signet`);
  if (kind === 'folder') return `folder:${absolute(place)}`;
  return kind === 'drive' || kind === 's3' ? cloudOf(spec).remote : spec;
}

export interface MoveOptions extends CommonOptions, SecretOptions {
  readonly lost?: boolean;
}

export async function move(spec: string, options: MoveOptions): Promise<void> {
  const to = placeOf(spec, '<place>');
  const { lost } = options;
  const given = await givenSecrets(options);
  const { left, ...result } = await withDaemon(async daemon => {
    const { vault, phoneEnding } = await daemon.connection.sendRequest(messages.status, {});
    // Without the old place nothing but its owner opens the new one.
    const isAsked = lost === true && vault === 'locked';
    const secrets = isAsked ? await secretsForUnlock(options, given, phoneEnding !== null) : new Secrets();
    try {
      const sealed = isAsked ? { secrets: daemon.secrets.seal(messages.moveRemote.method, secrets) } : {};
      const params = { to, ...(lost === true && { lost }), ...sealed };
      return await longRequest(daemon, messages.moveRemote, params, options);
    } finally {
      secrets.wipe();
    }
  });
  const place = shown(to);
  if (options.json) printJson({ ...result, left });
  else tellAll(left === null ? lostWords(result, place) : movedWords(result, place, harmless(left)), result);
  endWith(result);
}

export async function addMirror(spec: string, options: CommonOptions): Promise<void> {
  const remote = placeOf(spec, '<place>');
  const result = await withDaemon(daemon => longRequest(daemon, messages.addMirror, { remote }, options));
  if (options.json) printJson(result);
  else tellAll(mirrorAddedWords(result, shown(remote)), result);
  endWith(result);
}

export async function removeMirror(spec: string, options: CommonOptions): Promise<void> {
  const remote = placeOf(spec, '<place>');
  await withDaemon(({ connection }) => connection.sendRequest(messages.removeMirror, { remote }));
  if (options.json) printJson({ removed: true });
  else tell(mirrorRemovedWords(shown(remote)));
}

export async function syncMirrors(options: CommonOptions): Promise<void> {
  const result = await withDaemon(daemon => longRequest(daemon, messages.syncMirrors, {}, options));
  if (options.json) printJson(result);
  else tellAll(mirrorsSyncedWords(result), result);
  endWith(result);
}

function shown(remote: string): string {
  return harmless(placeNamed(remote.replace(/^folder:/, '')));
}

function tellAll(lines: readonly string[], { problems, more }: CopyResult): void {
  const details = problems.map(({ object, code, detail }) => `  ${code}: ${harmless(object)}: ${harmless(detail)}`);
  const others = more?.problems === undefined ? [] : [`  and ${more.problems} more`];
  tell([...lines, ...(details.length === 0 ? [] : ['Details:', ...details, ...others])].join('\n'));
}

/** What a copy lacks is a gap; what the place hides is an alarm. */
function endWith({ problems }: CopyResult): void {
  if (problems.length === 0) return;
  const isAlarm = problems.some(({ code }) => exitCode(code) === exitCode('E_ROLLBACK'));
  throw new Exit(isAlarm ? exitCode('E_ROLLBACK') : exitPartial);
}
