import test from 'ava';
import { isRemoteSession, isWebPage, openerFor } from '../../daemon/cli/browser.ts';
import { checkOptions, cloudOf } from '../../daemon/cli/cloud-wish.ts';
import { connectedWords, placeWords } from '../../daemon/cli/remote.ts';
import { inCommands } from '../../daemon/cli/session.ts';
import { statusWords } from '../../daemon/cli/state.ts';
import { folded, progressLine } from '../../daemon/cli/terminal.ts';
import { formatPlace, parsePlace } from '../../daemon/remotes/spec.ts';
import type { JobProgress, PlaceStatus } from '../../protocol/status.ts';
import { someStatus } from '../support/fake-handlers.ts';

const now = Date.parse('2026-11-23T09:00:00Z');
const page = 'https://accounts.google.com/o/oauth2/v2/auth?client_id=a&state=b';

test('a page is opened by what each system has for it, without a shell', t => {
  t.deepEqual(openerFor(page, 'darwin', {}), { program: 'open', args: [page] });
  t.deepEqual(openerFor(page, 'win32', {})?.args.at(-1), page);
  t.deepEqual(openerFor(page, 'linux', { DISPLAY: ':0' }), { program: 'xdg-open', args: [page] });
  t.deepEqual(openerFor(page, 'linux', { WAYLAND_DISPLAY: 'wayland-0' })?.program, 'xdg-open');
});

test('without a screen the editor that is connected from afar opens it, or nobody', t => {
  t.is(
    openerFor(page, 'linux', { BROWSER: '/opt/code/bin/helpers/browser.sh' })?.program,
    '/opt/code/bin/helpers/browser.sh',
  );
  t.is(openerFor(page, 'linux', {}), undefined);
  t.is(openerFor(page, 'linux', { BROWSER: 'w3m %s:lynx' }), undefined);
});

test('nothing but a web page is opened', t => {
  for (const url of ['file:///etc/passwd', 'javascript:alert(1)', 'http://evil.example/', '-oProxy', 'calc.exe', '']) {
    t.false(isWebPage(url), url);
    t.is(openerFor(url, 'darwin', {}), undefined);
  }
  t.true(isWebPage('http://127.0.0.1:8080/o/oauth2/v2/auth'));
});

test('a terminal on another computer is known by what brought it', t => {
  t.true(isRemoteSession({ SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' }));
  t.true(isRemoteSession({ CODESPACES: 'true' }));
  t.false(isRemoteSession({ SSH_CONNECTION: '' }));
});

for (const spec of [
  'drive:Signet',
  's3:play.min.io/chats',
  's3:https://S3.Eu-Central-1.amazonaws.com:443/chats/a/b/',
  's3:http://127.0.0.1:9000//chats/',
]) {
  test(`${spec} is written as the daemon writes it`, t => {
    t.is(cloudOf(spec).remote, formatPlace(parsePlace(spec)));
  });
}

test('a folder of Google Drive without a name is called Signet', t => {
  t.deepEqual(cloudOf('drive:'), { kind: 'drive', remote: 'drive:Signet' });
});

test('options that belong to the other cloud are wrong use, and so are blanks', t => {
  t.throws(() => checkOptions('drive', { region: 'x' }), { message: /are for S3 storage/ });
  t.throws(() => checkOptions('s3', { device: true }), { message: /are for Google Drive/ });
  t.throws(() => checkOptions('drive', { clientId: 'a b' }), { message: /--client-id/ });
  t.throws(() => checkOptions('drive', { clientId: '' }), { message: /--client-id/ });
  t.notThrows(() => checkOptions('s3', { accessKeyId: 'AKIA', region: 'eu', pathStyle: true }));
  t.throws(() => cloudOf('s3:https://key:secret@host/bucket'), { message: /holds more than/ });
});

const drive: PlaceStatus & { readonly holds: 'empty' } = {
  remote: 'drive:Signet',
  kind: 'drive',
  label: 'Google Drive',
  role: 'main',
  account: 'anna@example.org',
  clientId: '1-a.apps.googleusercontent.com',
  folderId: '1AbC',
  quota: { limit: 15e9, used: 9.5e9, inTrash: 1.2e9 },
  advice: ['project-in-testing', 'known-to-later-versions-only'],
  holds: 'empty',
};

test('what is connected says account, free space and what to do next', t => {
  const words = connectedWords(drive, { vault: 'absent' });
  t.true(
    words.startsWith('Google Drive is connected: anna@example.org, 5.5 GB free of 15 GB.\nGo on with `signet setup'),
    words,
  );
  t.regex(words, /--remote drive:Signet`\.\n.*in testing/);
  t.regex(
    connectedWords({ ...drive, holds: 'repository' }, { vault: 'absent' }),
    /`signet setup --remote drive:Signet` joins it/,
  );
  t.regex(connectedWords({ ...drive, holds: 'other' }, { vault: 'absent' }), /Choose another name/);
  t.regex(connectedWords(drive, { vault: 'unlocked' }), /Backups go on/);
  t.regex(connectedWords({ ...drive, role: 'left' }, { vault: 'unlocked' }), /`signet remote move drive:Signet`/);
});

test('a place is shown with what is known of it', t => {
  t.deepEqual(placeWords({ ...drive, signIn: 'needed', syncedAt: null, advice: ['no-mirror'] }, now).split('\n'), [
    'Google Drive',
    '  Place      drive:Signet',
    '  Used as    the copies go here',
    '  Account    anna@example.org',
    '  Sign-in    needed: `signet remote connect drive:Signet`',
    '  Room       5.5 GB free of 15 GB, 1.2 GB in its trash',
    '  Complete   not yet',
    '  Client id  1-a.apps.googleusercontent.com',
    '  Folder id  1AbC',
    '  This is the only place with copies. A second one keeps your backups when this one is lost.',
  ]);
  const bare = placeWords(
    { remote: 'folder:/b', kind: 'folder', label: 'the folder b', role: 'left', advice: [] },
    now,
  );
  t.is(bare, 'The folder b\n  Place    folder:/b\n  Used as  old copies, no longer used');
});

test('the status names account and room, and how to sign in again', t => {
  const remote = {
    kind: 'drive',
    label: 'Google Drive',
    reachable: true,
    account: 'anna@example.org',
    quota: { limit: null, used: 1e9 },
  };
  t.regex(statusWords(someStatus({ remote }), now), /Place +Google Drive, anna@example\.org, 1\.0 GB used, no limit/);
  const signedOut = statusWords(someStatus({ remote: { ...remote, signIn: 'needed' } }), now);
  t.regex(signedOut, /^Google Drive needs you to sign in again\.\nBackups wait until then\./);
  t.regex(signedOut, /Run `signet remote connect`\./);
  const overdue = statusWords(
    someStatus({ remote, overdue: { since: '2026-11-14T09:00:00Z', cause: 'sign-in' } }),
    now,
  );
  t.regex(overdue, /Run `signet remote connect`\./);
});

test('a sign-in that was never made names the very command', t => {
  const params = { why: 'never', remote: 'drive:Copies' };
  t.deepEqual(inCommands({ code: 'E_SIGN_IN', params, retryable: false }), {
    message: 'Google Drive is not connected to this computer.',
    advice: 'Run `signet remote connect drive:Copies` first.',
  });
  t.is(
    inCommands({ code: 'E_SIGN_IN', params: { why: 'declined', place: 'Google Drive' }, retryable: false }).advice,
    'Nothing was changed. Sign in again whenever you like.',
  );
});

test('a job that waits for the place says for how long', t => {
  const job: JobProgress = {
    kind: 'backup',
    phase: 'storing',
    filesDone: 0,
    filesTotal: 0,
    bytesDone: 43,
    bytesTotal: 100,
    bytesUploaded: 0,
    cancellable: true,
    waitingUntil: '2026-11-23T09:00:12Z',
  };
  t.is(progressLine(job, 0, 200, now), 'Backing up 43%: The place asked us to wait 12 seconds.');
  t.regex(
    progressLine({ ...job, waitingUntil: '2026-11-23T20:00:00Z' }, 0, 200, now),
    /^Backup paused until \d\d:00: The place takes no more today\./,
  );
});

test('a line that is further in is broken into lines as far in', t => {
  const words = 'Create a project; any name will do.';
  t.is(
    folded(`1. page\n   ${words}\n`, { isTTY: true, columns: 24 }),
    '1. page\n   Create a project;\n   any name will do.\n',
  );
});
