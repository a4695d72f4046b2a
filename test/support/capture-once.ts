// Child process that captures one database as the capture child does; for tests that need another user or another process.

import { captureDatabase } from '../../daemon/capture/strategies.ts';

const [path = '', folder = ''] = process.argv.slice(2);
const options = { folder, fullCheck: true, busyTimeoutMs: 0, pinMs: 30_000 };
process.stdout.write(JSON.stringify(await captureDatabase(Buffer.from(path), options)));
