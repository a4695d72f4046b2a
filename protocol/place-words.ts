// Words about a place in a cloud: why it cannot be used, what room it has, when it lets Signet go on, what would make the copies safer there.

import type { Words } from './error-words.ts';
import { ago, duration, type Locale, say, size } from './formats.ts';

/**
 * The name of a place, for the middle of a sentence. The daemon names folders and buckets in English ("the folder Backup"); some errors
 * know a place only as it is written in commands.
 */
export function placeNamed(place: string, locale: Locale = {}): string {
  const [, kind, name = ''] = /^(drive:|s3:|the folder |the bucket )(.*)$/s.exec(place) ?? [];
  switch (kind) {
    case 'drive:':
      return say(locale, 'Google Drive');
    case 's3:':
      return say(locale, 'the S3 storage');
    case 'the folder ':
      return say(locale, 'the folder {name}', { name });
    case 'the bucket ':
      return say(locale, 'the bucket {name}', { name });
    default:
      return place;
  }
}

/** Why an owner has to sign in, by `params.why`. @param place begins large */
export function signInWords(why: string, place: string, locale: Locale = {}): Words {
  switch (why) {
    case 'never':
      return {
        message: say(locale, '{place} is not connected to this computer.', { place }),
        advice: say(locale, 'Connect it first: it is done once, and asks for nothing that is in your backups.'),
      };
    case 'weekly':
      return {
        message: say(locale, 'Google ends this sign-in every 7 days, because the Google project is still in testing.'),
        advice: say(
          locale,
          'Backups wait until you sign in again. Publish the project first, and the next sign-in lasts.',
        ),
      };
    case 'client':
      return {
        message: say(locale, 'Google does not accept the client id or its secret.'),
        advice: say(locale, 'See that both were copied whole, and that the client is still in your Google project.'),
      };
    case 'keys':
      return {
        message: say(locale, '{place} does not accept the keys that Signet has for it.', { place }),
        advice: say(locale, 'Connect it again with keys that are valid. Backups wait until then.'),
      };
    case 'declined':
      return {
        message: say(locale, '{place} was not connected: the sign-in was declined.', { place }),
        advice: say(locale, 'Nothing was changed. Sign in again whenever you like.'),
      };
    case 'late':
      return {
        message: say(locale, '{place} was not connected: nobody agreed in time.', { place }),
        advice: say(locale, 'Nothing was changed. Start again, and the page waits for ten minutes.'),
      };
    case 'refused':
      return {
        message: say(locale, '{place} was not connected: Google did not grant it.', { place }),
        advice: say(locale, 'Nothing was changed. Try again; an account of a company or school may forbid it.'),
      };
    default:
      return {
        message: say(locale, '{place} needs you to sign in again.', { place }),
        advice: say(locale, 'Backups wait until then.'),
      };
  }
}

/** Why a place does not let Signet work, by `params.reason`. @param place begins large */
export function deniedWords(reason: string, place: string, account: string, region = '', locale: Locale = {}): Words {
  const within = { place: inSentence(place) };
  switch (reason) {
    case 'trashed':
      return {
        message: say(locale, 'The folder with the copies is in the trash of {place}.', within),
        advice: say(locale, 'Take it out of the trash there, and backups go on. Nothing new is begun in its place.'),
      };
    case 'gone':
      return {
        message: say(locale, 'The folder with the copies is no longer in {place}.', within),
        advice: say(
          locale,
          'If it is nowhere in that account, connect a second place that has the copies, or set up anew.',
        ),
      };
    case 'forgotten':
      return {
        message: say(locale, '{place} no longer shows Signet a file that Signet put there.', { place }),
        advice: say(locale, 'You may still see it there yourself. Verify the backups to see what is affected.'),
      };
    case 'scope':
      return {
        message: say(locale, 'Signet is not allowed to keep files in {place}.', within),
        advice: say(
          locale,
          'Sign in again and leave the box ticked. It shows Signet the files it made, and no others.',
        ),
      };
    case 'other-account':
      return {
        message:
          account === ''
            ? say(locale, 'This is another account than the one that holds the copies.')
            : say(locale, 'This is another account ({account}) than the one that holds the copies.', { account }),
        advice: say(locale, 'Nothing was changed. Sign in with the account that was connected before.'),
      };
    case 'api-off':
      return {
        message: say(locale, 'The Google Drive API is not switched on in your Google project.'),
        advice: say(locale, 'Enable it there, wait a minute or two, then connect again.'),
      };
    case 'policy':
      return {
        message: say(
          locale,
          '{place} is closed to Signet by the rules of the company or school that the account belongs to.',
          { place },
        ),
        advice: say(locale, 'Ask whoever sets them, or choose another place.'),
      };
    case 'abusive':
      return {
        message: say(locale, '{place} takes a file of the backup for harmful and holds it back.', { place }),
        advice: say(
          locale,
          'It is sealed, so that cannot be told from it. Ask Google to look at it again; other copies are not affected.',
        ),
      };
    case 'region':
      return region === ''
        ? {
            message: say(locale, '{place} lies in another region, and another was given.', { place }),
            advice: say(locale, 'Connect it again with the right one after --region.'),
          }
        : {
            message: say(locale, '{place} lies in the region {region}, and another was given.', { place, region }),
            advice: say(locale, 'Connect it again with --region {region}.', { region }),
          };
    case 'no-bucket':
      return {
        message: say(locale, '{place} does not exist there.', { place }),
        advice: say(locale, 'Check its name and the address, or make it first. Signet makes none.'),
      };
    case 'clock':
      return {
        message: say(locale, 'The clock of this computer is too far from that of {place}.', within),
        advice: say(locale, 'Set the clock right, and backups go on.'),
      };
    case 'certificate':
      return {
        message: say(locale, 'The server of {place} cannot prove that it is the right one.', within),
        advice: say(locale, 'Nothing was sent there. See whether its address is right and its certificate valid.'),
      };
    case 'exists':
      return {
        message: say(locale, '{place} holds something else under a name that the backup needs.', { place }),
        advice: say(locale, 'It was not replaced. Choose another prefix or bucket.'),
      };
    case 'read-only':
      return {
        message: say(locale, '{place} can be read, but lets Signet write nothing.', { place }),
        advice: say(locale, 'Check the permissions of the place, then try again.'),
      };
    default:
      return {
        message: say(locale, '{place} does not let Signet read or write there.', { place }),
        advice: say(locale, 'Check the permissions of the place, then try again.'),
      };
  }
}

/** A name keeps its large letter in a sentence, an English article does not. */
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
  if (limit === null) return say(locale, '{used} used, no limit', { used: size(used, locale) });
  return say(locale, '{free} free of {limit}', {
    free: size(Math.max(0, limit - used), locale),
    limit: size(limit, locale),
  });
}

/** Account and room, each where it is known. */
export function placeFactWords(
  { account, quota }: { readonly account?: string; readonly quota?: Quota },
  locale: Locale = {},
): readonly string[] {
  return [...(account === undefined ? [] : [account]), ...(quota === undefined ? [] : [quotaWords(quota, locale)])];
}

/** What would make the copies safer, by its code; undefined for a code that this version does not know. */
export function adviceWords(code: string, locale: Locale = {}): string | undefined {
  switch (code) {
    case 'versioning-off':
      return say(
        locale,
        'Turn on versioning for this bucket: what is deleted or overwritten there can then be brought back.',
      );
    case 'object-lock-off':
      return say(locale, 'With object lock nobody can delete the copies before their time, not even with your keys.');
    case 'no-mirror':
      return say(locale, 'This is the only place with copies. A second one keeps your backups when this one is lost.');
    case 'project-in-testing':
      return say(
        locale,
        'Your Google project is in testing, so Google ends the sign-in every 7 days. Publish the project, then sign in once more.',
      );
    default:
      return undefined;
  }
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
    const time = duration(Math.max(1000, ms || 0), locale);
    return { below: say(locale, '{place} asked us to wait {time}.', { place, time }) };
  }
  return {
    sentence: say(locale, 'Backup paused until {when}', { when: ago(until, now, { ...locale, bare: true }) }),
    below: say(locale, '{place} takes no more today. What is uploaded stays; the rest follows by itself.', { place }),
  };
}
