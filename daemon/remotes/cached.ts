// A remote of which copies are kept on this computer, sealed as they are in the place, so that what did not change is not read again:
// indexes, snapshots, heads, and packs of trees. Its caller says what is worth keeping (PutOptions, GetOptions). Nothing here is trusted more
// than the place is: whole copies are checked by their names, parts by whoever opens them. What is damaged or missing is read from the
// place, and a full disk fails nothing. Copies are not synced: a crash costs a download.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLoss, SignetError, systemCode } from '../base/errors.ts';
import { ensurePrivateFolder, privateFile, privateFolder, readBounded, readFully } from '../base/files.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { GetOptions, Remote, RemoteBody, RemoteKey } from './remote.ts';

/** Larger packs (other programs') are not copied when a part of them is wanted. */
const maxKeptBytes = 40 * 1024 * 1024;

/** What is kept, by the folder of the place, and where: all that is named by the hash of its bytes and read more than once. */
const kinds: ReadonlyMap<string, { readonly subfolder: string; readonly key: RegExp }> = new Map([
  ['index', { subfolder: 'index', key: /^index\/([0-9a-f]{64})$/ }],
  ['snapshots', { subfolder: 'snapshots', key: /^snapshots\/([0-9a-f]{64})$/ }],
  ['data', { subfolder: 'packs', key: /^data\/[0-9a-f]{2}\/([0-9a-f]{64})$/ }],
  ['signet/heads', { subfolder: 'heads', key: /^signet\/heads\/[0-9a-f]{16}\/[0-9]{1,16}-([0-9a-f]{64})$/ }],
]);

/** Subfolder and hash of an object that may be kept. */
function kindOf(key: RemoteKey): { readonly subfolder: string; readonly sha256: string } | undefined {
  for (const { subfolder, key: form } of kinds.values()) {
    const sha256 = form.exec(key)?.[1];
    if (sha256 !== undefined) return { subfolder, sha256 };
  }
  return undefined;
}

/**
 * @param folder private, for the copies of this one repository; made when it is missing
 * @throws SignetError E_RUNTIME when others may enter the folder
 */
export async function cached(remote: Remote, folder: string): Promise<Remote> {
  try {
    await ensurePrivateFolder(folder);
    for (const { subfolder } of kinds.values()) {
      await mkdir(join(folder, subfolder), { recursive: true, mode: privateFolder });
    }
  } catch (error) {
    if (error instanceof SignetError || systemCode(error) === undefined) throw error; // else it goes without copies, as on a full disk
  }

  /** Undefined for what is never kept. */
  function copyPath(key: RemoteKey): string | undefined {
    const kind = kindOf(key);
    return kind && join(folder, kind.subfolder, kind.sha256);
  }

  /** The copy's bytes, or undefined when there is none that holds them: unreadable is as good as absent. */
  async function copyOf(path: string, { offset, length, maxBytes }: GetOptions): Promise<Uint8Array | undefined> {
    if (offset !== undefined || length !== undefined) return partOf(path, offset ?? 0, length, maxBytes);
    const whole = await readBounded(path, maxBytes).catch(() => undefined);
    if (whole === undefined || path.endsWith(sha256Hex(whole))) return whole;
    await rm(path, { force: true });
    return undefined;
  }

  async function get(key: RemoteKey, options: GetOptions): Promise<Uint8Array> {
    const path = copyPath(key);
    const { copies = 'any', keep = false, offset, length, signal } = options;
    if (path === undefined || copies === 'mirror') return remote.get(key, options);
    if (copies === 'any') {
      signal?.throwIfAborted();
      const own = await copyOf(path, options);
      if (own !== undefined) return own;
    }
    if (!keep) return remote.get(key, options);
    await rm(path, { force: true });
    if (offset === undefined && length === undefined) {
      const whole = await remote.get(key, options);
      if (path.endsWith(sha256Hex(whole))) await write(path, whole);
      return whole;
    }
    const whole = await remote.get(key, { copies, signal, maxBytes: maxKeptBytes }).catch(error => {
      if (isLoss(error)) return undefined; // too large, or damaged: the part may still be good
      throw error;
    });
    const from = offset ?? 0;
    const to = length === undefined ? whole?.length : from + length;
    if (whole === undefined || to === undefined || to > whole.length || !path.endsWith(sha256Hex(whole))) {
      return remote.get(key, options);
    }
    await write(path, whole);
    return new Uint8Array(whole.subarray(from, to)); // a copy, so that the pack itself is not held
  }

  return {
    kind: remote.kind,
    label: remote.label,
    isCostlyToList: remote.isCostlyToList,
    listsTogether: remote.listsTogether,
    traffic: remote.traffic,
    get,
    async put(key, body, options) {
      const stored = await remote.put(key, body, options);
      const path = options?.keep === true ? copyPath(key) : undefined;
      if (path !== undefined) await write(path, body);
      return stored;
    },
    stat: (key, options) => remote.stat(key, options),
    list: (listed, options) => remote.list(listed, options),
    async remove(key, options) {
      await remote.remove(key, options);
      const path = copyPath(key);
      if (path !== undefined) await rm(path, { force: true });
    },
    local: {
      async keepOnly(top, isWanted) {
        const subfolder = kinds.get(top)?.subfolder;
        if (subfolder === undefined) return;
        const names = await readdir(join(folder, subfolder)).catch(() => []); // where nothing can be kept nothing is given up
        for (const name of names) {
          const isKept = /^[0-9a-f]{64}$/.test(name) && isWanted(name);
          if (!isKept) await rm(join(folder, subfolder, name), { force: true });
        }
      },
    },
  };
}

/** A part of the copy, or undefined when it lacks it; in memory of its own, which the reader may give back. */
async function partOf(
  path: string,
  offset: number,
  length: number | undefined,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const wanted = length ?? (await file.stat()).size - offset;
    if (wanted < 0 || wanted > maxBytes) return undefined;
    const bytes = Buffer.allocUnsafeSlow(wanted);
    return (await readFully(file, bytes, offset)) === wanted ? bytes : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  } finally {
    await file.close();
  }
}

/** Keeps a copy; a file that is ours and does not change is linked. A full disk is no reason to fail what is being done. */
async function write(path: string, body: RemoteBody): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    if (body instanceof Uint8Array) {
      await writeFile(temporary, body, { flag: 'wx', mode: privateFile });
    } else {
      if (await isLinked(body.path, path)) return;
      await copyFile(body.path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    }
    await rename(temporary, path);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    await rm(temporary, { force: true });
  }
}

/** False on file systems without links, and where copies lie on another disk than what is sent. */
async function isLinked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    return systemCode(error) === 'EEXIST';
  }
}
