// Looking into the backups that are kept: which there are, how two of them differ, what is in their folders, and parts of their files, each in
// pages that an answer can carry. Reads alone; each look counts as using Signet.

import type { ListEntry, SnapshotDifference, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import type { SourceSetting } from '../state/model.ts';
import { bounded, inPage } from './bounded.ts';
import type { KnownDevice } from './devices.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { hereOf, withRuns } from './listed-snapshots.ts';
import type { PastRuns } from './past-runs.ts';

const maxReadBytes = 128 << 10;

export interface Page<Entry> {
  readonly entries: readonly Entry[];
  readonly total: number;
}

export interface BrowsingOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly past: Pick<PastRuns, 'made'>;
  /** Those that are set up on this computer. */
  readonly sources: () => readonly SourceSetting[];
  /** By what this computer's are forgotten by themselves; nothing where they are not. */
  readonly keptBy: () => { readonly keptBy?: engine.KeptBy };
  /** Notes that somebody looks. @throws E_NOT_SET_UP · E_VAULT_LOCKED */
  readonly use: () => Promise<void>;
  /** Told of the computers whenever all backups were looked at. */
  readonly sawDevices: (devices: readonly KnownDevice[]) => void;
}

export class Browsing {
  readonly #options: BrowsingOptions;

  constructor(options: BrowsingOptions) {
    this.#options = options;
  }

  /** The snapshots, newest first; pages after the first are of what the first saw. */
  async snapshots(
    {
      offset = 0,
      limit = inPage.entries,
    }: { readonly offset?: number | undefined; readonly limit?: number | undefined },
    signal: AbortSignal,
  ): Promise<Page<SnapshotEntry>> {
    await this.#options.use();
    const { devices, ...page } = await this.#options.engine.ask(
      engine.snapshots,
      { offset, limit, ...this.#options.keptBy() },
      { signal },
    );
    this.#options.sawDevices(devices);
    return { ...page, entries: withRuns(page.entries, (...span) => this.#options.past.made(...span)) };
  }

  /** One of them, and what it holds of each source. */
  async show(
    snapshot: string,
    signal: AbortSignal,
  ): Promise<{ readonly snapshot: SnapshotEntry; readonly sources: readonly SnapshotSource[] }> {
    await this.#options.use();
    const found = await this.#options.engine.ask(engine.showSnapshot, { snapshot }, { signal });
    const [entry = found.snapshot] = withRuns([found.snapshot], (...span) => this.#options.past.made(...span));
    const sources = await Promise.all(
      found.sources.map(async (source): Promise<SnapshotSource> => {
        const here = await hereOf(source, this.#options.sources());
        return { ...source, ...(here !== undefined && { here }) };
      }),
    );
    return { snapshot: entry, sources };
  }

  async list(
    {
      snapshot,
      path,
      offset = 0,
      self = false,
    }: {
      readonly snapshot: string;
      readonly path: string;
      readonly offset?: number | undefined;
      readonly self?: boolean | undefined;
    },
    signal: AbortSignal,
  ): Promise<Page<ListEntry>> {
    await this.#options.use();
    const entries = await this.#options.engine.ask(engine.list, { snapshot, path, self }, { signal });
    return { entries: bounded(entries.slice(offset), inPage).listed, total: entries.length };
  }

  /** What differs between two snapshots; pages after the first are of what the first saw. */
  async compare(
    {
      before,
      after,
      path = '',
      offset = 0,
    }: {
      readonly before: string;
      readonly after: string;
      readonly path?: string;
      readonly offset?: number | undefined;
    },
    signal: AbortSignal,
  ): Promise<Page<SnapshotDifference> & { readonly isMore?: true }> {
    await this.#options.use();
    const order = { before, after, path, offset };
    const { isMore, ...page } = await this.#options.engine.ask(engine.compare, order, { signal });
    return { ...page, ...(isMore && { isMore }) };
  }

  /** @param range.length may be more than one answer carries: then it is cut */
  async read(
    range: { readonly snapshot: string; readonly path: string; readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly sizeBytes: number }> {
    await this.#options.use();
    const length = Math.min(range.length, maxReadBytes);
    return this.#options.engine.ask(engine.read, { ...range, length }, { signal });
  }
}
