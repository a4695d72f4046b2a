// Where the copies go: the kind of place, what it needs, and a look at what lies there before anything else is asked. A cloud is signed in
// to on the way; a sign-in that is there already is used.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { inspectPlace, showRemote, syncedFolders } from '../../protocol/messages.ts';
import type { PlaceStatus } from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Shell } from '../shell.ts';
import {
  type Answer,
  ask,
  askSteps,
  back,
  type Counter,
  cancelled,
  choose,
  type Place,
  type Question,
  type Step,
} from '../steps.ts';
import type { FoundPlace, Holds, PlaceDraft, PlaceKind, SignInFlow } from './answers.ts';
import { addressOf, addressProblem, bucketOf, bucketProblem, clientIdProblem, emptyProblem } from './entries.ts';
import { openGuide } from './guide-page.ts';
import {
  connectedDrive,
  dataHomes,
  driveRemote,
  flowEntries,
  folderEntries,
  inside,
  kindEntries,
  remoteOf,
} from './place-entries.ts';
import { type ConnectWish, connectPlace, isClientWrong } from './sign-in.ts';
import { isElsewhere, machineName } from './surroundings.ts';
import type { PlaceTitles } from './titles.ts';

export interface PlaceQuestion {
  readonly titles: PlaceTitles;
  readonly placeholder: string;
  /** On the button of the dialog for a folder. */
  readonly openLabel: string;
  /** A backup is to be there already: what holds other things is not looked at further. */
  readonly isOld?: boolean;
  readonly kinds: readonly PlaceKind[];
  /** Folders that must lie apart from the copies. */
  readonly roots: readonly string[];
  /** Whether what lies there will do; says so itself where it will not. Of other things it is asked with `isOld` alone. */
  readonly accepts: (found: FoundPlace) => Promise<boolean>;
}

/** @returns with `found` set */
export async function askPlace(
  shell: Shell,
  question: PlaceQuestion,
  counter: Counter,
  before: PlaceDraft,
): Promise<Answer<PlaceDraft>> {
  const { link } = shell;
  const [{ places }, synced] = await Promise.all([link.request(showRemote), link.request(syncedFolders)]);
  const surroundings: Surroundings = { shell, question, drive: driveAmong(places) };
  const locale = () => shell.reader().locale;
  const kind: Step<PlaceDraft> = async (draft, place) => {
    const answer = await choose<PlaceKind>(
      { ...place, title: question.titles.place, placeholder: question.placeholder },
      kindEntries({ kinds: question.kinds, synced, places }, locale()),
      item => item.answer === draft.kind,
    );
    if (answer === back || answer === cancelled) return answer;
    const { folder, ...rest } = draft;
    if (answer === 'here') return { ...rest, kind: answer, folder: folderHere() };
    return { ...rest, kind: answer, ...(draft.kind === 'folder' && folder !== undefined && { folder }) };
  };
  const folder: Step<PlaceDraft> = async (draft, place) => {
    const named = synced.length === 0 ? '' : await chooseFolder(synced, question, place, locale());
    if (named === back || named === cancelled) return named;
    if (named !== '') return { ...draft, folder: named };
    const uris = await vscode.window.showOpenDialog({
      title: question.titles.place,
      openLabel: question.openLabel,
      canSelectFiles: false,
      canSelectFolders: true,
      ...(draft.folder !== undefined && { defaultUri: vscode.Uri.file(draft.folder) }),
    });
    const [uri] = uris ?? [];
    return uri === undefined ? back : { ...draft, folder: uri.fsPath };
  };
  const stepsOf = (draft: PlaceDraft): readonly Step<PlaceDraft>[] => {
    const look = lookAt(surroundings);
    if (draft.kind === undefined) return [kind];
    switch (draft.kind) {
      case 'here':
        return [kind, look];
      case 'folder':
        return [kind, folder, look];
      case 'drive':
        return [kind, ...driveQuestions(surroundings), look];
      case 's3':
        return [kind, ...bucketQuestions(surroundings, draft), look];
    }
  };
  const { found: _, ...start } = before;
  for (let draft: PlaceDraft = start; ; ) {
    const answer = await askSteps(draft, stepsOf, counter);
    if (answer === back || answer === cancelled) return answer;
    if (answer.found !== undefined) return answer;
    draft = answer;
  }
}

interface Surroundings {
  readonly shell: Shell;
  readonly question: PlaceQuestion;
  /** Whether Google Drive is connected; `signed-out`: it was, and its owner signs in again with the client id that is known. */
  drive: 'usable' | 'signed-out' | 'unknown';
  /** Why the place could not be used with what was typed; said where it can be corrected. */
  problem?: string | undefined;
}

function driveAmong(places: readonly PlaceStatus[]): Surroundings['drive'] {
  if (connectedDrive(places) !== undefined) return 'usable';
  return places.some(({ remote }) => remote === driveRemote) ? 'signed-out' : 'unknown';
}

/** Told once. */
function problemOf(surroundings: Surroundings): string | undefined {
  const { problem } = surroundings;
  surroundings.problem = undefined;
  return problem;
}

/** In a folder for programs' data, where there is one. */
function folderHere(): string {
  const [best = homedir()] = dataHomes(process.platform, process.env, homedir()).filter(path => existsSync(path));
  return inside(best, process.platform);
}

function chooseFolder(
  synced: Parameters<typeof folderEntries>[0],
  { titles, placeholder }: PlaceQuestion,
  place: Counter,
  locale: Parameters<typeof folderEntries>[2],
): Promise<Answer<string>> {
  return choose({ ...place, title: titles.place, placeholder }, folderEntries(synced, process.platform, locale));
}

/** None where it is connected; who signs in again is asked for no client id. */
function driveQuestions(surroundings: Surroundings): readonly Step<PlaceDraft>[] {
  const { shell, question, drive } = surroundings;
  if (drive === 'usable') return [];
  const flow: Step<PlaceDraft> = async (draft, place) => {
    const answer = await askFlow(shell, { ...place, title: question.titles.drive });
    return answer === back || answer === cancelled ? answer : { ...draft, flow: answer };
  };
  const how = isElsewhere(shell) ? [flow] : [];
  if (drive === 'signed-out') return how;
  return [
    ...how,
    async (draft, place) => {
      const clientId = await askClientId(shell, { ...place, title: question.titles.drive }, draft);
      return typeof clientId === 'string' ? { ...draft, clientId } : clientId;
    },
    async (draft, place) => {
      const asked = { ...place, title: question.titles.drive, problem: problemOf(surroundings) };
      const clientSecret = await askClientSecret(shell, asked, draft);
      return typeof clientSecret === 'string' ? { ...draft, clientSecret } : clientSecret;
    },
  ];
}

/** Where Signet runs on another computer than the window, only its owner knows where the browser is. */
export function askFlow(shell: Shell, place: Place): Promise<Answer<SignInFlow>> {
  const placeholder = vscode.l10n.t('Where is the browser that you sign in with?');
  return choose({ ...place, placeholder }, flowEntries(machineName() ?? '', shell.reader().locale));
}

/** @returns without blanks around it */
export async function askClientId(
  shell: Shell,
  place: Place,
  { clientId: value = '', flow }: PlaceDraft,
): Promise<Answer<string>> {
  const answer = await ask({
    ...place,
    prompt: vscode.l10n.t(
      'Client id, then client secret, from your own Google Cloud project. Signet sees only the files it made.',
    ),
    placeholder: '….apps.googleusercontent.com',
    value,
    buttons: [guideButton(shell, flow)],
    check: async typed => clientIdProblem(typed, shell.reader().locale),
  });
  return typeof answer === 'string' ? answer.trim() : answer;
}

/** @returns without blanks around it */
export async function askClientSecret(
  shell: Shell,
  place: Place & Pick<Question, 'problem'>,
  { clientSecret: value = '', flow }: PlaceDraft,
): Promise<Answer<string>> {
  const answer = await ask({
    ...place,
    prompt: vscode.l10n.t('Client secret. It stays on this computer; then the browser opens for the sign-in.'),
    value,
    hidden: true,
    buttons: [guideButton(shell, flow)],
    check: async typed => emptyProblem(typed, shell.reader().locale),
  });
  return typeof answer === 'string' ? answer.trim() : answer;
}

function guideButton(shell: Shell, flow: SignInFlow = 'browser') {
  return { icon: 'book', tooltip: vscode.l10n.t('Open the Guide'), act: () => openGuide(shell, flow) };
}

function bucketQuestions(surroundings: Surroundings, { accessKeyId }: PlaceDraft): readonly Step<PlaceDraft>[] {
  const { shell, question } = surroundings;
  const title = question.titles.s3;
  const locale = () => shell.reader().locale;
  const text =
    (
      name: 'address' | 'bucket' | 'region' | 'accessKeyId' | 's3Secret',
      prompt: string,
      more: { readonly placeholder?: string; readonly hidden?: boolean },
      check: (typed: string) => string | undefined,
      clean: (typed: string) => string = typed => typed.trim(),
    ): Step<PlaceDraft> =>
    async (draft, place) => {
      const value = draft[name] ?? '';
      const problem = problemOf(surroundings);
      const typed = await ask({ ...place, title, prompt, value, problem, ...more, check: async given => check(given) });
      return typeof typed === 'string' ? { ...draft, [name]: clean(typed) } : typed;
    };
  return [
    text(
      'address',
      vscode.l10n.t('Address of the storage, without the bucket.'),
      { placeholder: 'https://s3.example.org' },
      typed => addressProblem(typed, locale()),
      typed => addressOf(typed) ?? typed,
    ),
    text(
      'bucket',
      vscode.l10n.t('Bucket, with a prefix after a slash if several backups share it. It has to be there already.'),
      { placeholder: 'chats/laptop' },
      typed => bucketProblem(typed, locale()),
      bucketOf,
    ),
    text(
      'region',
      vscode.l10n.t('Region, where the provider names one. Press Enter to leave it to Signet.'),
      { placeholder: 'eu-central-1' },
      () => undefined,
    ),
    text(
      'accessKeyId',
      vscode.l10n.t("Access key id. Press Enter to take the keys from this computer's own settings."),
      {},
      () => undefined,
    ),
    ...(accessKeyId === undefined || accessKeyId === ''
      ? []
      : [
          text('s3Secret', vscode.l10n.t('Secret key. It is kept sealed on this computer.'), { hidden: true }, typed =>
            emptyProblem(typed, locale()),
          ),
        ]),
  ];
}

/** No question, but its answer decides: what lies there, and whether it will do. Back to the question before when the place cannot be used. */
function lookAt(surroundings: Surroundings): Step<PlaceDraft> {
  const { question } = surroundings;
  return async (draft, counter) => {
    const remote = remoteOf(draft);
    if (remote === undefined) return back;
    try {
      const holds = await holdsOf(surroundings, draft, remote);
      if (holds !== 'other' || question.isOld) {
        const found = { remote, holds };
        if (await question.accepts(found)) return { ...draft, found };
        // With another client id another backup may be seen there.
        if (draft.kind === 'drive') surroundings.drive = 'unknown';
        return draft;
      }
      if (draft.kind === 'folder' && draft.folder !== undefined) {
        const folder = await askInside(question, draft.folder);
        return folder === undefined ? draft : lookAt(surroundings)({ ...draft, folder }, counter);
      }
      vscode.window.showErrorMessage(vscode.l10n.t('This place holds other files. Nothing was written there.'));
      return draft;
    } catch (error) {
      const wire = asWireError(error);
      if (draft.kind === 'drive' && surroundings.drive === 'usable' && wire.code === 'E_SIGN_IN') {
        surroundings.drive = 'signed-out';
        return lookAt(surroundings)(draft, counter);
      }
      if (draft.kind === 'drive' && surroundings.drive === 'signed-out' && isClientWrong(wire)) {
        surroundings.drive = 'unknown';
        return draft;
      }
      if (wire.code === 'E_CANCELLED') return back;
      if (draft.kind === 's3' || (draft.kind === 'drive' && surroundings.drive === 'unknown')) {
        surroundings.problem = explain(wire);
      } else vscode.window.showErrorMessage(explain(wire));
      return back;
    }
  };
}

async function holdsOf({ shell, question, drive }: Surroundings, draft: PlaceDraft, remote: string): Promise<Holds> {
  const { link } = shell;
  const { roots } = question;
  if (draft.kind === 'folder' || draft.kind === 'here' || (draft.kind === 'drive' && drive === 'usable')) {
    const title = vscode.l10n.t('Looking at the place');
    const progress = { location: vscode.ProgressLocation.Window, title };
    return (await vscode.window.withProgress(progress, () => link.request(inspectPlace, { remote, roots }))).holds;
  }
  return (await connectPlace(shell, wishOf(draft, remote))).holds;
}

function wishOf(draft: PlaceDraft, remote: string): ConnectWish {
  const given = (name: 'clientId' | 'clientSecret' | 'accessKeyId' | 's3Secret' | 'region') => {
    const value = draft[name];
    return value === undefined || value === '' ? {} : { [name]: value };
  };
  if (remote === driveRemote) {
    const { flow = 'browser' } = draft;
    return { remote, flow, ...given('clientId'), ...given('clientSecret') };
  }
  const keys = draft.accessKeyId === '' ? {} : { ...given('accessKeyId'), ...given('s3Secret') };
  return { remote, ...keys, ...given('region') };
}

/** A folder of its own in one that holds other things; undefined for another place. */
async function askInside({ titles }: PlaceQuestion, folder: string): Promise<string | undefined> {
  const own = inside(folder, process.platform);
  const answer = await choose<'inside' | 'another'>(
    { title: titles.place, placeholder: vscode.l10n.t('This folder holds other files. Nothing was written there.') },
    [
      { label: vscode.l10n.t('A new folder inside it'), detail: own, answer: 'inside' },
      { label: vscode.l10n.t('Choose another place'), answer: 'another' },
    ],
  );
  return answer === 'inside' ? own : undefined;
}
