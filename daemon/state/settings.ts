// settings.json: what the user chose. Checked against a schema when it is read; keys that this version does not know are kept
// when it is written; a file that does not fit is named, key by key, and never overwritten.

import { isAbsolute, join } from 'node:path';
import * as v from 'valibot';
import { fromUtf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { readBounded, replaceFile } from '../base/files.ts';
import { patternProblem } from './exclude-pattern.ts';
import type { Settings } from './model.ts';

const maxFileBytes = 1024 * 1024;
const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

const period = (defaultMs: number, minMs: number) =>
  v.optional(
    v.pipe(
      v.number('must be a number of milliseconds'),
      v.integer('must be a whole number of milliseconds'),
      v.minValue(minMs, `must be at least ${minMs} (milliseconds)`),
      v.maxValue(weekMs, `must be at most ${weekMs} (milliseconds, one week)`),
    ),
    defaultMs,
  );

const flag = (value: boolean) => v.optional(v.boolean('must be true or false'), value);

const schedule = v.looseObject({
  kind: v.picklist(
    ['never', 'manual', 'daily', 'weekly', 'monthly'],
    'must be "never", "manual", "daily", "weekly" or "monthly"',
  ),
  at: v.optional(
    v.pipe(
      v.string('must be text'),
      v.regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a time of the day such as "03:30"'),
    ),
    '03:30',
  ),
  onChange: v.optional(v.boolean('must be true or false'), true),
});

const source = v.looseObject({
  id: v.pipe(
    v.string('must be text'),
    v.regex(/^[a-z][a-z0-9-]{0,40}-[a-z2-7]{8}$/, 'must be a source id such as "whatsapp-k3v9q2aa"'),
  ),
  profile: v.pipe(v.string('must be text'), v.regex(/^[a-z][a-z0-9-]{0,40}$/, 'must be the name of a profile')),
  label: v.pipe(
    v.string('must be text'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(200, 'must have at most 200 characters'),
  ),
  root: v.pipe(v.string('must be text'), v.check(isPlainAbsolutePath, 'must be an absolute path')),
  leaveOut: v.exactOptional(
    v.array(
      v.picklist(
        ['image', 'video', 'audio', 'document', 'sticker'],
        'must be "image", "video", "audio", "document" or "sticker"',
      ),
      'must be a list',
    ),
  ),
  maxFileBytes: v.exactOptional(
    v.pipe(
      v.number('must be a number of bytes'),
      v.integer('must be a whole number of bytes'),
      v.minValue(1, 'must be at least 1'),
      v.maxValue(Number.MAX_SAFE_INTEGER, 'is too large'),
    ),
  ),
  exclude: v.exactOptional(
    v.pipe(
      v.array(
        v.pipe(
          v.string('must be text'),
          v.maxLength(1024, 'must have at most 1024 characters'),
          v.check(
            pattern => patternProblem(pattern) === undefined,
            ({ input }) => `is ${JSON.stringify(input)}, which ${patternProblem(input)}`,
          ),
        ),
        'must be a list of patterns',
      ),
      v.maxLength(1000, 'must have at most 1000 entries'),
    ),
  ),
});

const number = (what: string, value: number, min: number, max: number) =>
  v.optional(
    v.pipe(
      v.number(`must be a number of ${what}`),
      v.integer(`must be a whole number of ${what}`),
      v.minValue(min, `must be at least ${min} (${what})`),
      v.maxValue(max, `must be at most ${max} (${what})`),
    ),
    value,
  );

const program = v.optional(
  v.pipe(
    v.array(
      v.pipe(v.string('must be text'), v.maxLength(4096, 'is too long')),
      'must be a list: a program and its arguments',
    ),
    v.maxLength(64, 'must have at most 64 entries'),
    v.check(
      ([path]) => path === undefined || isPlainAbsolutePath(path),
      'must begin with the absolute path of a program',
    ),
  ),
  [],
);

const placeSpec = v.pipe(
  v.string('must be text'),
  v.maxLength(4096, 'must have at most 4096 characters'),
  v.regex(/^(?:folder|drive|s3):./, 'must begin with "folder:", "drive:" or "s3:"'),
);

const bytesPerSecond = v.optional(
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number of bytes'),
    v.check(value => value === 0 || value >= 1024, 'must be 0 or at least 1024 bytes a second'),
  ),
  0,
);

const mib = 1024 * 1024;
const packTarget = v.optional(
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number of bytes'),
    v.check(
      value => value === 0 || (value >= 4 * mib && value <= 128 * mib),
      `must be 0 or from ${4 * mib} to ${128 * mib} (bytes)`,
    ),
  ),
  0,
);

const schema = v.looseObject({
  v: v.literal(1, 'must be 1; another number means that another version of Signet wrote the file'),
  deviceLabel: v.pipe(
    v.string('must be text'),
    v.regex(/^[^\u0000-\u001f\u007f]{1,64}$/, 'must have 1 to 64 characters and no control characters'),
  ),
  remote: v.optional(v.nullable(placeSpec), null),
  mirrors: v.optional(
    v.pipe(
      v.array(placeSpec, 'must be a list'),
      v.maxLength(8, 'must have at most 8 entries'),
      v.check(list => new Set(list).size === list.length, 'must not name the same place twice'),
    ),
    [],
  ),
  maxUploadBytesPerSecond: bytesPerSecond,
  maxDownloadBytesPerSecond: bytesPerSecond,
  packTargetBytes: packTarget,
  sources: v.optional(
    v.pipe(
      v.array(source, 'must be a list'),
      v.maxLength(200, 'must have at most 200 entries'),
      v.check(list => new Set(list.map(({ id }) => id)).size === list.length, 'must not name the same id twice'),
    ),
    [],
  ),
  schedule: v.optional(schedule, { kind: 'daily' }),
  quietMs: period(30_000, 0),
  longestWaitMs: period(600_000, 0),
  smallestIntervalMs: period(900_000, 0),
  rescanMs: period(hourMs, 0),
  watch: v.optional(v.picklist(['chokidar', 'off'], 'must be "chokidar" or "off"'), 'chokidar'),
  jitterMs: period(30_000, 0),
  lockAfterIdleMs: period(0, 0),
  lockAfterMs: period(0, 0),
  useKeychain: flag(true),
  waitOnBattery: flag(false),
  waitOnMetered: flag(true),
  syncedBy: v.optional(v.nullable(v.pipe(v.string('must be text or null'), v.maxLength(64, 'is too long'))), null),
  passwordReminder: flag(true),
  desktopNotices: flag(true),
  tidyUp: flag(false),
  keepAllHours: number('hours', 24, 1, 8760),
  keepHourlyDays: number('days', 7, 0, 3660),
  keepDailyDays: number('days', 30, 0, 3660),
  keepWeeklyWeeks: number('weeks', 52, 0, 520),
  keepMonthlyMonths: number('months', 0, 0, 1200),
  drillDays: number('days', 7, 0, 365),
  beforeBackup: program,
  afterBackup: program,
  healthCheckUrl: v.optional(
    v.nullable(
      v.pipe(
        v.string('must be text or null'),
        v.check(isHealthUrl, 'must be an https address, or http on this computer'),
      ),
    ),
    null,
  ),
});

/** What a machine starts with (DESIGN: daily at 03:30 and on change). */
export function defaultSettings(deviceLabel: string): Settings {
  return v.parse(schema, { v: 1, deviceLabel: cleanLabel(deviceLabel) });
}

export class SettingsFile {
  readonly path: string;
  readonly #deviceLabel: string;

  /** @param hostLabel stands in where the file names no `deviceLabel` */
  constructor(configFolder: string, hostLabel: string) {
    this.path = join(configFolder, 'settings.json');
    this.#deviceLabel = cleanLabel(hostLabel);
  }

  /**
   * The settings, or undefined when there is no file yet. Keys left out have their defaults.
   *
   * @throws E_SETTING with `params.file`, `params.key` (dotted; '' for the whole file) and `params.problem`
   */
  async load(): Promise<Settings | undefined> {
    const raw = await this.#read();
    return raw === undefined ? undefined : this.#check(raw);
  }

  /**
   * Replaces the file in one step; keys in it that this version does not know stay as they are.
   *
   * @throws E_SETTING when the new settings do not fit the schema, or when the file on disk is damaged: it is then left alone
   */
  async save(settings: Settings): Promise<void> {
    this.#check(settings);
    const before = await this.#read();
    if (before !== undefined) this.#check(before);
    await replaceFile(this.path, `${JSON.stringify(mergeUnknown(before, settings), undefined, 2)}\n`);
  }

  async #read(): Promise<unknown> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await readBounded(this.path, maxFileBytes);
    } catch (error) {
      throw this.#error(
        '',
        error instanceof SignetError ? `is larger than ${maxFileBytes} bytes` : 'cannot be read',
        error,
      );
    }
    if (bytes === undefined) return undefined;
    const text = fromUtf8(bytes)?.replace(/^\ufeff/, ''); // some editors put a byte order mark first
    if (text === undefined) throw this.#error('', 'is not UTF-8 text');
    try {
      return JSON.parse(text);
    } catch (error) {
      throw this.#error('', `is not JSON (${error instanceof Error ? error.message : String(error)})`);
    }
  }

  #check(raw: unknown): Settings {
    if (!isRecord(raw)) throw this.#error('', 'must be a JSON object');
    const result = v.safeParse(schema, { deviceLabel: this.#deviceLabel, ...raw });
    if (result.success) return result.output;
    const [issue] = result.issues;
    const key = v.getDotPath(issue) ?? '';
    throw this.#error(key, issue.received === 'undefined' ? 'is missing' : issue.message);
  }

  #error(key: string, problem: string, cause?: unknown): SignetError {
    const what = key === '' ? this.path : `${this.path}: "${key}"`;
    return new SignetError('E_SETTING', `${what} ${problem}; the file was left as it is, correct or remove it`, {
      params: { file: this.path, key, problem },
      cause,
    });
  }
}

/** `next`, plus what only `before` has; lists of things with ids are matched by id. */
function mergeUnknown(before: unknown, next: unknown): unknown {
  if (Array.isArray(next)) {
    if (!Array.isArray(before)) return next;
    return next.map(item =>
      hasId(item) ? mergeUnknown(withoutChoices(before.find(old => hasId(old) && old.id === item.id)), item) : item,
    );
  }
  if (!isRecord(next) || !isRecord(before)) return next;
  const merged: Record<string, unknown> = { ...next };
  for (const [key, value] of Object.entries(before)) {
    if (key === '__proto__') continue; // assigning it would not make a key
    merged[key] = Object.hasOwn(next, key) ? mergeUnknown(value, next[key]) : value;
  }
  return merged;
}

/** Without what this version knows of a source: what is not there any more was taken away. */
function withoutChoices(before: unknown): unknown {
  if (!isRecord(before)) return before;
  return Object.fromEntries(Object.entries(before).filter(([key]) => !Object.hasOwn(source.entries, key)));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasId(value: unknown): value is { id: string } {
  return isRecord(value) && typeof value['id'] === 'string';
}

function isPlainAbsolutePath(path: string): boolean {
  return isAbsolute(path) && !path.includes('\0') && path.length <= 4096;
}

/** What leaves this computer does so sealed; in the clear only to this computer itself. */
function isHealthUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || text.length > 2048) return false;
  return (
    url.protocol === 'https:' ||
    (url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname))
  );
}

function cleanLabel(label: string): string {
  const printable = label
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .trim()
    .slice(0, 64)
    .toWellFormed();
  return printable === '' ? 'computer' : printable;
}
