// What a TypeScript source of ours exports, with the comment above each: as much of the language as protocol/ uses. (The compiler of
// TypeScript 7 is a program without an interface for others.)

export interface Declaration {
  readonly kind: 'interface' | 'type' | 'const' | 'function' | 'class';
  readonly name: string;
  /** Of the comment directly above, without its marks; empty when there is none. */
  readonly comment: string;
  /** From `export` on, without it, to the end of the declaration. */
  readonly text: string;
}

export interface MessageDeclaration {
  readonly name: string;
  readonly comment: string;
  /** `RequestType`, `RequestType0`, `NotificationType`, `ProgressType`. */
  readonly maker: string;
  /** As written: params, result, error. */
  readonly types: readonly string[];
  /** Of a request or notification. */
  readonly method: string;
}

const head = /^export (?:declare )?(interface|type|const|function|class) (\w+)/;

export function declarationsOf(source: string): readonly Declaration[] {
  const found: Declaration[] = [];
  const lines = source.split('\n');
  let above: string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const [, kind, name = ''] = head.exec(line) ?? [];
    if (kind !== undefined) {
      const end = endOf(lines, index);
      const text = lines
        .slice(index, end + 1)
        .join('\n')
        .replace(/^export /, '');
      found.push({ kind: kind as Declaration['kind'], name, comment: plain(above), text });
      index = end;
      above = [];
    } else if (/^\/\*\*/.test(line) || (above.length > 0 && /^ \*/.test(line))) {
      if (/^\/\*\*/.test(line)) above = [];
      above.push(line);
    } else above = [];
  }
  return found;
}

/** The messages among the declarations: constants made by a constructor of vscode-jsonrpc. */
export function messagesOf(source: string): readonly MessageDeclaration[] {
  return declarationsOf(source).flatMap(({ kind, name, comment, text }) => {
    const made = /= new (\w+Type0?)</.exec(text);
    if (kind !== 'const' || made === null) return [];
    const start = made.index + made[0].length;
    const { parts, end } = splitTypes(text, start);
    const method = /^\(\s*'([^']*)'/.exec(text.slice(end + 1))?.[1] ?? '';
    return [{ name, comment, maker: made[1] ?? '', types: parts, method }];
  });
}

/** The parts between angle brackets, from just after the opening one; `end` is the place of the closing one. */
function splitTypes(text: string, start: number): { readonly parts: readonly string[]; readonly end: number } {
  const parts: string[] = [];
  let depth = 0;
  let from = start;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if ('<{[('.includes(character)) depth += 1;
    else if ((character === ',' || character === '>') && depth === 0) {
      const part = text.slice(from, at).trim();
      if (part !== '') parts.push(part);
      if (character === '>') return { parts, end: at };
      from = at + 1;
    } else if ('>}])'.includes(character) && text[at - 1] !== '=') depth -= 1;
  }
  throw new Error(`the types of a message do not end: ${text.slice(0, 80)}`);
}

/** Declarations of types and constants hold no blank line, and what follows their first line is indented or closes something. */
function endOf(lines: readonly string[], start: number): number {
  let end = start;
  while (/^[ )}\]>]/.test(lines[end + 1] ?? '')) end += 1;
  return end;
}

function plain(comment: readonly string[]): string {
  return comment
    .map(line => line.replace(/^\/\*\*\s?|^ \*\/|^ \* ?/, '').replace(/\s*\*\/$/, ''))
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();
}
