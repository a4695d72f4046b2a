// Whether a line in gitignore's language says anything. git itself passes over what it cannot use; here a person is to be told, since
// what was meant to be left out would be backed up.

/** What is wrong with a pattern, to stand behind its name; undefined: nothing. */
export function patternProblem(pattern: string): string | undefined {
  const body = pattern.replace(/^!/, '').trim();
  if (body === '' || body === '/') return 'names nothing';
  if (pattern.startsWith('#')) return 'is a comment: begin with \\# where a name begins with #';
  if (/[\0\r\n]/.test(pattern)) return 'must be one line';
  if (/(?<!\\)(?:\\\\)*\\$/.test(pattern)) return 'ends with a backslash that stands for nothing';
  return bracketProblem(pattern);
}

const classNames = [
  'alnum',
  'alpha',
  'blank',
  'cntrl',
  'digit',
  'graph',
  'lower',
  'print',
  'punct',
  'space',
  'upper',
  'xdigit',
];

/** A `]` right behind the opening is a member, not the end. */
const bracket = /^\[(?:[!^]|(?![!^]))(?:\\.|\[:[^\]]*:\]|.)(?:\\.|\[:[^\]]*:\]|[^\]\\])*\]/s;

/** A bracket that is never closed, or a class that is none, makes git give the whole pattern up (wildmatch.c, WM_ABORT_ALL). */
function bracketProblem(pattern: string): string | undefined {
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === '\\') {
      at += 1;
      continue;
    }
    if (pattern[at] !== '[') continue;
    const [whole] = bracket.exec(pattern.slice(at)) ?? [];
    if (whole === undefined) return 'has a [ without its ]';
    const unknown = [...whole.matchAll(/\[:([^\]]*):\]/g)].find(([, name]) => !classNames.includes(name ?? ''));
    if (unknown !== undefined) return `has a class that is not known, ${unknown[0]}`;
    at += whole.length - 1;
  }
  return undefined;
}
