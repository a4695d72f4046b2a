// Opens a page in the person's own browser, by the program that each system has for it. Nothing but web pages is opened, and nothing goes
// through a shell.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Opener {
  readonly program: string;
  readonly args: readonly string[];
}

/** Whether it is a page of the web, or one that this computer itself serves. */
export function isWebPage(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/.test(hostname))
  );
}

/** What opens the page here; undefined where there is no screen. */
export function openerFor(
  url: string,
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): Opener | undefined {
  if (!isWebPage(url)) return undefined;
  if (platform === 'darwin') return { program: 'open', args: [url] };
  // `start` belongs to the shell, which takes the & of an address for its own.
  if (platform === 'win32') return { program: 'rundll32.exe', args: ['url.dll,FileProtocolHandler', url] };
  if (env['DISPLAY'] || env['WAYLAND_DISPLAY']) return { program: 'xdg-open', args: [url] };
  // An editor that is connected from afar sets it, and brings the redirect back, too.
  const browser = env['BROWSER'] ?? '';
  return /^\/[^:%]+$/.test(browser) ? { program: browser, args: [url] } : undefined;
}

/** Whether a browser was started. */
export async function openPage(opener: Opener): Promise<boolean> {
  const child = spawn(opener.program, opener.args, { stdio: 'ignore', detached: true });
  child.unref();
  try {
    await once(child, 'spawn');
    child.on('error', () => undefined); // it runs on its own from here
    return true;
  } catch {
    return false; // no such program: the address is shown in any case
  }
}

/** Whether the terminal is on another computer than its browser. */
export function isRemoteSession(env: Readonly<Record<string, string | undefined>>): boolean {
  return ['SSH_CONNECTION', 'SSH_TTY', 'CODESPACES'].some(name => (env[name] ?? '') !== '');
}
