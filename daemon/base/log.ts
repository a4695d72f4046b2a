// The daemon's log: JSON lines, 0600, three files of one mebibyte at most. Fields are an allow-list by type: codes, counts, durations and
// shortened ids. Paths, names, numbers of people, URLs and messages of foreign errors stay out; what a person needs to see is in Status.

import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { ErrorCode } from '../../protocol/errors.ts';
import { privateFile } from './files.ts';

const rotateAtBytes = 1 << 20;
const keptFiles = 3;
/** Time, level and the names of both in a line. */
const aroundFields = 70;
const longestText = 80;
const mostFrames = 8;
const leftOut = '(left out)';

/** What may be said beside an event; anything else is left out. Ids are cut to eight characters before they are written. */
export interface LogFields {
  readonly code?: ErrorCode;
  readonly system?: string;
  readonly job?: string;
  readonly reason?: string;
  readonly id?: string;
  /** Of the protocol: `signet/status`. */
  readonly method?: string;
  readonly count?: number;
  readonly bytes?: number;
  readonly ms?: number;
  readonly pid?: number;
  readonly version?: string;
  readonly ok?: boolean;
  readonly compatible?: boolean;
  /** The name of an unforeseen error, and where it came from. */
  readonly error?: string;
  readonly at?: readonly string[];
}

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Opens `<folder>/<name>.log`; writes synchronously, so that the last line before a crash is there. */
export function openLog(folder: string, name: string): Log {
  const path = join(folder, `${name}.log`);
  rotate(path);
  const destination = pino.destination({ dest: path, sync: true, mode: privateFile });
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  let written = existsSync(path) ? statSync(path).size : 0;
  const write = (level: 'info' | 'warn' | 'error', event: string, fields: LogFields = {}): void => {
    const line = sayable(fields);
    logger[level](line, event);
    written += aroundFields + event.length + JSON.stringify(line).length;
    if (written > rotateAtBytes) {
      rotate(path);
      destination.reopen();
      written = 0;
    }
  };
  return {
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  };
}

/**
 * The last lines of `<folder>/<name>.log` and the one before it, oldest first, with nothing in them but what may be said: a file may have been
 * written by another version, or by hand.
 */
export function logTail(folder: string, name: string, maxBytes: number): readonly string[] {
  const path = join(folder, `${name}.log`);
  const texts = [`${path}.1`, path].map(each => endOf(each, maxBytes));
  return texts.flatMap(text => text.split('\n')).flatMap(line => (line === '' ? [] : [sayableLine(line)]));
}

function endOf(path: string, maxBytes: number): string {
  if (!existsSync(path)) return '';
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const length = Math.min(size, maxBytes);
    const bytes = Buffer.alloc(length);
    const text = bytes.toString('utf8', 0, readSync(file, bytes, 0, length, size - length));
    return length < size ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    closeSync(file);
  }
}

function sayableLine(line: string): string {
  try {
    const { time, level, msg, ...fields }: Readonly<Record<string, unknown>> = JSON.parse(line);
    const at = typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? new Date(time).toISOString() : leftOut;
    return JSON.stringify({ time: at, level: number(level), msg: text(msg), ...sayable(fields as LogFields) });
  } catch {
    return leftOut; // cut off by a crash
  }
}

const forms: { readonly [name in keyof LogFields]-?: (value: unknown) => unknown } = {
  code: text,
  system: text,
  job: text,
  reason: text,
  version: text,
  error: text,
  id: value => (typeof value === 'string' ? value.slice(0, 8) : leftOut),
  method: value => (typeof value === 'string' && /^[$a-z]+(?:\/[a-zA-Z]+){0,3}$/.test(value) ? value : leftOut),
  count: number,
  bytes: number,
  ms: number,
  pid: number,
  ok: flag,
  compatible: flag,
  at: value => (Array.isArray(value) ? value.slice(0, mostFrames).map(frame) : leftOut),
};

/** The fields that are known, each in its form: types end where foreign objects are handed on. */
function sayable(fields: LogFields): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(forms).flatMap(([name, form]) => {
      const value: unknown = fields[name as keyof LogFields];
      return value === undefined ? [] : [[name, form(value)]];
    }),
  );
}

/** Words, codes and names of jobs. What looks like a path, an address or a number of a person is no such thing. */
function text(value: unknown): string {
  if (typeof value !== 'string') return leftOut;
  return /[/\\~@]|\d[\d\s().-]{5,}\d/.test(value) ? leftOut : value.slice(0, longestText);
}

function number(value: unknown): number | string {
  return typeof value === 'number' ? value : leftOut;
}

function flag(value: unknown): boolean | string {
  return typeof value === 'boolean' ? value : leftOut;
}

/** `at run (file:///home/kim/signet/daemon/jobs/jobs.ts:12:3)` without the way to the program: `run jobs.ts:12:3`. */
function frame(value: unknown): string {
  const [, called = '', file = ''] =
    /^\s*at (?:(?:async )?([\w$.#<> ]{1,80}) )?\(?(?:.*[/\\])?([\w.-]{1,60}(?::\d{1,7}){1,2})\)?$/.exec(
      String(value),
    ) ?? [];
  return `${called} ${file}`.trim() || leftOut;
}

function rotate(path: string): void {
  if (!existsSync(path) || statSync(path).size < rotateAtBytes / 2) return;
  for (let age = keptFiles - 1; age > 0; age--) {
    const younger = age === 1 ? path : `${path}.${age - 1}`;
    if (existsSync(younger)) renameSync(younger, `${path}.${age}`);
  }
}
