// The daemon: one process per home that outlives the windows and terminals which use it. Constructs everything and wires it together; what
// is answered is in handlers.ts, what is decided in the units below.

import { randomFillSync } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { homedir, release, userInfo } from 'node:os';
import { exitCode } from '../protocol/errors.ts';
import { type Home, resolveHome } from '../protocol/home.ts';
import { daemonFlags, frugalEnvironment } from '../protocol/runtime.ts';
import type { Status } from '../protocol/status.ts';
import { productVersion, protocolVersion } from '../protocol/version.ts';
import { fromUtf8, secretBytes } from './base/bytes.ts';
import { systemClock } from './base/clock.ts';
import { SignetError, toSignetError } from './base/errors.ts';
import { readBounded } from './base/files.ts';
import { logTail, openLog } from './base/log.ts';
import { sweepStaging } from './capture/capture.ts';
import { claimHome, startEndpoint } from './endpoint/endpoint.ts';
import { handlersOf } from './handlers.ts';
import { AroundBackups } from './jobs/around.ts';
import { finishDeletion } from './jobs/delete-backup.ts';
import { diagnosticsText } from './jobs/diagnostics.ts';
import { examine } from './jobs/doctor.ts';
import { Engine } from './jobs/engine.ts';
import { finishSwitch } from './jobs/fresh.ts';
import { Jobs } from './jobs/jobs.ts';
import { KeptPhone } from './jobs/kept-phone.ts';
import { KeptSession } from './jobs/kept-session.ts';
import { DesktopNotices } from './jobs/notices.ts';
import { RestoreRecords } from './jobs/restore-records.ts';
import { UsableKeychain } from './jobs/usable-keychain.ts';
import {
  type AutostartSurroundings,
  carriedEnvironment,
  findAutostart,
  installAutostart,
  renewAutostart,
  type ServiceOrder,
  uninstallAutostart,
} from './platform/autostart.ts';
import { showNotice } from './platform/notify.ts';
import {
  freeDiskBytes,
  frugalHeap,
  hardenProcess,
  hostLabel,
  KeychainProcess,
  LoginMarker,
  loginSession,
  machineId,
  memory,
  openFilesProbe,
  powerState,
  probeRuntime,
  registryText,
} from './platform/platform.ts';
import { countFolders, watchLimits } from './platform/watch-limits.ts';
import { createFolderRemote } from './remotes/folder.ts';
import {
  discoverSources,
  newSource,
  type Place,
  type SyncReading,
  syncAppOf,
  syncedFoldersOf,
  watchSources,
} from './sources/sources.ts';
import { besideHome, openState } from './state/state.ts';
import { KeyProcess, openVaultState } from './vault/vault.ts';

const bytes = (count: number): Uint8Array => randomFillSync(secretBytes(count));
const place: Place = { platform: process.platform, home: homedir(), env: process.env };
/** Whatever sync apps wrote down and cannot be read counts as not there: then the place is a plain folder. */
const syncReading: SyncReading = {
  text: async path => fromUtf8((await readBounded(path, 64 << 10).catch(() => undefined)) ?? new Uint8Array(0)),
  names: async folder => readdir(folder).catch(() => []),
  registry: registryText,
};

hardenProcess();
frugalHeap();
try {
  await runDaemon(resolveHome());
} catch (thrown) {
  const error = toSignetError(thrown);
  // One line for whoever started the daemon; protocol/launch.ts reads the code at its end.
  process.stderr.write(`signet: the daemon could not start: ${error.message} (${error.code})\n`);
  // That another one serves the home is no failure that a service manager should answer with one more start.
  process.exit(error.code === 'E_BUSY' ? 0 : exitCode(error.code));
}

async function runDaemon(home: Home): Promise<void> {
  const broken = (await probeRuntime()).find(check => !check.ok);
  if (broken !== undefined) {
    throw new SignetError('E_RUNTIME', `${broken.name}: ${broken.detail}; ${broken.advice}`, {
      params: { what: broken.name },
    });
  }
  const claim = await claimHome(home);
  const state = await openState(home, { clock: systemClock, hostLabel: hostLabel() });
  const log = openLog(home.logs, 'daemon');
  log.info('daemon starts', { pid: process.pid, version: productVersion });
  const swept = await sweepStaging(home.staging);
  if (swept > 0) log.warn('staged copies of a killed run removed', { count: swept });

  const left = await new RestoreRecords(state.restores).sweep();
  if (left > 0) log.warn('staged files of a killed restore removed', { count: left });

  await finishSwitch(state, home);
  await finishDeletion(state);

  const keyWork = new KeyProcess();
  const keychain = new UsableKeychain(new KeychainProcess(), state.installId);
  const phone = new KeptPhone(keychain, state.phone);
  const session = new KeptSession({
    keychain,
    marker: new LoginMarker(home.runtime),
    login: await loginSession(),
    installId: state.installId,
    clock: systemClock,
    randomBytes: bytes,
  });
  const vault = await openVaultState({
    clock: systemClock,
    keyWork,
    copy: state.vaultCopy,
    phone,
    memory,
  });
  const googleRoot = process.env['SIGNET_GOOGLE_ROOT'];
  let announce: (status: Status) => void = () => undefined;
  const engine = new Engine({
    program: new URL('./engine.ts', import.meta.url),
    home,
    googleRoot,
    onFailure: error => jobs.engineFailed(error),
  });
  const jobs = await Jobs.open({
    home,
    openBeside: async () => {
      const beside = besideHome(home);
      const besideState = await openState(beside, { clock: systemClock, hostLabel: hostLabel() });
      const program = new URL('./engine.ts', import.meta.url);
      const onFailure = (error: SignetError): void =>
        log.error('the engine of a fresh backup failed', { code: error.code });
      return { state: besideState, engine: new Engine({ program, home: beside, googleRoot, onFailure }) };
    },
    state,
    vault,
    keychain,
    session,
    phone,
    engine,
    clock: systemClock,
    log,
    machineId: await machineId(),
    hostLabel: hostLabel(),
    homeFolders: [home.config, home.state, home.cache],
    newSource: spec => newSource(spec, { place, randomBytes: bytes }),
    discover: known => discoverSources({ place, clock: systemClock, known }),
    syncedFolders: () => syncedFoldersOf(place, syncReading),
    syncAppOf: path => syncAppOf(path, place, syncReading),
    startWatching: (settings, listener) => watchSources({ ...settings, clock: systemClock }, listener),
    power: () => powerState(),
    randomBytes: bytes,
    onStatus: status => announce(status),
    openFolder: createFolderRemote,
    openFiles: openFilesProbe(),
    around: new AroundBackups({ state, clock: systemClock, log, env: process.env }),
  });

  const service = serviceOrder(home);
  const around = autostartSurroundings();
  const stopping = Promise.withResolvers<void>();
  const doctor = () =>
    examine({
      home,
      platform: process.platform,
      now: systemClock.now(),
      status: jobs.status(),
      check: () => jobs.check(),
      settingsFile: state.settings.path,
      settings: () => state.settings.load(),
      runtime: () => probeRuntime({ kdfBackend: () => keyWork.backend() }),
      keychain: async () => {
        await keychain.look('again');
        const { isWanted, kind, backend } = keychain;
        return { isWanted, kind, backend };
      },
      autostart: () => findAutostart(service, around),
      limits: () => watchLimits(),
      countFolders,
      freeBytes: freeDiskBytes,
      fact: name => state.facts.get(name),
      places: jobs.places(),
      googleRoot,
    });
  const handlers = handlersOf({
    jobs,
    vault,
    clock: systemClock,
    pid: process.pid,
    stop: () => stopping.resolve(),
    installService: () => installAutostart(service, around),
    uninstallService: async () => ({ removed: await uninstallAutostart(service.environment, around) }),
    doctor,
    diagnostics: async () => ({
      text: diagnosticsText({
        at: new Date(systemClock.now()).toISOString(),
        version: productVersion,
        protocolVersion,
        runtime: runtimeFacts(),
        uptimeSeconds: Math.round(process.uptime()),
        checks: await doctor(),
        status: jobs.status(),
        log: logTail(home.logs, 'daemon', 128 << 10),
      }),
    }),
  });
  const endpoint = await startEndpoint({
    home,
    handlers,
    claim,
    clock: systemClock,
    log: { info: (fields, event) => log.info(event, fields), warn: (fields, event) => log.warn(event, fields) },
    onLost: () => {
      log.warn('the endpoint is gone, as after a logout'); // a new daemon serves the next login, which has to prove itself
      stopping.resolve();
    },
  });
  const notices = new DesktopNotices({
    facts: state.facts,
    log,
    now: () => systemClock.now(),
    isWanted: () => jobs.chosenSettings().desktopNotices,
    show: text => showNotice(text, process),
  });
  announce = status => {
    endpoint.broadcast(status);
    notices.look(status);
  };
  notices.look(jobs.status());
  renewAutostart(service, around).then(
    renewed => renewed && log.info('the entry for the login was renewed'),
    thrown => log.warn('the entry for the login could not be renewed', { code: toSignetError(thrown).code }),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.resolve());

  await stopping.promise;
  await jobs.stop();
  await endpoint.stop();
  log.info('daemon ends', { pid: process.pid });
  state.close();
  claim.release();
  process.exit(0);
}

/** This very daemon, as a service manager is to start it. */
function serviceOrder(home: Home): ServiceOrder {
  const flags = daemonFlags.filter(flag => process.execArgv.includes(flag));
  return {
    program: [process.execPath, ...flags, process.argv[1] ?? ''],
    environment: { ...frugalEnvironment(home), ...carriedEnvironment(process.env) },
  };
}

function autostartSurroundings(): AutostartSurroundings {
  const domain = process.env['USERDOMAIN'];
  return {
    platform: process.platform,
    env: process.env,
    home: homedir(),
    uid: process.getuid?.(),
    user: domain === undefined ? userInfo().username : `${domain}\\${userInfo().username}`,
  };
}

/** Of what this runs on, no names of the computer or its user. */
function runtimeFacts(): Readonly<Record<string, string>> {
  const { node, electron, v8, sqlite, openssl } = process.versions;
  const versions = { node, electron, v8, sqlite, openssl };
  const known = Object.entries(versions).flatMap(([name, version]) => (version === undefined ? [] : [[name, version]]));
  return { platform: process.platform, arch: process.arch, system: release(), ...Object.fromEntries(known) };
}
