#!/usr/bin/env node
import { goOnWithNode24 } from './lib/runtime.mjs';

// With --index: how a repository of ten million blobs fits into memory (docs/scale.md). Else: side by side with restic.
await goOnWithNode24(process.argv.includes('--index') ? 'scripts/lib/bench-index.ts' : 'scripts/lib/bench.ts');
