// Every command of the extension: its id and the function behind it, loaded when it is first run. One line a command, in the order of the
// palette; the manifest has the same ids, and its tests compare the two. Arguments and results pass through as they are.

import type { Command, Given, Shell } from './shell.ts';

/** A command as the editor runs it: what others pass is whatever they passed. */
export type Run = (shell: Shell, ...given: readonly unknown[]) => Promise<unknown>;

export const commands: Readonly<Record<string, Run>> = {
  'signet.setUp': lazily(async () => (await import('./set-up/set-up.ts')).setUp),
  'signet.backUpNow': lazily(async () => (await import('./everyday.ts')).backUpNow),
  'signet.cancelBackup': lazily(async () => (await import('./everyday.ts')).cancelBackup),
  'signet.restore': lazily(async () => (await import('./restore/restore.ts')).restoreBackup),
  'signet.unlock': lazily(async () => (await import('./keys/unlock.ts')).unlockVault),
  'signet.lock': lazily(async () => (await import('./everyday.ts')).lockVault),
  'signet.openStatus': lazily(async () => (await import('./panel/panel.ts')).openStatus),
  'signet.addChats': lazily(async () => (await import('./set-up/add-chats.ts')).addChats),
  'signet.connectCloud': lazily(async () => (await import('./set-up/connect-cloud.ts')).connectCloud),
  'signet.signIn': lazily(async () => (await import('./set-up/sign-in-again.ts')).signIn),
  'signet.changeAutomaticBackup': lazily(
    async () => (await import('./set-up/change-automatic-backup.ts')).changeAutomaticBackup,
  ),
  'signet.browseSnapshots': lazily(async () => (await import('./snapshots/browse.ts')).browseSnapshots),
  'signet.changePassword': lazily(async () => (await import('./keys/change-password.ts')).changePassword),
  'signet.changePhone': lazily(async () => (await import('./keys/change-phone.ts')).changePhone),
  'signet.printRecoverySheet': lazily(async () => (await import('./keys/recovery-sheet.ts')).printRecoverySheet),
  'signet.renewRecoveryKey': lazily(async () => (await import('./keys/renew-recovery-key.ts')).renewRecoveryKey),
  'signet.verify': lazily(async () => (await import('./verify.ts')).verifyBackups),
  'signet.proveRestorable': lazily(async () => (await import('./drill.ts')).proveRestorable),
  'signet.tidyUp': lazily(async () => (await import('./tidy.ts')).tidyUp),
  'signet.showAlarm': lazily(async () => (await import('./alarm.ts')).showAlarm),
  'signet.openSettings': lazily(async () => (await import('./everyday.ts')).openSettings),
  'signet.showLog': lazily(async () => (await import('./everyday.ts')).showLog),
  'signet.exportDiagnostics': lazily(async () => (await import('./diagnostics.ts')).exportDiagnostics),
  'signet.stopAndUninstall': lazily(async () => (await import('./stop.ts')).stopAndUninstall),
  'signet.installCli': lazily(async () => (await import('./install-cli.ts')).installCli),
  'signet.start': lazily(async () => (await import('./everyday.ts')).start),

  'signet.extension.update': lazily(async () => (await import('./everyday.ts')).updateExtension),
  'signet.alarm.decide': lazily(async () => (await import('./alarm.ts')).decideAlarm),
  'signet.index.repair': lazily(async () => (await import('./verify.ts')).repairBackupIndex),
  'signet.source.accept': lazily(async () => (await import('./everyday.ts')).acceptShrinking),
  'signet.snapshot.browse': lazily(async () => (await import('./snapshots/browse.ts')).browseSnapshots),
  'signet.snapshot.restore': lazily(async () => (await import('./snapshots/browse.ts')).restoreSnapshot),
  'signet.snapshot.openFile': lazily(async () => (await import('./snapshots/browse.ts')).openFile),
  'signet.snapshot.compare': lazily(async () => (await import('./snapshots/compare.ts')).compareTwo),
  'signet.snapshot.compareWithLive': lazily(async () => (await import('./snapshots/compare.ts')).compareWithLive),
};

/** The types of a command's arguments are for those who write it: callers from outside are not checked, so it looks at what it was given. */
function lazily<Arguments extends readonly unknown[], Result>(load: () => Promise<Command<Arguments, Result>>): Run {
  return async (shell, ...given) => (await load())(shell, ...(given as readonly unknown[] as Given<Arguments>));
}
