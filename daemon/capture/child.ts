// The capture child: a process of its own, so that no other code of the daemon can drop the locks it holds
// (POSIX locks belong to the process and go with any close of the file). One request at a time; ends with its channel.

import { readSync } from 'node:fs';
import { SignetError, systemCode } from '../base/errors.ts';
import { pageTagKeyBytes } from '../kernel/page-tags.ts';
import type {
  CaptureAnswer,
  CaptureFailure,
  CaptureRequest,
  CheckRequest,
  CountRequest,
  MergeRequest,
} from './child-messages.ts';
import { countImage } from './count.ts';
import { StagingFailed } from './image.ts';
import { mergeLog } from './merge.ts';
import { checkImage } from './quick-check.ts';
import { captureDatabase, type HeldSource } from './strategies.ts';

type Request = CaptureRequest | CheckRequest | CountRequest | MergeRequest;

serve();
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

function serve(): void {
  let held: HeldSource | undefined;
  process.on('message', (request: Request) => {
    const source = held;
    held = undefined;
    void answer(request, source, next => {
      held = next;
    }).then(message => process.send?.(message));
  });
}

async function answer(
  request: Request,
  held: HeldSource | undefined,
  hold: (source: HeldSource) => void,
): Promise<CaptureAnswer> {
  try {
    if ('check' in request) {
      const path = Buffer.from(request.check, 'base64');
      return { id: request.id, checked: checkImage(path, request.isWhole ? 'integrity_check' : 'quick_check') };
    }
    if ('merge' in request) {
      const [path, to] = [Buffer.from(request.merge, 'base64'), Buffer.from(request.to, 'base64')];
      return { id: request.id, merged: mergeLog(path, to) };
    }
    if ('count' in request) {
      const { count, order } = request;
      const counts = count === null ? held?.count(order) : countImage(Buffer.from(count, 'base64'), order);
      return { id: request.id, counted: counts ?? null };
    }
    held?.release();
    return await capture(request, hold);
  } catch (error) {
    return { id: request.id, failed: failureOf(error) };
  } finally {
    held?.release();
  }
}

async function capture(request: CaptureRequest, keep: (source: HeldSource) => void): Promise<CaptureAnswer> {
  const { id, path, willCount, delta: order, ...options } = request;
  const delta = order && { ...order, key: readKey() };
  let held: HeldSource | undefined;
  const take = (source: HeldSource) => {
    held = source;
  };
  try {
    const hold = willCount ? take : undefined;
    const ok = await captureDatabase(Buffer.from(path, 'base64'), { ...options, delta, hold });
    if (held) keep(held);
    return { id, ok, isHeld: held !== undefined };
  } catch (error) {
    held?.release();
    throw error;
  } finally {
    delta?.key.fill(0);
  }
}

/** It was written before the request was sent. */
function readKey(): Uint8Array {
  const key = new Uint8Array(pageTagKeyBytes);
  for (let at = 0; at < key.length; ) {
    const read = readSync(0, key, at, key.length - at, null);
    if (read === 0) throw new SignetError('E_INTERNAL', 'the tag key did not come');
    at += read;
  }
  return key;
}

function failureOf(error: unknown): CaptureFailure {
  const cause = error instanceof StagingFailed ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = systemCode(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') return { reason: 'disk-full', message };
  if (error instanceof StagingFailed) return { reason: 'io', message: `${error.message}: ${message}` };
  if (code === 'ENOENT' || code === 'ENOTDIR') return { reason: 'vanished', message };
  if (code === 'EACCES' || code === 'EPERM') return { reason: 'permission', message };
  return { reason: 'io', message };
}
