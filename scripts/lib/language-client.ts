// vscode-languageclient without the features of a language: Signet's client opens no document and completes no word, but the library's one
// client registers some fifty features and brings a fifth of the bundle for them. Each of their modules is replaced while bundling by one
// feature that does nothing; connecting, requests, notifications, progress and text synchronization (which the client itself calls) stay. Of the
// two converters between the editor's types and the protocol's the client needs the address of the open folder alone.

import type { Plugin } from 'esbuild';

const features = [
  ...[
    'callHierarchy',
    'codeAction',
    'codeLens',
    'colorProvider',
    'completion',
    'configuration',
    'declaration',
    'definition',
  ],
  ...[
    'diagnostic',
    'documentHighlight',
    'documentLink',
    'documentSymbol',
    'executeCommand',
    'fileOperations',
    'fileSystemWatcher',
  ],
  ...[
    'foldingRange',
    'formatting',
    'hover',
    'implementation',
    'inlayHint',
    'inlineCompletion',
    'inlineValue',
    'linkedEditingRange',
  ],
  ...[
    'notebook',
    'reference',
    'rename',
    'selectionRange',
    'semanticTokens',
    'signatureHelp',
    'textDocumentContent',
    'typeDefinition',
  ],
  ...['typeHierarchy', 'workspaceFolder', 'workspaceSymbol'],
];

/** The members of the library's `StaticFeature`; every export of a replaced module is this class. */
const absent = `class Absent {
  getState() { return { kind: 'static' }; }
  fillClientCapabilities() {}
  initialize() {}
  clear() {}
}
module.exports = new Proxy({}, { get: () => Absent });`;

/** Whatever else were to be converted belongs to a language. */
const converters = `exports.createConverter = () => new Proxy({}, {
  get: (_, name) => value => {
    if (name === 'asUri') return String(value);
    throw new Error('no part of this client: ' + String(name));
  },
});`;

export const withoutLanguageFeatures: Plugin = {
  name: 'without language features',
  setup(builder) {
    const filter = new RegExp(
      `[\\\\/]vscode-languageclient[\\\\/]lib[\\\\/]common[\\\\/](?:${features.join('|')})\\.js$`,
    );
    builder.onLoad({ filter }, () => ({ contents: absent, loader: 'js' }));
    const converter = /[\\/]vscode-languageclient[\\/]lib[\\/]common[\\/](?:code|protocol)Converter\.js$/;
    builder.onLoad({ filter: converter }, () => ({ contents: converters, loader: 'js' }));
  },
};
