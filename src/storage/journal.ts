// Which partial files there are, and of what: read once, kept in memory, and written through. Runs in the page.

import { PARTIALS, partialBytes } from './partial.ts';
import { partialRecords, type PartialRecord } from './records.ts';

/** What makes an offered file the same as one before: whose it is, and what they say it is. */
export type FileFacts = Omit<PartialRecord, 'at'>;

/** How a file is cut. */
interface Cut {
  readonly pieces: number;
  readonly pieceBytes: number;
}

export interface FoundPartial {
  readonly name: string;
  /** About how many bytes are here: they are checked when they are gone on with. */
  readonly bytes: number;
}

export interface Journal {
  /** What is here of this file, unless another page is at it. */
  find(facts: FileFacts, cut: Cut): Promise<FoundPartial | undefined>;
  note(name: string, facts: FileFacts): void;
  /** Nobody will go on with it: whatever is left of it is swept. */
  forget(name: string): void;
}

function isSame(record: PartialRecord, { peer, path, size, modified }: FileFacts): boolean {
  return record.peer === peer && record.path === path && record.size === size && record.modified === modified;
}

async function isFree(name: string): Promise<boolean> {
  return navigator.locks.request(`${PARTIALS}/${name}`, { ifAvailable: true }, (lock) => lock !== null);
}

class KeptJournal implements Journal {
  readonly #clock: () => number;
  readonly #records: Promise<Map<string, PartialRecord>>;

  constructor(clock: () => number) {
    this.#clock = clock;
    // Storage is blocked: what this page notes, it goes on with.
    this.#records = partialRecords.all(clock()).catch(() => new Map<string, PartialRecord>());
  }

  async find(facts: FileFacts, { pieces, pieceBytes }: Cut): Promise<FoundPartial | undefined> {
    for (const [name, record] of await this.#records) {
      if (!isSame(record, facts) || !(await isFree(name))) continue;
      const bytes = await partialBytes(name, pieces, pieceBytes, facts.size);
      if (bytes > 0) return { name, bytes };
    }
    return undefined;
  }

  note(name: string, facts: FileFacts): void {
    const record = { ...facts, at: this.#clock() };
    void this.#records.then((records) => records.set(name, record));
    void partialRecords.save(name, record).catch(() => undefined);
  }

  forget(name: string): void {
    void this.#records.then((records) => records.delete(name));
    void partialRecords.remove(name).catch(() => undefined);
  }
}

/** The journal of this browser; `clock` gives milliseconds since 1970. */
export function openJournal(clock: () => number): Journal {
  return new KeptJournal(clock);
}
