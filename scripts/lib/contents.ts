// What may lie in the .vsix: the list is of what is wanted, so that anything else (a test, a source, somebody's settings) stops the
// packaging.

const wanted: readonly RegExp[] = [
  /^(?:extension\.vsixmanifest|\[Content_Types\]\.xml)$/,
  /^extension\/(?:package\.json|package\.nls(?:\.[a-z]{2}(?:-[a-z]+)?)?\.json)$/,
  /^extension\/l10n\/bundle\.l10n\.[a-z]{2}(?:-[a-z]+)?\.json$/,
  /^extension\/(?:readme\.md|changelog\.md|SECURITY\.md|LICENSE\.txt|THIRD_PARTY_NOTICES\.txt)$/,
  /^extension\/docs\/[a-z0-9-]+\.md$/,
  /^extension\/media\/(?:[a-z-]+\/)*[a-z0-9-]+\.(?:png|svg|md)$/,
  /^extension\/(?:main|uninstall)\.cjs$/,
  /^extension\/panel\/[a-z-]+\.(?:js|css|ttf|woff2)$/,
  /^extension\/daemon\/[A-Za-z0-9._-]+\.mjs$/,
  /^extension\/daemon\/[a-z0-9-]+\.wasm$/,
  /^extension\/daemon\/node_modules\/(?:@[a-z-]+\/)?[a-z0-9-]+\/(?:package\.json|licen[cs]e(?:\.[a-z-]+)*)$/i,
  /^extension\/daemon\/node_modules\/(?:@[a-z-]+\/)?[a-z0-9-]+\/(?:lib\/)?[a-z0-9-]+\.(?:js|cjs)$/,
  /^extension\/daemon\/node_modules\/(?:argon2|keytar)\/prebuilds\/[a-z0-9-]+\/[a-z0-9.]+\.node$/,
  /^extension\/daemon\/node_modules\/@napi-rs\/keyring-[a-z0-9-]+\/keyring\.[a-z0-9-]+\.node$/,
];

/** It cannot run without these. @param platform as in `linux-x64` */
function needed(platform: string): readonly string[] {
  return [
    ...['package.json', 'main.cjs', 'uninstall.cjs', 'media/icon.png', 'LICENSE.txt', 'THIRD_PARTY_NOTICES.txt'],
    ...['daemon/main.mjs', 'daemon/cli.mjs', 'panel/page.js', 'panel/panel.css', 'l10n/bundle.l10n.de.json'],
    ...['package.nls.json', 'package.nls.de.json', `daemon/node_modules/keytar/prebuilds/${platform}/keytar.node`],
  ].map(name => `extension/${name}`);
}

/** What is wrong with the files of a package; [] when nothing is. @param files as the archive names them */
export function mistakesIn(files: readonly string[], platform: string): readonly string[] {
  return [
    ...files.filter(file => !wanted.some(pattern => pattern.test(file))).map(file => `${file} does not belong there`),
    ...needed(platform)
      .filter(file => !files.includes(file))
      .map(file => `${file} is missing`),
  ];
}
