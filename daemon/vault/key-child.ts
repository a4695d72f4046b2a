// The key child: a short-lived process that reads one request from standard input, derives a key, judges or suggests a password or
// writes out the recovery sheet, answers on standard output, and ends. Secrets are text only here, so they leave no trace in the
// daemon's memory; dictionaries (some ten megabytes), word list and QR code never load there either.

import { randomBytes } from 'node:crypto';
import { asBuffer, fromBase64Url, fromUtf8, utf8, wipe } from '../base/bytes.ts';
import { packFrame, readFrame, unpackFrame } from '../base/child.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import { type Argon2, chooseArgon2 } from './argon2.ts';
import { maxPasses } from './kdf-policy.ts';
import type { KeyAnswer, KeyRequest } from './key-wire.ts';
import type { KdfCost, Verdict, WritePolicy } from './model.ts';
import { normalisePassword } from './password.ts';
import { argon2AssociatedData } from './vault-file.ts';

const keyBytes = 32;

async function answer(request: KeyRequest, typed: Uint8Array): Promise<{ head: KeyAnswer; secret: Uint8Array }> {
  const none = new Uint8Array();
  if (request.op === 'backend') {
    const { backend } = await chooseArgon2();
    return { head: { ok: true, backend }, secret: none };
  }
  if (request.op === 'suggest') {
    const { sixWords } = await import('./phrase.ts');
    return { head: { ok: true }, secret: utf8(sixWords(count => new Uint8Array(randomBytes(count)))) };
  }
  if (request.op === 'sheet') {
    const { recoverySheet } = await import('./recovery-sheet.ts');
    return { head: { ok: true }, secret: utf8(recoverySheet(request.facts, typed)) };
  }
  const password = normalisePassword(typed);
  try {
    switch (request.op) {
      case 'judge':
        return { head: { ok: true, verdict: await judge(password, request.phone) }, secret: none };
      case 'derive': {
        const { argon2 } = await chooseArgon2();
        return { head: { ok: true }, secret: await derive(argon2, password, request, request.cost) };
      }
      case 'derive-new': {
        const verdict = await judge(password, request.phone);
        if (verdict === 'refused') throw new SignetError('E_WEAK_PASSWORD', 'the password is too easy to guess');
        const { argon2 } = await chooseArgon2();
        const { key, cost } = await deriveMeasured(argon2, password, request, request.policy);
        return { head: { ok: true, cost, verdict }, secret: key };
      }
    }
  } finally {
    wipe(password);
  }
}

async function judge(password: Uint8Array, phone: string | undefined): Promise<Verdict> {
  const { StrengthGate } = await import('./strength.ts'); // the dictionaries load only where they are needed
  return new StrengthGate().judge(fromUtf8(password) ?? '', phone);
}

async function derive(
  argon2: Argon2,
  password: Uint8Array,
  from: { phone: string; salt: string },
  cost: KdfCost,
): Promise<Uint8Array> {
  const salt = fromBase64Url(from.salt);
  if (salt === undefined) throw new SignetError('E_INTERNAL', 'key child: the salt is not base64url');
  try {
    return await argon2({
      password,
      salt,
      associatedData: argon2AssociatedData(from.phone),
      ...cost,
      length: keyBytes,
    });
  } catch (error) {
    // Native code says "Memory allocation error"; nothing else can fail after the bounds were checked.
    throw new SignetError(
      'E_KDF_RESOURCES',
      `deriving the key failed: ${error instanceof Error ? error.message : String(error)}`,
      {
        params: { need: cost.m * 1024, have: process.availableMemory() },
      },
    );
  }
}

/** Runs with the policy's passes, and once more with as many as the target needs if that was too fast. */
async function deriveMeasured(
  argon2: Argon2,
  password: Uint8Array,
  from: { phone: string; salt: string },
  policy: WritePolicy,
): Promise<{ key: Uint8Array; cost: KdfCost }> {
  const { m, t, p, targetMs } = policy;
  const start = performance.now();
  const key = await derive(argon2, password, from, { m, t, p });
  const tookMs = performance.now() - start;
  const wanted = targetMs === undefined ? t : Math.min(maxPasses(m), Math.ceil((t * targetMs) / tookMs));
  if (wanted <= t) return { key, cost: { m, t, p } };
  wipe(key);
  const cost = { m, t: wanted, p };
  return { key: await derive(argon2, password, from, cost), cost };
}

function failure(thrown: unknown): KeyAnswer {
  const { code, message, params } = toSignetError(thrown);
  return { ok: false, code, message, params };
}

async function respond(): Promise<Uint8Array> {
  let frame: Uint8Array | undefined;
  let secret: Uint8Array | undefined;
  try {
    frame = await readFrame(process.stdin);
    const request = unpackFrame(frame);
    if (request === undefined) throw new SignetError('E_INTERNAL', 'key child: the request is not a frame');
    // The daemon is the only one that can write to this pipe, and it writes nothing but KeyRequests.
    const result = await answer(request.head as KeyRequest, request.secret);
    secret = result.secret;
    return packFrame(result.head, secret);
  } catch (error) {
    return packFrame(failure(error), new Uint8Array());
  } finally {
    wipe(frame, secret);
  }
}

const response = await respond();
process.stdout.write(asBuffer(response), () => {
  wipe(response);
  process.exit(0);
});
