// Rows 26 to 28: what a restore meets. Trees are taken for hostile although the right key sealed them (a stolen computer may have written
// them): nothing lands outside the target, nothing half restored is shown, and bombs stop at their bounds.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import { restoreSnapshot, unsafeName } from '../../daemon/archive/restore.ts';
import { utf8 } from '../../daemon/base/bytes.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { seal } from '../../daemon/kernel/seal.ts';
import { openFrame } from '../../daemon/kernel/zstd.ts';
import { openBlob } from '../../daemon/repository/blob-reader.ts';
import { asBlobId } from '../../daemon/repository/ids.ts';
import { decodeIndex } from '../../daemon/repository/index-codec.ts';
import { randomMasterKey } from '../../daemon/repository/master-key.ts';
import type { BlobId, Repository, SnapshotId, TreeNode } from '../../daemon/repository/model.ts';
import { decodeTree } from '../../daemon/repository/tree-codec.ts';
import { openUnpacked, parseJson } from '../../daemon/repository/unpacked.ts';
import { restoringWith, treeOf } from '../support/archive.ts';
import { bench, fileNode, fixedRandom, folderNode, linkNode, temporaryFolder } from '../support/repository.ts';
import { row } from '../support/rows.ts';
import { unchanged } from '../support/tampered-place.ts';

const noDatabases = { check: async () => 'ok' } as unknown as Parameters<typeof restoringWith>[0];

interface Bench {
  readonly repository: Repository;
  readonly folder: string;
  readonly target: string;
  /** Everything around the target is as it was. */
  readonly isUntouched: () => boolean;
  save(nodes: readonly TreeNode[]): Promise<BlobId>;
  /** Text as a tree, whatever it says. */
  saveText(json: string): Promise<BlobId>;
  restore(tree: BlobId, changes?: Partial<Parameters<typeof restoreSnapshot>[0]>): ReturnType<typeof restoreSnapshot>;
}

async function restoring(t: ExecutionContext): Promise<Bench> {
  const made = await bench(t);
  const repository = await made.create();
  t.teardown(() => repository.close());
  const folder = await temporaryFolder(t);
  const canary = join(folder, 'canary');
  mkdirSync(join(canary, 'inner'), { recursive: true });
  writeFileSync(join(canary, 'inner', 'bird.txt'), 'alive');
  const target = join(folder, 'back');
  return {
    repository,
    folder,
    target,
    isUntouched: unchanged(canary),
    save: async nodes => (await repository.saveTree(nodes)).id,
    saveText: async json => (await repository.saveBlob('tree', utf8(json))).id,
    restore: (tree, changes = {}) =>
      restoreSnapshot({
        repository,
        snapshot: { id: '0'.repeat(64) as SnapshotId, tree },
        target,
        ...restoringWith(noDatabases),
        ...changes,
      }),
  };
}

const nodeText = (name: string, more = '"type":"file","content":[]'): string =>
  `{"name":${JSON.stringify(name)},"mode":420,"mtime":"2026-11-23T09:00:00Z","uid":0,"gid":0,${more}}`;

for (const [what, name] of [
  ['../x', '../canary/x'],
  ['an absolute path', '/etc/x'],
  ['a slash', 'a/b'],
  ['two dots', '..'],
  ['a dot', '.'],
  ['nothing', ''],
  ['a NUL', 'a\\x00b'],
  ['2000 bytes', 'x'.repeat(2000)],
] as const) {
  row(
    26,
    `the name ${what}: its folder is left out with E_UNSAFE_PATH, all else is restored, nothing lands elsewhere`,
    async t => {
      const place = await restoring(t);
      const bad = await place.saveText(`{"nodes":[${nodeText(name)}]}\n`);
      const tree = await place.save([folderNode('bad', bad), fileNode('good.txt')]);
      const root = await place.save([folderNode('chats', tree)]);
      const { skipped, files } = await place.restore(root);
      t.is(files, 1);
      t.deepEqual(
        skipped.map(({ path, code }) => [path, code]),
        [['chats/bad/', 'E_UNSAFE_PATH']],
      );
      t.deepEqual([...treeOf(place.target).keys()].sort(), ['/chats', '/chats/bad', '/chats/good.txt']);
      t.true(place.isUntouched());
      t.deepEqual(readdirSync(place.folder).sort(), ['back', 'canary']);
    },
  );
}

for (const name of ['C:x', 'CON', 'con.txt', 'x.', 'x ', 'a\\b', 'a\u0001b', 'LPT1', 'a?b']) {
  row(26, `the name ${JSON.stringify(name)} on Windows: E_UNSAFE_PATH by name`, async t => {
    const place = await restoring(t);
    const tree = await place.save([fileNode(name), fileNode('good.txt')]);
    const { skipped } = await place.restore(await place.save([folderNode('chats', tree)]), { platform: 'win32' });
    t.is(skipped[0]?.code, 'E_UNSAFE_PATH');
    t.deepEqual([...treeOf(place.target).keys()].sort(), ['/chats', '/chats/good.txt']);
    t.truthy(unsafeName(utf8(name), 'win32'));
  });
}

row(
  26,
  'names of 300 bytes, right-to-left, and alike but for case or composition: each stays itself or is named',
  async t => {
    const place = await restoring(t);
    const names = [
      'x'.repeat(300),
      'a\u202egpj.exe',
      'Photo.jpg',
      'photo.jpg',
      'é'.normalize('NFC'),
      'é'.normalize('NFD'),
    ];
    const tree = await place.save(names.map(name => fileNode(name)));
    const { skipped } = await place.restore(await place.save([folderNode('chats', tree)]));
    t.deepEqual(
      skipped.map(({ code }) => code),
      ['E_UNSAFE_PATH'],
    );
    t.is(readdirSync(join(place.target, 'chats')).length, names.length - 1);
    t.true(place.isUntouched());
  },
);

row(26, 'links out of the target, a file through a link, devices and set-uid bits: none of it is made', async t => {
  const place = await restoring(t);
  const types = ['dev', 'chardev', 'fifo', 'socket', 'irregular'].map(type =>
    nodeText(`n-${type}`, `"type":"${type}"`),
  );
  const odd = await place.saveText(`{"nodes":[${types.sort().join(',')}]}\n`);
  const tree = await place.save([
    linkNode('absolute', '/etc/passwd'),
    linkNode('above', '../../canary'),
    linkNode('inside', 'good.txt'),
    fileNode('good.txt', { permissions: 0o4777 }),
    folderNode('odd', odd),
  ]);
  const { skipped } = await place.restore(await place.save([folderNode('chats', tree)]));
  t.deepEqual(skipped.map(({ path }) => path).sort(), ['chats/above', 'chats/absolute']);
  t.deepEqual([...treeOf(place.target).keys()].sort(), ['/chats', '/chats/good.txt', '/chats/inside', '/chats/odd']);
  t.is(statSync(join(place.target, 'chats/good.txt')).mode & 0o7000, 0);
  // The same name as link and as folder, in one tree: the tree is refused.
  const twice = `{"nodes":[${nodeText('x', '"type":"symlink","linktarget":"../canary"')},${nodeText('x', `"type":"dir","subtree":"${tree}"`)}]}\n`;
  const bad = await place.save([folderNode('chats', await place.saveText(twice))]);
  const again = await place.restore(bad, { target: join(place.folder, 'twice') });
  t.deepEqual(
    again.skipped.map(({ code }) => code),
    ['E_OBJECT_TYPE'],
  );
  t.true(place.isUntouched());
});

row(26, 'folders ten thousand deep: ended at a bound', async t => {
  t.timeout(120_000);
  const place = await restoring(t);
  let deep = await place.save([fileNode('bottom.txt')]);
  for (let depth = 0; depth < 10_000; depth++) deep = await place.save([folderNode('d', deep)]);
  const { skipped } = await place.restore(await place.save([folderNode('chats', deep)]), { dryRun: true });
  t.deepEqual(
    skipped.map(({ code, reason }) => [code, reason]),
    [['E_UNSAFE_PATH', 'too deep']],
  );
  t.false(existsSync(place.target));
});

row(26, 'a folder with a hundred thousand entries: planned within a bounded memory', async t => {
  t.timeout(120_000);
  const place = await restoring(t);
  const tree = await place.save(Array.from({ length: 100_000 }, (_, index) => fileNode(`f${index}`)));
  const before = process.memoryUsage().rss;
  const { files } = await place.restore(await place.save([folderNode('chats', tree)]), { dryRun: true });
  t.is(files, 100_000);
  t.true(process.memoryUsage().rss - before < 512 * 1024 * 1024);
});

// It fills two gigabytes on the way to the bound.
if (process.env['SIGNET_LONG'] !== undefined) {
  row(26, 'folders that share one content, 20,000 million files: ended at a bound that memory holds', async t => {
    t.timeout(240_000);
    const place = await restoring(t);
    let tree = await place.save(Array.from({ length: 20_000 }, (_, index) => fileNode(`f${index}`)));
    for (let level = 0; level < 2; level++) {
      const shared = tree;
      tree = await place.save(Array.from({ length: 1000 }, (_, index) => folderNode(`d${index}`, shared)));
    }
    const before = process.memoryUsage().rss;
    const root = await place.save([folderNode('chats', tree)]);
    await t.throwsAsync(place.restore(root, { dryRun: true }), { code: 'E_OBJECT_LIMIT' });
    const more = process.memoryUsage().rss - before;
    t.log(`${Math.round(more / 1024 ** 2)} MiB`);
    t.true(more < 3 * 1024 ** 3);
    t.false(existsSync(place.target));
  });
}

const key = randomMasterKey(fixedRandom(70));
const sealed = (plaintext: Uint8Array): Uint8Array => seal(key, fixedRandom(71)(16), plaintext);
const zeros = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));

row(27, 'a blob of two kilobytes that holds 64 MiB: ended at the length that was told, no memory is taken', async t => {
  t.true(zeros.length < 8 * 1024);
  const before = process.memoryUsage().rss;
  for (const plainBytes of [0, 100, 8 * 1024 * 1024]) {
    const blob = {
      id: asBlobId('0'.repeat(64)),
      type: 'data',
      sealedBytes: zeros.length + 32,
      plainBytes,
      isCompressed: true,
    } as const;
    await t.throwsAsync(openBlob(key, sealed(zeros), blob), { code: 'E_OBJECT_LIMIT' });
  }
  t.true(process.memoryUsage().rss - before < 64 * 1024 * 1024);
});

row(27, 'windows of 2^27 and more, content sizes of 2^53 and more: refused before anything is decoded', async t => {
  const magic = [0x28, 0xb5, 0x2f, 0xfd];
  const block = [0x01, 0x00, 0x00];
  for (const header of [
    [0x00, (27 - 10) << 3],
    [0x00, (31 - 10) << 3],
    [0xe0, 0, 0, 0, 0, 0, 0, 0x20, 0],
    [0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ]) {
    const frame = new Uint8Array([...magic, ...header, ...block]);
    await t.throwsAsync(openFrame(frame, { maxBytes: 2 ** 28 }, 'bomb'), { code: 'E_OBJECT_LIMIT' });
  }
});

row(
  27,
  'a wrong uncompressed_length in a snapshot’s place and in an index: E_OBJECT_LIMIT, no pack of it is used',
  async t => {
    const blobs = [{ id: '1'.repeat(64), type: 'data', offset: 0, length: 500, uncompressed_length: 2 ** 31 }];
    const index = decodeIndex({ packs: [{ id: '2'.repeat(64), blobs }] });
    t.deepEqual([index?.packs.length, index?.problems.length], [0, 1]);
    const content = Buffer.from('x'.repeat(500));
    const frame = zstdCompressSync(content);
    const blob = {
      id: asBlobId(sha256Hex(content)),
      type: 'data',
      sealedBytes: frame.length + 32,
      isCompressed: true,
    } as const;
    for (const plainBytes of [499, 501]) {
      await t.throwsAsync(openBlob(key, sealed(frame), { ...blob, plainBytes }), { code: 'E_OBJECT_LIMIT' });
    }
  },
);

row(
  27,
  'JSON a hundred thousand deep, and __proto__ everywhere: refused or harmless, the prototype is whole',
  async t => {
    const deep = utf8(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    t.throws(() => decodeTree(deep, 'deep'), { code: 'E_OBJECT_TYPE' });
    t.is(decodeIndex(parseJson(deep, 'deep')), undefined);
    const stored = sealed(Buffer.concat([Buffer.from([2]), zstdCompressSync(deep)]));
    await openUnpacked(key, { key: 'index/x', id: sha256Hex(stored), stored }, false);
    const polluting = utf8('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"nodes":[]}');
    t.deepEqual(decodeTree(polluting, 'tree').nodes, []);
    t.is(({} as Record<string, unknown>)['polluted'], undefined);
  },
);

row(28, 'a target that is a link, a file or a full folder: refused, and what it leads to is untouched', async t => {
  const place = await restoring(t);
  const root = await place.save([folderNode('chats', await place.save([fileNode('a.txt')]))]);
  await place.repository.commitIndex();
  symlinkSync(join(place.folder, 'canary'), join(place.folder, 'link'));
  writeFileSync(join(place.folder, 'file'), 'x');
  for (const [name, code] of [
    ['link', 'E_USAGE'],
    ['file', 'E_USAGE'],
    ['canary', 'E_TARGET_NOT_EMPTY'],
  ] as const) {
    await t.throwsAsync(place.restore(root, { target: join(place.folder, name) }), { code }, name);
  }
  t.true(place.isUntouched());
  t.is(readFileSync(join(place.folder, 'file'), 'utf8'), 'x');
  t.deepEqual(readdirSync(place.folder).sort(), ['canary', 'file', 'link']);
});

row(
  28,
  'a disk that is full, a restore that is stopped at any file: nothing is published, nothing half restored is left',
  async t => {
    const place = await restoring(t);
    const files: TreeNode[] = [];
    for (let number = 0; number < 8; number++) {
      const content = fixedRandom(number + 1)(2000);
      const { id } = await place.repository.saveBlob('data', content);
      files.push(fileNode(`${number}.bin`, { sizeBytes: 2000, content: [id] }));
    }
    const root = await place.save([folderNode('chats', await place.save(files))]);
    await place.repository.commitIndex();
    await t.throwsAsync(place.restore(root, { freeBytes: async () => 100 }), { code: 'E_DISK_FULL' });
    for (let stopAt = 1; stopAt <= 16; stopAt++) {
      const stop = new AbortController();
      let steps = 0;
      const onProgress = (): void => {
        if (++steps === stopAt) stop.abort();
      };
      const outcome = await place.restore(root, { signal: stop.signal, onProgress }).then(
        () => 'done',
        () => 'stopped',
      );
      if (outcome === 'done') break;
      t.deepEqual(readdirSync(place.folder), ['canary'], `stopped at step ${stopAt}`);
    }
    const whole = await place.restore(root, { target: join(place.folder, 'whole') });
    t.is(whole.files, 8);
    t.true(place.isUntouched());
  },
);
