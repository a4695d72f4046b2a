// The recovery sheet as a page of the editor: what the daemon made, with a bar above it, under a policy that runs one script and loads
// nothing. Pure.

export interface SheetBar {
  /** BCP 47, of the bar; the sheet itself is English. */
  readonly language: string;
  readonly print: string;
  readonly save: string;
  /** What to know before doing either. */
  readonly note: string;
}

/** What a click in the page asks for. */
export type SheetWish = 'print' | 'save';

export function isSheetWish(message: unknown): message is SheetWish {
  return message === 'print' || message === 'save';
}

/**
 * @param sheet a whole page with one style and no script, as the daemon makes it
 * @param nonce fresh random letters and digits for each page
 */
export function sheetPage(sheet: string, nonce: string, bar: SheetBar): string {
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`;
  const lang = escaped(bar.language);
  const buttons = `<nav lang="${lang}"><p>${escaped(bar.note)}</p><button class="primary" data-wish="print">${escaped(bar.print)}</button><button data-wish="save">${escaped(bar.save)}</button></nav>`;
  // Functions, since a replacement text would have its dollar signs read.
  return sheet
    .replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/i, () => policyTag(policy))
    .replace('<style>', () => `<style nonce="${nonce}">${barStyle}</style><style nonce="${nonce}">`)
    .replace(/<body[^>]*>/i, body => `${body}${buttons}`)
    .replace(/<\/body>/i, body => `<script nonce="${nonce}">${script}</script>${body}`);
}

function policyTag(policy: string): string {
  return `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
}

const script = `const editor = acquireVsCodeApi();
for (const button of document.querySelectorAll('[data-wish]'))
  button.addEventListener('click', () => editor.postMessage(button.dataset.wish));`;

/** The sheet is paper: its own colours are said again where the editor's style of pages would show through. */
const barStyle = `
nav { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; padding: 12px 20px;
  color: var(--vscode-foreground); background: var(--vscode-editor-background); border-bottom: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, currentColor));
  font: 13px/20px var(--vscode-font-family); }
nav p { flex: 1 1 440px; margin: 0; max-width: 64em; }
nav button { min-height: 28px; padding: 3px 12px; border: 1px solid var(--vscode-contrastBorder, transparent); border-radius: 2px;
  color: var(--vscode-button-secondaryForeground, var(--vscode-foreground)); background: var(--vscode-button-secondaryBackground, transparent); font: inherit; cursor: pointer; }
nav button.primary { color: var(--vscode-button-foreground); background: var(--vscode-button-background); }
nav button:focus-visible { outline: 2px solid var(--vscode-focusBorder); outline-offset: 2px; }
body { padding: 0; }
main a, main code { color: inherit; background: none; padding: 0; }
`;

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, character => entities[character] ?? '');
}
