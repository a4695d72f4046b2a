// Names below a folder, so that nothing inside it can lead elsewhere: a link in the place of a folder is met as what it is, never followed.
// Linux: each folder is opened from the one above (O_NOFOLLOW) and held while work is done in it, so that a folder that is swapped for a
// link meanwhile changes nothing; names are resolved from the held handle, by way of /proc/self/fd as Node has no openat. Elsewhere every
// folder on the way is looked at right before the work, which leaves a moment to whoever can write there.

import { constants, existsSync } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { asBuffer, concat, utf8 } from './bytes.ts';
import { SignetError, systemCode } from './errors.ts';
import { privateFolder, syncFolder } from './files.ts';

/** The path of a name in the folder that is held; '.' is the folder itself. Good as long as the work lasts. */
export type At = (name: Uint8Array) => Buffer;

const slash = 0x2f;
const folderFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);
const here = utf8('.');

export class Beneath {
  readonly #root: Buffer;
  readonly #holds: boolean;
  /** The folder that was worked in last: what comes next is mostly in the same. */
  #held: { readonly path: string; readonly handle: FileHandle } | undefined;

  /** @param root absolute, without links in it */
  constructor(root: string, platform: NodeJS.Platform = process.platform) {
    this.#root = Buffer.from(root);
    this.#holds = platform === 'linux' && existsSync('/proc/self/fd');
  }

  /**
   * Works in a folder below the root.
   *
   * @param folder bytes with '/'; empty for the root itself
   * @throws E_UNSAFE_PATH where a part of it is no folder but a link or a file · ENOENT where it is not there
   */
  async in<Result>(folder: Uint8Array, work: (at: At) => Promise<Result>): Promise<Result> {
    if (!this.#holds) return work(await this.#look(folder));
    const { handle } = await this.#hold(folder);
    return work(name => asBuffer(concat(utf8(`/proc/self/fd/${handle.fd}/`), name)));
  }

  /** Makes the folder and those above it that are missing, each with the mode that is given for it; answers those it made, topmost first. */
  async make(folder: Uint8Array, modeOf: (folder: Uint8Array) => number): Promise<readonly Uint8Array[]> {
    try {
      await this.in(folder, async () => undefined);
      return [];
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || folder.length === 0) throw error;
    }
    const [above, name] = splitLast(folder);
    const made = await this.make(above, modeOf);
    await this.writing(above, async at => {
      await mkdir(at(name), { mode: privateFolder });
      await chmod(at(name), modeOf(folder) | 0o700); // whatever the mask of this process is
    });
    return [...made, folder];
  }

  /** As `in`, where the work changes names in the folder: one that its owner made read-only is writable for that long. */
  async writing<Result>(folder: Uint8Array, work: (at: At) => Promise<Result>): Promise<Result> {
    return this.in(folder, async at => {
      const { mode } = await lstat(at(here));
      if ((mode & 0o300) === 0o300 || process.platform === 'win32') return work(at);
      await chmod(at(here), (mode & 0o7777) | 0o700);
      try {
        return await work(at);
      } finally {
        await chmod(at(here), mode & 0o7777);
      }
    });
  }

  /** Makes what happened to names in the folder durable. */
  async sync(folder: Uint8Array): Promise<void> {
    await this.in(folder, at => syncFolder(at(here)));
  }

  async close(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.handle.close();
  }

  async #hold(folder: Uint8Array): Promise<{ readonly handle: FileHandle }> {
    const path = asBuffer(folder).toString('latin1');
    if (this.#held?.path === path) return this.#held;
    await this.close();
    let handle = await openFolder(this.#root);
    for (const name of partsOf(folder)) {
      const above = handle;
      try {
        handle = await openFolder(asBuffer(concat(utf8(`/proc/self/fd/${above.fd}/`), name)));
      } finally {
        await above.close();
      }
    }
    this.#held = { path, handle };
    return this.#held;
  }

  async #look(folder: Uint8Array): Promise<At> {
    let path = this.#root;
    for (const name of [undefined, ...partsOf(folder)]) {
      if (name !== undefined) path = asBuffer(concat(path, utf8('/'), name));
      if (!(await lstat(path)).isDirectory()) throw barred();
    }
    return name => (name === here ? path : asBuffer(concat(path, utf8('/'), name)));
  }
}

/** Works below a folder, and lets go of it whatever the end. */
export async function beneath<Result>(root: string, work: (below: Beneath) => Promise<Result>): Promise<Result> {
  const below = new Beneath(root);
  try {
    return await work(below);
  } finally {
    await below.close();
  }
}

/** A path in its folder and its name. */
export function splitLast(path: Uint8Array): readonly [folder: Uint8Array, name: Uint8Array] {
  const at = path.lastIndexOf(slash);
  return at === -1 ? [new Uint8Array(0), path] : [path.subarray(0, at), path.subarray(at + 1)];
}

function partsOf(folder: Uint8Array): readonly Uint8Array[] {
  if (folder.length === 0) return [];
  const [above, name] = splitLast(folder);
  return [...partsOf(above), name];
}

async function openFolder(path: Buffer): Promise<FileHandle> {
  try {
    return await open(path, folderFlags);
  } catch (error) {
    const code = systemCode(error);
    throw code === 'ELOOP' || code === 'ENOTDIR' ? barred(error) : error;
  }
}

function barred(cause?: unknown): SignetError {
  return new SignetError('E_UNSAFE_PATH', 'a link or a file lies where a folder should be', { cause });
}
