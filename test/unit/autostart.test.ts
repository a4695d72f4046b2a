import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import {
  type AutostartSurroundings,
  carriedEnvironment,
  findAutostart,
  installAutostart,
  renewAutostart,
  serviceName,
  uninstallAutostart,
} from '../../daemon/platform/autostart.ts';
import {
  desktopEntry,
  launchAgent,
  logonTask,
  type ServiceOrder,
  systemdUnit,
} from '../../daemon/platform/login-entries.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

/** With programs that Windows does not have. */
const posix = process.platform === 'win32' ? test.skip : test;

const plain: ServiceOrder = {
  program: ['/usr/bin/node', '--disable-sigusr1', '--no-warnings', '/opt/signet/daemon/main.mjs'],
  environment: { NODE_COMPILE_CACHE: '/home/kim/.cache/signet/compiled', MALLOC_ARENA_MAX: '2' },
};
/** Everything that one of the forms gives a meaning to. */
const awkward: ServiceOrder = {
  program: ['/opt/100% $HOME/node', '--no-warnings', `/home/kim & co/it's <mine> $x %h "q" \\n/main.mjs`],
  environment: { SIGNET_HOME: '/home/kim & co/$chats "100%"\\' },
};

test('a systemd unit', t => {
  t.is(
    systemdUnit(plain),
    `# Written by Signet; \`signet daemon uninstall\` removes it.
[Unit]
Description=Signet: sealed backups of the chats on this computer
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=exec
ExecStart="/usr/bin/node" "--disable-sigusr1" "--no-warnings" "/opt/signet/daemon/main.mjs"
Environment="NODE_COMPILE_CACHE=/home/kim/.cache/signet/compiled"
Environment="MALLOC_ARENA_MAX=2"
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=2 18
KillMode=mixed
TimeoutStopSec=30
LimitCORE=0
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`,
  );
});

test('a unit quotes blanks, quotes, backslashes, percent and dollar signs', t => {
  const unit = systemdUnit(awkward).split('\n');
  // The program's own path is not searched for variables, so its dollar sign stays single (systemd.service(5), "Command lines").
  t.true(
    unit.includes(
      String.raw`ExecStart="/opt/100%% $HOME/node" "--no-warnings" "/home/kim & co/it's <mine> $$x %%h \"q\" \\n/main.mjs"`,
    ),
    unit.join('\n'),
  );
  t.true(unit.includes(String.raw`Environment="SIGNET_HOME=/home/kim & co/$chats \"100%%\"\\"`), unit.join('\n'));
});

test('systemd accepts the unit, also with awkward paths', async t => {
  if (spawnSync('systemd-analyze', ['--version']).error !== undefined) {
    return skip(t, 'this machine has no systemd', 'other system');
  }
  const folder = await temporaryFolder(t);
  const odd = join(folder, 'a b%h $HOME "q" \\n');
  const runtime = join(folder, 'a b%h $HOME', 'node');
  mkdirSync(join(runtime, '..'));
  writeFileSync(runtime, '#!/bin/sh\n', { mode: 0o700 });
  const unit = join(folder, 'signet.service');
  writeFileSync(unit, systemdUnit({ program: [runtime, join(odd, 'main.mjs')], environment: { SIGNET_HOME: odd } }));
  const { status, stderr } = spawnSync('systemd-analyze', ['--user', 'verify', '--man=no', unit], {
    encoding: 'utf8',
    env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_CONFIG_HOME: folder },
  });
  t.is(status, 0, stderr);
  t.false(stderr.includes('signet.service'), stderr);

  writeFileSync(unit, systemdUnit({ program: [join(folder, 'nothing')], environment: {} }));
  const missing = spawnSync('systemd-analyze', ['--user', 'verify', '--man=no', unit], {
    encoding: 'utf8',
    env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_CONFIG_HOME: folder },
  });
  t.true(missing.stderr.includes('nothing'), 'a path that is not there is told, so the quoting was understood');
});

test('a desktop entry, quoted twice as its specification asks', t => {
  t.is(
    desktopEntry(plain),
    `[Desktop Entry]
# Written by Signet; \`signet daemon uninstall\` removes it.
Type=Application
Name=Signet
Comment=Sealed backups of the chats on this computer
Exec="/usr/bin/env" "MALLOC_ARENA_MAX=2" "/usr/bin/node" "--disable-sigusr1" "--no-warnings" "/opt/signet/daemon/main.mjs"
Terminal=false
NoDisplay=true
X-GNOME-Autostart-enabled=true
`,
  );
  t.true(
    desktopEntry(awkward).includes(
      String.raw`"/opt/100%% \\$HOME/node" "--no-warnings" "/home/kim & co/it's <mine> \\$x %%h \\"q\\" \\\\n/main.mjs"`,
    ),
    desktopEntry(awkward),
  );
});

test('a LaunchAgent', t => {
  t.is(
    launchAgent('signet.daemon', plain),
    `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by Signet; \`signet daemon uninstall\` removes it. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>signet.daemon</string>
  <key>ProgramArguments</key>
  <array>
    <string>/usr/bin/node</string>
    <string>--disable-sigusr1</string>
    <string>--no-warnings</string>
    <string>/opt/signet/daemon/main.mjs</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>NODE_COMPILE_CACHE</key>
    <string>/home/kim/.cache/signet/compiled</string>
    <key>MALLOC_ARENA_MAX</key>
    <string>2</string>
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>60</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>HardResourceLimits</key>
  <dict>
    <key>Core</key>
    <integer>0</integer>
  </dict>
  <key>ExitTimeOut</key>
  <integer>30</integer>
</dict>
</plist>
`,
  );
  t.true(
    launchAgent('x', awkward).includes(
      "<string>/home/kim &amp; co/it's &lt;mine&gt; $x %h &quot;q&quot; \\n/main.mjs</string>",
    ),
    'XML has its own signs',
  );
});

const winPlain: ServiceOrder = {
  program: ['C:\\Program Files\\nodejs\\node.exe', '--disable-sigusr1', 'C:\\Signet\\main.mjs'],
  environment: { MALLOC_ARENA_MAX: '2' },
};

test('a task at log-on: this user, least privilege, on battery too, without an end', t => {
  t.is(
    logonTask('NEST\\kim', 'C:\\Windows', winPlain),
    `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Sealed backups of the chats on this computer. Written by Signet; \`signet daemon uninstall\` removes it.</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>NEST\\kim</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>NEST\\kim</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <Enabled>true</Enabled>
    <Hidden>true</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>5</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>C:\\Windows\\System32\\conhost.exe</Command>
      <Arguments>--headless &quot;C:\\Program Files\\nodejs\\node.exe&quot; --disable-sigusr1 C:\\Signet\\main.mjs</Arguments>
    </Exec>
  </Actions>
</Task>
`.replaceAll('\n', '\r\n'),
  );
});

test('a task brings the home along, whatever signs its path holds', async t => {
  const home = 'C:\\new & "best" \'100%\'\\';
  const text = logonTask('kim', 'C:\\Windows', { ...winPlain, environment: { SIGNET_HOME: home } });
  const [, module = ''] = /(--import=[^\s&]+)/.exec(text) ?? [];
  t.regex(module, /^--import=data:text\/javascript,[A-Za-z0-9%._~*-]+$/);
  const { stdout } = await promisify(execFile)(process.execPath, [module, '-p', 'process.env.SIGNET_HOME']);
  t.is(stdout, `${home}\n`);
});

test('a line break in a path is refused, not changed', t => {
  const order = { program: ['/usr/bin/node', '/a\nExecStartPre=/bin/evil'], environment: {} };
  for (const render of [
    () => systemdUnit(order),
    () => desktopEntry(order),
    () => launchAgent('x', order),
    () => logonTask('kim', 'C:\\Windows', order),
  ]) {
    t.like(t.throws(render), { code: 'E_USAGE' });
  }
});

test('systemd runs no program whose path holds quotes, and that is told', t => {
  const error = t.throws(() => systemdUnit({ program: ["/it's mine/node"], environment: {} }));
  t.like(error, { code: 'E_USAGE' });
});

test('each home has an entry of its own, and carries what decides where it lies', t => {
  t.is(serviceName({}), 'signet');
  t.regex(serviceName({ SIGNET_HOME: '/a' }), /^signet-[0-9a-f]{8}$/);
  t.not(serviceName({ SIGNET_HOME: '/a' }), serviceName({ SIGNET_HOME: '/b' }));
  t.deepEqual(carriedEnvironment({ SIGNET_HOME: '/a', XDG_STATE_HOME: '', HOME: '/home/kim', SECRET: 'x' }), {
    SIGNET_HOME: '/a',
  });
});

interface Machine extends AutostartSurroundings {
  /** What was called, a line each. */
  calls(): string[];
}

/** A home of nobody's, and programs that note what they were asked. */
async function machine(
  t: ExecutionContext,
  programs: Readonly<Record<string, string>>,
  changes: Partial<AutostartSurroundings> = {},
): Promise<Machine> {
  const home = await temporaryFolder(t);
  const bin = join(home, 'bin');
  mkdirSync(bin);
  const noted = join(home, 'calls');
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >> '${noted}'\n${script}\n`);
    chmodSync(join(bin, name), 0o700);
  }
  return {
    platform: 'linux',
    env: { PATH: `${bin}:/usr/bin:/bin`, HOME: home },
    home,
    uid: 501,
    user: 'kim',
    calls: () => (existsSync(noted) ? readFileSync(noted, 'utf8').trim().split('\n') : []),
    ...changes,
  };
}

posix('where systemd answers, the unit is written, enabled and not started', async t => {
  const around = await machine(t, { systemctl: 'exit 0' });
  const file = join(around.home, '.config/systemd/user/signet.service');
  t.is(await findAutostart(plain, around), undefined);
  t.deepEqual(await installAutostart(plain, around), { manager: 'systemd', file });
  t.is(readFileSync(file, 'utf8'), systemdUnit(plain));
  t.true(around.calls().includes('systemctl --user enable signet.service'));
  t.false(around.calls().some(call => /start|--now/.test(call)));
  t.deepEqual(await findAutostart(plain, around), { manager: 'systemd', file, isCurrent: true });
  t.like(await findAutostart({ ...plain, program: ['/elsewhere/node'] }, around), { isCurrent: false });

  t.deepEqual(await installAutostart(plain, around), { manager: 'systemd', file }, 'again changes nothing');
  t.true(await uninstallAutostart(plain.environment, around));
  t.false(existsSync(file));
  t.true(around.calls().includes('systemctl --user disable signet.service'));
  t.false(await uninstallAutostart(plain.environment, around), 'nothing of ours is left');
});

posix('without a systemd of the user the desktop starts it', async t => {
  const around = await machine(t, { systemctl: 'echo "Failed to connect to bus" >&2; exit 1' });
  const { manager, file } = await installAutostart(plain, around);
  t.is(manager, 'desktop');
  t.is(readFileSync(file, 'utf8'), desktopEntry(plain));
  t.true(await uninstallAutostart(plain.environment, around));
  t.false(existsSync(file));
});

posix('a unit is taken away also when systemd no longer answers, with the link that enabled it', async t => {
  const around = await machine(t, { systemctl: 'exit 0' });
  const { file } = await installAutostart(plain, around);
  const wants = join(file, '../default.target.wants');
  mkdirSync(wants);
  symlinkSync(file, join(wants, 'signet.service'));
  writeFileSync(join(around.home, 'bin/systemctl'), '#!/bin/sh\nexit 1\n');
  t.true(await uninstallAutostart(plain.environment, around));
  t.false(existsSync(file));
  t.false(existsSync(join(wants, 'signet.service')));
});

posix("what another program wrote in the entry's place is neither replaced nor removed", async t => {
  const around = await machine(t, { systemctl: 'exit 0' });
  const file = join(around.home, '.config/systemd/user/signet.service');
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, '[Service]\nExecStart=/bin/true\n');
  t.like(await t.throwsAsync(installAutostart(plain, around)), { code: 'E_USAGE' });
  t.false(await uninstallAutostart(plain.environment, around));
  t.is(readFileSync(file, 'utf8'), '[Service]\nExecStart=/bin/true\n');
});

posix('an update renews the entry that starts the old one, and makes none', async t => {
  const around = await machine(t, { systemctl: 'exit 0' });
  t.false(await renewAutostart(plain, around));
  t.is(await findAutostart(plain, around), undefined);
  const { file } = await installAutostart({ ...plain, program: ['/old/node', '/old/main.mjs'] }, around);
  t.true(await renewAutostart(plain, around));
  t.is(readFileSync(file, 'utf8'), systemdUnit(plain));
  t.false(await renewAutostart(plain, around));
  writeFileSync(file, '[Service]\nExecStart=/bin/true\n');
  t.false(await renewAutostart(plain, around), 'what another program wrote is not ours to renew');
});

posix('a manager that refuses is told', async t => {
  const around = await machine(t, { systemctl: '[ "$2" != enable ]' });
  t.like(await t.throwsAsync(installAutostart(plain, around)), { code: 'E_RUNTIME' });
});

posix('on a Mac the agent is loaded once, so that no running one is ended', async t => {
  const first = await machine(t, { launchctl: '[ "$1" != print ]' }, { platform: 'darwin' });
  const { manager, file } = await installAutostart(plain, first);
  t.is(manager, 'launchd');
  t.is(file, join(first.home, 'Library/LaunchAgents/signet.daemon.plist'));
  t.is(readFileSync(file, 'utf8'), launchAgent('signet.daemon', plain));
  t.true(first.calls().includes(`launchctl bootstrap gui/501 ${file}`));

  const second = await machine(t, { launchctl: 'exit 0' }, { platform: 'darwin' });
  await installAutostart(plain, second);
  t.deepEqual(second.calls(), ['launchctl print gui/501/signet.daemon']);
  t.true(await uninstallAutostart(plain.environment, second));
  t.is(await findAutostart(plain, second), undefined);
});

test('on Windows the task is made from a file in UTF-16, and only our own is replaced or removed', async t => {
  const kept = 'cp "$5" "$HOME/task" 2>/dev/null';
  const around = await machine(
    t,
    { schtasks: `case "$1" in /Query) cat "$HOME/there" 2>/dev/null ;; /Create) ${kept}; : ;; esac` },
    { platform: 'win32' },
  );
  const here = { ...around, env: { ...around.env, TEMP: around.home } };
  t.deepEqual(await installAutostart(winPlain, here), { manager: 'task-scheduler', file: 'Signet' });
  const bytes = readFileSync(join(around.home, 'task'));
  t.deepEqual([...bytes.subarray(0, 2)], [0xff, 0xfe]);
  t.is(bytes.subarray(2).toString('utf16le'), logonTask('kim', 'C:\\Windows', winPlain));
  t.false(existsSync(join(around.home, 'signet-task.xml')));

  writeFileSync(join(around.home, 'there'), '<Task>of somebody else</Task>');
  t.like(await t.throwsAsync(installAutostart(winPlain, here)), { code: 'E_USAGE' });
  t.false(await uninstallAutostart({}, here));
  writeFileSync(join(around.home, 'there'), logonTask('kim', 'C:\\Windows', winPlain));
  t.like(await findAutostart(winPlain, here), { isCurrent: true });
  t.like(await findAutostart({ ...winPlain, program: ['C:\\new\\node.exe'] }, here), { isCurrent: false });
  t.true(await uninstallAutostart({}, here));
  t.true(around.calls().includes('schtasks /Delete /TN Signet /F'));
});
