// A link in memory: a Sender and a Receiver, the lanes between them, and the few control messages a room would pass on.
// Frames take random times, in order or not. It watches the consent invariants while it runs.

import { createHash } from 'node:crypto';
import type { Bytes } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import { decodeFrame, type Frame } from '../protocol/frames.ts';
import { Receiver } from '../transfer/receiver.ts';
import { type ReceivingLane } from '../transfer/receiving-lane.ts';
import { Sender } from '../transfer/sender.ts';
import { type SendingLane } from '../transfer/sending-lane.ts';
import { manifestOf, pieceLength } from '../transfer/manifest.ts';
import { windowBytes } from '../transfer/window.ts';
import type { Scheduler } from './scheduler.ts';
import { pieceOf } from './source-piece.ts';

/** How a file ended, for the one who receives it. */
export type End = 'whole' | 'withdrawn' | 'cancelled' | FailureCode;

export interface LinkConditions {
  readonly stepBytes: number;
  readonly lanes: number;
  /** Whether frames arrive in the order they were sent. Control messages always do. */
  readonly ordered: boolean;
  readonly maxDelayMs: number;
}

export interface LinkFile {
  readonly stream: number;
  readonly content: Bytes;
  /** Pieces that arrive spoilt, and how many times. */
  readonly spoilt?: ReadonlyMap<number, number>;
  /** The piece at which the file turns out to be gone. */
  readonly unreadable?: number | undefined;
}

/** One side of a wire: what is sent arrives after a while, unless the link was cut. */
type Wire = (arrive: () => void) => void;

interface Taking {
  readonly staged: Bytes;
  readonly written: Set<number>;
}

interface Lane {
  readonly sending: SendingLane;
  readonly receiving: ReceivingLane;
  /** Bytes asked for on it that have not arrived, by stream. */
  readonly owed: Map<number, number>;
}

export class MemoryLink {
  readonly sender: Sender;
  readonly receiver: Receiver;
  /** What must never happen and did. */
  readonly violations: string[] = [];
  readonly ends = new Map<number, End>();
  readonly #scheduler: Scheduler;
  /** The control messages either way. */
  readonly #toTaker: Wire;
  readonly #toGiver: Wire;
  readonly #files = new Map<number, LinkFile>();
  readonly #taking = new Map<number, Taking>();
  readonly #serving = new Set<number>();
  readonly #withdrawn = new Set<number>();
  readonly #spoilt = new Map<string, number>();
  readonly #lanes: Lane[] = [];
  /** What is owed of a paused file does not count, and does again when it goes on. */
  readonly #paused = new Set<number>();
  readonly #conditions: LinkConditions;
  #cut = false;

  constructor(scheduler: Scheduler, conditions: LinkConditions) {
    this.#scheduler = scheduler;
    this.#conditions = conditions;
    this.#toTaker = this.#wire(true);
    this.#toGiver = this.#wire(true);
    const fault = (failure: Failure) => this.#violated(`fault: ${failure.message}`);
    const hash = async (bytes: Bytes) => {
      await scheduler.pause(1);
      return new Uint8Array(createHash('sha256').update(bytes).digest());
    };
    this.sender = new Sender({
      read: (stream, start, end) => pieceOf(this.#read(stream, start, end), hash),
      check: () => this.#scheduler.pause(2),
      served: (stream, root) => this.#toTaker(() => this.receiver.handleRoot(stream, root)),
      failed: (stream, { code }) => {
        this.#serving.delete(stream);
        this.#toTaker(() => this.#stopTaking(stream, code));
      },
      fault,
      after: (ms, then) => scheduler.after(ms, then),
    });
    this.receiver = new Receiver({
      hash,
      now: () => scheduler.nowMs,
      write: (stream, { at, bytes }) => this.#write(stream, at, bytes),
      whole: (stream) => {
        const [staged, sent] = [this.#taking.get(stream)?.staged, this.#files.get(stream)?.content];
        if (!staged || !sent || Buffer.compare(staged, sent) !== 0)
          this.#violated(`stream ${stream} is whole and not the same`);
        this.#end(stream, 'whole');
      },
      full: (stream) => this.#violated(`no room for stream ${stream}`),
      failed: (stream, { code }) => this.#end(stream, code),
      fault,
    });
    for (let lane = 0; lane < conditions.lanes; lane++) this.#addLane();
  }

  #wire(ordered: boolean): Wire {
    let lastMs = 0;
    return (arrive) => {
      const atMs = this.#scheduler.nowMs + this.#scheduler.upTo(this.#conditions.maxDelayMs);
      lastMs = ordered ? Math.max(lastMs, atMs) : atMs;
      this.#scheduler.at(lastMs, () => !this.#cut && arrive());
    };
  }

  #addLane(): void {
    const { ordered, stepBytes } = this.#conditions;
    const owed = new Map<number, number>();
    const [data, requests] = [this.#wire(ordered), this.#wire(ordered)];
    const sending = this.sender.addLane({
      stepBytes,
      send: (frame) => {
        const sent = this.#sent(frame);
        data(() => this.#arrived(receiving, owed, sent));
      },
      drained: () => this.#scheduler.pause(1),
    });
    const receiving = this.receiver.addLane((frame) => {
      const request = decodeFrame(frame.buffer);
      this.#asked(request, owed);
      requests(() => request.kind === 'request' && sending.handle(request));
    });
    this.#lanes.push({ sending, receiving, owed });
  }

  /** A lane that is not the first is gone; each side learns of it in its own time. */
  closeLane(index: number): void {
    const lane = index > 0 ? this.#lanes[index] : undefined;
    if (!lane || this.#cut) return;
    this.#scheduler.after(this.#scheduler.upTo(this.#conditions.maxDelayMs), () => lane.sending.close());
    this.#scheduler.after(this.#scheduler.upTo(this.#conditions.maxDelayMs), () => {
      lane.owed.clear();
      lane.receiving.close();
    });
  }

  /** The taker says yes to a file, unless it was withdrawn before. */
  accept(file: LinkFile): void {
    const { stream, content } = file;
    if (this.#cut || this.ends.has(stream)) return;
    this.#files.set(stream, file);
    for (const [piece, times] of file.spoilt ?? []) this.#spoilt.set(`${stream} ${piece}`, times);
    this.#taking.set(stream, { staged: new Uint8Array(content.length), written: new Set() });
    this.#toGiver(() => {
      if (this.#withdrawn.has(stream)) {
        this.sender.stop(stream);
        return;
      }
      this.#serving.add(stream);
      this.sender.serve(stream, content.length);
    });
    this.receiver.receive(stream, content.length);
  }

  /** The taker wants it no more. */
  cancel(stream: number): void {
    if (this.#taking.has(stream)) this.#stopTaking(stream, 'cancelled');
  }

  /** The giver takes it back. */
  withdraw(stream: number): void {
    if (this.#cut) return;
    this.#withdrawn.add(stream);
    if (this.#serving.delete(stream)) this.sender.stop(stream);
    this.#toTaker(() => this.#stopTaking(stream, 'withdrawn'));
  }

  /** Either side pauses a file, or goes on with it. */
  setPaused(stream: number, by: 'giver' | 'taker', paused: boolean): void {
    if (this.#cut) return;
    if (paused) this.#paused.add(stream);
    const [giver, taker] = paused
      ? [() => this.sender.pause(stream), () => this.receiver.pause(stream)]
      : [() => this.sender.resume(stream), () => this.receiver.resume(stream)];
    if (by === 'giver') {
      giver();
      this.#toTaker(taker);
    } else {
      taker();
      this.#toGiver(giver);
    }
  }

  /** The connection is gone, and both sides know. */
  cut(): void {
    this.#cut = true;
    this.sender.close();
    this.receiver.close();
    this.#serving.clear();
    this.#taking.clear();
  }

  /** To be called after every step: bytes on their way are within the window. */
  watch(): void {
    const outstanding = this.#lanes
      .flatMap(({ owed }) => [...owed])
      .reduce((sum, [stream, bytes]) => sum + (this.#taking.has(stream) ? bytes : 0), 0);
    const largest = Math.max(
      0,
      ...[...this.#files.values()].map(({ content }) => manifestOf(content.length).pieceBytes),
    );
    const window = windowBytes(largest) * (1 + this.#paused.size);
    if (this.receiver.inFlightBytes > window || this.receiver.inFlightBytes < 0 || outstanding > window) {
      this.#violated(`${this.receiver.inFlightBytes} bytes in flight, ${outstanding} outstanding, of ${window}`);
    }
  }

  #stopTaking(stream: number, end: End): void {
    if (this.ends.has(stream)) return;
    this.receiver.stop(stream);
    this.#end(stream, end);
  }

  #end(stream: number, end: End): void {
    const before = this.ends.get(stream);
    if (before) this.#violated(`stream ${stream} ended ${end} after ${before}`);
    if (this.#cut) this.#violated(`stream ${stream} ended ${end} after the cut`);
    this.ends.set(stream, end);
    this.#taking.delete(stream);
    // `verified`, `cancel`, `failed` and `withdraw` all end it for the giver too.
    this.#toGiver(() => {
      if (this.#serving.delete(stream)) this.sender.stop(stream);
    });
  }

  async #read(stream: number, start: number, end: number): Promise<Bytes> {
    if (!this.#serving.has(stream)) this.#violated(`read ${stream} unserved`);
    await this.#scheduler.pause(2);
    const file = this.#files.get(stream);
    if (!file) throw new Failure('internal', 'no such file');
    const gone = file.unreadable;
    if (gone !== undefined && gone * manifestOf(file.content.length).pieceBytes === start) {
      throw new Failure('file-unreadable');
    }
    return file.content.subarray(start, end);
  }

  async #write(stream: number, at: number, bytes: Bytes): Promise<void> {
    const taking = this.#taking.get(stream);
    if (!taking || at + bytes.length > taking.staged.length || taking.written.has(at)) {
      this.#violated(`wrote ${bytes.length} bytes at ${at} of stream ${stream}`);
      return;
    }
    taking.written.add(at);
    taking.staged.set(bytes, at);
    await this.#scheduler.pause(2);
    if (Buffer.compare(bytes, taking.staged.subarray(at, at + bytes.length)) !== 0) {
      this.#violated(`used memory of stream ${stream} again before it was written`);
    }
  }

  /** A frame the sender hands over: allowed at all, and spoilt on the way if that was planned. */
  #sent(bytes: Bytes): Frame {
    // As a channel does: the sender uses its memory again.
    const frame = decodeFrame(bytes.slice().buffer);
    if (frame.kind !== 'data' || !this.#serving.has(frame.stream)) this.#violated(`sent ${frame.stream} unserved`);
    if (frame.kind !== 'data' || frame.offset > 0) return frame;
    const key = `${frame.stream} ${frame.piece}`;
    const times = this.#spoilt.get(key) ?? 0;
    this.#spoilt.set(key, times - 1);
    if (times > 0) frame.bytes[0] = (frame.bytes[0] ?? 0) ^ 1;
    return frame;
  }

  #asked(frame: Frame, owed: Map<number, number>): void {
    const taking = this.#taking.get(frame.stream);
    const file = this.#files.get(frame.stream);
    if (frame.kind !== 'request' || !taking || !file) {
      this.#violated(`asked for ${frame.stream} unaccepted`);
      return;
    }
    const manifest = manifestOf(file.content.length);
    for (let piece = frame.from; piece < frame.to; piece++) {
      owed.set(frame.stream, (owed.get(frame.stream) ?? 0) + pieceLength(manifest, piece));
    }
  }

  #arrived(receiving: ReceivingLane, owed: Map<number, number>, frame: Frame): void {
    if (frame.kind !== 'data') return;
    owed.set(frame.stream, (owed.get(frame.stream) ?? 0) - frame.bytes.length);
    receiving.handle(frame);
  }

  #violated(what: string): void {
    this.violations.push(`${this.#scheduler.nowMs} ms: ${what}`);
  }
}
