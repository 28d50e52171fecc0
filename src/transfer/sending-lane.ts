// One lane of a sender: what was asked on it, and the loop that answers. While one piece goes out, the next ones are read
// and hashed: the wire does not wait for the disk.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { DATA_HEADER_BYTES, encodeData, type HaveFrame, type RequestFrame } from '../protocol/frames.ts';
import { HASH_BYTES, type HashList } from '../protocol/hash-list.ts';
import { MAX_REQUESTS_OUTSTANDING, MiB } from '../protocol/limits.ts';
import { type Manifest } from './manifest.ts';

/** What a sender needs of one lane. */
export interface SendingPort {
  /** File bytes a frame (see frameStep). */
  readonly stepBytes: number;
  /** Hands one frame to the lane, which copies it: its memory is used for the next one. */
  send(frame: Bytes): void;
  /** Resolves when the lane takes another frame. */
  drained(): Promise<void>;
}

/** Read and hashed ahead of the wire, at most. */
const MAX_AHEAD_BYTES = 4 * MiB;
const MAX_AHEAD_PIECES = 4;

/** A file being sent, and what of it went out. */
export interface Served {
  readonly manifest: Manifest;
  /** Of the pieces that were sent, or are held by the receiver as they are: the root is made of these. */
  readonly hashes: HashList;
  /** What the receiver says it holds, until it was compared; undefined for a file that is not resumed. */
  readonly held: HashList | undefined;
  unsent: number;
  /** Its root was told. */
  announced: boolean;
  askedBytes: number;
  sentBytes: number;
  /** What was asked for stays asked for, and nothing of it is sent. */
  paused: boolean;
}

/** Pieces [from, to), the first of them from `offset` on. */
interface Range {
  from: number;
  readonly to: number;
  offset: number;
}

/** A piece of a file, read and hashed. Its bytes are gone once it was released. */
export interface SourcePiece {
  readonly bytes: Bytes;
  readonly hash: Bytes;
  release(): void;
}

interface Prepared {
  readonly stream: number;
  readonly file: Served;
  readonly piece: number;
  readonly offset: number;
  readonly ready: Promise<SourcePiece | Failure>;
}

/** What a lane asks of its sender. */
interface LaneOwner {
  file(stream: number): Served | undefined;
  request(request: RequestFrame): void;
  have(have: HaveFrame): void;
  prepare(stream: number, file: Served, piece: number): Promise<SourcePiece | Failure>;
  fail(stream: number, failure: Failure): void;
  sent(stream: number, file: Served, piece: number, hash: Bytes): Promise<void>;
  closed(): void;
}

export class SendingLane {
  readonly #port: SendingPort;
  readonly #owner: LaneOwner;
  readonly #scratch: ArrayBuffer;
  /** Ranges asked for and not yet prepared, by stream, in order. */
  readonly #asked = new Map<number, Range[]>();
  #running = false;
  #dead = false;

  constructor(port: SendingPort, owner: LaneOwner) {
    this.#port = port;
    this.#owner = owner;
    this.#scratch = new ArrayBuffer(DATA_HEADER_BYTES + HASH_BYTES + port.stepBytes);
  }

  handle(frame: RequestFrame | HaveFrame): void {
    if (this.#dead) return;
    if (frame.kind === 'request') this.#owner.request(frame);
    else this.#owner.have(frame);
  }

  /** An answer that is no file bytes. */
  send(frame: Bytes): void {
    if (!this.#dead) this.#port.send(frame);
  }

  /** Takes a request the owner allows; false when too many wait already. */
  ask({ stream, from, to }: RequestFrame): boolean {
    const ranges = this.#asked.get(stream) ?? [];
    if (ranges.length >= MAX_REQUESTS_OUTSTANDING) return false;
    ranges.push({ from, to, offset: 0 });
    this.#asked.set(stream, ranges);
    this.goOn();
    return true;
  }

  /** A file that was paused no longer is. */
  goOn(): void {
    if (!this.#dead) void this.#run();
  }

  /** The lane is gone: what was asked on it is asked again elsewhere, or not at all. */
  close(): void {
    this.#dead = true;
    this.#asked.clear();
    this.#owner.closed();
  }

  /** The next piece to send, read and hashed in the background; files take turns. */
  #prepareNext(): Prepared | undefined {
    for (const [stream, ranges] of this.#asked) {
      const file = this.#owner.file(stream);
      if (file?.paused) continue;
      this.#asked.delete(stream);
      const range = ranges[0];
      if (!file || !range) continue;
      const { offset } = range;
      const piece = range.from++;
      range.offset = 0;
      if (range.from === range.to) ranges.shift();
      if (ranges.length) this.#asked.set(stream, ranges);
      return { stream, file, piece, offset, ready: this.#owner.prepare(stream, file, piece) };
    }
    return undefined;
  }

  /** Paused before all of a piece was sent: it is read again for the rest, not kept in memory. */
  #putBack({ stream, piece }: Prepared, offset: number): void {
    const ranges = this.#asked.get(stream) ?? [];
    ranges.unshift({ from: piece, to: piece + 1, offset });
    this.#asked.set(stream, ranges);
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
    const prepared: Prepared[] = [];
    while (!this.#dead) {
      this.#prepareAhead(prepared);
      const current = prepared.shift();
      if (!current) break;
      const ready = await current.ready;
      if (ready instanceof Failure) this.#owner.fail(current.stream, ready);
      else await this.#sendPiece(current, ready.bytes, ready.hash).finally(() => ready.release());
    }
    // Closed: what was read ahead nobody wants from here.
    for (const { ready } of prepared) void ready.then((piece) => piece instanceof Failure || piece.release());
    this.#running = false;
  }

  async #sendPiece(prepared: Prepared, bytes: Bytes, hash: Bytes): Promise<void> {
    const { stream, file, piece } = prepared;
    for (let { offset } = prepared; offset < bytes.length; offset += this.#port.stepBytes) {
      await this.#port.drained();
      // Withdrawn or cancelled while waiting: this very frame does not leave.
      if (this.#dead || this.#owner.file(stream) !== file) return;
      if (file.paused) {
        this.#putBack(prepared, offset);
        return;
      }
      const part = bytes.subarray(offset, offset + this.#port.stepBytes);
      this.#port.send(encodeData(stream, piece, offset, hash, part, this.#scratch));
      file.sentBytes += part.length;
    }
    await this.#owner.sent(stream, file, piece, hash);
  }
}
