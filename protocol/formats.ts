// Numbers, sizes, moments and lists as people read them, from Intl; the sentences around them go through `say`, whose texts are English and
// are their own keys for translation. Pure: the present moment comes in as an argument.

/** Turns an English text into the reader's language and fills in `{name}`. */
export type Translate = (text: string, values: Readonly<Record<string, string | number>>) => string;

export interface Locale {
  /** BCP 47; default `en-GB`, whose dates and 24-hour times fit the sentences. */
  readonly locale?: string;
  /** IANA name; default the computer's. */
  readonly timeZone?: string;
  /** Default: the text stays English. */
  readonly translate?: Translate;
}

/** A text for a person. @param text the literal English text, with `{name}` for what `values` holds */
export function say(
  { translate }: Locale,
  text: string,
  values: Readonly<Record<string, string | number>> = {},
): string {
  if (translate !== undefined) return translate(text, values);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/**
 * A text that says how many. Both texts are whole and hold `{count}`; one is taken for what English counts as one.
 * A language with more forms than English has each further one under the key of the text for many, with the form's name behind it:
 * `{count} files [few]` (categories of Intl.PluralRules).
 */
export function plural(
  locale: Locale,
  value: number,
  one: string,
  many: string,
  values: Readonly<Record<string, string | number>> = {},
): string {
  const filled = { count: count(value, locale), ...values };
  const { locale: language = english, translate } = locale;
  const form = new Intl.PluralRules(language).select(value);
  if (form === 'one') return say(locale, one, filled);
  if (form === 'other' || translate === undefined) return say(locale, many, filled);
  const key = `[${form}]`;
  const text = translate(`${many} ${key}`, filled);
  return text.endsWith(key) ? say(locale, many, filled) : text;
}

const english = 'en-GB';
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const sizeUnits = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;

/** Two digits of meaning, decimal units: `812 bytes`, `4.1 GB`, `31 MB`. */
export function size(bytes: number, { locale = english }: Locale = {}): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  // 999.5 would round to "1,000 kB"
  while (value >= (unit === 0 ? 1000 : 999.5) && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: sizeUnits[unit] ?? 'byte',
    unitDisplay: unit === 0 ? 'long' : 'short',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

export function count(value: number, { locale = english }: Locale = {}): string {
  return new Intl.NumberFormat(locale).format(value);
}

/** `1 file`, `2,310 files`; translated as `{count} file` and `{count} files`, so it stands alone and not in a sentence. */
export function counted(value: number, one: string, many: string, locale: Locale = {}): string {
  return plural(locale, value, `{count} ${one}`, `{count} ${many}`);
}

/** Whole percent, rounded down: 100 % means done. */
export function percent(share: number, { locale = english }: Locale = {}): string {
  const whole = Math.floor(Math.min(1, Math.max(0, share)) * 100 + 1e-9) / 100;
  return new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 }).format(whole);
}

/** Rounded to one unit: `40 seconds`, `2 minutes`, `3 hours`, `9 days`. */
export function duration(ms: number, { locale = english }: Locale = {}): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [value, unit] =
    seconds < 60
      ? [seconds, 'second']
      : seconds < 90 * 60
        ? [Math.round(seconds / 60), 'minute']
        : seconds < 36 * 3600
          ? [Math.round(seconds / 3600), 'hour']
          : [Math.round(seconds / 86_400), 'day'];
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}

/**
 * Under an hour `5 minutes ago`, the same day `at 08:55`, yesterday and tomorrow by name, this year `on 12 November`, else with the year.
 * `bare` leaves out "at" and "on", for "up to 08:55".
 * @param at RFC 3339
 */
export function ago(at: string, now: number, options: Locale & { readonly bare?: boolean } = {}): string {
  const { locale = english, timeZone, bare = false } = options;
  const then = Date.parse(at);
  if (Number.isNaN(then)) return say(options, 'at an unknown time');
  const past = now - then;
  if (past >= 0 && past < minuteMs) return say(options, 'just now');
  if (past >= 0 && past < hourMs) {
    return new Intl.RelativeTimeFormat(locale).format(-Math.floor(past / minuteMs), 'minute');
  }
  const time = timeOfDay(then, options);
  const days = dayNumber(then, timeZone) - dayNumber(now, timeZone);
  if (days === 0) return bare ? time : say(options, 'at {time}', { time });
  if (Math.abs(days) === 1) {
    const day = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(days, 'day');
    return say(options, '{day} at {time}', { day, time });
  }
  const date = dateOf(then, now, locale, timeZone);
  return bare ? date : say(options, 'on {date}', { date });
}

/** The day alone, for "since …": `today`, `yesterday`, `14 November`, `14 November 2025`. @param at RFC 3339 */
export function dayOf(at: string, now: number, options: Locale = {}): string {
  const { locale = english, timeZone } = options;
  const then = Date.parse(at);
  if (Number.isNaN(then)) return say(options, 'an unknown day');
  const days = dayNumber(then, timeZone) - dayNumber(now, timeZone);
  if (days === 0 || days === -1) return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(days, 'day');
  return dateOf(then, now, locale, timeZone);
}

/** Date and time in full, for tooltips and lists. */
export function moment(at: string, options: Locale = {}): string {
  const { locale = english, timeZone } = options;
  const then = Date.parse(at);
  if (Number.isNaN(then)) return say(options, 'unknown');
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(then);
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[], { locale = english }: Locale = {}): string {
  return new Intl.ListFormat(locale).format(items);
}

/** The hour alone: `08:55`. */
export function timeOfDay(at: number, { locale = english, timeZone }: Locale = {}): string {
  return new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone }).format(at);
}

/** The text with a large first letter, for the names of apps and places, which are small in the middle of a sentence. */
export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** A sentence without the stop at its end, to go on in another. */
export function withoutStop(sentence: string): string {
  return sentence.replace(/[.。]$/, '');
}

/** Day and month, with the year when it is another. */
function dateOf(then: number, now: number, locale: string, timeZone: string | undefined): string {
  const sameYear = yearOf(then, timeZone) === yearOf(now, timeZone);
  return new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'long',
    ...(sameYear ? {} : { year: 'numeric' }),
    timeZone,
  }).format(then);
}

/** Days since 1970 on the calendar of that zone. */
function dayNumber(at: number, timeZone: string | undefined): number {
  const parts = new Intl.DateTimeFormat('en-CA', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    timeZone,
  }).format(at);
  return Date.parse(`${parts}T00:00:00Z`) / dayMs;
}

function yearOf(at: number, timeZone: string | undefined): string {
  return new Intl.DateTimeFormat('en-CA', { year: 'numeric', timeZone }).format(at);
}
