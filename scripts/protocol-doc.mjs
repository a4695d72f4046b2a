#!/usr/bin/env node
// Writes docs/protocol.md from the sources. With --print it writes nothing and prints the page instead.
import { goOnWithNode24 } from './lib/runtime.mjs';

await goOnWithNode24('scripts/lib/write-protocol-doc.ts');
