// The texts of the sources that a person reads, found without a compiler: what goes through `say`, `plural`, `counted` and `l10n.t`, and
// what looks like a text and goes through none of them. Enough for the project's own formatted sources; it is no general parser.

/** A text that is its own key in the bundles of translations. */
export interface Text {
  readonly key: string;
  readonly line: number;
}

export interface Finding {
  readonly line: number;
  readonly problem: string;
}

interface Token {
  readonly kind: 'name' | 'string' | 'template' | 'other';
  /** Of a string what it says; of a template what stands between its substitutions. */
  readonly text: string;
  readonly line: number;
}

interface Call {
  /** `say`, `l10n.t`, `window.showInformationMessage`. */
  readonly name: string;
  readonly line: number;
  readonly args: readonly (readonly Token[])[];
}

/** Which arguments of a translating function are texts, and the key that comes of each. */
const translators: ReadonlyMap<string, readonly (readonly [index: number, key: (text: string) => string])[]> = new Map([
  ['say', [[1, text => text]]],
  [
    'plural',
    [
      [2, text => text],
      [3, text => text],
    ],
  ],
  [
    'counted',
    [
      [1, text => `{count} ${text}`],
      [2, text => `{count} ${text}`],
    ],
  ],
  ['l10n.t', [[0, text => text]]],
]);

/** The texts that go through translation, and those that could not be told because they are no literals. */
export function textsIn(source: string): { readonly texts: readonly Text[]; readonly findings: readonly Finding[] } {
  const texts: Text[] = [];
  const findings: Finding[] = [];
  for (const { name, line, args } of callsIn(tokensOf(source), translatorsOf(source))) {
    const keys: string[] = [];
    for (const [index, keyOf] of translators.get(name) ?? []) {
      const [token, ...more] = args[index] ?? [];
      if (token?.kind !== 'string' || more.length > 0) {
        findings.push({ line, problem: `${name}: the text is no literal` });
        continue;
      }
      keys.push(keyOf(token.text));
      texts.push({ key: keyOf(token.text), line });
    }
    if (name === 'plural' || name === 'counted') {
      for (const key of keys) {
        if (!key.includes('{count}')) findings.push({ line, problem: `“${key}” lacks {count}` });
      }
    }
    const given = valuesOf(name, args);
    if (given === undefined) continue;
    for (const key of keys) {
      const missing = placeholders(key).filter(each => !given.includes(each));
      if (missing.length > 0) findings.push({ line, problem: `“${key}” is not given ${missing.join(', ')}` });
    }
  }
  return { texts, findings };
}

/** The names in the last argument of a translating function; undefined where they are not written there. */
function valuesOf(name: string, args: Call['args']): readonly string[] | undefined {
  const index = new Map([
    ['say', 2],
    ['plural', 4],
    ['l10n.t', 1],
  ]).get(name);
  if (index === undefined) return undefined;
  const counts = name === 'plural' ? ['count'] : [];
  const tokens = args[index];
  if (tokens === undefined) return counts;
  if (tokens[0]?.text !== '{' || tokens[0].kind !== 'other') return undefined;
  const names: string[] = [...counts];
  let depth = 0;
  for (const [at, token] of tokens.entries()) {
    if (token.kind === 'other' && '([{'.includes(token.text)) depth += 1;
    else if (token.kind === 'other' && ')]}'.includes(token.text)) depth -= 1;
    else if (depth === 1 && token.kind === 'other' && token.text === '...') return undefined;
    else if (depth === 1 && token.kind === 'name') {
      const [before, after] = [tokens[at - 1]?.text ?? '', tokens[at + 1]?.text ?? ''];
      if ('{,'.includes(before) && ':,}'.includes(after)) names.push(token.text);
    }
  }
  return names;
}

export function placeholders(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name))].sort();
}

/** What is set in these places is read by a person. */
const shownProperties = new Set([
  ...['title', 'label', 'description', 'detail', 'tooltip', 'placeholder', 'placeHolder', 'prompt', 'message'],
  ...['openLabel', 'saveLabel', 'validationMessage', 'ariaLabel', 'textContent', 'sentence', 'below', 'advice'],
  ...['heading', 'text'],
]);

/** Functions whose texts are for the log, for programmers and for programs. */
const silent =
  /(?:^|\.)(?:Error|PeerError|trace|debug|info|warn|error|executeCommand|registerCommand|querySelector|setContext|get|getConfiguration|createElement|setAttribute|test|has|startsWith|endsWith|includes|replace|split|join|RegExp)$/;

/** Texts for people that go through no translation. */
export function untranslatedIn(source: string): readonly Finding[] {
  const tokens = tokensOf(source);
  const known = translatorsOf(source);
  const findings: Finding[] = [];
  /** For each open bracket what stood before it. */
  const open: string[] = [];
  for (const [at, token] of tokens.entries()) {
    if (token.kind === 'other') {
      if ('([{'.includes(token.text)) open.push(token.text === '(' ? nameBefore(tokens, at) : '');
      else if (')]}'.includes(token.text)) open.pop();
      continue;
    }
    if (token.kind === 'name' || !hasWords(token.text)) continue;
    const call = open.findLast(name => name !== '') ?? '';
    if (open.some(name => known.has(name)) || silent.test(call)) continue;
    const [before, property] = [tokens[at - 1]?.text, tokens[at - 2]?.text ?? ''];
    // What is compared is a code.
    if (before === '===' || before === '!==') continue;
    const isSet = (before === ':' || before === '=') && shownProperties.has(property);
    const isShown = /\.show\w+Message$/.test(call);
    if (isSet || isShown || isSentence(token.text)) {
      findings.push({ line: token.line, problem: `not translated: ${token.text}` });
    }
  }
  return findings;
}

/** Other functions may have the same names: those of the formats are imported from there. */
function translatorsOf(source: string): ReadonlySet<string> {
  const imported = /import\s*\{([^}]*)\}\s*from\s*'[^']*formats\.ts'/.exec(source)?.[1] ?? '';
  const names = imported.split(',').map(name => name.trim());
  return new Set(
    [...translators.keys()].filter(
      name => name.includes('.') || names.includes(name) || source.includes(`export function ${name}(`),
    ),
  );
}

/** Something to read besides icons, the name of the product, the path of a drawing, and what is no language: an address, a name of a file. */
function hasWords(text: string): boolean {
  if (/^[MLHVZCSQTA\d\s.,-]+$/i.test(text) || (!/\s/.test(text) && /[./:@-]\p{L}/u.test(text))) return false;
  return /\p{L}{2}/u.test(text.replace(/\$\([\w~-]+\)|\bSignet\b/g, ''));
}

/** Begins large and has two words or more, or ends like a sentence or a button that asks for more. */
function isSentence(text: string): boolean {
  const words = text.trim();
  return /^\p{Lu}\p{Ll}*(?: |’)\p{L}/u.test(words) || /\p{Ll}\p{Ll}[.…?]$/u.test(words);
}

function nameBefore(tokens: readonly Token[], at: number): string {
  const names: string[] = [];
  for (let index = at - 1; index >= 0 && tokens[index]?.kind === 'name'; index -= 2) {
    names.unshift(tokens[index]?.text ?? '');
    if (tokens[index - 1]?.text !== '.' && tokens[index - 1]?.text !== '?.') break;
  }
  const name = names.join('.');
  return [...translators.keys()].find(known => name === known || name.endsWith(`.${known}`)) ?? name;
}

/** Every call, with the tokens of each argument; those in arguments too. */
function callsIn(tokens: readonly Token[], known: ReadonlySet<string>): readonly Call[] {
  const calls: Call[] = [];
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'other' || token.text !== '(') continue;
    const name = nameBefore(tokens, at);
    if (!known.has(name) || tokens[at - 2]?.text === 'function') continue;
    calls.push({ name, line: token.line, args: argumentsFrom(tokens, at + 1) });
  }
  return calls;
}

function argumentsFrom(tokens: readonly Token[], start: number): Call['args'] {
  const args: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens.slice(start)) {
    if (token.kind === 'other') {
      if ('([{'.includes(token.text)) depth += 1;
      if (')]}'.includes(token.text)) depth -= 1;
      if (depth < 0) break;
      if (depth === 0 && token.text === ',') {
        args.push([]);
        continue;
      }
    }
    args.at(-1)?.push(token);
  }
  return args.filter(arg => arg.length > 0);
}

/** Names, strings and signs of a source; comments, numbers and regular expressions are left out. */
function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  const push = (kind: Token['kind'], text: string, on = line) => tokens.push({ kind, text, line: on });
  const skip = (to: number) => {
    line += source.slice(at, to).split('\n').length - 1;
    at = to;
  };
  while (at < source.length) {
    const rest = source.slice(at, at + 400);
    const blank = /^(?:\s+|\/\/[^\n]*)/.exec(rest)?.[0];
    if (blank !== undefined) {
      skip(at + blank.length);
    } else if (rest.startsWith('/*')) {
      skip(source.indexOf('*/', at) + 2);
    } else if (/^['"]/.test(rest)) {
      const end = endOfString(source, at);
      push('string', unescaped(source.slice(at + 1, end - 1)));
      skip(end);
    } else if (rest.startsWith('`')) {
      const on = line;
      const { end, text, inside } = template(source, at);
      push(inside.length === 0 ? 'string' : 'template', unescaped(text), on);
      for (const code of inside) {
        push('other', '(', on);
        tokens.push(...tokensOf(code).map(token => ({ ...token, line: on + token.line - 1 })));
        push('other', ')', on);
      }
      skip(end);
    } else if (rest.startsWith('/') && startsRegExp(tokens.at(-1))) {
      skip(endOfRegExp(source, at));
      push('other', '/regexp/');
    } else {
      const name = /^[\p{L}_$#][\p{L}\d_$]*/u.exec(rest)?.[0];
      const sign = name ?? /^(?:\.\.\.|\?\.|=>|[=!]==?|[\d][\w.]*|.)/u.exec(rest)?.[0] ?? '';
      push(name === undefined ? 'other' : 'name', sign);
      skip(at + sign.length);
    }
  }
  return tokens;
}

function startsRegExp(last: Token | undefined): boolean {
  if (last === undefined) return true;
  if (last.kind === 'name') return ['return', 'typeof', 'case', 'in', 'of'].includes(last.text);
  return last.kind === 'other' && !/^[)\]}\d]/.test(last.text) && last.text !== '/regexp/';
}

function endOfRegExp(source: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < source.length; at += 1) {
    const char = source[at];
    if (char === '\\') at += 1;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return at + 1 + (/^[a-z]*/.exec(source.slice(at + 1))?.[0].length ?? 0);
  }
  return source.length;
}

function endOfString(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== source[start]) at += source[at] === '\\' ? 2 : 1;
  return at + 1;
}

function template(source: string, start: number): { end: number; text: string; inside: readonly string[] } {
  const inside: string[] = [];
  let text = '';
  let at = start + 1;
  while (at < source.length && source[at] !== '`') {
    if (source[at] === '\\') {
      text += source.slice(at, at + 2);
      at += 2;
    } else if (source[at] === '$' && source[at + 1] === '{') {
      const end = endOfSubstitution(source, at + 2);
      inside.push(source.slice(at + 2, end));
      at = end + 1;
    } else {
      text += source[at];
      at += 1;
    }
  }
  return { end: at + 1, text, inside };
}

/** Index of the brace that closes a substitution. */
function endOfSubstitution(source: string, start: number): number {
  let depth = 0;
  for (let at = start; at < source.length; at += 1) {
    const char = source[at];
    if (char === "'" || char === '"') at = endOfString(source, at) - 1;
    else if (char === '`') at = template(source, at).end - 1;
    else if (char === '{') depth += 1;
    else if (char === '}' && depth === 0) return at;
    else if (char === '}') depth -= 1;
  }
  return source.length;
}

function unescaped(text: string): string {
  return text
    .replace(/\\u\{?([0-9a-f]{4,6})\}?/gi, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replace(/\\(.)/g, (_, char: string) => ({ n: '\n', t: '\t', r: '\r' })[char] ?? char);
}
