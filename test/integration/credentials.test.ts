// Passwords in use, as a person does it: through the command line, with the real daemon and its real key derivation.

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { VerifyResult } from '../../protocol/status.ts';
import { installation, password, phone } from '../support/installation.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

const newPassword = 'ablaze tidal frosty mango untie clock';
const newPhone = '+12025550100';

test('password, phone number and recovery key are changed by command; each old one opens no longer, and stock restic follows the key', async t => {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'a.txt'), 'one');
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);

  const refused = await signet.signet(['password', 'change'], { password: newPassword, newPassword: password });
  t.deepEqual([refused.code, refused.errorCode()], [12, 'E_WRONG_SECRET']);
  for (const args of [['password', 'change'], ['fresh']]) {
    const kept = await signet.signet(args, { password, newPassword: password });
    t.is(kept.errorCode(), 'E_USAGE', args.join(' '));
    t.regex(kept.err, /the new password is the present one/i);
  }
  const weak = await signet.signet(['password', 'change'], { password, newPassword: 'password1234' });
  t.deepEqual([weak.code, weak.errorCode()], [2, 'E_WEAK_PASSWORD']);
  const none = await signet.signet(['password', 'change'], { password });
  t.deepEqual([none.code, none.errorCode()], [2, 'E_USAGE']);

  await signet.ok(['password', 'change'], { password, newPassword });
  await signet.ok(['phone', 'change'], { password: newPassword, newPhone });
  await signet.ok(['lock']);
  t.is((await signet.signet(['unlock'], { password })).code, 12);
  await signet.ok(['unlock'], { password: newPassword });
  t.is((await signet.status()).phoneEnding, '00');

  const shown = await signet.ok<{ recoveryKey: string }>(['recovery-key', 'show'], { password: newPassword });
  t.is(shown.recoveryKey, recoveryKey);
  const renewed = await signet.ok<{ recoveryKey: string }>(['recovery-key', 'renew'], { password: newPassword });
  t.not(renewed.recoveryKey, recoveryKey);
  t.true((await signet.ok<VerifyResult>(['verify'])).ok);
  await signet.killDaemon();
  await signet.ok(['unlock'], { password: newPassword });
  t.true((await signet.ok<VerifyResult>(['verify', '--read-data'])).ok);
  if (hasRestic) {
    t.is((await restic(signet.remote, renewed.recoveryKey, ['check'])).status, 0);
    t.not((await restic(signet.remote, recoveryKey, ['--no-lock', 'snapshots'])).status, 0);
  }
  for (const secret of [password, newPassword, phone, newPhone, recoveryKey, renewed.recoveryKey]) {
    t.false(isWritten(signet.home, secret), 'no secret lies in the home in the clear');
  }
});

test('a forgotten password is replaced by who has the recovery key', async t => {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'a.txt'), 'one');
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);
  await signet.ok(['lock']);
  const wrong = recoveryKey.replace(/^./, digit => (digit === 'a' ? 'b' : 'a'));
  const refused = await signet.signet(['password', 'change'], { recoveryKey: wrong, newPassword });
  t.deepEqual([refused.code, refused.errorCode()], [12, 'E_WRONG_SECRET']);
  // What stands there as the present password is not looked at, and is not the new one.
  await signet.ok(['password', 'change'], { recoveryKey, password, newPassword });
  await signet.ok(['lock']);
  t.is((await signet.signet(['unlock'], { password })).code, 12);
  await signet.ok(['unlock'], { password: newPassword });
  t.true((await signet.ok<VerifyResult>(['verify', '--read-data'])).ok);
});

test('the recovery sheet is written where it is wanted, and nowhere that is copied to the cloud', async t => {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'a.txt'), 'one');
  const { recoveryKey = '' } = await signet.setUp();
  const to = join(signet.folder, 'sheet.html');
  await signet.ok(['kit', '--to', to], { password });
  t.is(statSync(to).mode & 0o777, 0o600);
  const text = readFileSync(to, 'utf8').replace(/<[^>]*>|\s/g, '');
  t.true(text.includes(recoveryKey));
  t.true(text.includes('beforethefirstbackup'));
  for (const folder of [signet.source, signet.remote]) {
    const ran = await signet.signet(['kit', '--to', join(folder, 'sheet.html')], { password });
    t.deepEqual([ran.code, ran.errorCode()], [2, 'E_USAGE']);
  }
  t.is((await signet.signet(['kit', '--to', to], { password })).code, 2, 'an existing file stays as it is');
});

test('a fresh backup is made under words that Signet draws; the old one goes when its name is typed', async t => {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'a.txt'), 'one');
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);
  const made = await signet.ok<{ remote: string; left: string; recoveryKey: string; newPassword: string }>(
    ['fresh', '--suggest-password'],
    { password },
  );
  t.is(made.newPassword.split(' ').length, 6);
  t.is(made.left, 'copies');
  t.not(made.recoveryKey, recoveryKey);
  const place = made.remote.replace(/^folder:/, '');
  t.is((await signet.snapshots()).length, 1);
  await signet.killDaemon();
  t.is((await signet.signet(['unlock'], { password })).code, 12);
  await signet.ok(['unlock'], { password: made.newPassword });
  t.true((await signet.ok<VerifyResult>(['verify'])).ok);
  if (hasRestic) {
    t.is((await restic(place, made.recoveryKey, ['check'])).status, 0);
    t.is((await restic(signet.remote, recoveryKey, ['check'])).status, 0);
  }
  const wrong = await signet.signet(['fresh', '--delete-old', 'other'], { password: made.newPassword });
  t.is(wrong.errorCode(), 'E_USAGE');
  await signet.ok(['fresh', '--delete-old', 'copies'], { password: made.newPassword });
  t.false(existsSync(signet.remote));
  t.true((await signet.ok<VerifyResult>(['verify'])).ok);
});

test('set-up draws a password when it is asked to', async t => {
  const signet = await installation(t);
  const ran = await signet.ok<{ password: string }>(
    ['setup', '--source', signet.source, '--remote', `folder:${signet.remote}`, '--suggest-password'],
    { phone },
  );
  await signet.ok(['lock']);
  await signet.ok(['unlock'], { password: ran.password });
});

/** Whether any file below the folder holds the text. */
function isWritten(folder: string, text: string): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .some(entry => readFileSync(join(entry.parentPath, entry.name)).includes(text));
}
