// Where the blobs of many files go, in the order in which packs give them: by pack and offset, so that neighbours are loaded together and each
// byte once. Typed arrays, about 32 bytes a place: a plan may have millions.

import type { PackId, Repository } from '../repository/model.ts';
import type { PlannedEntry } from './restore.ts';

const noPack = 0xffffffff;

/** Each place in a file where a blob goes: by pack and offset, so that neighbours are loaded together. */
export interface Places {
  readonly count: number;
  /** Places in the order of loading. */
  readonly order: Uint32Array;
  readonly pack: Uint32Array;
  readonly packOffset: Uint32Array;
  readonly file: Uint32Array;
  /** Which of its blobs. */
  readonly part: Uint32Array;
  readonly fileOffset: Float64Array;
}

/** A file that announces another size than its blobs have. */
export interface WrongSize {
  /** Of the file in the list. */
  readonly number: number;
  readonly announced: number;
  readonly bytes: number;
}

/** Where every blob goes, and which files cannot be what they announce. */
export function planPlaces(
  files: readonly PlannedEntry[],
  find: Repository['find'],
): { readonly places: Places; readonly wrongSizes: readonly WrongSize[] } {
  let count = 0;
  for (const { node } of files) count += node.content?.length ?? 0;
  const places = {
    count,
    order: new Uint32Array(count),
    pack: new Uint32Array(count),
    packOffset: new Uint32Array(count),
    file: new Uint32Array(count),
    part: new Uint32Array(count),
    fileOffset: new Float64Array(count),
  };
  const wrongSizes: WrongSize[] = [];
  const packs = new Map<PackId, number>();
  const inPack: number[] = [];
  let unknown = 0;
  let at = 0;
  for (const [number, { node }] of files.entries()) {
    let bytes = 0;
    let isKnown = true;
    for (const [part, id] of (node.content ?? []).entries()) {
      const blob = find('data', id);
      places.file[at] = number;
      places.part[at] = part;
      places.fileOffset[at] = bytes;
      if (blob === undefined) {
        places.pack[at] = noPack;
        isKnown = false;
        unknown++;
      } else {
        let pack = packs.get(blob.pack);
        if (pack === undefined) {
          pack = packs.size;
          packs.set(blob.pack, pack);
          inPack.push(0);
        }
        places.pack[at] = pack;
        places.packOffset[at] = blob.offset;
        inPack[pack] = (inPack[pack] ?? 0) + 1;
        bytes += blob.plainBytes;
      }
      at++;
    }
    const announced = node.sizeBytes ?? 0;
    if (isKnown && bytes !== announced) wrongSizes.push({ number, announced, bytes });
  }
  inPack.push(unknown);
  sortPlaces(places, inPack);
  return { places, wrongSizes };
}

/** Fills `order`: pack by pack as they are first met, by offset in each, and last what no index knows. */
function sortPlaces({ count, order, pack, packOffset }: Places, inPack: readonly number[]): void {
  const begin: number[] = [];
  let sum = 0;
  for (const places of inPack) {
    begin.push(sum);
    sum += places;
  }
  const last = inPack.length - 1;
  const numberOf = (place: number): number => (pack[place] === noPack ? last : (pack[place] ?? last));
  const filled = [...begin];
  for (let place = 0; place < count; place++) {
    const number = numberOf(place);
    order[filled[number] ?? 0] = place;
    filled[number] = (filled[number] ?? 0) + 1;
  }
  for (const [number, from] of begin.entries()) {
    if (number === last) break;
    order.subarray(from, filled[number]).sort((a, b) => (packOffset[a] ?? 0) - (packOffset[b] ?? 0));
  }
}

/** Places of one blob stand together; one that no index knows stands alone. */
export function endOfGroup({ count, order, pack, packOffset }: Places, from: number): number {
  const first = order[from] ?? 0;
  let to = from + 1;
  if (pack[first] === noPack) return to;
  for (; to < count; to++) {
    const next = order[to] ?? 0;
    if (pack[next] !== pack[first] || packOffset[next] !== packOffset[first]) break;
  }
  return to;
}
