// What each platform's manager is told to start the daemon at login, as text: the same order for systemd, the desktop, launchd and the Task
// Scheduler, each with its own quoting. Pure; a path that a form cannot hold is refused, never quietly changed.

import { SignetError } from '../base/errors.ts';

/** What is started. */
export interface ServiceOrder {
  /** Absolute path of a runtime, its flags, and the daemon's file. */
  readonly program: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** By this an entry is known as ours. */
export const mark = 'Written by Signet; `signet daemon uninstall` removes it.';
/**
 * A unit of the user's systemd (systemd.service(5), systemd.exec(5)). Restarted after a crash, not when a restart cannot help: wrong settings
 * (2), a runtime that does not do (18). A daemon that finds its home served ends with 0.
 */
export function systemdUnit({ program, environment }: ServiceOrder): string {
  const [runtime = '', ...rest] = program;
  if (/["'\\]/.test(runtime)) throw unusable('systemd runs no program whose path holds a quote or a backslash');
  const command = [systemdQuoted(runtime), ...rest.map(word => systemdQuoted(word).replaceAll('$', '$$$$'))];
  return lines([
    `# ${mark}`,
    '[Unit]',
    'Description=Signet: sealed backups of the chats on this computer',
    'StartLimitIntervalSec=600',
    'StartLimitBurst=5',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${command.join(' ')}`,
    ...Object.entries(environment).map(([name, value]) => `Environment=${systemdQuoted(`${name}=${value}`)}`),
    'Restart=on-failure',
    'RestartSec=30',
    'RestartPreventExitStatus=2 18',
    'KillMode=mixed',
    'TimeoutStopSec=30',
    'LimitCORE=0',
    'UMask=0077',
    'NoNewPrivileges=yes',
    '',
    '[Install]',
    'WantedBy=default.target',
  ]);
}

/** systemd.syntax(7), "Quoting": C escapes between double quotes; `%` begins a specifier. */
function systemdQuoted(word: string): string {
  return `"${oneLine(word).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}

/** For desktops without a systemd of the user (Desktop Application Autostart Specification). Without limits and without a restart. */
export function desktopEntry({ program, environment }: ServiceOrder): string {
  // Node would write its cache before our first line sets the umask.
  const { NODE_COMPILE_CACHE: _early, ...rest } = environment;
  const command = ['/usr/bin/env', ...Object.entries(rest).map(([name, value]) => `${name}=${value}`), ...program];
  return lines([
    '[Desktop Entry]',
    `# ${mark}`,
    'Type=Application',
    'Name=Signet',
    'Comment=Sealed backups of the chats on this computer',
    `Exec=${command.map(desktopQuoted).join(' ')}`,
    'Terminal=false',
    'NoDisplay=true',
    'X-GNOME-Autostart-enabled=true',
  ]);
}

/** Desktop Entry Specification, "The Exec key": quoted first, and then escaped as every string is. */
function desktopQuoted(word: string): string {
  const quoted = `"${oneLine(word)
    .replace(/["`$\\]/g, '\\$&')
    .replaceAll('%', '%%')}"`;
  return quoted.replaceAll('\\', '\\\\');
}

/** A LaunchAgent (launchd.plist(5)): started at login, again after a failure and not more than once a minute. */
export function launchAgent(label: string, { program, environment }: ServiceOrder): string {
  const text = (value: string) => `<string>${xmlText(value)}</string>`;
  return lines([
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- ${mark} -->`,
    '<plist version="1.0">',
    '<dict>',
    '  <key>Label</key>',
    `  ${text(label)}`,
    '  <key>ProgramArguments</key>',
    '  <array>',
    ...program.map(word => `    ${text(word)}`),
    '  </array>',
    '  <key>EnvironmentVariables</key>',
    '  <dict>',
    ...Object.entries(environment).flatMap(([name, value]) => [
      `    <key>${xmlText(name)}</key>`,
      `    ${text(value)}`,
    ]),
    '  </dict>',
    '  <key>RunAtLoad</key>',
    '  <true/>',
    '  <key>KeepAlive</key>',
    '  <dict>',
    '    <key>SuccessfulExit</key>',
    '    <false/>',
    '  </dict>',
    '  <key>ThrottleInterval</key>',
    '  <integer>60</integer>',
    '  <key>ProcessType</key>',
    '  <string>Background</string>',
    '  <key>Umask</key>',
    `  <integer>${0o077}</integer>`,
    '  <key>HardResourceLimits</key>',
    '  <dict>',
    '    <key>Core</key>',
    '    <integer>0</integer>',
    '  </dict>',
    '  <key>ExitTimeOut</key>',
    '  <integer>30</integer>',
    '</dict>',
    '</plist>',
  ]);
}

/**
 * A task of the Task Scheduler (schema 1.2): at the log-on of this user, with no more rights than the user has, on battery too, without an
 * end. conhost gives the console program no window. A task has no environment: what is needed is set by a module before the daemon's.
 */
export function logonTask(user: string, systemRoot: string, order: ServiceOrder): string {
  return [
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
    '  <RegistrationInfo>',
    `    <Description>Sealed backups of the chats on this computer. ${mark}</Description>`,
    '  </RegistrationInfo>',
    '  <Triggers>',
    '    <LogonTrigger>',
    '      <Enabled>true</Enabled>',
    `      <UserId>${xmlText(user)}</UserId>`,
    '    </LogonTrigger>',
    '  </Triggers>',
    '  <Principals>',
    '    <Principal id="Author">',
    `      <UserId>${xmlText(user)}</UserId>`,
    '      <LogonType>InteractiveToken</LogonType>',
    '      <RunLevel>LeastPrivilege</RunLevel>',
    '    </Principal>',
    '  </Principals>',
    '  <Settings>',
    '    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>',
    '    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>',
    '    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>',
    '    <AllowHardTerminate>true</AllowHardTerminate>',
    '    <StartWhenAvailable>true</StartWhenAvailable>',
    '    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>',
    '    <Enabled>true</Enabled>',
    '    <Hidden>true</Hidden>',
    '    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>',
    '    <Priority>7</Priority>',
    '    <RestartOnFailure>',
    '      <Interval>PT1M</Interval>',
    '      <Count>5</Count>',
    '    </RestartOnFailure>',
    '  </Settings>',
    '  <Actions Context="Author">',
    '    <Exec>',
    `      <Command>${xmlText(`${systemRoot}\\System32\\conhost.exe`)}</Command>`,
    `      <Arguments>${xmlText(taskWords(order))}</Arguments>`,
    '    </Exec>',
    '  </Actions>',
    '</Task>',
    '',
  ].join('\r\n');
}

/** The words behind conhost, as one text, not yet escaped for XML. */
export function taskWords({ program, environment }: ServiceOrder): string {
  const [runtime = '', ...rest] = program;
  const wanted = Object.entries(environment).filter(([name]) => name.startsWith('SIGNET_'));
  const sets = wanted.map(([name, value]) => `process.env[${JSON.stringify(name)}]=${JSON.stringify(value)};`).join('');
  // Percent signs of the encoding are followed by two digits, so they name no variable that the scheduler would fill in.
  const module = sets === '' ? [] : [`--import=data:text/javascript,${strictlyEncoded(sets)}`];
  return ['--headless', runtime, ...module, ...rest].map(windowsQuoted).join(' ');
}

/** As CommandLineToArgvW splits it: backslashes count double only before a quote. */
function windowsQuoted(word: string): string {
  if (/^[A-Za-z0-9_./:\\-]+$/.test(word)) return word;
  return `"${oneLine(word)
    .replace(/(\\*)"/g, '$1$1\\"')
    .replace(/(\\+)$/, '$1$1')}"`;
}

function strictlyEncoded(text: string): string {
  return encodeURIComponent(text).replace(/['()*!]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function xmlText(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return oneLine(text).replace(/[&<>"]/g, character => entities[character] ?? character);
}

/** No form above can hold a line break in a path; none is quietly changed. */
function oneLine(text: string): string {
  if (/[\u0000-\u001f\u007f]/.test(text)) throw unusable('a path holds a line break or another control character');
  return text;
}

function unusable(detail: string): SignetError {
  return new SignetError('E_USAGE', `${detail}, so nothing can be started at login`, {
    params: { detail, advice: 'move Signet or its Node to another folder' },
  });
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
