// Which chats are backed up, and what of them: adding, removing and changing sources. Each change is checked as a whole and saved before it
// counts; the watcher follows. What is backed up of a source stays when it is removed. What comes in is backed up soon, by itself where the
// schedule allows it.

import type {
  FoundSource,
  NextBackup,
  NoticeKind,
  SourceChoices,
  SourceStatus,
  Status,
  SyncedFolder,
} from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';
import type { Settings, SourceSetting } from '../state/model.ts';
import { patternProblem, type State } from '../state/state.ts';
import { acceptedName } from './backups.ts';
import { checkFolders, physical } from './places.ts';
import type { SettingsInUse } from './settings-in-use.ts';

/** A folder, a profile with its usual folder, or both; and what of it is not wanted. */
export interface SourceWish extends SourceChoices {
  readonly root?: string | undefined;
  readonly profile?: string | undefined;
  readonly label?: string | undefined;
}

export type NewSource = (wish: Pick<SourceWish, 'root' | 'profile' | 'label'>) => Promise<SourceSetting>;

export interface SourceChange {
  readonly id: string;
  readonly label?: string;
  readonly leaveOut?: SourceChoices['leaveOut'];
  /** Null takes the limit away. */
  readonly maxFileBytes?: number | null;
  readonly exclude?: SourceChoices['exclude'];
}

export interface SourceListOptions {
  readonly newSource: NewSource;
  /** What this computer has, with the roots of the present sources marked. */
  readonly discover: (known: readonly string[]) => Promise<readonly FoundSource[]>;
  readonly syncedFolders: () => Promise<readonly SyncedFolder[]>;
  readonly homeFolders: readonly string[];
  readonly facts: Pick<State['facts'], 'get' | 'set'>;
  readonly clock: Clock;
  /** In its turn; saved, and followed from now on. @throws E_NOT_SET_UP */
  readonly change: SettingsInUse['change'];
  readonly status: () => Pick<Status, 'sources' | 'notices'>;
  /** There is something new to back up of it; false where nothing is backed up by itself. */
  readonly sourceDue: (id: string) => boolean;
  readonly onChanged: () => void;
}

const losses: readonly NoticeKind[] = ['shrunk', 'fewer-messages'];

export class SourceList {
  readonly #options: SourceListOptions;

  constructor(options: SourceListOptions) {
    this.#options = options;
  }

  async discover(): Promise<readonly FoundSource[]> {
    return this.#options.discover(this.#options.status().sources.map(({ root }) => root));
  }

  syncedFolders(): Promise<readonly SyncedFolder[]> {
    return this.#options.syncedFolders();
  }

  /** @throws E_NOT_SET_UP · E_USAGE (a folder that is one already, a pattern that says nothing) · what `newSource` and places throw */
  async add(wish: SourceWish): Promise<SourceStatus & NextBackup> {
    const { newSource, homeFolders: home, change } = this.#options;
    const settings = await change(async before => {
      const source = await settingOf(wish, before.sources, newSource);
      await checkFolders({ remote: before.remote ?? '', others: before.mirrors, sources: [source], home });
      return { ...before, sources: [...before.sources, source] };
    });
    const id = settings.sources.at(-1)?.id ?? '';
    return { ...this.#statusOf(id), ...this.#due(id) };
  }

  /** @throws E_NOT_FOUND */
  async remove(id: string): Promise<void> {
    await this.#options.change(before => {
      sourceOf(before, id);
      return { ...before, sources: before.sources.filter(each => each.id !== id) };
    });
  }

  /** @throws E_NOT_FOUND · E_USAGE for a pattern that says nothing */
  async change({ id, ...change }: SourceChange): Promise<SourceStatus & NextBackup> {
    let isMore = false;
    await this.#options.change(before => {
      const source = sourceOf(before, id);
      const changed = changedSource(source, change);
      isMore = takesMore(source, changed);
      return { ...before, sources: before.sources.map(each => (each.id === id ? changed : each)) };
    });
    return { ...this.#statusOf(id), ...(isMore ? this.#due(id) : {}) };
  }

  /** @throws E_NOT_FOUND · E_USAGE when nothing of it went: said ahead of time it would wave a loss through that nobody has seen */
  async accept(id: string): Promise<NextBackup> {
    const { facts, clock, status, onChanged } = this.#options;
    const { label } = this.#statusOf(id);
    if (facts.get(acceptedName(id)) !== undefined) return this.#due(id);
    const isLoss = status().notices.some(({ source, kind }) => source === id && losses.includes(kind));
    if (!isLoss) {
      throw new SignetError('E_USAGE', `source ${id} lost nothing`, {
        params: { detail: `nothing is missing in ${label} that Signet has noticed` },
      });
    }
    facts.set(acceptedName(id), new Date(clock.now()).toISOString());
    onChanged();
    return this.#due(id);
  }

  #due(id: string): NextBackup {
    return { nextBackup: this.#options.sourceDue(id) ? 'by-itself' : 'on-request' };
  }

  #statusOf(id: string): SourceStatus {
    const found = this.#options.status().sources.find(each => each.id === id);
    if (found === undefined) throw unknownSource(id);
    return found;
  }
}

/**
 * A new source with its owner's choices.
 * @param others the sources there are
 * @throws E_USAGE when its folder is one of theirs already, or a pattern says nothing · what `newSource` throws
 */
export async function settingOf(
  { leaveOut, maxFileBytes, exclude, ...wish }: SourceWish,
  others: readonly SourceSetting[],
  newSource: NewSource,
): Promise<SourceSetting> {
  checkPatterns(exclude ?? []);
  const source = await newSource(wish);
  const path = await physical(source.root);
  for (const { root, label } of others) {
    if ((await physical(root)) !== path) continue;
    throw new SignetError('E_USAGE', 'the folder is a source already', {
      params: { detail: `${source.root} is backed up already, as ${label}`, path: source.root },
    });
  }
  return changedSource(source, {
    label: distinct(source.label, others),
    ...(leaveOut !== undefined && { leaveOut }),
    ...(maxFileBytes !== undefined && { maxFileBytes }),
    ...(exclude !== undefined && { exclude }),
  });
}

/** Two sources of one app are told apart by a number. */
function distinct(label: string, others: readonly SourceSetting[]): string {
  const taken = new Set(others.map(each => each.label));
  for (let number = 2, name = label; ; number++) {
    if (!taken.has(name)) return name;
    name = `${label} ${number}`;
  }
}

/** What is not named stays; an empty list and null take a choice away. */
function changedSource(source: SourceSetting, change: Omit<SourceChange, 'id'>): SourceSetting {
  checkPatterns(change.exclude ?? []);
  const { leaveOut, maxFileBytes, exclude, ...rest } = { ...source, ...change };
  return {
    ...rest,
    ...(leaveOut?.length && { leaveOut: [...new Set(leaveOut)] }),
    ...(maxFileBytes != null && { maxFileBytes }),
    ...(exclude?.length && { exclude }),
  };
}

/** Whether something may be kept that was left out before. */
function takesMore(before: SourceSetting, after: SourceSetting): boolean {
  if ((before.leaveOut ?? []).some(kind => after.leaveOut?.includes(kind) !== true)) return true;
  const limit = (source: SourceSetting): number => source.maxFileBytes ?? Number.POSITIVE_INFINITY;
  if (limit(after) > limit(before)) return true;
  const [was, is] = [before.exclude ?? [], after.exclude ?? []];
  // A later pattern may take back what an earlier one says, so only what is added at the end surely leaves more out.
  return was.some((pattern, at) => is[at] !== pattern) || is.slice(was.length).some(pattern => pattern.startsWith('!'));
}

function checkPatterns(patterns: readonly string[]): void {
  for (const pattern of patterns) {
    const problem = patternProblem(pattern);
    if (problem === undefined) continue;
    throw new SignetError('E_USAGE', 'a pattern of what to leave out says nothing', {
      params: { detail: `the pattern "${pattern}" ${problem}`, pattern },
    });
  }
}

function sourceOf(settings: Settings, id: string): SourceSetting {
  const source = settings.sources.find(each => each.id === id);
  if (source === undefined) throw unknownSource(id);
  return source;
}

function unknownSource(id: string): SignetError {
  return new SignetError('E_NOT_FOUND', `source ${id}: there is none of that id`, { params: { what: id } });
}
