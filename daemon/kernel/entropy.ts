// Decides from a few samples whether compressing a blob is worth the time: photos, video and sealed dumps are not.

const sampleBytes = 2048;
const samples = 4;
/** Bits per byte. Random bytes show 7.98 in 8 KiB; above this, order-0 coding saves less than 1.5 %. */
const threshold = 7.9;

/** False for small blobs: there the estimate is biased and compressing costs nothing. */
export function looksIncompressible(bytes: Uint8Array): boolean {
  const total = sampleBytes * samples;
  if (bytes.length < total) return false;
  const counts = new Uint32Array(256);
  const stride = Math.floor((bytes.length - sampleBytes) / (samples - 1));
  for (let sample = 0; sample < samples; sample++) {
    const start = sample * stride;
    for (let i = start; i < start + sampleBytes; i++) {
      const byte = bytes[i] ?? 0;
      counts[byte] = (counts[byte] ?? 0) + 1;
    }
  }
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / total) * Math.log2(count / total);
  }
  return bits > threshold;
}
