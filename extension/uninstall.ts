// Run by the editor when it is started after the extension was removed for good: what this version installed starts at no login any more, and
// ends. The copies and the settings stay. A background part of another version belongs to another installation and is left alone. The editor
// gives it a few seconds, and shows its words to nobody but its log.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { wireErrorOf } from '../protocol/errors.ts';
import { resolveHome, tokenFile } from '../protocol/home.ts';
import { connectOrLaunch, isGone } from '../protocol/launch.ts';
import { daemonInfo, stopDaemon, uninstallService } from '../protocol/messages.ts';
import { productVersion } from '../protocol/version.ts';
import { nodeForDaemon } from './user-node.ts';

const home = resolveHome();
// Where none ever ran, nothing is installed. The bundle knows no await out here.
if (existsSync(tokenFile(home))) {
  takeAway().catch(error => {
    const code = wireErrorOf(error)?.code ?? 'E_INTERNAL';
    process.stderr.write(`Signet may still start at login (${code}). \`signet daemon uninstall\` ends that.\n`);
    process.exitCode = 1;
  });
}

async function takeAway(): Promise<void> {
  const entry = fileURLToPath(new URL('./daemon/main.mjs', import.meta.url));
  const runtime = () => nodeForDaemon(process.env['SIGNET_NODE'] || undefined, homedir());
  const { connection, daemon, close } = await connectOrLaunch({ home, entry, runtime, deadlineMs: 3000 });
  try {
    if (daemon.daemonVersion !== productVersion) return;
    const { pid } = await connection.sendRequest(daemonInfo);
    await connection.sendRequest(uninstallService);
    await connection.sendRequest(stopDaemon);
    await isGone(pid);
  } finally {
    close();
  }
}
