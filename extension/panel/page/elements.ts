// Elements as plain data, and how a page becomes like them: what is there stays, texts and attributes change in place, so focus, selection
// and open details survive. Texts are text nodes always, styles go through the object model, and nothing is parsed as markup.

import type { Action } from '../panel-model.ts';

export type Drawn = string | DrawnElement;

export interface DrawnElement {
  readonly tag: string;
  readonly key: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly live: Live;
  readonly children: readonly Drawn[];
}

/** What is set on the element itself, each time. */
export interface Live {
  readonly isChecked?: boolean;
  readonly isMixed?: boolean;
  readonly value?: number;
  readonly inlineSize?: string;
  readonly intent?: Action['intent'];
}

type Attributes = Readonly<Record<string, string | boolean | undefined>> & { readonly key?: string };

/** `true` is an attribute without a value; undefined and false are none. */
export function el(
  tag: string,
  { key = '', ...given }: Attributes = {},
  children: readonly (Drawn | undefined)[] = [],
  live: Live = {},
): DrawnElement {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === false) continue;
    attributes[name] = value === true ? '' : value;
  }
  return { tag, key: `${tag} ${key}`, attributes, live, children: children.filter(child => child !== undefined) };
}

const svgTags = new Set(['svg', 'g', 'path', 'rect', 'circle', 'text']);
const keys = new WeakMap<Node, string>();
const intents = new WeakMap<Element, Action['intent']>();

export function intentOf(element: Element): Action['intent'] | undefined {
  return intents.get(element);
}

/** Makes the children of an element like those that are drawn. */
export function update(parent: Element, drawn: readonly Drawn[]): void {
  const wanted = numbered(drawn);
  const kept = new Map<string, ChildNode>();
  for (const node of [...parent.childNodes]) {
    const key = keys.get(node) ?? '';
    if (wanted.has(key) && !kept.has(key)) kept.set(key, node);
    else node.remove();
  }
  let next = parent.firstChild;
  for (const [key, child] of wanted) {
    const node = kept.get(key) ?? create(key, child);
    if (node === next) next = node.nextSibling;
    else parent.insertBefore(node, next);
    if (typeof child === 'string') {
      if (node.nodeValue !== child) node.nodeValue = child;
    } else if (node instanceof Element) become(node, child);
  }
}

/** Children by a key of their own: what is drawn at the same place and of the same kind is the same. */
function numbered(drawn: readonly Drawn[]): ReadonlyMap<string, Drawn> {
  const seen = new Map<string, number>();
  return new Map(
    drawn.map(child => {
      const kind = typeof child === 'string' ? '' : child.key;
      const number = seen.get(kind) ?? 0;
      seen.set(kind, number + 1);
      return [`${kind} ${number}`, child];
    }),
  );
}

function create(key: string, child: Drawn): ChildNode {
  const node =
    typeof child === 'string'
      ? document.createTextNode('')
      : svgTags.has(child.tag)
        ? document.createElementNS('http://www.w3.org/2000/svg', child.tag)
        : document.createElement(child.tag);
  keys.set(node, key);
  return node;
}

function become(element: Element, { attributes, live, children }: DrawnElement): void {
  // Whether details are open is the reader's; size and value are set below.
  for (const { name } of [...element.attributes]) {
    if (!(name in attributes) && name !== 'open' && name !== 'style' && name !== 'value') element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
  if (element instanceof HTMLInputElement) {
    if (live.isChecked !== undefined) element.checked = live.isChecked;
    element.indeterminate = live.isMixed ?? false;
  }
  if (element instanceof HTMLProgressElement) {
    if (live.value === undefined) element.removeAttribute('value');
    else element.value = live.value;
  }
  if (element instanceof HTMLElement && live.inlineSize !== undefined) element.style.inlineSize = live.inlineSize;
  if (live.intent === undefined) intents.delete(element);
  else intents.set(element, live.intent);
  update(element, children);
}
