// One lane of a receiver: what was asked on it and has not arrived, and what may still arrive of streams that ended.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { encodeRequest, type DataFrame, type DiffersFrame } from '../protocol/frames.ts';
import { KiB, MAX_REQUESTS_OUTSTANDING } from '../protocol/limits.ts';
import { LaneRate } from './lane-rate.ts';
import { type PieceBuffer } from './pieces.ts';

/** What a lane asks of its receiver. */
interface LaneOwner {
  data(frame: DataFrame): void;
  differs(frame: DiffersFrame): void;
  send(frame: Bytes): void;
  /** Monotonic milliseconds. */
  now(): number;
  /** The lane closed, owing these pieces. */
  closed(owed: readonly Owed[]): void;
}

/** A piece that was asked for on a lane and is not whole. */
export interface Owed {
  readonly stream: number;
  readonly index: number;
  readonly piece: PieceBuffer;
}

/** A lane is asked for more when less than it brings in this time is on its way: slow ones are not given much they would keep. */
const AHEAD_SECONDS = 1;
/** But never less than this, or it would run dry between two looks. */
export const LEAST_AHEAD_BYTES = 512 * KiB;

export class ReceivingLane {
  readonly #owner: LaneOwner;
  /** Pieces asked for, by stream. */
  readonly #asked = new Map<number, Map<number, PieceBuffer>>();
  /** Streams that are paused: what is owed of them does not count, or it would keep others waiting. */
  readonly #paused = new Set<number>();
  /** Bytes that may still arrive for streams that ended, by stream. */
  readonly #late = new Map<number, number>();
  readonly #leastAheadBytes: number;
  readonly #rate = new LaneRate();
  #inFlightBytes = 0;
  /** Of those, what did not come yet. */
  #awaitedBytes = 0;
  #requests = 0;
  #dead = false;

  constructor(owner: LaneOwner, leastAheadBytes: number) {
    this.#owner = owner;
    this.#leastAheadBytes = leastAheadBytes;
  }

  /** Bytes asked for and not yet whole, but for what is paused. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  handle(frame: DataFrame | DiffersFrame): void {
    if (this.#dead) return;
    if (frame.kind === 'data') this.#owner.data(frame);
    else this.#owner.differs(frame);
  }

  send(frame: Bytes): void {
    this.#owner.send(frame);
  }

  get isIdle(): boolean {
    return !this.#dead && this.#requests === 0;
  }

  /** Whether it is the time to ask for `length` more on it, and its window has room for that. */
  hasRoom(length: number, window: number): boolean {
    if (this.#dead || this.#requests >= MAX_REQUESTS_OUTSTANDING || this.#inFlightBytes + length > window) return false;
    const rate = this.#rate.bytesPerSecond(this.#owner.now()) ?? 0;
    return this.#awaitedBytes < Math.max(this.#leastAheadBytes, rate * AHEAD_SECONDS);
  }

  /** In how many seconds all that was asked on it will have come, and `more` bytes; undefined while nobody can say. */
  secondsFor(more = 0): number | undefined {
    const rate = this.#rate.bytesPerSecond(this.#owner.now());
    return rate && (this.#awaitedBytes + more) / rate;
  }

  owes(stream: number, index: number): boolean {
    return this.#asked.get(stream)?.has(index) ?? false;
  }

  /** What it owes of files that are not paused, the last asked for first. */
  owed(): Owed[] {
    return [...this.#asked]
      .filter(([stream]) => !this.#paused.has(stream))
      .flatMap(([stream, pieces]) => [...pieces].map(([index, piece]) => ({ stream, index, piece })))
      .reverse();
  }

  ask(stream: number, index: number, piece: PieceBuffer): void {
    const pieces = this.#asked.get(stream);
    if (pieces) pieces.set(index, piece);
    else this.#asked.set(stream, new Map([[index, piece]]));
    this.#count(1, [piece]);
    this.send(encodeRequest(stream, index, index + 1));
  }

  /** Takes a frame of a piece asked for here; the piece, once it is whole. Throws Failure('protocol'). */
  fill(frame: DataFrame): PieceBuffer | undefined {
    const pieces = this.#asked.get(frame.stream);
    const piece = pieces?.get(frame.piece);
    if (!piece) throw new Failure('protocol', 'piece never asked for');
    const isWhole = piece.fill(frame);
    this.#rate.add(this.#owner.now(), frame.bytes.length);
    const counts = !this.#paused.has(frame.stream);
    if (counts) this.#awaitedBytes -= frame.bytes.length;
    if (!isWhole) return undefined;
    pieces?.delete(frame.piece);
    if (counts) this.#count(-1, [piece]);
    return piece;
  }

  /** A stream ended: what is still on its way is dropped, up to what was asked for. */
  stop(stream: number): void {
    this.resume(stream);
    const pieces = [...(this.#asked.get(stream)?.values() ?? [])];
    this.#asked.delete(stream);
    this.#count(-1, pieces);
    this.#late.set(
      stream,
      pieces.reduce((sum, { length }) => sum + length, 0),
    );
  }

  pause(stream: number): void {
    if (this.#paused.has(stream)) return;
    this.#paused.add(stream);
    this.#count(-1, this.#asked.get(stream)?.values() ?? []);
  }

  resume(stream: number): void {
    if (this.#paused.delete(stream)) this.#count(1, this.#asked.get(stream)?.values() ?? []);
  }

  #count(by: 1 | -1, pieces: Iterable<PieceBuffer>): void {
    for (const { length, missingBytes } of pieces) {
      this.#inFlightBytes += by * length;
      this.#awaitedBytes += by * missingBytes;
      this.#requests += by;
    }
    if (this.#requests) this.#rate.busy(this.#owner.now());
    else this.#rate.idle(this.#owner.now());
  }

  /** Throws Failure('protocol') for bytes beyond what an ended stream was asked for. */
  dropLate(frame: DataFrame): void {
    const allowed = (this.#late.get(frame.stream) ?? -1) - frame.bytes.length;
    if (allowed < 0) throw new Failure('protocol', 'data for a stream that was not asked for');
    this.#late.set(frame.stream, allowed);
  }

  /** The lane is gone. */
  close(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#paused.clear();
    const owed = this.owed();
    this.#asked.clear();
    this.#inFlightBytes = 0;
    this.#owner.closed(owed);
  }
}
