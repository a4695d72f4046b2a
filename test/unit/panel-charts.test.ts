import test from 'ava';
import fc from 'fast-check';
import { drawBars, drawLine, median, roundTop, sizeAxis } from '../../extension/panel/charts.ts';

test('the axis ends at a round number that holds every value and is not ten times too large', t => {
  t.is(roundTop(6.4e9), 8e9);
  t.is(roundTop(184e6), 200e6);
  t.is(roundTop(1), 1);
  t.is(roundTop(0), 1);
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e15, noNaN: true }), value => {
      const top = roundTop(value);
      return top >= value * (1 - 1e-9) && top <= value * 2.01;
    }),
  );
  t.pass();
});

test('a line begins at the left edge, ends at the right, and zero is at the bottom', t => {
  const drawn = drawLine([
    { at: 100, value: 0 },
    { at: 110, value: 4 },
    { at: 120, value: 8 },
  ]);
  t.is(drawn?.line, 'M0,96L160,48L320,0');
  t.is(drawn?.area, 'M0,96L160,48L320,0L320,96L0,96Z');
});

test('days without a figure leave no gap in time: the points lie where their days are', t => {
  const drawn = drawLine([
    { at: 0, value: 8 },
    { at: 1, value: 8 },
    { at: 4, value: 8 },
  ]);
  t.is(drawn?.line, 'M0,0L80,0L320,0');
});

test('one point makes no line, and no value no bar', t => {
  t.is(drawLine([{ at: 1, value: 5 }]), undefined);
  t.is(drawLine([]), undefined);
  t.is(drawBars([]), undefined);
});

test('bars stand on zero, and what is small is still to be seen', t => {
  const bars = drawBars([200, 100, 0.001, 0]) ?? '';
  const heights = [...bars.matchAll(/v-([\d.]+)h/g)].map(([, high]) => Number(high));
  t.deepEqual(heights, [96, 48, 1, 0]);
  t.is(bars.match(/,96v/g)?.length, 4);
});

test('the axis names its unit once, at the top', t => {
  const locale = { locale: 'en-GB' };
  t.deepEqual(sizeAxis([6.4e9], locale), ['8 GB', '4', '0']);
  t.deepEqual(sizeAxis([184e6, 3], locale), ['200 MB', '100', '0']);
  t.deepEqual(sizeAxis([0.9e9], locale), ['1 GB', '500 MB', '0']);
  t.deepEqual(sizeAxis([6.4e9], { locale: 'de' }), ['8\u00a0GB', '4', '0']);
});

test('what is usual is the middle, which one large backup does not move', t => {
  t.is(median([]), undefined);
  t.is(median([5]), 5);
  t.is(median([1, 2, 9000]), 2);
  t.is(median([4, 1, 3, 2]), 2.5);
});
