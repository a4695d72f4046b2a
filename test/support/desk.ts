// A person's desk: a computer with chats on it, a keyring if there is one, and a real editor in which Signet was installed from its package
// alone. The command line beside it is the one of that package, too: nothing here runs from the sources.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { productVersion } from '../../protocol/version.ts';
import { packageExtension } from '../../scripts/lib/package.ts';
import { extensionHost, startCodeServer } from './code-server.ts';
import { type Installation, installation } from './installation.ts';
import { temporaryFolder } from './temporary-home.ts';
import { Workbench } from './workbench.ts';

/** Waits of a person at a desk, shortened. */
const quick = {
  deviceLabel: 'Test computer',
  watch: 'chokidar',
  quietMs: 300,
  longestWaitMs: 3000,
  smallestIntervalMs: 0,
};

export interface Desk {
  /** The command line on the same computer. */
  readonly signet: Installation;
  readonly workbench: Workbench;
  /** The HOME of the editor: what it proposes for restored files lies there. */
  readonly home: string;
  /** Where the editor unpacked the extension. */
  readonly installed: string;
  /** Takes a picture when SIGNET_SCREENS names a folder for them. */
  readonly picture: (name: string) => Promise<void>;
  /** One more window of the same editor. */
  openWindow(): Promise<Workbench>;
  /** What the extension wrote to its log in all windows. */
  log(): string;
  /** What the editor wrote to the logs of the processes that run extensions. */
  hostLog(): string;
  /** Of the process that runs the extensions of the newest window. Linux only. */
  hostPid(): number;
}

export interface DeskOptions {
  /** Of the editor and all that it starts. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Keys of settings.json. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Settings of the editor. */
  readonly editorSettings?: Readonly<Record<string, unknown>>;
}

export async function desk(t: ExecutionContext, options: DeskOptions = {}): Promise<Desk> {
  const folder = await temporaryFolder(t);
  const home = join(folder, 'person');
  mkdirSync(home, { mode: 0o700 });
  const { vsix } = await packageExtension(join(folder, 'dist'));
  const extensions = join(home, 'editor', 'extensions');
  // Named before it is there: the command line is first run after the editor has unpacked it.
  const installed = join(extensions, `signet.signet-${productVersion}`);
  const signet = await installation(t, {
    cli: join(installed, 'daemon', 'cli.mjs'),
    settings: { ...quick, ...options.settings },
    environment: { HOME: home, ...options.environment },
  });
  const editor = await startCodeServer({
    home,
    vsix,
    env: { ...options.environment, SIGNET_HOME: signet.home },
    ...(options.editorSettings === undefined ? {} : { settings: options.editorSettings }),
  });
  t.teardown(() => editor.stop());
  const workbench = await Workbench.open(editor.url);
  t.teardown(() => workbench.close());
  const picture = pictures(workbench);
  t.teardown(() => picture('end'));
  t.deepEqual(
    readdirSync(extensions).filter(name => name.startsWith('signet.')),
    [basename(installed)],
  );
  return {
    signet,
    workbench,
    home,
    installed,
    picture,
    async openWindow() {
      const other = await Workbench.open(editor.url);
      t.teardown(() => other.close());
      return other;
    },
    log: () => logs(home, /Signet\.log$/),
    hostLog: () => logs(home, /exthost\.log$/),
    hostPid: () => extensionHost(editor.pid),
  };
}

function logs(home: string, named: RegExp): string {
  const folder = join(home, 'editor', 'data', 'logs');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => named.test(name))
    .map(name => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}

function pictures(workbench: Workbench): (name: string) => Promise<void> {
  const folder = process.env['SIGNET_SCREENS'];
  let taken = 0;
  return async name => {
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    taken += 1;
    await workbench.page.screenshot({ path: join(folder, `${String(taken).padStart(2, '0')}-${name}.png`) });
  };
}

/** Relative path → bytes of every file below a folder. */
export function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  const entries = files.map(entry => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(folder.length), readFileSync(path, 'base64')] as const;
  });
  return Object.fromEntries(entries.sort());
}
