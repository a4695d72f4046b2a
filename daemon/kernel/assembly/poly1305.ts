// Poly1305 (RFC 8439 §2.5) over 26-bit limbs, after the plan of its §2.5.1 with 64-bit products. AssemblyScript, built into
// ../poly1305-wasm.ts by scripts/kernel.mjs The caller writes key and message into linear memory and reads the tag from it.

/** Where the caller puts the 32 bytes of the one-time key and finds the 16 bytes of the tag. */
export const keyAt: usize = 1024;
export const tagAt: usize = 1056;
/** Where the caller puts pieces of the message; `windowBytes` fit, a multiple of 16. */
export const windowAt: usize = 65536;
export const windowBytes: i32 = 262144;

const mask: u64 = 0x3ffffff;

let r0: u64 = 0, r1: u64 = 0, r2: u64 = 0, r3: u64 = 0, r4: u64 = 0;
let h0: u64 = 0, h1: u64 = 0, h2: u64 = 0, h3: u64 = 0, h4: u64 = 0;

/** Takes r (clamped here) from the key and clears the accumulator. */
export function begin(): void {
  const t0 = load<u32>(keyAt) as u64;
  const t1 = load<u32>(keyAt, 4) as u64;
  const t2 = load<u32>(keyAt, 8) as u64;
  const t3 = load<u32>(keyAt, 12) as u64;
  r0 = t0 & 0x3ffffff;
  r1 = ((t0 >> 26) | (t1 << 6)) & 0x3ffff03;
  r2 = ((t1 >> 20) | (t2 << 12)) & 0x3ffc0ff;
  r3 = ((t2 >> 14) | (t3 << 18)) & 0x3f03fff;
  r4 = (t3 >> 8) & 0x00fffff;
  h0 = 0; h1 = 0; h2 = 0; h3 = 0; h4 = 0;
}

/** Absorbs whole blocks from the window. @param length a multiple of 16; @param high 1 << 24 for full blocks, 0 for the padded last */
export function absorb(length: i32, high: u32): void {
  let a0 = h0, a1 = h1, a2 = h2, a3 = h3, a4 = h4;
  const k0 = r0, k1 = r1, k2 = r2, k3 = r3, k4 = r4;
  const s1 = k1 * 5, s2 = k2 * 5, s3 = k3 * 5, s4 = k4 * 5;
  const top = high as u64;
  const end = windowAt + length;
  for (let at: usize = windowAt; at < end; at += 16) {
    const lo = load<u64>(at);
    const hi = load<u64>(at, 8);
    a0 += lo & mask;
    a1 += (lo >> 26) & mask;
    a2 += ((lo >> 52) | (hi << 12)) & mask;
    a3 += (hi >> 14) & mask;
    a4 += (hi >> 40) | top;
    const d0 = a0 * k0 + a1 * s4 + a2 * s3 + a3 * s2 + a4 * s1;
    let d1 = a0 * k1 + a1 * k0 + a2 * s4 + a3 * s3 + a4 * s2;
    let d2 = a0 * k2 + a1 * k1 + a2 * k0 + a3 * s4 + a4 * s3;
    let d3 = a0 * k3 + a1 * k2 + a2 * k1 + a3 * k0 + a4 * s4;
    let d4 = a0 * k4 + a1 * k3 + a2 * k2 + a3 * k1 + a4 * k0;
    d1 += d0 >> 26; a0 = d0 & mask;
    d2 += d1 >> 26; a1 = d1 & mask;
    d3 += d2 >> 26; a2 = d2 & mask;
    d4 += d3 >> 26; a3 = d3 & mask;
    a0 += (d4 >> 26) * 5; a4 = d4 & mask;
    a1 += a0 >> 26; a0 &= mask;
  }
  h0 = a0; h1 = a1; h2 = a2; h3 = a3; h4 = a4;
}

/** Reduces, adds s, writes the tag, and clears key and accumulator. */
export function finish(): void {
  let c = h1 >> 26; h1 &= mask;
  h2 += c; c = h2 >> 26; h2 &= mask;
  h3 += c; c = h3 >> 26; h3 &= mask;
  h4 += c; c = h4 >> 26; h4 &= mask;
  h0 += c * 5; c = h0 >> 26; h0 &= mask;
  h1 += c;
  // h − p, taken when it is not negative, without a branch on secret data.
  let g0 = h0 + 5; c = g0 >> 26; g0 &= mask;
  let g1 = h1 + c; c = g1 >> 26; g1 &= mask;
  let g2 = h2 + c; c = g2 >> 26; g2 &= mask;
  let g3 = h3 + c; c = g3 >> 26; g3 &= mask;
  let g4 = h4 + c - (1 << 26);
  const keep = (g4 >> 63) - 1; // all ones when h ≥ p
  h0 = (h0 & ~keep) | (g0 & keep);
  h1 = (h1 & ~keep) | (g1 & keep);
  h2 = (h2 & ~keep) | (g2 & keep);
  h3 = (h3 & ~keep) | (g3 & keep);
  h4 = (h4 & ~keep) | (g4 & keep);
  const w0 = (h0 | (h1 << 26)) & 0xffffffff;
  const w1 = ((h1 >> 6) | (h2 << 20)) & 0xffffffff;
  const w2 = ((h2 >> 12) | (h3 << 14)) & 0xffffffff;
  const w3 = ((h3 >> 18) | (h4 << 8)) & 0xffffffff;
  let f = w0 + load<u32>(keyAt, 16); store<u32>(tagAt, f as u32);
  f = w1 + load<u32>(keyAt, 20) + (f >> 32); store<u32>(tagAt, f as u32, 4);
  f = w2 + load<u32>(keyAt, 24) + (f >> 32); store<u32>(tagAt, f as u32, 8);
  f = w3 + load<u32>(keyAt, 28) + (f >> 32); store<u32>(tagAt, f as u32, 12);
  memory.fill(keyAt, 0, 32);
  r0 = 0; r1 = 0; r2 = 0; r3 = 0; r4 = 0;
  h0 = 0; h1 = 0; h2 = 0; h3 = 0; h4 = 0;
}
