// Storing one object under an id drawn in advance. Small ones go in one request; larger ones in a session that outlives this process, in
// one piece, and after an interruption from the byte on that the server says it lacks. Guarantees: the file is there once, whatever
// answer was lost; it counts only when Google's SHA-256 and size are those of the bytes that were read; a body is streamed from its
// file and never held.

import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { toHex, utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { isCode, SignetError } from '../../base/errors.ts';
import type { CallOptions, RemoteBody, RemoteKey } from '../remote.ts';
import { isRefused, placeName, type UploadLimit, uploadLimit } from './classify.ts';
import { contentType, type DriveFile, type FileCalls, fileFields, fileOf, isMadeAs, takenId } from './files.ts';
import type { Folders } from './folders.ts';
import type { IdPool } from './ids.ts';
import { type KnownObject, nameOf, type ObjectTable } from './known.ts';
import { contentRange, uploadState } from './resumption.ts';
import { type Answer, jsonIn, type StreamedBody, type Transport } from './transport.ts';

/** Above it Google asks for a resumable upload (Drive guide, "Upload file data"). */
const multipartBytes = 5 * 1024 * 1024;
const pieceBytes = 256 * 1024;
/** Sessions begun for one object before it is an error. */
const sessionsPerPut = 3;
/** Interruptions in a row after which nothing more had arrived. */
const fruitlessRounds = 3;

export interface Uploads {
  put(key: RemoteKey, body: RemoteBody, options?: CallOptions): Promise<void>;
}

export interface UploadsOptions {
  readonly calls: FileCalls;
  readonly transport: Transport;
  readonly table: ObjectTable;
  readonly ids: IdPool;
  readonly folders: Folders;
  readonly clock: Clock;
  /** Ends with a slash. */
  readonly uploadRoot: string;
  readonly boundary: () => string;
  readonly sealSession: (bytes: Uint8Array) => Uint8Array;
  readonly openSession: (bytes: Uint8Array) => Uint8Array | undefined;
  /** The table may lack something from now on. */
  readonly distrust: () => void;
}

/** A body of known size whose hash is known once it was read. */
interface Source extends StreamedBody {
  /** From this byte on; what lies before it is read for the hash only. */
  from(offset: number): StreamedBody;
  sha256(): Promise<string>;
}

export function createUploads(options: UploadsOptions): Uploads {
  const { calls, transport, table, ids, folders, clock, uploadRoot } = options;
  const limit: UploadLimit = uploadLimit();
  /** Keys whose bytes arrived damaged once. */
  const damaged = new Set<RemoteKey>();

  async function put(key: RemoteKey, body: RemoteBody, call: CallOptions = {}): Promise<void> {
    call.signal?.throwIfAborted();
    const source = await sourceOf(body);
    const known = table.get(key);
    const before = known?.state === 'there' ? known : undefined;
    if (before !== undefined && (await isThereAlready(before, source, call))) return;
    const folder = await folders.above(key, call);
    const row = await plan(key, source, call);
    // The row does not name the old bytes any more: should this one fail, they are found again.
    if (before !== undefined) options.distrust();
    try {
      const file = await send(row, folder, source, call);
      await accept(row, file, source, call);
      limit.succeeded();
    } catch (error) {
      if (error instanceof SignetError && error.code === 'E_REMOTE_FULL') throw needing(error, source.sizeBytes);
      throw limit.refused(error, { wall: clock.now(), monotonic: clock.monotonic() });
    }
    // What was there under this name before held other bytes, or none that could be seen.
    if (before !== undefined) await calls.trash(before.id, true, call).catch(ignoreMissing);
  }

  /** Whether the object is there with these bytes. It is asked for by its id: someone may have put it into the trash. */
  async function isThereAlready(row: KnownObject, source: Source, call: CallOptions): Promise<boolean> {
    if (row.sizeBytes !== source.sizeBytes || row.sha256 !== (await source.sha256())) return false;
    const file = await calls.find(row.id, call);
    return file !== undefined && !file.isTrashed && file.sha256 === row.sha256 && file.sizeBytes === row.sizeBytes;
  }

  /** The row of an upload that broke off, if it was one of this object, else a new one; written down before anything is sent. */
  async function plan(key: RemoteKey, source: Source, call: CallOptions): Promise<KnownObject> {
    const known = table.get(key);
    const isOwn = known !== undefined && known.state !== 'there' && known.sizeBytes === source.sizeBytes;
    const isSmall = source.sizeBytes <= multipartBytes;
    // Of a small one the hash costs nothing; a large one is read once, while it is sent.
    const sha256 = isSmall ? await source.sha256() : null;
    if (isOwn && (sha256 === null || known.sha256 === sha256)) return known;
    const id = await ids.take(call);
    const state = isSmall ? 'sent' : 'planned';
    const row: KnownObject = { key, id, state, sizeBytes: source.sizeBytes, sha256, session: null };
    table.put([row]);
    return row;
  }

  async function send(row: KnownObject, folder: string, source: Source, call: CallOptions): Promise<DriveFile> {
    try {
      return source.sizeBytes <= multipartBytes
        ? await sendWhole(row, folder, source, call)
        : await sendResumable(row, folder, source, call);
    } catch (error) {
      if (isRefused(error, 404)) throw await folders.lost(row.key, call); // there is no such parent
      if (!isRefused(error, 409)) throw error;
      return sentBefore(row, call);
    }
  }

  /** The id is taken: an earlier request made the file, and its answer was lost. */
  async function sentBefore(row: KnownObject, call: CallOptions): Promise<DriveFile> {
    const file = await calls.find(row.id, call);
    if (file !== undefined && !isMadeAs(file, 'file', nameOf(row.key))) {
      table.remove([row.key]);
      ids.giveUp();
      throw takenId(row.key);
    }
    if (file !== undefined) return file;
    table.remove([row.key]); // used up by a file that is gone: the next try draws another
    throw new SignetError('E_UNREACHABLE', `${row.key}: google drive knows the id and not the file`, {
      params: { remote: placeName },
    });
  }

  /** Believes nothing but what Google says about the stored bytes. */
  async function accept(row: KnownObject, file: DriveFile, source: Source, call: CallOptions): Promise<void> {
    const { key } = row;
    if (file.isTrashed) {
      const why = await folders.lost(key, call);
      table.remove([key]); // it stays in the trash: the next try makes another file
      throw why;
    }
    const sha256 = await source.sha256();
    // "If available": it always is for files with bytes of their own. One that tells none is held to its size.
    const isWhole = file.sizeBytes === source.sizeBytes && (file.sha256 === null || file.sha256 === sha256);
    if (isWhole) {
      damaged.delete(key);
      table.put([{ ...row, state: 'there', sha256: file.sha256, session: null }]);
      return;
    }
    // Bytes that nobody wanted, under an id of ours, a moment old. The next try makes another file.
    await calls.trash(row.id, true, call).catch(ignoreMissing);
    table.remove([key]);
    const told = `${key}: ${source.sizeBytes} bytes were sent, google drive stored ${file.sizeBytes} or others`;
    const params = { remote: placeName };
    if (!damaged.has(key)) {
      damaged.add(key);
      throw new SignetError('E_UNREACHABLE', told, { params });
    }
    throw new SignetError('E_OBJECT_ID', `${told}, again`, { params: { ...params, key } });
  }

  const metadata = (row: KnownObject, folder: string): Uint8Array =>
    utf8(JSON.stringify({ id: row.id, name: nameOf(row.key), parents: [folder], mimeType: contentType }));

  const uploadUrl = (type: 'multipart' | 'resumable'): string =>
    `${uploadRoot}drive/v3/files?uploadType=${type}&fields=${encodeURIComponent(fileFields)}`;

  async function sendWhole(row: KnownObject, folder: string, source: Source, call: CallOptions): Promise<DriveFile> {
    const boundary = options.boundary();
    const head = utf8(
      `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n` +
        `${Buffer.from(metadata(row, folder)).toString()}\r\n` +
        `--${boundary}\r\ncontent-type: ${contentType}\r\n\r\n`,
    );
    const tail = utf8(`\r\n--${boundary}--\r\n`);
    const answer = await transport.send({
      what: row.key,
      method: 'POST',
      url: uploadUrl('multipart'),
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body: {
        sizeBytes: head.length + source.sizeBytes + tail.length,
        async *pieces() {
          yield head;
          yield* source.pieces();
          yield tail;
        },
      },
      ...call,
    });
    return created(row, answer);
  }

  async function created(row: KnownObject, answer: Answer): Promise<DriveFile> {
    if (answer.status !== 200 && answer.status !== 201) throw await transport.refusal({ what: row.key }, answer);
    return fileOf(jsonIn(await answer.bytes()));
  }

  async function sendResumable(
    row: KnownObject,
    folder: string,
    source: Source,
    call: CallOptions,
  ): Promise<DriveFile> {
    let session = addressOf(row);
    let offset = 0;
    let furthest = 0;
    // Of a session that is older than this call it is not known how far it got.
    let isKnown = false;
    let fruitless = 0;
    for (let sessions = session === undefined ? 0 : 1; ; ) {
      if (session === undefined) {
        if (sessions >= sessionsPerPut) throw unreachable(row, 'ends one upload after the other');
        sessions++;
        session = await beginSession(row, folder, source, call);
        offset = 0;
        furthest = 0;
        isKnown = true;
      }
      const answer = await (isKnown
        ? sendFrom(session, row, source, offset, call)
        : ask(session, row, source.sizeBytes, call));
      if (answer === undefined || (isKnown && answer.status === 401)) {
        // Broken off, or refused in the middle for its token: how far it got tells only the server.
        answer?.drop();
        fruitless++;
        if (fruitless > fruitlessRounds) throw unreachable(row, 'breaks off each time');
        isKnown = false;
        continue;
      }
      const next = uploadState(answer.status, answer.header('range'), source.sizeBytes);
      switch (next.state) {
        case 'done':
          return created(row, answer);
        case 'lost':
          answer.drop();
          session = undefined;
          table.put([{ ...row, session: null }]);
          break;
        case 'go-on':
          await answer.bytes();
          // Beyond all that was kept before: a server that loses again what it kept is not gone along with for ever.
          if (next.offset > furthest) fruitless = 0;
          else if (isKnown && ++fruitless > fruitlessRounds) throw unreachable(row, 'keeps nothing of what is sent');
          offset = next.offset;
          furthest = Math.max(furthest, offset);
          isKnown = true;
          break;
        case 'refused': {
          const refusal = await transport.refusal({ what: row.key }, answer);
          if (isCode(refusal, 'E_INTERNAL')) {
            // "Any other 4xx: start a new session" (Drive guide).
            session = undefined;
            break;
          }
          // Trouble in the middle of the bytes: some of them may be kept. In the answer to a question it is the place's trouble.
          const isTrouble = isCode(refusal, 'E_UNREACHABLE') && answer.status >= 500;
          if (!(isKnown && isTrouble) || ++fruitless > 1) throw refusal;
          isKnown = false;
        }
      }
    }
  }

  function unreachable(row: KnownObject, what: string): SignetError {
    return new SignetError('E_UNREACHABLE', `${row.key}: google drive ${what}`, { params: { remote: placeName } });
  }

  async function beginSession(row: KnownObject, folder: string, source: Source, call: CallOptions): Promise<string> {
    const answer = await transport.send({
      what: row.key,
      method: 'POST',
      url: uploadUrl('resumable'),
      headers: {
        'content-type': 'application/json; charset=UTF-8',
        'x-upload-content-type': contentType,
        'x-upload-content-length': String(source.sizeBytes),
      },
      body: metadata(row, folder),
      ...call,
    });
    const address = answer.header('location');
    if (answer.status !== 200 || address === undefined) throw await transport.refusal({ what: row.key }, answer);
    await answer.bytes();
    // Written down it would be asked for ever again, and never with success.
    if (!transport.mayAsk(address)) throw unreachable(row, 'names an address that is not its own');
    // Before its first byte: after a crash the upload goes on where it stood. Whoever has the address may upload, so it is sealed.
    table.put([{ ...row, state: 'sent', session: options.sealSession(utf8(address)) }]);
    return address;
  }

  function addressOf({ session }: KnownObject): string | undefined {
    const opened = session === null ? undefined : options.openSession(session);
    const address = opened === undefined ? '' : Buffer.from(opened).toString();
    return transport.mayAsk(address) ? address : undefined;
  }

  /** @returns undefined when the connection broke */
  async function sendFrom(
    session: string,
    row: KnownObject,
    source: Source,
    offset: number,
    call: CallOptions,
  ): Promise<Answer | undefined> {
    try {
      return await transport.once({
        what: row.key,
        method: 'PUT',
        url: session,
        headers: { 'content-type': contentType, 'content-range': contentRange(offset, source.sizeBytes) },
        body: source.from(offset),
        ...call,
      });
    } catch (error) {
      if (!isCode(error, 'E_UNREACHABLE')) throw error;
      return undefined;
    }
  }

  function ask(session: string, row: KnownObject, sizeBytes: number, call: CallOptions): Promise<Answer> {
    return transport.send({
      what: row.key,
      method: 'PUT',
      url: session,
      headers: { 'content-range': contentRange('ask', sizeBytes) },
      body: new Uint8Array(0),
      ...call,
    });
  }

  return { put };
}

function needing(error: SignetError, need: number): SignetError {
  return new SignetError(error.code, error.message, { params: { ...error.params, need } });
}

function ignoreMissing(error: unknown): void {
  if (!isCode(error, 'E_MISSING')) throw error;
}

/** @throws SignetError E_INTERNAL when the file is not of the size that was told */
async function sourceOf(body: RemoteBody): Promise<Source> {
  const { sizeBytes } = body instanceof Uint8Array ? { sizeBytes: body.length } : body;
  let known: string | undefined;
  const note = (hash: Hash): void => {
    const sha256 = toHex(hash.digest());
    known ??= sha256;
    if (known !== sha256) throw new SignetError('E_INTERNAL', 'the file to upload changed while it was read');
  };
  const from = (offset: number): StreamedBody => ({
    sizeBytes: sizeBytes - offset,
    async *pieces() {
      const hash = createHash('sha256');
      let at = 0;
      for await (const piece of body instanceof Uint8Array ? bytePieces(body) : filePieces(body)) {
        hash.update(piece);
        const start = Math.max(0, offset - at);
        at += piece.length;
        if (start < piece.length) yield start === 0 ? piece : piece.subarray(start);
      }
      note(hash);
    },
  });
  const source: Source = {
    ...from(0),
    from,
    async sha256() {
      if (known === undefined) for await (const _ of from(0).pieces()); // hashed in passing
      return known ?? '';
    },
  };
  if (!(body instanceof Uint8Array)) await checkSize(body);
  return source;
}

async function checkSize(body: { readonly path: string; readonly sizeBytes: number }): Promise<void> {
  const file = await open(body.path, 'r').catch(error => {
    throw new SignetError('E_INTERNAL', `${body.path}: the file to upload cannot be read`, { cause: error });
  });
  try {
    const { size } = await file.stat();
    if (size !== body.sizeBytes) throw otherSize(size, body.sizeBytes);
  } finally {
    await file.close();
  }
}

const otherSize = (size: number, told: number): SignetError =>
  new SignetError('E_INTERNAL', `the file to upload has ${size} bytes, ${told} were told`);

function* bytePieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** Each piece is valid until the next is asked for. */
async function* filePieces(body: { readonly path: string; readonly sizeBytes: number }): AsyncGenerator<Uint8Array> {
  const file = await open(body.path, 'r');
  try {
    const buffer = new Uint8Array(Math.min(pieceBytes, Math.max(body.sizeBytes, 1)));
    let at = 0;
    while (at < body.sizeBytes) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, body.sizeBytes - at), at);
      if (bytesRead === 0) throw otherSize(at, body.sizeBytes);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
