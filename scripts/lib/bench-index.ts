// How far the index goes: writes the index files of a repository with ten million blobs, as the daemon seals them, then opens that
// repository in a process of its own and says what it takes to know them all. Blobs and packs themselves are not written: nothing reads
// them here. Figures and their machine stand in docs/scale.md.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../../daemon/base/clock.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { BlobIndex } from '../../daemon/repository/blob-index.ts';
import { asBlobId, asIndexId, asPackId } from '../../daemon/repository/ids.ts';
import { encodeIndex, groupForIndexes, type PackListing } from '../../daemon/repository/index-codec.ts';
import { openMasterKey } from '../../daemon/repository/master-key.ts';
import type { BlobType, PackId } from '../../daemon/repository/model.ts';
import { createRepository, openRepository, type RepositoryOptions } from '../../daemon/repository/repository.ts';
import { sealUnpacked } from '../../daemon/repository/unpacked.ts';

const { values } = parseArgs({
  options: {
    index: { type: 'boolean' },
    blobs: { type: 'string', default: '10000000' },
    load: { type: 'string' },
  },
});
const blobCount = Number(values.blobs);
/** 1 TB in ten million blobs. */
const meanBlobBytes = 114_000;
const packBytes = 16 * 1024 * 1024;
/** One pack in this many holds trees. */
const treePacks = 1200;
const meanTreeBytes = 4000;
const recoveryKey = new Uint8Array(32).fill(7);

if (!Number.isSafeInteger(blobCount) || blobCount < 1) {
  process.stderr.write('--blobs takes a number\n');
  process.exit(2);
}
if (values.load === undefined) await writeAndMeasure();
else await load(values.load);

function optionsFor(folder: string): RepositoryOptions {
  return {
    remote: createFolderRemote(join(folder, 'repository')),
    recoveryKey,
    clock: systemClock,
    randomBytes: length => new Uint8Array(randomBytes(length)),
    outboxFolder: join(folder, 'outbox'),
    journal: { add() {}, markUploaded() {}, remove() {}, rows: () => [] },
    host: { hostname: 'bench', pid: process.pid },
  };
}

async function writeAndMeasure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'signet-bench-'));
  try {
    mkdirSync(join(folder, 'repository'), { mode: 0o700 });
    print(
      `${cpus().length} cores (${cpus()[0]?.model}) · ${bytes(totalmem())} of memory · load ${loadavg()[0]?.toFixed(1)} · Node ${process.versions.node}`,
    );
    await write(folder);
    const index = readdirSync(join(folder, 'repository', 'index'));
    const sizes = index.map(name => statSync(join(folder, 'repository', 'index', name)).size);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    print(
      `index files: ${index.length}, ${bytes(total)} in all, ${bytes(Math.max(...sizes))} at most, ${(total / blobCount).toFixed(1)} bytes for each blob`,
    );
    const script = fileURLToPath(import.meta.url);
    // The nursery is as small as the engine's (daemon/jobs/engine.ts): with Node's own, 150 MB more stay in the process.
    const flags = ['--disable-warning=ExperimentalWarning', '--expose-gc', '--max-semi-space-size=2'];
    const run = spawnSync(process.execPath, [...flags, script, '--load', folder, '--blobs', String(blobCount)], {
      stdio: 'inherit',
    });
    if (run.status !== 0) throw new Error(`loading ended with ${run.status ?? run.signal}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function write(folder: string): Promise<void> {
  const options = optionsFor(folder);
  await (await createRepository(options)).close();
  const { masterKey } = await openMasterKey(options.remote, recoveryKey, { report: () => undefined });
  let written = 0;
  let packs = 0;
  let gathered: PackListing[] = [];
  let gatheredBlobs = 0;
  const seal = async (groups: readonly (readonly PackListing[])[]): Promise<void> => {
    for (const group of groups) {
      const { id, bytes: sealed } = await sealUnpacked(masterKey, options.randomBytes, encodeIndex(group));
      await options.remote.put(`index/${id}`, sealed);
    }
  };
  const started = performance.now();
  while (written < blobCount) {
    const pack = drawPack(packs++ % treePacks === treePacks - 1 ? 'tree' : 'data', blobCount - written);
    written += pack.blobs.length;
    gathered.push(pack);
    gatheredBlobs += pack.blobs.length;
    if (gatheredBlobs < 60_000) continue;
    // The last group may still grow.
    const groups = groupForIndexes(gathered);
    await seal(groups.slice(0, -1));
    gathered = [...(groups.at(-1) ?? [])];
    gatheredBlobs = gathered.reduce((sum, each) => sum + each.blobs.length, 0);
  }
  await seal(groupForIndexes(gathered));
  print(`${count(written)} blobs in ${count(packs)} packs were listed in ${seconds(performance.now() - started)}`);
}

/** A pack of 16 MiB, or less for the last blobs. */
function drawPack(type: BlobType, most: number): PackListing {
  const mean = type === 'data' ? meanBlobBytes : meanTreeBytes;
  const blobs: PackListing['blobs'][number][] = [];
  for (let offset = 0; offset < packBytes && blobs.length < most; ) {
    const random = randomBytes(34);
    const plainBytes = Math.round(mean * (0.5 + random.readUInt16LE(32) / 65_536));
    const sealedBytes = plainBytes - (plainBytes >> 3) + 32;
    const id = asBlobId(random.toString('hex', 0, 32));
    blobs.push({ id, type, offset, sealedBytes, plainBytes, isCompressed: true });
    offset += sealedBytes;
  }
  return { id: asPackId(randomBytes(32).toString('hex')), blobs };
}

async function load(folder: string): Promise<void> {
  const repository = await openRepository(optionsFor(folder));
  const before = settled();
  const started = performance.now();
  const cpu = process.cpuUsage();
  await repository.readIndex();
  const loadedMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const peak = process.resourceUsage().maxRSS * 1024;
  const after = settled();
  print(
    `loaded in ${seconds(loadedMs)} (${seconds((user + system) / 1000)} of CPU), ${count((blobCount / loadedMs) * 1000)} blobs a second`,
  );
  print(
    `memory: ${bytes(before.rss)} before, ${bytes(after.rss)} after, ${bytes(peak)} at most on the way; for each blob ${(
      (after.rss - before.rss) / blobCount
    ).toFixed(
      1,
    )} bytes resident, of them ${((after.arrayBuffers - before.arrayBuffers) / blobCount).toFixed(1)} in typed arrays and ${(
      (after.heapUsed - before.heapUsed) / blobCount
    ).toFixed(1)} in the heap`,
  );
  const counted = performance.now();
  const { dataBlobs, treeBlobs, packs } = repository.size();
  print(
    `counted ${count(dataBlobs)} data blobs, ${count(treeBlobs)} trees, ${count(packs)} packs in ${seconds(performance.now() - counted)}`,
  );
  await repository.close();
  lookups();
}

/** Of an index of a million, made here: the ids of the loaded one are not known to this process. */
function lookups(): void {
  const index = new BlobIndex();
  const known: PackListing['blobs'][number][] = [];
  while (known.length < 1_000_000) {
    const { id, blobs }: { id: PackId; blobs: PackListing['blobs'] } = drawPack('data', 1_000_000 - known.length);
    index.add(id, blobs, asIndexId(id));
    known.push(...blobs);
  }
  const strangers = drawPack('data', 150).blobs;
  const started = performance.now();
  let found = 0;
  for (const { id } of known) if (index.has('data', id)) found++;
  const foundMs = performance.now() - started;
  for (let at = 0; at < known.length; at++)
    if (index.has('data', strangers[at % strangers.length]?.id ?? asBlobId(''))) found++;
  const missedMs = performance.now() - started - foundMs;
  if (found !== known.length) throw new Error(`${found} of ${known.length} blobs were found`);
  print(
    `a blob is found in ${((foundMs * 1000) / found).toFixed(2)} µs, and not found in ${((missedMs * 1000) / found).toFixed(2)} µs`,
  );
}

function settled(): NodeJS.MemoryUsage {
  for (let round = 0; round < 3; round++) globalThis.gc?.();
  return process.memoryUsage();
}

function bytes(value: number): string {
  return `${(value / 1e6).toFixed(value < 1e7 ? 2 : 0)} MB`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
