import test from 'ava';
import fc from 'fast-check';
import { toHex, utf8 } from '../../daemon/base/bytes.ts';
import { goQuote, goTime, goUnquote, parseGoTime } from '../../daemon/repository/go-text.ts';
import type { BlobId, TreeNode } from '../../daemon/repository/model.ts';
import { decodeTree, encodeTree } from '../../daemon/repository/tree-codec.ts';
import { fileNode, folderNode, linkNode } from '../support/repository.ts';

const id = 'ab'.repeat(32) as BlobId;
const text = (nodes: readonly TreeNode[]): string => Buffer.from(encodeTree(nodes)).toString();
const times =
  '"mtime":"2025-11-23T09:00:00.123456789Z","atime":"2025-11-23T09:00:00.123456789Z","ctime":"2025-11-23T09:00:00.123456789Z"';

test('an empty tree is what Go writes', t => {
  t.is(text([]), '{"nodes":[]}\n');
});

test("nodes have Go's fields in Go's order", t => {
  const owner = { uid: 1000, gid: 100 };
  t.is(
    text([
      fileNode('b', { ...owner, content: [id], sizeBytes: 7, deviceId: 65024n, inode: 18446744073709551615n }),
      { ...linkNode('c', 'b'), ...owner, links: 0 },
      { ...folderNode('d', id), ...owner, permissions: 0o3755, inode: 0n },
      fileNode('a', { ...owner, permissions: 0o4600 }),
    ]),
    `{"nodes":[` +
      `{"name":"a","type":"file","mode":8388992,${times},"uid":1000,"gid":100,"inode":42,"links":1,"content":[]},` +
      `{"name":"b","type":"file","mode":420,${times},"uid":1000,"gid":100,"inode":18446744073709551615,"device_id":65024,"size":7,"links":1,"content":["${id}"]},` +
      `{"name":"c","type":"symlink","mode":134218239,${times},"uid":1000,"gid":100,"inode":42,"linktarget":"b","content":null},` +
      `{"name":"d","type":"dir","mode":2152727021,${times},"uid":1000,"gid":100,"links":1,"content":null,"subtree":"${id}"}` +
      `]}\n`,
  );
});

test('names sort by their bytes, not as JavaScript compares them', t => {
  const nodes = [fileNode('\u{1F600}'), fileNode('\uFFFD'), fileNode('Z'), fileNode('a')];
  const { nodes: decoded } = decodeTree(encodeTree(nodes), 'x');
  t.deepEqual(
    decoded.map(node => Buffer.from(node.name).toString()),
    ['Z', 'a', '\uFFFD', '\u{1F600}'],
  );
});

for (const [bytes, quoted] of [
  ['plain', 'plain'],
  ['tab\t', 'tab\\t'],
  ['\n\r\v\f\b\x07', '\\n\\r\\v\\f\\b\\a'],
  ['\x00\x1f\x7f', '\\x00\\x1f\\x7f'],
  ['"\\\'', '\\"\\\\\''],
  ['é', 'é'],
  ['\u0080', '\\u0080'],
  ['a\u00a0b', 'a\\u00a0b'],
  ['\u200d', '\\u200d'],
  ['\u2028', '\\u2028'],
  ['\u{1F600}', '\u{1F600}'],
  ['\u{E0001}', '\\U000e0001'],
  ['\ufeff', '\\ufeff'],
  [Buffer.from([0xff, 0x41]), '\\xffA'],
  [Buffer.from([0xed, 0xa0, 0x80]), '\\xed\\xa0\\x80'],
  [Buffer.from([0xc0, 0xaf]), '\\xc0\\xaf'],
  [Buffer.from([0xe2, 0x82]), '\\xe2\\x82'],
  [Buffer.from([0xc3, 0xa9, 0xff]), 'é\\xff'],
] as const) {
  test(`${JSON.stringify(quoted)} is quoted as strconv.Quote does, and back`, t => {
    const raw = Buffer.from(bytes as string);
    t.is(goQuote(raw), quoted);
    t.is(toHex(goUnquote(quoted) ?? new Uint8Array(0)), toHex(raw));
  });
}

test('every name survives quoting', t => {
  const name = fc.uint8Array({ minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(name, bytes => {
      t.is(toHex(goUnquote(goQuote(bytes)) ?? new Uint8Array(0)), toHex(bytes));
    }),
    { numRuns: 2000, seed: 1 },
  );
});

for (const bad of ['"', 'a"b', '\\', '\\q', "\\'", '\\x4', '\\u12', '\\ud800', '\\U00110000', '\\400', 'a\nb']) {
  test(`${JSON.stringify(bad)} is no quoted name`, t => {
    t.is(goUnquote(bad), undefined);
  });
}

for (const [ns, written] of [
  [0n, '1970-01-01T00:00:00Z'],
  [1n, '1970-01-01T00:00:00.000000001Z'],
  [-1n, '1969-12-31T23:59:59.999999999Z'],
  [1_500_000_000n, '1970-01-01T00:00:01.5Z'],
  [-62_135_596_800_000_000_000n, '0001-01-01T00:00:00Z'],
] as const) {
  test(`${ns} ns is written ${written}, and read back`, t => {
    t.is(goTime(ns), written);
    t.is(parseGoTime(written), ns);
  });
}

test('times beyond what Go can write move to the nearest it can', t => {
  t.is(goTime(10n ** 24n), '9999-12-31T23:59:59.999999999Z');
  t.is(goTime(-(10n ** 24n)), '0000-01-01T00:00:00Z');
  t.is(parseGoTime('2026-11-23T10:00:00.25+01:30'), parseGoTime('2026-11-23T08:30:00.25Z'));
  for (const bad of ['', 'now', '2026-11-23', '2026-13-01T00:00:00Z', 5]) t.is(parseGoTime(bad), undefined);
});

test('any tree survives encoding', t => {
  const nodes = fc.uniqueArray(
    fc.record({
      name: fc.uint8Array({ minLength: 3, maxLength: 30 }).filter(name => !name.includes(0) && !name.includes(0x2f)),
      permissions: fc.integer({ min: 0, max: 0o7777 }),
      mtimeNs: fc.bigInt({ min: -(10n ** 19n), max: 10n ** 20n }),
      inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      kind: fc.constantFrom('file', 'dir', 'symlink'),
      size: fc.integer({ min: 0, max: 2 ** 40 }),
    }),
    { selector: node => toHex(node.name), maxLength: 20 },
  );
  fc.assert(
    fc.property(nodes, list => {
      const made = list.map(({ name, kind, size, ...changes }): TreeNode => {
        if (kind === 'file') return fileNode(name, { ...changes, sizeBytes: size, content: [id] });
        const base = kind === 'dir' ? folderNode(name, id) : { ...linkNode('x', new Uint8Array([0xff, 0x41])), name };
        return { ...base, ...changes };
      });
      const bytes = encodeTree(made);
      const { nodes: decoded, skipped } = decodeTree(bytes, 'x');
      t.deepEqual(skipped, []);
      t.deepEqual(Buffer.from(encodeTree(decoded)), Buffer.from(bytes));
      t.is(decoded.length, made.length);
    }),
    { numRuns: 200, seed: 2 },
  );
});

const node = (name: string, more = ''): string =>
  `{"name":${JSON.stringify(name)},"type":"file","mode":420,${times},"uid":0,"gid":0,"content":[]${more}}`;
const tree = (...nodes: readonly string[]): Uint8Array => utf8(`{"nodes":[${nodes.join(',')}]}\n`);

for (const [what, bytes, code] of [
  ['no JSON', utf8('{'), 'E_OBJECT_TYPE'],
  ['not UTF-8', Buffer.from([0x7b, 0xff]), 'E_OBJECT_TYPE'],
  ['a snapshot', utf8('{"time":"x","tree":"y"}'), 'E_OBJECT_TYPE'],
  ['a list', utf8('[]'), 'E_OBJECT_TYPE'],
  ['null', utf8('null'), 'E_OBJECT_TYPE'],
  ['unsorted', tree(node('b'), node('a')), 'E_OBJECT_TYPE'],
  ['a name twice', tree(node('a'), node('a')), 'E_OBJECT_TYPE'],
  ['an empty name', tree(node('')), 'E_UNSAFE_PATH'],
  ['a dot', tree(node('.')), 'E_UNSAFE_PATH'],
  ['two dots', tree(node('..')), 'E_UNSAFE_PATH'],
  ['a slash', tree(node('a/b')), 'E_UNSAFE_PATH'],
  ['a slash that is escaped', tree(node('a\\x2fb')), 'E_UNSAFE_PATH'],
  ['a NUL', tree(node('a\\x00')), 'E_UNSAFE_PATH'],
  ['a name of 2000 bytes', tree(node('a'.repeat(2000))), 'E_UNSAFE_PATH'],
  ['a file without content', tree(node('a').replace('[]', 'null')), 'E_OBJECT_TYPE'],
  ['content that is no id', tree(node('a').replace('[]', '["../x"]')), 'E_OBJECT_TYPE'],
  ['a folder without a tree', tree(node('a').replace('file', 'dir')), 'E_OBJECT_TYPE'],
  ['a link without a target', tree(node('a').replace('file', 'symlink')), 'E_OBJECT_TYPE'],
  ['a size of 2^60', tree(node('a', ',"size":1152921504606846976')), 'E_OBJECT_TYPE'],
  ['a negative size', tree(node('a', ',"size":-1')), 'E_OBJECT_TYPE'],
  ['a number for a node', tree('1'), 'E_OBJECT_TYPE'],
] as const) {
  test(`a tree with ${what} is refused`, t => {
    t.throws(() => decodeTree(bytes, 'x'), { code });
  });
}

test('devices and sockets are left out and told', t => {
  const { nodes, skipped } = decodeTree(tree(node('a'), node('b').replace('"file"', '"socket"')), 'x');
  t.is(nodes.length, 1);
  t.deepEqual(
    skipped.map(each => each.type),
    ['socket'],
  );
});

test('a name that looks like a number field stays a name', t => {
  const tricky = '"inode":1234567890123456789012,';
  const { nodes } = decodeTree(encodeTree([fileNode(tricky, { inode: 2n ** 63n })]), 'x');
  t.is(Buffer.from(nodes[0]?.name ?? []).toString(), tricky);
  t.is(nodes[0]?.inode, 2n ** 63n);
});

test('unknown fields, __proto__ among them, change nothing', t => {
  const { nodes } = decodeTree(tree(node('a', ',"__proto__":{"polluted":1},"xattr":[]')), 'x');
  t.is(nodes.length, 1);
  t.is(({} as Record<string, unknown>)['polluted'], undefined);
});

test('nothing is saved under a name no folder can hold', t => {
  for (const name of ['', '.', '..', 'a/b', 'a\0'])
    t.throws(() => encodeTree([fileNode(name)]), { code: 'E_UNSAFE_PATH' });
  t.throws(() => encodeTree([fileNode('a'), fileNode('a')]), { code: 'E_OBJECT_TYPE' });
});
