// Versions that both peers compare at connect. The protocol number rises with a change that an old peer cannot ignore.

export const protocolVersion = 1;
export const productVersion = '0.1.0';

/** What a peer says of itself in `initialize`. */
export interface Versions {
  readonly protocolVersion: number;
  readonly productVersion: string;
}

export const ownVersions: Versions = { protocolVersion, productVersion };

/** Above 0 when the first is the newer: by protocol number, then by semantic version; what is no version counts as the oldest. */
export function compareVersions(a: Versions, b: Versions): number {
  return a.protocolVersion - b.protocolVersion || compareProducts(a.productVersion, b.productVersion);
}

/** Semantic Versioning 2.0.0 §11; builds (`+…`) do not count. */
function compareProducts(a: string, b: string): number {
  const [left, right] = [parsed(a), parsed(b)];
  for (const [index, number] of left.numbers.entries()) {
    const difference = number - (right.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left.early.length === 0 || right.early.length === 0) return right.early.length - left.early.length;
  for (let index = 0; ; index += 1) {
    const [one, other] = [left.early[index], right.early[index]];
    if (one === undefined || other === undefined) return left.early.length - right.early.length;
    if (one === other) continue;
    const [n, m] = [one, other].map(part => (/^\d+$/.test(part) ? Number(part) : undefined));
    if (n !== undefined && m !== undefined) return n - m;
    if (n !== undefined || m !== undefined) return n === undefined ? 1 : -1;
    return one < other ? -1 : 1;
  }
}

function parsed(version: string): { readonly numbers: readonly number[]; readonly early: readonly string[] } {
  const found = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]{1,64}))?(?:\+[0-9A-Za-z.-]*)?$/.exec(version);
  if (found === null) return { numbers: [-1, 0, 0], early: [] };
  return { numbers: found.slice(1, 4).map(Number), early: found[4]?.split('.') ?? [] };
}
