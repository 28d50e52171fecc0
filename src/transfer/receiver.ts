// The receiving half of a link: asks for the pieces of accepted files within a window, checks each by its SHA-256, hands
// whole pieces to staging and compares the root at the end. A state machine like the sender. Each lane has its own window
// and asks for itself, so a fast lane asks more; what a lane that closes still owed is asked for on another.
//
// It holds: frames are taken only for streams this side chose and pieces it asked for (C3, C4), a file ends exactly once
// (C19), and is whole only if its size and root are right (C13).

import { equal, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { encodeHave, type DataFrame, type DiffersFrame } from '../protocol/frames.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';
import { MAX_HAVE_HASHES } from '../protocol/limits.ts';
import { manifestOf, pieceLength, rootOf, type Manifest } from './manifest.ts';
import { PieceBuffer, PiecePool, PieceQueue } from './pieces.ts';
import { LEAST_AHEAD_BYTES, ReceivingLane, type Owed } from './receiving-lane.ts';
import { PageWindow, windowBytes } from './window.ts';

export interface ReceiverPort {
  hash(bytes: Bytes): Promise<Bytes>;
  /** Monotonic milliseconds. */
  now(): number;
  /** Puts a checked piece into staging; its memory is used again afterwards. Throws Failure (`disk-full`, `memory-full`). */
  write(stream: number, piece: CheckedPiece): Promise<void>;
  /** Every byte is in staging and the root is the one the sender named. */
  whole(stream: number, root: Bytes): void;
  /** There was no room for a piece: the file waits, as if paused, until `resume`. */
  full(stream: number): void;
  /** This file ended badly; its staging is to be freed. */
  failed(stream: number, failure: Failure): void;
  /** The other side broke the protocol; nothing more happens on this link. */
  fault(failure: Failure): void;
}

export interface CheckedPiece {
  readonly index: number;
  /** Where in the file it goes, in bytes. */
  readonly at: number;
  readonly bytes: Bytes;
  readonly hash: Bytes;
}

/** How a file is to be received. */
export interface ReceiveOptions {
  readonly paused?: boolean;
  /** Resumed: what staging already holds of it, from an earlier session. May be nothing. */
  readonly held?: HashList;
}

interface Receiving {
  readonly manifest: Manifest;
  readonly queue: PieceQueue;
  readonly askedTwice: Set<number>;
  /** Both copies of pieces that a faster lane was asked for too, by index. */
  readonly twins: Map<number, readonly PieceBuffer[]>;
  readonly hashes: HashList;
  /** Told in `have`, and not yet said to differ. */
  readonly held: Set<number>;
  unstaged: number;
  stagedBytes: number;
  paused: boolean;
  root: Bytes | undefined;
}

/** A piece is asked for on a second lane when that takes less than half of what it would, and the wait is worth a word. */
const WORTH_TWICE = 2;
const MIN_WAIT_SECONDS = 0.5;

/** Every file of a link that is being received. */
export class Receiver {
  readonly #port: ReceiverPort;
  readonly #page: PageWindow;
  readonly #leastAheadBytes: number;
  readonly #pool = new PiecePool();
  readonly #files = new Map<number, Receiving>();
  readonly #lanes = new Set<ReceivingLane>();
  /** Whole, and not yet hashed and written: bounded too, or a slow disk would fill the memory. */
  #unwrittenBytes = 0;
  #dead = false;

  /** `page`: the window of all links together. `leastAheadBytes`: what a lane is asked for ahead before it is known to be fast. */
  constructor(port: ReceiverPort, page = new PageWindow(), leastAheadBytes = LEAST_AHEAD_BYTES) {
    this.#port = port;
    this.#leastAheadBytes = leastAheadBytes;
    this.#page = page;
    page.links.add(this);
  }

  /** Another lane to ask on; `send` takes encoded frames. The first one stays until the link is over. */
  addLane(send: (frame: Bytes) => void): ReceivingLane {
    const lane: ReceivingLane = new ReceivingLane(
      {
        data: (frame) => this.#handleData(lane, frame),
        differs: (frame) => this.#handleDiffers(frame),
        send,
        now: () => this.#port.now(),
        closed: (owed) => this.#laneClosed(lane, owed),
      },
      this.#leastAheadBytes,
    );
    this.#lanes.add(lane);
    if (this.#lanes.size === 1) for (const [stream, file] of this.#files) this.#tellHeld(stream, file);
    this.#pull();
    return lane;
  }

  /** Bytes asked for and not yet whole. Never over windowBytes of the largest piece in use. */
  get inFlightBytes(): number {
    return [...this.#lanes].reduce((sum, lane) => sum + lane.inFlightBytes, 0);
  }

  /** Bytes asked for and not yet staged. */
  get heldBytes(): number {
    return this.inFlightBytes + this.#unwrittenBytes;
  }

  /** Bytes of a stream that are checked and in staging. */
  stagedBytes(stream: number): number {
    return this.#files.get(stream)?.stagedBytes ?? 0;
  }

  /** This side accepted a file of `size` bytes under a stream number of its choosing, never used before on this link. */
  receive(stream: number, size: number, { paused = false, held }: ReceiveOptions = {}): void {
    if (this.#dead) return;
    const manifest = manifestOf(size);
    const hashes = new HashList(manifest.pieces, held?.bytes);
    const known = [...hashes.known()];
    const file: Receiving = {
      ...{ manifest, hashes, paused, held: new Set(known) },
      queue: new PieceQueue(manifest.pieces, new Set(known)),
      askedTwice: new Set(),
      twins: new Map(),
      unstaged: manifest.pieces,
      stagedBytes: 0,
      root: undefined,
    };
    for (const piece of file.held) this.#count(file, piece, 1);
    this.#files.set(stream, file);
    this.#tellHeld(stream, file);
    this.#pull();
  }

  /** A piece is staged, or no longer counts as that. */
  #count(file: Receiving, piece: number, by: 1 | -1): void {
    file.unstaged -= by;
    file.stagedBytes += by * pieceLength(file.manifest, piece);
  }

  /** On the first lane, which lives as long as the link: what got lost would never be answered. */
  #tellHeld(stream: number, { held, hashes }: Receiving): void {
    const [first] = this.#lanes;
    if (!held.size || !first) return;
    for (let at = 0; at < hashes.bytes.length; at += MAX_HAVE_HASHES * HASH_BYTES) {
      const some = hashes.bytes.subarray(at, at + MAX_HAVE_HASHES * HASH_BYTES);
      if (some.some((byte) => byte !== 0)) first.send(encodeHave(stream, at / HASH_BYTES, some));
    }
  }

  /** The sender's file has other bytes than these pieces: they are asked for. */
  #handleDiffers({ stream, pieces }: DiffersFrame): void {
    const file = this.#files.get(stream);
    if (!file) return;
    for (const piece of pieces) {
      if (!file.held.delete(piece)) {
        this.#fault(new Failure('protocol', 'a piece differs that was not held'));
        return;
      }
      this.#count(file, piece, -1);
      file.hashes.forget(piece);
      file.queue.giveBack(piece);
    }
    this.#pull();
  }

  /** Asks for nothing more of this stream until `resume`; what was asked for may still arrive, or wait with its sender. */
  pause(stream: number): void {
    const file = this.#files.get(stream);
    if (!file) return;
    file.paused = true;
    for (const lane of this.#lanes) lane.pause(stream);
    this.#pull();
  }

  resume(stream: number): void {
    const file = this.#files.get(stream);
    if (!file) return;
    file.paused = false;
    for (const lane of this.#lanes) lane.resume(stream);
    this.#pull();
  }

  /** The sender's `done`: the root its bytes must have. May come before the last of them. */
  handleRoot(stream: number, root: Bytes): void {
    const file = this.#files.get(stream);
    if (!file) return;
    if (file.root && !equal(file.root, root)) {
      this.#fault(new Failure('protocol', 'two roots for one file'));
      return;
    }
    file.root = root;
    void this.#finishIfWhole(stream, file);
  }

  /** Cancelled, withdrawn or failed elsewhere: what is still on its way is dropped. */
  stop(stream: number): void {
    const file = this.#files.get(stream);
    if (!file) return;
    this.#files.delete(stream);
    for (const lane of this.#lanes) lane.stop(stream);
    this.#pull();
  }

  /** The link is over. */
  close(): void {
    this.#dead = true;
    this.#page.links.delete(this);
    this.#files.clear();
    for (const lane of this.#lanes) lane.close();
  }

  #handleData(lane: ReceivingLane, frame: DataFrame): void {
    const file = this.#files.get(frame.stream);
    try {
      if (!file) {
        lane.dropLate(frame);
        return;
      }
      const piece = lane.fill(frame);
      if (!piece || piece.isGivenUp) {
        // What is on its way got less: it may be the time for more.
        this.#pull();
        return;
      }
      for (const twin of file.twins.get(frame.piece) ?? []) if (twin !== piece) twin.giveUp();
      file.twins.delete(frame.piece);
      this.#unwrittenBytes += piece.length;
      void this.#stage(frame.stream, file, frame.piece, piece).finally(() => {
        piece.release();
        this.#unwrittenBytes -= piece.length;
        this.#pull();
      });
      // The freed window is the next request, before this piece is even hashed.
      this.#pull();
    } catch (error) {
      this.#fault(Failure.from(error));
    }
  }

  /** What a lane owed is asked for again, on another. */
  #laneClosed(lane: ReceivingLane, owed: readonly Owed[]): void {
    this.#lanes.delete(lane);
    for (const { stream, index, piece } of owed) {
      const file = this.#files.get(stream);
      // Its twin is on its way, or came.
      if (file && !file.twins.delete(index) && !piece.isGivenUp) file.queue.giveBack(index);
    }
    this.#pull();
  }

  async #stage(stream: number, file: Receiving, index: number, piece: PieceBuffer): Promise<void> {
    try {
      const { bytes, hash } = piece.whole();
      const actual = await this.#port.hash(bytes);
      if (this.#files.get(stream) !== file) return;
      if (!equal(actual, hash)) {
        if (file.askedTwice.has(index)) throw new Failure('hash-mismatch', `piece ${index}`);
        file.askedTwice.add(index);
        file.queue.giveBack(index);
        return;
      }
      if (!(await this.#write(stream, file, { index, at: index * file.manifest.pieceBytes, bytes, hash }))) return;
      if (this.#files.get(stream) !== file) return;
      file.hashes.set(index, hash);
      this.#count(file, index, 1);
      await this.#finishIfWhole(stream, file);
    } catch (error) {
      this.#fail(stream, file, Failure.from(error));
    }
  }

  /** False when there was no room for it: then it is asked for again once there is. */
  async #write(stream: number, file: Receiving, piece: CheckedPiece): Promise<boolean> {
    try {
      await this.#port.write(stream, piece);
      return true;
    } catch (error) {
      if (Failure.from(error).code !== 'disk-full' || this.#files.get(stream) !== file) throw error;
      file.queue.giveBack(piece.index);
      if (!file.paused) this.#port.full(stream);
      this.pause(stream);
      return false;
    }
  }

  async #finishIfWhole(stream: number, file: Receiving): Promise<void> {
    if (!file.root || file.unstaged > 0) return;
    const root = await rootOf(file.manifest.size, file.hashes.bytes);
    // `done` and the last piece can both get here; whoever removes the file ends it.
    if (this.#files.get(stream) !== file) return;
    if (!equal(root, file.root)) {
      this.#fail(stream, file, new Failure('hash-mismatch', 'root'));
      return;
    }
    this.stop(stream);
    this.#port.whole(stream, root);
  }

  /** Requests pieces, one a turn from each file and on each lane, while the windows have room. */
  #pull(): void {
    let idle = 0;
    for (const lane of this.#turns()) {
      idle = this.#pullOne(lane) ? 0 : idle + 1;
      if (idle >= this.#lanes.size) return;
    }
  }

  *#turns(): Iterable<ReceivingLane> {
    while (!this.#dead && this.#lanes.size > 0) yield* this.#lanes;
  }

  #pullOne(lane: ReceivingLane): boolean {
    const next = this.#nextFile();
    if (!next) return this.#helpOut(lane);
    const [stream, file, index] = next;
    const length = pieceLength(file.manifest, index);
    const window = windowBytes(file.manifest.pieceBytes, this.#lanes.size);
    // Another copy of it may still come there: the two could not be told apart.
    if (lane.owes(stream, index)) return false;
    if (!lane.hasRoom(length, window) || this.heldBytes + length > 2 * window * this.#lanes.size) return false;
    if (!this.#page.hasRoom(this.heldBytes, length)) return false;
    file.queue.take();
    // Files take turns.
    this.#files.delete(stream);
    this.#files.set(stream, file);
    lane.ask(stream, index, new PieceBuffer(length, this.#pool));
    return true;
  }

  /** At the end a slow lane would keep everybody waiting for what it owes: a faster one that has nothing to do is asked for it too. */
  #helpOut(lane: ReceivingLane): boolean {
    if (!lane.isIdle) return false;
    for (const slow of [...this.#lanes].sort((a, b) => (b.secondsFor() ?? 0) - (a.secondsFor() ?? 0))) {
      const [last] = slow.owed().filter(({ stream, index }) => !this.#files.get(stream)?.twins.has(index));
      const file = last && this.#files.get(last.stream);
      if (!file || last.piece.isGivenUp) continue;
      const there = slow.secondsFor();
      const here = lane.secondsFor(last.piece.length);
      if (there === undefined || here === undefined || there < WORTH_TWICE * here + MIN_WAIT_SECONDS) return false;
      const twin = new PieceBuffer(last.piece.length, this.#pool);
      file.twins.set(last.index, [last.piece, twin]);
      lane.ask(last.stream, last.index, twin);
      return true;
    }
    return false;
  }

  #nextFile(): [stream: number, file: Receiving, piece: number] | undefined {
    for (const [stream, file] of this.#files) {
      const piece = file.paused ? undefined : file.queue.peek();
      if (piece !== undefined) return [stream, file, piece];
    }
    return undefined;
  }

  #fail(stream: number, file: Receiving, failure: Failure): void {
    if (this.#files.get(stream) !== file) return;
    this.stop(stream);
    this.#port.failed(stream, failure);
  }

  #fault(failure: Failure): void {
    if (this.#dead) return;
    this.close();
    this.#port.fault(failure);
  }
}
