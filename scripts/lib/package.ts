// Builds what is installed into an editor: the extension as one file, the daemon as a few beside it, the native package that cannot be
// bundled, notices of everything inside, and a .vsix around it. One .vsix per platform, for the platform it is built on.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { productVersion } from '../../protocol/version.ts';
import { mistakesIn } from './contents.ts';
import { withoutLanguageFeatures } from './language-client.ts';
import { notices, thirdParties } from './third-party.ts';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Budgets of the design; more than that is a mistake in what gets bundled. */
const maxBundleBytes = 600_000;
const maxVsixBytes = 15_000_000;

/** Loaded as they are: their binaries are looked up beside their own files. */
const nativePackages = ['argon2', '@phc/format', 'node-gyp-build', 'keytar', '@napi-rs/keyring', ...keyringBinaries()];

export interface Packaged {
  /** The unpacked extension. */
  readonly folder: string;
  readonly vsix: string;
  readonly bundleBytes: number;
  readonly vsixBytes: number;
}

/** `out` is made when absent; its `extension` folder and .vsix are replaced. */
export async function packageExtension(out: string): Promise<Packaged> {
  const folder = join(out, 'extension');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const inputs = [await bundleExtension(folder), await bundlePanel(join(folder, 'panel')), await bundleDaemon(folder)];
  stageNative(join(folder, 'daemon', 'node_modules'));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`);
  stageTexts(folder);
  cpSync(join(root, 'extension', 'media'), join(folder, 'media'), { recursive: true });
  writeFileSync(join(folder, 'README.md'), withoutPictures(readFileSync(join(root, 'README.md'), 'utf8')));
  for (const file of ['CHANGELOG.md', 'LICENSE']) cpSync(join(root, file), join(folder, file));
  for (const page of linkedPages()) cpSync(join(root, page), join(folder, page));
  const parties = thirdParties(inputs, nativePackages, join(root, 'node_modules'));
  writeFileSync(join(folder, 'THIRD_PARTY_NOTICES.txt'), notices(parties));

  const target = `${process.platform}-${process.arch}`;
  const vsix = join(out, `signet-${productVersion}-${target}.vsix`);
  writeFileSync(join(folder, '.vscodeignore'), '**/.*\n');
  // As a program of its own, since it prints every file it packs.
  const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
  const flags = [
    '--no-dependencies',
    '--allow-missing-repository',
    '--no-rewrite-relative-links',
    '--target',
    target,
    '--out',
    vsix,
  ];
  execFileSync(process.execPath, [vsce, 'package', ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const mistakes = mistakesIn(filesIn(vsix), target);
  if (mistakes.length > 0) throw new Error(`the package is not as it should be: ${mistakes.join('; ')}`);
  const bundleBytes = statSync(join(folder, 'main.cjs')).size;
  const vsixBytes = statSync(vsix).size;
  if (bundleBytes > maxBundleBytes)
    throw new Error(`the extension has ${bundleBytes} bytes, at most ${maxBundleBytes} are wanted`);
  if (vsixBytes > maxVsixBytes)
    throw new Error(`${basename(vsix)} has ${vsixBytes} bytes, at most ${maxVsixBytes} are wanted`);
  return { folder, vsix, bundleBytes, vsixBytes };
}

/** The files of a .vsix, which is a zip: read from the list at its end. */
export function filesIn(vsix: string): readonly string[] {
  const bytes = readFileSync(vsix);
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06'));
  const files: string[] = [];
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [name, extra, comment] = [28, 30, 32].map(offset => bytes.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    files.push(bytes.toString('utf8', at + 46, at + 46 + name));
    at += 46 + name + extra + comment;
  }
  return files;
}

/** The pages that links of the README lead to, and those that these lead to in turn: there are no dead ends in what is installed. */
export function linkedPages(): readonly string[] {
  const pages = new Set(['README.md']);
  for (const page of pages) {
    const links = readFileSync(join(root, page), 'utf8').matchAll(/\]\(((?:docs\/)?[a-z0-9-]+\.md)\)/g);
    for (const [, link = ''] of links) pages.add(join(dirname(page), link));
  }
  pages.delete('README.md');
  return [...pages];
}

/** The editor's page of an extension shows no pictures that lie beside its README. */
export function withoutPictures(readme: string): string {
  return readme.replaceAll(/^(?:<picture>[\s\S]*?<\/picture>|!\[.*)\n\n/gm, '');
}

/** The repository has one package.json; the editor's is extension/manifest.json with the version filled in. */
function manifest(): object {
  const fields = JSON.parse(readFileSync(join(root, 'extension', 'manifest.json'), 'utf8')) as object;
  return { ...fields, version: productVersion };
}

/** The texts of the manifest, and those of the code in the other languages. */
function stageTexts(folder: string): void {
  const from = join(root, 'extension');
  for (const name of readdirSync(from)) {
    if (/^package\.nls(\.[\w-]+)?\.json$/.test(name) || name === 'l10n')
      cpSync(join(from, name), join(folder, name), { recursive: true });
  }
}

async function bundleExtension(folder: string): Promise<Metafile> {
  const { metafile } = await build({
    // The second is run by the editor alone, after the extension was removed.
    entryPoints: ['main', 'uninstall'].map(name => join(root, 'extension', `${name}.ts`)),
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    minify: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    external: ['vscode'],
    metafile: true,
    logLevel: 'warning',
    plugins: [withoutLanguageFeatures],
    // node-ipc asks for its own URL, which a CommonJS bundle does not have.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  return metafile;
}

/** The page of the Status panel: a script and a style of their own, which a browser loads and the editor's host does not. */
export async function bundlePanel(folder: string): Promise<Metafile> {
  const page = join(root, 'extension', 'panel', 'page');
  const { metafile } = await build({
    entryPoints: [join(page, 'page.ts'), join(page, 'panel.css')],
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'chrome134',
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

/** All entries lie flat in daemon/, so that each finds the others beside it, whichever file names them. */
async function bundleDaemon(folder: string): Promise<Metafile> {
  const entries = daemonEntries();
  const { metafile } = await build({
    entryPoints: Object.fromEntries(entries.map(file => [flatName(file), file])),
    outdir: join(folder, 'daemon'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minifySyntax: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: nativePackages,
    metafile: true,
    logLevel: 'warning',
    plugins: [flatEntries],
    // Packages written as CommonJS call require.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module';\nconst require = bundleRequire(import.meta.url);",
    },
  });
  return metafile;
}

const entryUrl = /new URL\(\s*'(\.[^']*\.ts)'\s*,\s*import\.meta\.url\s*\)/g;

/** daemon/main.ts, the command line, and every file that the daemon or its parts start as a worker or a child process. */
function daemonEntries(): readonly string[] {
  const entries = [join(root, 'daemon', 'main.ts'), commandLine];
  for (const name of readdirSync(join(root, 'daemon'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.startsWith('cli')) continue;
    const file = join(root, 'daemon', name);
    for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(entryUrl))
      entries.push(resolve(dirname(file), specifier));
  }
  return [...new Set(entries)].filter(file => existsSync(file));
}

const commandLine = join(root, 'daemon', 'cli', 'main.ts');

function flatName(file: string): string {
  if (file === commandLine) return 'cli';
  return relative(join(root, 'daemon'), file).replace(/\.ts$/, '').replaceAll(/[\\/]/g, '-');
}

const flatEntries: Plugin = {
  name: 'flat entries',
  setup(builder) {
    builder.onLoad({ filter: /[\\/](daemon|protocol)[\\/].*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const contents = source.replace(entryUrl, (_, specifier: string) => {
        return `new URL('./${flatName(resolve(dirname(path), specifier))}.mjs', import.meta.url)`;
      });
      return { contents, loader: 'ts' };
    });
  },
};

/** The second keychain binding has a package of its own for the binary of each platform. */
function keyringBinaries(): readonly string[] {
  return readdirSync(join(root, 'node_modules', '@napi-rs'))
    .filter(name => name.startsWith(`keyring-${process.platform}-${process.arch}`))
    .map(name => `@napi-rs/${name}`);
}

function stageNative(folder: string): void {
  const platform = `${process.platform}-${process.arch}`;
  for (const name of nativePackages) {
    const from = join(root, 'node_modules', name);
    cpSync(from, join(folder, name), {
      recursive: true,
      filter: path => {
        const inside = relative(from, path).split(/[\\/]/);
        if (inside[0] === 'prebuilds' && inside.length > 1) return inside[1] === platform;
        return !/\.(cpp|gyp|map|md|d\.c?ts)$|^argon2$|^\.|^build-test|^node_modules$|^src$|^script$/.test(
          inside[0] ?? '',
        );
      },
    });
  }
}
