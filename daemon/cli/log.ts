// The log of the background part, read from its files: it works when nothing runs, and shows what happened last before it ended.

import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { resolveHome } from '../../protocol/home.ts';
import { type CommonOptions, usage } from './session.ts';
import { harmless, note, print } from './terminal.ts';

export interface LogOptions extends CommonOptions {
  readonly lines: string;
  readonly follow?: boolean;
}

const lookEveryMs = 300;
const partBytes = 64 << 10;

export async function log(options: LogOptions): Promise<void> {
  const wanted = /^\d{1,7}$/.test(options.lines) ? Number(options.lines) : undefined;
  if (wanted === undefined) throw usage('--lines takes a number, such as 50');
  const path = join(resolveHome().logs, 'daemon.log');
  const show = (line: string): void => print(options.json ? line : readable(line));
  const tail = existsSync(path) ? new Tail(path) : undefined;
  const newest = tail?.rest() ?? [];
  const older = newest.length < wanted ? [`${path}.2`, `${path}.1`].flatMap(linesOf) : [];
  const all = [...older, ...newest];
  if (all.length === 0) note('There is no log yet.');
  for (const line of wanted === 0 ? [] : all.slice(-wanted)) show(line);
  if (options.follow) await follow(path, tail, show);
  tail?.close();
}

/** Until it is interrupted. A log that turns over is followed into its new file. */
async function follow(path: string, begun: Tail | undefined, show: (line: string) => void): Promise<never> {
  let tail = begun;
  for (;;) {
    await pause(lookEveryMs);
    for (const line of tail?.rest() ?? []) show(line);
    if (!existsSync(path) || tail?.isOf(path)) continue;
    for (const line of tail?.rest() ?? []) show(line); // written before it turned over
    tail?.close();
    tail = new Tail(path);
  }
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
}

/** Reads on in a file that grows; a line counts when it is whole. */
class Tail {
  readonly #file: number;
  #begun = '';

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  rest(): string[] {
    const parts = [this.#begun];
    const bytes = Buffer.alloc(partBytes);
    // Byte by byte first: a part may end inside a character.
    for (let read = readSync(this.#file, bytes); read > 0; read = readSync(this.#file, bytes)) {
      parts.push(bytes.toString('latin1', 0, read));
    }
    const lines = parts.join('').split('\n');
    this.#begun = lines.pop() ?? '';
    return lines.map(line => Buffer.from(line, 'latin1').toString('utf8'));
  }

  isOf(path: string): boolean {
    return statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(this.#file).ino;
  }

  close(): void {
    closeSync(this.#file);
  }
}

const levels: Readonly<Record<number, string>> = { 30: '', 40: 'warning', 50: 'error' };

/** `23 Nov 2026, 08:55:12  warning  backup failed  job change, code E_UNREACHABLE`; a line that is none of ours as it is. */
export function readable(line: string, timeZone?: string): string {
  const found = parsed(line);
  if (found === undefined) return harmless(line);
  const { time, level, msg, ...fields } = found;
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  const when = Number.isNaN(at)
    ? ''
    : new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone }).format(at);
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.join(' < ') : value}`,
  );
  return [when, levels[Number(level)] ?? '', String(msg), rest.join(', ')]
    .filter(part => part !== '')
    .map(harmless)
    .join('  ');
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const found: unknown = JSON.parse(line);
    return typeof found === 'object' && found !== null && 'msg' in found ? { ...found } : undefined;
  } catch {
    return undefined; // half a line of a crash
  }
}
