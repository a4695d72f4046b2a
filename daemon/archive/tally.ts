// The messages of one source in one backup: put together from what its databases and texts give on their way into the repository, compared
// with the capture before. A number that is not known for a part is not known for the whole: "not counted" is honest, too few is not.

import type { DatabaseCounts, StableFile } from '../capture/capture.ts';
import { LineCounter } from './line-count.ts';
import type {
  ArchiveSource,
  CountQuery,
  LineCount,
  ManifestDatabase,
  ManifestSource,
  MessageCounts,
  SourceNews,
  TextMemory,
} from './model.ts';
import { displayPath, joinPath, parsePath } from './names.ts';
import type { FolderEntry } from './scan.ts';
import { fewerMessages, type Loss, shrinkage } from './shrinkage.ts';

export interface TallyContext {
  readonly source: ArchiveSource;
  /** What the parent snapshot says of the source; absent when it does not hold it. */
  readonly before: ManifestSource | undefined;
  /** Counted texts of all sources at the parent snapshot, by `<source id>/<display path>`. */
  readonly texts: Readonly<Record<string, TextMemory>>;
}

interface Added {
  readonly messages: number;
  /** Undefined: not known in how many. */
  readonly conversations: number | undefined;
}

export class MessageTally {
  readonly #context: TallyContext;
  readonly #databases: readonly ManifestDatabase[];
  readonly #texts: Record<string, TextMemory> = {};
  /** What the source had, corrected by each database that was captured or is gone. Undefined: not known. */
  #expected: number | undefined;
  #added: Added = { messages: 0, conversations: 0 };

  constructor(context: TallyContext) {
    this.#context = context;
    this.#databases = context.before?.databases ?? [];
    this.#expected = context.before?.counts?.messages;
  }

  /** Counted texts as the snapshot will hold them. */
  get texts(): Readonly<Record<string, TextMemory>> {
    return this.#texts;
  }

  /** How the messages of a database are counted; undefined: they are not. @param path display form */
  candidates(path: string): readonly CountQuery[] | undefined {
    return this.#context.source.rules.counting?.databases?.find(rule => rule.path.test(path))?.candidates;
  }

  /** Databases that are not here any more took their messages along. @param here display paths */
  beginDatabases(here: ReadonlySet<string>): void {
    for (const { path, counts } of this.#databases)
      if (counts !== undefined && !here.has(path)) this.#expect(counts, 0);
  }

  /** @param path display form, of a database with `candidates` */
  addDatabase(path: string, counts: DatabaseCounts | undefined): void {
    const before = this.#databases.find(each => each.path === path)?.counts;
    this.#expect(before ?? { messages: 0 }, counts?.messages);
    if (counts !== undefined) this.#add(counts.added ?? addedToDatabase(before, counts));
  }

  /** Counts a text while it is stored; undefined when its lines are no messages. */
  async openText(path: Uint8Array, file: StableFile): Promise<LineCounter | undefined> {
    const rule = this.#lineRule(path);
    return rule && LineCounter.open(rule, file, this.#context.texts[this.#key(path)]);
  }

  /** @param wasThere an earlier version of it is in the parent snapshot */
  addText(path: Uint8Array, counts: TextMemory, wasThere: boolean): void {
    const key = this.#key(path);
    this.#texts[key] = counts;
    this.#add(wasThere ? addedToText(this.#context.texts[key], counts) : counts);
  }

  /** The loss that shows after the databases captured so far. */
  expectedLoss(): Loss | undefined {
    return this.loss(this.#expected);
  }

  /** The loss that holds the source back when it holds so many messages now. */
  loss(messages: number | undefined): Loss | undefined {
    const { source, before } = this.#context;
    if (source.lossAccepted) return undefined;
    const nothing = { files: 0, bytes: 0 };
    const lossFrom = (had: number | undefined) => shrinkage({ ...nothing, messages: had }, { ...nothing, messages });
    return lossFrom(before?.counts?.messages) && lossFrom(this.#wanted());
  }

  /**
   * Over the whole source; undefined when its profile does not count, nothing here is counted, or something is not that should be.
   * @param read counts a text that was not stored and of which nothing is remembered
   */
  async total(
    root: FolderEntry,
    databases: readonly ManifestDatabase[],
    read: (path: Uint8Array, rule: LineCount) => Promise<TextMemory | undefined>,
  ): Promise<MessageCounts | undefined> {
    const { counting } = this.#context.source.rules;
    if (counting === undefined) return undefined;
    const found = databases.filter(({ path }) => this.candidates(path) !== undefined).map(({ counts }) => counts);
    if (counting.lines !== undefined) await this.#allTexts(root, found, read);
    let messages = 0;
    let conversations = 0;
    for (const counts of found) {
      if (counts === undefined) return undefined;
      messages += counts.messages;
      conversations += counts.conversations;
    }
    return found.length === 0 ? undefined : { messages, conversations };
  }

  news(counted: MessageCounts | undefined): SourceNews {
    if (counted === undefined) return {};
    const { source, before } = this.#context;
    const { messages, conversations } = this.#added;
    const isLess = fewerMessages(before?.counts?.messages, counted.messages) > 0;
    const fewer = isLess && !source.lossAccepted ? fewerMessages(this.#wanted(), counted.messages) : 0;
    return {
      messagesNew: messages,
      ...(conversations !== undefined && { conversationsChanged: conversations }),
      ...(fewer > 0 && { messagesFewer: fewer }),
    };
  }

  async #allTexts(
    folder: FolderEntry,
    found: (MessageCounts | undefined)[],
    read: (path: Uint8Array, rule: LineCount) => Promise<TextMemory | undefined>,
  ): Promise<void> {
    for (const entry of folder.entries) {
      if (entry.kind === 'dir') await this.#allTexts(entry, found, read);
      if (entry.kind === 'kept') {
        for (const counts of this.#asBefore(joinPath(folder.path, entry.name))) found.push(counts);
      }
      if (entry.kind !== 'file') continue;
      const rule = this.#lineRule(entry.path);
      if (rule === undefined) continue;
      const key = this.#key(entry.path);
      const counts = this.#texts[key] ?? this.#context.texts[key] ?? (await read(entry.path, rule));
      if (counts !== undefined) this.#texts[key] = counts;
      found.push(counts);
    }
  }

  /** A file or folder that cannot be read now: what is kept of it is as it was. */
  #asBefore(path: Uint8Array): readonly MessageCounts[] {
    const key = this.#key(path);
    const kept = Object.entries(this.#context.texts).filter(([name]) => name === key || name.startsWith(`${key}/`));
    for (const [name, counts] of kept) this.#texts[name] = counts;
    return kept.map(([, counts]) => counts);
  }

  #lineRule(path: Uint8Array): LineCount | undefined {
    const shown = displayPath(path);
    return this.#context.source.rules.counting?.lines?.find(rule => rule.path.test(shown));
  }

  #expect(before: Pick<MessageCounts, 'messages'>, after: number | undefined): void {
    if (this.#expected === undefined) return;
    this.#expected = after === undefined ? undefined : this.#expected - before.messages + after;
  }

  #add({ messages, conversations }: Added): void {
    const known = this.#added.conversations;
    this.#added = {
      messages: this.#added.messages + messages,
      conversations: known === undefined || conversations === undefined ? undefined : known + conversations,
    };
  }

  /** Messages that the source had, without those that the present rules leave out. */
  #wanted(): number | undefined {
    const { source, before, texts } = this.#context;
    let wanted = before?.counts?.messages;
    if (wanted === undefined) return undefined;
    for (const { path, counts } of this.#databases) {
      if (counts !== undefined && this.#isLeftOut(path)) wanted -= counts.messages;
    }
    const own = `${source.id}/`;
    for (const [key, { messages }] of Object.entries(texts)) {
      if (key.startsWith(own) && this.#isLeftOut(key.slice(own.length))) wanted -= messages;
    }
    return wanted;
  }

  /** @param shown display form of a file, which need not be there any more */
  #isLeftOut(shown: string): boolean {
    const parts = shown.split('/');
    const nothing = new Uint8Array(0);
    return parts.some((_, index) => {
      const path = parsePath(parts.slice(0, index + 1).join('/'));
      if (path === undefined) return false;
      const kind = index === parts.length - 1 ? 'file' : 'dir';
      const entry = { path, kind, sizeBytes: 0, siblings: () => [], head: () => nothing } as const;
      return this.#context.source.rules.leftOut(entry) !== undefined;
    });
  }

  #key(path: Uint8Array): string {
    return `${this.#context.source.id}/${displayPath(path)}`;
  }
}

/** What was added to a database of which only the totals are known; to one that was not there before, everything. */
function addedToDatabase(before: MessageCounts | undefined, after: MessageCounts): Added {
  if (before === undefined) return after;
  const messages = Math.max(0, after.messages - before.messages);
  return { messages, conversations: messages === 0 ? 0 : undefined };
}

/** What was added to a text that was there before; how much it held may be forgotten. */
function addedToText(before: MessageCounts | undefined, after: MessageCounts): Added {
  if (before === undefined) return { messages: 0, conversations: undefined };
  const messages = Math.max(0, after.messages - before.messages);
  // New lines of a conversation that is there belong to it; which ones, of several in a file, nobody keeps.
  return { messages, conversations: messages === 0 ? 0 : Math.max(1, after.conversations - before.conversations) };
}
