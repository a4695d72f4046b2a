// What connecting a cloud takes, from options, standard input and questions: for Google Drive a client id of one's own and its secret, for an
// S3 storage a key or nothing. Without a terminal nothing is asked: what is missing is wrong use.

import type { RequestType } from 'vscode-jsonrpc/node';
import type { connectRemote } from '../../protocol/messages.ts';
import { Secrets } from '../../protocol/secrets.ts';
import { ownClientSteps, ownClientWhy } from '../../protocol/sign-in-words.ts';
import type { PlaceStatus } from '../../protocol/status.ts';
import { isRemoteSession } from './browser.ts';
import { usage } from './session.ts';
import { canAsk, note, Questions } from './terminal.ts';

export interface CloudOptions {
  readonly clientId?: string;
  readonly device?: boolean;
  readonly accessKeyId?: string;
  readonly region?: string;
  readonly pathStyle?: boolean;
}

type ParamsOf<M> = M extends RequestType<infer P, infer _R, infer _E> ? P : never;

export interface CloudWish {
  readonly params: Omit<ParamsOf<typeof connectRemote>, 'secrets' | 'progressToken'>;
  /** The caller wipes them. */
  readonly secrets: Secrets;
}

type Given = { readonly [name in 'clientSecret' | 's3Secret']?: Uint8Array };

/**
 * Kind and place of what can be connected, in the one way that the daemon writes it; `drive:` alone is the folder Signet. Whether the place
 * can be is for the daemon to say. @throws E_USAGE
 */
export function cloudOf(spec: string): { readonly kind: 'drive' | 's3'; readonly remote: string } {
  const [, kind, place = ''] = /^(drive|s3):(.*)$/s.exec(spec) ?? [];
  if (kind === 'drive') return { kind, remote: `drive:${place === '' ? 'Signet' : place}` };
  if (kind === 's3' && place !== '') return { kind, remote: `s3:${withScheme(place)}` };
  if (spec.startsWith('folder:')) throw usage('a folder needs no connecting: name it to `signet setup`');
  throw usage('what can be connected is drive:<folder name> or s3:<endpoint>/<bucket>[/<prefix>]');
}

function withScheme(place: string): string {
  const written = /^https?:\/\//i.test(place) ? place : `https://${place}`;
  if (!URL.canParse(written)) return place;
  const { origin, pathname, search, hash, username, password } = new URL(written);
  // What does not belong into an address stays there for the daemon to refuse, unless it is a password: that is not repeated.
  if (username !== '' || password !== '')
    throw usage('the address of the S3 storage holds more than host, bucket and prefix');
  return `${origin}/${pathname
    .split('/')
    .filter(part => part !== '')
    .join('/')}${search}${hash}`;
}

/** What is wrong whatever standard input holds. @throws E_USAGE */
export function checkOptions(kind: 'drive' | 's3' | undefined, options: CloudOptions): void {
  const { clientId, device, accessKeyId, region, pathStyle } = options;
  if (kind !== 's3' && [accessKeyId, region, pathStyle].some(value => value !== undefined)) {
    throw usage('--access-key-id, --region and --path-style are for S3 storage');
  }
  if (kind === 's3' && [clientId, device].some(value => value !== undefined)) {
    throw usage('--client-id and --device are for Google Drive');
  }
  for (const [option, value] of [
    ['--client-id', clientId],
    ['--access-key-id', accessKeyId],
    ['--region', region],
  ] as const) {
    if (value !== undefined && !/^[\x21-\x7e]{1,256}$/.test(value))
      throw usage(`${option} is empty, or has a blank in it`);
  }
}

/** @param known the place as it is connected now: who signs in again gives nothing anew */
export async function driveWish(
  remote: string,
  { clientId: id, device }: CloudOptions,
  { clientSecret: secret }: Given,
  known: PlaceStatus | undefined,
): Promise<CloudWish> {
  const flow = device === true ? 'device' : 'browser';
  if (id === undefined && secret === undefined && known?.clientId !== undefined) {
    return { params: { remote, flow }, secrets: new Secrets() };
  }
  if (!canAsk() && id === undefined) throw usage('--client-id is missing, and there is no terminal to ask');
  if (!canAsk() && secret === undefined) throw missingSecret('client secret', 'clientSecret');
  return asking(async questions => {
    if (id === undefined) guide(flow);
    const clientId = id ?? (await askClientId(questions));
    const clientSecret = secret ?? (await askSecret(questions, 'Client secret (it is not shown):'));
    return wishOf({ remote, flow, clientId }, { clientSecret });
  });
}

export async function s3Wish(
  remote: string,
  { accessKeyId: id, region, pathStyle }: CloudOptions,
  { s3Secret: secret }: Given,
): Promise<CloudWish> {
  const params = { remote, ...(region !== undefined && { region }), ...(pathStyle === true && { pathStyle }) };
  if (secret !== undefined && id === undefined) throw usage('the secret key has no --access-key-id');
  if (!canAsk()) {
    if (id === undefined) return wishOf(params, {});
    if (secret === undefined) throw missingSecret('secret key', 's3Secret');
    return wishOf({ ...params, accessKeyId: id }, { s3Secret: secret });
  }
  return asking(async questions => {
    const accessKeyId =
      id ??
      (await questions.ask('Access key id (Enter alone takes the keys that this system has):', shown))
        .toString('utf8')
        .trim();
    if (accessKeyId === '') return wishOf(params, {});
    const s3Secret = secret ?? (await askSecret(questions, 'Secret key (it is not shown):'));
    return wishOf({ ...params, accessKeyId }, { s3Secret });
  });
}

const shown = { hidden: false };
const maxTries = 3;

function missingSecret(what: string, name: string): Error {
  return usage(`the ${what} is missing, and there is no terminal to ask: use --secrets-stdin with {"${name}"}`);
}

function wishOf(params: CloudWish['params'], values: Given): CloudWish {
  const secrets = Secrets.of(values);
  for (const value of Object.values(values)) value.fill(0);
  return { params, secrets };
}

function guide(flow: 'browser' | 'device'): void {
  note(ownClientWhy());
  note('Each step is done on a page of Google. docs/google-drive.md shows them at length.\n');
  for (const [index, { page, text }] of ownClientSteps(flow).entries()) {
    note(`${index + 1}. ${page}`);
    note(`   ${text}`);
  }
  note('');
  if (flow === 'browser' && isRemoteSession(process.env)) {
    note(
      'This terminal seems to be on another computer than your browser. Google could not bring you back to it then: stop with Ctrl-C, and add --device.\n',
    );
  }
}

async function askClientId(questions: Questions): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const typed = (await questions.ask('Client id:', shown)).toString('utf8').trim();
    if (/^[\w.-]{1,200}\.apps\.googleusercontent\.com$/.test(typed)) return typed;
    if (tries === maxTries) throw usage('this is no client id', 'One ends with .apps.googleusercontent.com.');
    note('A client id ends with .apps.googleusercontent.com.');
  }
}

async function askSecret(questions: Questions, question: string): Promise<Uint8Array> {
  for (let tries = 1; ; tries += 1) {
    const typed = await questions.ask(question, { hidden: true });
    const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x09; // comes along when it is copied
    let [from, to] = [0, typed.length];
    while (from < to && isBlank(typed[from])) from += 1;
    while (to > from && isBlank(typed[to - 1])) to -= 1;
    if (to > from) return typed.subarray(from, to);
    if (tries === maxTries) throw usage('nothing was typed', 'Nothing was changed.');
  }
}

async function asking<T>(run: (questions: Questions) => Promise<T>): Promise<T> {
  const questions = new Questions();
  try {
    return await run(questions);
  } finally {
    questions.close();
  }
}
