// Google's partial responses: the grammar of `fields`, its check against what a resource has, and its use. An answer holds what was asked
// for and nothing else, also not the next page's token.

import { refuse } from './answers.ts';

/** What a resource has: true for a value, 'any' for an object with any names, else its fields. */
export type Shape = true | 'any' | { readonly [name: string]: Shape };

/** True for everything below. */
export type Mask = true | { readonly [name: string]: Mask };

/** @throws Refused 400 for what is no mask or names what there is not */
export function parseMask(text: string, shape: Shape): Mask {
  let at = 0;
  const fail = (name: string) =>
    refuse(400, 'invalidParameter', `Invalid field selection ${name === '' ? text : name}`, 'fields');

  function list(within: Shape): Mask {
    const found: Record<string, Mask> = {};
    let isAll = false;
    for (;;) {
      const [name, mask] = item(within);
      if (name === '*') isAll = true;
      else found[name] = merged(found[name], mask);
      if (text[at] !== ',') break;
      at++;
    }
    return isAll ? true : found;
  }

  function item(within: Shape): readonly [string, Mask] {
    const name = /^(\*|[A-Za-z][A-Za-z0-9]*)/.exec(text.slice(at))?.[0] ?? '';
    if (name === '') throw fail('');
    at += name.length;
    const inner = name === '*' ? true : shapeOf(within, name);
    if (inner === undefined) throw fail(name);
    if (text[at] === '/') {
      at++;
      if (inner === true) throw fail(name);
      const [below, mask] = item(inner);
      return [name, below === '*' ? true : { [below]: mask }];
    }
    if (text[at] !== '(') return [name, true];
    at++;
    if (inner === true) throw fail(name);
    const mask = list(inner);
    if (text[at] !== ')') throw fail('');
    at++;
    return [name, mask];
  }

  const mask = list(shape);
  if (at !== text.length) throw fail('');
  return mask;
}

function shapeOf(within: Shape, name: string): Shape | undefined {
  if (within === true) return undefined;
  if (within === 'any') return true;
  return Object.hasOwn(within, name) ? within[name] : undefined;
}

function merged(a: Mask | undefined, b: Mask): Mask {
  if (a === undefined) return b;
  if (a === true || b === true) return true;
  const both: Record<string, Mask> = { ...a };
  for (const [name, mask] of Object.entries(b)) both[name] = merged(both[name], mask);
  return both;
}

export function masked(value: unknown, mask: Mask): unknown {
  if (mask === true || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(each => masked(each, mask));
  const picked: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(mask)) {
    const found: unknown = Reflect.get(value, name);
    if (found !== undefined) picked[name] = masked(found, inner);
  }
  return picked;
}
