// Which of the places where an app may keep its chats are there.

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Of one pattern, so many of the last by name: exports are named by date. */
const mostOfOne = 20;

/** The folders that exist, in the order given; a last name with `*` stands for those that fit, the newest name first. */
export async function foldersOf(roots: readonly string[]): Promise<readonly string[]> {
  const named = await Promise.all(roots.map(root => (basename(root).includes('*') ? fitting(root) : [root])));
  const folders: string[] = [];
  for (const root of named.flat()) if (await isFolder(root)) folders.push(root);
  return folders;
}

async function fitting(root: string): Promise<readonly string[]> {
  const [start = '', end = ''] = basename(root).split('*');
  const names = await readdir(dirname(root)).catch(() => []); // none there, or not ours to read
  return names
    .filter(name => name.length >= start.length + end.length && name.startsWith(start) && name.endsWith(end))
    .sort()
    .reverse()
    .slice(0, mostOfOne)
    .map(name => join(dirname(root), name));
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
