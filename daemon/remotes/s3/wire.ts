// One line to one bucket: the S3 client with everything said out loud that it would else take from the environment, without its retries
// (retrying.ts has the one policy), and every exchange watched: no byte for a while is a failure, and what goes wrong leaves here as an
// error of the taxonomy, without the client's own error, since that carries the answer and its headers.

import type { Readable } from 'node:stream';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { productVersion } from '../../../protocol/version.ts';
import { asBuffer } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { SignetError, toSignetError } from '../../base/errors.ts';
import type { S3Connection } from '../connection.ts';
import type { CallOptions } from '../remote.ts';
import { placeLabel } from '../spec.ts';
import type { Piece } from './body.ts';
import { errorFor, failureFrom } from './classify.ts';

/** As in PlaceSpec. */
export interface S3Place {
  readonly endpoint: string;
  readonly bucket: string;
  readonly prefix: string;
}

/** Keys as they are at the moment they are asked for. */
export type KeyChain = () => Promise<{
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}>;

export interface WireOptions {
  readonly place: S3Place;
  readonly connection: S3Connection;
  readonly clock: Clock;
  /** Where the connection holds no keys. Absent: the S3 client's own chain of environment, profiles and instance roles. */
  readonly chain?: KeyChain | undefined;
}

export interface Exchange {
  readonly client: S3Client;
  /** For the client's `send`. */
  readonly abortSignal: AbortSignal;
  /** To be awaited whenever bytes came. */
  readonly moved: (bytes: number) => Promise<void>;
  /**
   * What a command that uploads the piece is given: its bytes as a stream, with its hashes ahead of them, so that the server refuses what
   * arrives otherwise: Content-MD5, and the SHA-256 of the payload in what is signed.
   */
  carry(piece: Piece): { readonly Body: Readable; readonly ContentLength: number; readonly ContentMD5: string };
}

export interface Wire {
  readonly label: string;
  readonly requests: () => number;
  /**
   * Runs one exchange.
   * @param what is attempted and on what, for messages
   * @throws SignetError as classify.ts says; the signal's reason when that was aborted
   */
  exchange<Result>(
    what: string,
    options: ExchangeOptions,
    body: (exchange: Exchange) => Promise<Result>,
  ): Promise<Result>;
}

export interface ExchangeOptions extends CallOptions {
  /** How long no byte may move. */
  readonly silenceMs?: number;
  /** As classify.ts has it. */
  readonly isOfBucket?: boolean;
}

const connectMs = 15_000;
/** Without a byte moving either way. A server may think for some time before it answers to a large object. */
const silenceMs = 60_000;
/** Fewer bytes than these in that time are as good as none: a server that drips would hold a job for years. */
const leastBytes = 4096;
/** One backup has at most two packs on their way; the rest are small objects. More calls wait, and their time does not run meanwhile. */
const callsAtOnce = 16;

const silent = (): void => undefined;

/** The region that is meant where none is given: in the name of Amazon's own hosts, else the one that all servers take. */
export function regionOf(endpoint: string): string {
  const [, named] = /^https?:\/\/s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com$/.exec(endpoint) ?? [];
  return named ?? 'us-east-1';
}

export function createWire({ place, connection, clock, chain }: WireOptions): Wire {
  const label = placeLabel({ kind: 's3', ...place });
  // A copy: the client adds notes of its own to the object that it is given.
  const credentials = connection.keys === null ? chain : { ...connection.keys };
  const config: S3ClientConfig = {
    endpoint: place.endpoint,
    region: connection.region ?? regionOf(place.endpoint),
    forcePathStyle: connection.pathStyle,
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    // The newer checksums are unknown to many servers; Content-MD5 and the signed SHA-256 of the payload are known to all (body.ts).
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    followRegionRedirects: false,
    // Else each upload takes a connection of its own, and six seconds more wherever a server or proxy does not answer "continue".
    expectContinueHeader: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    useAccelerateEndpoint: false,
    useArnRegion: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    // The client would write to the console.
    logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent },
    // Nothing about this computer beyond what the place needs.
    defaultUserAgentProvider: async () => [['signet', productVersion]],
    requestHandler: {
      connectionTimeout: connectMs,
      httpAgent: { keepAlive: true, maxSockets: callsAtOnce },
      // Said out loud: else a variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED) decides.
      httpsAgent: { keepAlive: true, maxSockets: callsAtOnce, rejectUnauthorized: true },
    },
  };
  const client = new S3Client(config);
  const payloadHashes = new WeakMap<object, string>();
  client.middlewareStack.add(
    next => args => {
      const { request } = args as {
        readonly request?: { readonly body?: unknown; readonly headers: Record<string, string> };
      }; // the client's HttpRequest
      const body = request?.body;
      const hash = typeof body === 'object' && body !== null ? payloadHashes.get(body) : undefined;
      if (request !== undefined && hash !== undefined) request.headers['x-amz-content-sha256'] = hash;
      return next(args);
    },
    { step: 'build', name: 'payloadHash' },
  );
  let requests = 0;
  client.middlewareStack.add(
    next => args => {
      requests++;
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 'countRequests' },
  );

  let running = 0;
  const waiting: (() => void)[] = [];

  async function begin(): Promise<void> {
    if (running < callsAtOnce) running++;
    else await new Promise<void>(resolve => waiting.push(resolve)); // takes over from a call that ends
  }

  function end(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }

  return {
    label,
    requests: () => requests,

    async exchange(what, options, body) {
      const { signal } = options;
      await begin();
      try {
        signal?.throwIfAborted();
        return await watched(what, options, body);
      } finally {
        end();
      }
    },
  };

  async function watched<Result>(
    what: string,
    { signal, pace, silenceMs: quiet = silenceMs, isOfBucket = false }: ExchangeOptions,
    body: (exchange: Exchange) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    let failure: Error | undefined;
    const fail = (error: Error): void => {
      failure ??= error;
      controller.abort();
    };
    const unanswered = (): void =>
      fail(
        new SignetError('E_UNREACHABLE', `${what}: ${label} said nothing for ${quiet / 1000} s`, {
          params: { remote: label },
        }),
      );
    let isOver = false;
    let cancel = (): void => undefined;
    let leftMs = quiet;
    let since = 0;
    let few = 0;
    const arm = (): void => {
      since = clock.monotonic();
      cancel = clock.timer(leftMs, unanswered, { unref: true });
    };
    arm();
    const moved = async (bytes: number): Promise<void> => {
      cancel();
      few += bytes;
      leftMs = few < leastBytes ? Math.max(0, leftMs - (clock.monotonic() - since)) : quiet;
      if (few >= leastBytes) few = 0;
      await pace?.(bytes); // its own time, not the server's
      if (!isOver) arm();
    };
    let stream: Readable | undefined;
    const carry: Exchange['carry'] = piece => {
      stream = piece.stream(moved);
      // The client does not listen for it, and it would end the process.
      stream.on('error', error => fail(toSignetError(error)));
      payloadHashes.set(stream, piece.sha256);
      return {
        Body: stream,
        ContentLength: piece.sizeBytes,
        ContentMD5: asBuffer(piece.md5).toString('base64'),
      };
    };
    const stop = (): void => controller.abort();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await body({ client, abortSignal: controller.signal, moved, carry });
    } catch (error) {
      signal?.throwIfAborted();
      if (failure !== undefined) throw failure;
      if (error instanceof SignetError) throw error;
      // The client sets its own clock right by the server's; then the first call alone would tell that this computer's is wrong.
      client.config.systemClockOffset = 0;
      const read = failureFrom(error);
      if (read === undefined) throw error;
      throw errorFor(read, { what, place: label, isOfBucket }, clock.now());
    } finally {
      isOver = true;
      cancel();
      stream?.destroy();
      signal?.removeEventListener('abort', stop);
    }
  }
}
