// The extension: one status bar item, a side bar, and the commands. It shows what the daemon says and asks what the daemon needs to
// know; it holds no key, no password and no state of its own. The line to the daemon is loaded after the item shows.

import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { commands, type Run } from './commands.ts';
import { explain } from './explain.ts';
import { Glance } from './glance.ts';
import type { DaemonCommand } from './link.ts';
import { mounts, parts } from './parts.ts';
import { reader } from './reader.ts';
import type { Shell } from './shell.ts';
import type { Known } from './views.ts';

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Signet', { log: true });
  const glance = new Glance(reader);
  const changed = new vscode.EventEmitter<Known>();
  let known: Known = { kind: 'starting' };
  const learn = (next: Known) => {
    known = next;
    glance.show(known);
    if (next.kind === 'connected' && context.globalState.get('stopped') === true) {
      context.globalState.update('stopped', undefined); // somebody started it, here or elsewhere
    }
    changed.fire(known);
  };

  // Loading the language client takes longer than all the rest: it comes after the item is there and others had their turn.
  const shell: Promise<Shell> = new Promise(done => setTimeout(done))
    .then(() => import('./link.ts'))
    .then(({ Link }) => ({
      link: new Link({ daemon: () => daemonCommand(context), log, onChange: learn, window: vscode.window }),
      log,
      extension: context.extensionUri,
      memory: context.globalState,
      reader,
      known: () => known,
      onDidChange: changed.event,
    }));
  const tell = (error: unknown) => log.error(error instanceof Error ? error : String(error));
  shell
    .then(async given => {
      const connecting = given.link.connect({ start: given.memory.get('stopped') !== true });
      // One part that fails takes no other along.
      for (const part of parts) await Promise.resolve(part(given)).then(it => context.subscriptions.push(it), tell);
      await connecting;
    })
    .catch(tell);
  context.subscriptions.push(...mounts.map(mount => mount(shell)));
  const registered = Object.entries(commands).map(([id, run]) =>
    vscode.commands.registerCommand(id, (...given) => carryOut(shell, id, run, given)),
  );
  context.subscriptions.push(log, glance, changed, ...registered, {
    dispose: () => {
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

/** What the person set, else the one that came with the extension. */
function daemonCommand(context: vscode.ExtensionContext): DaemonCommand {
  const settings = vscode.workspace.getConfiguration('signet');
  return {
    entry: settings.get<string>('backgroundPartPath') || join(context.extensionPath, 'daemon', 'main.mjs'),
    runtime: async () => {
      const { nodeForDaemon } = await import('./user-node.ts');
      return nodeForDaemon(settings.get<string>('nodePath') || process.env['SIGNET_NODE'] || undefined, homedir());
    },
  };
}
