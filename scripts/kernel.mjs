#!/usr/bin/env node
// Builds the WASM kernel from its AssemblyScript source into the TypeScript file that carries its bytes. With --print it writes nothing
// and prints the file instead; a test compares that with the committed one.

import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const path = relative => fileURLToPath(new URL(relative, import.meta.url));
const source = 'daemon/kernel/assembly/poly1305.ts';
const target = path('../daemon/kernel/poly1305-wasm.ts');
const binary = join(tmpdir(), `signet-kernel-${process.pid}.wasm`);
// Five pages of 64 KiB: one for the module, four for the window. Never grown, since growing detaches the views.
const flags = ['-O3', '--noAssert', '--runtime', 'stub', '--initialMemory', '5', '--maximumMemory', '5', '-o', binary];

const built = spawnSync(process.execPath, [path('../node_modules/assemblyscript/bin/asc.js'), source, ...flags], {
  cwd: path('..'),
  encoding: 'utf8',
});
if (built.status !== 0) {
  process.stderr.write(built.stderr || 'asc is not installed: run npm ci\n');
  process.exit(1);
}
const base64 = readFileSync(binary).toString('base64');
rmSync(binary);
const lines = base64.match(/.{1,110}/g).map(line => `  '${line}'`);
const text = `// Built by scripts/kernel.mjs from assembly/poly1305.ts; do not edit.\n\nexport const poly1305Wasm =\n${lines.join(' +\n')};\n`;
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(target, text);
