// Where the copies are, under which lock, and what proves that they are good. What is not known is said to be so: never 0, never blank.

import { wordsFor } from '../../protocol/error-words.ts';
import { capital, count, counted, dayOf, type Locale, plural, say, size } from '../../protocol/formats.ts';
import { placeNamed } from '../../protocol/place-words.ts';
import type { PlaceStatus, Status } from '../../protocol/status.ts';
import type { Reader } from '../views.ts';
import type { CloudModel, EncryptionModel, Fact, Piece, ProofModel, TableModel } from './panel-model.ts';
import { cutMiddle, longestName, run, when } from './phrases.ts';

export function cloudModel(status: Status, places: readonly PlaceStatus[], reader: Reader): CloudModel {
  const { locale, now } = reader;
  const { remote, repository } = status;
  const title = say(locale, 'Cloud');
  if (remote === null) {
    return { title, place: say(locale, 'No place is chosen for the copies.'), about: '', room: [], facts: [] };
  }
  const main = places.find(({ role }) => role === 'main');
  const folder = remote.kind === 'drive' ? main?.remote.replace(/^drive:/, '') : undefined;
  const about = [
    folder === undefined || folder === '' ? '' : say(locale, 'folder “{folder}”', { folder }),
    remote.account ?? '',
  ];
  const warning = cloudWarning(status, reader);
  return {
    title,
    place: capital(placeNamed(remote.label, locale)),
    about: about.filter(text => text !== '').join(' · '),
    ...room(remote.quota, repository?.sizeBytes ?? null, locale),
    ...(warning !== undefined && { warning }),
    facts: status.mirrors.map(({ label, syncedAt, problem, signIn }) => ({
      name: say(locale, 'Second copy'),
      value:
        problem !== undefined || signIn !== undefined
          ? say(locale, '{place}: behind. {reason}', {
              place: capital(placeNamed(label, locale)),
              reason: wordsFor({ code: problem ?? 'E_SIGN_IN', params: { place: label } }, now, locale).message,
            })
          : syncedAt === null
            ? say(locale, '{place}: not complete yet', { place: capital(placeNamed(label, locale)) })
            : say(locale, '{place}: complete, {when}', {
                place: capital(placeNamed(label, locale)),
                when: when(syncedAt, reader),
              }),
    })),
  };
}

function cloudWarning({ remote, notices, overdue, lastError }: Status, { now, locale }: Reader): string | undefined {
  if (remote?.signIn === 'needed') {
    const since =
      notices.find(({ kind }) => kind === 'signed-out')?.since ??
      (overdue?.cause === 'sign-in' ? overdue.causeSince : undefined) ??
      (lastError?.code === 'E_SIGN_IN' ? lastError.at : undefined);
    return since === undefined
      ? say(locale, 'Signed out. The figures are from before.')
      : say(locale, 'Signed out since {day}. The figures are from before.', { day: dayOf(since, now, locale) });
  }
  if (remote?.reachable === false) {
    return say(locale, 'It cannot be reached now. The figures are from the last time it answered.');
  }
  return undefined;
}

function room(
  quota: { readonly limit: number | null; readonly used: number } | undefined,
  ours: number | null,
  locale: Locale,
): Pick<CloudModel, 'bar' | 'room'> {
  const sized = (bytes: number) => size(Math.max(0, bytes), locale);
  const mine: Piece =
    ours === null
      ? { text: say(locale, 'What Signet uses is not measured yet') }
      : { text: say(locale, 'Signet {size}', { size: sized(ours) }) };
  const dot: Piece = { text: ' · ' };
  if (quota === undefined) return { room: [mine, dot, { text: say(locale, 'the room left there is not known') }] };
  const { limit, used } = quota;
  const others: Piece =
    ours === null
      ? { text: say(locale, '{size} used in all', { size: sized(used) }) }
      : { text: say(locale, 'other things {size}', { size: sized(used - ours) }) };
  if (limit === null || limit <= 0) return { room: [mine, dot, others, dot, { text: say(locale, 'no limit') }] };
  const free = say(locale, '{size} free', { size: sized(limit - used) });
  const whole = say(locale, '{free} of {size}', { free, size: sized(limit) });
  const at = whole.indexOf(free);
  const share = (bytes: number) => Math.round(Math.min(100, Math.max(0, (100 * bytes) / limit)) * 10) / 10;
  return {
    bar: {
      ours: share(ours ?? 0),
      theirs: share(used - (ours ?? 0)),
      label:
        ours === null
          ? say(locale, 'Of {limit}, {used} are used, {free} are free.', {
              limit: sized(limit),
              used: sized(used),
              free: sized(limit - used),
            })
          : say(locale, 'Of {limit}, Signet uses {ours}, other things use {others}, {free} are free.', {
              limit: sized(limit),
              ours: sized(ours),
              others: sized(used - ours),
              free: sized(limit - used),
            }),
    },
    room: [
      mine,
      dot,
      others,
      dot,
      { text: whole.slice(0, at) },
      { text: free, isStrong: true as const },
      { text: whole.slice(at + free.length) },
    ].filter(({ text }) => text !== ''),
  };
}

export function encryptionModel(status: Status, reader: Reader): EncryptionModel {
  const { locale } = reader;
  return {
    title: say(locale, 'Encryption'),
    lead: [
      { text: say(locale, 'End-to-end encrypted.'), isStrong: true },
      {
        text: ` ${
          status.remote?.kind === 'drive'
            ? say(
                locale,
                'Only your password or your recovery key opens the backup. Google cannot read it, and neither can anyone who gets into the account.',
              )
            : say(
                locale,
                'Only your password or your recovery key opens the backup. Whoever keeps the copies cannot read it, and neither can anyone who gets at them.',
              )
        }`,
      },
    ],
    facts: [
      passwordFact(status, reader),
      sheetFact(status, reader),
      phoneFact(status, locale),
      sessionFact(status, reader),
    ],
  };
}

function passwordFact({ dates }: Status, { now, locale }: Reader): Fact {
  const day = (at: string) => dayOf(at, now, locale);
  const { passwordSetAt: set, passwordConfirmedAt: confirmed } = dates ?? {};
  const value =
    set !== undefined && confirmed !== undefined
      ? say(locale, 'Set {day}, confirmed {when}', { day: day(set), when: day(confirmed) })
      : set !== undefined
        ? say(locale, 'Set {day}', { day: day(set) })
        : confirmed !== undefined
          ? say(locale, 'Confirmed {when}', { when: day(confirmed) })
          : say(locale, 'When it was set is not known here');
  return { name: say(locale, 'Password'), value, action: run(say(locale, 'Change…'), 'signet.changePassword') };
}

function sheetFact({ dates }: Status, { now, locale }: Reader): Fact {
  const at = dates?.sheetAt;
  return {
    name: say(locale, 'Recovery key'),
    value:
      at === undefined
        ? say(locale, 'Whether the sheet was printed is not known here')
        : say(locale, 'Sheet last shown {day}', { day: dayOf(at, now, locale) }),
    action: run(at === undefined ? say(locale, 'Print…') : say(locale, 'Print again…'), 'signet.printRecoverySheet'),
  };
}

function phoneFact({ phoneEnding }: Status, locale: Locale): Fact {
  return {
    name: say(locale, 'Phone'),
    value:
      phoneEnding === null
        ? say(locale, 'Not remembered on this computer')
        : say(locale, 'Ending in {digits}', { digits: phoneEnding }),
    action: run(say(locale, 'Change…'), 'signet.changePhone'),
  };
}

function sessionFact({ vault, keychain, dates }: Status, reader: Reader): Fact {
  const { locale } = reader;
  const name = say(locale, 'This session');
  if (vault === 'locked') {
    const at = dates?.lockedAt;
    const value =
      at === undefined ? say(locale, 'Locked') : say(locale, 'Locked since {when}', { when: when(at, reader) });
    return { name, value, action: run(say(locale, 'Unlock…'), 'signet.unlock') };
  }
  return {
    name,
    value:
      keychain === 'session'
        ? say(locale, 'Unlocked until you log out')
        : say(locale, 'Unlocked until Signet is started again'),
    action: run(say(locale, 'Lock now'), 'signet.lock'),
  };
}

export function proofModel({ lastVerified, lastDrill, devices }: Status, reader: Reader): ProofModel {
  const { now, locale } = reader;
  const at = lastVerified === undefined ? '' : capital(whenExactly(lastVerified.at, now, locale));
  const value =
    lastVerified === undefined
      ? say(locale, 'Not verified yet')
      : lastVerified.problems === 0
        ? say(locale, '{when}: {size} of stored data read back, all intact', {
            when: at,
            size: size(lastVerified.bytesRead, locale),
          })
        : plural(
            locale,
            lastVerified.problems,
            '{when}: {count} problem was found',
            '{when}: {count} problems were found',
            { when: at },
          );
  return {
    title: say(locale, 'Proof'),
    facts: [
      { name: say(locale, 'Last verified'), value, action: run(say(locale, 'Verify…'), 'signet.verify') },
      {
        name: say(locale, 'Proven restorable'),
        value: provenWords(lastDrill, reader),
        action: run(say(locale, 'Prove now'), 'signet.proveRestorable'),
      },
    ],
    ...(devices === undefined || devices.length === 0
      ? { note: say(locale, 'Which computers back up to this place is not known here yet.') }
      : { devices: devicesTable(devices, reader) }),
  };
}

/** What the newest trial restore brought, and when the last good one was. */
function provenWords(drill: Status['lastDrill'], { now, locale }: Reader): string {
  if (drill === undefined) return say(locale, 'Not tried yet');
  const when = capital(whenExactly(drill.at, now, locale));
  if (drill.ok) {
    const files = counted(drill.files, 'file', 'files', locale);
    return drill.databases === 0
      ? say(locale, '{when}: {files} came back as they were backed up', { when, files })
      : plural(
          locale,
          drill.databases,
          '{when}: {files} came back as they were backed up, and {count} database in them is sound',
          '{when}: {files} came back as they were backed up, and {count} databases in them are sound',
          { when, files },
        );
  }
  return drill.provenAt === undefined
    ? say(locale, '{when}: the trial restore failed', { when })
    : say(locale, '{when}: the trial restore failed; the backup of {day} came back whole', {
        when,
        day: dayOf(drill.provenAt, now, locale),
      });
}

/** `today at 02:14`, else the day. */
function whenExactly(at: string, now: number, locale: Locale): string {
  const day = dayOf(at, now, locale);
  if (day !== dayOf(new Date(now).toISOString(), now, locale)) return day;
  const time = new Intl.DateTimeFormat(locale.locale ?? 'en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    timeZone: locale.timeZone,
  }).format(Date.parse(at));
  return say(locale, '{day} at {time}', { day, time });
}

function devicesTable(devices: NonNullable<Status['devices']>, reader: Reader): TableModel {
  const { locale } = reader;
  return {
    columns: [
      { label: say(locale, 'Device') },
      { label: say(locale, 'Backup'), isNumber: true },
      { label: say(locale, 'Last good') },
    ],
    rows: devices.map(({ id, label, isThis, number, at }) => ({
      key: id,
      icon: isThis ? 'laptop' : 'desktop',
      name: cutMiddle(label, longestName),
      ...(isThis && { aside: say(locale, 'this computer') }),
      cells: [
        { text: count(number, locale), before: say(locale, 'backup'), isNumber: true },
        { text: at === undefined ? say(locale, 'not known') : when(at, reader) },
      ],
    })),
  };
}
