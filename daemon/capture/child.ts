// The capture child: a process of its own, so that no other code of the daemon can drop the locks it holds
// (POSIX locks belong to the process and go with any close of the file). One request at a time; ends with its channel.

import { systemCode } from '../base/errors.ts';
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
import { captureDatabase } from './strategies.ts';

process.on('message', (request: CaptureRequest | CheckRequest | CountRequest | MergeRequest) => {
  void answer(request).then(message => process.send?.(message));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

async function answer(request: CaptureRequest | CheckRequest | CountRequest | MergeRequest): Promise<CaptureAnswer> {
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
      return { id: request.id, counted: countImage(Buffer.from(request.count, 'base64'), request.order) ?? null };
    }
    return { id: request.id, ok: await captureDatabase(Buffer.from(request.path, 'base64'), request) };
  } catch (error) {
    return { id: request.id, failed: failureOf(error) };
  }
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
