// Tells the desktop what a person should know although no window of Signet is open: each incident once, also across restarts of the daemon,
// and only what is worth an interruption. What was told is remembered until a later run shows that the incident is over.

import { desktopAlarm, desktopNotice } from '../../protocol/notice-words.ts';
import type { NoticeKind, Status } from '../../protocol/status.ts';
import { toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { State } from '../state/state.ts';

/** The rest waits in the panel until somebody looks. */
const interrupting: readonly NoticeKind[] = [
  'overdue',
  'locked-due',
  'failed',
  'half-restored',
  'shrunk',
  'missing-source',
  'password-reminder',
  'signed-out',
  'cloud-full',
];
const fact = 'notices.told';
/** More than any computer has at once; keeps a wild id from filling the state. */
const mostTold = 200;

export interface DesktopNoticesOptions {
  readonly facts: State['facts'];
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly now: () => number;
  readonly isWanted: () => boolean;
  /** Whether it was shown. */
  readonly show: (text: string) => Promise<boolean>;
}

interface Incident {
  readonly id: string;
  readonly kind: string;
  readonly text: string;
}

export class DesktopNotices {
  readonly #options: DesktopNoticesOptions;
  readonly #told: Set<string>;
  #firstRun: string | undefined;

  constructor(options: DesktopNoticesOptions) {
    this.#options = options;
    this.#told = new Set(parsed(options.facts.get(fact)));
  }

  /** To be called with every new state. Cheap while nothing new stands; never throws. */
  look(status: Status): void {
    const incidents = incidentsOf(status, this.#options.now());
    const run = `${status.lastGoodAt} ${status.lastError?.at}`;
    this.#firstRun ??= run;
    const { isWanted } = this.#options;
    const fresh = isWanted() ? incidents.filter(({ id }) => !this.#told.has(id)) : [];
    // Right after a start nothing is known of what the last run found: its incidents are not over, only not seen yet.
    const over = run === this.#firstRun ? [] : [...this.#told].filter(id => !incidents.some(each => each.id === id));
    if (fresh.length === 0 && over.length === 0) return;
    for (const id of over) this.#told.delete(id);
    for (const { id } of fresh) this.#told.add(id);
    this.#remember();
    for (const incident of fresh) void this.#tell(incident);
  }

  async #tell({ kind, text }: Incident): Promise<void> {
    const wasShown = await this.#options.show(text);
    this.#options.log.info('notice on the desktop', { reason: kind, ok: wasShown });
  }

  #remember(): void {
    try {
      this.#options.facts.set(fact, JSON.stringify([...this.#told].slice(-mostTold)));
    } catch (thrown) {
      // A full disk: at worst the same notice comes again after a restart.
      this.#options.log.warn('told notices could not be remembered', { code: toSignetError(thrown).code });
    }
  }
}

function incidentsOf(status: Status, now: number): readonly Incident[] {
  return [
    ...status.alarms.map(alarm => ({ id: `alarm ${alarm.id}`, kind: alarm.code, text: desktopAlarm(alarm) })),
    ...status.notices
      .filter(({ kind }) => interrupting.includes(kind))
      .map(notice => ({ id: notice.id, kind: notice.kind, text: desktopNotice(notice, now) })),
  ];
}

function parsed(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const value: unknown = JSON.parse(text); // written by `#remember` alone
  return Array.isArray(value) ? value.filter(id => typeof id === 'string') : [];
}
