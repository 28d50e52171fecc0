// A journal that is gone with the test. Of what was noted it finds the size it is told.

import type { FileFacts, FoundPartial, Journal } from '../storage/journal.ts';

export class MemoryJournal implements Journal {
  readonly noted = new Map<string, FileFacts>();
  /** Bytes that are here of whatever is found. */
  bytes = 1;

  find(facts: FileFacts): Promise<FoundPartial | undefined> {
    const found = [...this.noted].find(([, noted]) => JSON.stringify(noted) === JSON.stringify(facts));
    return Promise.resolve(found && { name: found[0], bytes: this.bytes });
  }

  note(name: string, facts: FileFacts): void {
    this.noted.set(name, facts);
  }

  forget(name: string): void {
    this.noted.delete(name);
  }
}
