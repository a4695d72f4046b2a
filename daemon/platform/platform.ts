// What this machine and this runtime are: identities, memory, disk, and whether everything Signet builds on works here. Asks the
// system; decides nothing.

import { execFile } from 'node:child_process';
import { readFile, statfs } from 'node:fs/promises';
import { hostname, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import type { DoctorCheck } from '../../protocol/status.ts';
import { SignetError } from '../base/errors.ts';

export { type Keychain, type KeychainFound, KeychainProcess } from './keychain.ts';
export { LoginMarker, loginSession } from './login-session.ts';
export { type OpenFilesProbe, openFilesProbe } from './open-files.ts';
export { type PowerState, powerState } from './power.ts';
export type { WatchLimits } from './watch-limits.ts';

const askTimeoutMs = 5000;
const minNode = [24, 12] as const;

/**
 * Text that is this installation of the operating system's own and survives reboots. A machine without one (a minimal container)
 * goes by its host name. Never sent anywhere; the state keeps a keyed hash of it.
 */
export async function machineId(): Promise<string> {
  const found = await firstOf(machineIdSources[process.platform] ?? []);
  return found ?? `hostname ${hostname()}`;
}

type Source = () => Promise<string | undefined>;

const machineIdSources: Partial<Record<NodeJS.Platform, readonly Source[]>> = {
  linux: [() => lineOf('/etc/machine-id'), () => lineOf('/var/lib/dbus/machine-id')],
  darwin: [
    async () =>
      match(
        await outputOf('/usr/sbin/ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice']),
        /"IOPlatformUUID" = "([^"]+)"/,
      ),
  ],
  win32: [
    async () =>
      match(
        await outputOf('reg', ['query', 'HKLM\\SOFTWARE\\Microsoft\\Cryptography', '/v', 'MachineGuid']),
        /MachineGuid\s+REG_SZ\s+(\S+)/,
      ),
  ],
};

/** A text value of the Windows registry; undefined where there is none, and everywhere else. Not run on Windows yet. */
export async function registryText(key: string, value: string): Promise<string | undefined> {
  if (process.platform !== 'win32') return undefined;
  return registryValue(await outputOf('reg', ['query', key, '/v', value]), value);
}

/** `reg query` prints name, type and text with four spaces between; exported for tests. */
export function registryValue(printed: string, value: string): string | undefined {
  const lines = printed.matchAll(/^ {4}(.+?) {4}REG_(?:EXPAND_)?SZ {4}(.*\S)\s*$/gm);
  return [...lines].find(([, name]) => name === value)?.[2];
}

/** How the machine may call itself before the user names it: the host name without domain. */
export function hostLabel(): string {
  const [name = ''] = hostname().split('.');
  const clean = name
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .slice(0, 64)
    .toWellFormed();
  return clean === '' ? 'computer' : clean;
}

/** Bytes; a container's limit counts as the machine's memory. */
export function memory(): { readonly totalBytes: number; readonly availableBytes: number } {
  const limit = process.constrainedMemory(); // 0, or 2^64 and thereabouts, for "none"
  const totalBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { totalBytes, availableBytes: Math.min(process.availableMemory(), totalBytes) };
}

/** Bytes that this user may still write to the file system that holds the path; Infinity where it does not say (proc, some of FUSE). */
export async function freeDiskBytes(path: string): Promise<number> {
  const { blocks, bavail, bsize } = await statfs(path);
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}

/**
 * Whether the runtime has what Signet builds on. The answer is for `doctor`, and for the start, which ends with exit 18 and the
 * advice of the first failure.
 *
 * @param kdfBackend asks the key child which Argon2 it runs; left out, that line is left out
 */
export async function probeRuntime(
  options: { kdfBackend?: () => Promise<string> } = {},
): Promise<readonly DoctorCheck[]> {
  const useNode = `install Node ${minNode.join('.')} or newer, or point SIGNET_NODE at one`;
  const { kdfBackend } = options;
  const checks = [
    probe('Node', useNode, async () => probeNode(process.versions.node)),
    probe('zstd', useNode, probeZstd),
    probe('SQLite', useNode, probeSqlite),
    probe('WebAssembly', 'this runtime forbids WebAssembly; start Signet with plain Node', probeWebAssembly),
    probe(
      'debugger port',
      'start the daemon with --disable-sigusr1, so that no signal opens a debugger',
      probeDebugger,
    ),
  ];
  if (kdfBackend !== undefined) {
    checks.push(
      probe(
        'password hashing',
        'reinstall Signet; its Argon2 does not run here',
        async () => `Argon2id by ${await kdfBackend()}`,
      ),
    );
  }
  return Promise.all(checks);
}

/** @throws E_RUNTIME for a version that is too old; exported for tests of the boundary */
export function probeNode(version: string): string {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < minNode[0] || (major === minNode[0] && minor < minNode[1])) {
    throw new SignetError('E_RUNTIME', `Node ${version} is too old, ${minNode.join('.')} is needed`);
  }
  return version;
}

/**
 * Takes from this process what could leak its memory or end it by accident: diagnostic reports, debugger by signal, group and
 * world bits of new files, inherited Node options. restic probes the owner of a lock with SIGHUP, which would end a process
 * that does not listen. Node cannot switch core dumps off; the service file does (LimitCORE=0).
 */
export function hardenProcess(): void {
  process.umask(0o077);
  if (process.report !== undefined) {
    process.report.reportOnFatalError = false;
    process.report.reportOnSignal = false;
    process.report.reportOnUncaughtException = false;
  }
  for (const name of [
    ...['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_REPL_EXTERNAL_MODULE'],
    'NODE_V8_COVERAGE',
  ])
    delete process.env[name];
  // Windows looks for a program in the current folder before it looks along PATH, and libuv with it unless this is set.
  process.env['NoDefaultCurrentDirectoryInExePath'] = '1';
  if (process.platform === 'win32') return;
  process.on('SIGHUP', ignoreSignal);
  process.on('SIGUSR1', ignoreSignal); // a second bolt beside --disable-sigusr1
}

/**
 * V8 lets a heap grow to four times what is alive in it before it collects. The daemon works in bursts and lives for weeks: with a growth of
 * 40 percent a backup costs 3 percent more time and a sixth less memory stays taken (measured over 20,000 files). Set at run time: a Node
 * that does not know the flag must not refuse to start.
 */
export function frugalHeap(): void {
  setFlagsFromString('--heap-growing-percent=40');
}

function ignoreSignal(): void {
  // Being listened to is all that the signal needs.
}

async function probe(name: string, advice: string, look: () => Promise<string>): Promise<DoctorCheck> {
  try {
    return { name, ok: true, detail: await look() };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error), advice };
  }
}

async function probeZstd(): Promise<string> {
  const zlib = await import('node:zlib');
  const packed = zlib.zstdCompressSync(Buffer.alloc(100_000));
  const limits = { maxOutputLength: 100_000, params: { [zlib.constants.ZSTD_d_windowLogMax]: 23 } };
  if (zlib.zstdDecompressSync(packed, limits).length !== 100_000) throw new Error('zstd gives other bytes back');
  return `${packed.length} bytes for 100 kB of zeros`;
}

async function probeSqlite(): Promise<string> {
  const { DatabaseSync, backup } = await import('node:sqlite');
  if (typeof backup !== 'function') throw new Error('node:sqlite has no backup()');
  const database = new DatabaseSync(':memory:', { timeout: 1, allowExtension: false });
  try {
    database.exec('CREATE TABLE t (id TEXT PRIMARY KEY, b BLOB) STRICT');
    database.prepare('INSERT INTO t VALUES (?, ?)').run('a', new Uint8Array([1]));
    if (database.isTransaction || database.prepare('SELECT count(*) AS n FROM t').get()?.['n'] !== 1)
      throw new Error('SQLite lost a row');
    return String(database.prepare('SELECT sqlite_version() AS v').get()?.['v']);
  } finally {
    database.close();
  }
}

/** (module (func (export "f") (result i32) i32.const 42)) */
const smallModule = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, 6, 1, 4, 0, 0x41,
  42, 0x0b,
]);

/** The part of WebAssembly used here; the types of Node alone do not declare it. */
interface WebAssemblyApi {
  instantiate(
    bytes: Uint8Array,
  ): Promise<{ readonly instance: { readonly exports: Readonly<Record<string, unknown>> } }>;
}

async function probeWebAssembly(): Promise<string> {
  const api = Reflect.get(globalThis, 'WebAssembly') as WebAssemblyApi | undefined;
  if (api === undefined) throw new Error('this runtime has no WebAssembly');
  const { instance } = await api.instantiate(smallModule);
  const run = instance.exports['f'];
  if (typeof run !== 'function' || run() !== 42) throw new Error('WebAssembly computes something else');
  return 'works';
}

async function probeDebugger(): Promise<string> {
  if (process.platform === 'win32') return 'no signals here';
  if (!process.execArgv.includes('--disable-sigusr1')) throw new Error('SIGUSR1 would open a debugger');
  return 'closed';
}

async function firstOf(sources: readonly Source[]): Promise<string | undefined> {
  for (const source of sources) {
    const found = await source();
    if (found !== undefined && found !== '') return found;
  }
  return undefined;
}

async function lineOf(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined; // the next source is asked
  }
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, [...args], { timeout: askTimeoutMs, windowsHide: true });
    return stdout;
  } catch {
    return ''; // the next source is asked
  }
}

function match(text: string, pattern: RegExp): string | undefined {
  return pattern.exec(text)?.[1];
}
