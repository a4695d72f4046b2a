// The built page of the Status panel in a real Chromium, with the colours of the editor's own themes, and without an editor: each state can be
// shown, measured, operated and photographed. Nothing is loaded but what the page's policy lets in.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { pageMarkup } from '../../extension/panel/page-markup.ts';
import type { PanelModel } from '../../extension/panel/panel-model.ts';
import { bundlePanel, root } from '../../scripts/lib/package.ts';
import { systemPackages } from '../../scripts/lib/suites.ts';
import type { Box, Contrast } from './panel-measures.ts';
import { panelOf } from './panel-states.ts';

export interface Theme {
  readonly classes: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** Taken from a running editor, whose version the file names. */
export const themes = (
  JSON.parse(readFileSync(new URL('panel-themes.json', import.meta.url), 'utf8')) as {
    readonly themes: Readonly<Record<string, Theme>>;
  }
).themes;

/** The window of the page, and its size of text. */
export interface Size {
  readonly width: number;
  readonly height: number;
  readonly fontSize: string;
}

export const sizes = {
  wide: { width: 920, height: 900, fontSize: '13px' },
  narrow: { width: 400, height: 900, fontSize: '13px' },
  slim: { width: 210, height: 900, fontSize: '13px' },
  'twice the text': { width: 420, height: 900, fontSize: '26px' },
} as const satisfies Readonly<Record<string, Size>>;

const host = 'https://panel.invalid';
const nonce = 'bm9uY2U';

export class PanelPage {
  readonly page: Page;
  readonly #close: () => Promise<void>;
  /** What the page was refused or threw; a test looks that it stays empty. */
  readonly complaints: string[];

  private constructor(page: Page, complaints: string[], close: () => Promise<void>) {
    this.page = page;
    this.complaints = complaints;
    this.#close = close;
  }

  static async open(): Promise<PanelPage> {
    const folder = mkdtempSync(join(tmpdir(), 'signet-panel-'));
    let browser: Browser | undefined;
    const close = async () => {
      await browser?.close();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      await bundlePanel(folder);
      const { outputFiles } = await build({
        entryPoints: [join(root, 'test', 'support', 'panel-probe', 'probe.ts')],
        bundle: true,
        format: 'iife',
        write: false,
        logLevel: 'warning',
      });
      browser = await chromium.launch({
        executablePath: systemPackages.chromium.provides[0],
        headless: true,
        args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'],
      });
      const page = await browser.newPage({ viewport: sizes.wide, locale: 'en-GB', timezoneId: 'UTC' });
      const complaints: string[] = [];
      page.on('pageerror', error => complaints.push(String(error)));
      page.on('console', message => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      await page.addInitScript({ content: outputFiles[0]?.text ?? '' });
      await page.route('**/*', route => {
        const { pathname } = new URL(route.request().url());
        const file = (name: string, contentType: string) =>
          route.fulfill({ contentType, body: readFileSync(join(folder, name), 'utf8') });
        if (pathname === '/') return route.fulfill({ contentType: 'text/html; charset=utf-8', body: markup() });
        if (pathname === '/panel.css') return file('panel.css', 'text/css; charset=utf-8');
        if (pathname === '/page.js') return file('page.js', 'text/javascript; charset=utf-8');
        return route.abort();
      });
      const panel = new PanelPage(page, complaints, close);
      await panel.load();
      return panel;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** As when the panel comes into view again: the page is made anew. */
  async load(): Promise<void> {
    await this.page.goto(`${host}/`);
  }

  close(): Promise<void> {
    return this.#close();
  }

  async show(model: PanelModel): Promise<void> {
    await this.page.evaluate(`probe.show(${JSON.stringify({ model })})`);
  }

  async dress({ classes, variables }: Theme, { width, height, fontSize }: Size): Promise<void> {
    await this.page.setViewportSize({ width, height });
    await this.page.evaluate(`probe.dress(${JSON.stringify([variables, classes, fontSize]).slice(1, -1)})`);
  }

  contrasts(): Promise<readonly Contrast[]> {
    return this.page.evaluate('probe.contrasts()');
  }

  cut(): Promise<readonly string[]> {
    return this.page.evaluate('probe.cut()');
  }

  boxes(): Promise<Readonly<Record<string, Box>>> {
    return this.page.evaluate('probe.boxes()');
  }

  stops(): Promise<readonly string[]> {
    return this.page.evaluate('probe.stops()');
  }

  /** What the page asked the editor for, since it was last asked. */
  sent(): Promise<readonly unknown[]> {
    return this.page.evaluate('sent.splice(0)');
  }

  /** The whole page, not the window's part alone. */
  async picture(path: string): Promise<void> {
    await this.page.screenshot({ path, fullPage: true, animations: 'disabled' });
  }
}

function markup(): string {
  return pageMarkup({ language: 'en', nonce, style: `${host}/panel.css`, script: `${host}/page.js` });
}

/** The pictures of the README: a good day, light and dark. */
export async function readmePictures(panel: PanelPage, folder: string): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  for (const [name, title] of [
    ['light', 'Light Modern'],
    ['dark', 'Dark Modern'],
  ] as const) {
    const theme = themes[title];
    if (theme === undefined) throw new Error(`no colours of ${title}`);
    await panel.dress(theme, sizes.wide);
    await panel.show(panelOf('good'));
    const file = join(folder, `panel-${name}.png`);
    await panel.picture(file);
    files.push(file);
  }
  return files;
}
