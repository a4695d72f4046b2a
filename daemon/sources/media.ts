// What kind of medium a file is: by the folder an app keeps it in, then by its extension, and where the name tells nothing by its first
// bytes (apps keep pictures under bare ids). Text, databases and whatever is not known are no media.

import type { MediaClass } from '../../protocol/status.ts';
import { latin1 } from './patterns.ts';

const extensions: Readonly<Record<string, MediaClass>> = Object.fromEntries(
  (
    [
      ['video', 'mp4 3gp mov mkv webm avi m4v'],
      // A thumbnail goes with the pictures, whatever it is a thumbnail of.
      ['image', 'jpg jpeg png webp heic heif gif bmp tif tiff avif thumb'],
      ['audio', 'opus ogg oga m4a amr mp3 aac wav flac caf'],
      ['document', 'pdf doc docx xls xlsx ppt pptx odt ods odp rtf epub pages numbers key'],
      ['sticker', 'tgs was'],
    ] as const
  ).flatMap(([kind, names]) => names.split(' ').map(name => [name, kind] as const)),
);

/**
 * @param path latin1, relative to the source's root
 * @param head asked only when the name has no extension
 */
export function mediaClassOf(
  path: string,
  folders: Readonly<Record<string, MediaClass>>,
  head: () => Uint8Array,
): MediaClass | undefined {
  const names = path.toLowerCase().split('/');
  const name = names.pop() ?? '';
  for (const folder of names.reverse()) if (Object.hasOwn(folders, folder)) return folders[folder];
  const dot = name.lastIndexOf('.');
  if (dot <= 0) return mediaClassOfBytes(head());
  const extension = name.slice(dot + 1);
  return Object.hasOwn(extensions, extension) ? extensions[extension] : undefined;
}

/**
 * Whether a file is a video as far as its name tells. For every file of a walk, so most are told by one look at the end of the path.
 *
 * @param folders as for `mediaClassOf`
 */
export function videoByName(folders: Readonly<Record<string, MediaClass>>): (path: string) => boolean {
  const named = Object.keys(extensions).filter(each => extensions[each] === 'video');
  const places = Object.keys(folders).filter(each => folders[each] === 'video');
  const inFolder =
    places.length === 0 ? '' : `|(?:^|/)(?:${places.map(each => each.replace(/[^\w ]/g, '\\$&')).join('|')})/`;
  const mayBe = new RegExp(`\\.(?:${named.join('|')})$${inFolder}`, 'i');
  return path => mayBe.test(path) && mediaClassOf(path, folders, () => new Uint8Array(0)) === 'video';
}

/** Of an ISO media file (ISO/IEC 14496-12 §4.3) the brand tells pictures and sound from film. */
const imageBrands = ['heic', 'heix', 'heim', 'heis', 'mif1', 'msf1', 'avif', 'avis'];

function mediaClassOfBytes(head: Uint8Array): MediaClass | undefined {
  const text = latin1(head);
  if (/^(?:\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|BM.{4}\0{4}|II\*\0|MM\0\*)/s.test(text)) return 'image';
  if (/^(?:OggS|#!AMR|ID3|fLaC|\xff[\xf1\xf3\xf9\xfa\xfb])/s.test(text)) return 'audio';
  if (text.startsWith('\x1aE\xdf\xa3')) return 'video';
  if (text.startsWith('%PDF-')) return 'document';
  const riff = /^RIFF.{4}(WEBP|AVI |WAVE)/s.exec(text)?.[1];
  if (riff !== undefined) return riff === 'WEBP' ? 'image' : riff === 'WAVE' ? 'audio' : 'video';
  const brand = /^.{4}ftyp(.{4})/s.exec(text)?.[1];
  if (brand === undefined) return undefined;
  return imageBrands.includes(brand) ? 'image' : brand === 'M4A ' ? 'audio' : 'video';
}
