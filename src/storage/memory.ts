// Staging in memory, for browsers without an origin private file system (Firefox's private windows among them). It is
// bounded for the whole page, and the page says that it is used. Partial files live as long as the page.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';
import { MiB } from '../protocol/limits.ts';
import type { PartialFile, Sink, Staging } from './sink.ts';

const MAX_BYTES = 256 * MiB;

interface Kept {
  readonly bytes: Bytes;
  readonly hashes: HashList;
}

class MemoryStaging implements Staging {
  readonly kind = 'memory';
  readonly #maxBytes: number;
  /** Partial files nobody has open. */
  readonly #kept = new Map<string, Kept>();
  #used = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  open(size: number, partial?: PartialFile): Promise<Sink> {
    try {
      const taken = partial && this.#take(partial, size);
      return Promise.resolve(this.#sink(taken ?? this.#room(size, partial?.pieces ?? 0), partial?.name));
    } catch (error) {
      return Promise.reject(Failure.from(error, 'memory-full'));
    }
  }

  drop(name: string): Promise<boolean> {
    this.#used -= this.#kept.get(name)?.bytes.length ?? 0;
    this.#kept.delete(name);
    // No other page can be at it.
    return Promise.resolve(true);
  }

  keepForDownload(): Promise<void> {
    // Memory outlives no page.
    return Promise.resolve();
  }

  #take({ name, resume }: PartialFile, size: number): Kept | undefined {
    const kept = this.#kept.get(name);
    if (!resume || kept?.bytes.length !== size) {
      void this.drop(name);
      return undefined;
    }
    this.#kept.delete(name);
    return kept;
  }

  #room(size: number, pieces: number): Kept {
    if (this.#used + size > this.#maxBytes) {
      throw new Failure('memory-full', `${size} bytes over ${this.#maxBytes - this.#used}`);
    }
    const room = { bytes: new Uint8Array(size), hashes: new HashList(pieces) };
    this.#used += size;
    return room;
  }

  #sink(room: Kept, name: string | undefined): Sink {
    let whole: Kept | undefined = room;
    let freed = false;
    const discard = () => {
      if (!freed) this.#used -= room.bytes.length;
      freed = true;
      whole = undefined;
      return Promise.resolve();
    };
    return {
      isKept: name !== undefined,
      held: new HashList(room.hashes.bytes.length / HASH_BYTES, room.hashes.bytes),
      write: (at, bytes) => whole?.bytes.set(bytes, at),
      note: (piece, hash) => name !== undefined && whole?.hashes.set(piece, hash),
      finish: () => {
        const file = new File(whole ? [whole.bytes] : [], '');
        // The file has a copy of its own.
        whole = undefined;
        return Promise.resolve(file);
      },
      release: () => {
        if (name === undefined || !whole) return discard();
        // Two may have been open under one name: the later stays.
        void this.drop(name);
        this.#kept.set(name, whole);
        whole = undefined;
        freed = true;
        return Promise.resolve();
      },
      discard,
    };
  }
}

/** Staging that holds at most `maxBytes` in all. */
export function memoryStaging(maxBytes = MAX_BYTES): Staging {
  return new MemoryStaging(maxBytes);
}
