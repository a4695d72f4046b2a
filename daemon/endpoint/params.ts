// What a client may say, checked at the door: every field named, every size bounded, nothing unknown let through. An option that an older
// daemon does not know must not be ignored (think of `dryRun`), so it is refused.

import { isAbsolute } from 'node:path';
import * as v from 'valibot';
import { maxBoxLength } from '../../protocol/secrets.ts';

const path = v.pipe(
  v.string(),
  v.nonEmpty(),
  v.maxLength(4096),
  v.check(text => !text.includes('\0'), 'no NUL'),
);
const absolutePath = v.pipe(path, v.check(isAbsolute, 'an absolute path'));
const place = v.pipe(path, v.regex(/^[a-z0-9]{2,16}:/, 'a kind, a colon, and a place'));
/** Inside a snapshot; empty means its root. */
const innerPath = v.pipe(
  v.string(),
  v.maxLength(32 * 1024),
  v.check(text => !text.includes('\0'), 'no NUL'),
);
const snapshot = v.pipe(
  v.string(),
  v.regex(/^(?:latest|[0-9a-f]{4,64})$/, '"latest", or the first 4 or more digits of an id'),
);
const profile = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,39}$/, 'a profile name'));
const leaveOut = v.pipe(v.array(v.picklist(['image', 'video', 'audio', 'document', 'sticker'])), v.maxLength(5));
const maxFileBytes = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(Number.MAX_SAFE_INTEGER));
const exclude = v.pipe(v.array(v.pipe(v.string(), v.maxLength(1024))), v.maxLength(1000));
const wish = {
  root: v.optional(absolutePath),
  profile: v.optional(profile),
  leaveOut: v.exactOptional(leaveOut),
  maxFileBytes: v.exactOptional(maxFileBytes),
  exclude: v.exactOptional(exclude),
};
const source = v.pipe(
  v.strictObject(wish),
  v.check(({ root, profile }) => root !== undefined || profile !== undefined, 'a folder or a profile'),
);
const sourceId = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/, 'a source id'));
const include = v.optional(v.pipe(v.array(v.pipe(innerPath, v.nonEmpty())), v.maxLength(256)));
const undoId = v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/, 'the id of a restore'));
const label = v.pipe(v.string(), v.regex(/^[^\u0000-\u001f\u007f]{1,200}$/, '1 to 200 characters'));
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const progressToken = v.optional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(64)));
const secrets = v.strictObject({
  iv: v.pipe(v.string(), v.maxLength(16)),
  box: v.pipe(v.string(), v.maxLength(maxBoxLength)),
});
const schedule = {
  kind: v.optional(v.picklist(['never', 'manual', 'daily', 'weekly', 'monthly'])),
  at: v.optional(v.pipe(v.string(), v.regex(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/, 'HH:MM'))),
  onChange: v.optional(v.boolean()),
};
const longestPauseMs = 30 * 86_400_000;
/** Of another service: its own form. */
const identifier = v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,512}$/, '1 to 512 printable characters without spaces'));
const nothing = v.strictObject({});
/** Which keys there are, and what fits each, is the state's to say. */
const settingValues = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[a-zA-Z]{1,40}$/, 'the name of a setting')),
    v.union([v.boolean(), v.number(), v.pipe(v.string(), v.maxLength(256))], 'text, a number, true or false'),
  ),
  v.check(values => Object.keys(values).length <= 32, 'at most 32 settings'),
);

/** By the name of the request in messages.ts. */
export const paramsOf = {
  setup: v.strictObject({
    sources: v.pipe(v.array(source), v.maxLength(64)),
    remote: place,
    schedule: v.optional(v.strictObject(schedule)),
    createOnly: v.optional(v.boolean()),
    readOnly: v.optional(v.boolean()),
    secrets,
    progressToken,
  }),
  status: v.strictObject({ check: v.optional(v.boolean()) }),
  backup: v.strictObject({ progressToken }),
  cancel: nothing,
  snapshots: v.strictObject({
    offset: v.optional(count),
    limit: v.optional(v.pipe(count, v.minValue(1), v.maxValue(500))),
  }),
  compareSnapshots: v.strictObject({
    before: snapshot,
    after: snapshot,
    path: v.exactOptional(innerPath),
    offset: v.optional(count),
  }),
  showSnapshot: v.strictObject({ snapshot }),
  list: v.strictObject({ snapshot, path: innerPath, offset: v.optional(count), self: v.optional(v.boolean()) }),
  read: v.strictObject({
    snapshot,
    path: innerPath,
    offset: count,
    length: v.pipe(count, v.minValue(1), v.maxValue(128 * 1024)),
  }),
  restore: v.strictObject({
    snapshot,
    target: absolutePath,
    include,
    dryRun: v.optional(v.boolean()),
    progressToken,
  }),
  restoreOriginal: v.strictObject({
    snapshot,
    source: sourceId,
    include,
    dryRun: v.optional(v.boolean()),
    progressToken,
  }),
  listUndos: nothing,
  undoRestore: v.strictObject({ id: v.exactOptional(undoId), progressToken }),
  finishRestore: v.strictObject({ folder: absolutePath, progressToken }),
  verify: v.strictObject({
    readDataPercent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
    progressToken,
  }),
  showAlarms: nothing,
  acknowledgeAlarm: v.strictObject({
    id: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, 'the id of an alarm')),
    decision: v.picklist(['given-up', 'restored-image', 'adopt', 'changed-elsewhere', 'put-back']),
    secrets,
    progressToken,
  }),
  unlock: v.strictObject({ secrets }),
  lock: nothing,
  history: v.strictObject({
    before: v.optional(v.pipe(v.string(), v.isoTimestamp('an RFC 3339 time'))),
    limit: v.optional(v.pipe(count, v.minValue(1), v.maxValue(200))),
  }),
  historyDays: v.strictObject({ days: v.pipe(count, v.minValue(1), v.maxValue(400)) }),
  setSchedule: v.strictObject(schedule),
  pause: v.strictObject({ ms: v.pipe(count, v.maxValue(longestPauseMs)) }),
  discoverSources: nothing,
  syncedFolders: nothing,
  inspectPlace: v.strictObject({
    remote: place,
    roots: v.exactOptional(v.pipe(v.array(absolutePath), v.maxLength(64))),
  }),
  addSource: v.pipe(
    v.strictObject({ ...wish, label: v.exactOptional(label) }),
    v.check(({ root, profile }) => root !== undefined || profile !== undefined, 'a folder or a profile'),
  ),
  removeSource: v.strictObject({ id: sourceId }),
  changeSource: v.strictObject({
    id: sourceId,
    label: v.exactOptional(label),
    leaveOut: v.exactOptional(leaveOut),
    maxFileBytes: v.exactOptional(v.nullable(maxFileBytes)),
    exclude: v.exactOptional(exclude),
  }),
  acceptSource: v.strictObject({ id: sourceId }),
  judgePassword: v.strictObject({ secrets }),
  changePassword: v.strictObject({ secrets }),
  changePhone: v.strictObject({ secrets }),
  showRecoveryKey: v.strictObject({ secrets }),
  renewRecoveryKey: v.strictObject({ secrets }),
  showRecoverySheet: v.strictObject({ secrets }),
  writeRecoverySheet: v.strictObject({ to: absolutePath, secrets }),
  startAfresh: v.strictObject({ secrets, progressToken }),
  deleteOldBackup: v.strictObject({ name: v.pipe(path, v.maxLength(1024)), secrets }),
  deleteBackup: v.strictObject({ name: v.pipe(path, v.maxLength(1024)), progressToken, secrets }),
  connectRemote: v.strictObject({
    remote: place,
    clientId: v.exactOptional(identifier),
    flow: v.exactOptional(v.picklist(['browser', 'device'])),
    accessKeyId: v.exactOptional(identifier),
    region: v.exactOptional(identifier),
    pathStyle: v.exactOptional(v.boolean()),
    secrets,
    progressToken,
  }),
  disconnectRemote: v.strictObject({ remote: v.exactOptional(place) }),
  showRemote: nothing,
  moveRemote: v.strictObject({ to: place, lost: v.optional(v.boolean()), secrets: v.optional(secrets), progressToken }),
  addMirror: v.strictObject({ remote: place, progressToken }),
  removeMirror: v.strictObject({ remote: place }),
  syncMirrors: v.strictObject({ progressToken }),
  suggestPassword: nothing,
  daemonInfo: nothing,
  stopDaemon: nothing,
  handOver: nothing,
  doctor: nothing,
  diagnostics: nothing,
  getSettings: nothing,
  setSettings: v.strictObject({ values: settingValues }),
  installService: nothing,
  uninstallService: nothing,
} as const;

/** Versions a client names in `initialize`; everything else in it is the language client's own and ignored. */
export const initializeParams = v.object({
  initializationOptions: v.optional(
    v.nullable(
      v.object({ protocolVersion: v.optional(count), version: v.optional(v.pipe(v.string(), v.maxLength(64))) }),
    ),
  ),
});

/** What is wrong, naming the field and what was expected there, never what was received: it may be a secret in the wrong place. */
export function complaint(issues: readonly v.BaseIssue<unknown>[]): string {
  const [issue] = issues;
  if (issue === undefined) return 'not understood';
  const where =
    issue.path?.map(item => (typeof item.key === 'number' ? item.key : known(item.key))).join('.') ?? 'parameters';
  if (issue.expected === 'never') return `${where}: not known`;
  // Our own words stand in `check` and `regex`; the default messages quote what was received.
  const expected = issue.type === 'check' || issue.type === 'regex' ? issue.message : (issue.expected ?? issue.type);
  return `${where}: expected ${expected}`;
}

/** Names of fields are ours unless the client made them up. */
function known(key: unknown): string {
  return typeof key === 'string' && /^[a-zA-Z]{1,24}$/.test(key) ? key : '(unknown field)';
}
