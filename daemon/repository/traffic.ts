// Counts calls and object bytes on their way through. A listing is one request here, whatever pages an adapter needs.

import type { Remote } from '../remotes/remote.ts';

export interface Traffic {
  bytesUploaded: number;
  bytesDownloaded: number;
  requests: number;
}

/** The same remote, with every call counted into `traffic`. */
export function countingRemote(remote: Remote, traffic: Traffic): Remote {
  return {
    kind: remote.kind,
    label: remote.label,
    async put(key, body, options) {
      traffic.requests++;
      await remote.put(key, body, options);
      traffic.bytesUploaded += body instanceof Uint8Array ? body.length : body.sizeBytes;
    },
    async get(key, options) {
      traffic.requests++;
      const bytes = await remote.get(key, options);
      traffic.bytesDownloaded += bytes.length;
      return bytes;
    },
    stat(key, options) {
      traffic.requests++;
      return remote.stat(key, options);
    },
    list(folder, options) {
      traffic.requests++;
      return remote.list(folder, options);
    },
    remove(key, options) {
      traffic.requests++;
      return remote.remove(key, options);
    },
  };
}
