// Small files staged together: to make, open and close a file of the private file system costs more than to write what is
// in a small one. They are written one behind the other into a pack. A pack is closed before anything of it is read: what
// a browser hands out of a file is refused as soon as that file is written to again. It is removed when nobody holds any of
// it; what is let go of before the others keeps its place until then.

import type { Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { HashList } from '../protocol/hash-list.ts';
import { MiB } from '../protocol/limits.ts';
import type { Sink } from './sink.ts';

const MAX_PACK_BYTES = 64 * MiB;
/** How long a whole file waits for more to be whole while others are on their way. */
const GATHER_MS = 100;

/** A file of staging that grows as it is written to. */
export interface PackFile {
  /** Throws Failure `disk-full`. */
  write(at: number, bytes: Bytes): void;
  /** Closes it. */
  finish(): Promise<Blob>;
  /** Removes it, closed or not. */
  discard(): Promise<void>;
}

class Pack {
  /** Readable, once it is closed. */
  readonly whole: Promise<Blob>;
  readonly #file: PackFile;
  #resolve: ((file: Promise<Blob>) => void) | undefined;
  #closing: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;
  #holders = 0;

  constructor(file: PackFile) {
    this.#file = file;
    this.whole = new Promise((resolve) => (this.#resolve = resolve));
    // Whoever waits for a file of it is told; nobody may.
    this.whole.catch(() => undefined);
  }

  hasRoom(size: number): boolean {
    return this.#resolve !== undefined && this.#bytes + size <= MAX_PACK_BYTES;
  }

  hold(): void {
    this.#holders++;
  }

  letGo(): Promise<void> {
    if (--this.#holders > 0) return Promise.resolve();
    this.#close(Promise.reject(new Failure('cancelled')));
    return this.#file.discard();
  }

  /** Takes room for a file of `size` bytes and writes these of them; where it begins. When it throws, no room is taken. */
  add(size: number, at: number, bytes: Bytes): number {
    const start = this.#bytes;
    this.#file.write(start + at, bytes);
    this.#bytes += size;
    return start;
  }

  close(): void {
    if (this.#resolve) this.#close(this.#file.finish());
  }

  closeSoon(): void {
    this.#closing ??= setTimeout(() => this.close(), GATHER_MS);
  }

  #close(whole: Promise<Blob>): void {
    clearTimeout(this.#closing);
    if (this.#resolve) this.#resolve(whole);
    else whole.catch(() => undefined);
    this.#resolve = undefined;
  }
}

/** The packs of a page. */
export class Packs {
  readonly #create: () => Promise<PackFile>;
  /** The one that is written to. */
  #current: Promise<Pack> | undefined;
  /** Files that are neither whole nor let go of. */
  #unfinished = 0;

  constructor(create: () => Promise<PackFile>) {
    this.#create = create;
  }

  /** Room for a file of `size` bytes, MAX_PACK_BYTES at most, all of which are written at once. Throws Failure. */
  async open(size: number): Promise<Sink> {
    let pack = await this.#place(size);
    let start: number | undefined;
    let state: 'open' | 'whole' | 'over' = 'open';
    this.#unfinished++;
    const discard = async () => {
      if (state === 'open') this.#unfinished--;
      if (state !== 'over') {
        state = 'over';
        await pack.letGo();
      }
    };
    return {
      held: new HashList(0),
      isKept: false,
      write: async (at, bytes) => {
        if (start !== undefined) throw new Failure('internal', 'a small file is written once');
        while (!pack.hasRoom(size)) {
          const another = await this.#place(size);
          // Let go of meanwhile.
          const left = state === 'open' ? pack : another;
          if (left === pack) pack = another;
          await left.letGo().catch(() => undefined);
          if (left === another) return;
        }
        if (state === 'open') start = pack.add(size, at, bytes);
      },
      note: () => undefined,
      finish: async () => {
        state = 'whole';
        if (--this.#unfinished) pack.closeSoon();
        else pack.close();
        const from = start ?? 0;
        return (await pack.whole).slice(from, from + size);
      },
      release: discard,
      discard,
    };
  }

  /** A pack with room, held. */
  async #place(size: number): Promise<Pack> {
    for (;;) {
      const current = (this.#current ??= this.#create().then((file) => new Pack(file)));
      try {
        const pack = await current;
        if (pack.hasRoom(size)) {
          pack.hold();
          return pack;
        }
        pack.close();
      } catch (error) {
        if (this.#current === current) this.#current = undefined;
        throw error;
      }
      if (this.#current === current) this.#current = undefined;
    }
  }
}
