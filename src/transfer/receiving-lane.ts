// One lane of a receiver: what was asked on it and has not arrived, and what may still arrive of streams that ended.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { encodeRequest, type DataFrame, type DiffersFrame } from '../protocol/frames.ts';
import { MAX_REQUESTS_OUTSTANDING } from '../protocol/limits.ts';
import { type PieceBuffer } from './pieces.ts';

/** What a lane asks of its receiver. */
interface LaneOwner {
  data(frame: DataFrame): void;
  differs(frame: DiffersFrame): void;
  send(frame: Bytes): void;
  /** The lane closed, owing these pieces. */
  closed(owed: Iterable<[stream: number, piece: number]>): void;
}

export class ReceivingLane {
  readonly #owner: LaneOwner;
  /** Pieces asked for, by stream. */
  readonly #asked = new Map<number, Map<number, PieceBuffer>>();
  /** Streams that are paused: what is owed of them does not count, or it would keep others waiting. */
  readonly #paused = new Set<number>();
  /** Bytes that may still arrive for streams that ended, by stream. */
  readonly #late = new Map<number, number>();
  #inFlightBytes = 0;
  #requests = 0;
  #dead = false;

  constructor(owner: LaneOwner) {
    this.#owner = owner;
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

  hasRoom(length: number, window: number): boolean {
    return !this.#dead && this.#requests < MAX_REQUESTS_OUTSTANDING && this.#inFlightBytes + length <= window;
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
    if (!piece.fill(frame)) return undefined;
    pieces?.delete(frame.piece);
    if (!this.#paused.has(frame.stream)) this.#count(-1, [piece]);
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
    for (const { length } of pieces) {
      this.#inFlightBytes += by * length;
      this.#requests += by;
    }
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
    const owed = [...this.#asked].flatMap(([stream, pieces]) =>
      [...pieces.keys()].map((piece): [number, number] => [stream, piece]),
    );
    this.#asked.clear();
    this.#inFlightBytes = 0;
    this.#owner.closed(owed);
  }
}
