// The mark of Signet on the tabs of its pages. A tab does not colour a picture by the theme, so there is one for each kind of theme.

import * as vscode from 'vscode';

export function tabIcon(extension: vscode.Uri): { readonly light: vscode.Uri; readonly dark: vscode.Uri } {
  const media = (name: string) => vscode.Uri.joinPath(extension, 'media', name);
  return { light: media('tab-light.svg'), dark: media('tab-dark.svg') };
}
