// Bounds that hold before anything is allocated for what a cloud serves. restic's own writers stay within them.

const mebibyte = 1024 * 1024;

export const limits = {
  /** A sealed config, snapshot, index or lock. */
  unpackedSealedBytes: 64 * mebibyte,
  unpackedPlainBytes: 256 * mebibyte,
  configBytes: 64 * 1024,
  keyFileBytes: 64 * 1024,
  /** Of heads and vaults, which other units write, no more than this is carried. */
  headBytes: 2 * mebibyte,
  vaultBytes: 64 * 1024,
  /** restic's largest chunk. */
  dataBlobBytes: 8 * mebibyte,
  treeBlobBytes: 64 * mebibyte,
  /** restic takes pack sizes up to 128 MiB and overshoots by up to one blob. */
  packBytes: (128 + 8 + 16) * mebibyte,
  /** Of the sealed header. */
  packHeaderBytes: 16 * mebibyte,
  /** Blobs in a pack of ours, so that packs fit into indexes evenly. */
  packBlobs: 16_000,
  /** Blobs in an index file of ours. */
  indexBlobs: 50_000,
  treeNodes: 2_000_000,
  nameBytes: 1024,
  linkTargetBytes: 64 * 1024,
  contentBlobs: 1_000_000,
  lockFiles: 256,
  /** Index or snapshot files. */
  listedObjects: 1_000_000,
  /** KDF runs for one password. */
  keyRuns: 4,
  keyFiles: 64,
} as const;
