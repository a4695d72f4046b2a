// A WhatsApp folder as an Android phone has it, made from a seed: a message database in the shape of the real one (schema names as
// public chat exporters read them), media with real-shaped names, and encrypted copies that nothing can look into. The database is
// made hard on purpose: random keys under a unique index and a full-text index spread each new message over many pages.

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { emoji, firstNames, groupSubjects, languages, lastNames } from './chat-words.ts';
import { type Seeded, seeded, zipf } from './seeded.ts';

export interface GeneratorOptions {
  readonly seed?: string;
  /** About how large msgstore.db becomes; default 60 MB. */
  readonly databaseBytes?: number;
  /** About what all media take together; default 60 MB. */
  readonly mediaBytes?: number;
  /** Nightly encrypted copies with a date in their name, which a backup leaves out beside the database itself; default 2. */
  readonly datedCopies?: number;
}

export interface GeneratedProfile {
  /** The database of messages. */
  readonly database: string;
  readonly media: string;
  readonly messages: number;
  readonly mediaFiles: number;
}

/** The newest generated message; live ones come later. */
const lastMessageAt = Date.UTC(2026, 9, 31, 21, 40);
const spanMs = 4 * 365 * 86_400_000;
const chats = 160;
const thumbnailBytes = 2600;

/**
 * Fills `folder` (made if need be). The same seed and sizes give the same bytes, on the same version of SQLite.
 * The database is closed, checkpointed and in WAL mode, as after the app was ended properly.
 */
export function generateWhatsApp(folder: string, options: GeneratorOptions = {}): GeneratedProfile {
  const { seed = 'whatsapp', databaseBytes = 60_000_000, mediaBytes = 60_000_000, datedCopies = 2 } = options;
  const databases = join(folder, 'Databases');
  const media = join(folder, 'Media');
  for (const path of [databases, media, join(folder, 'Backups')]) mkdirSync(path, { recursive: true });
  const files = writeMedia(folder, seeded(`${seed} media`), mediaBytes);
  const database = join(databases, 'msgstore.db');
  const messages = writeMessages(database, seeded(`${seed} messages`), databaseBytes, files);
  writeOpaque(folder, seeded(`${seed} opaque`), Math.round(databaseBytes / 50), datedCopies);
  return { database, media, messages, mediaFiles: files.length };
}

export interface AppendOptions {
  /** Draws the new messages; a different one for each call, or keys repeat and are refused. */
  readonly seed: string;
  /** Milliseconds since 1970 of the first of them; a second lies between two. Default: after the newest. */
  readonly at?: number;
  /** One transaction for each message, as the app does, or one for all; default 'each'. */
  readonly transactions?: 'each' | 'one';
}

/** Adds text messages as the app would while it runs; `database` is open for writing. */
export function appendMessages(database: DatabaseSync, count: number, options: AppendOptions): void {
  const app = openApp(database, seeded(`append ${options.seed}`));
  const first = options.at ?? app.newestAt() + 1000;
  const all = options.transactions === 'one';
  if (all) database.exec('BEGIN');
  for (let i = 0; i < count; i++) app.send({ at: first + i * 1000, ...(all ? { joinTransaction: true } : {}) });
  if (all) database.exec('COMMIT');
}

export interface NewMessage {
  readonly at: number;
  /** A file that was put into the folder; the message carries it. */
  readonly media?: MediaFile | undefined;
  /** The caller holds the transaction. */
  readonly joinTransaction?: boolean;
}

export interface MediaFile {
  /** Relative to the WhatsApp folder, as the database names it. */
  readonly path: string;
  readonly kind: 'image' | 'video' | 'voice' | 'document' | 'sticker';
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly at: number;
}

/** What the app can do with its database. */
export interface App {
  /** Commits one message with all that hangs on it, in one transaction. */
  send(message: NewMessage): void;
  /** Time of the newest message. */
  newestAt(): number;
}

export function openApp(database: DatabaseSync, random: Seeded): App {
  const statements = prepareAll(database);
  const people = database
    .prepare('SELECT _id AS id FROM jid WHERE server = ?')
    .all('s.whatsapp.net')
    .map(row => Number(row['id']));
  const known = database
    .prepare('SELECT c._id AS id, j.server AS server FROM chat c JOIN jid j ON j._id = c.jid_row_id ORDER BY c._id')
    .all();
  const rooms = known.map(row => ({
    id: Number(row['id']),
    isGroup: row['server'] === 'g.us',
    language: random.pick(languages),
  }));
  const nextRoom = zipf(random, rooms.length);
  const newest = database.prepare('SELECT max(timestamp) AS at FROM message');

  return {
    newestAt: () => Number(newest.get()?.['at'] ?? lastMessageAt),
    send({ at, media, joinTransaction }) {
      const room = rooms[nextRoom()];
      if (room === undefined) throw new Error('the database has no chats');
      const withThumbnail = media ? media.kind === 'image' || media.kind === 'video' : random.chance(0.045);
      const type = media ? messageTypes[media.kind] : withThumbnail ? random.pick([1, 1, 3] as const) : 0;
      const fromMe = random.chance(0.42) ? 1 : 0;
      const sender = fromMe === 0 && room.isGroup ? random.pick(people) : 0;
      const text = type === 0 || random.chance(0.2) ? sentence(random, room.language) : null;
      if (!joinTransaction) database.exec('BEGIN');
      try {
        const { lastInsertRowid: id } = statements.message.run(
          room.id,
          fromMe,
          random.hex(32),
          sender,
          at,
          at + random.below(2000),
          type,
          text,
        );
        statements.sort.run(id, id);
        if (text !== null) statements.fullText.run(id, text);
        if (type !== 0) addMedia(statements, random, { id, room: room.id, type, media, withThumbnail });
        if (fromMe === 1)
          statements.receipt.run(id, random.pick(people), at + random.below(5000), at + random.below(500_000));
        statements.chat.run(at, id, id, room.id);
        if (!joinTransaction) database.exec('COMMIT');
      } catch (error) {
        if (!joinTransaction && database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
  };
}

const messageTypes = { image: 1, voice: 2, video: 3, document: 9, sticker: 20 } as const;
const mimeTypes = {
  1: 'image/jpeg',
  2: 'audio/ogg; codecs=opus',
  3: 'video/mp4',
  9: 'application/pdf',
  20: 'image/webp',
} as const;

interface MediaRow {
  readonly id: number | bigint;
  readonly room: number;
  readonly type: keyof typeof mimeTypes | 0;
  readonly media: MediaFile | undefined;
  readonly withThumbnail: boolean;
}

function addMedia(statements: Statements, random: Seeded, { id, room, type, media, withThumbnail }: MediaRow): void {
  const mimeType = type === 0 ? null : mimeTypes[type];
  // Most media of a long history were never fetched or are deleted: a row without a path.
  const { path = null, sizeBytes = 20_000 + random.below(3_000_000), sha256 = null } = media ?? {};
  statements.media.run(
    id,
    room,
    path,
    sizeBytes,
    mimeType,
    type === 3 ? 3 + random.below(90) : 0,
    sha256,
    random.bytes(32),
  );
  if (withThumbnail) statements.thumbnail.run(id, jpeg(random, thumbnailBytes / 2 + random.below(thumbnailBytes)));
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(
  database: DatabaseSync,
): Record<'message' | 'sort' | 'fullText' | 'media' | 'thumbnail' | 'receipt' | 'chat', StatementSync> {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    message:
      prepare(`INSERT INTO message (chat_row_id, from_me, key_id, sender_jid_row_id, timestamp, received_timestamp, message_type, text_data)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    sort: prepare('UPDATE message SET sort_id = ? WHERE _id = ?'),
    fullText: prepare('INSERT INTO message_ftsv2 (docid, body) VALUES (CAST(? AS INTEGER), ?)'),
    media:
      prepare(`INSERT INTO message_media (message_row_id, chat_row_id, file_path, file_size, mime_type, media_duration, file_hash, media_key)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    thumbnail: prepare('INSERT INTO message_thumbnail (message_row_id, thumbnail) VALUES (?, ?)'),
    receipt: prepare(
      'INSERT INTO receipt_user (message_row_id, receipt_user_jid_row_id, receipt_timestamp, read_timestamp) VALUES (?, ?, ?, ?)',
    ),
    chat: prepare(
      'UPDATE chat SET sort_timestamp = ?, last_message_row_id = ?, display_message_row_id = ? WHERE _id = ?',
    ),
  };
}

const schema = `
CREATE TABLE props (_id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, value TEXT);
CREATE TABLE jid (_id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, server TEXT NOT NULL, agent INTEGER, type INTEGER, raw_string TEXT, device INTEGER);
CREATE UNIQUE INDEX jid_key_index ON jid (user, server, agent, type, device);
CREATE TABLE chat (_id INTEGER PRIMARY KEY AUTOINCREMENT, jid_row_id INTEGER UNIQUE, hidden INTEGER, subject TEXT, created_timestamp INTEGER,
  display_message_row_id INTEGER, last_message_row_id INTEGER, archived INTEGER, sort_timestamp INTEGER, unseen_message_count INTEGER);
CREATE TABLE message (_id INTEGER PRIMARY KEY AUTOINCREMENT, chat_row_id INTEGER NOT NULL, from_me INTEGER NOT NULL, key_id TEXT NOT NULL,
  sender_jid_row_id INTEGER, status INTEGER, broadcast INTEGER, recipient_count INTEGER, origination_flags INTEGER, origin INTEGER,
  timestamp INTEGER, received_timestamp INTEGER, receipt_server_timestamp INTEGER, message_type INTEGER, text_data TEXT, starred INTEGER,
  lookup_tables INTEGER, message_add_on_flags INTEGER, sort_id INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX message_key_index ON message (key_id, chat_row_id, from_me, sender_jid_row_id);
CREATE INDEX message_chat_sort_index ON message (chat_row_id, sort_id);
CREATE TABLE message_media (message_row_id INTEGER PRIMARY KEY, chat_row_id INTEGER, file_path TEXT, file_size INTEGER, mime_type TEXT, media_name TEXT,
  media_duration INTEGER, file_hash TEXT, width INTEGER, height INTEGER, media_key BLOB);
CREATE INDEX message_media_chat_index ON message_media (chat_row_id);
CREATE INDEX message_media_hash_index ON message_media (file_hash);
CREATE TABLE message_thumbnail (message_row_id INTEGER PRIMARY KEY, thumbnail BLOB);
CREATE TABLE message_quoted (message_row_id INTEGER PRIMARY KEY, chat_row_id INTEGER, from_me INTEGER, key_id TEXT, text_data TEXT);
CREATE TABLE message_system (message_row_id INTEGER PRIMARY KEY, action_type INTEGER);
CREATE TABLE message_add_on (_id INTEGER PRIMARY KEY AUTOINCREMENT, parent_message_row_id INTEGER, timestamp INTEGER, message_add_on_type INTEGER);
CREATE TABLE call_log (_id INTEGER PRIMARY KEY AUTOINCREMENT, jid_row_id INTEGER, from_me INTEGER, call_id TEXT, timestamp INTEGER, video_call INTEGER, duration INTEGER);
CREATE TABLE receipt_user (_id INTEGER PRIMARY KEY AUTOINCREMENT, message_row_id INTEGER NOT NULL, receipt_user_jid_row_id INTEGER NOT NULL,
  receipt_timestamp INTEGER, read_timestamp INTEGER, played_timestamp INTEGER);
CREATE UNIQUE INDEX receipt_user_index ON receipt_user (message_row_id, receipt_user_jid_row_id);
CREATE VIRTUAL TABLE message_ftsv2 USING fts4(body);
CREATE TABLE messages (_id INTEGER PRIMARY KEY AUTOINCREMENT, key_remote_jid TEXT NOT NULL, key_from_me INTEGER, key_id TEXT NOT NULL, status INTEGER,
  data TEXT, timestamp INTEGER, media_wa_type TEXT, media_mime_type TEXT, media_size INTEGER, media_name TEXT, media_caption TEXT, remote_resource TEXT);
CREATE UNIQUE INDEX messages_key_index ON messages (key_remote_jid, key_from_me, key_id);
`;

function writeMessages(path: string, random: Seeded, sizeBytes: number, files: readonly MediaFile[]): number {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA page_size=4096; PRAGMA auto_vacuum=FULL; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF');
    database.exec('BEGIN');
    database.exec(schema);
    writePeople(database, random, dirname(path));
    const app = openApp(database, random);
    const pageCount = database.prepare('PRAGMA page_count');
    const waiting = [...files].sort((a, b) => a.at - b.at);
    // One step of time for each message; where it ends is only known when the size is reached, so dates are dealt from the front.
    const expected = Math.max(files.length * 2, 50, Math.round(sizeBytes / 530));
    let messages = 0;
    for (; Number(pageCount.get()?.['page_count']) * 4096 < sizeBytes || waiting.length > 0; ) {
      for (let i = 0; i < 250; i++) {
        const at = Math.min(lastMessageAt, lastMessageAt - spanMs + Math.round((messages / expected) * spanMs));
        const isDue = waiting[0] !== undefined && (waiting[0].at <= at || messages >= expected - 1);
        const media = isDue ? waiting.shift() : undefined;
        app.send({ at: media?.at ?? at, media, joinTransaction: true });
        messages += 1;
      }
    }
    database.exec('COMMIT');
    database.exec('PRAGMA journal_mode=WAL');
    return messages;
  } finally {
    database.close();
  }
}

function writePeople(database: DatabaseSync, random: Seeded, folder: string): void {
  const property = database.prepare('INSERT INTO props (key, value) VALUES (?, ?)');
  property.run('msgtore_db_schema_version', random.hex(32).toLowerCase()); // spelt so in the real one
  const jid = database.prepare(
    'INSERT INTO jid (user, server, agent, type, raw_string, device) VALUES (?, ?, 0, ?, ?, 0)',
  );
  const chat = database.prepare(
    'INSERT INTO chat (jid_row_id, hidden, subject, created_timestamp, archived, sort_timestamp) VALUES (?, 0, ?, ?, ?, 0)',
  );
  const contacts = new DatabaseSync(join(folder, 'wa.db'));
  try {
    contacts.exec('PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; BEGIN');
    contacts.exec(
      'CREATE TABLE wa_contacts (_id INTEGER PRIMARY KEY AUTOINCREMENT, jid TEXT NOT NULL UNIQUE, display_name TEXT, wa_name TEXT, number TEXT)',
    );
    const contact = contacts.prepare(
      'INSERT INTO wa_contacts (jid, display_name, wa_name, number) VALUES (?, ?, ?, ?)',
    );
    for (let i = 0; i < chats; i++) {
      const isGroup = i % 4 === 1;
      const user = `1555${String(1_000_000 + random.below(9_000_000))}${isGroup ? `-${1_600_000_000 + i}` : String(i).padStart(3, '0')}`;
      const server = isGroup ? 'g.us' : 's.whatsapp.net';
      const { lastInsertRowid } = jid.run(user, server, isGroup ? 1 : 0, `${user}@${server}`);
      const subject = isGroup ? `${random.pick(groupSubjects)}${i < 40 ? '' : ` ${i}`}` : null;
      chat.run(lastInsertRowid, subject, lastMessageAt - spanMs, random.chance(0.1) ? 1 : 0);
      if (isGroup) continue;
      const name = random.pick(firstNames);
      contact.run(`${user}@${server}`, `${name} ${random.pick(lastNames)}`, name, `+${user}`);
    }
    contacts.exec('COMMIT');
    contacts.exec('PRAGMA journal_mode=WAL');
  } finally {
    contacts.close();
  }
  // The table of before the great migration: it stays, with a row that stands for nothing.
  database
    .prepare(
      `INSERT INTO messages (key_remote_jid, key_from_me, key_id, status, timestamp) VALUES ('-1', 0, '-1', -1, 0)`,
    )
    .run();
  const call = database.prepare(
    'INSERT INTO call_log (jid_row_id, from_me, call_id, timestamp, video_call, duration) VALUES (?, ?, ?, ?, ?, ?)',
  );
  for (let i = 0; i < 60; i++) {
    const at = lastMessageAt - random.below(spanMs);
    call.run(1 + random.below(chats), random.below(2), random.hex(32), at, random.below(2), random.below(3600));
  }
}

/** Kinds by their share of the bytes; sizes vary around the middle one. */
const mediaKinds: readonly {
  readonly kind: MediaFile['kind'];
  readonly share: number;
  readonly middleBytes: number;
}[] = [
  { kind: 'image', share: 0.38, middleBytes: 220_000 },
  { kind: 'video', share: 0.44, middleBytes: 3_800_000 },
  { kind: 'voice', share: 0.1, middleBytes: 34_000 },
  { kind: 'document', share: 0.06, middleBytes: 600_000 },
  { kind: 'sticker', share: 0.02, middleBytes: 30_000 },
];

function writeMedia(folder: string, random: Seeded, sizeBytes: number): MediaFile[] {
  const files: MediaFile[] = [];
  for (const { kind, share, middleBytes } of mediaKinds) {
    let left = sizeBytes * share;
    const sameKind: MediaFile[] = [];
    for (let n = 0; left > middleBytes / 4; n++) {
      const at = lastMessageAt - random.below(spanMs);
      const earlier = n > 5 && random.chance(0.05) ? random.pick(sameKind) : undefined;
      const size = Math.round(middleBytes * (0.4 + random.below(1200) / 1000));
      // A picture that was forwarded lies there twice.
      const file =
        earlier === undefined
          ? putMedia(folder, random, { kind, at, n, sizeBytes: size })
          : putCopy(folder, earlier, at, n);
      sameKind.push(file);
      left -= file.sizeBytes;
    }
    files.push(...sameKind);
  }
  return files;
}

export interface NewMedia {
  readonly kind: MediaFile['kind'];
  readonly at: number;
  /** Numbers the files of a day; the name has four digits. */
  readonly n: number;
  readonly sizeBytes: number;
}

/** Puts one media file where the app puts it; `folder` is the WhatsApp folder. */
export function putMedia(folder: string, random: Seeded, { kind, at, n, sizeBytes }: NewMedia): MediaFile {
  const path = mediaPath(kind, at, n);
  const bytes = mediaBytesOf(kind, random, sizeBytes);
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), bytes);
  utimesSync(join(folder, path), at / 1000, at / 1000);
  return { path, kind, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('base64'), at };
}

function putCopy(folder: string, file: MediaFile, at: number, n: number): MediaFile {
  const path = mediaPath(file.kind, at, n);
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  copyFileSync(join(folder, file.path), join(folder, path));
  utimesSync(join(folder, path), at / 1000, at / 1000);
  return { ...file, path, at };
}

function mediaPath(kind: MediaFile['kind'], at: number, n: number): string {
  const date = new Date(at);
  const day = date.toISOString().slice(0, 10).replaceAll('-', '');
  const number = `WA${String(n % 10_000).padStart(4, '0')}`;
  const sent = n % 3 === 0 ? '/Sent' : '';
  switch (kind) {
    case 'image':
      return `Media/WhatsApp Images${sent}/IMG-${day}-${number}.jpg`;
    case 'video':
      return `Media/WhatsApp Video${sent}/VID-${day}-${number}.mp4`;
    case 'voice':
      return `Media/WhatsApp Voice Notes/${date.getUTCFullYear()}${weekOf(date)}/PTT-${day}-${number}.opus`;
    case 'document':
      return `Media/WhatsApp Documents${sent}/DOC-${day}-${number}.pdf`;
    case 'sticker':
      return `Media/WhatsApp Stickers/STK-${day}-${number}.webp`;
  }
}

function weekOf(date: Date): string {
  const day = (date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000;
  return String(1 + Math.floor(day / 7)).padStart(2, '0');
}

/** Starts as files of its kind do; the rest is as incompressible as theirs. */
function mediaBytesOf(kind: MediaFile['kind'], random: Seeded, sizeBytes: number): Buffer {
  if (kind === 'image') return jpeg(random, sizeBytes);
  const bytes = random.bytes(Math.max(sizeBytes, 64));
  const start = {
    video: '\0\0\0\x18ftypmp42\0\0\0\0mp42isom',
    voice: 'OggS\0\x02',
    document: '%PDF-1.7\n',
    sticker: 'RIFF',
  }[kind];
  bytes.write(start, 0, 'latin1');
  if (kind === 'sticker') {
    bytes.writeUInt32LE(bytes.length - 8, 4);
    bytes.write('WEBPVP8 ', 8, 'latin1');
  }
  return bytes;
}

function jpeg(random: Seeded, sizeBytes: number): Buffer {
  const bytes = random.bytes(Math.max(sizeBytes, 64));
  Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex').copy(bytes);
  Buffer.from('ffd9', 'hex').copy(bytes, bytes.length - 2);
  return bytes;
}

/** Nightly encrypted copies, and the settings copy: new bytes each night, opaque to everybody here. */
function writeOpaque(folder: string, random: Seeded, sizeBytes: number, datedCopies: number): void {
  const night = (days: number) => new Date(lastMessageAt - days * 86_400_000).toISOString().slice(0, 10);
  for (const [path, size] of [
    ['Databases/msgstore.db.crypt15', sizeBytes],
    ...Array.from(
      { length: datedCopies },
      (_, days) => [`Databases/msgstore-${night(days + 1)}.1.db.crypt15`, sizeBytes] as const,
    ),
    ['Backups/chatsettingsbackup.db.crypt15', 4096],
    ['Backups/wa.db.crypt15', 30_000],
  ] as const) {
    writeFileSync(join(folder, path), random.bytes(size));
  }
}

function sentence(random: Seeded, language: readonly string[]): string {
  // Mostly a few words, now and then a story.
  const words = random.chance(0.08) ? 20 + random.below(80) : 1 + random.below(14);
  const text = Array.from({ length: words }, () => random.pick(language)).join(' ');
  return random.chance(0.15) ? `${text} ${random.pick(emoji)}` : text;
}
