// The panel's markup as a function of its model: one state, then sections with a heading left and the matter right. Tables write out their
// roles, since the narrow form changes `display`, which drops them.

import type {
  Action,
  AutomaticModel,
  ChartModel,
  Choice,
  CloudModel,
  Control,
  EmptyModel,
  Fact,
  HistoryModel,
  Listing,
  Note,
  PanelModel,
  Piece,
  StateModel,
  TableModel,
} from '../panel-model.ts';
import { type Drawn, type DrawnElement, el } from './elements.ts';
import { drawIcon } from './icons.ts';

export function view({ state, empty, sections }: PanelModel): readonly Drawn[] {
  const head = drawState(state);
  if (empty !== undefined) return [head, ...drawEmpty(empty)];
  if (sections === undefined) return [head];
  const { automatic, chats, cloud, encryption, proof, history } = sections;
  return [
    head,
    section('automatic', automatic.title, drawAutomatic(automatic)),
    section('chats', chats.title, [
      ...(chats.table === undefined ? [] : [drawTable(chats.table)]),
      ...chats.notes.map(drawNote),
      el('p', { key: 'add' }, [link(chats.add)]),
    ]),
    section('cloud', cloud.title, drawCloud(cloud)),
    section('encryption', encryption.title, [
      el('div', { class: 'lead' }, [drawIcon('lock'), el('p', {}, encryption.lead.map(drawPiece))]),
      drawFacts(encryption.facts),
    ]),
    section('proof', proof.title, [
      drawFacts(proof.facts),
      ...(proof.devices === undefined ? [] : [drawTable(proof.devices)]),
      ...(proof.note === undefined ? [] : [el('p', { class: 'note' }, [proof.note])]),
    ]),
    section('history', history.title, drawHistory(history)),
  ];
}

function section(key: string, title: string, matter: readonly Drawn[]): DrawnElement {
  const id = `title-${key}`;
  return el('section', { key, 'aria-labelledby': id }, [
    el('h2', { id }, [title]),
    el('div', { class: 'matter' }, matter),
  ]);
}

function drawPiece({ text, isQuiet, isStrong }: Piece): Drawn {
  if (isQuiet) return el('span', { class: 'quiet' }, [text]);
  return isStrong ? el('b', {}, [text]) : text;
}

/** A button is known by what it does: one that stays keeps its focus, one that goes hands it on. */
function keyOf(intent: Action['intent']): string {
  return typeof intent === 'string' ? intent : Object.values(intent).join(' ');
}

function button({ label, intent }: Action, kind = ''): DrawnElement {
  const key = keyOf(intent);
  const reveals = intent === 'reveal' ? { 'aria-controls': 'files' } : {};
  return el('button', { key, type: 'button', class: `button${kind}`, ...reveals }, [label], { intent });
}

function link({ label, intent }: Action, about?: string): DrawnElement {
  const heard = about === undefined ? undefined : `${about}: ${label}`;
  return el('button', { key: keyOf(intent), type: 'button', class: 'link', 'aria-label': heard }, [label], { intent });
}

function drawState(state: StateModel): DrawnElement {
  const { icon, tone, isTurning, isTall, heading, lines, progress, list, todo, files, primary, others } = state;
  const actions = [
    ...(primary === undefined ? [] : [button(primary, ' primary')]),
    ...others.map(each => button(each)),
  ];
  const classes = ['state', ...(isTall ? ['tall'] : []), ...(progress === undefined ? [] : ['busy'])].join(' ');
  const detail: Drawn[] = lines.map(line => el('p', {}, line.map(drawPiece)));
  if (progress !== undefined) detail.push(...drawProgress(progress));
  if (list !== undefined) {
    detail.push(el('h2', { key: 'list', class: 'small' }, [list.title]), drawListing(list));
  }
  if (todo !== undefined) {
    detail.push(el('h2', { key: 'todo', class: 'small' }, [todo.title]), el('p', { key: 'todo' }, [todo.text]));
  }
  if (files !== undefined) detail.push(drawFiles(files));
  return el('header', { class: classes }, [
    drawIcon(icon, { tone, isLarge: true, isTurning }),
    el(
      'h1',
      { tabindex: '-1' },
      heading.map(piece => (piece.isQuiet ? el('span', { class: 'number' }, [piece.text]) : piece.text)),
    ),
    el('div', { class: 'detail' }, detail),
    ...(actions.length === 0 ? [] : [el('div', { class: 'actions' }, actions)]),
  ]);
}

function drawProgress({ label, percent, spoken, item, sent }: NonNullable<StateModel['progress']>): readonly Drawn[] {
  const said = spoken === '' ? {} : { 'aria-valuetext': spoken };
  return [
    el('progress', { max: '100', 'aria-label': label, ...said }, [], percent === undefined ? {} : { value: percent }),
    el('div', { class: 'facts-line' }, [
      el('span', {}, [el('bdi', {}, [item])]),
      el('span', { class: 'quiet number' }, [sent]),
    ]),
  ];
}

function drawFiles(files: Listing): DrawnElement {
  return el('details', { id: 'files' }, [el('summary', {}, [files.title]), drawListing(files)]);
}

function drawListing({ each }: Listing): DrawnElement {
  const items = each.map(({ name, reason }) =>
    el('li', {}, [el('bdi', {}, [name]), ...(reason === '' ? [] : [el('span', { class: 'quiet' }, [` · ${reason}`])])]),
  );
  return el('ul', { class: 'files' }, items);
}

function drawAutomatic({
  legend,
  schedules,
  onChange,
  videos,
  failed,
  next,
  settings,
}: AutomaticModel): readonly Drawn[] {
  const why = (control: Control): Drawn[] =>
    failed?.control === control
      ? [el('p', { key: 'failed', class: 'note failed', role: 'alert' }, [failed.reason])]
      : [];
  return [
    el('fieldset', { class: 'frequency' }, [
      el('legend', { class: 'off-screen' }, [legend]),
      ...schedules.map(choice => drawChoice(choice, 'radio')),
    ]),
    ...why('schedule'),
    el('div', { class: 'stack' }, [
      drawChoice(onChange, 'checkbox'),
      ...why('onChange'),
      ...(videos === undefined ? [] : [drawChoice(videos, 'checkbox')]),
      ...why('videos'),
    ]),
    el('p', { key: 'next', class: 'note' }, [`${next} `, link(settings)]),
  ];
}

function drawChoice(
  { label, note, isChecked, isMixed = false, intent }: Choice,
  type: 'radio' | 'checkbox',
): DrawnElement {
  const key = intent.do === 'schedule' ? keyOf(intent) : intent.do;
  const name = type === 'radio' ? { name: intent.do } : {};
  const texts = note === undefined ? label : el('span', {}, [label, el('span', { class: 'note' }, [note])]);
  return el('label', { key, class: 'choice' }, [
    el('input', { type, ...name }, [], { isChecked, isMixed, intent }),
    texts,
  ]);
}

function drawTable({ columns, rows }: TableModel): DrawnElement {
  const hasMarks = rows.some(({ mark }) => mark !== undefined);
  const heads = columns.map(({ label, isNumber }) =>
    el('th', { role: 'columnheader', scope: 'col', class: isNumber ? 'number' : undefined }, [label]),
  );
  const body = rows.map(({ key, icon, name, aside, cells, mark }) =>
    el('tr', { key, role: 'row' }, [
      el('th', { role: 'rowheader', scope: 'row' }, [
        el('span', { class: 'named' }, [
          ...(icon === undefined ? [] : [drawIcon(icon)]),
          el('span', {}, [
            el('bdi', {}, [name]),
            ...(aside === undefined ? [] : [el('span', { class: 'quiet' }, [`, ${aside}`])]),
          ]),
        ]),
      ]),
      ...cells.map(({ text, unit, before, isNumber }, index) =>
        el('td', { role: 'cell', class: classesOf(isNumber, index === cells.length - 1) }, [
          ...(before === undefined ? [] : [el('span', { class: 'unit' }, [`${before} `])]),
          text,
          ...(unit === undefined ? [] : [el('span', { class: 'unit' }, [` ${unit}`])]),
        ]),
      ),
      ...(mark === undefined
        ? []
        : [
            el('td', { key: 'mark', role: 'cell', class: 'mark-cell' }, [
              el('span', { class: 'mark' }, [
                ...(mark.icon === undefined ? [] : [drawIcon(mark.icon, { tone: mark.tone ?? 'plain' })]),
                el('span', {}, [mark.label]),
              ]),
            ]),
          ]),
    ]),
  );
  return el('table', { role: 'table', class: hasMarks ? 'wide' : 'wide plain' }, [
    el('thead', { role: 'rowgroup' }, [el('tr', { role: 'row' }, heads)]),
    el('tbody', { role: 'rowgroup' }, body),
  ]);
}

function classesOf(isNumber: true | undefined, isLast: boolean): string {
  return ['fact', ...(isNumber ? ['number'] : []), ...(isLast ? ['last'] : [])].join(' ');
}

function drawNote({ text, action }: Note): DrawnElement {
  return el('p', { class: 'note' }, action === undefined ? [text] : [`${text} `, link(action)]);
}

function drawFacts(facts: readonly Fact[]): DrawnElement {
  const rows = facts.map(({ name, value, action }) =>
    el('div', { class: 'fact-row' }, [
      el('dt', {}, [name]),
      el('dd', {}, [value]),
      ...(action === undefined ? [] : [el('dd', { class: 'act' }, [link(action, name)])]),
    ]),
  );
  return el('dl', { class: 'facts' }, rows);
}

function drawCloud({ place, about, bar, warning, room, facts }: CloudModel): readonly Drawn[] {
  return [
    el('p', { key: 'place' }, [
      el('b', {}, [el('bdi', {}, [place])]),
      ...(about === '' ? [] : [' ', el('span', { class: 'quiet' }, [about])]),
    ]),
    ...(bar === undefined
      ? []
      : [
          el('div', { class: 'bar', role: 'img', 'aria-label': bar.label }, [
            el('span', { class: 'ours' }, [], { inlineSize: `${bar.ours}%` }),
            el('span', { class: 'theirs' }, [], { inlineSize: `${bar.theirs}%` }),
          ]),
        ]),
    ...(warning === undefined
      ? []
      : [
          el('div', { key: 'warning', class: 'lead' }, [drawIcon('warning', { tone: 'warn' }), el('p', {}, [warning])]),
        ]),
    ...(room.length === 0 ? [] : [el('p', { key: 'room', class: 'note' }, room.map(drawPiece))]),
    ...(facts.length === 0 ? [] : [drawFacts(facts)]),
  ];
}

function drawHistory(history: HistoryModel): readonly Drawn[] {
  const { calendar, calendarTitle, finding, exceptions, browse, charts, table } = history;
  const told = [
    el('p', { id: 'calendar-text' }, [finding]),
    ...(exceptions.length === 0
      ? []
      : [
          el(
            'ul',
            { class: 'exceptions' },
            exceptions.map(({ kind, pieces }) =>
              el('li', { class: 'lead' }, [swatch(kind), el('span', {}, pieces.map(drawPiece))]),
            ),
          ),
        ]),
    el('p', {}, [link(browse)]),
  ];
  if (calendar === undefined) return [el('div', { class: 'stack' }, told)];
  return [
    el('div', { class: 'history' }, [
      el('figure', {}, [
        el('figcaption', { class: 'off-screen', id: 'calendar-title' }, [calendarTitle]),
        el(
          'svg',
          {
            class: 'calendar',
            viewBox: `0 0 ${calendar.width} ${calendar.height}`,
            role: 'img',
            'aria-labelledby': 'calendar-title',
            'aria-describedby': 'calendar-text',
          },
          [
            ...calendar.labels.map(({ x, y, text }) => el('text', { x: String(x), y: String(y) }, [text])),
            path('cell-blank', calendar.blank),
            path('cell-good', calendar.good),
            path('cell-part-half', calendar.partialHalf),
            path('cell-part', calendar.partial),
            path('cell-none', calendar.none),
          ],
        ),
      ]),
      el('div', { class: 'stack' }, told),
    ]),
    el('div', { class: 'charts' }, charts.map(drawChart)),
    ...(table === undefined ? [] : [el('details', {}, [el('summary', {}, [table.title]), drawTable(table.each)])]),
  ];
}

function path(kind: string, d: string): DrawnElement {
  return el('path', { key: kind, class: kind, d });
}

function swatch(kind: 'partial' | 'none'): DrawnElement {
  const paths =
    kind === 'partial'
      ? [path('cell-part-half', 'M0 12V0l12 12z'), path('cell-part', 'M.75.75h10.5v10.5H.75z')]
      : [path('cell-none', 'M1 1h10v10H1zM1 11 11 1')];
  return el('svg', { class: 'swatch', viewBox: '0 0 12 12', 'aria-hidden': 'true' }, paths);
}

function drawChart({ title, caption, drawing }: ChartModel): DrawnElement {
  const heads = [el('figcaption', {}, [el('b', {}, [title]), el('span', { class: 'note' }, [caption])])];
  if (drawing === undefined) return el('figure', { class: 'chart' }, heads);
  const { line, area, bars, x, y } = drawing;
  const paths = [
    path('guide', 'M0 0H320M0 48H320'),
    ...(area === undefined ? [] : [path('area', area)]),
    ...(line === undefined ? [] : [path('area-line', line)]),
    ...(bars === undefined ? [] : [path('added', bars)]),
  ];
  const axis = (kind: string, texts: readonly string[]) =>
    el(
      'div',
      { class: `${kind} note`, 'aria-hidden': 'true' },
      texts.map(text => el('span', {}, [text])),
    );
  return el('figure', { class: 'chart' }, [
    ...heads,
    el('div', { class: 'plot' }, [
      el('svg', { viewBox: '0 0 320 96', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, paths),
    ]),
    axis('axis-y', y),
    axis('axis-x', x),
  ]);
}

function drawEmpty({ found, needs }: EmptyModel): readonly Drawn[] {
  return [
    section('found', found.title, [
      ...(found.table === undefined ? [] : [drawTable(found.table)]),
      el('p', { class: 'note' }, [found.note]),
    ]),
    section('needs', needs.title, [
      el(
        'ol',
        { class: 'steps' },
        needs.each.map(text => el('li', {}, [text])),
      ),
    ]),
  ];
}
