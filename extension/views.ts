// What the status bar shows, and what goes with each state, as functions of the daemon's whole state: no editor API, no state of their own.
// The sentences are those of the command line (protocol/words.ts); here they get the commands that help. The tree is in status-rows.ts.

import { type Locale, say } from '../protocol/formats.ts';
import type { Status } from '../protocol/status.ts';
import { type State, sentenceFor, shareOf, statusBarText } from '../protocol/words.ts';

/** What the extension knows at any time. */
export type Known =
  | { readonly kind: 'starting' }
  /** Why it could not be started; empty when nobody tried. `isNewer`: it runs, and this extension is too old for it. */
  | { readonly kind: 'notRunning'; readonly reason: string; readonly isNewer?: true }
  | { readonly kind: 'connected'; readonly status: Status };

/** When "now" is (milliseconds since 1970), and how numbers and times are written. */
export interface Reader {
  readonly now: number;
  readonly locale: Locale;
}

export function stateOf(known: Known, { now, locale }: Reader): State | 'starting' {
  if (known.kind === 'starting') return 'starting';
  return sentenceFor(known.kind === 'connected' ? known.status : null, now, locale).state;
}

/** A command of the extension with its title. */
export interface Offer {
  readonly title: string;
  readonly command: string;
}

const offers = {
  start: ({ locale }) => ({ title: say(locale, 'Start'), command: 'signet.start' }),
  setUp: ({ locale }) => ({ title: say(locale, 'Set Up Backup…'), command: 'signet.setUp' }),
  backUpNow: ({ locale }) => ({ title: say(locale, 'Back Up Now'), command: 'signet.backUpNow' }),
  tryAgain: ({ locale }) => ({ title: say(locale, 'Try Again'), command: 'signet.backUpNow' }),
  cancel: ({ locale }) => ({ title: say(locale, 'Cancel'), command: 'signet.cancelBackup' }),
  restore: ({ locale }) => ({ title: say(locale, 'Restore…'), command: 'signet.restore' }),
  unlock: ({ locale }) => ({ title: say(locale, 'Unlock…'), command: 'signet.unlock' }),
  signIn: ({ locale }) => ({ title: say(locale, 'Sign In…'), command: 'signet.signIn' }),
  showAlarm: ({ locale }) => ({ title: say(locale, 'Show…'), command: 'signet.showAlarm' }),
  showPlan: ({ locale }) => ({ title: say(locale, 'Show Plan…'), command: 'signet.tidyUp' }),
  openStatus: ({ locale }) => ({ title: say(locale, 'Open Status'), command: 'signet.openStatus' }),
  showLog: ({ locale }) => ({ title: say(locale, 'Show Log'), command: 'signet.showLog' }),
  update: ({ locale }) => ({ title: say(locale, 'Update'), command: 'signet.extension.update' }),
} as const satisfies Record<string, (reader: Reader) => Offer>;

/** The commands that a tooltip may offer; nothing else in it can be clicked. */
export function offeredCommands(reader: Reader): readonly string[] {
  return [...new Set(Object.values(offers).map(offer => offer(reader).command))];
}

/** What can be done, by the state and its cause; the first helps most. */
export function offersFor(known: Known, reader: Reader): readonly Offer[] {
  return namesFor(known, stateOf(known, reader)).map(name => offers[name](reader));
}

type OfferName = keyof typeof offers;

function namesFor(known: Known, state: State | 'starting'): readonly OfferName[] {
  switch (state) {
    case 'starting':
      return ['showLog'];
    case 'not running':
      return known.kind === 'notRunning' && known.isNewer ? ['update'] : ['start', 'showLog'];
    case 'not set up':
      return ['setUp'];
    case 'alarm':
      return ['showAlarm'];
    case 'running':
      return known.kind === 'connected' && known.status.job?.cancellable ? ['cancel'] : [];
    case 'locked':
      return ['unlock'];
    case 'overdue':
      return known.kind === 'connected' ? overdueNames(known.status) : [];
    case 'needs you':
      return known.kind === 'connected' ? needNames(known.status) : [];
    case 'good':
      return ['backUpNow', 'restore'];
  }
}

function needNames(status: Status): readonly OfferName[] {
  if (isSignedOut(status)) return ['signIn'];
  return status.lastError?.code === 'E_REMOTE_FULL' ? ['showPlan', 'tryAgain'] : ['tryAgain', 'openStatus'];
}

/** Overdue because it is locked, or locked as well: unlocking comes first. */
function overdueNames(status: Status): readonly OfferName[] {
  if (status.vault === 'locked') return ['unlock'];
  return isSignedOut(status) ? ['signIn'] : ['backUpNow', 'openStatus'];
}

/** The place waits for its owner to sign in. */
export function isSignedOut({ remote, overdue, lastError }: Status): boolean {
  return remote?.signIn === 'needed' || overdue?.cause === 'sign-in' || lastError?.code === 'E_SIGN_IN';
}

/** What a click does, where it is not opening the panel. */
const clicks: { readonly [state in State | 'starting']?: string } = {
  locked: 'signet.unlock',
  alarm: 'signet.showAlarm',
};

export interface BarItem {
  readonly text: string;
  /** Plain lines; the first is the state's sentence. */
  readonly tooltip: readonly string[];
  readonly offers: readonly Offer[];
  /** What a screen reader says. */
  readonly label: string;
  /** While a job runs: tenths that are done. The label is told anew with each of them, and not in between. */
  readonly tenth?: number;
  /** What a click does. */
  readonly command: string;
  readonly background?: 'warning' | 'error';
}

export function statusBar(known: Known, reader: Reader): BarItem {
  const { locale, now } = reader;
  const state = stateOf(known, reader);
  const common = {
    offers: offersFor(known, reader),
    command: clicks[state] ?? 'signet.openStatus',
  };
  if (known.kind === 'starting') {
    const words = say(locale, 'Signet is starting');
    return { ...common, text: '$(sync~spin) Signet', tooltip: [words], label: words };
  }
  if (known.kind === 'notRunning' && known.isNewer) {
    const words = newerWords(reader);
    return {
      ...common,
      text: say(locale, '$(arrow-circle-up) Signet: Update'),
      tooltip: words,
      label: words.join(' '),
    };
  }
  const status = known.kind === 'connected' ? known.status : null;
  const reason = known.kind === 'notRunning' && known.reason !== '' ? [known.reason] : [];
  const { tooltip, ...words } = statusBarText(status, now, locale);
  const share = status?.job ? shareOf(status.job) : undefined;
  return {
    ...common,
    ...words,
    ...(state === 'running' && { tenth: Math.floor(10 * Math.min(1, share ?? 0)) }),
    tooltip: [...tooltip.split('\n'), ...reason],
  };
}

/** Of a background part that this extension cannot talk to, since it is too old for it. */
export function newerWords({ locale }: Reader): readonly string[] {
  return [
    say(locale, "Signet's background part is newer than this extension."),
    say(locale, 'Update the extension to see everything; backups go on.'),
  ];
}

/** Context keys (`signet.<name>`) for the `when` and `enablement` of the manifest. */
export function contextOf(known: Known, reader: Reader): Readonly<Record<string, string | boolean>> {
  const status = known.kind === 'connected' ? known.status : undefined;
  return {
    state: stateOf(known, reader),
    connected: status !== undefined,
    setUp: status !== undefined && status.vault !== 'absent',
    locked: status?.vault === 'locked',
    unlocked: status?.vault === 'unlocked',
    running: status !== undefined && status.job !== null,
    canBackUp: status?.vault === 'unlocked' && status.job === null,
    canCancel: status?.job?.cancellable ?? false,
    signedOut: status !== undefined && isSignedOut(status),
    empty: status?.repository?.snapshots === 0,
    isNewer: known.kind === 'notRunning' && known.isNewer === true,
  };
}

/** Milliseconds until a text that tells of time would read differently; undefined while none does. */
export function nextChangeMs(known: Known, now: number): number | undefined {
  if (known.kind !== 'connected') return undefined;
  const { lastGoodAt, lastBackup, nextRun, waiting, pausedUntil, devices, job } = known.status;
  const moments = [
    ...[lastGoodAt, lastBackup?.at, nextRun, waiting?.until, pausedUntil, job?.waitingUntil],
    ...(devices?.map(({ at }) => at) ?? []),
  ].flatMap(at => (at === null || at === undefined ? [] : [Date.parse(at)]));
  const changes = moments.filter(Number.isFinite).map(at => changeOf(at, now));
  return changes.length === 0 ? undefined : Math.max(1000, Math.min(...changes));
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** In the hour after a moment its words change each minute, else at midnight; what is to come, when it comes. */
function changeOf(at: number, now: number): number {
  const midnight = new Date(now).setHours(24, 0, 0, 0) - now;
  const past = now - at;
  if (past < 0) return Math.min(-past, midnight);
  return past < hourMs ? minuteMs - (past % minuteMs) : midnight;
}

/** Percent of the running job for a progress notice; undefined while it cannot be told. */
export function percentOf(job: NonNullable<Status['job']>): number | undefined {
  const share = shareOf(job);
  return share === undefined ? undefined : 100 * Math.min(1, share);
}

/** A day as people name it: "Today", "Yesterday", else weekday and date. */
export function dayOf(at: string, { now, locale: { locale = 'en-GB', timeZone } }: Reader): string {
  const day = (time: number) => new Date(time).toLocaleDateString('en-CA', { timeZone });
  const then = Date.parse(at);
  if (day(then) === day(now)) return 'Today';
  if (day(then) === day(now - 24 * 3_600_000)) return 'Yesterday';
  return new Date(then).toLocaleDateString(locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone,
  });
}

/** Hours and minutes. */
export function timeOf(at: string, { locale: { locale = 'en-GB', timeZone } }: Reader): string {
  return new Date(at).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', timeZone });
}
