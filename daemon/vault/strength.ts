// How hard a password is to guess by someone who holds the vault file. zxcvbn's score 4 is not enough for that (10^10 guesses
// cost about a thousand dollars against our costs), so the gate is on the number of guesses; a year-long effort begins near
// 10^12. Dictionaries are English and overrate other languages, hence the length besides. Runs in the key child only.

import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import * as common from '@zxcvbn-ts/language-common';
import * as english from '@zxcvbn-ts/language-en';
import type { Verdict } from './model.ts';

const minCharacters = 12;
const refusedBelow = 12; // log10 of guesses
const weakBelow = 14;
const goodBelow = 18;
/** zxcvbn's time grows faster than the length; 100 characters take about 20 ms. */
const judgedCharacters = 100;

/** Phrases that every list of guesses has, whatever their words would be worth. Letters and digits only. */
const famousPhrases = [
  'correcthorsebatterystaple',
  'correcthorsebattery',
  'horsebatterystaple',
  'tobeornottobe',
  'thatisthequestion',
  'maytheforcebewithyou',
  'thequickbrownfox',
  'jumpsoverthelazydog',
  'loremipsumdolorsitamet',
  'itwasthebestoftimes',
  'callmeishmael',
  'inthebeginninggodcreated',
  'ourfatherwhoartinheaven',
  'thelordismyshepherd',
  'ihaveadream',
  'fourscoreandsevenyearsago',
  'wethepeopleoftheunitedstates',
  'weholdthesetruths',
  'ithinkthereforeiam',
  'cogitoergosum',
  'carpediem',
  'winteriscoming',
  'valarmorghulis',
  'oneringtorulethemall',
  'youshallnotpass',
  'myprecious',
  'iamyourfather',
  'livelongandprosper',
  'beammeupscotty',
  'houstonwehaveaproblem',
  'onesmallstepforman',
  'elementarymydearwatson',
  'franklymydear',
  'thereisnoplacelikehome',
  'heresjohnny',
  'toinfinityandbeyond',
  'hakunamatata',
  'letitgoletitgo',
  'ifyoucandreamit',
  'thecakeisalie',
  'allyourbasearebelongtous',
  'dontpanic',
  'solongandthanksforallthefish',
  'theanswertolifetheuniverseandeverything',
  'twinkletwinklelittlestar',
  'happybirthdaytoyou',
  'imagineallthepeople',
  'wealllivinayellowsubmarine',
  'wealllivinginayellowsubmarine',
  'bohemianrhapsody',
  'nevergonnagiveyouup',
  'stairwaytoheaven',
  'hellodarknessmyoldfriend',
  'somewhereovertherainbow',
  'rosesareredvioletsareblue',
  'anappleadaykeepsthedoctoraway',
  'supercalifragilisticexpialidocious',
  'iloveyouforever',
  'iloveyouverymuch',
  'openthepodbaydoors',
  'opensesame',
  'whatsappbackup',
  'signetbackup',
  'mypassword',
  'thisismypassword',
  'letmeinplease',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiopasdfghjklzxcvbnm',
  'zuseinodernichtzusein',
  'dasisthierdiefrage',
  'longtempsjemesuiscouche',
  'enunlugardelamancha',
  'nelmezzodelcammin',
] as const;

const plainLetters: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

export class StrengthGate {
  readonly #zxcvbn = new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    useLevenshteinDistance: false, // costs up to 2 s for one password
  });

  /** @param password in NFC @param phone E.164; its digits count as known to the guesser */
  judge(password: string, phone?: string): Verdict {
    if ([...password].length < minCharacters || isFamous(password)) return 'refused';
    const judged = [...password].slice(0, judgedCharacters).join('');
    const { guessesLog10 } = this.#zxcvbn.check(judged, ['signet', 'whatsapp', 'backup', ...phoneParts(phone)]);
    if (guessesLog10 < refusedBelow) return 'refused';
    if (guessesLog10 < weakBelow) return 'weak';
    return guessesLog10 < goodBelow ? 'good' : 'strong';
  }
}

/** True when hardly anything is left of the password without its famous phrases. */
function isFamous(password: string): boolean {
  const lower = password.toLowerCase();
  const unmasked = [...lower].map(letter => plainLetters[letter] ?? letter).join('');
  return [lower, unmasked].some(text => {
    const letters = text.replace(/[^\p{L}\p{N}]/gu, '');
    const rest = famousPhrases.reduce((left, phrase) => left.replaceAll(phrase, ''), letters);
    return rest.length < letters.length && rest.length < minCharacters;
  });
}

/** The number as people write it into passwords: with and without country code, and its endings. */
function phoneParts(phone: string | undefined): readonly string[] {
  if (phone === undefined) return [];
  const digits = phone.replace(/\D/g, '');
  const endings = [1, 2, 3, 4, 5, 6].map(cut => digits.slice(cut)).filter(part => part.length >= 4);
  const national = [1, 2, 3].map(cut => `0${digits.slice(cut)}`);
  return [digits, `00${digits}`, ...endings, ...national, digits.slice(-4), digits.slice(-6)];
}
