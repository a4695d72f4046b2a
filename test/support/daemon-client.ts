// A client of its own beside the command line: sees every change of the state and every step of a job as the daemon tells them, and asks
// without starting a process each time.

import type { ExecutionContext } from 'ava';
import { CancellationTokenSource, type RequestType } from 'vscode-jsonrpc/node';
import { type ErrorCode, wireErrorOf } from '../../protocol/errors.ts';
import { resolveHome } from '../../protocol/home.ts';
import { connect } from '../../protocol/launch.ts';
import * as messages from '../../protocol/messages.ts';
import { Secrets } from '../../protocol/secrets.ts';
import type {
  BackupResult,
  ForgetResult,
  JobProgress,
  PlaceStatus,
  PruneResult,
  RestoreResult,
  Status,
} from '../../protocol/status.ts';

export interface DaemonClient {
  readonly pid: number;
  /** The newest state that was told. */
  status(): Promise<Status>;
  /** Resolves with the first state that is as wanted; fails with the newest after `withinMs`. */
  until(what: string, isSo: (status: Status) => boolean, withinMs?: number): Promise<Status>;
  /** @returns the code when it fails; 'gone' when the daemon ended */
  backup(onProgress?: (step: JobProgress) => void): Promise<BackupResult | ErrorCode | 'gone'>;
  /** As `backup`. */
  forget(snapshots: readonly string[]): Promise<ForgetResult | ErrorCode | 'gone'>;
  /** As `backup`. */
  prune(): Promise<PruneResult | ErrorCode | 'gone'>;
  cancel(): Promise<boolean>;
  /** The newest backup, or the one that is named, whole. */
  restore(target: string, snapshot?: string): Promise<RestoreResult>;
  unlock(recoveryKey: string): Promise<void>;
  lock(): Promise<void>;
  /** @param onSignInAsked with the page that the owner of an account is to open */
  connectRemote(
    wish: ConnectWish,
    given?: ConstructorParameters<typeof Secrets>[0],
    onSignInAsked?: (url: string) => void,
  ): Promise<Connected>;
  disconnectRemote(remote?: string): Promise<void>;
  showRemote(): Promise<readonly PlaceStatus[]>;
  close(): void;
}

type ParamsOf<Message> = Message extends RequestType<infer Params, infer _Result, infer _Error> ? Params : never;
type ConnectWish = Omit<ParamsOf<typeof messages.connectRemote>, 'secrets' | 'progressToken'>;
type Connected = PlaceStatus & { readonly holds: string };

/** Connects to the daemon that runs on this SIGNET_HOME. */
export async function daemonClient(t: ExecutionContext, home: string): Promise<DaemonClient> {
  const { connection, secrets, close } = await connect(resolveHome({ env: { SIGNET_HOME: home } }));
  t.teardown(close);
  const { pid } = await connection.sendRequest(messages.daemonInfo);
  let changed = Promise.withResolvers<void>();
  connection.onNotification(messages.statusChanged, () => {
    changed.resolve();
    changed = Promise.withResolvers();
  });
  const status = (): Promise<Status> => connection.sendRequest(messages.status, {});
  let tokens = 0;
  return {
    pid,
    status,
    async until(what, isSo, withinMs = 30_000) {
      const late = Promise.withResolvers<'late'>();
      const timer = setTimeout(() => late.resolve('late'), withinMs);
      try {
        for (;;) {
          const next = changed.promise;
          const now = await status();
          if (isSo(now)) return now;
          if ((await Promise.race([next, late.promise])) === 'late') {
            throw new Error(`not within ${withinMs} ms: ${what}; ${JSON.stringify(now)}`);
          }
        }
      } finally {
        clearTimeout(timer);
      }
    },
    async backup(onProgress = () => undefined) {
      const progressToken = `t${++tokens}`;
      const listener = connection.onProgress(messages.progress, progressToken, onProgress);
      try {
        return await connection.sendRequest(messages.backup, { progressToken }, new CancellationTokenSource().token);
      } catch (error) {
        return codeOf(error);
      } finally {
        listener.dispose();
      }
    },
    forget: chosen => connection.sendRequest(messages.forget, { snapshots: chosen }).catch(codeOf),
    prune: () => connection.sendRequest(messages.prune, {}).catch(codeOf),
    cancel: async () => (await connection.sendRequest(messages.cancel)).cancelled,
    restore: (target, snapshot = 'latest') => connection.sendRequest(messages.restore, { snapshot, target }),
    async unlock(recoveryKey) {
      const given = new Secrets([['recoveryKey', Buffer.from(recoveryKey)]]);
      await connection.sendRequest(messages.unlock, { secrets: secrets.seal(messages.unlock.method, given) });
    },
    async lock() {
      await connection.sendRequest(messages.lock);
    },
    async connectRemote(wish, given = [], onSignInAsked = () => undefined) {
      const listener = connection.onNotification(messages.signInAsked, ({ url }) => onSignInAsked(url));
      try {
        const sealed = secrets.seal(messages.connectRemote.method, new Secrets(given));
        return await connection.sendRequest(messages.connectRemote, { ...wish, secrets: sealed });
      } finally {
        listener.dispose();
      }
    },
    async disconnectRemote(remote) {
      await connection.sendRequest(messages.disconnectRemote, remote === undefined ? {} : { remote });
    },
    showRemote: async () => (await connection.sendRequest(messages.showRemote)).places,
    close,
  };
}

function codeOf(error: unknown): ErrorCode | 'gone' {
  return wireErrorOf(error)?.code ?? 'gone';
}
