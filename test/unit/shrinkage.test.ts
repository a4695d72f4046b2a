import test from 'ava';
import { type Extent, fewerMessages, shrinkage } from '../../daemon/archive/shrinkage.ts';

const extent = (changes: Partial<Extent>): Extent => ({ files: 0, bytes: 0, ...changes });
const mebi = 1 << 20;

const boundaries: readonly (readonly [
  string,
  Partial<Extent>,
  Partial<Extent>,
  'messages' | 'files' | 'bytes' | undefined,
])[] = [
  ['all of seven files', { files: 7 }, { files: 0 }, undefined],
  ['all of eight files', { files: 8 }, { files: 0 }, 'files'],
  ['half of sixteen files', { files: 16 }, { files: 8 }, undefined],
  ['nine of sixteen files', { files: 16 }, { files: 7 }, 'files'],
  ['a byte less than a mebibyte', { bytes: mebi - 1 }, { bytes: 0 }, undefined],
  ['a whole mebibyte', { bytes: mebi }, { bytes: 0 }, 'bytes'],
  ['half of two mebibytes', { bytes: 2 * mebi }, { bytes: mebi }, undefined],
  ['a byte more than half of two mebibytes', { bytes: 2 * mebi }, { bytes: mebi - 1 }, 'bytes'],
  ['all of nineteen messages', { messages: 19 }, { messages: 0 }, undefined],
  ['all of twenty messages', { messages: 20 }, { messages: 0 }, 'messages'],
  ['half of forty messages', { messages: 40 }, { messages: 20 }, undefined],
  ['twenty-one of forty messages', { messages: 40 }, { messages: 19 }, 'messages'],
  ['messages that are not counted any more', { messages: 1000 }, {}, undefined],
  ['messages that were not counted before', {}, { messages: 1000 }, undefined],
  ['nothing of nothing', {}, {}, undefined],
  ['growth', { files: 8, bytes: mebi, messages: 20 }, { files: 80, bytes: 9 * mebi, messages: 200 }, undefined],
  ['files gone while messages stay', { files: 100, messages: 1000 }, { files: 10, messages: 1000 }, 'files'],
  ['all at once, told as messages', { files: 100, bytes: 9 * mebi, messages: 1000 }, { messages: 0 }, 'messages'],
];
for (const [what, before, after, expected] of boundaries) {
  test(`${what}: ${expected === undefined ? 'no reason to hold a source back' : `most of its ${expected} are gone`}`, t => {
    t.is(shrinkage(extent(before), extent(after))?.of, expected);
  });
}

test('the loss says how much is gone', t => {
  t.deepEqual(shrinkage(extent({ messages: 1000 }), extent({ messages: 50 })), { of: 'messages', count: 950 });
});

for (const [before, after, expected] of [
  [1000, 1000, 0],
  [1000, 1001, 0],
  [1000, 981, 0],
  [1000, 980, 20],
  [4, 2, 0],
  [4, 1, 3],
  [undefined, 5, 0],
  [5, undefined, 0],
] as const) {
  test(`from ${before ?? 'an unknown number'} to ${after ?? 'an unknown number of'} messages: ${expected} are missed`, t => {
    t.is(fewerMessages(before, after), expected);
  });
}
