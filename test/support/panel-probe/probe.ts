// Runs inside the page of the Status panel and tells what a person would see of it: contrasts, what is cut off, where things are.

import type { ToPage } from '../../../extension/panel/panel-model.ts';
import type { Box, Contrast } from '../panel-measures.ts';

type Colour = readonly [red: number, green: number, blue: number, alpha: number];

declare global {
  var sent: unknown[];
  var kept: unknown;
  var probe: typeof probing;
  function acquireVsCodeApi(): object;
}

globalThis.sent = [];
globalThis.acquireVsCodeApi = () => ({
  postMessage: (message: unknown) => globalThis.sent.push(message),
  getState: () => globalThis.kept,
  setState: (state: unknown) => {
    globalThis.kept = state;
  },
});

const probing = {
  show(message: ToPage): void {
    dispatchEvent(new MessageEvent('message', { data: message }));
  },

  /** As the editor does: variables on the root, a class on the body. */
  dress(variables: Readonly<Record<string, string>>, classes: string, fontSize: string): void {
    document.documentElement.removeAttribute('style');
    for (const [name, value] of Object.entries(variables)) document.documentElement.style.setProperty(name, value);
    document.documentElement.style.setProperty('--vscode-font-size', fontSize);
    document.body.className = classes;
  },

  contrasts(): readonly Contrast[] {
    return [...texts(), ...marks(), ...charts(), ...edges()];
  },

  /** Texts that are outside the window or cut by an element around them; empty when all can be read. */
  cut(): readonly string[] {
    const wide = document.documentElement.scrollWidth;
    const found = wide > innerWidth ? [`the page is ${wide} wide`] : [];
    for (const node of textNodes()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const lines = range.getClientRects().length;
      if (lines > 3 && lines > node.data.length / 3) found.push(`${node.nodeValue} stands letter below letter`);
      for (const { left, right, width } of range.getClientRects()) {
        const holder = node.parentElement;
        const clip = holder?.closest('th, td, .button, .mark, .named, dd, dt, p, li, h1, h2')?.getBoundingClientRect();
        const outside = left < -0.5 || right > innerWidth + 0.5;
        const over = clip !== undefined && width > 0 && (left < clip.left - 1 || right > clip.right + 1);
        if (outside || over) found.push(`${node.nodeValue} (${Math.round(left)}–${Math.round(right)})`);
      }
    }
    return found;
  },

  boxes(): Readonly<Record<string, Box>> {
    const found: Record<string, Box> = {};
    const named = (name: string, element: Element | null | undefined) => {
      if (element === null || element === undefined) return;
      const { x, y, width, height } = element.getBoundingClientRect();
      const rounded = [x, y + scrollY, width, height].map(Math.round) as [number, number, number, number];
      found[name] = { x: rounded[0], y: rounded[1], width: rounded[2], height: rounded[3] };
    };
    named('main', document.querySelector('main'));
    for (const part of ['.icon', 'h1', '.detail', '.actions'])
      named(`state ${part}`, document.querySelector(`.state > ${part}`));
    for (const section of document.querySelectorAll('section')) {
      const name = section.getAttribute('aria-labelledby') ?? '';
      named(name, section);
      named(`${name} heading`, section.querySelector('h2'));
      named(`${name} matter`, section.querySelector('.matter'));
    }
    for (const part of ['.frequency', 'table', '.bar', '.facts', '.calendar', '.exceptions', '.plot', '.axis-y']) {
      named(part, document.querySelector(part));
    }
    return found;
  },

  /** What Tab reaches, in order, each by its text. */
  stops(): readonly string[] {
    return [...document.querySelectorAll<HTMLElement>('button, input, summary, a[href]')]
      .filter(element => element.tabIndex >= 0)
      .map(element => nameOf(element));
  },
};
globalThis.probe = probing;

/** The label without its note. */
function nameOf(element: HTMLElement): string {
  const label = element.closest('label');
  const text = label?.querySelector('span')?.firstChild ?? label ?? element;
  return text.textContent ?? '';
}

function* textNodes(): Generator<Text> {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const holder = node.parentElement;
    if (!(node instanceof Text) || holder === null || node.data.trim() === '') continue;
    if (holder.closest('.off-screen, script, svg') !== null || !holder.checkVisibility()) continue;
    const head = holder.closest('thead');
    if (head !== null && getComputedStyle(head).position === 'absolute') continue;
    yield node;
  }
}

function* texts(): Generator<Contrast> {
  for (const node of textNodes()) {
    const holder = node.parentElement;
    if (holder === null) continue;
    const name = `${node.data.slice(0, 40)}`;
    yield { what: 'text', name, ratio: ratioOn(holder, getComputedStyle(holder).color) };
  }
  for (const text of document.querySelectorAll('.calendar text')) {
    yield { what: 'text', name: text.textContent ?? '', ratio: ratioOn(text, getComputedStyle(text).fill) };
  }
}

function* marks(): Generator<Contrast> {
  for (const icon of document.querySelectorAll('.icon')) {
    yield { what: 'mark', name: icon.getAttribute('class') ?? '', ratio: ratioOn(icon, getComputedStyle(icon).stroke) };
  }
}

function* charts(): Generator<Contrast> {
  for (const shape of document.querySelectorAll('.cell-good, .cell-part, .cell-none, .area-line, .added')) {
    if (shape.getAttribute('d') === '') continue;
    const { fill, stroke, fillOpacity } = getComputedStyle(shape);
    const ratio = fill === 'none' ? ratioOn(shape, stroke) : ratioOn(shape, fill, Number(fillOpacity));
    yield { what: 'chart', name: shape.getAttribute('class') ?? '', ratio };
  }
  for (const part of document.querySelectorAll('.bar > span')) {
    const ratio = ratioOn(document.querySelector('main') ?? part, getComputedStyle(part).backgroundColor);
    yield { what: 'chart', name: part.className, ratio };
  }
  const progress = document.querySelector('progress');
  if (progress !== null) {
    const colour = getComputedStyle(progress).getPropertyValue('--vscode-progressBar-background');
    yield { what: 'chart', name: 'progress', ratio: ratioOn(document.body, colour) };
  }
}

function* edges(): Generator<Contrast> {
  for (const input of document.querySelectorAll('.choice input')) {
    const holder = input.parentElement ?? input;
    yield { what: 'edge', name: 'choice', ratio: ratioOn(holder, getComputedStyle(input).borderTopColor) };
  }
  const ring = getComputedStyle(document.documentElement).getPropertyValue('--vscode-focusBorder');
  yield { what: 'edge', name: 'focus', ratio: ratioOn(document.body, ring) };
}

const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const read = new Map<string, Colour>();

/** Any colour that CSS knows. */
function colourOf(text: string): Colour {
  const known = read.get(text);
  if (known !== undefined) return known;
  if (canvas === null) throw new Error('no canvas');
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = '#000';
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data;
  const colour = [red, green, blue, alpha / 255] as const;
  read.set(text, colour);
  return colour;
}

function over(upper: Colour, lower: Colour, opacity = 1): Colour {
  const alpha = upper[3] * opacity;
  const mix = (index: 0 | 1 | 2) => upper[index] * alpha + lower[index] * (1 - alpha);
  return [mix(0), mix(1), mix(2), 1];
}

function backgroundOf(element: Element | null): Colour {
  if (element === null) return [255, 255, 255, 1];
  const own = colourOf(getComputedStyle(element).backgroundColor);
  return own[3] === 1 ? own : over(own, backgroundOf(element.parentElement));
}

/** WCAG 2.2, contrast ratio. */
function ratioOn(element: Element, colour: string, opacity = 1): number {
  const background = backgroundOf(element);
  const [light, dark] = [luminance(over(colourOf(colour), background, opacity)), luminance(background)].sort(
    (a, b) => b - a,
  );
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

function luminance([red, green, blue]: Colour): number {
  const linear = (value: number) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
