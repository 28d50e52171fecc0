// The sending half of a link: answers requests for accepted files with hashed pieces, each on the lane it was asked on, and
// names each file's content by its root. A state machine: frames come in by `handle*`, everything it does goes out by the
// ports it was given.
//
// It holds: no byte of a stream is read or sent before `serve` named that stream (consent invariant C1), nothing after
// `stop` (C10), never more than a lane takes at once, never more than 2 × the file and 64 MiB.

import { equal, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { encodeDiffers, type HaveFrame, type RequestFrame } from '../protocol/frames.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';
import { ASKED_SLACK_BYTES, EARLY_REQUEST_MS, MAX_EARLY_REQUESTS, MAX_FILES_PER_PEER } from '../protocol/limits.ts';
import { manifestOf, pieceLength, rootOf } from './manifest.ts';
import { SendingLane, type SendingPort, type Served, type SourcePiece } from './sending-lane.ts';

export interface SenderPort {
  /** Bytes [start, end) of the file on `stream`, one piece of it. Throws Failure (`file-changed`, `file-unreadable`). */
  read(stream: number, start: number, end: number): Promise<SourcePiece>;
  /** Whether what was read of the file is what was picked. Throws Failure as `read` does. */
  check(stream: number): Promise<void>;
  /** Every piece was read and sent once: this is the content's root. The stream can still be asked again. */
  served(stream: number, root: Bytes): void;
  /** This file cannot go on. */
  failed(stream: number, failure: Failure): void;
  /** The other side broke the protocol; nothing more happens on this link. */
  fault(failure: Failure): void;
  after(ms: number, then: () => void): void;
}

/** Every file of a peer, accepted and ended twice over: more streams than that nobody needs on one link. */
const MAX_STOPPED = 2 * MAX_FILES_PER_PEER;

/** Every file of a link that is being sent. */
export class Sender {
  readonly #port: SenderPort;
  readonly #lanes = new Set<SendingLane>();
  readonly #files = new Map<number, Served>();
  readonly #stopped = new Set<number>();
  /** What overtook its accept. */
  readonly #early = new Map<number, { lane: SendingLane; frame: RequestFrame | HaveFrame }[]>();
  /** One piece at a time, whatever is resumed: it is reading that no window bounds. */
  #comparing: Promise<void> = Promise.resolve();
  #earlyCount = 0;
  #dead = false;

  constructor(port: SenderPort) {
    this.#port = port;
  }

  /** Another lane to be asked on; it belongs to this sender until it is closed. */
  addLane(port: SendingPort): SendingLane {
    const lane = new SendingLane(port, {
      file: (stream) => this.#files.get(stream),
      request: (request) => this.#handleRequest(lane, request),
      have: (have) => this.#handleHave(lane, have),
      prepare: (stream, file, piece) => this.#prepare(stream, file, piece),
      fail: (stream, failure) => this.#fail(stream, failure),
      sent: (stream, file, piece, hash) => this.#sent(stream, file, piece, hash),
      closed: () => this.#lanes.delete(lane),
    });
    this.#lanes.add(lane);
    return lane;
  }

  /** The other side accepted this file and chose `stream` for it; `resume`: it may say what it has of it already. */
  serve(stream: number, size: number, resume = false): void {
    if (this.#dead) return;
    if (this.#files.has(stream) || this.#stopped.has(stream)) {
      this.#fault(new Failure('protocol', 'stream used twice'));
      return;
    }
    const manifest = manifestOf(size);
    const file: Served = {
      manifest,
      hashes: new HashList(manifest.pieces),
      held: resume ? new HashList(manifest.pieces) : undefined,
      unsent: manifest.pieces,
      announced: false,
      askedBytes: 0,
      sentBytes: 0,
      paused: false,
    };
    this.#files.set(stream, file);
    void this.#announceIfSent(stream, file);
    const early = this.#early.get(stream) ?? [];
    this.#early.delete(stream);
    this.#earlyCount -= early.length;
    for (const { lane, frame } of early) lane.handle(frame);
  }

  /** Nothing more of it is sent until `resume`; what was asked for stays asked for. */
  pause(stream: number): void {
    const file = this.#files.get(stream);
    if (file) file.paused = true;
  }

  resume(stream: number): void {
    const file = this.#files.get(stream);
    if (!file?.paused) return;
    file.paused = false;
    for (const lane of this.#lanes) lane.goOn();
  }

  /** Withdrawn, cancelled, verified or failed: not one more frame of it. A stream accepted too late is stopped unserved. */
  stop(stream: number): void {
    this.#files.delete(stream);
    this.#stopped.add(stream);
    if (this.#stopped.size > MAX_STOPPED) this.#fault(new Failure('protocol', 'streams without end'));
    this.#earlyCount -= this.#early.get(stream)?.length ?? 0;
    this.#early.delete(stream);
  }

  /** The link is over. */
  close(): void {
    this.#dead = true;
    for (const lane of this.#lanes) lane.close();
    this.#files.clear();
    this.#early.clear();
  }

  /** Bytes handed to the lanes for a stream so far. */
  sentBytes(stream: number): number {
    const file = this.#files.get(stream);
    // Pieces asked for twice are no progress.
    return file ? Math.min(file.sentBytes, file.manifest.size) : 0;
  }

  #handleRequest(lane: SendingLane, request: RequestFrame): void {
    if (this.#dead || this.#stopped.has(request.stream)) return;
    const file = this.#files.get(request.stream);
    if (!file) {
      this.#keepEarly(lane, request);
      return;
    }
    if (request.to > file.manifest.pieces) {
      this.#fault(new Failure('protocol', 'request past the end of the file'));
      return;
    }
    for (let piece = request.from; piece < request.to; piece++) file.askedBytes += pieceLength(file.manifest, piece);
    if (file.askedBytes > 2 * file.manifest.size + ASKED_SLACK_BYTES || !lane.ask(request)) {
      this.#fail(request.stream, new Failure('asked-too-often'));
    }
  }

  #handleHave(lane: SendingLane, have: HaveFrame): void {
    const { stream, from, hashes } = have;
    if (this.#dead || this.#stopped.has(stream)) return;
    const file = this.#files.get(stream);
    if (!file) {
      this.#keepEarly(lane, have);
      return;
    }
    const said = new HashList(hashes.length / HASH_BYTES, hashes);
    const pieces = [...said.known()].map((piece) => from + piece);
    const { held, manifest } = file;
    if (!held || from + hashes.length / HASH_BYTES > manifest.pieces || pieces.some((piece) => held.has(piece))) {
      this.#fault(new Failure('protocol', 'a have that has no place'));
      return;
    }
    for (const piece of pieces) held.set(piece, said.at(piece - from));
    this.#comparing = this.#comparing.then(() => this.#compare(lane, stream, file, pieces));
  }

  /** Reads what the receiver holds, for the root is of what is in the file now. */
  async #compare(lane: SendingLane, stream: number, file: Served, pieces: readonly number[]): Promise<void> {
    const differing: number[] = [];
    for (const piece of pieces) {
      const prepared = await this.#prepare(stream, file, piece);
      if (prepared instanceof Failure) {
        this.#fail(stream, prepared);
        return;
      }
      const { length } = prepared.bytes;
      prepared.release();
      if (this.#dead || this.#files.get(stream) !== file) return;
      if (!equal(prepared.hash, file.held?.at(piece) ?? new Uint8Array())) differing.push(piece);
      else if (!file.hashes.has(piece)) {
        file.hashes.set(piece, prepared.hash);
        file.sentBytes += length;
        file.unsent--;
      }
    }
    if (differing.length) lane.send(encodeDiffers(stream, differing));
    await this.#announceIfSent(stream, file);
  }

  #keepEarly(lane: SendingLane, frame: RequestFrame | HaveFrame): void {
    if (this.#earlyCount >= MAX_EARLY_REQUESTS) {
      this.#fault(new Failure('protocol', 'requests for files never accepted'));
      return;
    }
    const { stream } = frame;
    const waiting = this.#early.get(stream);
    if (waiting) waiting.push({ lane, frame });
    else {
      this.#early.set(stream, [{ lane, frame }]);
      this.#port.after(EARLY_REQUEST_MS, () => {
        if (this.#early.has(stream)) this.#fault(new Failure('protocol', 'request for a file never accepted'));
      });
    }
    this.#earlyCount++;
  }

  async #prepare(stream: number, file: Served, piece: number): Promise<SourcePiece | Failure> {
    const start = piece * file.manifest.pieceBytes;
    const length = pieceLength(file.manifest, piece);
    try {
      const read = await this.#port.read(stream, start, start + length);
      if (read.bytes.length === length) return read;
      read.release();
      throw new Failure('file-changed', `read ${read.bytes.length} of ${length}`);
    } catch (error) {
      return Failure.from(error);
    }
  }

  /** A whole piece went out: the root names what was sent. */
  async #sent(stream: number, file: Served, piece: number, hash: Bytes): Promise<void> {
    if (this.#files.get(stream) !== file) return;
    if (file.hashes.has(piece)) {
      // Asked again: the bytes must be those the root will name, or were named by it.
      if (!equal(file.hashes.at(piece), hash)) this.#fail(stream, new Failure('file-changed', 'other bytes'));
      return;
    }
    file.hashes.set(piece, hash);
    file.unsent--;
    await this.#announceIfSent(stream, file);
  }

  /** Once: what is asked for again afterwards changes nothing. */
  async #announceIfSent(stream: number, file: Served): Promise<void> {
    if (file.unsent > 0 || file.announced) return;
    file.announced = true;
    try {
      await this.#port.check(stream);
    } catch (error) {
      if (this.#files.get(stream) === file) this.#fail(stream, Failure.from(error));
      return;
    }
    const root = await rootOf(file.manifest.size, file.hashes.bytes);
    if (this.#files.get(stream) === file) this.#port.served(stream, root);
  }

  #fail(stream: number, failure: Failure): void {
    if (!this.#files.has(stream)) return;
    this.stop(stream);
    this.#port.failed(stream, failure);
  }

  #fault(failure: Failure): void {
    if (this.#dead) return;
    this.close();
    this.#port.fault(failure);
  }
}
