// Which parts of what is written to a file are worth writing: zeros are there already, as a hole that takes no room on the disk.

/** Shorter runs, and parts of one, would break a file up for little. Whole units of this size, counted from the start of the file, count. */
const unitBytes = 64 * 1024;
const zeros = Buffer.alloc(unitBytes);

/** All but the units that hold nothing but zeros. @param position of the bytes in their file */
export function dataRanges(
  bytes: Uint8Array,
  position: number,
): readonly { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  let from = 0;
  const first = (unitBytes - (position % unitBytes)) % unitBytes;
  for (let at = first; at + unitBytes <= bytes.length; at += unitBytes) {
    // The two ends tell nearly always.
    if (bytes[at] !== 0 || bytes[at + unitBytes - 1] !== 0) continue;
    if (!zeros.equals(bytes.subarray(at, at + unitBytes))) continue;
    if (at > from) ranges.push({ from, to: at });
    from = at + unitBytes;
  }
  if (from < bytes.length) ranges.push({ from, to: bytes.length });
  return ranges;
}
