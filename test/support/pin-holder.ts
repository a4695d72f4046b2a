// Child process that takes a pin as the capture child does, says so, and copies it to `image` in a folder and releases it when its input ends.

import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { takePin } from '../../daemon/capture/pinned.ts';
import { captureTarget } from '../../daemon/capture/target.ts';

const [path = '', folder = ''] = process.argv.slice(2);
const pin = takePin(Buffer.from(path), { busyTimeoutMs: 0, pinMs: 60_000 });
writeSync(1, 'pinned\n');
process.stdin.resume();
await once(process.stdin, 'end');
writeSync(1, `${await pin.copyTo(captureTarget({ folder, fullCheck: false }))}\n`);
pin.release();
