// The extension: one status bar item, a side bar, and the commands. It shows what the daemon says and asks what the daemon needs to
// know; it holds no key, no password and no state of its own. The line to the daemon is loaded after the item shows.

import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { commands, type Run } from './commands.ts';
import { explain } from './explain.ts';
import type { DaemonCommand } from './link.ts';
import { parts } from './parts.ts';
import type { Shell } from './shell.ts';
import { StatusItem } from './status-item.ts';
import { StatusTree } from './status-tree.ts';
import { type Known, type Reader, stateOf, statusBar, statusRows } from './views.ts';

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Signet', { log: true });
  const item = new StatusItem();
  const rows = new StatusTree();
  const view = vscode.window.createTreeView('signet.status', { treeDataProvider: rows });
  const changed = new vscode.EventEmitter<Known>();
  let known: Known = { kind: 'starting' };

  const draw = () => {
    const shown = statusBar(known, reader());
    const [sentence = ''] = shown.tooltip;
    item.show(shown);
    rows.show(statusRows(known, reader()));
    const state = stateOf(known, reader());
    view.badge =
      state === 'alarm' || state === 'overdue' || state === 'needs you' ? { value: 1, tooltip: sentence } : undefined;
    setContext(known, state);
  };
  const learn = (next: Known) => {
    known = next;
    draw();
    if (next.kind === 'connected' && context.globalState.get('stopped') === true) {
      context.globalState.update('stopped', undefined); // somebody started it, here or elsewhere
    }
    changed.fire(known);
  };
  draw();

  // Loading the language client takes longer than all the rest: it comes after the item is there.
  const shell: Promise<Shell> = import('./link.ts').then(({ Link }) => ({
    link: new Link({ daemon: () => daemonCommand(context), log, onChange: learn, window: vscode.window }),
    log,
    extension: context.extensionUri,
    memory: context.globalState,
    reader,
    known: () => known,
    onDidChange: changed.event,
  }));
  shell.then(
    async given => {
      for (const part of parts) context.subscriptions.push(await part(given));
      await given.link.connect({ start: given.memory.get('stopped') !== true });
    },
    (error: unknown) => log.error(error instanceof Error ? error : String(error)),
  );
  // "5 minutes ago" grows old while nothing else happens.
  const clock = setInterval(draw, 60_000);

  const registered = Object.entries(commands).map(([id, run]) =>
    vscode.commands.registerCommand(id, (...given) => carryOut(shell, id, run, given)),
  );
  context.subscriptions.push(log, item, view, rows, changed, ...registered, {
    dispose: () => {
      clearInterval(clock);
      shell.then(({ link }) => link.dispose()).catch(() => {}); // the window closes; the daemon notices by itself
    },
  });
}

/** The one place where an error becomes words: what a person cancelled needs none. */
async function carryOut(shell: Promise<Shell>, id: string, run: Run, given: readonly unknown[]): Promise<unknown> {
  const known = await shell;
  try {
    return await run(known, ...given);
  } catch (error) {
    const { asWireError } = await import('./link.ts');
    const wire = asWireError(error);
    if (wire.code === 'E_CANCELLED') return undefined;
    known.log.error(`${id}: ${wire.code}`);
    const showLog = vscode.l10n.t('Show Log');
    // Not waited for: the command has ended, whenever its notice is closed.
    vscode.window.showErrorMessage(explain(wire), showLog).then(answer => {
      if (answer === showLog) known.log.show();
    });
    return undefined;
  }
}

function reader(): Reader {
  const translate = (text: string, values: Readonly<Record<string, string | number>>) => vscode.l10n.t(text, values);
  return { now: Date.now(), locale: { locale: vscode.env.language, translate } };
}

/** What the person set, else the one that came with the extension. */
function daemonCommand(context: vscode.ExtensionContext): DaemonCommand {
  const settings = vscode.workspace.getConfiguration('signet');
  return {
    entry: settings.get<string>('daemonPath') || join(context.extensionPath, 'daemon', 'main.mjs'),
    runtime: async () => {
      const { nodeForDaemon } = await import('./user-node.ts');
      return nodeForDaemon(settings.get<string>('nodePath') || process.env['SIGNET_NODE'] || undefined, homedir());
    },
  };
}

function setContext(known: Known, state: ReturnType<typeof stateOf>): void {
  const vault = known.kind === 'connected' ? known.status.vault : 'absent';
  const facts = {
    state,
    locked: vault === 'locked',
    unlocked: vault === 'unlocked',
    canBackUp: vault === 'unlocked' && known.kind === 'connected' && known.status.job === null,
  };
  for (const [name, value] of Object.entries(facts))
    vscode.commands.executeCommand('setContext', `signet.${name}`, value);
}
