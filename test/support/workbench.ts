// The moves of a workbench test, with playwright-core and the Chromium of this computer: run a command, answer a question, read the
// status bar and the tree, take a picture.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { systemPackages } from '../../scripts/lib/suites.ts';

const flags = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

export class Workbench {
  readonly page: Page;
  readonly #close: () => Promise<void>;

  private constructor(page: Page, close: () => Promise<void>) {
    this.page = page;
    this.#close = close;
  }

  static async open(url: string): Promise<Workbench> {
    const profile = mkdtempSync(join(tmpdir(), 'signet-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: systemPackages.chromium.provides[0],
      headless: true,
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      args: flags,
    });
    const close = async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    };
    try {
      const page = context.pages()[0] ?? (await context.newPage());
      page.setDefaultTimeout(30_000);
      await page.goto(url, { waitUntil: 'domcontentloaded' });
      await page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 60_000 });
      return new Workbench(page, close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** By its title in the palette, "Signet: Back Up Now". */
  async runCommand(title: string): Promise<void> {
    await this.#openPalette(title);
    // The one that Enter takes: until the list is filtered by what was typed, that is another.
    await this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: title }).waitFor();
    await this.page.keyboard.press('Enter');
    const palette = this.page.locator('.quick-input-widget', {
      has: this.page.getByPlaceholder('Type the name of a command to run.'),
    });
    await palette.waitFor({ state: 'hidden' });
  }

  /** Titles of the commands of a category that the palette offers. */
  async offered(category: string): Promise<readonly string[]> {
    const prefix = `${category}: `;
    await this.#openPalette(prefix);
    const rows = this.page.locator('.quick-input-list .monaco-list-row');
    await rows.first().waitFor();
    const titles = new Set<string>();
    // The list draws only the rows that are seen.
    for (let isLast = false; !isLast; await this.page.keyboard.press('PageDown')) {
      await this.page.waitForTimeout(100);
      isLast = await this.page.locator('.quick-input-list .monaco-list-row[data-last-element="true"]').isVisible();
      for (const text of await rows.locator('.quick-input-list-label .label-name').allInnerTexts()) {
        if (text.startsWith(prefix)) titles.add(text.slice(prefix.length));
      }
    }
    await this.dismiss();
    return [...titles].sort();
  }

  async #openPalette(text: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input').first();
    // A palette that just went away hides the next one, too.
    for (let tries = 0; tries < 10 && !(await input.isVisible()); tries += 1) {
      await this.page.keyboard.press('F1');
      await input.waitFor({ timeout: 1000 }).catch(() => undefined); // once more
      await this.page.waitForTimeout(100);
    }
    await input.fill(`>${text}`);
  }

  /** The quick input whose title or prompt holds the text. */
  question(text: string | RegExp): Locator {
    return this.page.locator('.quick-input-widget', { hasText: text });
  }

  async answer(title: string, value: string): Promise<void> {
    const box = this.question(title);
    await box.waitFor();
    await box.locator('input').first().fill(value);
    await this.page.keyboard.press('Enter');
  }

  async choose(title: string, label: string): Promise<void> {
    const box = this.question(title);
    await box.waitFor();
    await box.locator('.monaco-list-row', { hasText: label }).first().click();
  }

  /** Accepts a list of which any number may be chosen, as it stands. */
  async accept(title: string): Promise<void> {
    const box = this.question(title);
    await box.waitFor();
    await box.locator('.quick-input-action .monaco-button', { hasText: 'OK' }).click();
  }

  /** The editor's own dialog for a folder, which in a browser is a quick input too. */
  async chooseFolder(title: string, button: string, path: string): Promise<void> {
    const box = this.question(title);
    await box.waitFor();
    const accept = box.locator('.monaco-button', { hasText: button });
    await accept.waitFor();
    const input = box.locator('input').first();
    // The dialog reads folders meanwhile: it puts its own path into the box, a click that comes too early is lost, and for a moment it hides.
    for (let tries = 0; tries < 20; tries += 1) {
      if (!(await accept.isVisible())) return;
      if ((await input.inputValue()) !== `${path}/`) await input.fill(`${path}/`);
      await this.page.waitForTimeout(400);
      if ((await input.inputValue()) !== `${path}/`) continue;
      await accept.click();
      await accept.waitFor({ state: 'hidden', timeout: 3000 }).catch(() => undefined); // once more
      await this.page.waitForTimeout(400);
    }
    throw new Error(`the dialog does not take ${path}`);
  }

  status(text: string | RegExp): Locator {
    return this.page.locator('.part.statusbar .statusbar-item[id="signet.signet.status"]').filter({ hasText: text });
  }

  /** Rows of a tree in the side bar. */
  row(text: string | RegExp, view = 'Status'): Locator {
    return this.#view(view).locator('.monaco-list-row').filter({ hasText: text });
  }

  /** Opens a row that has others below it. */
  async expand(text: string | RegExp, view = 'Status'): Promise<void> {
    const row = this.row(text, view).first();
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') await row.locator('.monaco-tl-twistie').click();
  }

  #view(title: string): Locator {
    const header = this.page.locator('.pane-header', { has: this.page.getByText(title, { exact: true }) });
    return this.page.locator('.part.sidebar .pane', { has: header });
  }

  /** The document inside the newest webview: it is nested two frames deep. */
  webview(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').last().frameLocator('#active-frame');
  }

  /** The tabs of the editors that are open. */
  tab(text: string | RegExp): Locator {
    return this.page.locator('.part.editor .tab').filter({ hasText: text });
  }

  /** Takes back whatever asks: quick inputs, dialogs, menus. */
  async dismiss(): Promise<void> {
    const asking = this.page.locator(
      '.quick-input-widget:visible, .monaco-dialog-box:visible, .context-view .monaco-menu',
    );
    for (let tries = 0; tries < 10 && (await asking.count()) > 0; tries += 1) {
      await this.page.keyboard.press('Escape');
      await asking
        .first()
        .waitFor({ state: 'hidden', timeout: 500 })
        .catch(() => undefined); // one more question, or it needs another key
    }
  }

  /** At the edge of the window, or in the list of them where that is open. */
  notification(text: string | RegExp): Locator {
    return this.page.locator('.notification-list-item').filter({ hasText: text, visible: true });
  }

  dialog(): Locator {
    return this.page.locator('.monaco-dialog-box');
  }

  /** Everything the status bar item says to a screen reader from now on, each once in a row. */
  async listenToStatus(): Promise<() => Promise<readonly string[]>> {
    // As text: the page's own types are no part of this project.
    await this.page.evaluate(`{
      globalThis.heard = [];
      const listen = () => {
        const item = document.querySelector('[id="signet.signet.status"]');
        const label = item?.getAttribute('aria-label') ?? item?.querySelector('[aria-label]')?.getAttribute('aria-label') ?? '';
        if (label !== '' && globalThis.heard.at(-1) !== label) globalThis.heard.push(label);
      };
      listen();
      new MutationObserver(listen).observe(document.querySelector('.part.statusbar'), { subtree: true, childList: true, attributes: true });
    }`);
    return () => this.page.evaluate<readonly string[]>('globalThis.heard');
  }
}
