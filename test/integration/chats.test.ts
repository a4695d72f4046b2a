// What a person is told of chats: how many messages are new, what was left out, what is missing. The whole Signet, by its commands.

import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import type { BackupResult, RestoreResult } from '../../protocol/status.ts';
import { appendMessages, generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { type Installation, installation, password } from '../support/installation.ts';

interface Phone extends Installation {
  readonly database: string;
  readonly messages: number;
  readonly id: string;
  /** Without --json, as a person reads it. */
  says(args: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }>;
  /** Ends the daemon, changes the settings file and unlocks again. */
  withSettings(change: (settings: { sources: object[] }) => void): Promise<void>;
}

async function phone(t: ExecutionContext): Promise<Phone> {
  t.timeout(180_000);
  const made = await installation(t);
  const { database, messages } = generateWhatsApp(made.source, { databaseBytes: 1_500_000, mediaBytes: 3_000_000 });
  await made.setUp(['--schedule', 'manual']);
  const [source] = (await made.status()).sources;
  return {
    ...made,
    database,
    messages,
    id: source?.id ?? '',
    async says(args) {
      const child = made.start(args);
      let text = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', chunk => {
          text += chunk;
        });
      }
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, text };
    },
    async withSettings(change) {
      await made.killDaemon();
      const file = join(made.home, 'config', 'settings.json');
      const settings = JSON.parse(readFileSync(file, 'utf8')) as { sources: object[] };
      change(settings);
      writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
      await made.ok(['unlock'], { password });
    },
  };
}

test('messages are counted, new ones are told with their chats, and a loss waits for its owner', async t => {
  const made = await phone(t);
  const first = await made.ok<BackupResult>(['backup']);
  t.is(first.messagesNew, made.messages);
  t.like((await made.status()).sources[0], { profile: 'whatsapp-android', messages: made.messages, verified: true });

  const app = new DatabaseSync(made.database);
  t.teardown(() => app.close());
  appendMessages(app, 200, { seed: 'more' });
  t.regex((await made.says(['backup'])).text, /^Everything is backed up: 200 new messages in \d+ chats, /m);
  t.is((await made.status()).lastBackup?.messagesNew, 200);
  const told = (await made.says(['status'])).text;
  t.true(told.includes(`${(made.messages + 200).toLocaleString('en-GB')} messages`), told);

  app.exec('DELETE FROM message WHERE _id > 20');
  const held = await made.says(['backup']);
  t.is(held.code, 3);
  t.regex(held.text, /most of it is gone, so the last backup of it is kept/);
  t.is((await made.snapshots()).length, 2, 'no snapshot of what is left');
  await made.killDaemon();
  const { notices, sources } = await made.status();
  t.like(
    notices.find(notice => notice.kind === 'shrunk'),
    { kind: 'shrunk', source: made.id },
  );
  t.like(sources[0], { problem: 'shrunk', messages: made.messages + 200 });
});

test('videos left out are told by status and restore, which is no gap; included again they follow', async t => {
  const made = await phone(t);
  await made.withSettings(settings => {
    settings.sources = settings.sources.map(source => ({ ...source, leaveOut: ['video'] }));
  });
  await made.ok<BackupResult>(['backup']);
  const leftOut = (await made.status()).sources[0]?.leftOut;
  t.true((leftOut?.files ?? 0) > 0);
  const to = join(made.folder, 'restored');
  const restored = await made.ok<RestoreResult>(['restore', 'latest', '--to', to]);
  t.like(restored.leftOut, leftOut ?? {});
  t.true((restored.leftOut?.byReason['video']?.files ?? 0) > 0);
  rmSync(to, { recursive: true });
  const said = await made.says(['restore', 'latest', '--to', to]);
  t.is(said.code, 0);
  t.regex(said.text, /\d+ videos? (?:was|were) left out of this backup by your settings: /);

  await made.withSettings(settings => {
    settings.sources = settings.sources.map(source => ({ ...source, leaveOut: [] }));
  });
  t.is((await made.ok<BackupResult>(['backup'])).filesNew, restored.leftOut?.byReason['video']?.files ?? 0);
  const everything = await made.ok<RestoreResult>(['restore', 'latest', '--to', join(made.folder, 'all')]);
  t.is(everything.leftOut?.byReason['video'], undefined);
});
