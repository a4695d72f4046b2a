// `signet remote`: connecting a place in a cloud, giving it up, and what is known of the places in use.

import { capital } from '../../protocol/error-words.ts';
import { PeerError, wireErrorOf } from '../../protocol/errors.ts';
import { ago, size } from '../../protocol/formats.ts';
import type { Connected } from '../../protocol/launch.ts';
import * as messages from '../../protocol/messages.ts';
import { adviceWords, placeFactWords, quotaWords } from '../../protocol/place-words.ts';
import type { PlaceStatus, Status } from '../../protocol/status.ts';
import { openerFor, openPage } from './browser.ts';
import { type CloudOptions, type CloudWish, checkOptions, cloudOf, driveWish, s3Wish } from './cloud-wish.ts';
import { givenSecrets } from './secrets.ts';
import { type CommonOptions, longRequest, usage, withDaemon } from './session.ts';
import { canAsk, harmless, note, print, printJson, table, tell } from './terminal.ts';

export interface ConnectOptions extends CommonOptions, CloudOptions {
  /** False with --no-browser. */
  readonly browser: boolean;
  readonly secretsStdin?: boolean;
}

type Holds = NonNullable<PlaceStatus['holds']>;

/** @param spec without it: the place in use */
export async function connect(spec: string | undefined, options: ConnectOptions): Promise<void> {
  const named = spec === undefined ? undefined : cloudOf(spec);
  if (named !== undefined) checkOptions(named.kind, options);
  const given = await givenSecrets(options.secretsStdin === true ? { secretsStdin: true } : {});
  const { answer, before } = await withDaemon(async daemon => {
    const before = await daemon.connection.sendRequest(messages.status, {});
    // What opens the place is sealed; where its owner has to sign in before anything can be unlocked, that is no obstacle.
    if (before.vault === 'locked' && before.remote?.signIn !== 'needed') {
      throw new PeerError('E_VAULT_LOCKED', 'what opens the cloud is sealed');
    }
    const { places } = await daemon.connection.sendRequest(messages.showRemote);
    const { kind, remote } = named ?? placeInUse(places);
    if (named === undefined) checkOptions(kind, options);
    const known = places.find(place => place.remote === remote);
    const send = (wish: CloudWish) => sendWish(daemon, wish, options);
    if (kind === 's3') return { answer: await send(await s3Wish(remote, options, given)), before };
    try {
      return { answer: await send(await driveWish(remote, options, given, known)), before };
    } catch (error) {
      // It was connected before, but its client secret is not at hand any more.
      const isMissing = wireErrorOf(error)?.code === 'E_USAGE' && wireErrorOf(error)?.params['missing'] !== undefined;
      if (!isMissing || known?.clientId === undefined || !canAsk()) throw error;
      const wish = await driveWish(remote, { clientId: known.clientId, ...options }, given, undefined);
      return { answer: await send(wish), before };
    }
  });
  if (options.json) printJson({ type: 'result', ...answer });
  else tell(connectedWords(answer, before));
}

/** Wipes the secrets of the wish. */
async function sendWish(daemon: Connected, { params, secrets }: CloudWish, options: ConnectOptions) {
  const listener = daemon.connection.onNotification(messages.signInAsked, asked => showAsked(asked, options));
  try {
    const sealed = daemon.secrets.seal(messages.connectRemote.method, secrets);
    secrets.wipe();
    return await longRequest(
      daemon,
      messages.connectRemote,
      { ...params, secrets: sealed },
      { ...options, isQuiet: true },
    );
  } finally {
    secrets.wipe();
    listener.dispose();
  }
}

function placeInUse(places: readonly PlaceStatus[]): ReturnType<typeof cloudOf> {
  const used = places.find(({ role, kind }) => role === 'main' && kind !== 'folder');
  if (used === undefined) throw usage('say what to connect, such as `signet remote connect drive:Signet`');
  return cloudOf(used.remote);
}

interface Asked {
  readonly url: string;
  readonly userCode?: string;
  readonly expiresAt: string;
}

/** The address stands on standard output, whole and in a line of its own; what is said around it does not. */
function showAsked({ url, userCode, expiresAt }: Asked, { json, browser }: ConnectOptions): void {
  if (json) printJson({ type: 'signIn', url, ...(userCode !== undefined && { userCode }), expiresAt });
  const opener = browser && userCode === undefined ? openerFor(url, process.platform, process.env) : undefined;
  const opened = opener === undefined ? Promise.resolve(false) : openPage(opener);
  if (json) return;
  if (userCode !== undefined) note('Open this address on any device, and type the code there:');
  else if (opener !== undefined) note('Your browser opens a page of Google now. If it does not, open this address:');
  else note('Open this address in the browser of this computer:');
  print(harmless(url));
  if (userCode !== undefined) print(`Code: ${harmless(userCode)}`);
  note(
    `Waiting until you have agreed there, until ${ago(expiresAt, Date.now(), { bare: true })} at the latest. Ctrl-C stops.`,
  );
  void opened.then(isOpen => {
    if (opener !== undefined && !isOpen) note('No browser could be started here: open the address yourself.');
  });
}

/** What is connected now, and what to do next. */
export function connectedWords(
  answer: PlaceStatus & { readonly holds: Holds },
  { vault }: Pick<Status, 'vault'>,
): string {
  const { remote, label, role, holds, advice } = answer;
  const facts = harmless(placeFactWords(answer).join(', '));
  const heading = `${capital(harmless(label))} is connected${facts === '' ? '' : `: ${facts}`}.`;
  const named = harmless(remote);
  const next =
    vault !== 'absent'
      ? role === 'main' || role === 'mirror'
        ? 'Backups go on by themselves.'
        : `Nothing is kept there yet. \`signet remote move ${named}\` moves your backup there; \`signet remote mirror add ${named}\` keeps a second copy there.`
      : {
          repository: `A backup is there already: \`signet setup --remote ${named}\` joins it.`,
          empty: `Go on with \`signet setup --source <folder with chats> --remote ${named}\`.`,
          other: `Other files are there. Choose another name for the copies, and connect that.`,
        }[holds];
  return [heading, next, ...advice.flatMap(code => adviceWords(code) ?? [])].join('\n');
}

export async function disconnect(spec: string | undefined, options: CommonOptions): Promise<void> {
  const remote = spec === undefined ? undefined : cloudOf(spec).remote;
  const { isRevoked } = await withDaemon(({ connection }) =>
    connection.sendRequest(messages.disconnectRemote, remote === undefined ? {} : { remote }),
  );
  if (options.json) return printJson({ disconnected: true, isRevoked });
  tell(
    [
      'Disconnected. The copies stay where they are.',
      ...(isRevoked
        ? []
        : ['What gave access is forgotten here. It still stands there: end it on the page of that account.']),
      `\`signet remote connect${remote === undefined ? '' : ` ${harmless(remote)}`}\` connects it again; backups wait until then.`,
    ].join('\n'),
  );
}

export async function show(options: CommonOptions): Promise<void> {
  const answer = await withDaemon(({ connection }) => connection.sendRequest(messages.showRemote));
  if (options.json) printJson(answer);
  else if (answer.places.length === 0) print('No place is chosen for the copies. Run `signet setup`.');
  else print(answer.places.map(place => placeWords(place, Date.now())).join('\n\n'));
}

const roles = {
  main: 'the copies go here',
  mirror: 'second copy',
  left: 'old copies, no longer used',
  unused: 'connected, holds nothing yet',
} as const;

export function placeWords(place: PlaceStatus, now: number): string {
  const { remote, label, role, account, clientId, folderId, quota, signIn, syncedAt, advice } = place;
  const inTrash = quota?.inTrash ? `, ${size(quota.inTrash)} in its trash` : '';
  const facts = [
    ['Place', remote],
    ['Used as', roles[role]],
    ...(account === undefined ? [] : [['Account', account]]),
    ...(signIn === undefined ? [] : [['Sign-in', `needed: \`signet remote connect ${remote}\``]]),
    ...(quota === undefined ? [] : [['Room', `${quotaWords(quota)}${inTrash}`]]),
    ...(syncedAt === undefined
      ? []
      : [['Complete', syncedAt === null ? 'not yet' : ago(syncedAt, now, { bare: true })]]),
    ...(clientId === undefined ? [] : [['Client id', clientId]]),
    ...(folderId === undefined ? [] : [['Folder id', folderId]]),
  ];
  const rows = table(facts.map(([name = '', value = '']) => [`  ${name}`, harmless(value)]));
  return [
    capital(harmless(label)),
    rows,
    ...advice.flatMap(code => adviceWords(code) ?? []).map(text => `  ${text}`),
  ].join('\n');
}
