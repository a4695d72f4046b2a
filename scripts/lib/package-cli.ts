// scripts/package [folder]: builds the extension into dist/ (or the folder named) and says what came out.

import { resolve } from 'node:path';
import { packageExtension, root } from './package.ts';

const out = resolve(process.argv[2] ?? `${root}/dist`);
const made = await packageExtension(out);
console.log(`${made.folder}: main.cjs ${Math.round(made.bundleBytes / 1000)} kB`);
console.log(`${made.vsix}: ${(made.vsixBytes / 1e6).toFixed(1)} MB`);
