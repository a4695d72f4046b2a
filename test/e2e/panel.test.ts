// The page of the Status panel, as it is packaged, in a real browser: every state in the editor's themes and in narrow windows can be read,
// is laid out as the checked-in boxes say, and can be operated by keyboard. SIGNET_SCREENS=<folder> keeps a picture of each.
// After a wanted change of the layout: SIGNET_NEW_BOXES=1 scripts/test e2e, and look at the pictures before the boxes are committed.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { panelModel } from '../../extension/panel/model.ts';
import type { PanelModel } from '../../extension/panel/panel-model.ts';
import { PanelPage, readmePictures, sizes, type Theme, themes } from '../support/panel-kit.ts';
import type { Box } from '../support/panel-measures.ts';
import { calm, job, morning, type PanelState, panelOf, panelStates } from '../support/panel-states.ts';

const states = Object.keys(panelStates) as readonly PanelState[];
const screens = process.env['SIGNET_SCREENS'];
const boxFile = new URL('../support/panel-boxes.json', import.meta.url);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Pixels by which fonts of another computer may move things. */
const boxTolerance = 6;

let panel: PanelPage;
test.before(async () => {
  panel = await PanelPage.open();
});
test.after.always(() => panel?.close());
test.afterEach(t => {
  t.deepEqual(panel.complaints.splice(0), [], 'the page was refused nothing and threw nothing');
});

function themeNamed(name: string): Theme {
  const theme = themes[name];
  if (theme === undefined) throw new Error(`no colours of ${name}`);
  return theme;
}

async function picture(name: string): Promise<void> {
  if (screens === undefined) return;
  mkdirSync(screens, { recursive: true });
  await panel.picture(join(screens, `panel-${name.toLowerCase().replaceAll(' ', '-')}.png`));
}

for (const [title, theme] of Object.entries(themes)) {
  testContrasts(title, theme);

  test.serial(
    `${title}: in no state anything is cut off or pushes sideways, from 210 px to 920 px and with twice the text`,
    async t => {
      for (const [size, window] of Object.entries(sizes)) {
        await panel.dress(theme, window);
        for (const state of states) {
          await panel.show(panelOf(state));
          t.deepEqual(await panel.cut(), [], `${state}, ${size}`);
          await picture(`${state}-${title}-${size}`);
        }
      }
    },
  );

  test.serial(`${title}: axe finds nothing`, async t => {
    for (const [state, size] of [
      ['good', 'wide'],
      ['running', 'wide'],
      ['alarm', 'wide'],
      ['partial', 'narrow'],
      ['overdue', 'narrow'],
      ['empty', 'wide'],
    ] as const) {
      await panel.dress(theme, sizes[size]);
      await panel.show(panelOf(state));
      t.deepEqual(await violations(), [], state);
    }
  });
}

function testContrasts(title: string, theme: Theme): void {
  test.serial(`${title}: texts have a contrast of 4.5, marks, charts, edges and the focus ring of 3`, async t => {
    await panel.dress(theme, sizes.wide);
    const lowest: Record<string, number> = {};
    for (const state of states) {
      await panel.show(panelOf(state));
      for (const { what, name, ratio } of await panel.contrasts()) {
        // Rounded as in the guideline's own examples, which know two digits.
        t.true(ratio >= (what === 'text' ? 4.5 : 3) - 0.005, `${state}: ${what} ${name} has ${ratio.toFixed(2)}`);
        lowest[what] = Math.min(lowest[what] ?? Number.POSITIVE_INFINITY, Math.floor(ratio * 10) / 10);
      }
    }
    t.log(lowest);
  });
}

async function violations(): Promise<readonly string[]> {
  if (!(await panel.page.evaluate<boolean>('typeof axe === "object"'))) await panel.page.evaluate(axe);
  return panel.page.evaluate(`axe.run().then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 120))))`);
}

test.serial('words that are half as long again are not cut off either', async t => {
  const longer = (text: string) =>
    text.replace(/\p{L}{3,}/gu, word => `${word}${word.slice(0, Math.ceil(word.length / 2))}`);
  const translate = (text: string, values: Readonly<Record<string, string | number>>) =>
    longer(
      text.replace(/\{(\w+)\}/g, '{$1}').replace(/\{(\w+)\}/g, (_, name: string) => `\u0000${name}\u0000`),
    ).replace(/\0(\w+?)\0/g, (_, name: string) =>
      String(values[Object.keys(values).find(each => longer(each) === name || each === name) ?? ''] ?? ''),
    );
  for (const [size, window] of Object.entries(sizes)) {
    await panel.dress(themeNamed('Light Modern'), window);
    for (const state of ['good', 'running', 'alarm', 'overdue', 'empty', 'bare'] as const) {
      await panel.show(panelOf(state, translate));
      t.deepEqual(await panel.cut(), [], `${state}, ${size}`);
    }
  }
});

test.serial('everything lies where the checked-in boxes say', async t => {
  const measured: Record<string, Readonly<Record<string, Box>>> = {};
  for (const [size, window] of Object.entries(sizes)) {
    await panel.dress(themeNamed('Light Modern'), window);
    for (const state of ['good', 'running', 'alarm', 'empty'] as const) {
      await panel.show(panelOf(state));
      measured[`${state}, ${size}`] = await panel.boxes();
    }
  }
  if (process.env['SIGNET_NEW_BOXES'] !== undefined) {
    writeFileSync(boxFile, `${JSON.stringify(measured, null, 2)}\n`);
  }
  const wanted = JSON.parse(readFileSync(boxFile, 'utf8')) as typeof measured;
  t.deepEqual(Object.keys(measured), Object.keys(wanted));
  for (const [shown, boxes] of Object.entries(measured)) {
    t.deepEqual(Object.keys(boxes), Object.keys(wanted[shown] ?? {}), shown);
    for (const [name, box] of Object.entries(boxes)) compareBox(t, `${shown}: ${name}`, box, wanted[shown]?.[name]);
  }
});

/** Texts of other fonts break elsewhere, so heights, and what is below, may differ by a share; edges and widths of the page may not. */
function compareBox(t: ExecutionContext, name: string, box: Box, wanted: Box | undefined): void {
  for (const side of ['x', 'y', 'width', 'height'] as const) {
    const want = wanted?.[side] ?? Number.NaN;
    const allowed = boxTolerance + (side === 'y' || side === 'height' ? want * 0.03 : 0);
    t.true(Math.abs(box[side] - want) <= allowed, `${name}: ${side} is ${box[side]}, not ${want}`);
  }
}

test.serial('nothing turns or grows for those who want no motion', async t => {
  await panel.dress(themeNamed('Dark Modern'), sizes.wide);
  await panel.show(panelOf('running'));
  const motion = () =>
    panel.page.evaluate<readonly string[]>(
      'document.getAnimations().map(each => each.animationName ?? each.transitionProperty)',
    );
  t.deepEqual(await motion(), ['turn']);
  await panel.page.emulateMedia({ reducedMotion: 'reduce' });
  t.deepEqual(await motion(), []);
  await panel.page.emulateMedia({ reducedMotion: null });
});

test.serial('with forced colours marks, bars and lines are still drawn', async t => {
  await panel.dress(themeNamed('Light Modern'), sizes.wide);
  await panel.page.emulateMedia({ forcedColors: 'active' });
  await panel.show(panelOf('good'));
  await picture('good-forced-colours-wide');
  const colours = await panel.page.evaluate<Readonly<Record<string, string>>>(`Object.fromEntries(
    [['.icon', 'stroke'], ['.cell-good', 'fill'], ['.cell-none', 'stroke'], ['.area-line', 'stroke'], ['.added', 'fill'], ['.bar > .ours', 'backgroundColor']]
      .map(([part, property]) => [part, getComputedStyle(document.querySelector(part))[property]]))`);
  const background = await panel.page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
  for (const [part, colour] of Object.entries(colours)) {
    t.not(colour, background, part);
    t.not(colour, 'none', part);
  }
  await panel.page.emulateMedia({ forcedColors: null });
});

test.serial('a new status changes texts in place: focus and open details stay', async t => {
  await panel.dress(themeNamed('Light Modern'), sizes.wide);
  await panel.show(panelOf('good'));
  await panel.page.locator('summary', { hasText: 'The same as a table' }).click();
  const restore = panel.page.getByRole('button', { name: 'Restore…' });
  await restore.focus();
  await panel.page.evaluate('globalThis.before = document.activeElement');
  const later = { now: morning.now + 600_000, locale: morning.locale };
  await panel.show(panelModel({ kind: 'connected', status: { ...calm, phoneEnding: '99' } }, {}, later));
  t.regex(await panel.page.locator('.state .detail').innerText(), /15 minutes ago/);
  t.true(await panel.page.evaluate<boolean>('document.activeElement === before'));
  await panel.show(panelOf('good'));
  t.true(await panel.page.evaluate<boolean>('document.activeElement === before'));
  await panel.page.locator('summary', { hasText: 'The same as a table' }).click();
  await panel.show(panelOf('good'));
  t.is(await panel.page.locator('details[open]').count(), 1);
});

test.serial('a button that goes away hands its focus to the heading', async t => {
  await panel.show(panelOf('running'));
  await panel.page.getByRole('button', { name: 'Cancel' }).focus();
  await panel.show(panelOf('cancelling'));
  t.is(await panel.page.evaluate<string>('document.activeElement.tagName'), 'H1');
});

test.serial('a new alarm is said once, and not again when the panel comes back into view', async t => {
  const alert = panel.page.locator('[role="alert"]').first();
  await panel.show(panelOf('good'));
  t.is(await alert.innerText(), '');
  await panel.show(panelOf('alarm'));
  t.regex((await alert.textContent()) ?? '', /^The cloud is hiding/);
  const kept = await panel.page.evaluate('kept');
  await panel.load();
  await panel.page.evaluate(`kept = ${JSON.stringify(kept)}`);
  await panel.show(panelOf('alarm'));
  t.is(await alert.textContent(), '');
});

test.serial('progress is said politely at each tenth percent, and the end once', async t => {
  await panel.dress(themeNamed('Light Modern'), sizes.wide);
  const status = panel.page.locator('[role="status"]');
  const at = async (bytesDone: number): Promise<string | null> => {
    const progress = { ...job, bytesDone, bytesTotal: 100 };
    await panel.show(panelModel({ kind: 'connected', status: { ...calm, job: progress } }, {}, morning));
    return status.textContent();
  };
  t.is(await at(43), 'Backing up, 40%');
  t.is(await at(49), 'Backing up, 40%');
  t.is(await at(51), 'Backing up, 50%');
  await panel.show(panelOf('good'));
  t.is(await status.textContent(), 'Backup done. 212 new messages in 9 chats.');
});

test.serial('Tab goes in the order of reading, and the radios are one stop with arrow keys', async t => {
  await panel.dress(themeNamed('Light Modern'), sizes.wide);
  await panel.show(panelOf('good'));
  const reached: string[] = [];
  await panel.page.locator('h1').focus();
  for (let stop = 0; stop < 20; stop += 1) {
    await panel.page.keyboard.press('Tab');
    const name = await panel.page.evaluate<string>(
      '(document.activeElement.closest("label") ?? document.activeElement).innerText.split("\\n")[0]',
    );
    if (reached.length > 0 && (name === reached[0] || name.startsWith('Everything'))) break;
    reached.push(name);
  }
  t.deepEqual(reached.slice(0, 6), [
    'Back Up Now',
    'Restore…',
    'Daily',
    'Also when chats change',
    'Include videos',
    'All settings',
  ]);
  t.true(reached.includes('Browse snapshots'));
  t.deepEqual(
    await panel.stops(),
    (await panel.stops()).filter(name => name !== ''),
  );
});

test.serial('a control asks for what was chosen, and shows what it is told until then', async t => {
  await panel.show(panelOf('good'));
  await panel.sent();
  await panel.page.getByRole('radio', { name: 'Weekly' }).check();
  await panel.page.getByRole('checkbox', { name: /^Also when chats change/ }).uncheck();
  await panel.page.getByRole('checkbox', { name: /^Include videos/ }).uncheck();
  await panel.page.getByRole('button', { name: 'Back Up Now' }).click();
  t.deepEqual(await panel.sent(), [
    { kind: 'intent', intent: { do: 'schedule', kind: 'weekly' } },
    { kind: 'intent', intent: { do: 'onChange', isOn: false } },
    { kind: 'intent', intent: { do: 'videos', isOn: false } },
    { kind: 'intent', intent: { do: 'run', command: 'signet.backUpNow' } },
  ]);
  const failed = {
    control: 'schedule',
    reason: 'Signet is busy with something else. Try again when it is done.',
  } as const;
  await panel.show(panelModel(panelStates.good, { failed }, morning));
  t.true(await panel.page.getByRole('radio', { name: 'Daily' }).isChecked());
  t.true(await panel.page.getByRole('checkbox', { name: /^Include videos/ }).isChecked());
  t.is(await panel.page.locator('.frequency + .failed').innerText(), failed.reason);
});

test.serial('what could not be read is shown by its button, each file with its reason', async t => {
  await panel.show(panelOf('partial'));
  await panel.page.getByRole('button', { name: 'Show Them' }).click();
  const files = panel.page.locator('#files li');
  t.is(await files.count(), 2);
  t.regex(await files.first().innerText(), /holiday-in.+….+mp4 · Signet may not read it/);
  t.is(await panel.page.evaluate<string>('document.activeElement.tagName'), 'SUMMARY');
  t.deepEqual(await panel.cut(), []);
});

test.serial('names are text and nothing else', async t => {
  const label = '<img src=x onerror=alert(1)><b>chats</b>';
  const [source] = calm.sources;
  const model: PanelModel = panelModel(
    { kind: 'connected', status: { ...calm, sources: source === undefined ? [] : [{ ...source, label }] } },
    {},
    morning,
  );
  await panel.show(model);
  t.is(await panel.page.locator('tbody th').first().innerText(), label);
  t.is(await panel.page.locator('main img').count(), 0);
});

test.serial('the pictures of the README are those of a good day, light and dark', async t => {
  const folder = screens ?? mkdtempSync(join(tmpdir(), 'signet-pictures-'));
  const files = await readmePictures(panel, folder);
  t.deepEqual(
    files.map(file => readFileSync(file).subarray(1, 4).toString()),
    ['PNG', 'PNG'],
  );
  if (screens === undefined) rmSync(folder, { recursive: true });
});
