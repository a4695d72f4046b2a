import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { fromUtf8, toHex, utf8 } from '../../daemon/base/bytes.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import type { Verdict } from '../../daemon/vault/model.ts';
import { normalisePassword } from '../../daemon/vault/password.ts';
import { StrengthGate } from '../../daemon/vault/strength.ts';
import {
  normalisePhone,
  parseRecoveryKey,
  phoneEnding,
  recoveryKeyGroups,
  resticPassword,
} from '../../daemon/vault/vault.ts';

function problem(
  t: ExecutionContext,
  work: () => unknown,
): { code: string; problem: unknown; params: SignetError['params'] } {
  const error = t.throws(work, { instanceOf: SignetError });
  return { code: error?.code ?? '', problem: error?.params['problem'], params: error?.params ?? {} };
}

test('a recovery key is 16 groups of four and a check group', t => {
  const groups = recoveryKeyGroups(new Uint8Array(32).fill(5));
  t.is(groups.length, 17);
  t.true(groups.slice(0, 16).every(group => group === '0505'));
  t.is(groups[16], '052a');
  t.is(fromUtf8(resticPassword(new Uint8Array(32).fill(5))), '05'.repeat(32));
});

test('a recovery key is read back however it is spaced', t => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.constantFrom('', ' ', '  ', '-', ' - ', '\n', '\t', '\u00a0', '–', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      (key, separator, upper, checked) => {
        const groups = recoveryKeyGroups(key).slice(0, checked ? 17 : 16);
        const text = ` ${groups.join(separator)}\n`;
        t.deepEqual(parseRecoveryKey(utf8(upper ? text.toUpperCase() : text)), key);
      },
    ),
    { numRuns: 200 },
  );
});

test('one wrong digit is found by the check group in all but one of 65,536 cases', t => {
  const digits = recoveryKeyGroups(randomBytes(32)).join('');
  let missed = 0;
  for (let at = 0; at < digits.length; at++) {
    const other = digits[at] === 'f' ? '0' : 'f';
    try {
      parseRecoveryKey(utf8(digits.slice(0, at) + other + digits.slice(at + 1)));
      missed++;
    } catch (error) {
      t.is((error as SignetError).params['problem'], 'check');
    }
  }
  t.true(missed <= 1);
});

test('what is wrong with a recovery key is said', t => {
  const groups = recoveryKeyGroups(new Uint8Array(32).fill(5));
  const bad = (text: string) => problem(t, () => parseRecoveryKey(utf8(text)));
  t.deepEqual(bad(''), {
    code: 'E_RECOVERY_KEY_FORM',
    problem: 'short',
    params: { problem: 'short', count: 0, expected: 68 },
  });
  t.is(bad(groups.slice(2).join(' ')).params['count'], 60);
  t.is(bad(`${groups.join(' ')} 1`).problem, 'long');
  t.is(bad(groups.join('').slice(0, 66)).problem, 'short');
  t.like(bad(`0505 0o05 ${groups.slice(2).join(' ')}`), { problem: 'character', params: { group: 2 } });
  t.is(bad('05'.repeat(32).concat('0000')).problem, 'check');
});

test('a key never stands in the error about it', t => {
  const groups = recoveryKeyGroups(randomBytes(32));
  const error = t.throws(() => parseRecoveryKey(utf8(`${groups.slice(0, 16).join(' ')} zzzz`)), {
    instanceOf: SignetError,
  });
  const text = JSON.stringify(error?.toWire());
  for (const group of groups.slice(0, 16)) t.false(text.includes(group));
});

const phones: readonly (readonly [string, string])[] = [
  ['+14155550123', '+14155550123'],
  ['+1 (415) 555-0123', '+14155550123'],
  [' +1-415-555-0123 ', '+14155550123'],
  ['+49 30 901820', '+4930901820'],
  ['+４９ ３０ ９０１８２０', '+4930901820'],
  ['+447911123456', '+447911123456'],
];

for (const [typed, expected] of phones) {
  test(`the phone number ${JSON.stringify(typed)} is ${expected}`, t => {
    t.is(normalisePhone(typed), expected);
    t.is(normalisePhone(normalisePhone(typed)), expected);
  });
}

const noPhones: readonly (readonly [string, string])[] = [
  ['', 'plus'],
  ['4155550123', 'plus'],
  ['0049 30 901820', 'plus'],
  ['+', 'number'],
  ['+1', 'number'],
  ['+1415555', 'number'],
  ['+999 1234567', 'number'],
  ['+1 415 555 0123 ext 5', 'number'],
  ['+1 415 555 0123 4567890', 'number'],
  ['+abc', 'number'],
  [`+${'1'.repeat(300)}`, 'number'],
];

for (const [typed, expected] of noPhones) {
  test(`${JSON.stringify(typed.slice(0, 30))} is no phone number, and the error does not repeat it`, t => {
    const found = problem(t, () => normalisePhone(typed));
    t.deepEqual(found, { code: 'E_PHONE_FORM', problem: expected, params: { problem: expected } });
  });
}

test('screens show the last two digits', t => {
  t.is(phoneEnding('+14155550123'), '23');
});

test('a password is taken as it is, in composed form', t => {
  t.deepEqual(normalisePassword(utf8(' e\u0301 ')), utf8(' é '));
  t.deepEqual(normalisePassword(utf8('a'.repeat(1024))), utf8('a'.repeat(1024)));
  t.deepEqual(normalisePassword(utf8('密码🔑')), utf8('密码🔑'));
});

const badPasswords: readonly (readonly [string, Uint8Array, string])[] = [
  ['nothing', new Uint8Array(), 'empty'],
  ['1025 bytes', new Uint8Array(1025).fill(0x61), 'long'],
  ['a megabyte', new Uint8Array(1_000_000).fill(0x61), 'long'],
  ['1023 bytes that grow beyond 1024 when composed', utf8('\u0958'.repeat(341)), 'long'],
  ['a tab', utf8('pass\tword'), 'control'],
  ['a line end', utf8('password\n'), 'control'],
  ['a NUL', utf8('pass\0word'), 'control'],
  ['a C1 control', utf8('pass\u0085word'), 'control'],
  ['a delete', utf8('pass\u007fword'), 'control'],
  ['bytes that are not UTF-8', new Uint8Array([0x61, 0xff]), 'encoding'],
  ['a lone surrogate in WTF-8', new Uint8Array([0xed, 0xa0, 0x80]), 'encoding'],
];

for (const [what, typed, expected] of badPasswords) {
  test(`a password of ${what} is refused`, t => {
    t.like(
      problem(t, () => normalisePassword(typed)),
      { code: 'E_PASSWORD_FORM', problem: expected },
    );
  });
}

const gate = new StrengthGate();

const verdicts: readonly (readonly [string, Verdict])[] = [
  ['Signet-backup1', 'refused'],
  ['Marie1987Paris!', 'refused'],
  ['password1234', 'refused'],
  ['aaaaaaaaaaaaaaaaaaaaaaaa', 'refused'],
  ['correct horse battery staple', 'refused'],
  ['Correct-Horse-Battery-Staple!1', 'refused'],
  ['c0rrect h0rse battery st4ple', 'refused'],
  ['To be or not to be', 'refused'],
  ['xQ7#pL2$vB9', 'refused'],
  ['+14155550123whatsapp', 'refused'],
  ['kqzv7Rm2xPw9', 'weak'],
  ['velvet tunnel orbit mango', 'strong'],
];

for (const [text, verdict] of verdicts) {
  test(`the password ${JSON.stringify(text)} is ${verdict}`, t => {
    t.is(gate.judge(text, '+14155550123'), verdict);
  });
}

test('a famous phrase with enough beside it counts for what is beside it', t => {
  t.not(gate.judge('correct horse battery staple violin tundra parsnip'), 'refused');
});

test("a phone number's digits make a password no better", t => {
  const with4 = gate.judge('tundra-0123-parsnip', '+14155550123');
  t.true(['refused', 'weak', 'good'].includes(with4));
  t.is(gate.judge('4155550123Ab!', '+14155550123'), 'refused');
});

test('a password of a thousand letters is judged by its first hundred', t => {
  const start = performance.now();
  t.is(gate.judge('velvet tunnel orbit mango '.repeat(40)), 'strong');
  t.true(performance.now() - start < 5000);
});

test('eleven letters are too few, twelve may do, and an emoji is one', t => {
  t.is(gate.judge('kqzv7Rm2xPw'), 'refused');
  t.is(gate.judge('🔑🔑🔑🔑🔑🔑'), 'refused');
});

test('keys of the form that restic is given are lower-case hex', t => {
  const key = randomBytes(32);
  t.is(fromUtf8(resticPassword(key)), toHex(key));
});
