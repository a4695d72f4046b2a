// The Status panel in the editor: one page that is used again. It shows what the daemon says and passes on what a person asks for, from a
// closed list; while it is hidden its page is gone and nothing is asked or sent.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import {
  changeSource,
  discoverSources,
  getSettings,
  history,
  historyDays,
  setSchedule,
  showRemote,
  status as statusRequest,
} from '../../protocol/messages.ts';
import type { MediaClass } from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Command, Shell } from '../shell.ts';
import { tabIcon } from '../tab-icon.ts';
import { historyDayCount } from './history.ts';
import { type Asked, panelModel } from './model.ts';
import { pageMarkup } from './page-markup.ts';
import { type Control, type Intent, readFromPage, type ToPage } from './panel-model.ts';

/** More runs than the chart has bars, since not every run stores something. */
const runCount = 100;
const minuteMs = 60_000;

export interface StatusPanel extends vscode.Disposable {
  /** Brings it to the front; makes it when there is none. @param alarm id of the one to tell of, where several stand */
  show(alarm?: string): void;
}

/** One panel for each shell, made when it is first asked for. */
const panels = new WeakMap<Shell, StatusPanel>();

export const openStatus: Command<readonly [], boolean> = async shell => {
  panelOf(shell).show();
  return true;
};

export function panelOf(shell: Shell): StatusPanel {
  const panel = panels.get(shell) ?? statusPanel(shell);
  panels.set(shell, panel);
  return panel;
}

function statusPanel(shell: Shell): StatusPanel {
  let shown: ShownPanel | undefined;
  return {
    show(alarm) {
      if (shown === undefined) {
        shown = new ShownPanel(shell, () => {
          shown = undefined;
        });
      } else shown.reveal();
      if (alarm !== undefined) shown.tellOf(alarm);
    },
    dispose: () => shown?.dispose(),
  };
}

class ShownPanel {
  readonly #shell: Shell;
  readonly #panel: vscode.WebviewPanel;
  readonly #known: vscode.Disposable;
  #clock: NodeJS.Timeout | undefined;
  #asked: Asked = {};
  /** The newest run that the history was asked after; undefined: it has to be asked for. */
  #askedAfter: string | undefined;
  #asking = false;
  #isClosed = false;

  constructor(shell: Shell, onClosed: () => void) {
    this.#shell = shell;
    const folder = vscode.Uri.joinPath(shell.extension, 'panel');
    this.#panel = vscode.window.createWebviewPanel('signet.panel', 'Signet', vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [folder],
    });
    this.#panel.iconPath = tabIcon(shell.extension);
    const { webview } = this.#panel;
    webview.onDidReceiveMessage((message: unknown) => this.#receive(message));
    webview.html = pageHtml(webview, folder, shell.reader().locale.locale ?? 'en');
    this.#known = shell.onDidChange(() => this.#draw());
    this.#panel.onDidChangeViewState(() => this.#keepTime());
    this.#panel.onDidDispose(() => {
      this.#isClosed = true;
      this.#known.dispose();
      clearInterval(this.#clock);
      onClosed();
    });
    this.#keepTime();
  }

  reveal(): void {
    this.#panel.reveal();
  }

  tellOf(alarm: string): void {
    this.#asked = { ...this.#asked, alarm };
    this.#draw();
  }

  dispose(): void {
    this.#panel.dispose();
  }

  /** "5 minutes ago" grows old while someone looks. */
  #keepTime(): void {
    clearInterval(this.#clock);
    this.#clock = this.#panel.visible ? setInterval(() => this.#draw(), minuteMs) : undefined;
  }

  #draw(): void {
    // An answer may come after the panel was closed, which then can no longer be asked whether it is visible.
    if (this.#isClosed || !this.#panel.visible) return;
    const { known, reader } = this.#shell;
    const message: ToPage = { model: panelModel(known(), this.#asked, reader()) };
    // A page that goes away meanwhile says it is ready when it comes back.
    this.#panel.webview.postMessage(message);
    this.#ask();
  }

  /** What is not in the status: once, and anew when a backup has ended. */
  #ask(): void {
    const known = this.#shell.known();
    if (known.kind !== 'connected' || this.#asking) return;
    const { vault, job, lastBackup, lastGoodAt, lastError } = known.status;
    const newest = [vault, lastBackup?.at, lastGoodAt, lastError?.at].join(' ');
    if (newest === this.#askedAfter || (job !== null && this.#askedAfter !== undefined)) return;
    this.#asking = true;
    this.#askedAfter = newest;
    this.#answers(vault === 'absent').then(answers => {
      this.#asking = false;
      this.#asked = { ...this.#asked, ...answers };
      this.#draw();
    });
  }

  async #answers(isEmpty: boolean): Promise<Asked> {
    if (isEmpty) {
      const found = await this.#tried(() => this.#shell.link.request(discoverSources));
      return found === undefined ? {} : { found: found.filter(({ isAdded }) => !isAdded) };
    }
    const { link } = this.#shell;
    const [days, runs, remote, settings] = await Promise.all([
      this.#tried(() => link.request(historyDays, { days: historyDayCount })),
      this.#tried(() => link.request(history, { limit: runCount })),
      this.#tried(() => link.request(showRemote)),
      this.#tried(() => link.request(getSettings)),
    ]);
    const quietMs = settings?.['quietMs'];
    return {
      ...(days !== undefined && { days: days.days }),
      ...(runs !== undefined && { runs: runs.runs }),
      ...(remote !== undefined && { places: remote.places }),
      ...(typeof quietMs === 'number' && { quietMs }),
    };
  }

  /** What cannot be had is shown as not known; the state tells if more is wrong. */
  async #tried<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      this.#shell.log.warn(`status panel: ${asWireError(error).code}`);
      return undefined;
    }
  }

  async #receive(message: unknown): Promise<void> {
    const read = readFromPage(message);
    if (read === undefined) return;
    if (read.kind === 'ready') return this.#draw();
    await this.#carryOut(read.intent);
  }

  async #carryOut(intent: Intent): Promise<void> {
    const { link } = this.#shell;
    switch (intent.do) {
      case 'run':
        await vscode.commands.executeCommand(intent.command);
        return;
      case 'unlockWithKey':
        await vscode.commands.executeCommand('signet.unlock', { with: 'recoveryKey' });
        return;
      case 'check':
        await this.#orTell(() => link.request(statusRequest, { check: true }));
        return;
      case 'accept':
        await vscode.commands.executeCommand('signet.source.accept', { source: intent.source });
        return;
      case 'decide':
        await vscode.commands.executeCommand('signet.alarm.decide', { alarm: intent.alarm, decision: intent.decision });
        return;
      case 'snapshot':
        await vscode.commands.executeCommand(`signet.snapshot.${intent.act}`, { snapshot: intent.snapshot });
        return;
      case 'schedule':
        await this.#set('schedule', () => link.request(setSchedule, { kind: intent.kind }));
        return;
      case 'onChange':
        await this.#set('onChange', () => link.request(setSchedule, { onChange: intent.isOn }));
        return;
      case 'videos':
        await this.#set('videos', () => this.#includeVideos(intent.isOn));
        return;
    }
  }

  /** The control shows what the daemon has: the answer, or what it was and why it stayed. */
  async #set(control: Control, ask: () => Promise<unknown>): Promise<void> {
    const { failed: _before, ...asked } = this.#asked;
    this.#asked = asked;
    try {
      await ask();
    } catch (error) {
      this.#asked = { ...asked, failed: { control, reason: explain(asWireError(error)) } };
    }
    this.#draw();
  }

  async #orTell(ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      const wire = asWireError(error);
      this.#shell.log.error(`status panel: ${wire.code}`);
      // Not waited for: what was asked for has ended, whenever its notice is closed.
      vscode.window.showErrorMessage(explain(wire));
    }
  }

  async #includeVideos(isOn: boolean): Promise<void> {
    const known = this.#shell.known();
    if (known.kind !== 'connected') return;
    for (const { id, leaveOut = [] } of known.status.sources) {
      if (leaveOut.includes('video') !== isOn) continue;
      const kept: readonly MediaClass[] = leaveOut.filter(each => each !== 'video');
      await this.#shell.link.request(changeSource, { id, leaveOut: isOn ? kept : [...kept, 'video'] });
    }
  }
}

/** Nothing is loaded but the panel's own script and style, and nothing is sent anywhere. */
function pageHtml(webview: vscode.Webview, folder: vscode.Uri, language: string): string {
  const nonce = randomBytes(16).toString('base64');
  const uri = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(folder, name)).toString();
  return pageMarkup({ language, nonce, style: uri('panel.css'), script: uri('page.js') });
}
