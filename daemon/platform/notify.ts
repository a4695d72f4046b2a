// A notice on the desktop by the tool that the platform brings along. The text is data to it and never part of a command; a computer without
// such a tool, or without a desktop, shows nothing, which is no failure.

import { execFile } from 'node:child_process';

const title = 'Signet';
const longestText = 240;
const toolMs = 10_000;

export interface NoticeTool {
  readonly program: string;
  readonly words: readonly string[];
  /** Added to the environment: how text reaches a program that would take its words for code. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The call that shows the text; undefined on platforms without a tool. */
export function noticeTool(platform: NodeJS.Platform, text: string): NoticeTool | undefined {
  const body = plain(text);
  switch (platform) {
    case 'linux':
      // The body may be markup (Desktop Notifications Specification), so what would begin a tag is written as an entity.
      return {
        program: 'notify-send',
        words: ['--app-name=Signet', '--icon=security-high', '--', title, escapedMarkup(body)],
        environment: {},
      };
    case 'darwin':
      // The script is fixed; the text comes as its argument.
      return {
        program: '/usr/bin/osascript',
        words: [
          ...['-e', 'on run argv'],
          ...['-e', 'display notification (item 1 of argv) with title (item 2 of argv)'],
          ...['-e', 'end run', '--', body, title],
        ],
        environment: {},
      };
    case 'win32':
      return {
        program: 'powershell.exe',
        words: ['-NoProfile', '-NonInteractive', '-WindowStyle', 'Hidden', '-Command', toastScript],
        environment: { SIGNET_NOTICE: body },
      };
    default:
      return undefined;
  }
}

/** A toast of PowerShell's own application, which every Windows has; the text comes by the environment and is set as a text node. */
const toastScript = [
  "$ErrorActionPreference = 'Stop'",
  '[void][Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]',
  '$kind = [Windows.UI.Notifications.ToastTemplateType]::ToastText02',
  '$xml = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent($kind)',
  "$lines = $xml.GetElementsByTagName('text')",
  `[void]$lines.Item(0).AppendChild($xml.CreateTextNode('${title}'))`,
  '[void]$lines.Item(1).AppendChild($xml.CreateTextNode($env:SIGNET_NOTICE))',
  "$app = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\WindowsPowerShell\\v1.0\\powershell.exe'",
  '$toast = New-Object Windows.UI.Notifications.ToastNotification $xml',
  '[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($app).Show($toast)',
].join('; ');

/** Whether the text was handed to the desktop. Never throws. */
export function showNotice(
  text: string,
  { platform, env }: { readonly platform: NodeJS.Platform; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<boolean> {
  const tool = noticeTool(platform, text);
  if (tool === undefined) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const options = { env: { ...env, ...tool.environment } as NodeJS.ProcessEnv, timeout: toolMs, windowsHide: true };
  execFile(tool.program, [...tool.words], options, error => resolve(error === null));
  return promise;
}

/** One line without characters that act, cut at a character. */
function plain(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g, ' ')
    .trim();
  const characters = [...line];
  return characters.length <= longestText ? line : `${characters.slice(0, longestText - 1).join('')}…`;
}

function escapedMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
