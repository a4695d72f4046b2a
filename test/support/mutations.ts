// Changes of bytes at random, the same for the same seed: bits and bytes, pieces that go, come, move or double, and pieces that parsers have
// stumbled over elsewhere.

/** A generator of numbers from 0 to below 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const oddTexts = [
  ...[
    '"__proto__":{"polluted":1},',
    '"constructor":{"prototype":{"polluted":1}},',
    '__proto__',
    'null',
    '[]',
    '{}',
    '""',
  ],
  ...['-1', '0', '1e400', '-0', '9007199254740993', '18446744073709551616', '0.1', '4294967296', 'true', '"..",'],
  ...['../x', '\\u0000', '\\ud800', '\\x2f', '\u202e', '\0', ',', '"', '\\', '}', ']', '[[[[[[[[', '{"a":{"a":{"a":'],
].map(text => Buffer.from(text));
const oddBytes = [
  ...['00', 'ff', '7b', '5b', '02', '28b52ffd', 'ffffffff', '00000000', '00000080', 'ffffff7f', 'c0af', 'eda080', 'fe'],
].map(text => Buffer.from(text, 'hex'));

/** One to four changes; never the same bytes again but by chance. */
export function mutated(bytes: Uint8Array, random: () => number): Buffer {
  let result: Buffer = Buffer.from(bytes);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let left = 1 + below(4) * below(2); left > 0; left--) {
    const at = below(result.length + 1);
    const length = 1 + below(random() < 0.8 ? 8 : 200);
    const odd = random() < 0.5 ? oddTexts : oddBytes;
    const piece = odd[below(odd.length)] ?? Buffer.alloc(0);
    const [before, after] = [result.subarray(0, at), result.subarray(at)];
    const cases: readonly (() => Buffer)[] = [
      () => flippedBit(result, at, below(8)),
      () => flippedBit(result, at, below(8)),
      () => Buffer.concat([before, Buffer.from([below(256)]), after.subarray(1)]),
      () => Buffer.concat([before, after.subarray(length)]),
      () => Buffer.concat([before, piece, after]),
      () => Buffer.concat([before, piece, after.subarray(piece.length)]),
      () => Buffer.concat([before, after.subarray(0, length), after]),
      () => Buffer.concat([after, before]),
      () => before,
      () => Buffer.concat([result, piece]),
      () => numberChanged(result, random),
    ];
    result = cases[below(cases.length)]?.() ?? result;
  }
  return result;
}

function flippedBit(bytes: Buffer, at: number, bit: number): Buffer {
  const other = Buffer.from(bytes);
  const where = Math.min(at, other.length - 1);
  if (where >= 0) other[where] = (other[where] ?? 0) ^ (1 << bit);
  return other;
}

/** Another number in the place of one that is written out, where there is one. */
function numberChanged(bytes: Buffer, random: () => number): Buffer {
  const text = bytes.toString('latin1');
  const numbers = [...text.matchAll(/\d+/g)];
  const chosen = numbers[Math.floor(random() * numbers.length)];
  if (chosen === undefined) return bytes;
  const values = [
    '0',
    '-1',
    '1',
    '4294967295',
    '4294967296',
    '9007199254740992',
    '1e308',
    '0.5',
    '99999999999999999999',
  ];
  const value = values[Math.floor(random() * values.length)] ?? '';
  const changed = text.slice(0, chosen.index) + value + text.slice(chosen.index + chosen[0].length);
  return Buffer.from(changed, 'latin1');
}
