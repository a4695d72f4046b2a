import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runOnTerminal } from '../support/cli.ts';
import { startFakeDaemon } from '../support/daemon-process.ts';
import type { Script } from '../support/fake-daemon.ts';
import { backupResult, noPhone, recoveryKey, someStatus, suggested } from '../support/fake-handlers.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

async function daemonWith(t: ExecutionContext, script: Script = {}) {
  const home = await temporaryFolder(t);
  return { home, daemon: await startFakeDaemon(t, home, script) };
}

const notYet: Script = { status: { result: someStatus({ vault: 'absent' }) } };
const setup = ['setup', '--source', '/', '--remote', 'folder:/backup/that/is/not/there'];
const password = 'pässword horse';

test('set-up asks for password and phone number twice, hides the password and shows the key', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const terminal = runOnTerminal(t, home, setup);
  await terminal.see('Password:');
  terminal.type('short\r');
  await terminal.see('The password is too easy to guess. Add a word or two.');
  await terminal.see('Password:');
  terminal.type(`wrong\u0015x\u007f${password}\u001b[D\r`);
  await terminal.see('Good.');
  await terminal.see('again:');
  terminal.type(`${password}\r`);
  await terminal.see('+1 202 555 0100):');
  terminal.type('+49 151 999999\r');
  await terminal.see('again:');
  terminal.type('+49-151-999999\r');
  const { status, screen } = await terminal.ended;
  t.is(status, 0, screen);
  t.false(screen.includes('horse'));
  t.true(screen.includes('+49 151 999999'));
  t.true(screen.includes('This is your recovery key.') && screen.includes('a8ae'));
  const asked = (await daemon.told()).find(({ name }) => name === 'setup');
  t.deepEqual(asked?.secrets, { password, phone: '+49 151 999999' });
});

test('a password typed differently the second time is asked for anew, and after three times nothing is set up', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const terminal = runOnTerminal(t, home, setup);
  for (let time = 1; time <= 3; time++) {
    await terminal.see('Password:');
    terminal.type(`${password}\r`);
    await terminal.see('again:');
    terminal.type(`${password}!\r`);
  }
  const { status, screen } = await terminal.ended;
  t.is(status, 2);
  t.true(screen.includes('The two are not the same.'), screen);
  t.false((await daemon.told()).some(({ name }) => name === 'setup'));
});

for (const given of ['typed', 'given by --phone'] as const) {
  test(`a phone number ${given} and typed differently the second time ${given === 'typed' ? 'three times ' : ''}is refused, and nothing is set up`, async t => {
    const { home, daemon } = await daemonWith(t, notYet);
    const terminal = runOnTerminal(t, home, given === 'typed' ? setup : [...setup, '--phone', '+15550100']);
    await terminal.see('Password:');
    terminal.type(`${password}\r`);
    await terminal.see('again:');
    terminal.type(`${password}\r`);
    for (let time = 1; time <= (given === 'typed' ? 3 : 1); time++) {
      if (given === 'typed') {
        await terminal.see('+1 202 555 0100):');
        terminal.type('+15550100\r');
      }
      await terminal.see('Type the number again:');
      terminal.type('+15550110\r');
    }
    const { status, screen } = await terminal.ended;
    t.is(status, 2);
    t.true(screen.includes('The two are not the same.'), screen);
    t.false((await daemon.told()).some(({ name }) => name === 'setup'));
  });
}

test('a password that stays too easy is refused after three tries', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const terminal = runOnTerminal(t, home, setup);
  for (const word of ['one', 'two', 'three']) {
    await terminal.see('Password:');
    terminal.type(`${word}\r`);
  }
  const { status } = await terminal.ended;
  t.is(status, 2);
  t.false((await daemon.told()).some(({ name }) => name === 'setup'));
});

test('mistakes of typing are said and asked for again, and what was right before them is kept', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const terminal = runOnTerminal(t, home, setup);
  await terminal.see('Password:');
  terminal.type(`${password}\r${password}!\r${password}\r${password}\r`); // typed ahead
  await terminal.see('+1 202 555 0100):');
  terminal.type('0151 999999\r');
  await terminal.see('A number starts with + and the country code. Example: +1 202 555 0100');
  terminal.type('+49 151 999999\r+49 151 999998\r+49 151 999999\r+49 151 999999\r');
  const { status, screen } = await terminal.ended;
  t.is(status, 0, screen);
  t.is(screen.split('The two are not the same.').length, 3, screen);
  const asked = (await daemon.told()).find(({ name }) => name === 'setup');
  t.deepEqual(asked?.secrets, { password, phone: '+49 151 999999' });
});

test('a number that the daemon knows to be none is asked for again before anything is set up', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const terminal = runOnTerminal(t, home, setup);
  await terminal.see('Password:');
  terminal.type(`${password}\r${password}\r${noPhone}\r`);
  await terminal.see('No phone number looks like this');
  terminal.type('+1 202 555 0100\r+1 202 555 0100\r');
  const { status, screen } = await terminal.ended;
  t.is(status, 0, screen);
  t.is((await daemon.told()).find(({ name }) => name === 'setup')?.secrets.phone, '+1 202 555 0100');
});

test('on a computer that is set up, or for a folder that is not there, no password is asked for', async t => {
  const { home } = await daemonWith(t, { status: { result: someStatus() } });
  const twice = await runOnTerminal(t, home, setup).ended;
  t.is(twice.status, 2);
  t.regex(twice.screen, /^Signet is already set up on this computer\.\r\nNothing was changed\. `signet status` shows/);
  const gone = await runOnTerminal(t, home, [...setup, '--source', '/no/such/chats']).ended;
  t.is(gone.status, 2);
  t.regex(gone.screen, /^\/no\/such\/chats is not there: give the folder that holds the chats\./);
});

test('what is no phone number is refused after three tries', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const terminal = runOnTerminal(t, home, setup);
  await terminal.see('Password:');
  terminal.type(`${password}\r${password}\r0151 999999\r0151 999999\r0151 999999\r`); // typed ahead
  const { status, screen } = await terminal.ended;
  t.is(status, 2);
  t.true(screen.includes('A number starts with + and the country code.'));
  t.false((await daemon.told()).some(({ name }) => name === 'setup'));
});

test('joining asks for the existing password once, without judging it', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const place = await temporaryFolder(t);
  await mkdir(join(place, 'keys'));
  await writeFile(join(place, 'config'), '');
  const terminal = runOnTerminal(t, home, ['setup', '--read-only', '--remote', `folder:${place}`]);
  await terminal.see('Password of the backup:');
  terminal.type('old\r+15550100\r+15550100\r');
  const { status, screen } = await terminal.ended;
  t.is(status, 0, screen);
  const asked = await daemon.told();
  t.deepEqual(
    asked.map(({ name }) => name),
    ['status', 'setup', 'status'],
  );
  t.deepEqual(asked[1]?.secrets, { password: 'old', phone: '+15550100' });
});

test('Ctrl-C at a question ends with 130 and asks the daemon nothing', async t => {
  const { home, daemon } = await daemonWith(t, notYet);
  const terminal = runOnTerminal(t, home, setup);
  await terminal.see('Password:');
  terminal.type('half a pass\u0003');
  const { status, screen } = await terminal.ended;
  t.is(status, 130);
  t.true(screen.includes('Stopped at your request.\r\nNothing was changed.'), screen);
  t.false((await daemon.told()).some(({ name }) => name === 'setup'));
});

test('unlock asks for the password, and for the number only where it is not remembered', async t => {
  for (const phoneEnding of ['00', null]) {
    const { home, daemon } = await daemonWith(t, { status: { result: someStatus({ vault: 'locked', phoneEnding }) } });
    const terminal = runOnTerminal(t, home, ['unlock']);
    await terminal.see('password');
    terminal.type(`${password}\r`);
    if (phoneEnding === null) {
      await terminal.see('Phone number:');
      terminal.type('+15550100\r');
    }
    const { status, screen } = await terminal.ended;
    t.is(status, 0, screen);
    t.false(screen.includes('horse'));
    const asked = (await daemon.told()).find(({ name }) => name === 'unlock');
    t.deepEqual(asked?.secrets, phoneEnding === null ? { password, phone: '+15550100' } : { password });
  }
});

test('a recovery key with a typing mistake is asked for again, and never shown', async t => {
  const { home, daemon } = await daemonWith(t);
  const terminal = runOnTerminal(t, home, ['unlock', '--recovery-key']);
  await terminal.see('Recovery key');
  terminal.type(`${recoveryKey} a8af\r`);
  await terminal.see('The check group does not fit: somewhere there is a typing mistake.');
  await terminal.see('Recovery key');
  terminal.type(`${recoveryKey} a8ae\r`);
  const { status, screen } = await terminal.ended;
  t.is(status, 0);
  t.false(screen.includes('89ab'));
  t.deepEqual((await daemon.told()).find(({ name }) => name === 'unlock')?.secrets, { recoveryKey });
});

test('on a terminal progress is one line, redrawn and then taken away', async t => {
  const step = {
    kind: 'backup',
    phase: 'storing',
    filesDone: 1,
    filesTotal: 4,
    bytesUploaded: 0,
    cancellable: true,
  } as const;
  const { home } = await daemonWith(t, {
    backup: { progress: [{ ...step, bytesDone: 43_000_000, bytesTotal: 100_000_000 }], result: backupResult },
  });
  const { status, screen } = await runOnTerminal(t, home, ['backup']).ended;
  t.is(status, 0);
  t.regex(screen, /\r\u001b\[KBacking up {2}\[#+-+\] 43% {2}43 MB of 100 MB/);
  t.true(screen.lastIndexOf('\r\u001b[K') > screen.indexOf('43%'));
});

test('a change of the password says what it does not achieve, then asks for the present one and twice for the new one', async t => {
  const { home, daemon } = await daemonWith(t);
  const terminal = runOnTerminal(t, home, ['password', 'change']);
  await terminal.see('Change the password?');
  await terminal.see('present backup password:');
  terminal.type(`${password}\r`);
  await terminal.see('Password:');
  terminal.type('another pässword\r');
  await terminal.see('again:');
  terminal.type('another pässword\r');
  const { status, screen } = await terminal.ended;
  t.is(status, 0, screen);
  t.false(screen.includes('horse') || screen.includes('another'));
  t.true(screen.includes('The password is changed.'));
  const asked = (await daemon.told()).find(({ name }) => name === 'changePassword');
  t.deepEqual(asked?.secrets, { password, newPassword: 'another pässword' });
});

test('Enter alone draws six words, which have to be typed', async t => {
  const { home, daemon } = await daemonWith(t);
  const terminal = runOnTerminal(t, home, ['password', 'change']);
  await terminal.see('present backup password:');
  terminal.type(`${password}\r`);
  await terminal.see('Password:');
  terminal.type('\r');
  await terminal.see(suggested);
  await terminal.see('Type the password:');
  terminal.type(`${suggested}\r`);
  await terminal.see('again:');
  terminal.type(`${suggested}\r`);
  t.is((await terminal.ended).status, 0);
  const asked = (await daemon.told()).find(({ name }) => name === 'changePassword');
  t.is(asked?.secrets.newPassword, suggested);
});

test('a new phone number is typed twice', async t => {
  const { home, daemon } = await daemonWith(t);
  const terminal = runOnTerminal(t, home, ['phone', 'change']);
  await terminal.see('present backup password:');
  terminal.type(`${password}\r`);
  await terminal.see('+1 202 555 0100):');
  terminal.type('+49 151 999999\r');
  await terminal.see('again:');
  terminal.type('+49 151 999999\r');
  const { status, screen } = await terminal.ended;
  t.is(status, 0, screen);
  const asked = (await daemon.told()).find(({ name }) => name === 'changePhone');
  t.deepEqual(asked?.secrets, { password, newPhone: '+49 151 999999' });
});
