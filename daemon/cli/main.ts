#!/usr/bin/env node
// The command line: what can be said, and which module does it. Commands are loaded when they run, so that help and mistakes are fast;
// everything that touches chats or keys happens in the daemon.

import { Argument, Command, CommanderError, Option } from 'commander';
import type { ScheduleKind } from '../../protocol/status.ts';
import { productVersion } from '../../protocol/version.ts';

const json = () => new Option('--json', 'machine-readable output');
const secretOptions = () => [
  new Option('--secrets-stdin', 'read {"password", "phone", "recoveryKey"} as JSON from standard input'),
  new Option('--password-stdin', 'read the password from the first line of standard input'),
  new Option('--recovery-key-stdin', 'read the recovery key from the first line of standard input'),
  new Option('--recovery-key', 'ask for the recovery key in place of the password'),
  new Option('--phone <number>', 'phone number with country code, such as +12025550100'),
];
const suggestOption = () => new Option('--suggest-password', 'take six words that Signet draws as the new password');
const scheduleKinds = ['never', 'manual', 'daily', 'weekly', 'monthly'] as const satisfies readonly ScheduleKind[];
const atOption = () => new Option('--at <time>', 'time of the day for daily, weekly (Sundays) and monthly (the 1st)');
const onChangeOption = () => new Option('--on-change <switch>', 'back up when chats change').choices(['on', 'off']);
const gather = (value: string, before: readonly string[] = []) => [...before, value];
const choiceOptions = () => [
  new Option('--no-videos', 'leave out videos'),
  new Option('--leave-out <kinds>', 'leave out image, video, audio, document, sticker, or several with commas'),
  new Option('--max-size <size>', 'leave out larger files, such as 100MB; never what holds messages'),
  new Option('--exclude <pattern>', 'leave out what a .gitignore line would; may be given several times').argParser(
    gather,
  ),
];

/** Of which the alarm says which it may be. */
const alarmDecisions = ['given-up', 'restored-image', 'adopt', 'changed-elsewhere', 'put-back'] as const;

const program = new Command('signet')
  .description('End-to-end encrypted backup of the chats on this computer, to a cloud that cannot read them.')
  .version(productVersion, '--version', 'print the version')
  .helpOption('-h, --help', 'print help')
  .helpCommand('help [command]', 'print help for a command')
  .showSuggestionAfterError(true)
  .addHelpText(
    'after',
    `
Begin with:
  signet setup --source ~/Chats --remote folder:/media/disk/Backup
  signet backup
  signet status
A cloud is connected first: signet remote connect drive:Signet

Exit codes: 0 done, 1 failed, 2 wrong use, 3 done with gaps, 10 not set up,
11 in use by another computer, 12 wrong password or phone number, 13 locked,
14 cloud not reachable, 15 cloud or disk full, 16 sign-in needed, 17 alarm,
18 background part missing, 130 cancelled.`,
  );

function command(words: string, description: string, parent: Command = program): Command {
  return parent.command(words).description(description).addOption(json());
}

const setup = command('setup', 'create a backup, or join the one that is there')
  .option('--source <dir>', 'folder with chats, <profile> or <profile>:<dir>; may be given several times', gather)
  .requiredOption(
    '--remote <spec>',
    'where the copies go: folder:<path>, or once it is connected drive:<folder name> or s3:<endpoint>/<bucket>[/<prefix>]',
  )
  .addOption(new Option('--schedule <kind>', 'when to back up by itself; default daily').choices(scheduleKinds))
  .addOption(atOption())
  .addOption(onChangeOption())
  .option('--new', 'only create: fail when a backup is there')
  .option('--read-only', 'join only to look and restore');
for (const option of [...choiceOptions(), ...secretOptions(), suggestOption()]) setup.addOption(option);
setup.action(async options => (await import('./setup.ts')).setup(options));

command('status', 'show how things are')
  .option('--check', 'look at the cloud first; exit 13 when locked, 1 when overdue')
  .option('--max-age <age>', 'with --check: exit 1 when the last good backup is older, such as 26h')
  .action(async options => (await import('./state.ts')).status(options));

command('backup', 'back up now').action(async options => (await import('./jobs.ts')).backup(options));
command('cancel', 'stop what is running').action(async options => (await import('./jobs.ts')).cancel(options));

command('snapshots [snapshot]', 'list the backups, or what one of them holds').action(async (snapshot, options) =>
  (await import('./browse.ts')).snapshots(snapshot, options),
);
command('history', 'what became of the backups of each day')
  .option('--days <n>', 'how many days back', '30')
  .action(async options => (await import('./history.ts')).history(options));
command('ls <snapshot> [path]', 'list a folder of a backup').action(async (snapshot, path, options) =>
  (await import('./browse.ts')).ls(snapshot, path, options),
);
command('cat <snapshot> <path>', 'write a file of a backup to standard output').action(
  async (snapshot, path, options) => (await import('./browse.ts')).cat(snapshot, path, options),
);
command('diff <before> <after> [path]', 'list the files in which two backups differ').action(
  async (before, after, path, options) => (await import('./browse.ts')).diff(before, after, path, options),
);
command('restore <snapshot>', 'bring back files of a backup: an id, or latest')
  .option('--to <dir>', 'new or empty folder')
  .option('--original <source>', 'back into the folder of this source; what is replaced is kept beside it')
  .option(
    '--include <glob>',
    'only what matches <source id>/<path>, with --original <path>; may be given several times',
    gather,
  )
  .option('--dry-run', 'only say what would come back')
  .action(async (snapshot, options) => (await import('./restore.ts')).restore(snapshot, options));
command('undo [id]', 'take back the newest restore with --original, or the one with this id')
  .option('--list', 'show what can be taken back')
  .action(async (id, options) => (await import('./restore.ts')).undo(id, options));
command('finish-restore <dir>', 'merge databases that restic restored apart from their logs').action(
  async (folder, options) => (await import('./restore.ts')).finishRestore(folder, options),
);

const alarms = program.command('alarms').description('what an honest cloud would not show');
command('show', 'show what stands, what it means and what can be done; exit 17 while an alarm stands', alarms).action(
  async options => (await import('./alarms.ts')).show(options),
);
const acknowledge = command('acknowledge [id]', 'decide about an alarm, with the password', alarms).addOption(
  new Option('--decision <decision>', 'what happened; needed where there are several').choices(alarmDecisions),
);
for (const option of secretOptions()) acknowledge.addOption(option);
acknowledge.action(async (id, options) => (await import('./alarms.ts')).acknowledge(id, options));

const unlock = command('unlock', 'open the backup with the password');
for (const option of secretOptions()) unlock.addOption(option);
unlock.action(async options => (await import('./state.ts')).unlock(options));
command('lock', 'forget the keys until the password is given again').action(async options =>
  (await import('./state.ts')).lock(options),
);

const keySecrets = () => new Option('--secrets-stdin', 'read {"password", …} as JSON from standard input');
const password = program.command('password').description('the password of the backup');
const changePassword = command('change', 'choose another password; with the recovery key if it is forgotten', password)
  .addOption(suggestOption())
  .addOption(keySecrets());
for (const option of secretOptions().slice(2)) changePassword.addOption(option);
changePassword.action(async options => (await import('./keys.ts')).changePassword(options));
const phone = program.command('phone').description('the phone number that is part of the lock');
command('change', 'bind another phone number', phone)
  .addOption(keySecrets())
  .action(async options => (await import('./keys.ts')).changePhone(options));
const recoveryKey = program.command('recovery-key').description('the key that opens the backup without the password');
command('show', 'show it once more', recoveryKey)
  .addOption(keySecrets())
  .action(async options => (await import('./keys.ts')).showKey(options));
command('renew', 'make a new one; the old one opens the backup no longer', recoveryKey)
  .addOption(keySecrets())
  .action(async options => (await import('./keys.ts')).renewKey(options));
command('kit', 'write the recovery sheet, to be printed')
  .requiredOption('--to <file>', 'new file (HTML) that only you can read')
  .addOption(keySecrets())
  .action(async options => (await import('./keys.ts')).kit(options));
command('fresh', 'start a fresh backup under new keys, when someone may know the password')
  .option('--delete-old <name>', 'delete the old backup that was left: the name of its folder')
  .addOption(keySecrets())
  .addOption(suggestOption())
  .action(async options => (await import('./keys.ts')).fresh(options));

command('verify', 'check the backups')
  .option('--read-data [percent]', 'also read that share of the stored data; all without a number')
  .action(async options => (await import('./jobs.ts')).verify(options));

command('schedule', 'choose when to back up by itself')
  .addArgument(new Argument('<kind>', 'never and manual also end backups on change').choices(scheduleKinds))
  .addOption(atOption())
  .addOption(onChangeOption())
  .action(async (kind, options) => (await import('./state.ts')).schedule(kind, options));

command('pause', 'no backups by itself for a while')
  .argument('[duration]', 'such as 30m, 2h or 3d; 0 goes on')
  .option('--resume', 'go on now')
  .action(async (duration, options) => (await import('./state.ts')).pause(duration, options));

const settings = program.command('settings').description('look at or change how Signet behaves');
command('get [key]', 'show what can be chosen', settings).action(async (key, options) =>
  (await import('./settings.ts')).get(key, options),
);
command('set <key> <value>', 'choose: on, off, a number, a time such as 30s or 10m, or text', settings).action(
  async (key, value, options) => (await import('./settings.ts')).set(key, value, options),
);

const sources = program.command('sources').description('the chats that are backed up');
command('list', 'show them, and what of them is left out', sources).action(async options =>
  (await import('./sources.ts')).list(options),
);
const add = command('add <source>', 'one more: a folder, <profile> or <profile>:<dir>', sources).option(
  '--label <name>',
  'what to call it',
);
for (const option of choiceOptions()) add.addOption(option);
add.action(async (source, options) => (await import('./sources.ts')).add(source, options));
command('remove <source>', 'no longer back it up; what is backed up stays', sources).action(async (source, options) =>
  (await import('./sources.ts')).remove(source, options),
);
const change = command('change <source>', 'choose anew what of it is left out', sources).option(
  '--label <name>',
  'what to call it',
);
for (const option of choiceOptions()) change.addOption(option);
change
  .option('--videos', 'keep videos')
  .option('--no-leave-out', 'keep all kinds of media')
  .option('--no-max-size', 'keep files of any size')
  .option('--no-exclude', 'keep what patterns named')
  .action(async (source, options) => (await import('./sources.ts')).change(source, options));
command('discover', 'look for chats on this computer', sources).action(async options =>
  (await import('./sources.ts')).discover(options),
);
command('accept <source>', 'that it shrank was meant: back it up as it is', sources).action(async (source, options) =>
  (await import('./sources.ts')).accept(source, options),
);

const remote = program.command('remote').description('the places where the copies go');
command(
  'connect [place]',
  'sign in to drive:<folder name>, or give the keys of s3:<endpoint>/<bucket>[/<prefix>]',
  remote,
)
  .option('--client-id <id>', 'Google Drive: the client id of your own Google project')
  .option('--device', 'Google Drive: agree with a code on any other device')
  .option('--no-browser', 'Google Drive: print the address to open, and open nothing')
  .option('--access-key-id <id>', 'S3: whose secret key is asked for; without it the keys that this system has')
  .option('--region <name>', 'S3: where the storage wants to be told')
  .option('--path-style', 'S3: the bucket in the path rather than in the host name')
  .option('--secrets-stdin', 'read {"clientSecret"} or {"s3Secret"} as JSON from standard input')
  .action(async (place, options) => (await import('./remote.ts')).connect(place, options));
command('disconnect [place]', 'end what gives access to it; the copies stay', remote).action(async (place, options) =>
  (await import('./remote.ts')).disconnect(place, options),
);
command('show', 'show them, with account and room', remote).action(async options =>
  (await import('./remote.ts')).show(options),
);
const move = command('move <place>', 'copy everything to another place, and back up there from now on', remote).option(
  '--lost',
  'the old place is gone for good: take the copy that is in this one',
);
for (const option of secretOptions()) move.addOption(option);
move.action(async (place, options) => (await import('./places.ts')).move(place, options));
command(
  'delete-old <name>',
  'delete the old copies that a move or a start afresh left: the name of their folder',
  remote,
)
  .addOption(keySecrets())
  .action(async (name, options) => (await import('./keys.ts')).deleteOld(name, options));
command('delete-copies <name>', 'stop backing up for good and delete the copies: the name of their folder', remote)
  .addOption(keySecrets())
  .action(async (name, options) => (await import('./keys.ts')).deleteCopies(name, options));
const mirror = remote.command('mirror').description('second places that hold a whole copy');
command('add <place>', 'keep a whole copy there too, from now on', mirror).action(async (place, options) =>
  (await import('./places.ts')).addMirror(place, options),
);
command('remove <place>', 'keep no copy there any longer; what is there stays', mirror).action(async (place, options) =>
  (await import('./places.ts')).removeMirror(place, options),
);
command('sync', 'bring them up to date, and put back what the first place lost', mirror).action(async options =>
  (await import('./places.ts')).syncMirrors(options),
);

const daemon = program.command('daemon').description("Signet's background part");
command('run', 'run it in the foreground', daemon).action(async () => (await import('./service.ts')).run());
command('start', 'start it', daemon).action(async options => (await import('./service.ts')).start(options));
command('stop', 'end it', daemon).action(async options => (await import('./service.ts')).stop(options));
command('status', 'show whether it runs, without starting it', daemon).action(async options =>
  (await import('./service.ts')).status(options),
);
command('install', 'start it by itself at each login from now on', daemon).action(async options =>
  (await import('./service.ts')).install(options),
);
command('uninstall', 'start it by itself no longer', daemon).action(async options =>
  (await import('./service.ts')).uninstall(options),
);
command('doctor', 'check that this computer has what Signet needs')
  .option('--export <file>', 'write that and the end of the log to a new file, without names, numbers and paths')
  .action(async options => (await import('./service.ts')).doctor(options));
command('log', 'show what the background part noted')
  .option('--lines <n>', 'how many, the newest', '40')
  .option('--follow', 'go on showing until Ctrl-C')
  .action(async options => (await import('./log.ts')).log(options));

program
  .command('completion')
  .description('print what makes a shell complete these commands')
  .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
  .action(async shell => (await import('./completion.ts')).completion(shell, program));

const everyCommand = (of: Command): Command[] => [of, ...of.commands.flatMap(everyCommand)];
for (const each of everyCommand(program)) {
  each.exitOverride().configureOutput({ outputError: () => {} }); // said in our own form, below
}

// `signet ls … | head` closes the pipe early: that is no failure, and nobody is left to read about it.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await failed(error);
}

async function failed(error: unknown): Promise<number> {
  const { report, usage } = await import('./session.ts');
  const asJson = process.argv.includes('--json');
  if (!(error instanceof CommanderError)) return report(error, asJson);
  if (error.exitCode === 0) return 0; // help or version, already printed
  if (error.code === 'commander.help') return 2; // a command is missing; the help was printed
  // A value behind an unknown option, or where none belongs, may be a secret in the wrong place.
  const said = error.message
    .replace(/^error: /, '')
    .replace(/=[^']*'/, "'")
    .replace(/^(too many arguments for '[a-z-]+').*$/s, '$1');
  return report(usage(spoken(said), `See \`${helpCommand()}\`.`), asJson);
}

/** What the parser says, as a sentence that ends with what to do. */
function spoken(said: string): string {
  const [, option, value] = /^required option '(--[a-z-]+) (<.+>)' not specified$/.exec(said) ?? [];
  if (option !== undefined) return `${option} is missing: add ${option} ${value}`;
  const [, argument] = /^missing required argument '([a-z]+)'$/.exec(said) ?? [];
  if (argument !== undefined) return `the argument '${argument}' is missing`;
  const [, choice, argumentName, choices] =
    /^(?:option '(--[a-z-]+) .*|command-argument value .*)' (?:argument .* )?is invalid(?: for argument '([a-z]+)')?\. Allowed choices are (.+)\.$/s.exec(
      said,
    ) ?? [];
  if (choices !== undefined) return `${choice ?? `the ${argumentName}`} is one of ${choices}`;
  const [, bare, needs] = /^option '(--[a-z-]+) (<.+>)' argument missing$/.exec(said) ?? [];
  if (bare !== undefined) return `${bare} needs a value: ${bare} ${needs}`;
  const [what = '', hint] = said.split(/\n\(Did you mean (.+)\?\)/);
  if (hint !== undefined) return `${what}. Did you mean ${hint}?`;
  return what;
}

/** The help nearest to what was typed. */
function helpCommand(): string {
  const [first, second] = process.argv.slice(2);
  const group = program.commands.find(each => each.name() === first);
  const inner = group?.commands.find(each => each.name() === second);
  return ['signet', group?.name(), inner?.name(), '--help'].filter(word => word !== undefined).join(' ');
}
