// The endpoint both sides meet at. node-ipc owns the socket, the frames and their limits; vscode-jsonrpc owns the messages. Nothing is
// served before each side has proven to know the 0600 token of this installation; the proof gives the session key for secrets.
// Only this file and daemon/endpoint know node-ipc. What is relied on in node-ipc 14.0.0, and what is not:
//  - its server checks the folder; its client checks nothing, so `dial` looks at folder and token itself
//  - `unlink` would take the socket from a running daemon: it is off, and the daemon holds a lock while it probes and replaces
//  - an 'error' without a listener is silent, so there is always one
//  - what a listener throws is thrown into the socket's own callback and would end the process: nothing here throws there
//  - its parser is quadratic in the frame's size: 256 KiB at most; longer answers of the daemon go in parts

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { chmod, lstat, rm } from 'node:fs/promises';
import { connect as probeConnect, type Socket } from 'node:net';
import { dirname, sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { IPCModule } from 'node-ipc';
import {
  createMessageConnection,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
  NullLogger,
} from 'vscode-jsonrpc/node';
import { codeOf, ensurePrivate, notPrivate, readToken } from './claim.ts';
import { PeerError } from './errors.ts';
import { type Frame, FrameReader, FrameWriter, maxAnswerLength, maxFrameBytes } from './frames.ts';
import { type Endpoint, endpointOf, type Home, isPrivateFolder } from './home.ts';
import { type SecretChannel, secretChannel } from './secrets.ts';

/** What a peer may send before it has proven itself. */
export const maxUnprovenLength = 2048;
/** Messages of one client that may wait before its socket is no longer read. */
export const maxWaiting = 128;
/** Bytes that a client has not taken before its socket is no longer read, and it is told no more news. */
export const maxUntakenBytes = 256 * 1024;
/**
 * Strangers at a time. One more costs the one that came first its place: a client proves itself in a millisecond, so whoever only
 * connects, however often, locks nobody out. libuv accepts up to 511 at once before it reads any of them.
 */
export const maxStrangers = 1024;
/** Clients at a time; one more is turned away. */
export const maxPeers = 512;
/** How often a client tries again when it lost its place before it could prove itself. */
const dialTries = 5;

/** How long a stranger may take to prove itself. */
export const authenticateMs = 3000;

const event = 'rpc';
const nonceBytes = 32;
const windows = process.platform === 'win32';

/** An authenticated client. */
export interface Peer {
  readonly connection: MessageConnection;
  readonly secrets: SecretChannel;
  /** Undefined while the client takes what it is sent; else resolves when it has caught up. Never does once it is gone. */
  behind(): Promise<void> | undefined;
  /** Ends this client's connection and nothing else. */
  close(): void;
}

export interface Served {
  readonly path: string;
  /** Closes every connection and takes the endpoint away. Does not release the claim. */
  stop(): Promise<void>;
}

/**
 * Listens at the home's endpoint. The caller holds the claim. `onPeer` gets each client once both sides have proven themselves, sets up
 * its handlers and does not throw; listening starts after it returns. A peer that sends anything else first, too much, or takes longer than
 * `authenticateMs`, is closed unanswered. Rejects with E_BUSY when something answers at the endpoint already.
 */
export async function serve(options: {
  readonly home: Home;
  readonly token: Uint8Array;
  readonly onPeer: (peer: Peer) => void;
  readonly authenticateMs?: number;
}): Promise<Served> {
  const endpoint = endpointOf(options.home);
  await prepareFolder(endpoint);
  await removeDead(endpoint);
  const ipc = configure(endpoint);
  ipc.serve(endpoint.path);
  const server = ipc.server;
  const guests = new Map<Socket, Guest>();
  const strangers = new Set<Socket>(); // in the order they came

  server.on('connect', (socket: Socket) => {
    const send = (frame: Frame) => void server.emit(socket, event, frame);
    const onPeer = (peer: Peer) => {
      strangers.delete(socket);
      if (guests.size - strangers.size > maxPeers) socket.destroy();
      else options.onPeer(peer);
    };
    guests.set(socket, new Guest(socket, send, options.token, onPeer, options.authenticateMs ?? authenticateMs));
    strangers.add(socket);
    const [first] = strangers;
    if (strangers.size > maxStrangers) leave(first);
  });
  server.on(event, (frame: unknown, socket: Socket) => guests.get(socket)?.receive(frame));
  server.on('close', leave);
  function leave(socket: Socket | undefined): void {
    if (socket === undefined) return;
    guests.get(socket)?.closed();
    guests.delete(socket);
    strangers.delete(socket);
    socket.destroy();
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('start', () => resolve());
  server.on('error', (error: unknown) => reject(error)); // after the start: errors of one client, whose socket is closed already
  try {
    server.start();
    await promise;
    if (!windows) await chmod(endpoint.path, 0o600);
  } catch (error) {
    if (server.server !== false) server.stop();
    throw codeOf(error) === 'EADDRINUSE'
      ? new PeerError('E_BUSY', 'another daemon serves this home', { cause: error })
      : error;
  }
  return {
    path: endpoint.path,
    stop() {
      const listening = server.server;
      const closed =
        listening === false ? Promise.resolve() : new Promise<void>(done => listening.once('close', () => done()));
      server.stop();
      return closed;
    },
  };
}

/** One accepted socket: first a stranger with little room and little time, then a peer. */
class Guest {
  readonly #socket: Socket;
  readonly #send: (frame: Frame) => void;
  readonly #token: Uint8Array;
  readonly #onPeer: (peer: Peer) => void;
  readonly #challenge = randomBytes(nonceBytes);
  readonly #deadline: NodeJS.Timeout;
  #unproven = 0;
  #reader: FrameReader | undefined;
  #connection: MessageConnection | undefined;
  #secrets: SecretChannel | undefined;
  /** Resolves when the client has taken what it was sent. */
  #behind: Promise<void> | undefined;

  constructor(
    socket: Socket,
    send: (frame: Frame) => void,
    token: Uint8Array,
    onPeer: (peer: Peer) => void,
    authenticateMs: number,
  ) {
    this.#socket = socket;
    this.#send = frame => {
      send(frame);
      if (socket.writableLength > maxUntakenBytes) this.#wait();
    };
    this.#token = token;
    this.#onPeer = onPeer;
    this.#deadline = setTimeout(() => socket.destroy(), authenticateMs).unref();
    socket.prependListener('data', this.#count); // before node-ipc's own, which would gather up to a whole frame
    send({ challenge: this.#challenge.toString('base64url') });
  }

  #count = (data: string | Buffer): void => {
    this.#unproven += data.length;
    if (this.#unproven > maxUnprovenLength) this.#socket.destroy();
  };

  receive(frame: unknown): void {
    if (this.#socket.destroyed) return;
    try {
      if (this.#reader === undefined) this.#authenticate(frame);
      else this.#reader.take(frame);
    } catch {
      this.#socket.destroy(); // not our language: nothing to answer, and the others go on
    }
  }

  #authenticate(frame: unknown): void {
    const nonce = bytesOf(frame, 'nonce', nonceBytes);
    const proof = bytesOf(frame, 'proof', 32);
    if (!timingSafeEqual(proof, proofOf(this.#token, 'client', this.#challenge, nonce))) throw new Error('wrong proof');
    clearTimeout(this.#deadline);
    this.#socket.off('data', this.#count);
    this.#send({ proof: proofOf(this.#token, 'daemon', this.#challenge, nonce).toString('base64url') });

    const reader = new FrameReader(false);
    const writer = new FrameWriter(true, this.#send, () => this.#socket.destroy());
    const secrets = secretChannel('daemon', this.#token, Buffer.concat([this.#challenge, nonce]));
    const connection = createMessageConnection(reader, writer, NullLogger, {
      messageStrategy: {
        handleMessage: (message, next) => {
          reader.waiting -= 1;
          this.#readOn();
          return next(message);
        },
      },
    });
    reader.onWaiting = waiting => {
      if (waiting > maxWaiting) this.#socket.pause();
    };
    connection.onClose(() => connection.dispose()); // only dispose() rejects the requests still pending
    this.#reader = reader;
    this.#connection = connection;
    this.#secrets = secrets;
    this.#onPeer({ connection, secrets, behind: () => this.#behind, close: () => this.#socket.destroy() });
    connection.listen();
  }

  /** A client that does not take its answers is asked for no more questions: they would pile up here. */
  #wait(): void {
    if (this.#behind !== undefined || this.#socket.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#behind = promise;
    this.#socket.pause();
    this.#socket.once('drain', () => {
      this.#behind = undefined;
      this.#readOn();
      resolve();
    });
  }

  #readOn(): void {
    const waiting = this.#reader?.waiting ?? 0;
    if (this.#socket.isPaused() && this.#behind === undefined && waiting < maxWaiting / 2) this.#socket.resume();
  }

  closed(): void {
    clearTimeout(this.#deadline);
    this.#secrets?.close();
    this.#reader?.close();
    this.#connection?.dispose();
  }
}

/** What vscode-languageclient's ServerOptions may return, and the way to seal and open secrets on this connection. */
export interface Dialed {
  readonly reader: MessageReader;
  readonly writer: MessageWriter;
  readonly detached: true;
  readonly secrets: SecretChannel;
  close(): void;
}

/**
 * Dials until the daemon has proven itself; whoever holds the connection dials again when it is lost. Rejects with E_DAEMON_MISSING when
 * nobody listens or the answer takes longer than `timeoutMs`, E_RUNTIME when folder, socket or token are not private to this user or
 * whatever listens does not know the token.
 */
export async function dial(home: Home, options: { readonly timeoutMs?: number } = {}): Promise<Dialed> {
  const end = Date.now() + (options.timeoutMs ?? 5000);
  for (let triesLeft = dialTries; ; triesLeft -= 1) {
    try {
      return await dialOnce(home, Math.max(1, end - Date.now()));
    } catch (error) {
      const why = error instanceof PeerError ? error.params['dialling'] : undefined;
      if (why === undefined || Date.now() >= end || (why === 'cut off' && triesLeft <= 1)) throw error;
    }
    await pause(10 + Math.random() * 40); // not all of a crowd at the same moment
  }
}

async function dialOnce(home: Home, timeoutMs: number): Promise<Dialed> {
  const endpoint = endpointOf(home);
  const token = await readToken(home);
  assertOurs(endpoint);
  const ipc = configure(endpoint);
  const { promise, resolve, reject } = Promise.withResolvers<Dialed>();
  const hangUp = () => ipc.disconnect(endpoint.id);
  const timer = setTimeout(() => reject(missing('the daemon does not answer')), timeoutMs);
  const reader = new FrameReader(true);
  let step: 'challenge' | 'proof' | 'open' = 'challenge';
  let expected: Uint8Array = new Uint8Array();
  let salt: Uint8Array = new Uint8Array();
  let secrets: SecretChannel | undefined;

  ipc.connectTo(endpoint.id, endpoint.path, () => {
    const server = ipc.of[endpoint.id];
    if (server === undefined) return reject(missing('the endpoint could not be dialled'));
    const send = (frame: Frame) => void server.emit(event, frame);
    server.on(event, (frame: unknown) => {
      try {
        if (step === 'open') return reader.take(frame);
        if (step === 'challenge') {
          const challenge = bytesOf(frame, 'challenge', nonceBytes);
          const nonce = randomBytes(nonceBytes);
          expected = proofOf(token, 'daemon', challenge, nonce);
          salt = Buffer.concat([challenge, nonce]);
          step = 'proof';
          return send({
            nonce: nonce.toString('base64url'),
            proof: proofOf(token, 'client', challenge, nonce).toString('base64url'),
          });
        }
        if (!timingSafeEqual(bytesOf(frame, 'proof', 32), expected)) throw new Error('wrong proof');
        step = 'open';
        secrets = secretChannel('client', token, salt);
        resolve({ reader, writer: new FrameWriter(false, send, hangUp), detached: true, secrets, close: hangUp });
      } catch (error) {
        reject(
          new PeerError('E_RUNTIME', 'what listens at the endpoint is not the daemon of this home', { cause: error }),
        );
        hangUp();
      }
    });
    server.on('error', (error: unknown) => {
      const code = codeOf(error) ?? '';
      const params = code === 'EAGAIN' ? queueIsFull : brokenOff.includes(code) ? cutOff : {};
      reject(new PeerError('E_DAEMON_MISSING', `nobody answers at the endpoint (${code})`, { params, cause: error }));
    });
    server.on('disconnect', () => {
      reject(
        step === 'proof'
          ? new PeerError('E_RUNTIME', 'the daemon does not accept the token of this home', { params: cutOff })
          : new PeerError('E_DAEMON_MISSING', 'the daemon ended the connection', { params: cutOff }),
      );
      secrets?.close();
      reader.close();
    });
  });
  try {
    return await promise;
  } catch (error) {
    hangUp();
    throw error;
  } finally {
    clearTimeout(timer);
    token.fill(0);
  }
}

/** Cut off before the proof: the daemon ends just now, has too many strangers, or does not know this token. */
const cutOff = { dialling: 'cut off' } as const;
const brokenOff = ['ECONNRESET', 'EPIPE'];
/** Linux refuses for the moment when more wait than the daemon has had time to accept. */
const queueIsFull = { dialling: 'queue is full' } as const;

function missing(detail: string): PeerError {
  return new PeerError('E_DAEMON_MISSING', detail);
}

/** HMAC-SHA256 under the token over who proves, and both nonces: neither side's proof serves as the other's, nor a second time. */
function proofOf(token: Uint8Array, side: 'daemon' | 'client', challenge: Uint8Array, nonce: Uint8Array): Buffer {
  return createHmac('sha256', token).update(`signet/ipc/v1/${side}`).update(challenge).update(nonce).digest();
}

function bytesOf(frame: unknown, field: string, length: number): Buffer {
  const text = typeof frame === 'object' && frame !== null ? (frame as Record<string, unknown>)[field] : undefined;
  const bytes =
    typeof text === 'string' && text.length <= length * 2 ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
  if (bytes.length !== length) throw new Error(`not a frame with ${field}`);
  return bytes;
}

function configure(endpoint: Endpoint): IPCModule {
  const ipc = new IPCModule(); // never the default export: its configuration is shared by the whole process
  Object.assign(ipc.config, {
    socketRoot: endpoint.folder === null ? '/' : endpoint.folder + sep,
    appspace: endpoint.appspace,
    id: endpoint.id,
    silent: true, // the default logs to standard output
    logger: () => {},
    parser: windows ? 'guarded' : 'assured', // 'assured' refuses local endpoints on Windows
    allowedEvents: [event],
    maxMessageSize: maxFrameBytes,
    maxPendingBytes: 4 * maxAnswerLength,
    messageTimeout: 0, // it would run on through a long stream of whole frames; strangers have our own time limit
    maxConnections: maxStrangers + maxPeers + 512, // those just turned away still count; ours are the limits above
    maxRetries: 0, // a retry of node-ipc's own would leave a second, ghostly connection
    unlink: false,
  });
  return ipc;
}

async function prepareFolder(endpoint: Endpoint): Promise<void> {
  if (endpoint.folder === null) return;
  const above = dirname(endpoint.folder);
  // A moved endpoint lies two levels below a folder that everybody may write to: both levels have to be ours.
  if (/^signet-\d+$/.test(above.slice(above.lastIndexOf(sep) + 1))) await ensurePrivate(above);
  await ensurePrivate(endpoint.folder);
}

function assertOurs(endpoint: Endpoint): void {
  if (endpoint.folder === null) return;
  const above = dirname(endpoint.folder);
  const moved = /^signet-\d+$/.test(above.slice(above.lastIndexOf(sep) + 1));
  for (const folder of moved ? [above, endpoint.folder] : [endpoint.folder]) {
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) throw missing('no daemon runs for this home');
    if (!isPrivateFolder(folder, process.getuid?.())) throw notPrivate(folder);
  }
  const socket = lstatSync(endpoint.path, { throwIfNoEntry: false });
  if (socket === undefined) throw missing('no daemon runs for this home');
  if (!socket.isSocket() || socket.uid !== process.getuid?.()) {
    throw new PeerError('E_RUNTIME', `${endpoint.path} is not a socket of this user`);
  }
}

/** Removes the socket a killed daemon left; the claim is held, so nobody can be about to listen there. */
async function removeDead(endpoint: Endpoint): Promise<void> {
  if (endpoint.folder === null) return;
  const answer = await new Promise<string>(done => {
    const probe = probeConnect(endpoint.path, () => {
      probe.destroy();
      done('alive');
    }).on('error', error => done(codeOf(error) === 'EAGAIN' ? 'alive' : (codeOf(error) ?? error.message)));
  });
  if (answer === 'ENOENT') return;
  if (answer === 'alive') throw new PeerError('E_BUSY', 'another daemon serves this home');
  if (answer !== 'ECONNREFUSED' || !(await lstat(endpoint.path)).isSocket()) {
    throw new PeerError('E_RUNTIME', `${endpoint.path} cannot be used as the endpoint (${answer})`);
  }
  await rm(endpoint.path);
}
