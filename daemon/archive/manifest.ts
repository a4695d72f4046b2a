// The manifest of a snapshot: a sealed file `.signet/manifest.json` in the root tree (DESIGN D14). Read with a schema and bounds, since an
// authenticated file may still come from a newer version or a hostile device.

import * as v from 'valibot';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import type { Repository, TreeNode } from '../repository/model.ts';
import type { Manifest } from './model.ts';
import { nameKey } from './names.ts';

export const manifestFolder = '.signet';
export const manifestName = 'manifest.json';
const maxManifestBytes = 64 << 20;

const text = v.pipe(v.string(), v.maxLength(64 << 10));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Later versions may leave out or carry forward for more reasons: a word that is not known here says only that there is one. */
const reason = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,63}$/));
const counts = v.object({ messages: count, conversations: count });

const databaseSchema = v.object({
  path: text,
  layout: v.picklist(['file', 'pages', 'delta']),
  pageSize: count,
  nPage: count,
  strategy: v.picklist(['pinned', 'immutable', 'counter-fence', 'backup', 'salt-fence', 'copy']),
  checked: v.picklist(['full', 'pages', 'none']),
  checkedAt: v.exactOptional(text),
  counts: v.exactOptional(counts),
});

const omissionSchema = v.object({
  path: text,
  reason,
  kept: v.exactOptional(v.boolean()),
  byRule: v.exactOptional(v.object({ files: count, bytes: count, isMore: v.exactOptional(v.literal(true)) })),
});

const sourceSchema = v.object({
  id: v.pipe(text, v.regex(/^[a-z0-9-]+$/)),
  profile: text,
  label: text,
  root: text,
  capturedAt: text,
  carriedFrom: v.exactOptional(v.object({ snapshot: text, reason })),
  complete: v.boolean(),
  omitted: v.array(omissionSchema),
  databases: v.array(databaseSchema),
  files: v.exactOptional(count),
  bytes: v.exactOptional(count),
  counts: v.exactOptional(counts),
  removed: v.exactOptional(v.literal(true)),
});

const manifestSchema = v.object({ v: v.literal(1), device: text, sources: v.array(sourceSchema) });

export function encodeManifest(manifest: Manifest): Uint8Array {
  return utf8(`${JSON.stringify(manifest)}\n`);
}

/** @throws SignetError E_VERSION for a manifest of a later format, E_OBJECT_TYPE for anything else that is not one */
export function decodeManifest(bytes: Uint8Array): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(fromUtf8(bytes) ?? '');
  } catch (cause) {
    throw new SignetError('E_OBJECT_TYPE', 'manifest: not JSON', { cause });
  }
  const version = typeof json === 'object' && json !== null && 'v' in json ? json.v : undefined;
  if (typeof version === 'number' && version > 1) {
    throw new SignetError('E_VERSION', `manifest: version ${version}, this program reads version 1`);
  }
  const parsed = v.safeParse(manifestSchema, json);
  if (!parsed.success) {
    throw new SignetError('E_OBJECT_TYPE', `manifest: ${v.getDotPath(parsed.issues[0]) ?? 'root'} is not as described`);
  }
  return parsed.output;
}

/** The manifest of the snapshot with these root nodes, or undefined when it has none (another tool made it). */
export async function loadManifest(
  repository: Pick<Repository, 'loadTree' | 'loadBlob'>,
  rootNodes: readonly TreeNode[],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Manifest | undefined> {
  const folder = rootNodes.find(node => nameKey(node.name) === manifestFolder);
  if (folder?.subtree === undefined) return undefined;
  const nodes = await repository.loadTree(folder.subtree, options);
  const file = nodes.find(node => nameKey(node.name) === manifestName);
  if (file?.content === undefined) return undefined;
  if ((file.sizeBytes ?? 0) > maxManifestBytes) {
    throw new SignetError('E_OBJECT_LIMIT', `manifest: ${file.sizeBytes} bytes, at most ${maxManifestBytes} are read`);
  }
  const parts: Uint8Array[] = [];
  for (const id of file.content) parts.push(await repository.loadBlob('data', id, options));
  return decodeManifest(Buffer.concat(parts));
}
