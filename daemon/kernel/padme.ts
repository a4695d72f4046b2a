// Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PoPETs 2019, §4): a length is rounded up so that only
// its O(log log) leading bits show. Costs at most 12 %, falling with size: under 6.3 % from 256 bytes, 3.2 % from 64 KiB.

/** The padded length for `length` bytes, at least `length`. Exact for whole numbers up to 2^53. */
export function padme(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const mantissaBits = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(0, exponent - mantissaBits);
  return Math.ceil(length / step) * step;
}
