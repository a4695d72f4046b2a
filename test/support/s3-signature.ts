// Checks Signature Version 4 as an S3 server does (AWS "Authenticating Requests"), from the documents and not from the client's code:
// header authorization, and bodies in signed chunks, which stock restic sends over plain HTTP.

import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Account {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly fields?: Readonly<Record<string, string>>;
}

export interface Signed {
  readonly payloadHash: string;
  /** Decodes a body in signed chunks; undefined when one of them is not what was signed. */
  readonly dechunk: (body: Buffer) => Buffer | undefined;
}

const skewMs = 15 * 60 * 1000;
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const emptyHash = sha256('');
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, mark => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

export function checkSignature(request: IncomingMessage, account: Account, now: number): Signed | Refusal {
  const { authorization = '' } = request.headers;
  const [, credential = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? [];
  if (credential === '') return { status: 403, code: 'AccessDenied' };
  const [accessKeyId, day = '', region = '', service, terminator] = credential.split('/');
  if (accessKeyId !== account.accessKeyId) {
    return { status: 403, code: 'InvalidAccessKeyId', fields: { AWSAccessKeyId: accessKeyId ?? '' } };
  }
  if (region !== account.region || service !== 's3' || terminator !== 'aws4_request') {
    return { status: 400, code: 'AuthorizationHeaderMalformed', fields: { Region: account.region } };
  }
  const date = String(request.headers['x-amz-date'] ?? '');
  const sent = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(sent - now) <= skewMs) || !date.startsWith(day)) return { status: 403, code: 'RequestTimeTooSkewed' };
  const payloadHash = String(request.headers['x-amz-content-sha256'] ?? '');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://host');
  const query = [...searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const signedNames = names.split(';');
  const canonical = [
    request.method,
    pathname,
    query.join('&'),
    ...signedNames.map(
      name =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}`,
    ),
    '',
    names,
    payloadHash,
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const stringToSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const key = hmac(hmac(hmac(hmac(`AWS4${account.secretAccessKey}`, day), region), 's3'), 'aws4_request');
  if (!signedNames.includes('host') || hmac(key, stringToSign).toString('hex') !== signature) {
    const fields = { AWSAccessKeyId: accessKeyId, StringToSign: stringToSign, SignatureProvided: signature };
    return { status: 403, code: 'SignatureDoesNotMatch', fields };
  }
  const dechunk = (body: Buffer): Buffer | undefined => {
    const chunks: Buffer[] = [];
    let previous = signature;
    for (let at = 0; ; ) {
      const end = body.indexOf('\r\n', at);
      const [, size = '', given] =
        /^([0-9a-f]+);chunk-signature=([0-9a-f]{64})$/.exec(body.toString('latin1', at, end)) ?? [];
      const length = Number.parseInt(size, 16);
      const chunk = body.subarray(end + 2, end + 2 + length);
      const text = ['AWS4-HMAC-SHA256-PAYLOAD', date, scope, previous, emptyHash, sha256(chunk)].join('\n');
      if (end < 0 || chunk.length !== length || hmac(key, text).toString('hex') !== given) return undefined;
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk);
      previous = given;
      at = end + 2 + length + 2;
    }
  };
  return { payloadHash, dechunk };
}
