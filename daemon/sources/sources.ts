// What to back up and when it changed: profiles of known apps, what is found on this computer, the rules of each source, and the watcher.

export { discoverSources, type Found } from './discovery.ts';
export { detectProfile, newSource } from './new-source.ts';
export type { Place, Profile } from './profile.ts';
export { type ProfileId, profileOf, profiles } from './profiles.ts';
export { rulesOf } from './rules.ts';
export { type SyncReading, syncAppOf, syncedFoldersOf } from './synced-folders.ts';
export { type NextRun, nextRun, type PendingChanges, type QuietSettings } from './timing.ts';
export {
  type ChangeSet,
  problemOf,
  type SettlingChanges,
  type Watching,
  type WatchListener,
  type WatchOptions,
  type WatchProblem,
  watchSources,
} from './watch.ts';
