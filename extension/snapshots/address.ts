// The addresses of files in backups: `signet-snapshot://<snapshot id>/<source>/<path>`. The source goes by its name where that is clear, so that a
// person can read where a file is from, and by its id elsewhere. Paths are those of the protocol, which escapes what is not plain text by
// backslashes; since some of the editor turns these into slashes, `%` and `\` are written `%25` and `%5C`.

import type { SnapshotSource } from '../../protocol/status.ts';
import { withoutTurns } from '../plain-text.ts';

export const scheme = 'signet-snapshot';
/** A file of this computer that is compared with one of a backup; the rest of the address is that of the file. */
export const liveScheme = 'signet-live';

type Named = Pick<SnapshotSource, 'id' | 'label'>;

/** Pages that list names of files begin their scheme with this; each has one of its own. */
export const listScheme = 'signet-list';

/** Whether what has such an address tells of what lies in a backup. */
export function isOfBackups(ofAddress: string): boolean {
  return ofAddress === scheme || ofAddress.startsWith(`${listScheme}-`);
}

/** The parts of an address that the editor's Uri has. */
export interface Address {
  readonly authority: string;
  /** Begins with a slash; not percent-encoded. */
  readonly path: string;
}

/** @param path within the source, as the protocol has it; '' is its root */
export function addressOf(snapshot: string, sources: readonly Named[], source: string, path: string): Address {
  const segments = [segmentOf(sources, source), ...path.split('/').filter(name => name !== '')];
  return { authority: snapshot, path: `/${segments.map(written).join('/')}` };
}

export interface Place {
  readonly snapshot: string;
  /** `<source id>/<path>`, as the protocol has it; '' is the root of all sources. */
  readonly path: string;
}

/** Which snapshot an address is in; undefined where it is none of ours. */
export function snapshotOf({ authority }: Pick<Address, 'authority'>): string | undefined {
  return /^[0-9a-f]{64}$/.test(authority) ? authority : undefined;
}

/** Where an address leads. @param sources those of its snapshot; what another program made has none */
export function placeOf({ authority, path }: Address, sources: readonly Named[]): Place {
  const [segment, ...names] = path
    .split('/')
    .filter(name => name !== '')
    .map(read);
  if (segment === undefined) return { snapshot: authority, path: '' };
  const source = sources.find(({ id }) => segmentOf(sources, id) === segment);
  return { snapshot: authority, path: [source?.id ?? segment, ...names].join('/') };
}

/** Of one snapshot, each source has another segment; it leads back to the source. */
export function segmentOf(sources: readonly Named[], id: string): string {
  const label = sources.find(source => source.id === id)?.label ?? '';
  const isPlain = /^[^/\\\p{Cc}\p{Cf}\p{Cs}]{1,80}$/u.test(label) && !/^\.+$/.test(label) && label.trim() === label;
  const others = sources.filter(source => source.id !== id);
  const isClear = others.every(other => other.label !== label && other.id !== label);
  return isPlain && isClear ? label : id;
}

/** The last name of a path as a person reads it. */
export function nameOf(path: string): string {
  return withoutTurns(path.slice(path.lastIndexOf('/') + 1));
}

/** A name of the protocol as it stands in an address. */
export function written(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('\\', '%5C');
}

function read(name: string): string {
  return name.replaceAll('%5C', '\\').replaceAll('%25', '%');
}
