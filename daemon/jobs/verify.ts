// Checks a repository from the outside in: every pack the index names is there with its size; config, key file, indexes, snapshots and heads
// are what they claim to be; every snapshot's trees are well formed and name only blobs that exist, file sizes are the sums of their
// blobs; on demand the bytes of a share of the packs. Names what is wrong and repairs nothing.

import { exitCode } from '../../protocol/errors.ts';
import type { VerifyResult } from '../../protocol/status.ts';
import { affectedSources } from '../archive/browse.ts';
import { release } from '../base/bytes.ts';
import { isLoss } from '../base/errors.ts';
import { IdSet } from '../base/id-set.ts';
import type { Remote } from '../remotes/remote.ts';
import type { BlobId, ObjectProblem, PackId, Repository, TreeNode } from '../repository/model.ts';
import type { Witness } from '../state/model.ts';
import { bounded, inAnswer, moreOf } from './bounded.ts';
import type { EngineProgress } from './engine-messages.ts';
import { readHistory } from './history.ts';

export interface VerifyContext {
  readonly remote: Remote;
  readonly repository: Repository;
  readonly headsKey: Uint8Array;
  /** What this machine remembers of the place; newer things that it saw and that are not shown are problems too. */
  readonly witness: Witness | undefined;
  /** Share of the packs whose bytes are read, 0 to 100; which ones is drawn anew each time. */
  readonly readDataPercent: number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly onProgress: (step: EngineProgress) => void;
  readonly signal: AbortSignal;
}

type Problem = VerifyResult['problems'][number];

/** Beyond these only their number is kept: damage may concern every object there is. */
const mostKept = 4 * inAnswer.entries;

export async function runVerify(context: VerifyContext): Promise<VerifyResult> {
  const { repository, remote, headsKey, signal } = context;
  const found = new Found();
  const lost = { blobs: new Set<string>(), packs: new Set<string>() };
  const before = new Set(repository.problems.map(({ key }) => key));
  const downloadedBefore = repository.traffic.bytesDownloaded;
  await repository.readIndex({ signal });
  for (const problem of await repository.checkPacks({ signal })) {
    found.add(problemOf(problem));
    addLost(lost, [problem]);
  }
  const scrubbed = await repository.scrub({ signal });
  for (const problem of scrubbed.problems) {
    found.add(problemOf(problem));
    if (problem.key.startsWith('data/')) addLost(lost, [problem]);
  }
  for (const problem of await repository.checkSingleObjects({ signal })) found.add(problemOf(problem));
  const history = await readHistory({
    remote,
    repository,
    headsKey,
    witness: context.witness,
    copies: 'remote',
    signal,
  });
  for (const { code, detail } of history.findings) found.add({ object: 'signet/heads', code, detail });
  for (const problem of history.heads.problems) found.add(problemOf(problem));

  const seen = new IdSet();
  let isTreeLost = false;
  for (const { id, snapshot } of history.snapshots) {
    await checkTree(context, snapshot.tree, `snapshot ${id.slice(0, 8)}`, seen, problem => {
      isTreeLost = true;
      found.add(problem);
    });
  }
  const packs = choose(repository.packIds(), context.readDataPercent, context.randomBytes);
  const spare: Uint8Array[] = [];
  for (const [done, pack] of packs.entries()) {
    signal.throwIfAborted();
    const problems = await repository.checkPackData(pack, { signal, spare });
    for (const problem of problems) found.add(problemOf(problem));
    addLost(lost, problems);
    context.onProgress({
      phase: 'checking',
      filesDone: done + 1,
      filesTotal: packs.length,
      bytesDone: done + 1,
      bytesTotal: packs.length,
      bytesUploaded: 0,
      item: '',
    });
  }
  for (const memory of spare) release(memory);
  for (const problem of repository.problems) {
    if (!before.has(problem.key) || !isReadHere(problem.key)) found.add(problemOf(problem));
  }
  const trees = history.snapshots.map(({ snapshot }) => snapshot);
  const isLost = isTreeLost || lost.blobs.size + lost.packs.size > 0;
  const affected = isLost ? await affectedSources(repository, trees, lost, signal) : [];
  const { unframedBlobs } = repository.size();
  const { listed, more } = bounded(found.kept, inAnswer, isAlarming);
  return {
    type: 'result',
    ok: found.count === 0,
    problems: listed,
    ...moreOf({ problems: more + found.count - found.kept.length }),
    ...(unframedBlobs > 0 && { uncompressed: unframedBlobs }),
    ...(affected.length > 0 && { affected }),
    ...(scrubbed.objects > 0 && { scrubbed: scrubbed.objects }),
    snapshots: history.snapshots.length,
    packs: repository.packIds().length,
    bytesRead: repository.traffic.bytesDownloaded - downloadedBefore,
  };
}

/** Problems, each once, as many as matter. */
class Found {
  readonly #kept = new Map<string, Problem>();
  #dropped = 0;

  /** Those that were not kept may count more than once. */
  get count(): number {
    return this.#kept.size + this.#dropped;
  }

  get kept(): readonly Problem[] {
    return [...this.#kept.values()];
  }

  add(problem: Problem): void {
    const name = `${problem.object} ${problem.code} ${problem.detail}`;
    if (this.#kept.size < mostKept || isAlarming(problem)) this.#kept.set(name, problem);
    else if (!this.#kept.has(name)) this.#dropped++;
  }
}

function isAlarming({ code }: Problem): boolean {
  return exitCode(code) === exitCode('E_ROLLBACK');
}

/** What was met before in this session may have been put right since; these folders are looked at afresh each time. */
function isReadHere(key: string): boolean {
  return /^(?:data|index|snapshots)\//.test(key);
}

/** Whether some snapshot names what cannot be read or what no index knows. */
export async function findLostTrees(repository: Repository, signal: AbortSignal): Promise<boolean> {
  const seen = new IdSet();
  let isLost = false;
  for (const { tree } of (await repository.snapshots({ signal })).values()) {
    await checkTree({ repository, signal }, tree, 'a snapshot', seen, () => {
      isLost = true;
    });
    if (isLost) return true;
  }
  return false;
}

async function checkTree(
  context: Pick<VerifyContext, 'repository' | 'signal'>,
  tree: BlobId,
  where: string,
  seen: IdSet,
  onProblem: (problem: Problem) => void,
): Promise<void> {
  if (!seen.add(tree)) return;
  const { repository, signal } = context;
  signal.throwIfAborted();
  let nodes: readonly TreeNode[];
  try {
    nodes = await repository.loadTree(tree, { signal });
  } catch (error) {
    if (!isLoss(error)) throw error;
    onProblem({ object: `tree ${tree.slice(0, 8)}`, code: error.code, detail: `${where}: ${error.message}` });
    return;
  }
  for (const node of nodes) {
    if (node.subtree !== undefined) await checkTree(context, node.subtree, where, seen, onProblem);
    if (node.type === 'file') for (const problem of checkFile(repository, node, where)) onProblem(problem);
  }
}

function checkFile(repository: Pick<Repository, 'find'>, node: TreeNode, where: string): readonly Problem[] {
  let bytes = 0;
  for (const id of node.content ?? []) {
    const blob = repository.find('data', id);
    if (blob === undefined) {
      return [
        {
          object: `blob ${id.slice(0, 8)}`,
          code: 'E_MISSING',
          detail: `${where}: a file's content is not in the index`,
        },
      ];
    }
    bytes += blob.plainBytes;
  }
  if (bytes === (node.sizeBytes ?? 0)) return [];
  const detail = `${where}: a file announces ${node.sizeBytes} bytes, its blobs hold ${bytes}`;
  return [{ object: 'file', code: 'E_OBJECT_LIMIT', detail }];
}

/** A random share of the packs, at least one when the share is not zero. */
function choose(
  packs: readonly PackId[],
  percent: number,
  randomBytes: (count: number) => Uint8Array,
): readonly PackId[] {
  if (percent >= 100) return packs;
  if (percent <= 0 || packs.length === 0) return [];
  const left = [...packs];
  const chosen: PackId[] = [];
  const wanted = Math.max(1, Math.round((packs.length * percent) / 100));
  while (chosen.length < wanted && left.length > 0) {
    const number = Buffer.from(randomBytes(6)).readUIntBE(0, 6);
    chosen.push(...left.splice(number % left.length, 1));
  }
  return chosen;
}

function problemOf({ key, code, detail, isInMirror }: ObjectProblem): Problem {
  return { object: key, code, detail, ...(isInMirror === true && { inMirror: true }) };
}

/** Adds what the problems of one pack say: the blobs that were found damaged, or all of it where that cannot be told. */
export function addLost(
  lost: { readonly blobs: Set<string>; readonly packs: Set<string> },
  problems: readonly ObjectProblem[],
): void {
  const blobs = problems.map(({ blob }) => blob).filter(blob => blob !== undefined);
  for (const blob of blobs) lost.blobs.add(blob);
  const [first] = problems;
  if (blobs.length === 0 && first !== undefined) lost.packs.add(first.key.slice(first.key.lastIndexOf('/') + 1));
}
