import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { detectProfile, discoverSources, type Place } from '../../daemon/sources/sources.ts';
import { scratch } from '../support/databases.ts';

type Platform = 'linux' | 'darwin' | 'win32';
const platforms = ['linux', 'darwin', 'win32'] as const;
const session = '50a7220d-7250-46f3-b38e-b716ce25032e';

function write(file: string, text = 'x'): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function database(file: string, schema: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const made = new DatabaseSync(file);
  made.exec(schema);
  made.close();
}

/** A home as each system lays it out; what environment variables would say is said. */
function placeOf(t: ExecutionContext, platform: Platform): Place {
  const home = scratch(t);
  const windows = { APPDATA: join(home, 'AppData', 'Roaming'), LOCALAPPDATA: join(home, 'AppData', 'Local') };
  return { platform, home, env: platform === 'win32' ? windows : {} };
}

const appData = {
  linux: '.config',
  darwin: 'Library/Application Support',
  win32: 'AppData/Roaming',
} as const;

const clock = { monotonic: () => 0 };

/** What makes a folder an app's, and where that folder lies; absent where the app has none on a system. */
const apps: readonly {
  readonly profile: string;
  readonly title: string;
  readonly roots: Partial<Record<Platform, string>>;
  readonly make: (root: string) => void;
  readonly opensOnlyHere?: true;
}[] = [
  {
    profile: 'whatsapp-android',
    title: 'a phone folder at the place that the guide proposes',
    roots: { linux: 'Phone/WhatsApp', darwin: 'Phone/WhatsApp', win32: 'Phone/WhatsApp' },
    make: root => write(join(root, 'Databases', 'msgstore.db.crypt15')),
  },
  {
    profile: 'whatsapp-apple',
    title: 'the container of the Mac app',
    roots: { darwin: 'Library/Group Containers/group.net.whatsapp.WhatsApp.shared' },
    make: root => database(join(root, 'ChatStorage.sqlite'), 'CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY)'),
  },
  {
    profile: 'signal-desktop',
    title: 'the usual folder',
    roots: { linux: `${appData.linux}/Signal`, darwin: `${appData.darwin}/Signal`, win32: `${appData.win32}/Signal` },
    make: root => {
      write(join(root, 'sql', 'db.sqlite'), 'not plain SQLite');
      write(join(root, 'config.json'), '{}');
    },
    opensOnlyHere: true,
  },
  {
    profile: 'signal-desktop',
    title: 'the folder of the Flatpak',
    roots: { linux: '.var/app/org.signal.Signal/config/Signal' },
    make: root => {
      write(join(root, 'sql', 'db.sqlite'), 'not plain SQLite');
      write(join(root, 'config.json'), '{}');
    },
    opensOnlyHere: true,
  },
  {
    profile: 'imessage',
    title: 'the usual folder',
    roots: { darwin: 'Library/Messages' },
    make: root =>
      database(join(root, 'chat.db'), 'CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER)'),
  },
  {
    profile: 'telegram-export',
    title: 'an export where Telegram puts it',
    roots: {
      linux: 'Downloads/Telegram Desktop/ChatExport_2026-11-23',
      darwin: 'Downloads/Telegram Desktop/ChatExport_2026-11-23',
      win32: 'Downloads/Telegram Desktop/ChatExport_2026-11-23',
    },
    make: root => write(join(root, 'result.json'), '{"name": "a", "type": "personal_chat", "id": 1, "messages": []}'),
  },
  {
    profile: 'claude-code',
    title: 'the usual folder',
    roots: { linux: '.claude/projects', darwin: '.claude/projects', win32: '.claude/projects' },
    make: root => write(join(root, '-x', `${session}.jsonl`), '{"sessionId":"5"}\n'),
  },
  {
    profile: 'codex-cli',
    title: 'the usual folder',
    roots: { linux: '.codex/sessions', darwin: '.codex/sessions', win32: '.codex/sessions' },
    make: root => write(join(root, '2026', '11', '23', `rollout-2026-11-23T10-00-00-${session}.jsonl`), '{}\n'),
  },
  {
    profile: 'cursor',
    title: 'the editor',
    roots: {
      linux: `${appData.linux}/Cursor/User`,
      darwin: `${appData.darwin}/Cursor/User`,
      win32: `${appData.win32}/Cursor/User`,
    },
    make: root =>
      database(join(root, 'globalStorage', 'state.vscdb'), 'CREATE TABLE cursorDiskKV (key TEXT UNIQUE, value BLOB)'),
  },
  {
    profile: 'cursor',
    title: 'the command line',
    roots: { linux: '.cursor/chats', darwin: '.cursor/chats', win32: '.cursor/chats' },
    make: root => write(join(root, '0123456789abcdef0123456789abcdef', session, 'store.db')),
  },
  ...['Code', 'Code - Insiders', 'VSCodium'].map(name => ({
    profile: 'vscode-copilot',
    title: name,
    roots: {
      linux: `${appData.linux}/${name}/User`,
      darwin: `${appData.darwin}/${name}/User`,
      win32: `${appData.win32}/${name}/User`,
    },
    make: (root: string) => write(join(root, 'workspaceStorage', '1a', 'chatSessions', `${session}.jsonl`), '{}\n'),
  })),
  {
    profile: 'plain-logs',
    title: 'Pidgin',
    roots: { linux: '.purple/logs', darwin: '.purple/logs', win32: `${appData.win32}/.purple/logs` },
    make: root => write(join(root, 'jabber', 'me', 'you', '2026-11-23.101112+0100CET.txt')),
  },
  {
    profile: 'plain-logs',
    title: 'WeeChat',
    roots: { linux: '.local/share/weechat/logs', darwin: '.local/share/weechat/logs' },
    make: root => write(join(root, 'irc.libera.#a.weechatlog')),
  },
  {
    profile: 'plain-logs',
    title: 'irssi',
    roots: { linux: 'irclogs', darwin: 'irclogs' },
    make: root => write(join(root, 'libera', '#a.log'), '--- Log opened Mon Nov 23 10:00:00 2026\n'),
  },
  {
    profile: 'plain-logs',
    title: 'HexChat',
    roots: {
      linux: `${appData.linux}/hexchat/logs`,
      darwin: '.config/hexchat/logs',
      win32: `${appData.win32}/HexChat/logs`,
    },
    make: root => write(join(root, 'libera', '#a.log'), '**** BEGIN LOGGING AT Mon Nov 23 10:00:00 2026\n'),
  },
];

for (const platform of platforms) {
  for (const { profile, title, roots, make, opensOnlyHere } of apps) {
    const root = roots[platform];
    if (root === undefined) continue;
    test(`on ${platform} ${profile} is found: ${title}`, async t => {
      const place = placeOf(t, platform);
      const folder = join(place.home, root);
      make(folder);
      const found = await discoverSources({ place, clock, known: [] });
      t.deepEqual(
        found.map(each => [each.profile, each.root, each.isAdded, each.isMore, each.opensOnlyHere]),
        [[profile, folder, false, false, opensOnlyHere]],
      );
      t.true((found[0]?.files ?? 0) > 0);
      t.is(await detectProfile(folder), profile as never);
    });
  }

  test(`on ${platform} every app is found beside the others, in one order`, async t => {
    const place = placeOf(t, platform);
    const here = apps.filter(each => each.roots[platform] !== undefined);
    for (const { roots, make } of here) make(join(place.home, roots[platform] ?? ''));
    const found = await discoverSources({ place, clock, known: [] });
    t.deepEqual(
      found.map(each => each.root).sort(),
      here.map(each => join(place.home, each.roots[platform] ?? '')).sort(),
    );
  });

  test(`on ${platform} an empty home has no chats`, async t => {
    t.deepEqual(await discoverSources({ place: placeOf(t, platform), clock, known: [] }), []);
  });
}

for (const [variable, profile, file] of [
  ['CLAUDE_CONFIG_DIR', 'claude-code', `projects/x/${session}.jsonl`],
  ['CODEX_HOME', 'codex-cli', 'sessions/2026/11/23/rollout-1.jsonl'],
] as const) {
  test(`${variable} moves the folder of ${profile}`, async t => {
    const home = scratch(t);
    write(join(home, 'moved', file), '{"sessionId":"5"}\n');
    const place = { platform: 'linux', home, env: { [variable]: join(home, 'moved') } } as const;
    const found = await discoverSources({ place, clock, known: [] });
    t.deepEqual(
      found.map(each => [each.profile, each.root]),
      [[profile, join(home, 'moved', file.split('/')[0] ?? '')]],
    );
  });
}

test('a folder of the right name that holds something else is not offered', async t => {
  const place = placeOf(t, 'linux');
  write(join(place.home, '.claude', 'projects', 'x', `${session}.jsonl`), '{}\n');
  write(join(place.home, '.config', 'Signal', 'config.json'), '{}');
  write(join(place.home, '.config', 'Code', 'User', 'settings.json'), '{}');
  write(join(place.home, 'irclogs', 'build.log'), 'make: done\n');
  t.deepEqual(await discoverSources({ place, clock, known: [] }), []);
});

test('what is found is measured as a backup of it would keep it', async t => {
  const place = placeOf(t, 'linux');
  const root = join(place.home, '.config', 'Code', 'User');
  write(join(root, 'workspaceStorage', '1a', 'chatSessions', 'a.jsonl'), '12345');
  write(join(root, 'workspaceStorage', '1a', 'workspace.json'), '123');
  write(join(root, 'History', 'large'), 'x'.repeat(10_000));
  for (const name of ['chatSessions/a.jsonl', 'workspace.json']) {
    const at = name === 'workspace.json' ? 1_700_000_000 : 1_800_000_000;
    utimesSync(join(root, 'workspaceStorage', '1a', name), at, at);
  }
  const [found] = await discoverSources({ place, clock, known: [] });
  t.deepEqual([found?.files, found?.sizeBytes, found?.isMore], [2, 8, false]);
  t.is(found?.newestAt, new Date(1_800_000_000_000).toISOString());
});

test('the look is bounded: by names, and by time', async t => {
  const place = placeOf(t, 'linux');
  const root = join(place.home, '.claude', 'projects', '-x');
  for (let i = 0; i < 30; i++) write(join(root, `${session.slice(0, -2)}${10 + i}.jsonl`), '{"sessionId":"5"}\n');
  const [few] = await discoverSources({ place, clock, known: [], mostNames: 10 });
  t.true(few?.isMore);
  t.true((few?.files ?? 0) > 0 && (few?.files ?? 0) <= 10, `${few?.files}`);
  let now = 0;
  const slow = { monotonic: () => (now += 100) };
  const [late] = await discoverSources({ place, clock: slow, known: [], mostMs: 1000 });
  t.true(late?.isMore);
  t.true((late?.files ?? 0) < 15, `${late?.files}`);
  const [all] = await discoverSources({ place, clock, known: [] });
  t.deepEqual([all?.files, all?.isMore], [30, false]);
});

test('what is a source already, or lies in one, is marked', async t => {
  const place = placeOf(t, 'linux');
  const root = join(place.home, '.claude', 'projects');
  write(join(root, 'x', `${session}.jsonl`), '{"sessionId":"5"}\n');
  const isAdded = async (known: readonly string[]) => (await discoverSources({ place, clock, known }))[0]?.isAdded;
  t.false(await isAdded([`${root}-old`, join(root, 'x')]));
  t.true(await isAdded([root]));
  t.true(await isAdded([place.home]));
});
