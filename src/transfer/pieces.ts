// The receiver's view of one file's pieces: which are still to be asked for, and one piece being put together.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { type DataFrame } from '../protocol/frames.ts';
import { FRAME_UNIT_BYTES, MiB, MIN_PIECE_BYTES } from '../protocol/limits.ts';

/** Hands out each piece once, in order, given-back ones first. Those held from the start it hands out only when they are given back. */
export class PieceQueue {
  readonly #pieces: number;
  readonly #held: ReadonlySet<number>;
  #next = 0;
  readonly #again: number[] = [];

  constructor(pieces: number, held: ReadonlySet<number> = new Set()) {
    this.#pieces = pieces;
    this.#held = held;
    this.#skipHeld();
  }

  /** The piece `take` would hand out, or undefined when all were. */
  peek(): number | undefined {
    return this.#again[0] ?? (this.#next < this.#pieces ? this.#next : undefined);
  }

  take(): number | undefined {
    const again = this.#again.shift();
    if (again !== undefined || this.#next >= this.#pieces) return again;
    const piece = this.#next++;
    this.#skipHeld();
    return piece;
  }

  giveBack(piece: number): void {
    this.#again.push(piece);
  }

  #skipHeld(): void {
    while (this.#next < this.#pieces && this.#held.has(this.#next)) this.#next++;
  }
}

/** Memory for pieces, used again instead of allocated and cleared for each. */
export class PiecePool {
  readonly #free: ArrayBuffer[] = [];

  /** `length` bytes holding anything. */
  take(length: number): Bytes {
    const index = this.#free.findIndex((memory) => memory.byteLength >= length);
    const [memory] = index < 0 ? [] : this.#free.splice(index, 1);
    return new Uint8Array(memory ?? new ArrayBuffer(length), 0, length);
  }

  /** Nobody reads these bytes any more. */
  giveBack(bytes: Bytes): void {
    const { byteLength } = bytes.buffer;
    // Small memory is cheap, and would keep the place of large.
    if (byteLength < MIN_PIECE_BYTES || this.#freeBytes() + byteLength > MAX_POOLED_BYTES) return;
    this.#free.push(bytes.buffer);
  }

  #freeBytes(): number {
    return this.#free.reduce((sum, memory) => sum + memory.byteLength, 0);
  }
}

const MAX_POOLED_BYTES = 8 * MiB;

/** A requested piece, filled by its frames in whatever order they come. */
export class PieceBuffer {
  readonly length: number;
  readonly #pool: PiecePool;
  #missingBytes: number;
  #isGivenUp = false;
  #bytes: Bytes | undefined;
  #hash: Bytes | undefined;
  readonly #seen: Uint8Array;
  #missingUnits: number;

  constructor(length: number, pool = new PiecePool()) {
    this.length = length;
    this.#pool = pool;
    this.#missingBytes = length;
    this.#missingUnits = Math.ceil(length / FRAME_UNIT_BYTES);
    this.#seen = new Uint8Array(this.#missingUnits);
  }

  /** Takes a frame's bytes; true when the piece is whole. Throws Failure('protocol') past the end, off the 16 KiB grid or for bytes it has. */
  fill(frame: DataFrame): boolean {
    const end = frame.offset + frame.bytes.length;
    const aligned = frame.offset % FRAME_UNIT_BYTES === 0 && (end % FRAME_UNIT_BYTES === 0 || end === this.length);
    if (end > this.length || !aligned) throw new Failure('protocol', 'bytes outside the piece or off the grid');
    for (let unit = frame.offset / FRAME_UNIT_BYTES; unit * FRAME_UNIT_BYTES < end; unit++) {
      if (this.#seen[unit]) throw new Failure('protocol', 'bytes sent twice');
      this.#seen[unit] = 1;
      this.#missingUnits--;
    }
    this.#missingBytes -= frame.bytes.length;
    if (this.#isGivenUp) return this.#missingUnits === 0;
    // Memory is taken when bytes come, not when they are asked for.
    this.#bytes ??= this.#pool.take(this.length);
    this.#bytes.set(frame.bytes, frame.offset);
    // A copy: the frame's own memory is let go.
    if (frame.hash) this.#hash = frame.hash.slice();
    return this.#missingUnits === 0;
  }

  get missingBytes(): number {
    return this.#missingBytes;
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** It came on another lane: what still comes of it here is counted and dropped. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.release();
  }

  /** The whole piece and the hash its sender gave. Only after `fill` returned true. */
  whole(): { bytes: Bytes; hash: Bytes } {
    if (!this.#bytes || !this.#hash || this.#missingUnits > 0) throw new Failure('internal', 'piece is not whole');
    return { bytes: this.#bytes, hash: this.#hash };
  }

  /** Done with: its memory goes to the next piece. */
  release(): void {
    if (this.#bytes) this.#pool.giveBack(this.#bytes);
    this.#bytes = undefined;
  }
}
