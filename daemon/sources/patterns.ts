// Paths described by names, for the rules of profiles. Patterns are ASCII and paths are bytes: a name need not be UTF-8, and is matched by
// what of it is ASCII. (What people write themselves is gitignore's language: exclude.ts.)

export interface Patterns {
  /** The path fits. */
  readonly one: RegExp;
  /** The path or a folder above it fits. */
  readonly withinOne: RegExp;
  /** Something below the path may fit. */
  readonly aboveOne: RegExp;
}

/** `*` stands for anything within a name, a leading `**` for any folders or none. */
export function patterns(...globs: readonly string[]): Patterns {
  const sources = globs.map(glob => {
    const isAnywhere = glob.startsWith('**/');
    const names = (isAnywhere ? glob.slice(3) : glob).split('/').map(nameSource);
    return { isAnywhere, whole: (isAnywhere ? '(?:.*/)?' : '') + names.join('/'), names };
  });
  const ancestors = sources.flatMap(({ isAnywhere, names }) =>
    isAnywhere ? ['.*'] : names.slice(1).map((_, at) => names.slice(0, at + 1).join('/')),
  );
  const any = anyOf(sources.map(({ whole }) => whole));
  return {
    one: expression(`^${any}$`),
    withinOne: expression(`^${any}(?:/|$)`),
    aboveOne: expression(`^${anyOf(ancestors)}$`),
  };
}

function nameSource(name: string): string {
  return name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
}

function anyOf(sources: readonly string[]): string {
  return sources.length === 0 ? '(?!)' : `(?:${sources.join('|')})`;
}

/** 's': a name may hold a newline. 'i': Windows and macOS write Thumbs.db and .DS_Store as they like. */
function expression(source: string): RegExp {
  return new RegExp(source, 'si');
}

/** One character for each byte. */
export function latin1(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString('latin1');
}
