// From what looks found to the alarms that a person is told: what belongs together is one alarm, with what it is about counted and named.
// Pure. Where an app uploads the place, things of other computers may still be on their way: they have a day to arrive.

import type { ErrorCode, ErrorParams } from '../../protocol/errors.ts';
import type { Alarm, AlarmBackup, AlarmDecision } from '../../protocol/status.ts';
import { utf8 } from '../base/bytes.ts';
import type { Finding } from '../heads/heads.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { SeenPlace, SeenSnapshot } from './look.ts';

/** What has to be looked at anew as a whole: findings of one origin replace those before. */
export type Origin = 'history' | 'packs' | 'lock' | 'place' | 'memory';

/** A finding about heads and snapshots, or about other things, in the same form. */
export interface Found extends Omit<Finding, 'code'> {
  readonly code: ErrorCode;
}

/** What is known of the place and told also while locked. */
export interface BoardFacts {
  readonly found: { readonly [origin in Origin]?: readonly Found[] };
  /** RFC 3339 of when each was first found: alarms by `groupOf`, and what findings miss by `thingsOf`. */
  readonly since: Readonly<Record<string, string>>;
  readonly seen: SeenPlace;
}

export interface Surroundings {
  /** Device id of this computer. */
  readonly self: string;
  /** The label of the place. */
  readonly place: string;
  /** An app uploads and downloads the place from here. */
  readonly isSynced: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Judged {
  readonly alarms: readonly Alarm[];
  /** Not there yet, and no alarm so far: nothing may be deleted meanwhile. */
  readonly arriving: readonly Found[];
}

const graceMs = 24 * 3_600_000;
const mostBackups = 20;
/** What comes first is told first. */
const order = ['place', 'hidden', 'lock', 'fork', 'foreign', 'packs', 'memory'] as const;
type Kind = (typeof order)[number];

const decisionsOf: { readonly [kind in Kind]: readonly AlarmDecision[] } = {
  place: [],
  hidden: ['given-up'],
  lock: ['put-back', 'changed-elsewhere'],
  fork: ['restored-image'],
  foreign: ['adopt'],
  packs: ['given-up'],
  memory: ['restored-image'],
};

/** Which alarm a finding belongs to. */
export function groupOf(origin: Origin, { code, device = '' }: Pick<Found, 'code' | 'device'>): string {
  if (origin !== 'history') return origin;
  if (code === 'E_FOREIGN_SNAPSHOT') return 'foreign';
  return `${code === 'E_FORK' ? 'fork' : 'hidden'} ${device}`;
}

export function judge({ found, since, seen }: BoardFacts, around: Surroundings): Judged {
  const groups = new Map<string, Found[]>();
  const arriving: Found[] = [];
  for (const [origin, findings] of Object.entries(found) as [Origin, readonly Found[]][]) {
    for (const each of findings) {
      const late = lateness(origin, each, seen, around);
      if (late === 'never') continue;
      const isLate = thingsOf(each).some(thing => around.now - Date.parse(since[thing] ?? '') >= graceMs);
      if (late === 'may be' && !isLate) arriving.push(each);
      else groups.set(groupOf(origin, each), [...(groups.get(groupOf(origin, each)) ?? []), each]);
    }
  }
  const alarms = [...groups].map(([group, findings]) => alarmOf(group, findings, { since, seen }, around));
  return { alarms: alarms.toSorted((a, b) => rank(a, around) - rank(b, around)).map(({ alarm }) => alarm), arriving };
}

/** What a finding misses, each by itself: one that never comes must not be excused by others that do. */
export function thingsOf({ id, snapshots = [] }: Found): readonly string[] {
  return snapshots.length === 0 ? [id] : snapshots;
}

type Lateness = 'no' | 'may be' | 'never';

/** Whether a sync app explains it: for a day, for good (it shows two computers different things at a time), or not at all. */
function lateness(origin: Origin, finding: Found, { heads }: SeenPlace, around: Surroundings): Lateness {
  if (origin === 'history') return latenessInHistory(finding, around);
  // Whose packs they are is not written on them.
  const mayBeOthers = origin === 'packs' && heads.some(head => head.device !== around.self);
  return around.isSynced && mayBeOthers ? 'may be' : 'no';
}

/** As `lateness`, of what heads and snapshots say. */
export function latenessInHistory(
  { code, device, other }: Pick<Found, 'code' | 'device' | 'other'>,
  { self, isSynced }: Pick<Surroundings, 'self' | 'isSynced'>,
): Lateness {
  if (!isSynced || code === 'E_FOREIGN_SNAPSHOT') return 'no';
  if (code === 'E_FORK') return other === undefined ? 'no' : 'never';
  return device === self ? 'no' : 'may be';
}

function alarmOf(
  group: string,
  findings: readonly Found[],
  { since, seen }: Pick<BoardFacts, 'since' | 'seen'>,
  { self, place, now }: Surroundings,
): { readonly kind: Kind; readonly device: string; readonly alarm: Alarm } {
  const [kind, device = ''] = group.split(' ') as [Kind, string?];
  const first = since[group] ?? new Date(now).toISOString();
  const backups = backupsOf(findings, seen);
  const [main] = findings as [Found, ...Found[]];
  const numbers = findings.filter(({ expectedSeq }) => expectedSeq !== undefined);
  const number = Math.max(0, ...numbers.map(({ expectedSeq = 0 }) => expectedSeq));
  const lowest = Math.min(...numbers.map(({ foundSeq = expectedOf(number) }) => foundSeq));
  const objects = findings.reduce((sum, each) => sum + (each.objects ?? 0), 0);
  const count = kind === 'packs' ? objects : backups.length || (kind === 'hidden' ? Math.max(1, number - lowest) : 0);
  const about = kind === 'fork' ? (findings.find(each => each.other !== undefined)?.other ?? device) : device;
  const params: ErrorParams = {
    place,
    ...(count > 0 && { count }),
    ...(about !== '' && about !== self && { device: labelOf(about, seen) }),
    ...(kind === 'lock' && main.code === 'E_WITHHELD' && { what: 'lock' }),
    ...(number > 0 && { number }),
    ...(number > 0 && kind === 'hidden' && Number.isFinite(lowest) && { found: lowest }),
    ...(backups[0]?.at !== undefined && { at: backups[0].at }),
  };
  const alarm: Alarm = {
    id: sha256Hex(utf8(`${group} ${first}`)).slice(0, 16),
    code: main.code,
    since: first,
    detail: [...new Set(findings.map(({ detail }) => detail))].slice(0, 5).join('; '),
    params,
    ...(backups.length > 0 && { backups: backups.slice(0, mostBackups) }),
    decisions: kind === 'lock' && main.code !== 'E_VAULT_CHANGED' ? ['put-back'] : decisionsOf[kind],
  };
  return { kind, device, alarm };
}

const expectedOf = (number: number): number => Math.max(0, number - 1);

function rank({ kind, device }: { readonly kind: Kind; readonly device: string }, { self }: Surroundings): number {
  return order.indexOf(kind) * 2 + (device === self ? 0 : 1);
}

function backupsOf(findings: readonly Found[], seen: SeenPlace): readonly AlarmBackup[] {
  const ids = new Set(findings.flatMap(({ snapshots = [] }) => snapshots));
  const known = new Map<string, SeenSnapshot>(seen.snapshots.map(each => [each.id, each]));
  const found = [...ids].map((id): AlarmBackup => {
    const { at, number, device } = known.get(id) ?? {};
    return {
      id,
      ...(at !== undefined && { at }),
      ...(number !== undefined && { number }),
      ...(device !== undefined && device !== '' && { device: labelOf(device, seen) }),
    };
  });
  return found.toSorted((a, b) => (b.number ?? 0) - (a.number ?? 0) || Date.parse(b.at ?? '') - Date.parse(a.at ?? ''));
}

function labelOf(device: string, { heads }: SeenPlace): string {
  return heads.find(each => each.device === device)?.label || device.slice(0, 8);
}

/** What goes into a head's `acknowledged` when its owner decides about an alarm. */
export function decidedIds(findings: readonly Found[]): readonly string[] {
  const ids = findings.flatMap(({ id, code, snapshots = [] }): readonly string[] =>
    code === 'E_FOREIGN_SNAPSHOT' ? snapshots : [id, ...snapshots],
  );
  return [...new Set(ids)];
}

/**
 * What is remembered after a look. Where a device's newest head is hidden, what was known of that device stays known; the rest is as the heads
 * say now. Details of what only a head names any more are those that were seen before.
 */
export function remembering(before: SeenPlace, now: SeenPlace, findings: readonly Found[]): SeenPlace {
  const isBack = (device: string): boolean =>
    findings.some(each => each.code === 'E_ROLLBACK' && each.device === device);
  const kept = before.heads.filter(
    head => isBack(head.device) && head.seq > (now.heads.find(each => each.device === head.device)?.seq ?? 0),
  );
  const devices = new Set(kept.map(({ device }) => device));
  const known = new Map(before.snapshots.map(each => [each.id, each]));
  const named = new Set(now.snapshots.map(({ id }) => id));
  const hidden = before.snapshots.filter(({ id, device }) => devices.has(device) && !named.has(id));
  return {
    heads: [...kept, ...now.heads.filter(({ device }) => !devices.has(device))],
    snapshots: [
      ...hidden,
      ...now.snapshots.map(each => (each.at === undefined ? { ...each, ...known.get(each.id) } : each)),
    ],
  };
}

/** A rollback names the backups that went with the head, as far as this computer knew them. */
export function withBackups(
  findings: readonly Found[],
  { snapshots }: SeenPlace,
  missing: readonly string[],
): readonly Found[] {
  const gone = new Set(missing);
  return findings.map(each => {
    if (each.code !== 'E_ROLLBACK' || each.device === undefined) return each;
    const hidden = snapshots.filter(({ id, device }) => device === each.device && gone.has(id)).map(({ id }) => id);
    return hidden.length === 0 ? each : { ...each, snapshots: hidden };
  });
}
