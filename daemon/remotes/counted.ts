// A remote whose traffic is counted: bytes of objects, and what it took to move them. A place behind a network tells itself how many
// requests it was sent, every try and every page; elsewhere a call is one.

import type { NetworkRemote, Remote, TrafficCount } from './remote.ts';

export function counted(remote: Remote | NetworkRemote): Remote & { readonly traffic: TrafficCount } {
  let calls = 0;
  let bytesUploaded = 0;
  let bytesDownloaded = 0;
  const requests = 'requests' in remote ? remote.requests : () => calls;
  return {
    kind: remote.kind,
    label: remote.label,
    isCostlyToList: remote.isCostlyToList,
    listsTogether: remote.listsTogether,
    local: remote.local,
    traffic: {
      get bytesUploaded() {
        return bytesUploaded;
      },
      get bytesDownloaded() {
        return bytesDownloaded;
      },
      get requests() {
        return requests();
      },
    },
    async put(key, body, options) {
      calls++;
      const stored = await remote.put(key, body, options);
      bytesUploaded += body instanceof Uint8Array ? body.length : body.sizeBytes;
      return stored;
    },
    async get(key, options) {
      calls++;
      const bytes = await remote.get(key, options);
      bytesDownloaded += bytes.length;
      return bytes;
    },
    stat(key, options) {
      calls++;
      return remote.stat(key, options);
    },
    list(folder, options) {
      calls++;
      return remote.list(folder, options);
    },
    remove(key, options) {
      calls++;
      return remote.remove(key, options);
    },
  };
}
