// Figures as SVG paths in a box of 320 by 96 that the page stretches; the y axis begins at zero and ends at a round number, so that half of
// it is round too.

import type { Locale } from '../../protocol/formats.ts';
import type { ChartDrawing } from './panel-model.ts';

export const chartWidth = 320;
export const chartHeight = 96;

export interface Point {
  /** In any unit that grows with time. */
  readonly at: number;
  readonly value: number;
}

/** The smallest 1, 2, 4, 6, 8 or 10 times a power of ten that holds the value. */
export function roundTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const times = [1, 2, 4, 6, 8, 10].find(each => each * power >= value * (1 - 1e-9)) ?? 10;
  return times * power;
}

/** A line with the area below it; undefined with less than two points. @param points in order of time */
export function drawLine(points: readonly Point[]): Pick<ChartDrawing, 'line' | 'area'> | undefined {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined || last.at === first.at) return undefined;
  const top = roundTop(Math.max(...points.map(({ value }) => value)));
  const line = points
    .map(({ at, value }, index) => {
      const x = short(((at - first.at) / (last.at - first.at)) * chartWidth);
      return `${index === 0 ? 'M' : 'L'}${x},${short(chartHeight * (1 - value / top))}`;
    })
    .join('');
  return { line, area: `${line}L${chartWidth},${chartHeight}L0,${chartHeight}Z` };
}

/** Bars from the left, the last at the right edge; undefined without any. What is not zero is at least one line high. */
export function drawBars(values: readonly number[]): string | undefined {
  if (values.length === 0) return undefined;
  const top = roundTop(Math.max(...values));
  const slot = chartWidth / values.length;
  const width = Math.min(slot * 0.75, 24);
  return values
    .map((value, index) => {
      const high = value <= 0 ? 0 : Math.max(1, (chartHeight * value) / top);
      const x = short(index * slot + (slot - width) / 2);
      return `M${x},${chartHeight}v-${short(high)}h${short(width)}v${short(high)}z`;
    })
    .join('');
}

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;

/** The top with its unit, half of it as a number alone where it has the same unit, zero. */
export function sizeAxis(values: readonly number[], { locale = 'en-GB' }: Locale): ChartDrawing['y'] {
  const top = roundTop(Math.max(0, ...values));
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const power = (bytes: number) => Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3 + 1e-9)));
  const sized = (bytes: number) =>
    new Intl.NumberFormat(locale, {
      style: 'unit',
      unit: units[power(bytes)] ?? 'byte',
      unitDisplay: 'short',
      maximumFractionDigits: 1,
    }).format(bytes / 1000 ** power(bytes));
  const half = power(top / 2) === power(top) ? number.format(top / 2 / 1000 ** power(top)) : sized(top / 2);
  return [sized(top), half, number.format(0)];
}

/** The value in the middle, which one large backup does not move. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

function short(value: number): number {
  return Math.round(value * 10) / 10;
}
