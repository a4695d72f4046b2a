// Words about a place in a cloud: why it cannot be used, what room it has, when it lets Signet go on, what would make the copies safer there.

import type { Words } from './error-words.ts';
import { ago, duration, type Locale, size } from './formats.ts';

/** The name of a place, for the middle of a sentence; some errors know it only as it is written in commands. */
export function placeNamed(place: string): string {
  const [, kind] = /^(drive|s3):/.exec(place) ?? [];
  return { drive: 'Google Drive', s3: 'the S3 storage' }[kind ?? ''] ?? place;
}

/** Why an owner has to sign in, by `params.why`. @param place begins large */
export function signInWords(why: string, place: string): Words {
  const sentences: { readonly [why: string]: Words } = {
    never: {
      message: `${place} is not connected to this computer.`,
      advice: 'Connect it first: it is done once, and asks for nothing that is in your backups.',
    },
    weekly: {
      message: 'Google ends this sign-in every 7 days, because the Google project is still in testing.',
      advice: 'Backups wait until you sign in again. Publish the project first, and the next sign-in lasts.',
    },
    client: {
      message: 'Google does not accept the client id or its secret.',
      advice: 'See that both were copied whole, and that the client is still in your Google project.',
    },
    keys: {
      message: `${place} does not accept the keys that Signet has for it.`,
      advice: 'Connect it again with keys that are valid. Backups wait until then.',
    },
    declined: {
      message: `${place} was not connected: the sign-in was declined.`,
      advice: 'Nothing was changed. Sign in again whenever you like.',
    },
    late: {
      message: `${place} was not connected: nobody agreed in time.`,
      advice: 'Nothing was changed. Start again, and the page waits for ten minutes.',
    },
    refused: {
      message: `${place} was not connected: Google did not grant it.`,
      advice: 'Nothing was changed. Try again; an account of a company or school may forbid it.',
    },
  };
  return sentences[why] ?? { message: `${place} needs you to sign in again.`, advice: 'Backups wait until then.' };
}

/** Why a place does not let Signet work, by `params.reason`. @param place begins large */
export function deniedWords(reason: string, place: string, account: string, region = ''): Words {
  const other = account === '' ? 'another account' : `another account (${account})`;
  const sentences: { readonly [reason: string]: Words } = {
    trashed: {
      message: `The folder with the copies is in the trash of ${inSentence(place)}.`,
      advice: 'Take it out of the trash there, and backups go on. Nothing new is begun in its place.',
    },
    gone: {
      message: `The folder with the copies is no longer in ${inSentence(place)}.`,
      advice: 'If it is nowhere in that account, connect a second place that has the copies, or set up anew.',
    },
    forgotten: {
      message: `${place} no longer shows Signet a file that Signet put there.`,
      advice: 'You may still see it there yourself. Verify the backups to see what is affected.',
    },
    scope: {
      message: `Signet is not allowed to keep files in ${inSentence(place)}.`,
      advice: 'Sign in again and leave the box ticked. It shows Signet the files it made, and no others.',
    },
    'other-account': {
      message: `This is ${other} than the one that holds the copies.`,
      advice: 'Nothing was changed. Sign in with the account that was connected before.',
    },
    'api-off': {
      message: 'The Google Drive API is not switched on in your Google project.',
      advice: 'Enable it there, wait a minute or two, then connect again.',
    },
    policy: {
      message: `${place} is closed to Signet by the rules of the company or school that the account belongs to.`,
      advice: 'Ask whoever sets them, or choose another place.',
    },
    abusive: {
      message: `${place} takes a file of the backup for harmful and holds it back.`,
      advice:
        'It is sealed, so that cannot be told from it. Ask Google to look at it again; other copies are not affected.',
    },
    region: {
      message: `${place} lies in ${region === '' ? 'another region' : `the region ${region}`}, and another was given.`,
      advice: `Connect it again with ${region === '' ? 'the right one after --region' : `--region ${region}`}.`,
    },
    'no-bucket': {
      message: `${place} does not exist there.`,
      advice: 'Check its name and the address, or make it first. Signet makes none.',
    },
    clock: {
      message: `The clock of this computer is too far from that of ${inSentence(place)}.`,
      advice: 'Set the clock right, and backups go on.',
    },
    certificate: {
      message: `The server of ${inSentence(place)} cannot prove that it is the right one.`,
      advice: 'Nothing was sent there. See whether its address is right and its certificate valid.',
    },
    exists: {
      message: `${place} holds something else under a name that the backup needs.`,
      advice: 'It was not replaced. Choose another prefix or bucket.',
    },
    'read-only': {
      message: `${place} can be read, but lets Signet write nothing.`,
      advice: 'Check the permissions of the place, then try again.',
    },
  };
  return (
    sentences[reason] ?? {
      message: `${place} does not let Signet read or write there.`,
      advice: 'Check the permissions of the place, then try again.',
    }
  );
}

/** A name keeps its large letter in a sentence, an article does not. */
function inSentence(place: string): string {
  return place.replace(/^The /, 'the ');
}

export interface Quota {
  readonly limit: number | null;
  readonly used: number;
  readonly inTrash?: number;
}

/** `5.5 GB free of 15 GB`, or what is used of a place without a limit. */
export function quotaWords({ limit, used }: Quota, locale: Locale = {}): string {
  if (limit === null) return `${size(used, locale)} used, no limit`;
  return `${size(Math.max(0, limit - used), locale)} free of ${size(limit, locale)}`;
}

/** Account and room, each where it is known. */
export function placeFactWords(
  { account, quota }: { readonly account?: string; readonly quota?: Quota },
  locale: Locale = {},
): readonly string[] {
  return [...(account === undefined ? [] : [account]), ...(quota === undefined ? [] : [quotaWords(quota, locale)])];
}

/** What would make the copies safer, by its code; undefined for a code that this version does not know. */
export function adviceWords(code: string): string | undefined {
  const sentences: { readonly [code: string]: string } = {
    'versioning-off':
      'Turn on versioning for this bucket: what is deleted or overwritten there can then be brought back.',
    'object-lock-off': 'With object lock nobody can delete the copies before their time, not even with your keys.',
    'no-mirror': 'This is the only place with copies. A second one keeps your backups when this one is lost.',
    'project-in-testing':
      'Your Google project is in testing, so Google ends the sign-in every 7 days. Publish the project, then sign in once more.',
  };
  return sentences[code];
}

/** Longer is no pause between two requests, but the end of what the place takes for a while. */
export const shortPauseMs = 10 * 60_000;

/** While a place asks for patience: what stands for the share that is done, where it stops for long, and the line below. */
export function patienceWords(
  until: string,
  place: string,
  now: number,
  locale: Locale = {},
): { readonly sentence?: string; readonly below: string } {
  const ms = Date.parse(until) - now;
  if (!(ms > shortPauseMs)) {
    return { below: `${place} asked us to wait ${duration(Math.max(1000, ms || 0), locale)}.` };
  }
  return {
    sentence: `Backup paused until ${ago(until, now, { ...locale, bare: true })}`,
    below: `${place} takes no more today. What is uploaded stays; the rest follows by itself.`,
  };
}
