// The search terms of files.list. What the real service does not take is an error here, too: a fake that takes unknown terms for true hides
// the mistakes it is there to show.

import { invalid } from './answers.ts';

/** What can be asked of a file. */
export interface Queried {
  readonly name: string;
  readonly mimeType: string;
  readonly parents: readonly string[];
  readonly trashed: boolean;
  readonly starred: boolean;
  readonly createdTime: string;
  readonly modifiedTime: string;
  readonly appProperties: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
}

export interface Query {
  readonly matches: (file: Queried) => boolean;
  /** Every folder named by `in parents`; 'root' as it is written. */
  readonly parents: readonly string[];
  readonly asksTrashed: boolean;
  readonly asksName: boolean;
}

type Test = (file: Queried) => boolean;

interface Token {
  readonly kind: 'word' | 'text' | 'sign';
  readonly value: string;
}

const comparisons: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/**
 * @param rootId stands for 'root'
 * @throws Refused 400
 */
export function parseQuery(text: string, rootId: string): Query {
  const tokens = tokensOf(text);
  const parents: string[] = [];
  let asksTrashed = false;
  let asksName = false;
  let at = 0;

  const next = (): Token | undefined => tokens[at];
  const isNext = (kind: Token['kind'], value: string): boolean => next()?.kind === kind && next()?.value === value;
  function take(kind: Token['kind'], ...values: readonly string[]): string {
    const token = next();
    if (token?.kind !== kind || (values.length > 0 && !values.includes(token.value))) throw bad();
    at++;
    return token.value;
  }
  function takeIf(kind: Token['kind'], value: string): boolean {
    const isSo = isNext(kind, value);
    if (isSo) at++;
    return isSo;
  }

  function any(): Test {
    let left = all();
    while (takeIf('word', 'or')) {
      const [a, b] = [left, all()];
      left = file => a(file) || b(file);
    }
    return left;
  }
  function all(): Test {
    let left = one();
    while (takeIf('word', 'and')) {
      const [a, b] = [left, one()];
      left = file => a(file) && b(file);
    }
    return left;
  }
  function one(): Test {
    if (takeIf('word', 'not')) {
      const inner = one();
      return file => !inner(file);
    }
    if (takeIf('sign', '(')) {
      const inner = any();
      take('sign', ')');
      return inner;
    }
    return next()?.kind === 'text' ? inParents() : term();
  }

  function inParents(): Test {
    const id = take('text');
    take('word', 'in');
    take('word', 'parents');
    parents.push(id);
    const parent = id === 'root' ? rootId : id;
    return file => file.parents.includes(parent);
  }

  function term(): Test {
    const field = take('word');
    switch (field) {
      case 'name':
        asksName = true;
        return nameTest();
      case 'mimeType':
        return mimeTypeTest();
      case 'trashed':
        asksTrashed = true;
        return flagTest(file => file.trashed);
      case 'starred':
        return flagTest(file => file.starred);
      case 'createdTime':
      case 'modifiedTime':
        return timeTest(field);
      case 'appProperties':
      case 'properties':
        return propertyTest(field);
      default:
        throw bad();
    }
  }

  function nameTest(): Test {
    if (takeIf('word', 'contains')) {
      const wanted = take('text').toLowerCase();
      // Only beginnings of words are found.
      return file => ` ${file.name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ')}`.includes(` ${wanted}`);
    }
    const sign = take('sign', '=', '!=');
    const wanted = take('text').toLowerCase();
    return file => (file.name.toLowerCase() === wanted) === (sign === '=');
  }

  function mimeTypeTest(): Test {
    if (takeIf('word', 'contains')) {
      const wanted = take('text');
      return file => file.mimeType.startsWith(wanted);
    }
    const sign = take('sign', '=', '!=');
    const wanted = take('text');
    return file => (file.mimeType === wanted) === (sign === '=');
  }

  function flagTest(flag: Test): Test {
    const sign = take('sign', '=', '!=');
    const wanted = take('word', 'true', 'false') === 'true';
    return file => (flag(file) === wanted) === (sign === '=');
  }

  function timeTest(field: 'createdTime' | 'modifiedTime'): Test {
    const compare = comparisons[take('sign')];
    const wanted = take('text');
    if (compare === undefined || Number.isNaN(Date.parse(wanted))) throw bad();
    const time = new Date(Date.parse(wanted)).toISOString();
    return file => compare(file[field], time);
  }

  function propertyTest(field: 'appProperties' | 'properties'): Test {
    take('word', 'has');
    take('sign', '{');
    take('word', 'key');
    take('sign', '=');
    const key = take('text');
    take('word', 'and');
    take('word', 'value');
    take('sign', '=');
    const value = take('text');
    take('sign', '}');
    return file => Object.hasOwn(file[field], key) && file[field][key] === value;
  }

  const matches = any();
  if (at !== tokens.length) throw bad();
  return { matches, parents, asksTrashed, asksName };
}

const bad = () => invalid('q');

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = /\s*(?:([A-Za-z]+)|'((?:[^'\\]|\\['\\])*)'|(<=|>=|!=|[=<>(){}]))/y;
  while (pattern.lastIndex < text.trimEnd().length) {
    const found = pattern.exec(text);
    if (found === null) throw bad();
    const [, word, quoted, sign] = found;
    if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else if (quoted !== undefined) tokens.push({ kind: 'text', value: quoted.replace(/\\(['\\])/g, '$1') });
    else tokens.push({ kind: 'sign', value: sign ?? '' });
  }
  return tokens;
}
