// Set Up Backup…: which chats, where to, how it is locked, how often; then the recovery key, the first backup and the panel. A backup that is
// in the place already is joined on the same road. Nothing is written before the last answer is given.

import * as vscode from 'vscode';
import { PeerError } from '../../protocol/errors.ts';
import { backup, inspectPlace, pause, type SetupAnswer, setup, status } from '../../protocol/messages.ts';
import type { ScheduleKind, Status } from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { confirmRecoveryKey } from '../keys/recovery-key.ts';
import { asWireError } from '../link.ts';
import type { Command, Shell } from '../shell.ts';
import { askSteps, back, cancelled, type Step } from '../steps.ts';
import { type Answers, type ChosenChats, type Holds, leftOutOf, nothingYet } from './answers.ts';
import { askChats, FoundChats } from './chats.ts';
import { joinedWords } from './entries.ts';
import { askFrequency } from './frequency.ts';
import { scheduleOf } from './frequency-entries.ts';
import { isNewest } from './newest.ts';
import { askPlace } from './place.ts';
import { newLockSteps, openingSteps } from './secrets.ts';
import { setUpTitles } from './titles.ts';

/** What is given is not asked for; secrets always are. */
export interface SetUpGiven {
  /** Folders with chats. */
  readonly chats?: readonly string[];
  /** As `--remote` has it. */
  readonly remote?: string;
  readonly schedule?: ScheduleKind;
  readonly includeVideos?: boolean;
}

export interface SetUpDone {
  readonly repositoryId: string;
  readonly joined: boolean;
}

export const setUp: Command<readonly [SetUpGiven], SetUpDone> = async (shell, ...[given = {}]) => {
  const { link, reader } = shell;
  const { vault, keychain } = await link.request(status, {});
  if (vault !== 'absent') throw new PeerError('E_ALREADY_SET_UP', 'this computer is set up already');
  const dialogue = new Dialogue(shell, given, keychain);
  const answers = await askSteps(await startOf(shell, given), state => dialogue.steps(state));
  const { done } = dialogue;
  if (answers === back || answers === cancelled || done === undefined) return undefined;
  const { repositoryId, joined, snapshots, key, newest } = done;
  if (key !== undefined) await keepKey(shell, key, answers);
  else vscode.window.showInformationMessage(joinedWords(snapshots, reader().locale));
  const isSure = newest === undefined || (await isNewest(newest, reader()));
  if (!isSure) await holdBack(shell);
  else if (answers.chats.length > 0) {
    // It shows in the status bar, the tree and the panel; nobody has to wait for it here.
    link.request(backup, {}).catch((error: unknown) => {
      const wire = asWireError(error);
      if (wire.code !== 'E_CANCELLED') vscode.window.showErrorMessage(explain(wire));
    });
  }
  await vscode.commands.executeCommand('signet.openStatus');
  return { repositoryId, joined };
};

const dayMs = 86_400_000;

/** Nothing is added to what may be an old copy until its owner had time to look. */
async function holdBack({ link }: Shell): Promise<void> {
  await link.request(pause, { ms: dayMs });
  vscode.window.showWarningMessage(
    vscode.l10n.t(
      'Automatic backups pause for a day, so that you can find out whether the cloud shows an old copy. Nothing was added to it.',
    ),
  );
}

/** The sheet opens beside; the walkthrough's step is done once it is kept. */
async function keepKey(shell: Shell, key: string, { password, phone }: Answers): Promise<void> {
  const isKept = await confirmRecoveryKey(shell, key, { password, phone });
  if (isKept) await vscode.commands.executeCommand('setContext', 'signet.keyKept', true);
}

/** What was given, looked at as if it had been chosen. */
async function startOf(
  { link }: Shell,
  { chats, remote, schedule, includeVideos = true }: SetUpGiven,
): Promise<Answers> {
  const roots = chats ?? [];
  return {
    ...nothingYet,
    chats: roots.map(root => ({ root })),
    ...(remote !== undefined && {
      place: { found: { remote, ...(await link.request(inspectPlace, { remote, roots })) } },
    }),
    ...(schedule !== undefined && { frequency: { schedule: scheduleOf(schedule, undefined), includeVideos } }),
  };
}

type Done = Omit<SetupAnswer, 'sealedKey'> & { readonly key: string | undefined };

class Dialogue {
  /** Set when set-up went well. */
  done: Done | undefined;
  readonly #shell: Shell;
  readonly #given: SetUpGiven;
  readonly #keychain: Status['keychain'];
  readonly #found: FoundChats;
  readonly #typed = { phone: '' };
  #chosen: readonly ChosenChats[] | undefined;

  constructor(shell: Shell, given: SetUpGiven, keychain: Status['keychain']) {
    this.#shell = shell;
    this.#given = given;
    this.#keychain = keychain;
    this.#found = new FoundChats(shell);
  }

  /** Whoever joins answers the passwords last, so that a wrong one is told where it can be corrected. */
  steps(answers: Answers): readonly Step<Answers>[] {
    const titles = this.#titles;
    const first = [
      ...(this.#given.chats === undefined ? [this.#chats] : []),
      ...(this.#given.remote === undefined ? [this.#place] : []),
    ];
    const asksFrequency = this.#given.schedule === undefined && !(joins(answers) && answers.chats.length === 0);
    const send = (all: Answers) => this.#send(all);
    if (!joins(answers)) {
      return asksFrequency
        ? [...first, ...newLockSteps(this.#shell, titles, this.#keychain), this.#frequency]
        : [...first, ...newLockSteps(this.#shell, titles, this.#keychain, send)];
    }
    const opening = openingSteps(this.#shell, titles, answers, { password: send, typed: this.#typed });
    const relocking = answers.byKey ? newLockSteps(this.#shell, titles, this.#keychain, send) : [];
    return [...first, ...(asksFrequency ? [this.#frequency] : []), ...opening, ...relocking];
  }

  get #titles() {
    return setUpTitles(this.#shell.reader().locale);
  }

  readonly #chats: Step<Answers> = async (answers, place) => {
    const asked = { ...place, title: this.#titles.chats };
    const chats = await askChats(this.#shell, asked, this.#found, this.#chosen, true);
    if (chats === back || chats === cancelled) return chats;
    this.#chosen = chats;
    return { ...answers, chats };
  };

  readonly #place: Step<Answers> = async (answers, counter) => {
    const question = {
      titles: this.#titles,
      placeholder: vscode.l10n.t('Where should the copies go?'),
      openLabel: vscode.l10n.t('Keep the Copies Here'),
      kinds: ['folder', 'drive', 's3', 'here'],
      roots: answers.chats.map(({ root }) => root),
      accepts: ({ holds }: { readonly holds: Holds }) => accepts(holds, answers.chats.length > 0),
    } as const;
    const place = await askPlace(this.#shell, question, counter, answers.place);
    return place === back || place === cancelled ? place : { ...answers, place };
  };

  readonly #frequency: Step<Answers> = async (answers, place) => {
    for (let state = answers; ; ) {
      const { frequency } = state;
      const chosen = await askFrequency(
        this.#shell,
        { ...place, title: this.#titles.howOften },
        {
          at: usualTime,
          ...(frequency !== undefined && { before: frequency.schedule.kind }),
          switches: { includeVideos: frequency?.includeVideos ?? true },
        },
      );
      if (chosen === back || chosen === cancelled) return chosen;
      const { kind, includeVideos } = chosen;
      state = { ...state, frequency: { schedule: scheduleOf(kind, undefined), includeVideos } };
      // Whoever joins is asked for what opens the backup now; else this was the last question.
      const problem = joins(state) ? undefined : await this.#send(state);
      if (problem === undefined) return state;
      vscode.window.showErrorMessage(problem);
    }
  };

  /** @returns why it did not work, in words */
  async #send(answers: Answers): Promise<string | undefined> {
    const title = joins(answers) ? vscode.l10n.t('Joining the backup') : vscode.l10n.t('Setting up your backup');
    const working = { location: vscode.ProgressLocation.Notification, title };
    try {
      this.done = await vscode.window.withProgress(working, () => carryOut(this.#shell, answers));
      return undefined;
    } catch (error) {
      return explain(asWireError(error));
    }
  }
}

/** As the daemon has it for who chooses none. */
const usualTime = '03:30';

const joins = ({ place }: Answers): boolean => place.found?.holds === 'repository';

async function carryOut({ link }: Shell, answers: Answers): Promise<Done> {
  const { chats, place, frequency, byKey, recoveryKey, password, phone } = answers;
  const leaveOut = frequency === undefined ? [] : leftOutOf(frequency);
  const { sealedKey, ...answer } = await link.request(setup, {
    sources: chats.map(each => ({ ...each, ...(leaveOut.length > 0 && { leaveOut }) })),
    remote: place.found?.remote ?? '',
    ...(frequency !== undefined && { schedule: frequency.schedule }),
    ...(!joins(answers) && { createOnly: true }),
    secrets: await link.seal(setup, { password, phone, ...(byKey && { recoveryKey }) }),
  });
  return { ...answer, key: sealedKey === undefined ? undefined : await link.openKey(setup, sealedKey) };
}

/** Whether set-up goes on with what lies in the place. */
async function accepts(holds: Holds, hasChats: boolean): Promise<boolean> {
  if (holds === 'repository') return wantsToJoin();
  if (hasChats) return true;
  vscode.window.showWarningMessage(
    vscode.l10n.t(
      'There is no backup in this place that could be joined, and no chats are chosen. Go back and choose some.',
    ),
  );
  return false;
}

async function wantsToJoin(): Promise<boolean> {
  const join = vscode.l10n.t('Join It…');
  const answer = await vscode.window.showInformationMessage<vscode.MessageItem>(
    vscode.l10n.t('There is already a backup in this place.'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'It can be joined with its password and phone number, or with its recovery key. Nothing there is changed before it is opened.',
      ),
    },
    { title: join },
    { title: vscode.l10n.t('Choose Another Place'), isCloseAffordance: true },
  );
  return answer?.title === join;
}
