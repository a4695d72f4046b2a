// Questions asked one after the other in the editor's own quick input: a step counter in the title, Back, and no lost answers when
// the focus goes elsewhere. Each step is a function from the answers so far to its own.

import * as vscode from 'vscode';
import { withoutLinks } from './plain-text.ts';

export const back = Symbol('back');
export const cancelled = Symbol('cancelled');

export type Answer<T> = T | typeof back | typeof cancelled;

/** Where a question stands among the others; one that stands alone has no counter. */
export interface Place {
  readonly title: string;
  readonly step?: number;
  readonly totalSteps?: number;
  /** Default: all but the first. */
  readonly hasBack?: boolean;
}

export interface Counter {
  readonly step: number;
  readonly totalSteps: number;
  readonly hasBack?: boolean;
}

export type Step<State> = (state: State, place: Counter) => Promise<Answer<State>>;

/**
 * Runs the steps in order. Back goes to the one before, and what was answered meanwhile is kept; before the first it answers `back`.
 *
 * @param steps those that there are, which may depend on what was answered
 * @param within where the questions are parts of one step: all of them stand at its place
 */
export async function askSteps<State>(
  start: State,
  steps: (state: State) => readonly Step<State>[],
  within?: Counter,
): Promise<Answer<State>> {
  let state = start;
  for (let at = 0; ; ) {
    const all = steps(state);
    const step = all[at];
    if (step === undefined) return state;
    const answer = await step(state, counterOf(at, all.length, within));
    if (answer === cancelled) return cancelled;
    if (answer === back) {
      if (at === 0) return back;
      at -= 1;
    } else {
      state = answer;
      at += 1;
    }
  }
}

function counterOf(at: number, totalSteps: number, within: Counter | undefined): Counter {
  return within === undefined ? { step: at + 1, totalSteps } : { ...within, hasBack: at > 0 || within.step > 1 };
}

/** As `askSteps`, for steps that are always the same. Undefined when the person gave up. */
export async function askInOrder<State>(start: State, steps: readonly Step<State>[]): Promise<State | undefined> {
  const answer = await askSteps(start, () => steps);
  return answer === back || answer === cancelled ? undefined : answer;
}

export interface Question extends Place {
  readonly prompt: string;
  readonly placeholder?: string;
  readonly hidden?: boolean;
  readonly value?: string;
  /** What was wrong with the answer before; said until something else is typed. */
  readonly problem?: string | undefined;
  /** Extra buttons in the title; choosing one ends the question with its answer, or does something beside it. */
  readonly buttons?: readonly ({ readonly icon: string; readonly tooltip: string } & (
    | { readonly answer: string }
    | { readonly act: (box: vscode.InputBox) => Promise<unknown> }
  ))[];
  /** While typing: a hint, or what is wrong with it; undefined says nothing. */
  readonly live?: (value: string) => Promise<vscode.InputBoxValidationMessage | undefined>;
  /** Milliseconds of quiet before `live` is asked; default at once. */
  readonly liveAfter?: number;
  /** When accepted: the reason why this is no answer. */
  readonly check?: (value: string) => Promise<string | undefined>;
}

/** One input box. The box stays open, with the reason under it, until `check` has nothing to say. */
export function ask(question: Question): Promise<Answer<string>> {
  const box = vscode.window.createInputBox();
  Object.assign(box, counted(question));
  box.prompt = withoutLinks(question.prompt);
  box.placeholder = question.placeholder ?? '';
  box.password = question.hidden ?? false;
  box.value = question.value ?? '';
  if (question.problem !== undefined)
    box.validationMessage = {
      message: withoutLinks(question.problem),
      severity: vscode.InputBoxValidationSeverity.Error,
    };
  const extras = new Map<vscode.QuickInputButton, NonNullable<Question['buttons']>[number]>();
  for (const extra of question.buttons ?? [])
    extras.set({ iconPath: new vscode.ThemeIcon(extra.icon), tooltip: extra.tooltip }, extra);
  box.buttons = [...backButton(question), ...extras.keys()];
  return answered<string>(box, (done, fail) => {
    let turn = 0;
    const hint = async (value: string) => {
      turn += 1;
      const mine = turn;
      if (question.liveAfter !== undefined) await new Promise(wake => setTimeout(wake, question.liveAfter));
      if (mine !== turn) return;
      const message = await question.live?.(value);
      if (mine === turn) box.validationMessage = message;
    };
    const accept = async (value: string) => {
      turn += 1; // what a hint still on its way has to say is out of date
      box.busy = true;
      box.enabled = false;
      const reason = await question.check?.(value);
      box.busy = false;
      box.enabled = true;
      if (reason === undefined) done(value);
      else box.validationMessage = { message: withoutLinks(reason), severity: vscode.InputBoxValidationSeverity.Error };
    };
    box.onDidChangeValue(value => hint(value).catch(fail));
    box.onDidAccept(() => accept(box.value).catch(fail));
    box.onDidTriggerButton(button => {
      const extra = extras.get(button);
      if (extra === undefined) done(back);
      else if ('answer' in extra) done(extra.answer);
      else extra.act(box).catch(fail);
    });
  });
}

export interface Choice<T> extends vscode.QuickPickItem {
  /** Absent for separators. */
  readonly answer?: T;
  /** Done in place of answering; the list stays, with its entries asked for anew. */
  readonly act?: () => void | Promise<void>;
  /** Where any number may be chosen: marking this entry alone is an answer at once, as for one that opens a dialog. */
  readonly isOpener?: boolean;
  /** Where any number may be chosen: it goes with no other, and marking either unmarks the other. */
  readonly isAlone?: boolean;
}

/** A list that is filled while it is shown. */
export interface Growing<T> {
  show(items: readonly Choice<T>[], placeholder?: string): void;
  /** False once it was answered or closed: whoever fills it can stop. */
  isOpen(): boolean;
}

/** One entry of a list. @param grow fills it further; the list is busy until that is done, and a failure of it ends the question */
export function choose<T>(
  place: Place & { readonly placeholder: string },
  items: readonly Choice<T>[] | (() => readonly Choice<T>[]),
  active?: (item: Choice<T>) => boolean,
  grow?: (list: Growing<T>) => Promise<void>,
): Promise<Answer<T>> {
  const entries = typeof items === 'function' ? items : () => items;
  const pick = vscode.window.createQuickPick<Choice<T>>();
  Object.assign(pick, counted(place));
  pick.placeholder = place.placeholder;
  pick.matchOnDescription = true;
  pick.items = entries();
  const marked = active === undefined ? [] : pick.items.filter(active);
  if (marked.length > 0) pick.activeItems = marked;
  pick.buttons = backButton(place);
  pick.keepScrollPosition = true;
  return answered<T>(pick, (done, fail) => {
    let isOpen = true;
    const act = async (item: Choice<T>) => {
      const at = pick.items.indexOf(item);
      pick.busy = true;
      await item.act?.();
      if (!isOpen) return;
      pick.busy = false;
      pick.items = entries();
      pick.activeItems = pick.items.filter((_, index) => index === at);
    };
    pick.onDidAccept(() => {
      const [item] = pick.selectedItems;
      if (item?.act !== undefined) act(item).catch(fail);
      else if (item?.answer !== undefined) done(item.answer);
    });
    pick.onDidTriggerButton(() => done(back));
    pick.onDidHide(() => {
      isOpen = false;
    });
    if (grow === undefined) return;
    pick.busy = true;
    const list: Growing<T> = {
      isOpen: () => isOpen,
      show: (grown, placeholder) => {
        if (!isOpen) return;
        const marked = pick.activeItems;
        pick.items = grown;
        const kept = grown.filter(item => marked.includes(item));
        if (kept.length > 0) pick.activeItems = kept;
        if (placeholder !== undefined) pick.placeholder = placeholder;
      },
    };
    grow(list).then(() => {
      if (isOpen) pick.busy = false;
    }, fail);
  });
}

export interface ManyOptions<T> {
  /** Takes the place of the entries when it is known; until then the list is busy. */
  readonly later?: Promise<{ readonly items: readonly Choice<T>[]; readonly placeholder: string }>;
  /** No entry at all is an answer too. */
  readonly mayBeNone?: boolean;
}

/** Any number of entries, at least one unless told otherwise. */
export function chooseMany<T>(
  place: Place & { readonly placeholder: string },
  items: readonly Choice<T>[],
  { later, mayBeNone = false }: ManyOptions<T> = {},
): Promise<Answer<readonly T[]>> {
  const pick = vscode.window.createQuickPick<Choice<T>>();
  Object.assign(pick, counted(place));
  pick.canSelectMany = true;
  pick.buttons = backButton(place);
  const fill = (entries: readonly Choice<T>[], placeholder: string) => {
    pick.placeholder = placeholder;
    pick.items = entries;
    pick.selectedItems = entries.filter(item => item.picked);
  };
  fill(items, place.placeholder);
  return answered<readonly T[]>(pick, (done, fail) => {
    const answers = (chosen: readonly Choice<T>[]) =>
      chosen.flatMap(item => (item.answer === undefined ? [] : [item.answer]));
    let before: readonly Choice<T>[] = pick.selectedItems;
    pick.onDidChangeSelection(chosen => {
      const added = chosen.filter(item => !before.includes(item));
      before = chosen;
      if (added.length === 1 && added[0]?.isOpener) return done(answers(chosen));
      const alone = added.find(item => item.isAlone);
      const kept = alone === undefined && added.length > 0 ? chosen.filter(item => !item.isAlone) : chosen;
      const settled = alone === undefined ? kept : [alone];
      if (settled.length === chosen.length) return;
      before = settled;
      pick.selectedItems = settled;
    });
    pick.onDidAccept(() => {
      const chosen = answers(pick.selectedItems.filter(item => !item.isOpener));
      if (chosen.length > 0 || (mayBeNone && !pick.busy)) done(chosen);
    });
    pick.onDidTriggerButton(() => done(back));
    if (later === undefined) return;
    pick.busy = true;
    later.then(known => {
      pick.busy = false;
      fill(known.items, known.placeholder);
    }, fail);
  });
}

function counted({ title, step, totalSteps }: Place) {
  const isAlone = totalSteps === 1;
  return {
    title,
    step: isAlone ? undefined : step,
    totalSteps: isAlone ? undefined : totalSteps,
    ignoreFocusOut: true,
  };
}

function backButton({ step, hasBack = step !== undefined && step > 1 }: Place): vscode.QuickInputButton[] {
  return hasBack ? [vscode.QuickInputButtons.Back] : [];
}

function answered<T>(
  input: vscode.QuickInput,
  listen: (done: (answer: Answer<T>) => void, fail: (error: unknown) => void) => void,
): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const done = (answer: Answer<T>) => {
      resolve(answer);
      input.dispose();
    };
    const fail = (error: unknown) => {
      reject(error);
      input.dispose();
    };
    listen(done, fail);
    input.onDidHide(() => done(cancelled));
    input.show();
  });
}
