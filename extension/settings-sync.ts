// Carries out what settings-plan.ts decides: reads both sides, asks the daemon, writes the editor's settings, and says why a value went back.
// One round at a time; a change that comes meanwhile has a round of its own.

import * as vscode from 'vscode';
import { getSettings, setSchedule, setSettings, status as statusRequest } from '../protocol/messages.ts';
import { explain } from './explain.ts';
import { asWireError } from './link.ts';
import type { Part } from './parts.ts';
import { daemonValue, editorValues, mirrored, planSync, type Value, type Values } from './settings-plan.ts';
import type { Shell } from './shell.ts';
import type { Known } from './views.ts';

/** What both sides last agreed on, in the editor's memory. */
const memoryKey = 'settings.agreed';
/** A status comes with each change; several at once are one round. */
const soonMs = 150;

export const settingsInStep: Part = shell => {
  const sync = new SettingsSync(shell);
  return vscode.Disposable.from(
    shell.onDidChange(known => sync.heard(known)),
    vscode.workspace.onDidChangeConfiguration(change => {
      if (change.affectsConfiguration('signet')) sync.soon();
    }),
    vscode.window.onDidChangeWindowState(({ focused }) => {
      if (focused) sync.soon();
    }),
    sync,
  );
};

class SettingsSync {
  readonly #shell: Shell;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /** What a job reports changes no setting. */
  heard(known: Known): void {
    if (known.kind === 'connected' && known.status.job === null) this.soon();
  }

  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#turn = this.#turn
        .then(() => this.#round())
        .catch(error => this.#shell.log.warn(`settings: ${asWireError(error).code}`)); // the next change tries again
    }, soonMs);
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }

  async #round(): Promise<void> {
    const known = this.#shell.known();
    if (known.kind !== 'connected' || known.status.vault === 'absent') return; // nothing is chosen yet
    const { memory, link } = this.#shell;
    const isLooked = vscode.window.state.focused;
    const editor = inEditor();
    const daemon = editorValues((await link.request(statusRequest, {})).schedule, await link.request(getSettings));
    const agreed = memory.get<Values>(memoryKey, {});
    const plan = planSync({ editor, daemon, agreed, isLooked });
    if (JSON.stringify(plan.agreed) !== JSON.stringify(agreed)) await memory.update(memoryKey, plan.agreed);
    for (const [key, value] of Object.entries(plan.toEditor)) await writeToEditor(key, value);
    const isAsked = await this.#ask(plan.toDaemon, daemon);
    // What one choice brings along is shown as well: "never" switches off the backups on change.
    if (isAsked) this.soon();
  }

  /** One at a time, so that a refusal concerns one. Answers whether anything was asked. */
  async #ask(wanted: Readonly<Record<string, Value>>, held: Values): Promise<boolean> {
    const { link } = this.#shell;
    for (const [key, value] of Object.entries(wanted)) {
      const { of, name } = mirrored[key] ?? { of: 'settings', name: key };
      const values = { [name]: daemonValue(key, value) };
      try {
        if (of === 'schedule') await link.request(setSchedule, values);
        else await link.request(setSettings, { values });
      } catch (error) {
        const before = held[key];
        if (before !== undefined) await writeToEditor(key, before);
        tellRefused(key, explain(asWireError(error)));
      }
    }
    return Object.keys(wanted).length > 0;
  }
}

/** Everything that is mirrored, as it holds in the editor: set, or by default. */
function inEditor(): Readonly<Record<string, unknown>> {
  const settings = vscode.workspace.getConfiguration('signet');
  return Object.fromEntries(Object.keys(mirrored).map(key => [key, settings.get<unknown>(key)]));
}

/** The default is no entry in the file. */
async function writeToEditor(key: string, value: Value): Promise<void> {
  const settings = vscode.workspace.getConfiguration('signet');
  if (settings.get<unknown>(key) === value) return;
  const isDefault = settings.inspect(key)?.defaultValue === value;
  await settings.update(key, isDefault ? undefined : value, vscode.ConfigurationTarget.Global);
}

function tellRefused(key: string, reason: string): void {
  const show = vscode.l10n.t('Open Settings');
  const text = vscode.l10n.t('A setting was put back as it was: {reason}', { reason });
  vscode.window.showWarningMessage(text, show).then(answer => {
    if (answer === show) vscode.commands.executeCommand('signet.openSettings', key);
  });
}
