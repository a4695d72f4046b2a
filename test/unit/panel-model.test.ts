import test from 'ava';
import { historyModel } from '../../extension/panel/history.ts';
import { panelModel } from '../../extension/panel/model.ts';
import { type Intent, panelCommands, readFromPage } from '../../extension/panel/panel-model.ts';
import { cutMiddle } from '../../extension/panel/phrases.ts';
import type { HistoryDay, Status } from '../../protocol/status.ts';
import {
  bare,
  calm,
  job,
  morning,
  ninetyDays,
  type PanelState,
  panelOf,
  panelStates,
} from '../support/panel-states.ts';

const heading = (state: PanelState) =>
  panelOf(state)
    .state.heading.map(({ text }) => text)
    .join('');
const buttons = (state: PanelState) => {
  const { primary, others } = panelOf(state).state;
  return [...(primary === undefined ? [] : [`*${primary.label}`]), ...others.map(({ label }) => label)];
};

const expected: readonly (readonly [PanelState, string, readonly string[]])[] = [
  ['good', 'Everything is backed up', ['*Back Up Now', 'Restore…']],
  ['first-due', 'Ready for the first backup', ['*Back Up Now', 'Restore…']],
  ['partial', 'Backed up, except 2 files', ['*Show Them', 'Back Up Now']],
  ['shrunk', 'Backed up, except WhatsApp', ['*Back Up Now', 'That Was Me', 'Restore…']],
  ['offline', 'Everything up to 5 minutes ago is backed up', ['Try Now', 'Restore…']],
  ['running', 'Backing up 43%', ['Cancel']],
  ['cancelling', 'Stopping', []],
  ['locked', 'Signet is locked', ['*Unlock…', 'Use Recovery Key…']],
  ['overdue', 'No good backup for 9 days', ['*Sign In…', 'Back Up Elsewhere…']],
  ['signed-out', 'Google Drive needs you to sign in again', ['*Sign In…', 'Back Up Elsewhere…']],
  ['cloud-full', 'Google Drive is full', ['*Show Plan…', 'Try Again', 'Back Up Elsewhere…']],
  ['disk-full', "This computer's disk is full", ['*Try Again']],
  [
    'alarm',
    'The cloud is hiding 2 backups that this computer made',
    ['*Check Again', 'Add a Second Place…', 'I removed them myself…'],
  ],
  [
    'damage',
    '31 MB of the backup is damaged in the cloud',
    ['*Upload Again', 'Show What Is Affected', 'Give Up What Is Missing…', 'Show Another…'],
  ],
  [
    'foreign',
    'There is a backup here that none of your devices reported',
    ['*Look at It', 'Check Again', 'I made it with restic…', 'Show Another…'],
  ],
  [
    'lock-replaced',
    'The password lock in the cloud was replaced',
    ['*Put Mine Back…', 'I changed it on another device…'],
  ],
  ['not-running', 'Signet is not running', ['*Start', 'Show Log']],
  ['empty', 'Your chats are not backed up yet', ['*Set Up Backup…', 'Restore from a Backup…']],
];
for (const [state, sentence, labels] of expected) {
  test(`${state}: one sentence, and what helps`, t => {
    t.is(heading(state), sentence);
    t.deepEqual(buttons(state), labels);
  });
}

test('only a backup that holds everything has the mark for good', t => {
  const good = (Object.keys(panelStates) as PanelState[]).filter(state => panelOf(state).state.tone === 'good');
  t.deepEqual(good, ['good']);
});

test('an alarm tells what it means, that nothing is lost, and what to do', t => {
  const { state } = panelOf('alarm');
  const told = state.lines.flat().map(({ text }) => text);
  t.regex(told[0] ?? '', /^They reached Google Drive and were read back/);
  t.regex(told[1] ?? '', /^Your chats on this computer are safe/);
  t.regex(state.todo?.text ?? '', /^Look in the trash of Google Drive/);
});

test('an alarm names the backups that it is about, and each can be looked at when several stand', t => {
  const { list, lines, alarm } = panelOf('foreign').state;
  t.deepEqual(list?.each, [{ name: 'Backup 5e5e5e5e', reason: '23 Nov 2026, 08:30' }]);
  t.regex(lines.at(-1)?.[0]?.text ?? '', /^There is 1 more alarm\.$/);
  t.is(alarm?.id, '00000000000000cc');
  const other = panelModel(panelStates.foreign, { alarm: '00000000000000aa' }, morning).state;
  t.is(other.alarm?.id, '00000000000000aa');
  t.deepEqual(other.list?.each, [
    { name: 'Backup 412', reason: 'Laptop · 23 Nov 2026, 08:55' },
    { name: 'Backup 411', reason: 'Laptop · 21 Nov 2026, 08:12' },
  ]);
});

test('a decision is asked for with the alarm that it is about', t => {
  const decide = panelOf('alarm').state.others.at(-1)?.intent;
  t.deepEqual(decide, { do: 'decide', alarm: '00000000000000aa', decision: 'given-up' });
  t.deepEqual(readFromPage({ kind: 'intent', intent: decide }), { kind: 'intent', intent: decide });
  t.is(readFromPage({ kind: 'intent', intent: { do: 'decide', alarm: 'x', decision: 'anything' } }), undefined);
  t.is(readFromPage({ kind: 'intent', intent: { do: 'snapshot', act: 'delete', snapshot: 'x' } }), undefined);
});

test('that a backup was proven restorable is told with its day, and so is that it failed', t => {
  const proven = (state: PanelState) => panelOf(state).sections?.proof.facts.find(({ name }) => /^Proven/.test(name));
  t.is(
    proven('good')?.value,
    '19 November: 41 files came back as they were backed up, and 5 databases in them are sound',
  );
  t.is(proven('unproven')?.value, '19 November: the trial restore failed; the backup of 12 November came back whole');
  t.is(proven('bare')?.value, 'Not tried yet');
  t.regex(panelOf('unproven').state.lines.at(-1)?.[0]?.text ?? '', /^The newest trial restore failed/);
  t.deepEqual(proven('good')?.action?.intent, { do: 'run', command: 'signet.proveRestorable' });
});

test('what is not known is said to be so: no zero, no blank', t => {
  const { sections } = panelModel({ kind: 'connected', status: bare }, {}, morning);
  const texts = JSON.stringify(sections);
  t.notRegex(texts, /"text":""/);
  const cells = sections?.chats.table?.rows.flatMap(({ cells }) => cells.map(({ text }) => text)) ?? [];
  t.deepEqual([...new Set(cells)], ['not counted', 'not yet']);
  t.regex(texts, /What Signet uses is not measured yet/);
  t.regex(texts, /The history is not known yet/);
  t.regex(texts, /Not verified yet/);
});

test('the bar says the room as figures too', t => {
  const cloud = panelOf('good').sections?.cloud;
  t.is(cloud?.bar?.label, 'Of 15 GB, Signet uses 6.4 GB, other things use 3.1 GB, 5.5 GB are free.');
  t.deepEqual([cloud?.bar?.ours, cloud?.bar?.theirs], [42.7, 20.7]);
  t.is(cloud?.room.map(({ text }) => text).join(''), 'Signet 6.4 GB · other things 3.1 GB · 5.5 GB free of 15 GB');
});

test('videos are one box: set, empty, or half where the apps differ', t => {
  const box = (...leaving: readonly boolean[]) => {
    const sources = calm.sources.slice(0, leaving.length).map((source, index) => ({
      ...source,
      ...(leaving[index] && { leaveOut: ['video' as const] }),
    }));
    return panelModel({ kind: 'connected', status: { ...calm, sources } }, {}, morning).sections?.automatic.videos;
  };
  t.like(box(false, false), { isChecked: true, isMixed: false, intent: { do: 'videos', isOn: false } });
  t.like(box(true, true), { isChecked: false, isMixed: false, intent: { do: 'videos', isOn: true } });
  t.like(box(true, false), { isChecked: false, isMixed: true, intent: { do: 'videos', isOn: true } });
  t.is(box(false, false)?.note, '184 videos, 2.1 GB');
  t.is(box(true, false)?.note, '184 videos, 2.1 GB · 1 app leaves them out');
});

test('the next backup is told as the schedule and the state have it', t => {
  const next = (change: Partial<Status>) =>
    panelModel({ kind: 'connected', status: { ...calm, ...change } }, {}, morning).sections?.automatic.next;
  t.is(next({}), 'Next backup tomorrow at 03:30, or sooner when chats change.');
  t.is(next({ schedule: { ...calm.schedule, onChange: false } }), 'Next backup tomorrow at 03:30.');
  t.is(next({ vault: 'locked' }), 'Next backup as soon as Signet is unlocked.');
  t.is(
    next({ nextRun: null, schedule: { kind: 'manual', at: '03:30', onChange: false } }),
    'Nothing is backed up by itself.',
  );
  t.is(next({ pausedUntil: '2026-11-23T12:00:00Z' }), 'Automatic backups pause until 12:00.');
});

test('the percent is drawn from what is done and said at each tenth', t => {
  const state = (bytesDone: number) =>
    panelModel({ kind: 'connected', status: { ...calm, job: { ...job, bytesDone, bytesTotal: 100 } } }, {}, morning)
      .state;
  t.is(state(43).progress?.percent, 43);
  t.is(state(43).spoken, 'Backing up, 40%');
  t.is(state(29).spoken, 'Backing up, 20%');
  t.is(state(100).spoken, 'Backing up, 100%');
  t.deepEqual(state(43).heading, [{ text: 'Backing up ' }, { text: '43%', isQuiet: true }]);
});

const day = (name: string, outcome: HistoryDay['outcome'], why?: HistoryDay['why']): HistoryDay => ({
  day: name,
  outcome,
  backups: outcome === 'none' ? 0 : 2,
  bytesAdded: 1_000_000,
  ...(why !== undefined && { why }),
});

test('the finding counts the days there are, and today is open while it has no backup', t => {
  const finding = (...days: readonly HistoryDay[]) => historyModel(days, [], morning).finding;
  t.is(
    historyModel(ninetyDays(), [], morning).finding,
    '87 of the last 90 days have a good backup, 2 a partial one, and 1 has none.',
  );
  t.is(finding(day('2026-11-22', 'good'), day('2026-11-23', 'good')), 'Each of the last 2 days has a good backup.');
  t.is(finding(day('2026-11-23', 'good')), 'The one day so far has a good backup.');
  t.is(
    finding(day('2026-11-21', 'good'), day('2026-11-22', 'none'), day('2026-11-23', 'none')),
    '1 of the last 3 days has a good backup, and 1 has none. Today is still open.',
  );
  t.is(finding(), 'There is no backup yet to tell of.');
});

test('days that are not good stand beside the calendar with their reasons, days in a row as one', t => {
  const days = [
    day('2026-10-14', 'none'),
    day('2026-11-02', 'partial', { kind: 'unreadable', files: 2 }),
    day('2026-11-05', 'none', { kind: 'failed', code: 'E_UNREACHABLE' }),
    day('2026-11-06', 'none', { kind: 'failed', code: 'E_UNREACHABLE' }),
    day('2026-11-07', 'none', { kind: 'failed', code: 'E_UNREACHABLE' }),
    day('2026-11-08', 'good'),
    day('2026-11-20', 'none'),
    day('2026-11-21', 'none'),
    day('2026-11-22', 'none'),
    day('2026-11-23', 'none'),
  ];
  const told = historyModel(days, [], morning, { cause: 'sign-in' }).exceptions.map(({ pieces }) =>
    // Between the ends of a span the locale may put narrow spaces.
    pieces.map(({ text }) => text.replace(/\s*–\s*/, '–')).join(''),
  );
  t.deepEqual(told, [
    'Since 20 November: none. Signed out.',
    '5–7 November: none. The place of your backups cannot be reached.',
    '2 November: partial. 2 files could not be read.',
    '14 October: none. The computer was off, or Signet did not run.',
  ]);
});

test('the charts tell their finding, and the table has the same figures by month', t => {
  const { charts, table } = panelOf('good').sections?.history ?? { charts: [], table: undefined };
  t.deepEqual(
    charts.map(({ caption }) => caption),
    ['6.3 GB now, 710 MB more than 30 days ago', '11 MB last time, 18 MB usually'],
  );
  t.deepEqual(
    table?.each.rows.map(({ name }) => name),
    ['November 2026', 'October 2026', 'September 2026', 'August 2026'],
  );
});

test('a name keeps both its ends', t => {
  t.is(cutMiddle('short', 10), 'short');
  t.is(cutMiddle('0123456789abcdef', 9), '0123…cdef');
  t.is(Array.from(cutMiddle('👪'.repeat(50), 9)).length, 9);
});

test('the page may ask for what is on the list and for nothing else', t => {
  const read = (intent: unknown) => readFromPage({ kind: 'intent', intent });
  for (const command of panelCommands) t.truthy(read({ do: 'run', command }));
  const refused: readonly unknown[] = [
    { do: 'run', command: 'workbench.action.terminal.new' },
    { do: 'run', command: 'signet.stopAndUninstall' },
    { do: 'run' },
    { do: 'schedule', kind: 'hourly' },
    { do: 'videos', isOn: 'yes' },
    { do: 'accept', source: 7 },
    { do: 'delete' },
    null,
    'check',
  ];
  for (const intent of refused) t.is(read(intent), undefined, JSON.stringify(intent));
  t.is(readFromPage(undefined), undefined);
  t.deepEqual(readFromPage({ kind: 'ready' }), { kind: 'ready' });
});

test('every command that a state offers is one that the page may ask for', t => {
  for (const state of Object.keys(panelStates) as PanelState[]) {
    const intents = [...JSON.stringify(panelOf(state)).matchAll(/"intent":(\{[^}]*\})/g)].map(
      ([, text = '']) => JSON.parse(text) as Intent,
    );
    for (const intent of intents) t.deepEqual(readFromPage({ kind: 'intent', intent }), { kind: 'intent', intent });
  }
});
