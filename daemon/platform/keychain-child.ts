// The keychain child: a short-lived process that does one thing with the operating system's keychain and ends. The bindings are native code
// which can crash (keytar's findCredentials does on a locked keyring, and is never called) or wait for a prompt on the desktop for ever;
// neither may happen in the daemon.

import { asBuffer, fromUtf8, toHex, utf8, wipe } from '../base/bytes.ts';
import { packFrame, readFrame, unpackFrame } from '../base/child.ts';
import type { KeychainAnswer, KeychainRequest } from './keychain-wire.ts';

const service = 'signet';

/** What both bindings can do. `null` from `get` means: there is none, or the keyring is locked. */
interface Binding {
  readonly name: string;
  get(account: string): Promise<string | null>;
  set(account: string, value: string): Promise<void>;
  remove(account: string): Promise<void>;
}

type Answered = { readonly head: KeychainAnswer; readonly secret: Uint8Array };

async function loadKeytar(): Promise<Binding> {
  const { default: keytar } = await import('keytar');
  return {
    name: 'keytar',
    get: account => keytar.getPassword(service, account),
    set: (account, value) => keytar.setPassword(service, account, value),
    async remove(account) {
      await keytar.deletePassword(service, account);
    },
  };
}

/** Needs no libsecret. Without a Secret Service it would fall back to a keyring of the kernel, which ends when no process uses it. */
async function loadNapi(): Promise<Binding> {
  const { AsyncEntry } = await import('@napi-rs/keyring');
  const entry = (account: string) => new AsyncEntry(service, account, { linux: { store: 'secret-service' } });
  return {
    name: '@napi-rs/keyring',
    get: account => entry(account).getPassword(),
    set: (account, value) => entry(account).setPassword(value),
    async remove(account) {
      await entry(account).deletePassword();
    },
  };
}

async function loadBinding(): Promise<Binding | { readonly problem: string }> {
  const problems: string[] = [];
  for (const load of [loadKeytar, loadNapi]) {
    try {
      return await load();
    } catch (error) {
      problems.push(textOf(error));
    }
  }
  return { problem: problems.join('; ') };
}

async function answer(request: KeychainRequest, given: Uint8Array): Promise<Answered> {
  const none = new Uint8Array();
  const binding = await loadBinding();
  if ('problem' in binding) {
    return { head: { state: 'unavailable', backend: null, done: false, detail: binding.problem }, secret: none };
  }
  const told = (done: boolean, secret = none): Answered => ({
    head: { state: 'works', backend: binding.name, done, detail: '' },
    secret,
  });
  try {
    switch (request.op) {
      case 'probe':
        return told(await probe(binding, request.account));
      case 'get': {
        const value = await binding.get(request.account);
        return value === null ? told(false) : told(true, utf8(value));
      }
      case 'set': {
        const value = fromUtf8(given) ?? '';
        await binding.set(request.account, value);
        return told((await binding.get(request.account)) === value);
      }
      case 'remove':
        await binding.remove(request.account);
        return told(true);
    }
  } catch (error) {
    const detail = textOf(error);
    const state = /locked/i.test(detail) ? 'locked' : 'none';
    return { head: { state, backend: binding.name, done: false, detail }, secret: none };
  }
}

async function probe(binding: Binding, account: string): Promise<boolean> {
  const value = toHex(crypto.getRandomValues(new Uint8Array(8)));
  await binding.set(account, value);
  const isKept = (await binding.get(account)) === value;
  await binding.remove(account);
  return isKept;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const frame = await readFrame(process.stdin);
const request = unpackFrame(frame);
if (request === undefined) process.exit(1);
// The daemon is the only one that can write to this pipe, and it writes nothing but KeychainRequests.
const { head, secret } = await answer(request.head as KeychainRequest, request.secret);
const response = packFrame(head, secret);
wipe(frame, secret);
process.stdout.write(asBuffer(response), () => {
  wipe(response);
  process.exit(0);
});
