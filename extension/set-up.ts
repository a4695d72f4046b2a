// Set Up Backup…: which chats, where to, password, phone, how often; then the recovery key, once, and the first backup.

import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { backup, judgePassword, setup } from '../protocol/messages.ts';
import { groupsOf } from '../protocol/recovery-key.ts';
import type { Schedule } from '../protocol/status.ts';
import { explain } from './explain.ts';
import { asWireError, type Link } from './link.ts';
import { ask, askInOrder, back, cancelled, choose, chooseMany, type Step } from './steps.ts';

interface Answers {
  readonly folders: readonly string[];
  readonly remote: string;
  readonly password: string;
  readonly phone: string;
  readonly schedule: Partial<Schedule> | undefined;
}

const nothingYet: Answers = { folders: [], remote: '', password: '', phone: '', schedule: undefined };

/** True when a backup was set up. */
export async function setUp(link: Link): Promise<boolean> {
  const answers = await askInOrder(nothingYet, [
    whichChats,
    whereTo,
    newPassword(link),
    passwordAgain,
    phone,
    phoneAgain,
    howOften,
  ]);
  if (answers === undefined) return false;
  const outcome = await sendSetUp(link, answers);
  if (outcome === undefined) return false;
  if (outcome.key !== undefined) await showRecoveryKey(outcome.key);
  // The first backup shows in the status bar; nobody has to wait for it here.
  link.request(backup, {}).catch(error => vscode.window.showErrorMessage(explain(asWireError(error))));
  return true;
}

const whichChats: Step<Answers> = async (answers, place) => {
  const other = '';
  let folders = answers.folders;
  while (true) {
    if (folders.length > 0) {
      const chosen = await chooseMany<string>(
        { title: 'Set Up Backup: Chats', placeholder: 'Which chats do you want to back up?', ...place },
        [
          ...folders.map(folder => ({ label: `$(folder-opened) ${folder}`, answer: folder, picked: true })),
          { label: '$(folder-opened) Another folder…', answer: other },
        ],
      );
      if (chosen === back || chosen === cancelled) return chosen;
      if (!chosen.includes(other)) return { ...answers, folders: chosen };
      folders = chosen.filter(folder => folder !== other);
    }
    const more = await vscode.window.showOpenDialog({
      title: 'Set Up Backup: Chats',
      openLabel: 'Back Up This Folder',
      canSelectFiles: false,
      canSelectFolders: true,
      canSelectMany: true,
    });
    if (more === undefined && folders.length === 0) return cancelled;
    folders = [...new Set([...folders, ...(more ?? []).map(uri => uri.fsPath)])];
  }
};

const whereTo: Step<Answers> = async (answers, place) => {
  const kind = await choose<'folder' | 'here'>(
    { title: 'Set Up Backup: Place', placeholder: 'Where should the copies go?', ...place },
    [
      {
        label: '$(folder) A folder',
        description: 'recommended to begin',
        detail: 'A disk, a network folder, or one that a sync app uploads',
        answer: 'folder',
      },
      {
        label: '$(device-desktop) This computer only, for now',
        detail: 'Protects against deletion, not against loss of this computer',
        answer: 'here',
      },
    ],
  );
  if (kind === back || kind === cancelled) return kind;
  if (kind === 'here') return { ...answers, remote: `folder:${join(homedir(), 'Signet Backup')}` };
  const chosen = await vscode.window.showOpenDialog({
    title: 'Set Up Backup: Place',
    openLabel: 'Keep the Copies Here',
    canSelectFiles: false,
    canSelectFolders: true,
  });
  const folder = chosen?.[0];
  return folder === undefined ? cancelled : { ...answers, remote: `folder:${folder.fsPath}` };
};

const verdicts = {
  refused: ['Too easy to guess. Add a word or two.', vscode.InputBoxValidationSeverity.Warning],
  weak: ['Too easy to guess. Add a word or two.', vscode.InputBoxValidationSeverity.Warning],
  good: ['Good', vscode.InputBoxValidationSeverity.Info],
  strong: ['Strong', vscode.InputBoxValidationSeverity.Info],
} as const;

function newPassword(link: Link): Step<Answers> {
  const judge = async (password: string) => {
    const secrets = await link.seal(judgePassword, { password });
    return (await link.request(judgePassword, { secrets })).verdict;
  };
  return async (answers, place) => {
    const password = await ask({
      ...place,
      title: 'Set Up Backup: Password',
      prompt: 'Choose a password. It is asked for once after each login, and nobody can reset it.',
      hidden: true,
      live: async value => {
        if (value === '') return undefined;
        const [message, severity] = verdicts[await judge(value)];
        return { message, severity };
      },
      check: async value => (value === '' || (await judge(value)) === 'refused' ? verdicts.refused[0] : undefined),
    });
    return typeof password === 'string' ? { ...answers, password } : password;
  };
}

const passwordAgain: Step<Answers> = async (answers, place) => {
  const again = await ask({
    ...place,
    title: 'Set Up Backup: Password Again',
    prompt: 'Type the password again.',
    hidden: true,
    check: async value =>
      value.normalize('NFC') === answers.password.normalize('NFC') ? undefined : 'The two are not the same.',
  });
  return typeof again === 'string' ? answers : again;
};

const digits = (phone: string) => phone.replace(/[\s().-]/g, '');

const phone: Step<Answers> = async (answers, place) => {
  const number = await ask({
    ...place,
    title: 'Set Up Backup: Phone',
    prompt:
      'Your phone number, with country code. It becomes part of the lock. It stays on this computer and is never sent. Example: +1 202 555 0100',
    value: answers.phone,
    check: async value =>
      /^\+\d{7,15}$/.test(digits(value)) ? undefined : 'A number starts with + and the country code.',
  });
  return typeof number === 'string' ? { ...answers, phone: digits(number) } : number;
};

const phoneAgain: Step<Answers> = async (answers, place) => {
  const again = await ask({
    ...place,
    title: 'Set Up Backup: Phone Again',
    prompt: 'Type the number again.',
    check: async value => {
      const [first, second] = [answers.phone, digits(value)];
      if (first === second) return undefined;
      const ends = [first.slice(-2), second.slice(-2)];
      return ends[0] === ends[1]
        ? 'The two are not the same.'
        : `The two are not the same. The last two digits differ: ${ends[0]} and ${ends[1]}.`;
    },
  });
  return typeof again === 'string' ? answers : again;
};

const howOften: Step<Answers> = async (answers, place) => {
  const schedule = await choose<Partial<Schedule>>(
    { title: 'Set Up Backup: How Often', placeholder: 'When should Signet back up?', ...place },
    [
      {
        label: 'Daily',
        description: 'recommended',
        detail: 'At 03:30, and when chats change',
        answer: { kind: 'daily', onChange: true },
      },
      { label: 'Weekly', detail: 'Sundays at 03:30', answer: { kind: 'weekly', onChange: false } },
      { label: 'Monthly', detail: 'The 1st at 03:30', answer: { kind: 'monthly', onChange: false } },
      { label: 'Only when I tap "Back up"', answer: { kind: 'manual', onChange: false } },
      { label: 'Never', answer: { kind: 'never', onChange: false } },
    ],
  );
  return schedule === back || schedule === cancelled ? schedule : { ...answers, schedule };
};

/** Creates; a backup that is there already is joined only after a yes. */
async function sendSetUp(link: Link, answers: Answers): Promise<{ readonly key: string | undefined } | undefined> {
  const { folders, remote, password, phone: number, schedule } = answers;
  const send = async (createOnly: boolean) => {
    const secrets = await link.seal(setup, { password, phone: number });
    const sources = folders.map(root => ({ root }));
    const answer = await link.request(setup, {
      sources,
      remote,
      ...(schedule === undefined ? {} : { schedule }),
      ...(createOnly ? { createOnly } : {}),
      secrets,
    });
    return { key: answer.sealedKey === undefined ? undefined : await link.openKey(setup, answer.sealedKey) };
  };
  const working = { location: vscode.ProgressLocation.Notification, title: 'Setting up your backup' };
  try {
    return await vscode.window.withProgress(working, () => send(true));
  } catch (error) {
    if (asWireError(error).code !== 'E_TARGET_NOT_EMPTY') throw error;
  }
  const join = 'Join It…';
  const answer = await vscode.window.showInformationMessage(
    'There is already a backup in this place.',
    {
      modal: true,
      detail: 'It can be joined with its own password and phone number. Nothing there is changed before it is opened.',
    },
    join,
  );
  return answer === join ? await vscode.window.withProgress(working, () => send(false)) : undefined;
}

/** Shows the key until it is kept and one group of it was typed back. Closing the box early is allowed: the password still opens. */
async function showRecoveryKey(key: string): Promise<void> {
  const all = groupsOf(key);
  const groups = all.slice(0, -1);
  const lines = [0, 4, 8, 12].map(at => groups.slice(at, at + 4).join('  '));
  const kept: vscode.MessageItem = { title: 'I Wrote It Down' };
  const answer = await vscode.window.showInformationMessage<vscode.MessageItem>(
    'This is your recovery key.',
    {
      modal: true,
      detail: `${lines.join('\n')}\n\nCheck group, to notice a typing mistake: ${all.at(-1)}\n\nIt opens the backup if the password is lost. It is shown this once; write it down and keep it away from this computer.`,
    },
    kept,
    { title: 'Go On Without It', isCloseAffordance: true },
  );
  if (answer !== kept) return;
  const asked = Math.floor(Math.random() * groups.length);
  await ask({
    title: 'Recovery Key',
    prompt: `To make sure it is readable, type group ${asked + 1} of the key.`,
    check: async value =>
      value.trim().toLowerCase() === groups[asked] ? undefined : `That is not group ${asked + 1}. Look again.`,
  });
}
