// restic refuses a repository whose config lacks an irreducible polynomial of degree 53 over GF(2) for its chunker. Signet never
// chunks with it; it is there so that stock restic can open the repository and back up into it.

const degree = 53n;
const top = 1n << degree;

function modulo(value: bigint, divisor: bigint): bigint {
  let rest = value;
  const size = divisor.toString(2).length;
  for (let excess = rest.toString(2).length - size; excess >= 0; excess = rest.toString(2).length - size) {
    rest ^= divisor << BigInt(excess);
    if (rest === 0n) break;
  }
  return rest;
}

/** The square of a polynomial: its bits spread apart. */
function square(value: bigint): bigint {
  return BigInt(`0b${value.toString(2).split('').join('0')}`);
}

/**
 * Rabin's test for degree 53. The degree is prime, so it is enough that x^(2^53) = x (mod f) and that f has no root in GF(2).
 */
export function isIrreducible53(polynomial: bigint): boolean {
  if (polynomial >> degree !== 1n) return false;
  const oddTerms = [...polynomial.toString(2)].filter(bit => bit === '1').length % 2 === 1;
  if ((polynomial & 1n) === 0n || !oddTerms) return false;
  let power = 2n;
  for (let i = 0n; i < degree; i++) power = modulo(square(power), polynomial);
  return power === 2n;
}

/** A random irreducible polynomial of degree 53; about one candidate in 53 is one (half of the others fall at once). */
export function randomPolynomial53(randomBytes: (length: number) => Uint8Array): bigint {
  for (;;) {
    const bits = BigInt(`0x${Buffer.from(randomBytes(8)).toString('hex')}`);
    const candidate = (bits & (top - 1n)) | top | 1n;
    if (isIrreducible53(candidate)) return candidate;
  }
}
