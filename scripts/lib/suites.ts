// The suites of scripts/test, in the order they run: what each starts, which Debian packages it cannot do without, and how long
// it may take on two cores. The budgets add up to half an hour at most.

export interface Suite {
  readonly name: string;
  /** Seconds after which it is ended and counts as failed. */
  readonly budgetSeconds: number;
  /** A program of node_modules, or `ava` with the globs of the suite's files. */
  readonly run: { readonly tool: readonly [string, ...string[]] } | { readonly tests: readonly string[] };
  readonly needs: readonly SystemPackage[];
}

export interface SystemPackage {
  readonly name: string;
  /** Any of these files tells that it is there. */
  readonly provides: readonly string[];
}

const multiarch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

export const systemPackages = {
  restic: { name: 'restic', provides: ['/usr/bin/restic', '/usr/local/bin/restic', '/opt/homebrew/bin/restic'] },
  rclone: { name: 'rclone', provides: ['/usr/bin/rclone', '/usr/local/bin/rclone', '/opt/homebrew/bin/rclone'] },
  openssl: { name: 'openssl', provides: ['/usr/bin/openssl', '/usr/local/bin/openssl', '/opt/homebrew/bin/openssl'] },
  chromium: { name: 'chromium', provides: [process.env['CHROMIUM'] ?? '/usr/bin/chromium'] },
  dbus: { name: 'dbus', provides: ['/usr/bin/dbus-run-session'] },
  sqlite: { name: 'sqlite3', provides: ['/usr/bin/sqlite3', '/usr/local/bin/sqlite3', '/opt/homebrew/bin/sqlite3'] },
  keyring: { name: 'gnome-keyring', provides: ['/usr/bin/gnome-keyring-daemon'] },
  libsecret: {
    name: 'libsecret-1-0',
    provides: [`/usr/lib/${multiarch}/libsecret-1.so.0`, '/usr/lib/libsecret-1.so.0'],
  },
} as const satisfies Record<string, SystemPackage>;

/** The long forms (SIGNET_LONG) do the same things more often and wait for the real times. */
const patience = process.env['SIGNET_LONG'] === undefined ? 1 : 5;

const usual: readonly Suite[] = [
  { name: 'types', budgetSeconds: 20, run: { tool: ['tsc', '-p', '.'] }, needs: [] },
  { name: 'page-types', budgetSeconds: 10, run: { tool: ['tsc', '-p', 'extension/panel/page'] }, needs: [] },
  { name: 'lint', budgetSeconds: 30, run: { tool: ['biome', 'check', '--error-on-warnings', '.'] }, needs: [] },
  {
    name: 'unit',
    budgetSeconds: 150,
    run: { tests: ['test/*.test.ts', 'test/unit/**/*.test.ts', 'test/contracts/**/*.test.ts'] },
    needs: [],
  },
  { name: 'integration', budgetSeconds: 1020, run: { tests: ['test/integration/**/*.test.ts'] }, needs: [] },
  {
    name: 'interop',
    budgetSeconds: 200,
    run: { tests: ['test/interop/**/*.test.ts'] },
    needs: [systemPackages.restic],
  },
  { name: 'adversary', budgetSeconds: 90, run: { tests: ['test/adversary/**/*.test.ts'] }, needs: [] },
  {
    name: 'e2e',
    budgetSeconds: 280,
    run: { tests: ['test/e2e/**/*.test.ts'] },
    needs: [systemPackages.chromium, systemPackages.dbus, systemPackages.keyring, systemPackages.libsecret],
  },
];

export const suites: readonly Suite[] = usual.map(suite => ({
  ...suite,
  budgetSeconds: suite.budgetSeconds * patience,
}));
