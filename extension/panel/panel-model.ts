// What the Status panel shows, as plain data: every text is in the reader's language already, and every figure is drawn. It crosses from the
// editor to the page as JSON, so it holds no functions, and what a person can do in the page is one of the intents below and nothing else.

import type { AlarmDecision } from '../../protocol/status.ts';

export type Icon =
  | 'shield-check'
  | 'shield'
  | 'check'
  | 'sync'
  | 'lock'
  | 'warning'
  | 'error'
  | 'unplugged'
  | 'bubble'
  | 'terminal'
  | 'people'
  | 'voice'
  | 'sealed-bubble'
  | 'folder'
  | 'laptop'
  | 'desktop';

export type Tone = 'good' | 'warn' | 'bad' | 'data' | 'plain';

/** The commands that the page may have run. */
export const panelCommands = [
  'signet.setUp',
  'signet.backUpNow',
  'signet.cancelBackup',
  'signet.restore',
  'signet.unlock',
  'signet.lock',
  'signet.browseSnapshots',
  'signet.addChats',
  'signet.connectCloud',
  'signet.signIn',
  'signet.changePassword',
  'signet.changePhone',
  'signet.printRecoverySheet',
  'signet.verify',
  'signet.proveRestorable',
  'signet.tidyUp',
  'signet.showAlarm',
  'signet.openSettings',
  'signet.showLog',
  'signet.start',
  'signet.extension.update',
] as const;
export type PanelCommand = (typeof panelCommands)[number];

const alarmDecisions = [
  'given-up',
  'restored-image',
  'adopt',
  'changed-elsewhere',
  'put-back',
] as const satisfies readonly AlarmDecision[];

export const scheduleKinds = ['never', 'manual', 'daily', 'weekly', 'monthly'] as const;

/** What a person asks for in the page. */
export type Intent =
  | { readonly do: 'run'; readonly command: PanelCommand }
  | { readonly do: 'unlockWithKey' }
  | { readonly do: 'check' }
  | { readonly do: 'accept'; readonly source: string }
  | { readonly do: 'decide'; readonly alarm: string; readonly decision: AlarmDecision }
  | { readonly do: 'snapshot'; readonly act: 'browse' | 'compare'; readonly snapshot: string }
  | { readonly do: 'schedule'; readonly kind: (typeof scheduleKinds)[number] }
  | { readonly do: 'onChange'; readonly isOn: boolean }
  | { readonly do: 'videos'; readonly isOn: boolean };

/** A control that writes a setting, for the reason that stands under it when that failed. */
export type Control = 'schedule' | 'onChange' | 'videos';

export interface Action {
  readonly label: string;
  /** 'reveal' is done by the page itself: it opens the list of what could not be read. */
  readonly intent: Intent | 'reveal';
}

/** A part of a text; the quiet parts are said in the second voice. */
export interface Piece {
  readonly text: string;
  readonly isQuiet?: true;
  readonly isStrong?: true;
}

export interface Listing {
  readonly title: string;
  readonly each: readonly { readonly name: string; readonly reason: string }[];
}

export interface StateModel {
  readonly icon: Icon;
  readonly tone: Tone;
  readonly isTurning: boolean;
  /** It explains itself: the buttons stand below the text. */
  readonly isTall: boolean;
  readonly heading: readonly Piece[];
  readonly lines: readonly (readonly Piece[])[];
  readonly progress?: {
    readonly label: string;
    /** Absent: it cannot be told how far it is. */
    readonly percent?: number;
    readonly spoken: string;
    readonly item: string;
    readonly sent: string;
  };
  /** What to do, in a paragraph. */
  readonly todo?: { readonly title: string; readonly text: string };
  /** What it is about; always shown. */
  readonly list?: Listing;
  /** What could not be read, each with its reason. */
  readonly files?: Listing;
  readonly primary?: Action;
  readonly others: readonly Action[];
  /** Of the alarm that stands: the page says each once. */
  readonly alarm?: { readonly id: string; readonly spoken: string };
  /** Said politely when it changes: progress at each tenth percent. */
  readonly spoken: string;
  /** Said once when a backup has just ended. */
  readonly spokenWhenDone?: string;
}

export interface Choice {
  readonly label: string;
  readonly note?: string;
  readonly isChecked: boolean;
  readonly isMixed?: boolean;
  /** What choosing it asks for; a checkbox is told by `isOn`. */
  readonly intent: Intent;
}

export interface AutomaticModel {
  readonly title: string;
  readonly legend: string;
  readonly schedules: readonly Choice[];
  readonly onChange: Choice;
  readonly videos?: Choice;
  readonly failed?: { readonly control: Control; readonly reason: string };
  readonly next: string;
  readonly settings: Action;
}

export interface Cell {
  readonly text: string;
  /** What the figure counts, shown where the column's heading is not. */
  readonly unit?: string;
  /** The same, for what stands in front of the figure. */
  readonly before?: string;
  readonly isNumber?: true;
}

export interface Mark {
  readonly label: string;
  readonly icon?: Icon;
  readonly tone?: Tone;
}

export interface TableModel {
  readonly columns: readonly { readonly label: string; readonly isNumber?: true }[];
  readonly rows: readonly {
    readonly key: string;
    readonly icon?: Icon;
    readonly name: string;
    readonly aside?: string;
    readonly cells: readonly Cell[];
    readonly mark?: Mark;
  }[];
}

export interface Note {
  readonly text: string;
  readonly action?: Action;
}

export interface ChatsModel {
  readonly title: string;
  readonly table?: TableModel;
  readonly notes: readonly Note[];
  readonly add: Action;
}

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly action?: Action;
}

export interface CloudModel {
  readonly title: string;
  readonly place: string;
  readonly about: string;
  /** Shares of the whole, 0 to 100. */
  readonly bar?: { readonly ours: number; readonly theirs: number; readonly label: string };
  readonly warning?: string;
  readonly room: readonly Piece[];
  readonly facts: readonly Fact[];
}

export interface EncryptionModel {
  readonly title: string;
  readonly lead: readonly Piece[];
  readonly facts: readonly Fact[];
}

export interface ProofModel {
  readonly title: string;
  readonly facts: readonly Fact[];
  readonly devices?: TableModel;
  readonly note?: string;
}

export interface CalendarDrawing {
  readonly width: number;
  readonly height: number;
  readonly labels: readonly { readonly x: number; readonly y: number; readonly text: string }[];
  /** SVG paths; empty where there is none of the kind. Blank: before the first backup, and today while it is open. */
  readonly blank: string;
  readonly good: string;
  readonly partial: string;
  readonly partialHalf: string;
  readonly none: string;
}

export interface Exception {
  readonly kind: 'partial' | 'none';
  readonly pieces: readonly Piece[];
}

export interface ChartDrawing {
  /** In a box of 320 by 96. */
  readonly line?: string;
  readonly area?: string;
  readonly bars?: string;
  /** From the top to zero. */
  readonly y: readonly [string, string, string];
  readonly x: readonly [string, string];
}

export interface ChartModel {
  readonly title: string;
  readonly caption: string;
  readonly drawing?: ChartDrawing;
}

export interface HistoryModel {
  readonly title: string;
  readonly calendar?: CalendarDrawing;
  readonly calendarTitle: string;
  readonly finding: string;
  readonly exceptions: readonly Exception[];
  readonly browse: Action;
  readonly charts: readonly ChartModel[];
  readonly table?: { readonly title: string; readonly each: TableModel };
}

/** Before anything is set up. */
export interface EmptyModel {
  readonly found: { readonly title: string; readonly table?: TableModel; readonly note: string };
  readonly needs: { readonly title: string; readonly each: readonly string[] };
}

export interface PanelModel {
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly state: StateModel;
  readonly empty?: EmptyModel;
  /** Absent while nothing is set up or known. */
  readonly sections?: {
    readonly automatic: AutomaticModel;
    readonly chats: ChatsModel;
    readonly cloud: CloudModel;
    readonly encryption: EncryptionModel;
    readonly proof: ProofModel;
    readonly history: HistoryModel;
  };
}

/** From the editor to the page. */
export interface ToPage {
  readonly model: PanelModel;
}

/** From the page to the editor. */
export type FromPage = { readonly kind: 'ready' } | { readonly kind: 'intent'; readonly intent: Intent };

/** What the page sent, if it is something the page may ask for. */
export function readFromPage(message: unknown): FromPage | undefined {
  if (!isObject(message)) return undefined;
  if (message['kind'] === 'ready') return { kind: 'ready' };
  const intent = message['kind'] === 'intent' ? readIntent(message['intent']) : undefined;
  return intent === undefined ? undefined : { kind: 'intent', intent };
}

function readIntent(asked: unknown): Intent | undefined {
  if (!isObject(asked)) return undefined;
  const { do: act, command, source, kind, isOn, alarm, decision, snapshot } = asked;
  switch (act) {
    case 'run': {
      const known = panelCommands.find(each => each === command);
      return known === undefined ? undefined : { do: act, command: known };
    }
    case 'unlockWithKey':
    case 'check':
      return { do: act };
    case 'accept':
      return typeof source === 'string' ? { do: act, source } : undefined;
    case 'decide': {
      const known = alarmDecisions.find(each => each === decision);
      return typeof alarm === 'string' && known !== undefined ? { do: act, alarm, decision: known } : undefined;
    }
    case 'snapshot': {
      const known = (['browse', 'compare'] as const).find(each => each === asked['act']);
      return typeof snapshot === 'string' && known !== undefined ? { do: act, act: known, snapshot } : undefined;
    }
    case 'schedule': {
      const known = scheduleKinds.find(each => each === kind);
      return known === undefined ? undefined : { do: act, kind: known };
    }
    case 'onChange':
    case 'videos':
      return typeof isOn === 'boolean' ? { do: act, isOn } : undefined;
    default:
      return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
