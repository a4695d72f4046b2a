// Any remote as one behind a network: what is called counts as a request each, by kind and folder.

import type { NetworkRemote, PlaceFacts, Remote, RemoteKey } from '../../daemon/remotes/remote.ts';

export type RemoteCall = 'put' | 'get' | 'stat' | 'list' | 'remove' | 'about';

export interface CalledRemote extends NetworkRemote {
  /** What was called since the last `forget`, in order: "put index", "list data", "get signet/heads". */
  readonly calls: readonly string[];
  forget(): void;
}

/** The folder as restic and Signet divide a place: 'data', 'signet/heads'; a file at the root is itself. */
function folderOf(key: RemoteKey): string {
  const parts = key.split('/');
  return parts.slice(0, parts[0] === 'signet' ? 2 : 1).join('/');
}

export function networked(remote: Remote, facts: PlaceFacts = { advice: [] }): CalledRemote {
  const calls: string[] = [];
  let requests = 0;
  const note = (call: RemoteCall, key: RemoteKey): void => {
    requests++;
    calls.push(`${call} ${folderOf(key)}`.trim());
  };
  return {
    kind: remote.kind,
    label: remote.label,
    isCostlyToList: remote.isCostlyToList,
    listsTogether: remote.listsTogether,
    calls,
    forget: () => void calls.splice(0),
    requests: () => requests,
    async about(options) {
      options?.signal?.throwIfAborted();
      note('about', '');
      return facts;
    },
    put(key, body, options) {
      note('put', key);
      return remote.put(key, body, options);
    },
    get(key, options) {
      note('get', key);
      return remote.get(key, options);
    },
    stat(key, options) {
      note('stat', key);
      return remote.stat(key, options);
    },
    list(folder, options) {
      note('list', folder);
      return remote.list(folder, options);
    },
    remove(key, options) {
      note('remove', key);
      return remote.remove(key, options);
    },
  };
}
