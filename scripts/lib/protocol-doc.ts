// docs/protocol.md, made of the sources that are the protocol: its prose is here, its tables are what the code says.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type * as v from 'valibot';
import { ageless, coalesceMs, maxInFlight, type RequestName, requests } from '../../daemon/endpoint/endpoint.ts';
import { paramsOf } from '../../daemon/endpoint/params.ts';
import { wordsFor } from '../../protocol/error-words.ts';
import { type ErrorCode, errorKinds } from '../../protocol/errors.ts';
import { maxAnswerLength, maxFrameBytes } from '../../protocol/frames.ts';
import { maxSocketPathBytes } from '../../protocol/home.ts';
import { replacementEveryMs } from '../../protocol/replacement.ts';
import { maxSecretBytes, secretNames } from '../../protocol/secrets.ts';
import {
  authenticateMs,
  maxPeers,
  maxStrangers,
  maxUnprovenLength,
  maxUntakenBytes,
  maxWaiting,
} from '../../protocol/socket.ts';
import { protocolVersion } from '../../protocol/version.ts';
import { declarationsOf, type MessageDeclaration, messagesOf } from './declarations.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const sourceOf = (relative: string): string => readFileSync(path(relative), 'utf8');

export const protocolPagePath = path('docs/protocol.md');

export function protocolPage(): string {
  const messages = messagesOf(sourceOf('protocol/messages.ts'));
  const asked = messages.filter(each => each.maker.startsWith('RequestType') && each.name !== 'initialize');
  return [
    introduction(),
    `## Limits\n\n${limits()}`,
    `## Requests\n\n${requestsIntroduction()}\n\n${asked.map(requestSection).join('\n\n')}`,
    `## What the daemon tells by itself\n\n${notifications(messages)}`,
    `## Errors\n\n${errors()}`,
    `## Types\n\nAs the sources declare them; \`RFC 3339\` times are UTC. New fields are optional, and say what absence means.\n\n${types()}`,
  ]
    .join('\n\n')
    .concat('\n');
}

function introduction(): string {
  return `# The protocol

<!-- Made by scripts/protocol-doc.mjs from protocol/ and daemon/endpoint/; \`npm run build:protocol-doc\` makes it anew. -->

What Signet's daemon and its clients say to each other: the command line, the editor extension, and any program that you let act for you.
This is protocol ${protocolVersion}. It stays on this computer: a Unix socket or a Windows pipe, never a network port.

## Where the daemon is

With \`SIGNET_HOME\` set everything lies below that folder: the socket is \`run/signet.sock\`, the token \`config/token\`. Without it the
platform's own folders are used (on Linux \`$XDG_RUNTIME_DIR/signet/signet.sock\` and \`~/.config/signet/token\`). A path of more than
${maxSocketPathBytes} bytes would not fit a socket: it moves to \`<runtime or temporary folder>/signet-<uid>/<12 hex digits of SHA-256 of the state folder>/\`.
On Windows the pipe's name holds 32 digits of that hash.

Folders are 0700, socket and token 0600, and both sides look before they trust: a folder or socket that is a link, of another user or open
to others is refused. Whoever wants to be the daemon takes an exclusive lock on \`state/daemon.lock\` first; it dies with its process, and
only its holder removes the socket of a dead one.

## From the connection to the first request

1. **Frames.** Each frame is one line of JSON, \`{"type": "rpc", "data": …}\`, ended by a form feed (U+000C), in UTF-8, at most
   ${count(maxFrameBytes)} bytes. \`data\` is one of the objects below. Anything else closes the connection without a word.
2. **Challenge.** The daemon sends \`{"challenge": C}\`: 32 random bytes in base64url. The client answers \`{"nonce": N, "proof": P}\` with 32 random
   bytes of its own and P = HMAC-SHA256(token, \`signet/ipc/v1/client\` ‖ C ‖ N); the token is the 32 bytes that stand in its file as hex. The daemon
   answers \`{"proof": P'}\`, the same with \`signet/ipc/v1/daemon\`, and the client checks it. Neither proof can be used a second time, nor
   for the other side.
3. **Messages.** From here on a frame holds \`{"message": M}\`, one [JSON-RPC 2.0](https://www.jsonrpc.org/specification) message. An answer of the daemon that is longer than a frame
   comes as frames \`{"part": text, "more": true | false}\`; the texts in order, up to the one without more, are the message. Clients do not
   send parts: large data goes by the path of a file.
4. **initialize.** The first request, as in the language server protocol, so that its client libraries fit. The client puts its versions into
   \`initializationOptions: {protocolVersion, version}\`; the daemon answers \`signet: {protocolVersion, daemonVersion}\`. Nothing else is served before it.

## Versions

Newer is who has the higher protocol number, or with the same number the higher product version (Semantic Versioning).

- **An older client leaves a newer daemon alone.** It never stops, replaces or restarts it. With another protocol number it says that it has
  to be updated; with the same number it works with it.
- **A newer client asks an older daemon to make way** by \`${requests.handOver.method}\` and starts its own when it is gone. The daemon refuses while a job
  runs or somebody waits for an answer, and refuses everyone who is not newer. With the same protocol number the client then works with the older
  daemon, and it does not even ask when the restart would cost the person a password (unlocked, and no keychain that remembers it).
  With another number it says that it has to wait.
- **One daemon a minute.** However many clients of whatever versions there are: only one of them can take the right to replace, a numbered file
  \`state/replaced-<n>\` made with O_EXCL, and the next one ${replacementEveryMs / 1000} seconds later.
- **With another number** only ${listed(ageless.map(name => `\`${requests[name].method}\``))} are served; the rest answers \`E_DAEMON_INCOMPATIBLE\`.
- Within one number fields are only ever added. A request with a field that the daemon does not know is refused, since an option that is
  not understood must not be ignored; in answers clients ignore what they do not know.

## The life of the daemon and of a connection

The first client that finds no daemon starts one; clients that start at the same moment end at the same one. It belongs to no client: windows and terminals come
and go, jobs go on. It ends by \`${requests.stopDaemon.method}\`, \`${requests.handOver.method}\`, SIGTERM or SIGINT, cleanly: the running job is broken off where it can be continued.
SIGHUP and SIGUSR1 do nothing. After a crash the next start finds its socket dead, takes over and sweeps what was staged.

\`shutdown\` and \`exit\` end the connection of the client that sends them and nothing else. \`$/cancelRequest\` cancels a request, and so does leaving;
\`${requests.backup.method}\` is the exception: the job belongs to the daemon, cancelling the request only stops waiting, and \`${requests.cancel.method}\` stops the job. A
request with a \`progressToken\` of the client's choice gets \`$/progress\` notifications while it runs.

## Secrets

Passwords, phone numbers and keys never stand in parameters. They are sealed for the one request on the one connection: two keys, for the two
directions, by HKDF-SHA256(token, salt = C ‖ N, info = \`signet/ipc/v1/to-daemon\` or \`signet/ipc/v1/to-client\`); AES-256-GCM with the method of the request as
associated data. The 12 bytes of \`iv\` end with a counter of 8 bytes, big-endian, that rises with each box: one opens once, in order. The
content is not JSON, which would need strings that nobody can wipe: for each secret one byte for its name, two for its length (big-endian), and
its bytes (UTF-8, at most ${maxSecretBytes}). The names by number:

${table(
  ['number', 'name'],
  secretNames.map((name, index) => [String(index), `\`${name}\``]),
)}

A key or password that the daemon returns comes back sealed in the same way.`;
}

function limits(): string {
  return `Exceeding one costs the client its own connection or request, and never those of others.

${table(
  ['what', 'limit', 'then'],
  [
    ['a frame', `${count(maxFrameBytes)} bytes`, 'the connection is closed; a sender of ours refuses it first'],
    [
      'an answer, all parts together',
      `${count(maxAnswerLength)} characters`,
      '`E_OBJECT_LIMIT`; lists are paged, or cut with the number of what is left out in `more`',
    ],
    ['before the proof: bytes', count(maxUnprovenLength), 'the connection is closed'],
    ['before the proof: time', `${authenticateMs / 1000} s`, 'the connection is closed'],
    [
      'before the proof: connections at a time',
      count(maxStrangers),
      'the one that came first is closed: a client proves itself in a millisecond',
    ],
    ['clients at a time', count(maxPeers), 'one more is closed'],
    ['requests of one client that are worked on', count(maxInFlight), '`E_BUSY`'],
    ['messages of one client that wait', count(maxWaiting), 'its socket is read no further until they are fewer'],
    [
      'bytes that a client has not taken',
      count(maxUntakenBytes),
      'its socket is read no further, and of the states it misses it gets the newest',
    ],
    ['one secret', `${count(maxSecretBytes)} bytes`, '`E_USAGE`'],
    ['states and progress', `one in ${coalesceMs} ms`, 'the newest is sent'],
  ],
)}`;
}

function requestsIntroduction(): string {
  return `*Checked* is what the daemon lets through; every other field, size or form answers \`E_USAGE\` with the name of the field and without what was sent.
Every request can fail with a JSON-RPC error whose \`data\` is \`{code, params, retryable}\`; see [Errors](#errors).`;
}

function requestSection({ name, comment, types, method }: MessageDeclaration): string {
  const withParams = types.length === 3;
  const served = Object.hasOwn(requests, name) ? (name as RequestName) : undefined;
  const blocks = [
    `### \`${method}\``,
    ...(comment === '' ? [] : [comment]),
    code([...(withParams ? [`params: ${types[0]}`] : []), `result: ${types.at(-2) ?? 'null'}`].join('\n')),
  ];
  if (served === undefined) return [...blocks, 'Not served yet by this version.'].join('\n\n');
  const rules = describeFields(paramsOf[served]);
  if (rules.length > 0) blocks.push(`Checked: ${rules.join(' · ')}`);
  return blocks.join('\n\n');
}

function notifications(messages: readonly MessageDeclaration[]): string {
  const rows = messages
    .filter(each => /Notification|Progress/.test(each.maker))
    .map(each => [`\`${each.method || '$/progress'}\``, `\`${each.types[0] ?? ''}\``, each.comment]);
  return table(['method', 'params', 'when'], rows);
}

function errors(): string {
  const rows = (Object.entries(errorKinds) as [ErrorCode, (typeof errorKinds)[ErrorCode]][]).map(
    ([errorCode, { exit, retryable }]) => [
      `\`${errorCode}\``,
      String(exit),
      retryable ? 'yes' : '',
      wordsFor({ code: errorCode, params: {} }, 0).message,
    ],
  );
  return `The wire carries the code and what its sentence is filled with; the words are chosen by the client. \`params\` hold no secret; \`params.detail\` is technical and in
lower case. The exit status is the command line's.

${table(['code', 'exit status', 'trying again may help', 'what a person reads'], rows)}`;
}

function types(): string {
  const common = declarationsOf(sourceOf('protocol/errors.ts')).filter(({ name }) =>
    ['ErrorParams', 'WireError'].includes(name),
  );
  const own = declarationsOf(sourceOf('protocol/messages.ts'));
  const shared = declarationsOf(sourceOf('protocol/status.ts'));
  return [...own, ...shared, ...common]
    .filter(({ kind }) => kind === 'interface' || kind === 'type')
    .map(({ comment, text }) => code(comment === '' ? text : `/** ${comment} */\n${text}`))
    .join('\n\n');
}

type Schema = v.GenericSchema;

/** A field and what it must be, one by one. */
function describeFields(schema: Schema): readonly string[] {
  const { entries = {} } = schema as unknown as { readonly entries?: Readonly<Record<string, Schema>> };
  return Object.entries(entries).map(([name, field]) => {
    const rule = describe(field);
    const isOptional = field.type === 'optional' || field.type === 'nullish';
    return `\`${name}\`${isOptional ? ' (optional)' : ''}${rule === '' ? '' : ` ${rule}`}`;
  });
}

/** valibot's schemas as far as params.ts uses them; what it does not know it shows by its own name. */
function describe(schema: Schema): string {
  const parts = schema as unknown as {
    readonly wrapped?: Schema;
    readonly pipe?: readonly {
      readonly kind: string;
      readonly type: string;
      readonly requirement?: unknown;
      readonly message?: unknown;
    }[];
    readonly item?: Schema;
    readonly value?: Schema;
    readonly options?: readonly unknown[];
    readonly literal?: unknown;
  };
  if (parts.wrapped !== undefined) return describe(parts.wrapped);
  const rules = (parts.pipe ?? []).flatMap(each => (each.kind === 'validation' ? [ruleOf(each)] : []));
  const [first] = parts.pipe ?? [];
  const base =
    first === undefined || (first as unknown) === schema
      ? kindOf(schema, parts)
      : describeOrKind(first as unknown as Schema);
  return [base, ...rules.filter(rule => rule !== '')].filter(part => part !== '').join(', ');
}

function describeOrKind(schema: Schema): string {
  return 'pipe' in schema ? describe(schema) : kindOf(schema, schema as unknown as Parameters<typeof kindOf>[1]);
}

function kindOf(
  schema: Schema,
  parts: {
    readonly item?: Schema;
    readonly value?: Schema;
    readonly options?: readonly unknown[];
    readonly literal?: unknown;
  },
): string {
  switch (schema.type) {
    case 'picklist':
      return (parts.options ?? []).map(option => `\`${String(option)}\``).join(' or ');
    case 'array':
      return `list of ${parts.item === undefined ? 'anything' : describe(parts.item)}`;
    case 'nullable':
      return 'or null';
    case 'union':
      return (parts.options ?? []).map(option => describe(option as Schema)).join(' or ');
    case 'record':
      return `names with ${parts.value === undefined ? 'anything' : describe(parts.value)}`;
    case 'strict_object':
      return `{${describeFields(schema).join(', ')}}`;
    case 'literal':
      return `\`${String(parts.literal)}\``;
    default:
      return schema.type;
  }
}

function ruleOf({
  type,
  requirement,
  message,
}: {
  readonly type: string;
  readonly requirement?: unknown;
  readonly message?: unknown;
}): string {
  switch (type) {
    case 'max_length':
      return `at most ${count(Number(requirement))}`;
    case 'min_value':
      return `from ${count(Number(requirement))}`;
    case 'max_value':
      return Number(requirement) === Number.MAX_SAFE_INTEGER ? '' : `to ${count(Number(requirement))}`;
    case 'integer':
      return 'whole';
    case 'non_empty':
      return 'not empty';
    case 'check':
    case 'regex':
      return typeof message === 'string' ? message : type;
    default:
      return type.replaceAll('_', ' ');
  }
}

const count = (value: number): string => value.toLocaleString('en');

const code = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;

function listed(items: readonly string[]): string {
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), `|${heads.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
