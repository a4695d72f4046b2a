// The computers that back up to a place, by their heads: what each is called, the number of its newest backup, and when that was made.

import type { DeviceStatus, SetupResult } from '../../protocol/status.ts';
import type { SnapshotHistory } from './history.ts';

/** A device as its newest head tells of it. */
export type KnownDevice = Required<Omit<DeviceStatus, 'isThis'>>;

/** So many are remembered and told; a place may hold heads of more. */
const mostTold = 64;

/**
 * The one with the newest backup first.
 *
 * @param own this computer after its own backup, whose head is newer than those that were read before it
 */
export function devicesOf(
  { heads, snapshots }: Pick<SnapshotHistory, 'heads' | 'snapshots'>,
  own?: KnownDevice,
): readonly KnownDevice[] {
  const times = new Map(snapshots.map(({ id, snapshot }) => [id, snapshot.time]));
  const found = heads.devices().flatMap((id): KnownDevice[] => {
    const head = heads.of(id);
    if (head === undefined || id === own?.id) return [];
    return [{ id, label: head.label, number: head.seq, at: times.get(head.snapshot) ?? head.time }];
  });
  return [...(own === undefined ? [] : [own]), ...found]
    .toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, mostTold);
}

/** As the state tells of them: this computer first. */
export function deviceStatus(known: readonly KnownDevice[], self: string): readonly DeviceStatus[] {
  const told = known.map(({ id, ...device }) => ({ id, ...device, isThis: id === self }));
  return told.toSorted((a, b) => Number(b.isThis) - Number(a.isThis));
}

/** What whoever joins compares with the recovery sheet. */
export function newestOf(known: readonly KnownDevice[] | undefined): Pick<SetupResult, 'newest'> {
  const [newest] = known ?? [];
  if (newest === undefined) return {};
  const { number, label: device, at } = newest;
  return { newest: { number, device, at } };
}
