#!/usr/bin/env node
import { goOnWithNode24 } from './lib/runtime.mjs';

await goOnWithNode24('scripts/lib/real-drive.ts');
