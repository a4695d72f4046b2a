// A remote that fails on demand, in front of any other.

import { SignetError } from '../../daemon/base/errors.ts';
import type { Remote, RemoteKey } from '../../daemon/remotes/remote.ts';

export type Fault =
  /** The call fails and has done nothing. */
  | 'before'
  /** The call did its work, but its answer is lost. */
  | 'after'
  | undefined;

/** @param fault is asked before every call what happens to it */
export function faultyRemote(
  remote: Remote,
  fault: (call: 'put' | 'get' | 'stat' | 'list' | 'remove', key: RemoteKey) => Fault,
): Remote {
  const broken = (): SignetError => new SignetError('E_UNREACHABLE', 'the connection broke (injected)');
  async function around<Result>(
    call: Parameters<typeof fault>[0],
    key: RemoteKey,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const what = fault(call, key);
    if (what === 'before') throw broken();
    const result = await work();
    if (what === 'after') throw broken();
    return result;
  }
  return {
    kind: remote.kind,
    label: remote.label,
    isCostlyToList: remote.isCostlyToList,
    listsTogether: remote.listsTogether,
    put: (key, body, options) => around('put', key, () => remote.put(key, body, options)),
    get: (key, options) => around('get', key, () => remote.get(key, options)),
    stat: (key, options) => around('stat', key, () => remote.stat(key, options)),
    remove: (key, options) => around('remove', key, () => remote.remove(key, options)),
    async *list(folder, options) {
      if (fault('list', folder) !== undefined) throw broken();
      yield* remote.list(folder, options);
    },
  };
}
