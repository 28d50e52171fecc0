// The sending half of a lane: answers requests for accepted files with hashed pieces, and names each file's content by
// its root. A state machine: frames come in by `handle*`, everything it does goes out by the port it was given.
//
// It holds: no byte of a stream is read or sent before `serve` named that stream (consent invariant C1), nothing after
// `stop` (C10), never more than the port takes at once, never more than 2 × the file and 64 MiB.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { DATA_HEADER_BYTES, encodeData, HASH_BYTES, type RequestFrame } from '../protocol/frames.ts';
import {
  ASKED_SLACK_BYTES,
  EARLY_REQUEST_MS,
  MAX_EARLY_REQUESTS,
  MAX_FILES_PER_PEER,
  MAX_REQUESTS_OUTSTANDING,
  MiB,
} from '../protocol/limits.ts';
import { manifestOf, pieceLength, rootOf, type Manifest } from './manifest.ts';

export interface SenderPort {
  /** Bytes [start, end) of the file on `stream`. Throws Failure (`file-changed`, `file-unreadable`). */
  read(stream: number, start: number, end: number): Promise<Bytes>;
  hash(bytes: Bytes): Promise<Bytes>;
  /** Hands one frame to the lane, which copies it: its memory is used for the next one. */
  send(frame: Bytes): void;
  /** Resolves when the lane takes another frame. */
  drained(): Promise<void>;
  /** Every piece was read and sent once: this is the content's root. The stream can still be asked again. */
  served(stream: number, root: Bytes): void;
  /** This file cannot go on. */
  failed(stream: number, failure: Failure): void;
  /** The other side broke the protocol; nothing more happens on this lane. */
  fault(failure: Failure): void;
  after(ms: number, then: () => void): void;
}

/** Read and hashed ahead of the wire, at most. */
const MAX_AHEAD_BYTES = 4 * MiB;
const MAX_AHEAD_PIECES = 4;
/** Every file of a peer, accepted and ended twice over: more streams than that nobody needs on one lane. */
const MAX_STOPPED = 2 * MAX_FILES_PER_PEER;

interface Served {
  readonly manifest: Manifest;
  readonly hashes: Bytes;
  readonly sent: Uint8Array;
  unsent: number;
  askedBytes: number;
  sentBytes: number;
  /** Ranges of pieces asked for, in order. */
  readonly asked: { from: number; to: number }[];
}

interface Prepared {
  readonly stream: number;
  readonly file: Served;
  readonly piece: number;
  readonly ready: Promise<{ bytes: Bytes; hash: Bytes } | Failure>;
}

export class Sender {
  readonly #port: SenderPort;
  readonly #stepBytes: number;
  readonly #scratch: ArrayBuffer;
  readonly #files = new Map<number, Served>();
  readonly #stopped = new Set<number>();
  /** Requests that overtook their accept. */
  readonly #early = new Map<number, RequestFrame[]>();
  #earlyCount = 0;
  #running = false;
  #dead = false;

  /** `stepBytes`: file bytes a frame (see frameStep). */
  constructor(port: SenderPort, stepBytes: number) {
    this.#port = port;
    this.#stepBytes = stepBytes;
    this.#scratch = new ArrayBuffer(DATA_HEADER_BYTES + HASH_BYTES + stepBytes);
  }

  /** The other side accepted this file and chose `stream` for it. */
  serve(stream: number, size: number): void {
    if (this.#dead) return;
    if (this.#files.has(stream) || this.#stopped.has(stream)) {
      this.#fault(new Failure('protocol', 'stream used twice'));
      return;
    }
    const manifest = manifestOf(size);
    const file: Served = {
      manifest,
      hashes: new Uint8Array(manifest.pieces * HASH_BYTES),
      sent: new Uint8Array(manifest.pieces),
      unsent: manifest.pieces,
      askedBytes: 0,
      sentBytes: 0,
      asked: [],
    };
    this.#files.set(stream, file);
    if (manifest.pieces === 0) void this.#announce(stream, file);
    const early = this.#early.get(stream) ?? [];
    this.#early.delete(stream);
    this.#earlyCount -= early.length;
    for (const request of early) this.handleRequest(request);
  }

  /** Withdrawn, cancelled, verified or failed: not one more frame of it. A stream accepted too late is stopped unserved. */
  stop(stream: number): void {
    this.#files.delete(stream);
    this.#stopped.add(stream);
    if (this.#stopped.size > MAX_STOPPED) this.#fault(new Failure('protocol', 'streams without end'));
    this.#earlyCount -= this.#early.get(stream)?.length ?? 0;
    this.#early.delete(stream);
  }

  /** The lane is gone or was closed. */
  close(): void {
    this.#dead = true;
    this.#files.clear();
    this.#early.clear();
  }

  /** Bytes handed to the lane for a stream so far. */
  sentBytes(stream: number): number {
    const file = this.#files.get(stream);
    // Pieces asked for twice are no progress.
    return file ? Math.min(file.sentBytes, file.manifest.size) : 0;
  }

  handleRequest(request: RequestFrame): void {
    if (this.#dead || this.#stopped.has(request.stream)) return;
    const file = this.#files.get(request.stream);
    if (!file) {
      this.#keepEarly(request);
      return;
    }
    if (request.to > file.manifest.pieces) {
      this.#fault(new Failure('protocol', 'request past the end of the file'));
      return;
    }
    for (let piece = request.from; piece < request.to; piece++) file.askedBytes += pieceLength(file.manifest, piece);
    if (file.askedBytes > 2 * file.manifest.size + ASKED_SLACK_BYTES || file.asked.length >= MAX_REQUESTS_OUTSTANDING) {
      this.#fail(request.stream, new Failure('asked-too-often'));
      return;
    }
    file.asked.push({ from: request.from, to: request.to });
    void this.#run();
  }

  #keepEarly(request: RequestFrame): void {
    if (this.#earlyCount >= MAX_EARLY_REQUESTS) {
      this.#fault(new Failure('protocol', 'requests for files never accepted'));
      return;
    }
    const waiting = this.#early.get(request.stream);
    if (waiting) waiting.push(request);
    else {
      this.#early.set(request.stream, [request]);
      this.#port.after(EARLY_REQUEST_MS, () => {
        if (this.#early.has(request.stream)) this.#fault(new Failure('protocol', 'request for a file never accepted'));
      });
    }
    this.#earlyCount++;
  }

  /** The next piece to send, read and hashed in the background; files take turns. */
  #prepareNext(): Prepared | undefined {
    for (const [stream, file] of this.#files) {
      const range = file.asked[0];
      if (!range) continue;
      const piece = range.from++;
      if (range.from === range.to) file.asked.shift();
      this.#files.delete(stream);
      this.#files.set(stream, file);
      return { stream, file, piece, ready: this.#prepare(stream, file, piece) };
    }
    return undefined;
  }

  async #prepare(stream: number, file: Served, piece: number): Promise<{ bytes: Bytes; hash: Bytes } | Failure> {
    const start = piece * file.manifest.pieceBytes;
    const length = pieceLength(file.manifest, piece);
    try {
      const bytes = await this.#port.read(stream, start, start + length);
      if (bytes.length !== length) throw new Failure('file-changed', `read ${bytes.length} of ${length}`);
      return { bytes, hash: await this.#port.hash(bytes) };
    } catch (error) {
      return Failure.from(error);
    }
  }

  #prepareAhead(prepared: Prepared[]): void {
    let bytes = prepared.reduce((sum, { file }) => sum + file.manifest.pieceBytes, 0);
    while (bytes < MAX_AHEAD_BYTES && prepared.length < MAX_AHEAD_PIECES) {
      const next = this.#prepareNext();
      if (!next) return;
      prepared.push(next);
      bytes += next.file.manifest.pieceBytes;
    }
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    // While one piece goes out, the next ones are read and hashed: the wire does not wait for the disk.
    const prepared: Prepared[] = [];
    while (!this.#dead) {
      this.#prepareAhead(prepared);
      const current = prepared.shift();
      if (!current) break;
      const ready = await current.ready;
      if (ready instanceof Failure) this.#fail(current.stream, ready);
      else await this.#sendPiece(current, ready.bytes, ready.hash);
    }
    this.#running = false;
  }

  async #sendPiece({ stream, file, piece }: Prepared, bytes: Bytes, hash: Bytes): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += this.#stepBytes) {
      await this.#port.drained();
      // Withdrawn or cancelled while waiting: this very frame does not leave.
      if (this.#files.get(stream) !== file) return;
      const part = bytes.subarray(offset, offset + this.#stepBytes);
      this.#port.send(encodeData(stream, piece, offset, hash, part, this.#scratch));
      file.sentBytes += part.length;
    }
    if (file.sent[piece]) {
      // Asked again: the bytes must be those the root will name, or were named by it.
      const before = file.hashes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES);
      if (before.some((byte, i) => byte !== hash[i])) this.#fail(stream, new Failure('file-changed', 'other bytes'));
      return;
    }
    file.hashes.set(hash, piece * HASH_BYTES);
    file.sent[piece] = 1;
    if (--file.unsent === 0) await this.#announce(stream, file);
  }

  async #announce(stream: number, file: Served): Promise<void> {
    const root = await rootOf(file.manifest.size, file.hashes);
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
