// Questions asked one after the other in the editor's own quick input: a step counter in the title, Back, and no lost answers when
// the focus goes elsewhere. Each step is a function from the answers so far to its own.

import * as vscode from 'vscode';

export const back = Symbol('back');
export const cancelled = Symbol('cancelled');

type Answer<T> = T | typeof back | typeof cancelled;

/** Where a question stands among the others; one that stands alone has no counter. */
export interface Place {
  readonly title: string;
  readonly step?: number;
  readonly totalSteps?: number;
}

export type Step<State> = (
  state: State,
  place: { readonly step: number; readonly totalSteps: number },
) => Promise<Answer<State>>;

/** Runs the steps in order; Back goes to the one before with its answer kept. Undefined when the person gave up. */
export async function askInOrder<State>(start: State, steps: readonly Step<State>[]): Promise<State | undefined> {
  const states: State[] = [start];
  while (states.length <= steps.length) {
    const at = states.length - 1;
    const step = steps[at];
    const state = states[at];
    if (step === undefined || state === undefined) break;
    const answer = await step(state, { step: at + 1, totalSteps: steps.length });
    if (answer === cancelled) return undefined;
    if (answer === back) states.pop();
    else states.push(answer);
    if (states.length === 0) return undefined;
  }
  return states.at(-1);
}

export interface Question extends Place {
  readonly prompt: string;
  readonly placeholder?: string;
  readonly hidden?: boolean;
  readonly value?: string;
  /** Extra buttons in the title; choosing one ends the question with its answer. */
  readonly buttons?: readonly { readonly icon: string; readonly tooltip: string; readonly answer: string }[];
  /** While typing: a hint, or what is wrong with it; undefined says nothing. */
  readonly live?: (value: string) => Promise<vscode.InputBoxValidationMessage | undefined>;
  /** When accepted: the reason why this is no answer. */
  readonly check?: (value: string) => Promise<string | undefined>;
}

/** One input box. The box stays open, with the reason under it, until `check` has nothing to say. */
export function ask(question: Question): Promise<Answer<string>> {
  const box = vscode.window.createInputBox();
  Object.assign(box, counted(question));
  box.prompt = question.prompt;
  box.placeholder = question.placeholder ?? '';
  box.password = question.hidden ?? false;
  box.value = question.value ?? '';
  const extras = new Map<vscode.QuickInputButton, string>();
  for (const { icon, tooltip, answer } of question.buttons ?? [])
    extras.set({ iconPath: new vscode.ThemeIcon(icon), tooltip }, answer);
  box.buttons = [...backButton(question), ...extras.keys()];
  return answered<string>(box, (done, fail) => {
    let turn = 0;
    const hint = async (value: string) => {
      turn += 1;
      const mine = turn;
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
      else box.validationMessage = { message: reason, severity: vscode.InputBoxValidationSeverity.Error };
    };
    box.onDidChangeValue(value => hint(value).catch(fail));
    box.onDidAccept(() => accept(box.value).catch(fail));
    box.onDidTriggerButton(button => done(extras.get(button) ?? back));
  });
}

export interface Choice<T> extends vscode.QuickPickItem {
  /** Absent for separators. */
  readonly answer?: T;
}

/** One entry of a list. */
export function choose<T>(
  place: Place & { readonly placeholder: string },
  items: readonly Choice<T>[],
): Promise<Answer<T>> {
  const pick = vscode.window.createQuickPick<Choice<T>>();
  Object.assign(pick, counted(place));
  pick.placeholder = place.placeholder;
  pick.matchOnDescription = true;
  pick.items = items;
  pick.buttons = backButton(place);
  return answered<T>(pick, done => {
    pick.onDidAccept(() => {
      const answer = pick.selectedItems[0]?.answer;
      if (answer !== undefined) done(answer);
    });
    pick.onDidTriggerButton(() => done(back));
  });
}

/** Any number of entries, at least one. */
export function chooseMany<T>(
  place: Place & { readonly placeholder: string },
  items: readonly Choice<T>[],
): Promise<Answer<readonly T[]>> {
  const pick = vscode.window.createQuickPick<Choice<T>>();
  Object.assign(pick, counted(place));
  pick.placeholder = place.placeholder;
  pick.canSelectMany = true;
  pick.items = items;
  pick.selectedItems = items.filter(item => item.picked);
  pick.buttons = backButton(place);
  return answered<readonly T[]>(pick, done => {
    pick.onDidAccept(() => {
      const answers = pick.selectedItems.flatMap(item => (item.answer === undefined ? [] : [item.answer]));
      if (answers.length > 0) done(answers);
    });
    pick.onDidTriggerButton(() => done(back));
  });
}

function counted(place: Place) {
  return { title: place.title, step: place.step, totalSteps: place.totalSteps, ignoreFocusOut: true };
}

function backButton({ step }: Place): vscode.QuickInputButton[] {
  return step !== undefined && step > 1 ? [vscode.QuickInputButtons.Back] : [];
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
