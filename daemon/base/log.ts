// The daemon's log: JSON lines, 0600, three files of one mebibyte at most. Fields are an allow-list by type: codes, counts, durations and
// shortened ids. Paths, names, numbers of people, URLs and messages of foreign errors stay out; what a person needs to see is in Status.

import { existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { ErrorCode } from '../../protocol/errors.ts';
import { privateFile } from './files.ts';

const rotateAtBytes = 1 << 20;
const keptFiles = 3;

/** What may be said beside an event. Ids are cut to eight characters before they are written. */
export interface LogFields {
  readonly code?: ErrorCode;
  readonly system?: string;
  readonly job?: string;
  readonly reason?: string;
  readonly id?: string;
  readonly count?: number;
  readonly bytes?: number;
  readonly ms?: number;
  readonly pid?: number;
  readonly version?: string;
  readonly ok?: boolean;
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
    const line = fields.id === undefined ? fields : { ...fields, id: fields.id.slice(0, 8) };
    logger[level](line, event);
    written += 120 + event.length;
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

function rotate(path: string): void {
  if (!existsSync(path) || statSync(path).size < rotateAtBytes / 2) return;
  for (let age = keptFiles - 1; age > 0; age--) {
    const younger = age === 1 ? path : `${path}.${age - 1}`;
    if (existsSync(younger)) renameSync(younger, `${path}.${age}`);
  }
}
