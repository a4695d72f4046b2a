// Writes docs/protocol.md, or prints it with --print.

import { writeFileSync } from 'node:fs';
import { protocolPage, protocolPagePath } from './protocol-doc.ts';

const page = protocolPage();
if (process.argv.includes('--print')) process.stdout.write(page);
else writeFileSync(protocolPagePath, page);
