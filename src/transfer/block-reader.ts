// Reads a picked file, block by block, into memory that is used again: as one stream for as long as the blocks are asked
// for in order, which costs a browser half of what separate slices cost, and leaves nothing for the collector of garbage.
// The browser looks whether the file is still the one that was picked when it begins to read, and not again: so a stream is
// not used for long, and whoever wants to be sure asks at the end.

import type { Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MiB } from '../protocol/limits.ts';
import type { PiecePool } from './pieces.ts';

const STREAM_BYTES = 16 * MiB;

/** The browser refuses when the file is no longer the one that was picked. */
function readFailure(error: unknown): Failure {
  const gone = error instanceof DOMException && error.name === 'NotFoundError';
  return Failure.from(error, gone ? 'file-unreadable' : 'file-changed');
}

/** Undefined where the browser has no such streams of files. */
function streamOf(file: Blob): ReadableStreamBYOBReader | undefined {
  try {
    return file.stream().getReader({ mode: 'byob' });
  } catch {
    return undefined;
  }
}

/** Fills `memory` from a stream; shorter when the stream ends before. */
async function fill(stream: ReadableStreamBYOBReader, memory: Bytes): Promise<Bytes> {
  const { length } = memory;
  let filled = memory;
  let at = 0;
  while (at < length) {
    // The stream takes the memory, and gives it back with every read.
    const { value, done } = await stream.read(new Uint8Array(filled.buffer, at, length - at));
    if (!value) return new Uint8Array();
    at += value.length;
    filled = new Uint8Array(value.buffer, 0, at);
    if (done) break;
  }
  return filled;
}

function letGo(stream: ReadableStreamBYOBReader): void {
  stream.cancel().catch(() => {
    // It had failed.
  });
}

export class BlockReader {
  readonly #file: Blob;
  readonly #blockBytes: number;
  readonly #pool: PiecePool;
  #isOpen = true;
  #stream: ReadableStreamBYOBReader | undefined;
  /** Where the stream is, and where it ends. */
  #at = 0;
  #until = 0;
  /** The block that comes after all that was asked for so far. */
  #next = 0;
  #reading: Promise<unknown> = Promise.resolve();

  /** The memory of what it reads is taken from the pool, and may be given back there. */
  constructor(file: Blob, blockBytes: number, pool: PiecePool) {
    this.#file = file;
    this.#blockBytes = blockBytes;
    this.#pool = pool;
  }

  /** The block that is the cheapest to read. */
  get next(): number {
    return this.#next;
  }

  /** How many bytes a block has: all the same but the last. */
  lengthOf(index: number): number {
    return Math.min(this.#blockBytes, this.#file.size - index * this.#blockBytes);
  }

  /** The bytes of a block; fewer when the file ends before. Throws Failure `file-changed`, `file-unreadable`. */
  read(index: number): Promise<Bytes> {
    this.#next = Math.max(this.#next, index + 1);
    const read = this.#reading.then(() => this.#read(index));
    this.#reading = read.catch(() => this.#letGo());
    return read;
  }

  /** Throws Failure `file-changed`, `file-unreadable` if what was read may not be what was picked. */
  async check(): Promise<void> {
    try {
      // What is read at once was looked at when it was.
      if (this.#file.size > this.#blockBytes) await this.#file.slice(0, 1).arrayBuffer();
    } catch (error) {
      throw readFailure(error);
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#letGo();
  }

  #letGo(): void {
    if (this.#stream) letGo(this.#stream);
    this.#stream = undefined;
  }

  async #read(index: number): Promise<Bytes> {
    if (!this.#isOpen) throw new Failure('internal', 'read after the end');
    const start = index * this.#blockBytes;
    const length = this.lengthOf(index);
    try {
      const stream = this.#streamAt(start);
      if (!stream) return new Uint8Array(await this.#part(start, length).arrayBuffer());
      const bytes = await fill(stream, this.#pool.take(length)).catch(() => new Uint8Array());
      // A stream does not say why: a slice does.
      if (bytes.length < length) await this.check();
      if (stream !== this.#stream) letGo(stream);
      else if ((this.#at = start + bytes.length) >= this.#until) this.#letGo();
      return bytes;
    } catch (error) {
      throw readFailure(error);
    }
  }

  /** A slice waits for the browser's other processes, thread and all: of a file read at once there need be none. */
  #part(start: number, length: number): Blob {
    return length === this.#file.size ? this.#file : this.#file.slice(start, start + length);
  }

  /** The stream where it is, or put forward; for what lies behind it one that is used once. None for a file of one block. */
  #streamAt(start: number): ReadableStreamBYOBReader | undefined {
    if (this.#file.size <= this.#blockBytes) return undefined;
    if (this.#stream && start < this.#at) return streamOf(this.#file.slice(start, start + this.#blockBytes));
    if (start > this.#at) this.#letGo();
    if (!this.#stream) this.#until = start + Math.max(STREAM_BYTES, this.#blockBytes);
    this.#at = start;
    return (this.#stream ??= streamOf(this.#file.slice(start, this.#until)));
  }
}
