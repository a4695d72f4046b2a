// How the person at this editor reads: its language, and "now".

import * as vscode from 'vscode';
import type { Reader } from './views.ts';

export function reader(): Reader {
  const translate = (text: string, values: Readonly<Record<string, string | number>>) => vscode.l10n.t(text, values);
  // Figures and dates in the language of the texts: without a bundle these are English, written for the day before the month and 24 hours.
  const { language } = vscode.env;
  const isPlain = language.startsWith('en') ? /^en(-us)?$/i.test(language) : vscode.l10n.bundle === undefined;
  const locale = isPlain ? 'en-GB' : language;
  return { now: Date.now(), locale: { locale, translate } };
}
