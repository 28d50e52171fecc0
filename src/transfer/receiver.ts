// The receiving half of a lane: asks for the pieces of accepted files within a window, checks each by its SHA-256, hands
// whole pieces to staging and compares the root at the end. A state machine like the sender.
//
// It holds: frames are taken only for streams this side chose and pieces it asked for (C3, C4), a file ends exactly once
// (C19), and is whole only if its size and root are right (C13).

import { equal, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { encodeRequest, HASH_BYTES, type DataFrame } from '../protocol/frames.ts';
import { MAX_REQUESTS_OUTSTANDING } from '../protocol/limits.ts';
import { manifestOf, pieceLength, rootOf, type Manifest } from './manifest.ts';
import { PieceBuffer, PiecePool, PieceQueue } from './pieces.ts';
import { windowBytes } from './window.ts';

export interface ReceiverPort {
  send(frame: Bytes): void;
  hash(bytes: Bytes): Promise<Bytes>;
  /** Puts a checked piece into staging; its memory is used again afterwards. Throws Failure (`disk-full`, `memory-full`). */
  write(stream: number, at: number, bytes: Bytes): Promise<void>;
  /** Every byte is in staging and the root is the one the sender named. */
  whole(stream: number, root: Bytes): void;
  /** This file ended badly; its staging is to be freed. */
  failed(stream: number, failure: Failure): void;
  /** The other side broke the protocol; nothing more happens on this lane. */
  fault(failure: Failure): void;
}

interface Receiving {
  readonly manifest: Manifest;
  readonly queue: PieceQueue;
  readonly asked: Map<number, PieceBuffer>;
  readonly askedTwice: Set<number>;
  readonly hashes: Bytes;
  unstaged: number;
  stagedBytes: number;
  paused: boolean;
  root: Bytes | undefined;
}

export class Receiver {
  readonly #port: ReceiverPort;
  readonly #pool = new PiecePool();
  readonly #files = new Map<number, Receiving>();
  /** Bytes that may still arrive for streams that ended, by stream. */
  readonly #late = new Map<number, number>();
  /** Asked for and not yet whole. */
  #inFlightBytes = 0;
  #requests = 0;
  /** Whole, and not yet hashed and written: bounded too, or a slow disk would fill the memory. */
  #unwrittenBytes = 0;
  #dead = false;

  constructor(port: ReceiverPort) {
    this.#port = port;
  }

  /** Bytes asked for and not yet whole. Never over windowBytes of the largest piece in use. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Bytes of a stream that are checked and in staging. */
  stagedBytes(stream: number): number {
    return this.#files.get(stream)?.stagedBytes ?? 0;
  }

  /** This side accepted a file of `size` bytes under a stream number of its choosing, never used before on this lane. */
  receive(stream: number, size: number, paused = false): void {
    if (this.#dead) return;
    const manifest = manifestOf(size);
    this.#files.set(stream, {
      manifest,
      queue: new PieceQueue(manifest.pieces),
      asked: new Map(),
      askedTwice: new Set(),
      hashes: new Uint8Array(manifest.pieces * HASH_BYTES),
      unstaged: manifest.pieces,
      stagedBytes: 0,
      paused,
      root: undefined,
    });
    this.#pull();
  }

  /** Asks for nothing more of this stream until `resume`; what was asked for still arrives. */
  pause(stream: number): void {
    const file = this.#files.get(stream);
    if (file) file.paused = true;
  }

  resume(stream: number): void {
    const file = this.#files.get(stream);
    if (file) file.paused = false;
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
    let outstanding = 0;
    for (const piece of file.asked.values()) outstanding += piece.length;
    this.#inFlightBytes -= outstanding;
    this.#requests -= file.asked.size;
    this.#late.set(stream, outstanding);
    this.#pull();
  }

  /** The lane is gone or was closed. */
  close(): void {
    this.#dead = true;
    this.#files.clear();
  }

  handleData(frame: DataFrame): void {
    if (this.#dead) return;
    const file = this.#files.get(frame.stream);
    if (!file) {
      this.#dropLate(frame);
      return;
    }
    const piece = file.asked.get(frame.piece);
    if (!piece) {
      this.#fault(new Failure('protocol', 'piece never asked for'));
      return;
    }
    try {
      if (!piece.fill(frame)) return;
    } catch (error) {
      this.#fault(Failure.from(error));
      return;
    }
    file.asked.delete(frame.piece);
    this.#inFlightBytes -= piece.length;
    this.#requests--;
    this.#unwrittenBytes += piece.length;
    void this.#stage(frame.stream, file, frame.piece, piece).finally(() => {
      piece.release();
      this.#unwrittenBytes -= piece.length;
      this.#pull();
    });
    // The freed window is the next request, before this piece is even hashed.
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
      await this.#port.write(stream, index * file.manifest.pieceBytes, bytes);
      if (this.#files.get(stream) !== file) return;
      file.hashes.set(hash, index * HASH_BYTES);
      file.stagedBytes += piece.length;
      file.unstaged--;
      await this.#finishIfWhole(stream, file);
    } catch (error) {
      this.#fail(stream, file, Failure.from(error));
    }
  }

  async #finishIfWhole(stream: number, file: Receiving): Promise<void> {
    if (!file.root || file.unstaged > 0) return;
    const root = await rootOf(file.manifest.size, file.hashes);
    // `done` and the last piece can both get here; whoever removes the file ends it.
    if (this.#files.get(stream) !== file) return;
    if (!equal(root, file.root)) {
      this.#fail(stream, file, new Failure('hash-mismatch', 'root'));
      return;
    }
    this.stop(stream);
    this.#port.whole(stream, root);
  }

  #dropLate(frame: DataFrame): void {
    const allowed = (this.#late.get(frame.stream) ?? -1) - frame.bytes.length;
    if (allowed < 0) this.#fault(new Failure('protocol', 'data for a stream that was not asked for'));
    else this.#late.set(frame.stream, allowed);
  }

  /** Requests pieces, one a turn from each file, while the window has room. */
  #pull(): void {
    while (!this.#dead && this.#requests < MAX_REQUESTS_OUTSTANDING) {
      const next = this.#nextFile();
      if (!next) return;
      const [stream, file, index] = next;
      const length = pieceLength(file.manifest, index);
      const window = windowBytes(file.manifest.pieceBytes);
      if (this.#inFlightBytes + length > window || this.#inFlightBytes + this.#unwrittenBytes + length > 2 * window)
        return;
      file.queue.take();
      file.asked.set(index, new PieceBuffer(length, this.#pool));
      this.#inFlightBytes += length;
      this.#requests++;
      // Files take turns.
      this.#files.delete(stream);
      this.#files.set(stream, file);
      this.#port.send(encodeRequest(stream, index, index + 1));
    }
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
