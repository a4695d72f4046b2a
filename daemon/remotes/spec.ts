// How a place is written: `folder:<absolute path>`, `drive:<folder name>`, `s3:<endpoint>/<bucket>[/<prefix>]`. The one parser of it.

import { isAbsolute, resolve } from 'node:path';
import { SignetError } from '../base/errors.ts';

export type PlaceSpec =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'drive'; readonly folder: string }
  | {
      readonly kind: 's3';
      /** With scheme, without a slash at its end: "https://s3.eu-central-1.amazonaws.com". */
      readonly endpoint: string;
      readonly bucket: string;
      /** Without slashes at its ends; '' for none. */
      readonly prefix: string;
    };

const placeForms = 'folder:<path>, drive:<folder name> or s3:<endpoint>/<bucket>[/<prefix>]';

const bucketForm = 's3:<endpoint>/<bucket>[/<prefix>]';

/** @param form what to give instead */
const refuse = (why: string, form: string): SignetError =>
  new SignetError('E_USAGE', `the place for the copies: ${why}`, {
    params: { detail: `${why}: give ${form}`, option: '--remote', expected: placeForms },
  });

/** @throws SignetError E_USAGE for what names no place */
export function parsePlace(spec: string): PlaceSpec {
  const [, kind, rest = ''] = /^([a-z0-9]{2,16}):(.*)$/s.exec(spec) ?? [];
  switch (kind) {
    case 'folder':
      if (!isAbsolute(rest))
        throw refuse('the folder for the copies must be a whole path from the root', 'folder:<absolute path>');
      return { kind, path: resolve(rest) };
    case 'drive':
      return { kind, folder: folderName(rest) };
    case 's3':
      return { kind, ...bucketOf(rest) };
    default:
      throw refuse('the place for the copies begins with its kind', placeForms);
  }
}

/** The one way to write a place: what is kept in settings and compared. */
export function formatPlace(place: PlaceSpec): string {
  switch (place.kind) {
    case 'folder':
      return `folder:${place.path}`;
    case 'drive':
      return `drive:${place.folder}`;
    case 's3':
      return `s3:${place.endpoint}/${place.bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`;
  }
}

/** A folder in My Drive is named, not found by path: slashes would promise folders in folders. */
function folderName(name: string): string {
  const isName = name.trim() === name && name.length > 0 && name.length <= 200 && !/[\p{Cc}/\\]/u.test(name);
  if (!isName) throw refuse('a folder in Google Drive has a name without slashes', 'drive:<folder name>');
  return name;
}

/** Without a scheme https is meant. Credentials in an address would end up in settings and logs. */
function bucketOf(rest: string): { endpoint: string; bucket: string; prefix: string } {
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(rest) ? rest : `https://${rest}`;
  let url: URL;
  let parts: readonly string[];
  try {
    url = new URL(written);
    parts = url.pathname
      .split('/')
      .filter(part => part !== '')
      .map(decodeURIComponent);
  } catch {
    throw refuse('the address of the S3 storage is not one', bucketForm);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw refuse('the address of the S3 storage holds more than host, bucket and prefix', bucketForm);
  }
  const [bucket = '', ...prefix] = parts;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw refuse('the name of the bucket is missing or is none', bucketForm);
  if (prefix.some(part => !/^[A-Za-z0-9!_.*'()-]{1,200}$/.test(part) || part === '.' || part === '..')) {
    throw refuse('the prefix has characters that not every S3 storage takes', bucketForm);
  }
  const isLocal = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal))
    throw refuse('an S3 storage is reached by https only', bucketForm);
  return { endpoint: url.origin, bucket, prefix: prefix.join('/') };
}

/** How words name the place. */
export function placeLabel(place: PlaceSpec): string {
  switch (place.kind) {
    case 'folder':
      return `the folder ${lastPart(place.path)}`;
    case 'drive':
      return 'Google Drive';
    case 's3':
      return `the bucket ${place.bucket}`;
  }
}

/** What a person types to confirm that this very place is meant: the last part of it. */
export function placeName(place: PlaceSpec): string {
  switch (place.kind) {
    case 'folder':
      return lastPart(place.path);
    case 'drive':
      return place.folder;
    case 's3':
      return place.prefix === '' ? place.bucket : lastPart(place.prefix);
  }
}

function lastPart(path: string): string {
  return path.slice(path.search(/[^/\\]+[/\\]*$/)).replace(/[/\\]+$/, '');
}

/**
 * The place beside another where a fresh backup goes. One that is itself a fresh one does not grow a second ending.
 *
 * @param ending `<yyyymmdd>-<4 hex>`
 */
export function siblingPlace(place: PlaceSpec, ending: string): PlaceSpec {
  const beside = (name: string): string => `${name.replace(/-[0-9]{8}-[0-9a-f]{4}$/, '')}-${ending}`;
  switch (place.kind) {
    case 'folder':
      return { ...place, path: beside(place.path) };
    case 'drive':
      return { ...place, folder: beside(place.folder) };
    case 's3':
      return { ...place, prefix: beside(place.prefix === '' ? 'signet' : place.prefix) };
  }
}

/** Whether one is where a fresh backup beside the other goes, or both lie beside a third. */
export function isBeside(one: PlaceSpec, other: PlaceSpec): boolean {
  const [a, b] = [one, other].map(place => formatPlace(siblingPlace(place, '00000000-0000')));
  return a === b;
}
