// What every command of the extension gets: the line to the daemon, what is known now, and how its reader reads. The commands themselves
// are in folders by what a person does; main.ts wires them.

import type { Event, LogOutputChannel, Memento, Uri } from 'vscode';
import type { Link } from './link.ts';
import type { Known, Reader } from './views.ts';

export interface Shell {
  readonly link: Link;
  readonly log: LogOutputChannel;
  /** Where the installed extension lies. */
  readonly extension: Uri;
  /** What this editor remembers of what was chosen in it; nothing that the daemon knows, and never a secret. */
  readonly memory: Memento;
  /** "Now", and the reader's language; asked anew for each use. */
  readonly reader: () => Reader;
  readonly known: () => Known;
  readonly onDidChange: Event<Known>;
}

/** All of them, or none. */
export type Given<Arguments extends readonly unknown[]> = {
  -readonly [position in keyof Arguments]?: Arguments[position];
};

/**
 * A command. Without arguments it asks for what it needs; with them it does not. What it answers is for tests and other extensions;
 * undefined when the person gave up.
 */
export type Command<Arguments extends readonly unknown[] = readonly [], Result = unknown> = (
  shell: Shell,
  ...given: Given<Arguments>
) => Promise<Result | undefined>;
