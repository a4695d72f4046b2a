// Stock restic at work in a place of ours: what it adds and what it takes away is told as an alarm, nothing of it becomes what a restore
// takes by default, and backups go on.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RestoreResult, VerifyResult } from '../../protocol/status.ts';
import { installation, password } from '../support/installation.ts';
import { restic, succeeded, withEachRestic } from '../support/stock-restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

withEachRestic(
  'what stock restic backs up, forgets and prunes in our place raises the alarm, is decided about, and is gone on from',
  async (t, stock) => {
    t.timeout(120_000);
    const signet = await installation(t);
    const write = (text: string) => writeFileSync(join(signet.source, 'a.txt'), text);
    write('one');
    const { recoveryKey = '' } = await signet.setUp();
    await signet.ok(['backup']);
    write('two');
    await signet.ok(['backup']);
    t.is((await signet.signet(['status'])).code, 0);
    const stockRestic = async (args: readonly string[]) =>
      succeeded(t, await restic(signet.remote, recoveryKey, args, {}, stock));
    const codes = async () => (await signet.status()).alarms.map(({ code }) => code);

    const theirs = await temporaryFolder(t);
    writeFileSync(join(theirs, 'theirs.txt'), 'theirs');
    await stockRestic(['backup', theirs]);
    t.is((await signet.signet(['status'])).code, 17);
    t.deepEqual(await codes(), ['E_FOREIGN_SNAPSHOT']);
    const target = join(signet.folder, 'restored');
    const [entry] = (await signet.snapshots()).filter(({ announced }) => announced);
    t.is((await signet.ok<RestoreResult>(['restore', 'latest', '--to', target])).snapshot, entry?.id ?? '');

    // By the list of the place alone restic finds nothing wrong.
    const [oldest = ''] = (await signet.snapshots())
      .filter(({ announced }) => announced)
      .map(({ id }) => id)
      .slice(-1);
    await stockRestic(['forget', oldest]);
    await stockRestic(['prune', '--max-unused', '0']);
    t.regex(await stockRestic(['check', '--read-data']), /no errors were found/);
    t.is((await signet.signet(['status'])).code, 17);
    t.deepEqual((await codes()).sort(), ['E_FOREIGN_SNAPSHOT', 'E_WITHHELD']);

    write('three');
    const { snapshot } = await signet.ok<{ readonly snapshot: string }>(['backup']);
    const checked = (await signet.signet(['verify', '--read-data'])).json<VerifyResult>();
    t.deepEqual([...new Set(checked.problems.map(({ code }) => code))].sort(), ['E_FOREIGN_SNAPSHOT', 'E_WITHHELD']);
    const last = await signet.ok<RestoreResult>(['restore', 'latest', '--to', `${target} last`]);
    t.deepEqual([last.snapshot, last.files], [snapshot, 1]);
    t.regex(await stockRestic(['check', '--read-data']), /no errors were found/);

    // Their owner made them: that is said once, with the password, and then nothing stands in the way.
    for (;;) {
      const [alarm] = (await signet.status()).alarms;
      if (alarm === undefined) break;
      const [decision = ''] = alarm.decisions;
      t.log(`${alarm.code}: ${decision}`);
      await signet.ok(['alarms', 'acknowledge', alarm.id, '--decision', decision], { password });
    }
    write('four');
    await signet.ok(['backup']);
    t.is((await signet.signet(['status', '--check'])).code, 0);
    t.true((await signet.ok<VerifyResult>(['verify', '--read-data'])).ok);
    t.regex(await stockRestic(['check', '--read-data']), /no errors were found/);
  },
);
