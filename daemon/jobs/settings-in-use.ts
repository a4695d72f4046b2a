// The settings that count now, with one owner: read once, changed one change at a time, saved before they count. What somebody edited in the
// file meanwhile is taken over at the next change, but for the places and times that have commands of their own.

import type { Settings } from '../state/model.ts';
import { defaultSettings, type State } from '../state/state.ts';
import { assertChoosable, editable } from './chosen-settings.ts';

export interface SettingsInUseOptions {
  readonly file: State['settings'];
  /** Names this computer where nothing was chosen yet. */
  readonly hostLabel: string;
  /** Everybody concerned goes by them from now on. */
  readonly follow: (settings: Settings) => Promise<void>;
}

export class SettingsInUse {
  readonly #options: SettingsInUseOptions;
  #current: Settings | undefined;
  /** The end of the last change: two at once would undo one another. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param current as the file has them; undefined before anything was chosen */
  constructor(current: Settings | undefined, options: SettingsInUseOptions) {
    this.#options = options;
    this.#current = current;
  }

  /** Undefined before anything was chosen. */
  get current(): Settings | undefined {
    return this.#current;
  }

  /** What holds, chosen or not. */
  get orDefault(): Settings {
    return this.#current ?? defaultSettings(this.#options.hostLabel);
  }

  /**
   * Changes them in its turn. Nothing is changed when `make` throws or what it makes does not fit.
   *
   * @param make gets what holds then
   * @param follow in place of the usual one
   * @throws E_SETTING · what `make` throws
   */
  change(
    make: (before: Settings) => Settings | Promise<Settings>,
    follow: (settings: Settings) => Promise<void> = this.#options.follow,
  ): Promise<Settings> {
    return this.#inTurn(async () => {
      const { file } = this.#options;
      const before = this.orDefault;
      const next = await make({ ...before, ...editable((await file.load()) ?? before) });
      await file.save(next);
      this.#current = next;
      await follow(next);
      return next;
    });
  }

  /** New values by key, as a client wants them. @throws E_USAGE for a key that no client may set · E_SETTING */
  async choose(values: Readonly<Record<string, unknown>>): Promise<Settings> {
    for (const key of Object.keys(values)) assertChoosable(key, this.#options.file.path);
    return this.change(before => ({ ...before, ...values })); // saving checks the values
  }

  /** After somebody else wrote the file. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      this.#current = await this.#options.file.load();
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined); // its own caller is told
    return turn;
  }
}
