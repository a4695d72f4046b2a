// Rows 29 to 31: neighbours at the socket, secrets where they do not belong, and workspaces that are not trusted. The long forms are in
// test/integration (flood, hardening, secrets, no-trace).

import { randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { ExecutionContext } from 'ava';
import { toHex } from '../../daemon/base/bytes.ts';
import { endpointOf, resolveHome, tokenFile } from '../../protocol/home.ts';
import { daemonFlags } from '../../protocol/runtime.ts';
import { installation, password, phone } from '../support/installation.ts';
import { listening } from '../support/listening.ts';
import { frame, hello, proveOn, request } from '../support/raw-wire.ts';
import { row } from '../support/rows.ts';
import { fails, password as kitPassword, phone as kitPhone, makeKit, newVault } from '../support/vault-kit.ts';

/** Connects, does it, and resolves when the daemon closed the line. */
function closedAfter(path: string, what: (socket: Socket) => void): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(path);
  let said = '';
  socket.on('data', data => {
    said += data;
  });
  socket.on('error', () => undefined);
  socket.once('close', () => resolve(said));
  socket.once('connect', () => what(socket));
  return promise;
}

/** Writes until the line is closed or so much was taken. */
function pour(socket: Socket, chunk: () => string | Buffer, most: number): void {
  let sent = 0;
  const more = (): void => {
    while (!socket.destroyed && sent < most) {
      const piece = chunk();
      sent += piece.length;
      if (!socket.write(piece)) return;
    }
    if (!socket.destroyed) socket.end();
  };
  socket.on('drain', more);
  more();
}

row(
  29,
  'a wrong proof, a replayed one, noise, a frame without end, forged and polluting messages, SIGUSR1: closed each, and the daemon serves on',
  async t => {
    t.timeout(120_000);
    const signet = await installation(t);
    await signet.status();
    const pid = (await signet.daemonPid()) ?? 0;
    const home = resolveHome({ env: { SIGNET_HOME: signet.home } });
    const { path } = endpointOf(home);
    const token = Buffer.from(readFileSync(tokenFile(home), 'latin1'), 'hex');
    const rude: readonly ((socket: Socket) => void)[] = [
      socket => void socket.write(frame({ nonce: 'A'.repeat(43), proof: 'A'.repeat(43) })),
      socket => proveOn(socket, randomBytes(32), () => socket.write(hello())),
      socket => pour(socket, () => randomBytes(4096), 8 * 1024 * 1024),
      socket => pour(socket, () => 'x'.repeat(65_536), 64 * 1024 * 1024),
      socket => void socket.write('{"type":"__proto__","data":{"polluted":1}}\f'),
      socket => void socket.write('{"__proto__":{"polluted":1},"type":"rpc","data":{"__proto__":{"polluted":1}}}\f'),
      socket => proveOn(socket, token, () => socket.write(`${hello()}{{{{\f`)),
      socket => proveOn(socket, token, () => pour(socket, () => 'y'.repeat(65_536), 64 * 1024 * 1024)),
      socket =>
        proveOn(socket, token, () => {
          socket.write(hello());
          socket.write(request(1, 'signet/__proto__', { constructor: { prototype: 1 } }));
          socket.write(request(2, 'signet/restore', { target: 7 }));
          socket.end();
        }),
    ];
    const said = await Promise.all(rude.map(each => closedAfter(path, each)));
    for (const each of said.slice(0, 6)) t.notRegex(each, /"result"/, 'nothing is answered before the proof');
    process.kill(pid, 'SIGUSR1');
    t.is((await signet.status()).vault, 'absent');
    t.is(await signet.daemonPid(), pid, 'the same daemon');
    t.deepEqual(listening(pid), [], 'no port, and no debugger');
    t.true(daemonFlags.includes('--disable-sigusr1'));
  },
);

function hits(folder: string, needles: Readonly<Record<string, string>>): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap(name => {
    const file = join(folder, name);
    const bytes = lstatSync(file).isFile() ? readFileSync(file) : Buffer.alloc(0);
    return Object.entries(needles).flatMap(([what, needle]) =>
      name.includes(needle) || bytes.includes(needle) ? [`${name}: ${what}`] : [],
    );
  });
}

async function lifeOf(t: ExecutionContext) {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'a.txt'), 'the cassowary sleeps');
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);
  await signet.ok(['lock']);
  return { signet, recoveryKey };
}

row(
  30,
  'after a set-up, a backup and a lock: no secret and no message in any file of the home or the cloud, nor in the status',
  async t => {
    t.timeout(120_000);
    const { signet, recoveryKey } = await lifeOf(t);
    const wrong = await signet.signet(['unlock'], { password: 'wrong horse battery staple wrong' });
    t.is(wrong.code, 12);
    const status = JSON.stringify(await signet.status());
    const needles = {
      password,
      'wrong password': 'wrong horse battery',
      'recovery key': recoveryKey,
      message: 'cassowary',
    };
    t.true(recoveryKey.length >= 64);
    t.deepEqual(
      hits(signet.home, { ...needles, 'binary recovery key': Buffer.from(recoveryKey, 'hex').toString('latin1') }),
      [],
    );
    t.deepEqual(hits(signet.remote, { ...needles, phone, 'own path': signet.source, name: 'a.txt' }), []);
    for (const needle of [...Object.values(needles), phone]) {
      t.false(status.includes(needle));
      t.false(`${wrong.out}${wrong.err}`.includes(needle));
    }
  },
);

row(30, 'after a lock the recovery key is wiped, and no error or printed vault holds a secret', async t => {
  const { vault } = await makeKit();
  const made = newVault();
  const key = toHex(made.recoveryKey);
  await vault.adopt(await vault.create(made));
  const copy = vault.recoveryKey();
  t.is(toHex(copy), key);
  vault.lock();
  await fails(t, 'E_VAULT_LOCKED', () => vault.recoveryKey());
  const error = await fails(t, 'E_WRONG_SECRET', () =>
    vault.unlockWithPassword(Buffer.from('nobody told this one'), kitPhone),
  );
  const shown = inspect([vault, error, error.toWire()], { depth: 12, showHidden: true });
  for (const secret of [key, Buffer.from(kitPassword).toString(), 'nobody told this one'])
    t.false(shown.includes(secret));
});

interface Manifest {
  readonly contributes: {
    readonly configuration: readonly { readonly properties: Readonly<Record<string, { readonly scope?: string }>> }[];
  };
  readonly capabilities: { readonly untrustedWorkspaces: { readonly supported: boolean | string } };
}

row(31, 'no setting can come from a workspace: each is of the machine or of the application', t => {
  const text = readFileSync(new URL('../../extension/manifest.json', import.meta.url), 'utf8');
  const { contributes, capabilities } = JSON.parse(text) as Manifest;
  const settings = contributes.configuration.flatMap(({ properties }) => Object.entries(properties));
  t.true(settings.length > 5);
  t.deepEqual(
    settings.filter(([, { scope }]) => scope !== 'machine' && scope !== 'application').map(([name]) => name),
    [],
  );
  t.not(capabilities.untrustedWorkspaces.supported, undefined);
});
