import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { recoverySheet } from '../../daemon/vault/recovery-sheet.ts';
import { keyHint, keyRows } from '../../extension/keys/key-hints.ts';
import { clearLeft, layOut, passingMs } from '../../extension/keys/passing-file.ts';
import { isSheetWish, sheetPage } from '../../extension/keys/sheet-page.ts';
import { ensurePrivate } from '../../protocol/claim.ts';

const sheet = recoverySheet(
  {
    date: '23 November 2026',
    place: 'the folder Backup on NAS',
    folder: 'Backup',
    device: 'Laptop <script>alert(1)</script>',
    newest: 412,
    repositoryId: 'a'.repeat(64),
    keyFileId: 'b'.repeat(64),
  },
  new Uint8Array(32).fill(7),
);
const bar = { language: 'de', print: 'Print…', save: 'Save…', note: 'Keep "it" & <this> away.' };

test('the page of the sheet loads nothing and runs and styles only what has its nonce', t => {
  const page = sheetPage(sheet, 'abc123', bar);
  const policies = [...page.matchAll(/http-equiv="Content-Security-Policy" content="([^"]*)"/g)].map(
    ([, text]) => text,
  );
  t.deepEqual(policies, ["default-src 'none'; style-src 'nonce-abc123'; script-src 'nonce-abc123'"]);
  const tags = page.match(/<(?:style|script)\b[^>]*>/g) ?? [];
  t.is(tags.length, 3);
  t.true(tags.every(tag => tag.includes('nonce="abc123"')));
  t.notRegex(page, /\sstyle="|\son\w+="|\b(?:src|href)=/);
});

test('the page has the whole sheet, and its bar as text', t => {
  const page = sheetPage(sheet, 'abc123', bar);
  const inside = (html: string) => html.slice(html.indexOf('<main>'), html.indexOf('</main>'));
  t.true(inside(sheet).length > 1000);
  t.is(inside(page), inside(sheet));
  t.true(page.includes('Keep &quot;it&quot; &amp; &lt;this&gt; away.'));
  t.is(page.match(/<button\b/g)?.length, 2);
});

test('a page can ask for two things and nothing else', t => {
  t.true(isSheetWish('print') && isSheetWish('save'));
  for (const other of ['close', '', undefined, { print: true }, 1]) t.false(isSheetWish(other));
});

test('a page for the browser is private, and gone when its time is over', async t => {
  const folder = join(mkdtempSync(join(tmpdir(), 'signet-sheet-')), 'run');
  t.teardown(() => rmSync(join(folder, '..'), { recursive: true, force: true }));
  const timers: { ms: number; run: () => void }[] = [];
  const path = await layOut(folder, sheet, (ms, run) => timers.push({ ms, run }));
  t.is(readFileSync(path, 'utf8'), sheet);
  if (process.platform !== 'win32') {
    t.is(statSync(path).mode & 0o777, 0o600);
    t.is(statSync(folder).mode & 0o777, 0o700);
  }
  t.deepEqual(
    timers.map(({ ms }) => ms),
    [passingMs],
  );
  const listeners = process.listenerCount('exit');
  timers[0]?.run();
  t.deepEqual(readdirSync(folder), []);
  t.is(process.listenerCount('exit'), listeners - 1);
});

test('a page that a crash left is gone with the next one', async t => {
  const folder = join(mkdtempSync(join(tmpdir(), 'signet-sheet-')), 'run');
  t.teardown(() => rmSync(join(folder, '..'), { recursive: true, force: true }));
  const timers: (() => void)[] = [];
  const later = (_ms: number, run: () => void) => timers.push(run);
  await layOut(folder, 'old', later);
  const path = await layOut(folder, 'new', later);
  t.deepEqual(
    readdirSync(folder).map(name => join(folder, name)),
    [path],
  );
  for (const run of timers) run();
});

test('a page that a crash left is gone when the editor is there again, and one just laid out when its time is over', async t => {
  const folder = join(mkdtempSync(join(tmpdir(), 'signet-sheet-')), 'run');
  t.teardown(() => rmSync(join(folder, '..'), { recursive: true, force: true }));
  clearLeft(folder, Date.now(), () => t.fail('there is nothing to wait for'));
  await ensurePrivate(folder);
  const now = Date.now();
  const leave = (id: string, age: number) => {
    const path = join(folder, `sheet-${id.repeat(16)}.html`);
    writeFileSync(path, sheet);
    utimesSync(path, (now - age) / 1000, (now - age) / 1000);
  };
  leave('a', passingMs);
  leave('b', passingMs - 5000);
  leave('c', -passingMs); // the clock went back
  writeFileSync(join(folder, 'signet.sock'), '');
  const timers: { ms: number; run: () => void }[] = [];
  clearLeft(folder, now, (ms, run) => timers.push({ ms, run }));
  t.deepEqual(readdirSync(folder).sort(), [`sheet-${'b'.repeat(16)}.html`, 'signet.sock']);
  t.is(timers.length, 1);
  t.true(Math.abs((timers[0]?.ms ?? 0) - 5000) < 100);
  timers[0]?.run();
  t.deepEqual(readdirSync(folder), ['signet.sock']);
});

test('a key is shown in four rows of four groups, with its check group apart', t => {
  const rows = keyRows('0123456789abcdef'.repeat(4), {}).split('\n');
  t.deepEqual(rows.slice(0, 4), Array(4).fill('0123  4567  89ab  cdef'));
  t.regex(rows[5] ?? '', /^Check group, to notice a typing mistake: [0-9a-f]{4}$/);
});

for (const [typed, text, isWrong] of [
  ['0', '1 of 68 characters', false],
  [' 0123-4567 ', '8 of 68 characters', false],
  ['0123 456g', 'Only 0 to 9 and a to f.', true],
  [`${'ABCDEF'.repeat(11)}01`, '68 of 68 characters', false],
  ['a'.repeat(69), '69 of 68 characters', true],
] as const) {
  test(`while a key is typed, ${JSON.stringify(typed.slice(0, 12))} (${typed.length}) is told as: ${text}`, t => {
    t.deepEqual(keyHint(typed, {}), { text, isWrong });
  });
}

test('nothing is said of a key before it is begun', t => {
  t.is(keyHint(' - ', {}), undefined);
});
