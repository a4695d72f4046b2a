// Ids for files that are to be made, drawn from Google in advance. A create that bears one can be repeated: the second is refused
// (409 fileIdInUse), where one without would make a second file of the same name.

import { SignetError } from '../../base/errors.ts';
import type { CallOptions } from '../remote.ts';
import { placeName } from './classify.ts';
import type { FileCalls } from './files.ts';
import type { ObjectTable } from './known.ts';

/** Drawn at a time: one request for many backups. */
const drawn = 200;
/** Taken from the note at a time, so that it is not written again for each file; a crash loses so many ids, which cost nothing. */
const atHand = 10;
export const idsNote = 'ids';

export interface IdPool {
  take(options?: CallOptions): Promise<string>;
  /** One of them turned out to be another file's: the table was set back, or copied to another computer, and so were all of them. */
  giveUp(): void;
}

export function createIdPool(calls: Pick<FileCalls, 'generateIds'>, table: ObjectTable): IdPool {
  const ready: string[] = [];
  let drawing: Promise<void> | undefined;

  async function draw(options: CallOptions): Promise<void> {
    const kept = table.note(idsNote)?.split(' ') ?? [];
    const ids = kept.length > 0 ? kept : await calls.generateIds(drawn, options);
    if (ids.length === 0) {
      throw new SignetError('E_UNREACHABLE', 'google drive gives no ids', { params: { remote: placeName } });
    }
    const left = ids.slice(atHand);
    // Before the first is used: an id must never be taken twice.
    table.setNote(idsNote, left.length === 0 ? undefined : left.join(' '));
    ready.push(...ids.slice(0, atHand));
  }

  return {
    giveUp() {
      ready.length = 0;
      table.setNote(idsNote, undefined);
    },

    async take(options = {}) {
      for (;;) {
        const id = ready.shift();
        if (id !== undefined) return id;
        drawing ??= draw(options).finally(() => {
          drawing = undefined;
        });
        await drawing;
      }
    },
  };
}
