// Unlock…: the password, or the recovery key, once a login session.

import { status, unlock } from '../protocol/messages.ts';
import { parseRecoveryKey } from '../protocol/recovery-key.ts';
import { explain } from './explain.ts';
import { asWireError, type Link } from './link.ts';
import { ask } from './steps.ts';

const useKey = '\0recovery key';

/** True when the vault is open afterwards. */
export async function unlockVault(link: Link): Promise<boolean> {
  const phone = await phoneIfNeeded(link);
  if (phone === useKey) return await unlockWithKey(link);
  if (phone === undefined) return false;
  const answer = await ask({
    title: 'Unlock Signet',
    prompt: 'Your backup password. It stays on this computer.',
    hidden: true,
    buttons: [{ icon: 'key', tooltip: 'Use the Recovery Key', answer: useKey }],
    check: password => send(link, { password, ...phone }),
  });
  return answer === useKey ? await unlockWithKey(link) : typeof answer === 'string';
}

/** Where this computer does not know the number (any more), as with a keychain that is locked, it is asked for first. Undefined: the person gave up. */
async function phoneIfNeeded(link: Link): Promise<{ readonly phone?: string } | typeof useKey | undefined> {
  const now = await link.request(status, {});
  if (now.vault !== 'locked' || now.phoneEnding !== null) return {};
  const phone = await ask({
    title: 'Unlock Signet: Phone',
    prompt: 'Your phone number, with country code. This computer does not remember it, so it is needed too.',
    buttons: [{ icon: 'key', tooltip: 'Use the Recovery Key', answer: useKey }],
    check: async value =>
      /^\s*\+[\d ().-]{7,40}$/.test(value) ? undefined : 'A number starts with + and the country code.',
  });
  if (phone === useKey) return useKey;
  return typeof phone === 'string' ? { phone } : undefined;
}

async function unlockWithKey(link: Link): Promise<boolean> {
  const answer = await ask({
    title: 'Unlock Signet: Recovery Key',
    prompt: 'The 16 groups, then the check group. Spaces do not matter.',
    hidden: true,
    live: async value => {
      const typed = value.replace(/[\s-]/g, '');
      const message = /^[0-9a-f]*$/i.test(typed) ? `${typed.length} of 68 characters` : 'Only 0 to 9 and a to f.';
      return { message, severity: 1 };
    },
    check: typed => sendKey(link, typed),
  });
  return typeof answer === 'string';
}

/** Typing mistakes are told before anything is sent. */
async function sendKey(link: Link, typed: string): Promise<string | undefined> {
  try {
    return await send(link, { recoveryKey: parseRecoveryKey(typed) });
  } catch (error) {
    return explain(asWireError(error));
  }
}

/** The reason why it did not open, in the words for the input box; undefined when it did. */
async function send(
  link: Link,
  values: { readonly password?: string; readonly phone?: string; readonly recoveryKey?: string },
): Promise<string | undefined> {
  try {
    await link.request(unlock, { secrets: await link.seal(unlock, values) });
    return undefined;
  } catch (error) {
    return explain(asWireError(error));
  }
}
