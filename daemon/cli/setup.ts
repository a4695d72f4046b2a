// `signet setup`: creates a backup or joins the one that is there, and shows the recovery key this one time.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { newestWords } from '../../protocol/alarm-words.ts';
import { onlyHereWords } from '../../protocol/choice-words.ts';
import { PeerError } from '../../protocol/errors.ts';
import { counted } from '../../protocol/formats.ts';
import type { Connected } from '../../protocol/launch.ts';
import {
  type SetupParams,
  setup as setupRequest,
  showRemote,
  status as statusRequest,
} from '../../protocol/messages.ts';
import type { ScheduleKind } from '../../protocol/status.ts';
import { askedAgainWords } from '../../protocol/words.ts';
import { printKey } from './keys.ts';
import { placeOf } from './places.ts';
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
import { type ChoiceOptions, choicesOf, sourceOf } from './source-spec.ts';
import { scheduleOf } from './state.ts';
import { canAsk, harmless, note, printJson, Questions } from './terminal.ts';

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
  const remote = placeOf(options.remote);
  const choices = choicesOf(options);
  const sources = (options.source ?? []).map(spec => ({ ...sourceOf(spec), ...choices }));
  if (options.readOnly && options.new) throw usage('--new and --read-only exclude each other');
  if (options.readOnly && sources.length > 0) throw usage('--read-only takes no --source');
  const schedule = scheduleOf(options.schedule, options);
  const isCloud = /^(?:drive|s3):/.test(remote);
  const sourcesFor = (joins: boolean): void => {
    if (joins || options.readOnly || sources.length > 0) return;
    throw usage('--source is missing: name a folder with chats');
  };
  if (!isCloud) sourcesFor(!options.new && looksLikeBackup(remote));
  const given = await givenForSetup(options);
  if (given.recoveryKey !== undefined && options.new) throw usage('--new makes a recovery key; none can be given');
  neededForSetup(options, given); // before a daemon is started for nothing
  // Nobody types a password twice to hear of a folder then. What else may be amiss with it is for the daemon to say.
  const gone = canAsk() ? sources.find(({ root }) => root !== undefined && !existsSync(root)) : undefined;
  if (gone !== undefined) throw usage(`${gone.root} is not there: give the folder that holds the chats`);
  await withDaemon(async daemon => {
    const { vault } = await daemon.connection.sendRequest(statusRequest, {});
    if (vault !== 'absent') throw new PeerError('E_ALREADY_SET_UP', 'this computer is set up already');
    const holds = isCloud ? await heldBy(daemon, remote) : looksLikeBackup(remote);
    const joins = holds && !options.new;
    sourcesFor(joins);
    const createOnly = options.new === true || (await createsUnseen(remote, { ...options, joins, given }));
    const tools = { judge: judgeBy(daemon), suggest: suggestBy(daemon) };
    const { secrets, suggested } = await secretsForSetup(options, given, joins, tools);
    try {
      const params: Omit<SetupParams, 'progressToken'> = {
        sources,
        remote,
        ...(Object.keys(schedule).length === 0 ? {} : { schedule }),
        ...(createOnly ? { createOnly: true } : {}),
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
        const { repositoryId, joined, snapshots, newest } = answer;
        const keys = {
          ...(recoveryKey === undefined ? {} : { recoveryKey }),
          ...(suggested === undefined ? {} : { password: suggested }),
        };
        return printJson({ repositoryId, ...keys, joined, snapshots, ...(newest !== undefined && { newest }) });
      }
      if (answer.joined) {
        note(`Joined. ${counted(answer.snapshots, 'backup is', 'backups are')} there.`);
        if (answer.newest !== undefined) note(harmless(newestWords(answer.newest)));
      } else note('Your backup is set up.');
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

/** Whether a backup lies in the cloud, as it was seen when it was connected. @throws E_SIGN_IN for one that is not */
async function heldBy(daemon: Connected, remote: string): Promise<boolean> {
  const { places } = await daemon.connection.sendRequest(showRemote);
  const place = places.find(each => each.remote === remote);
  if (place === undefined) {
    throw new PeerError('E_SIGN_IN', 'this cloud is not connected', { params: { why: 'never', remote } });
  }
  return place.holds === 'repository';
}

/**
 * Google shows a client id nothing that another one made, so that a place which looks empty may hold a backup. Whoever wants a new one there
 * says so: by --new, or when asked.
 */
async function createsUnseen(
  remote: string,
  { joins, readOnly, given }: Pick<SetupOptions, 'readOnly'> & { readonly joins: boolean; readonly given: object },
): Promise<boolean> {
  if (!remote.startsWith('drive:') || joins || readOnly || 'recoveryKey' in given) return false;
  const unseen = 'With this client id no backup can be seen in Google Drive.';
  const other = 'One that was made with another client id can be seen once that is connected.';
  if (!canAsk()) throw usage(`${unseen.replace(/\.$/, '')}: add --new to create one`, other);
  note(`${unseen} ${other}`);
  const questions = new Questions();
  try {
    const typed = await questions.ask('Type new to create a backup there:', { hidden: false });
    if (typed.toString('utf8').trim().toLowerCase() === 'new') return true;
  } finally {
    questions.close();
  }
  throw new PeerError('E_CANCELLED', 'no new backup was wanted', { params: { job: 'question' } });
}

/** Only to ask the fitting questions; whether a backup is there is for the daemon to say. */
function looksLikeBackup(remote: string): boolean {
  return remote.startsWith('folder:') && existsSync(join(remote.slice('folder:'.length), 'config'));
}
