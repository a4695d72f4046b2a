// Our own glyphs on a grid of 16, one stroke and one colour: a bubble, a prompt, two people, a wave, a sealed bubble; no app's logo.

import type { Icon, Tone } from '../panel-model.ts';
import { type DrawnElement, el } from './elements.ts';

const shield = 'M8 1.6 13.4 3.5v4.1c0 3.3-2.2 5.7-5.4 6.8-3.2-1.1-5.4-3.5-5.4-6.8V3.5z';
const bubble = 'M3.6 2.5h8.8a2 2 0 0 1 2 2v5a2 2 0 0 1-2 2H8l-3.4 3v-3h-1a2 2 0 0 1-2-2v-5a2 2 0 0 1 2-2z';

const paths: { readonly [icon in Icon]: readonly string[] } = {
  'shield-check': [shield, 'm5.5 8 1.8 1.8 3.3-3.6'],
  shield: [shield],
  check: ['m3 8.4 3.3 3.3L13 4.8'],
  sync: ['M13.5 8a5.5 5.5 0 0 1-9.8 3.4M2.5 8a5.5 5.5 0 0 1 9.8-3.4', 'M12.6 1.9v2.9H9.7M3.4 14.1v-2.9h2.9'],
  lock: [
    'M4.5 7h7A1.5 1.5 0 0 1 13 8.5V13a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 13V8.5A1.5 1.5 0 0 1 4.5 7z',
    'M5 7V4.8a3 3 0 0 1 6 0V7M8 10v1.6',
  ],
  warning: ['M8 2 14.5 13.5h-13z', 'M8 6.4v3.3M8 11.6v.1'],
  error: ['M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z', 'M8 4.8v4M8 11.1v.1'],
  unplugged: [
    'M2 14l2.4-2.4M4 8.6l3.4 3.4-1 1a2.4 2.4 0 0 1-3.4-3.4z',
    'M14 2l-2.4 2.4M12 7.4 8.6 4l1-1A2.4 2.4 0 0 1 13 6.4z',
    'M6.6 7.4 5.4 8.6M8.6 9.4 7.4 10.6',
  ],
  bubble: [bubble, 'M4.6 5.7h6.8M4.6 8.3h4.3'],
  terminal: [
    'M3.5 2.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z',
    'm4.5 6 2 2-2 2M8.5 10.5h3',
  ],
  people: [
    'M5.5 3.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM1.8 13c0-2.4 1.5-3.8 3.7-3.8S9.2 10.6 9.2 13',
    'M11 4.6a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2zM10.9 9.7c1.9 0 3.3 1.1 3.3 3.1',
  ],
  voice: [bubble, 'M5 6.2v1.6M7 5v4M9 5.8v2.4M11 6.5v1'],
  'sealed-bubble': ['M5.8 6.8h4.4v2.8H5.8zM6.8 6.8V6a1.2 1.2 0 0 1 2.4 0v.8'],
  folder: [
    'M1.5 12V4A1.5 1.5 0 0 1 3 2.5h3l1.6 2H13A1.5 1.5 0 0 1 14.5 6v6a1.5 1.5 0 0 1-1.5 1.5H3A1.5 1.5 0 0 1 1.5 12z',
  ],
  laptop: ['M4 3h8a1 1 0 0 1 1 1v6.5H3V4a1 1 0 0 1 1-1z', 'M1.5 13h13'],
  desktop: ['M2.5 2.5h11a1 1 0 0 1 1 1V10a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1V3.5a1 1 0 0 1 1-1z', 'M8 11v2.5M5 13.5h6'],
};

/** Beside its word, so nothing for those who hear the page. */
export function drawIcon(
  icon: Icon,
  { tone = 'plain', isLarge = false, isTurning = false }: { tone?: Tone; isLarge?: boolean; isTurning?: boolean } = {},
): DrawnElement {
  const classes = ['icon', ...(isLarge ? ['large'] : []), ...(tone === 'plain' ? [] : [tone])].join(' ');
  const dashed = icon === 'sealed-bubble' ? [el('path', { d: bubble, class: 'dashed' })] : [];
  return el('svg', { class: classes, viewBox: '0 0 16 16', 'aria-hidden': 'true' }, [
    el('g', { class: isTurning ? 'turning' : undefined }, [...dashed, ...paths[icon].map(d => el('path', { d }))]),
  ]);
}
