// Tree blobs, byte for byte as Go's encoding/json writes restic's data.Tree: a tree's id is the hash of these bytes, and restic's
// `rewrite` refuses trees it would write differently. Field order, omissions and `content: null` against `[]` are therefore format.

import { asBuffer, compareBytes, fromUtf8, toHex, utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { goBytes, goJsonString, goQuote, goTime, goUnquote, parseGoTime } from './go-text.ts';
import { asBlobId, isId } from './ids.ts';
import { limits } from './limits.ts';
import type { BlobId, TreeNode } from './model.ts';

// Go's os.FileMode, which is not st_mode.
const goDir = 0x80000000;
const goSymlink = 0x08000000;
const goSetuid = 0x00800000;
const goSetgid = 0x00400000;
const goSticky = 0x00100000;

function toGoMode(node: TreeNode): number {
  const { permissions } = node;
  const type = node.type === 'dir' ? goDir : node.type === 'symlink' ? goSymlink : 0;
  return (
    type +
    ((permissions & 0o4000) !== 0 ? goSetuid : 0) +
    ((permissions & 0o2000) !== 0 ? goSetgid : 0) +
    ((permissions & 0o1000) !== 0 ? goSticky : 0) +
    (permissions & 0o777)
  );
}

function fromGoMode(mode: number): number {
  const has = (flag: number, bit: number): number => ((mode & flag) !== 0 ? bit : 0);
  return (mode & 0o777) | has(goSetuid, 0o4000) | has(goSetgid, 0o2000) | has(goSticky, 0o1000);
}

function encodeNode(node: TreeNode): string {
  const mode = toGoMode(node);
  const fields = [
    `"name":${goJsonString(goQuote(node.name))}`,
    `"type":"${node.type}"`,
    ...(mode === 0 ? [] : [`"mode":${mode}`]),
    `"mtime":"${goTime(node.mtimeNs)}"`,
    `"atime":"${goTime(node.atimeNs)}"`,
    `"ctime":"${goTime(node.ctimeNs)}"`,
    `"uid":${node.uid}`,
    `"gid":${node.gid}`,
  ];
  if (node.inode !== 0n) fields.push(`"inode":${node.inode}`);
  if (node.deviceId !== undefined && node.deviceId !== 0n) fields.push(`"device_id":${node.deviceId}`);
  if (node.sizeBytes !== undefined && node.sizeBytes !== 0) fields.push(`"size":${node.sizeBytes}`);
  if (node.links !== undefined && node.links !== 0) fields.push(`"links":${node.links}`);
  if (node.linkTarget !== undefined && node.linkTarget.length > 0) {
    fields.push(`"linktarget":${goJsonString(asBuffer(node.linkTarget).toString('utf8'))}`);
    if (fromUtf8(node.linkTarget) === undefined) fields.push(`"linktarget_raw":"${goBytes(node.linkTarget)}"`);
  }
  fields.push(`"content":${node.content === undefined ? 'null' : `[${node.content.map(id => `"${id}"`).join(',')}]`}`);
  if (node.subtree !== undefined) fields.push(`"subtree":"${node.subtree}"`);
  return `{${fields.join(',')}}`;
}

function nameProblem(name: Uint8Array): string | undefined {
  if (name.length === 0) return 'is empty';
  if (name.length > limits.nameBytes) return `has ${name.length} bytes`;
  if (name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))) return 'is a dot name';
  if (name.includes(0x2f)) return 'has a slash';
  if (name.includes(0)) return 'has a NUL';
  return undefined;
}

function checkOrder(nodes: readonly TreeNode[], what: string): void {
  let previous: Uint8Array | undefined;
  for (const { name } of nodes) {
    if (previous !== undefined) {
      const order = compareBytes(previous, name);
      if (order === 0) throw new SignetError('E_OBJECT_TYPE', `${what}: a name occurs twice`);
      if (order > 0) throw new SignetError('E_OBJECT_TYPE', `${what}: names are not in order`);
    }
    previous = name;
  }
}

/**
 * The tree's bytes; nodes may come in any order.
 *
 * @throws SignetError E_UNSAFE_PATH for a name no folder can hold · E_OBJECT_TYPE for a name given twice
 */
export function encodeTree(nodes: readonly TreeNode[]): Uint8Array {
  const sorted = nodes.toSorted((a, b) => compareBytes(a.name, b.name));
  for (const { name } of sorted) {
    const problem = nameProblem(name);
    if (problem !== undefined) throw new SignetError('E_UNSAFE_PATH', `tree to save: a name ${problem}`);
  }
  checkOrder(sorted, 'tree to save');
  return utf8(`{"nodes":[${sorted.map(encodeNode).join(',')}]}\n`);
}

/** A node that is not a file, folder or link of ours; it is left out of what decodeTree answers. */
export interface SkippedNode {
  readonly name: Uint8Array;
  readonly type: string;
}

/** Numbers above 2^53 become strings. Cannot match inside a string: there each quotation mark has a backslash before it. */
const longNumbers = /"(inode|device_id|device)":(\d{16,20})(?=[,}\s])/g;

const wholeNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

function wholeBigint(value: unknown): bigint | undefined {
  if (value === undefined) return 0n;
  if (typeof value === 'string') return /^\d{16,20}$/.test(value) ? BigInt.asUintN(64, BigInt(value)) : undefined;
  const number = wholeNumber(value);
  return number === undefined ? undefined : BigInt(number);
}

function decodeContent(value: unknown): readonly BlobId[] | undefined {
  if (!Array.isArray(value) || value.length > limits.contentBlobs || !value.every(isId)) return undefined;
  return value.map(asBlobId);
}

function decodeLinkTarget(record: Record<string, unknown>): Uint8Array | undefined {
  const raw = record['linktarget_raw'];
  const text = record['linktarget'];
  const bytes =
    typeof raw === 'string'
      ? Buffer.from(raw, 'base64')
      : typeof text === 'string'
        ? Buffer.from(text, 'utf8')
        : undefined;
  return bytes === undefined || bytes.length === 0 || bytes.length > limits.linkTargetBytes || bytes.includes(0)
    ? undefined
    : new Uint8Array(bytes);
}

function decodeNode(value: unknown, what: string): TreeNode | SkippedNode {
  const refuse = (why: string): SignetError => new SignetError('E_OBJECT_TYPE', `${what}: a node ${why}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('is not an object');
  const record = value as Record<string, unknown>; // an object, read field by field below
  const name = typeof record['name'] === 'string' ? goUnquote(record['name']) : undefined;
  if (name === undefined) throw refuse('has no readable name');
  const problem = nameProblem(name);
  if (problem !== undefined) throw new SignetError('E_UNSAFE_PATH', `${what}: a name ${problem}`);
  const type = record['type'];
  if (typeof type !== 'string') throw refuse('has no type');
  if (type !== 'file' && type !== 'dir' && type !== 'symlink') return { name, type: type.slice(0, 32) };

  const mode = wholeNumber(record['mode'] ?? 0);
  const mtimeNs = parseGoTime(record['mtime']);
  const uid = wholeNumber(record['uid'] ?? 0);
  const gid = wholeNumber(record['gid'] ?? 0);
  const inode = wholeBigint(record['inode']);
  const deviceId = wholeBigint(record['device_id']);
  const links = wholeNumber(record['links'] ?? 0);
  if (mode === undefined || mtimeNs === undefined || uid === undefined || gid === undefined)
    throw refuse('has no readable metadata');
  if (inode === undefined || deviceId === undefined || links === undefined) throw refuse('has no readable metadata');
  const common: TreeNode = {
    name,
    type,
    permissions: fromGoMode(mode),
    mtimeNs,
    atimeNs: parseGoTime(record['atime']) ?? mtimeNs,
    ctimeNs: parseGoTime(record['ctime']) ?? mtimeNs,
    uid,
    gid,
    inode,
    ...(deviceId === 0n ? {} : { deviceId }),
    ...(links === 0 ? {} : { links }),
  };
  if (type === 'file') {
    const content = decodeContent(record['content']);
    const sizeBytes = wholeNumber(record['size'] ?? 0);
    if (content === undefined || sizeBytes === undefined) throw refuse('is a file without content or size');
    return { ...common, content, sizeBytes };
  }
  if (type === 'dir') {
    const { subtree } = record;
    if (!isId(subtree)) throw refuse('is a folder without a tree');
    return { ...common, subtree: asBlobId(subtree) };
  }
  const linkTarget = decodeLinkTarget(record);
  if (linkTarget === undefined) throw refuse('is a link without a target');
  return { ...common, linkTarget };
}

function parseNodes(bytes: Uint8Array, what: string): readonly unknown[] {
  const text = fromUtf8(bytes);
  let parsed: unknown;
  try {
    parsed = text === undefined ? undefined : JSON.parse(text.replace(longNumbers, '"$1":"$2"'));
  } catch (error) {
    throw notATree(what, 'not JSON', error);
  }
  const list = typeof parsed === 'object' && parsed !== null && 'nodes' in parsed ? parsed.nodes : undefined;
  if (!Array.isArray(list)) throw notATree(what, 'not a tree');
  return list;
}

/**
 * Parses and judges a tree: names sorted by bytes, unique, and none that could lead out of its folder.
 *
 * @throws SignetError E_OBJECT_TYPE · E_OBJECT_LIMIT · E_UNSAFE_PATH
 */
export function decodeTree(
  bytes: Uint8Array,
  what: string,
): { readonly nodes: readonly TreeNode[]; readonly skipped: readonly SkippedNode[] } {
  const list = parseNodes(bytes, what);
  if (list.length > limits.treeNodes) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: ${list.length} nodes, at most ${limits.treeNodes} are read`);
  }
  const nodes: TreeNode[] = [];
  const skipped: SkippedNode[] = [];
  for (const value of list) {
    const node = decodeNode(value, what);
    if ('mtimeNs' in node) nodes.push(node);
    else skipped.push(node);
  }
  checkOrder(nodes, what);
  return { nodes, skipped };
}

/**
 * Every blob that a tree names, whatever is said of the nodes otherwise: what restic would miss must be found here, too.
 *
 * @throws SignetError E_OBJECT_TYPE where that cannot be told for certain
 */
export function referencesIn(
  bytes: Uint8Array,
  what: string,
): { readonly trees: readonly BlobId[]; readonly data: readonly BlobId[] } {
  const trees: BlobId[] = [];
  const data: BlobId[] = [];
  for (const value of parseNodes(bytes, what)) {
    const { subtree, content } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>; // judged below
    if (isId(subtree)) trees.push(asBlobId(subtree));
    else if (subtree !== undefined && subtree !== null) throw notATree(what, 'a folder without a tree');
    if (content === undefined || content === null) continue;
    if (!Array.isArray(content)) throw notATree(what, 'a file without content');
    for (const id of content) {
      if (!isId(id)) throw notATree(what, 'a file without content');
      data.push(asBlobId(id));
    }
  }
  return { trees, data };
}

function notATree(what: string, why: string, cause?: unknown): SignetError {
  return new SignetError('E_OBJECT_TYPE', `${what}: ${why}`, { cause });
}

/** A name for reports: its text, or its bytes in hex when it is not UTF-8. */
export function nameText(name: Uint8Array): string {
  return fromUtf8(name) ?? toHex(name);
}
