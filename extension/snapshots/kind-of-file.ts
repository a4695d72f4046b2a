// What can be shown of a file side by side: text and pictures by the editor, of everything else only size and time.

export type FileKind = 'text' | 'picture' | 'database' | 'other';

/** So many bytes from the beginning are looked at. */
export const headBytes = 4096;

const pictures = /\.(?:png|jpe?g|jpe|gif|bmp|webp|ico|avif|svg)$/i;
const sqlite = 'SQLite format 3\0';

/** @param head the first `headBytes` bytes, or all */
export function kindOfFile(name: string, head: Uint8Array): FileKind {
  if (Buffer.from(head.subarray(0, sqlite.length)).toString('latin1') === sqlite) return 'database';
  if (pictures.test(name)) return 'picture';
  return head.includes(0) ? 'other' : 'text';
}
