// An engine that stages a plain copy, answers nothing and ends when it is asked something.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const { home } = workerData as { readonly home: { readonly staging: string } };
parentPort?.on('message', (message: { readonly method?: string }) => {
  mkdirSync(join(home.staging, 'copy'), { recursive: true });
  writeFileSync(join(home.staging, 'copy', 'image'), 'plain');
  if (message.method === 'measure') throw new Error('a bug');
  parentPort?.postMessage({ jsonrpc: '2.0', method: 'staged', params: {} });
});
