// The recovery sheet: one page to be printed and kept away from the computer, with the key in groups and as a QR code, what it opens, and how
// to get back in with Signet and without. It is self-contained (no script, nothing loaded from anywhere), and every value is escaped. Runs
// in the key child only, because what it makes is text that cannot be wiped.

import { create } from 'qrcode';
import { fromUtf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import type { SheetFacts } from './model.ts';
import { recoveryKeyGroups, resticPassword } from './recovery-key.ts';

/** @param recoveryKey 32 bytes */
export function recoverySheet(facts: SheetFacts, recoveryKey: Uint8Array): string {
  const digits = fromUtf8(resticPassword(recoveryKey)) ?? '';
  if (digits.length !== 64) throw new SignetError('E_INTERNAL', 'the recovery key is not 32 bytes');
  const groups = recoveryKeyGroups(recoveryKey);
  const folder = shellWord(facts.folder);
  const isOld =
    facts.newest === null
      ? ''
      : ` If the newest backup offered is older than ${facts.newest}, stop: the cloud is showing an old copy.`;
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
  <meta name="viewport" content="width=device-width">
  <title>Signet recovery sheet</title>
  <style>${style}</style>
</head>
<body>
<main>
  <header><h1>Signet recovery sheet</h1><span class="quiet">${escaped(facts.date)}</span></header>
  <p class="lead">This key opens your chat backup without the password and without the phone number. Whoever holds this sheet and can reach the copies can read your chats. Nobody can print it for you again if both the sheet and the password are lost.</p>

  <section class="key" aria-label="Recovery key">
    <div>
      <ol class="groups">${groups
        .slice(0, 16)
        .map(group => `<li>${group}</li>`)
        .join('')}</ol>
      <p class="check"><b>${groups[16]}</b><span class="quiet">check group: it finds typing mistakes, and is not part of the key</span></p>
    </div>
    ${qrCode(digits)}
  </section>

  <dl>
    <dt>Opens</dt><dd>${escaped(facts.place)}</dd>${cloudRows(facts.cloud)}
    <dt>Made by</dt><dd>${escaped(facts.device)}, ${facts.newest === null ? 'before the first backup' : `when backup ${facts.newest} was the newest`}</dd>
    <dt>Repository id</dt><dd class="mono">${inEights(facts.repositoryId)}</dd>
    <dt>Key file</dt><dd class="mono">${inEights(facts.keyFileId)}</dd>
  </dl>

  <div class="fold" aria-hidden="true"></div>

  <div class="ways">
    <section>
      <h2>With Signet</h2>
      <ol>
        <li>Install Signet on a computer that can reach the copies.</li>
        <li>Run the ${facts.cloud === undefined ? 'line' : 'lines'} below. ${facts.cloud === undefined ? 'It asks' : 'The last one asks'} for the key: type the 16 groups, then the check group.
          ${setUpLines(facts.cloud)}</li>
        <li>Compare the repository id (<code class="inline">signet status --json</code>).${isOld}</li>
        <li>Bring the chats back into an empty folder. Nothing is overwritten.
          <code>signet restore latest --to chats</code></li>
      </ol>
    </section>
    <section>
      <h2>Without Signet</h2>
      <ol>
        <li>Install <b>restic</b>, version 0.14 or newer. It is free, and not made by us.</li>
        <li>Connect the disk with the folder “${escaped(facts.folder)}”, or download the folder from the cloud.</li>
        <li>Run the two lines below. The password it asks for is the key: 64 characters, small letters, no spaces, no check group.
          <code>restic -r ${escaped(folder)} snapshots</code>
          <code>restic -r ${escaped(folder)} restore latest -t chats</code></li>
        <li>A database may come with a second file ending in -wal. Keep both together: any SQLite program opens the pair.</li>
      </ol>
    </section>
  </div>

  <section class="keep">
    <h2>Keep it safe</h2>
    <ul>
      <li>Away from the computer it protects, and not as a photo: a photo ends up in a cloud. Once it is printed, delete the file.</li>
      <li>If it is lost or somebody saw it, make a new key: <b>signet recovery-key renew</b>. A copy of the cloud taken earlier still opens with the old one, so start a fresh backup if that matters.</li>
      <li>The password and the phone number are not on this sheet. Do not write them here.</li>
    </ul>
  </section>

  <div class="write"><span>Kept at</span><span>Checked on (try a restore once a year)</span></div>
  <footer><span>Written by Signet on this computer only.</span><span>Sheet 1 of 1</span></footer>
</main>
</body>
</html>
`;
}

/** Another client id of Google would not see the folder at all. */
function cloudRows(cloud: SheetFacts['cloud']): string {
  if (cloud === undefined) return '';
  const { remote, account, clientId, folderId } = cloud;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Place', remote],
    ['Account', account],
    ['Client id', clientId],
    ['Folder id', folderId],
  ];
  return rows
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`\n    <dt>${name}</dt><dd class="mono">${escaped(value)}</dd>`],
    )
    .join('');
}

function setUpLines(cloud: SheetFacts['cloud']): string {
  if (cloud === undefined) return '<code>signet setup --read-only --recovery-key --remote folder:…</code>';
  const place = escaped(shellWord(cloud.remote));
  return `<code>signet remote connect ${place}</code>
          <code>signet setup --read-only --recovery-key --remote ${place}</code>`;
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  // Control and direction characters could make a name look like another one.
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
    .replace(/[&<>"']/g, character => entities[character] ?? '');
}

/** As a POSIX shell takes it for one word. */
function shellWord(text: string): string {
  return /^[\w.+-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function inEights(id: string): string {
  const parts = escaped(id).match(/.{1,8}/g) ?? [];
  return [parts.slice(0, 4), parts.slice(4)].map(row => row.join(' ')).join('<br>');
}

/** One path: for each row of modules its dark runs. Four modules of quiet zone, as scanners want it. */
function qrCode(text: string): string {
  const { size, data } = create(text, { errorCorrectionLevel: 'M' }).modules;
  const quiet = 4;
  let path = '';
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let length = 0;
      while (x + length < size && data[y * size + x + length]) length++;
      if (length > 0) path += `M${x + quiet} ${y + quiet}h${length}v1h-${length}z`;
      x += length;
    }
  }
  const side = size + 2 * quiet;
  return `<svg viewBox="0 0 ${side} ${side}" role="img" aria-label="QR code of the key" shape-rendering="crispEdges"><path d="${path}" fill="currentColor"/></svg>`;
}

const style = `
    @page { size: A4; margin: 0; }
    *, *::before, *::after { box-sizing: border-box; }
    html { font-size: 10pt; }
    body { margin: 0; color: #1a1a1a; background: #fff; font: 1rem / 1.5 -apple-system, "Segoe UI", Inter, system-ui, sans-serif; }
    h1, h2, p, ol, ul, dl, dd { margin: 0; padding: 0; font: inherit; }
    main { position: relative; width: 210mm; height: 297mm; margin: 0 auto; padding: 14mm 20mm 12mm; overflow: hidden; }
    header { display: flex; justify-content: space-between; align-items: baseline; }
    h1 { font-size: 18pt; line-height: 1.3; font-weight: 600; letter-spacing: -0.01em; }
    h2 { margin-bottom: 1.5mm; font-weight: 600; }
    .quiet { color: #555; }
    .lead { max-width: 150mm; margin-top: 2mm; }
    .key { display: grid; grid-template-columns: minmax(0, 1fr) 38mm; gap: 10mm; align-items: center; margin: 5mm 0 4mm; padding: 5mm 0; border-block: 0.35mm solid #1a1a1a; }
    .groups { display: grid; grid-template-columns: repeat(4, 1fr); gap: 2.5mm 4mm; list-style: none; counter-reset: group; }
    .groups li { counter-increment: group; display: flex; align-items: baseline; gap: 2mm; font: 17pt/1.2 "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: 0.06em; }
    .groups li::before { content: counter(group); width: 4.5mm; text-align: end; color: #555; font: 7pt/1 -apple-system, "Segoe UI", Inter, system-ui, sans-serif; letter-spacing: 0; }
    .check { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 3mm; margin-top: 3mm; padding-inline-start: 6.5mm; line-height: 1.2; }
    .check b { font: 17pt/1.2 "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: 0.06em; }
    .key svg { display: block; width: 38mm; height: 38mm; color: #1a1a1a; }
    dl { display: grid; grid-template-columns: 34mm minmax(0, 1fr); gap: 0.5mm 4mm; }
    dt { color: #555; }
    dd { overflow-wrap: anywhere; }
    .mono { font: 8.5pt/1.5 Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    .ways { display: grid; grid-template-columns: 1fr 1fr; gap: 10mm; margin-top: 12mm; }
    .ways ol { display: grid; gap: 1mm; padding-inline-start: 5mm; }
    .ways li::marker { color: #555; }
    code { display: block; font: 8pt/1.6 Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
    code.inline { display: inline; }
    .keep { margin-top: 3mm; }
    .keep ul { display: grid; gap: 1mm; padding-inline-start: 5mm; }
    .write { display: grid; grid-template-columns: 1fr 1fr; gap: 10mm; margin-top: 8mm; }
    .write span { display: block; padding-top: 1mm; border-top: 0.25mm solid #1a1a1a; color: #555; font-size: 8.5pt; }
    footer { position: absolute; inset: auto 20mm 5mm; display: flex; justify-content: space-between; color: #555; font-size: 8.5pt; }
    .fold { position: absolute; inset-inline: 0; top: 148.5mm; border-top: 0.25mm dashed #999; }
    .fold::after { content: "fold here, key inside"; position: absolute; inset-inline-end: 6mm; top: 0.8mm; color: #555; font-size: 7pt; }
    @media screen { body { background: #e8e8e8; } main { margin: 8mm auto; background: #fff; } }
    @media screen and (max-width: 210mm) { main { width: auto; height: auto; margin: 0; padding: 20px; } .key, .ways, .write { grid-template-columns: minmax(0, 1fr); } .groups { grid-template-columns: repeat(2, 1fr); } footer { position: static; display: block; margin-top: 24px; } .fold { display: none; } }
  `;
