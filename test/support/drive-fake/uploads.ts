// Uploads: the two parts of a multipart request, and resumable sessions with their ranges. A session keeps whole multiples of 256 KiB of what
// arrives before a connection breaks, as the real service is free to.

import { createHash } from 'node:crypto';
import { refuse } from './answers.ts';
import type { Mask } from './fields.ts';
import type { FileState, Viewer } from './storage.ts';

export const chunkUnit = 256 * 1024;
const sessionTtlMs = 7 * 86_400_000;

export interface NewFile {
  readonly id: string | undefined;
  readonly given: Partial<FileState> & Pick<FileState, 'name' | 'mimeType' | 'parent' | 'project'>;
}

export interface Session {
  readonly id: string;
  readonly viewer: Viewer;
  readonly file: NewFile;
  readonly mask: Mask;
  /** From X-Upload-Content-Length, or from the first Content-Range that tells it. */
  totalBytes: number | undefined;
  readonly parts: Uint8Array[];
  receivedBytes: number;
  readonly until: number;
  /** The file that came of it. */
  madeId: string | undefined;
}

/** What a PUT to a session says of itself. */
export type Range =
  | { readonly kind: 'ask'; readonly total: number | undefined }
  | { readonly kind: 'all' }
  | { readonly kind: 'part'; readonly first: number; readonly last: number; readonly total: number | undefined };

/** @throws Refused 400 */
export function parseContentRange(header: string | undefined): Range {
  if (header === undefined) return { kind: 'all' };
  const [, first, last, total] = /^bytes (?:\*|(\d+)-(\d+))\/(\d+|\*)$/.exec(header) ?? [];
  if (total === undefined) throw refuse(400, 'badRequest', 'Failed to parse Content-Range header.');
  const known = total === '*' ? undefined : Number(total);
  if (first === undefined || last === undefined) return { kind: 'ask', total: known };
  return { kind: 'part', first: Number(first), last: Number(last), total: known };
}

export class Sessions {
  /** Ids of all that were ever begun: whoever has one may write. */
  readonly issued: string[] = [];
  readonly #sessions = new Map<string, Session>();
  readonly #now: () => number;
  readonly #seed: string;
  readonly #violation: (rule: string) => void;
  #made = 0;

  constructor(now: () => number, seed: string, violation: (rule: string) => void) {
    this.#now = now;
    this.#seed = seed;
    this.#violation = violation;
  }

  start(viewer: Viewer, file: NewFile, mask: Mask, totalBytes: number | undefined): Session {
    this.#made++;
    const id = `ADPycd${createHash('sha512').update(`${this.#seed} session ${this.#made}`).digest('base64url')}`;
    const session: Session = {
      id,
      viewer,
      file,
      mask,
      totalBytes,
      parts: [],
      receivedBytes: 0,
      until: this.#now() + sessionTtlMs,
      madeId: undefined,
    };
    this.#sessions.set(id, session);
    this.issued.push(id);
    return session;
  }

  /** @throws Refused 404 for one that is unknown, over a week old or lost */
  find(id: string | null): Session {
    const session = this.#sessions.get(id ?? '');
    if (session === undefined || session.until < this.#now()) {
      throw refuse(404, 'notFound', 'Upload session not found.');
    }
    return session;
  }

  remove(id: string | null): void {
    this.#sessions.delete(id ?? '');
  }

  removeAll(): void {
    this.#sessions.clear();
  }

  /** Those that hold bytes and wait for more. */
  unfinished(): number {
    return [...this.#sessions.values()].filter(session => session.madeId === undefined).length;
  }

  /**
   * Takes in the bytes of one PUT. Answers whether the object is whole.
   * @param share how much of them is kept; 1 for all
   * @throws Refused 400
   */
  take(session: Session, range: Range, bytes: Uint8Array, share: number): boolean {
    if (range.kind === 'ask') {
      this.#agree(session, range.total);
      return session.totalBytes === session.receivedBytes;
    }
    const first = range.kind === 'all' ? 0 : range.first;
    if (range.kind === 'part') {
      this.#agree(session, range.total);
      if (range.last - range.first + 1 !== bytes.length) {
        this.#violation('Content-Range of another length than the body');
        throw refuse(400, 'badRequest', 'Content-Range does not fit the length of the body.');
      }
    } else {
      this.#agree(session, bytes.length);
    }
    const end = first + bytes.length;
    const isLast = session.totalBytes === end;
    if (!isLast && bytes.length % chunkUnit !== 0) {
      this.#violation('a chunk in the middle that is no multiple of 256 KiB');
      throw refuse(
        400,
        'badRequest',
        'Invalid request. The number of bytes uploaded is required to be equal or greater than 262144, except for the final request.',
      );
    }
    this.#append(session, first, bytes, share);
    return session.totalBytes === session.receivedBytes;
  }

  /** What had arrived when the connection broke. */
  keep(session: Session, range: Range, bytes: Uint8Array): void {
    if (range.kind === 'ask') return;
    if (range.kind === 'part') this.#agree(session, range.total);
    const first = range.kind === 'all' ? 0 : range.first;
    const whole = bytes.length - (bytes.length % chunkUnit);
    if (first === session.receivedBytes && whole > 0) this.#append(session, first, bytes.subarray(0, whole), 1);
  }

  #agree(session: Session, total: number | undefined): void {
    if (total === undefined) return;
    if (session.totalBytes !== undefined && session.totalBytes !== total) {
      this.#violation('an upload of another length than announced');
      throw refuse(400, 'badRequest', 'The total length differs from the one that was announced.');
    }
    session.totalBytes = total;
  }

  #append(session: Session, first: number, bytes: Uint8Array, share: number): void {
    if (first !== session.receivedBytes) {
      this.#violation(`a chunk from ${first} on where ${session.receivedBytes} bytes had arrived`);
      if (first > session.receivedBytes)
        throw refuse(400, 'badRequest', 'The chunk does not begin where the last one ended.');
    }
    const fresh = bytes.subarray(session.receivedBytes - first);
    const kept = share >= 1 ? fresh.length : Math.floor((fresh.length * share) / chunkUnit) * chunkUnit;
    session.parts.push(Uint8Array.from(fresh.subarray(0, kept)));
    session.receivedBytes += kept;
    if (session.totalBytes !== undefined && session.receivedBytes > session.totalBytes) {
      this.#violation('more bytes than announced');
      throw refuse(400, 'badRequest', 'More bytes than announced.');
    }
  }
}

/** The JSON and the bytes of `multipart/related`. @throws Refused 400 */
export function parseMultipart(
  contentType: string,
  body: Uint8Array,
): { metadata: string; type: string; bytes: Uint8Array } {
  const malformed = () => refuse(400, 'badContent', 'Malformed multipart body.');
  const [, quoted, plain] =
    /^multipart\/related\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw malformed();
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const parts: { headers: string; bytes: Uint8Array }[] = [];
  let at = buffer.indexOf(`--${boundary}\r\n`);
  if (at !== 0 && buffer.subarray(at - 2, at).toString() !== '\r\n') throw malformed();
  while (buffer.subarray(at, at + boundary.length + 4).toString() === `--${boundary}\r\n`) {
    const begin = at + boundary.length + 4;
    const headersEnd = buffer.indexOf('\r\n\r\n', begin);
    const end = buffer.indexOf(`\r\n--${boundary}`, begin);
    if (headersEnd === -1 || end < headersEnd + 2) throw malformed();
    parts.push({
      headers: buffer.subarray(begin, headersEnd).toString('latin1'),
      bytes: Uint8Array.from(buffer.subarray(Math.min(headersEnd + 4, end), end)),
    });
    at = end + 2;
  }
  if (!buffer.subarray(at).toString('latin1').startsWith(`--${boundary}--`)) throw malformed();
  const [first, second, ...more] = parts;
  if (first === undefined || second === undefined || more.length > 0) throw malformed();
  if (!/^content-type:\s*application\/json\b/im.test(first.headers)) throw malformed();
  const [, type = 'application/octet-stream'] = /^content-type:\s*(\S+)\s*$/im.exec(second.headers) ?? [];
  return { metadata: Buffer.from(first.bytes).toString('utf8'), type, bytes: second.bytes };
}
