// `signet setup`: creates a backup or joins the one that is there, and shows the recovery key this one time.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { onlyHereWords } from '../../protocol/choice-words.ts';
import { PeerError } from '../../protocol/errors.ts';
import { counted } from '../../protocol/formats.ts';
import { type SetupParams, setup as setupRequest, status as statusRequest } from '../../protocol/messages.ts';
import type { ScheduleKind } from '../../protocol/status.ts';
import { askedAgainWords } from '../../protocol/words.ts';
import { printKey } from './keys.ts';
import {
  givenForSetup,
  judgeBy,
  neededForSetup,
  type SecretOptions,
  secretsForSetup,
  suggestBy,
  withSuggested,
} from './secrets.ts';
import { type CommonOptions, longRequest, usage, withDaemon } from './session.ts';
import { absolute, type ChoiceOptions, choicesOf, sourceOf } from './source-spec.ts';
import { scheduleOf } from './state.ts';
import { canAsk, harmless, note, printJson } from './terminal.ts';

export interface SetupOptions extends CommonOptions, SecretOptions, ChoiceOptions {
  readonly source?: readonly string[];
  readonly remote: string;
  readonly schedule?: ScheduleKind;
  readonly at?: string;
  readonly onChange?: 'on' | 'off';
  readonly new?: boolean;
  readonly readOnly?: boolean;
}

export async function setup(options: SetupOptions): Promise<void> {
  const remote = remoteOf(options.remote);
  const choices = choicesOf(options);
  const sources = (options.source ?? []).map(spec => ({ ...sourceOf(spec), ...choices }));
  if (options.readOnly && options.new) throw usage('--new and --read-only exclude each other');
  if (options.readOnly && sources.length > 0) throw usage('--read-only takes no --source');
  const schedule = scheduleOf(options.schedule, options);
  const joins = !options.new && looksLikeBackup(remote);
  if (!joins && !options.readOnly && sources.length === 0) throw usage('--source is missing: name a folder with chats');
  const given = await givenForSetup(options);
  if (given.recoveryKey !== undefined && options.new) throw usage('--new makes a recovery key; none can be given');
  neededForSetup(options, given); // before a daemon is started for nothing
  // Nobody types a password twice to hear of a folder then. What else may be amiss with it is for the daemon to say.
  const gone = canAsk() ? sources.find(({ root }) => root !== undefined && !existsSync(root)) : undefined;
  if (gone !== undefined) throw usage(`${gone.root} is not there: give the folder that holds the chats`);
  await withDaemon(async daemon => {
    const { vault } = await daemon.connection.sendRequest(statusRequest, {});
    if (vault !== 'absent') throw new PeerError('E_ALREADY_SET_UP', 'this computer is set up already');
    const tools = { judge: judgeBy(daemon), suggest: suggestBy(daemon) };
    const { secrets, suggested } = await secretsForSetup(options, given, joins, tools);
    try {
      const params: Omit<SetupParams, 'progressToken'> = {
        sources,
        remote,
        ...(Object.keys(schedule).length === 0 ? {} : { schedule }),
        ...(options.new ? { createOnly: true } : {}),
        ...(options.readOnly ? { readOnly: true } : {}),
        secrets: daemon.secrets.seal(setupRequest.method, secrets),
      };
      const { sealedKey, ...answer } = await withSuggested({ password: suggested }, options, () =>
        longRequest(daemon, setupRequest, params, options),
      );
      const opened = sealedKey === undefined ? undefined : daemon.secrets.open(setupRequest.method, sealedKey);
      const recoveryKey =
        opened === undefined ? undefined : Buffer.from(opened.get('recoveryKey') ?? []).toString('latin1');
      opened?.wipe();
      if (options.json) {
        const { repositoryId, joined, snapshots } = answer;
        const keys = {
          ...(recoveryKey === undefined ? {} : { recoveryKey }),
          ...(suggested === undefined ? {} : { password: suggested }),
        };
        return printJson({ repositoryId, ...keys, joined, snapshots });
      }
      if (answer.joined) note(`Joined. ${counted(answer.snapshots, 'backup is', 'backups are')} there.`);
      else note('Your backup is set up.');
      if (suggested !== undefined) note(`Your password, to be written down now: ${suggested}`);
      if (recoveryKey !== undefined) showKey(recoveryKey);
      const found = await daemon.connection.sendRequest(statusRequest, {});
      for (const { label, opensOnlyHere } of found.sources) if (opensOnlyHere) note(harmless(onlyHereWords(label)));
      note(askedAgainWords(found, Date.now()));
      if (!options.readOnly) note('`signet backup` backs up now; `signet status` shows how things are.');
    } finally {
      secrets.wipe();
    }
  });
}

function showKey(recoveryKey: string): void {
  note(
    '\nThis is your recovery key. It opens the backup if the password is lost. `signet recovery-key show` shows it again.',
  );
  printKey(recoveryKey);
}

/** Only to ask the fitting questions; whether a backup is there is for the daemon to say. */
function looksLikeBackup(remote: string): boolean {
  return remote.startsWith('folder:') && existsSync(join(remote.slice('folder:'.length), 'config'));
}

/** `folder:` paths become absolute, with `~` for the home folder as a shell would do at the start of a word. */
function remoteOf(spec: string): string {
  const [, kind, place] = /^([a-z0-9]{2,16}):(.+)$/.exec(spec) ?? [];
  if (kind === undefined || place === undefined)
    throw usage('--remote names a kind and a place, such as folder:/media/disk/Backup');
  return kind === 'folder' ? `folder:${absolute(place)}` : spec;
}
