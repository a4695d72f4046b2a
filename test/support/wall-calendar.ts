// The calendar a second time, from Intl alone: slots of a schedule in a time zone, to judge those of the daemon by.

const dayMs = 86_400_000;

/** Wall time in a zone as if it were UTC: days and hours can be counted with it. */
export function wallTime(at: number, timeZone: string): number {
  const parts = formatFor(timeZone).formatToParts(at);
  const part = (type: string) => Number(parts.find(each => each.type === type)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/** All slots in `[from, to)`: each day that the kind means, once, at the time of day or, where the clocks skip it, when they go on. */
export function wallSlots(
  schedule: { readonly kind: 'daily' | 'weekly' | 'monthly'; readonly at: string },
  timeZone: string,
  from: number,
  to: number,
): readonly number[] {
  const [hour = 0, minute = 0] = schedule.at.split(':').map(Number);
  const slots: number[] = [];
  const firstDay = Math.floor(from / dayMs) * dayMs - 2 * dayMs;
  for (let day = firstDay; day < to + 2 * dayMs; day += dayMs) {
    const date = new Date(day);
    if (schedule.kind === 'weekly' && date.getUTCDay() !== 0) continue;
    if (schedule.kind === 'monthly' && date.getUTCDate() !== 1) continue;
    const slot = momentOf(day + hour * 3_600_000 + minute * 60_000, timeZone);
    if (slot >= from && slot < to) slots.push(slot);
  }
  return slots;
}

/** The first moment at which the wall shows that time; the moment of the change when it never does. */
function momentOf(wall: number, timeZone: string): number {
  const offsets = [wall - dayMs, wall + dayMs].map(at => wallTime(at, timeZone) - at);
  const hits = offsets.map(offset => wall - offset).filter(at => wallTime(at, timeZone) === wall);
  if (hits.length > 0) return Math.min(...hits);
  let [before, after] = [wall - dayMs, wall + dayMs]; // the wall shows less before, more after
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000;
    if (wallTime(middle, timeZone) < wall) before = middle;
    else after = middle;
  }
  return after;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  formats.set(timeZone, made);
  return made;
}
