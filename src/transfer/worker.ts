// The transfer worker: file bytes, hashes, staging and the data channels live here and nowhere else. It decides nothing
// about consent: it serves and receives the streams the page names. It can be killed at any time without harm.

import { sha256, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame, frameStep } from '../protocol/frames.ts';
import { KiB, MAX_LANE_BUFFERED_BYTES } from '../protocol/limits.ts';
import { memoryStaging } from '../storage/memory.ts';
import type { Sink, Staging } from '../storage/sink.ts';
import { openDiskStaging } from '../storage/staging.ts';
import { portChannel } from './pump.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import type { FromWorker, LaneChannel, Moved, ToWorker, Transfer } from './worker-messages.ts';

declare const self: DedicatedWorkerGlobalScope;

const PROGRESS_MS = 250;
const LOW_WATER_BYTES = 512 * KiB;
/** Files of one lane that have a place in staging and are being filled. */
const MAX_RECEIVING = 32;

const staging: Promise<Staging> = openDiskStaging().then((disk) => disk ?? memoryStaging());
const lanes = new Map<number, Lane>();

function tell(message: FromWorker): void {
  self.postMessage(message);
}

/** Reads a piece of a picked file. The browser refuses when the file is no longer the one that was picked. */
async function readFile(file: File, start: number, end: number): Promise<Bytes> {
  try {
    return new Uint8Array(await file.slice(start, end).arrayBuffer());
  } catch (error) {
    const gone = error instanceof DOMException && error.name === 'NotFoundError';
    throw Failure.from(error, gone ? 'file-unreadable' : 'file-changed');
  }
}

class Lane {
  readonly #id: number;
  readonly #channel: LaneChannel;
  readonly #files = new Map<number, File>();
  readonly #sinks = new Map<number, Promise<Sink>>();
  /** Streams whose file is whole: it outlives the link, until the page says `stop`. */
  readonly #staged = new Set<number>();
  /** Accepted, and waiting for a place: stream to size. */
  readonly #queue = new Map<number, number>();
  readonly #receiving = new Set<number>();
  readonly #roots = new Map<number, Bytes>();
  readonly #paused = new Set<number>();
  /** Bytes of each transfer the page was last told of. */
  readonly #reported = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #sender: Sender | undefined;
  #receiver: Receiver | undefined;
  #maxBuffered = MAX_LANE_BUFFERED_BYTES;

  constructor(id: number, channel: LaneChannel) {
    this.#id = id;
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
    // Until the link is authenticated there is no handler, and what arrives is dropped.
  }

  open(maxMessageBytes: number): void {
    const channel = this.#channel;
    const stepBytes = frameStep(maxMessageBytes);
    this.#maxBuffered = MAX_LANE_BUFFERED_BYTES - stepBytes;
    const fault = (failure: Failure) => {
      this.#end();
      tell({ type: 'fault', lane: this.#id, code: failure.code, detail: failure.detail });
    };
    const send = (frame: Bytes) => {
      try {
        channel.send(frame);
      } catch (error) {
        // It is closing, or the other side says it takes no message of this size.
        fault(Failure.from(error, 'peer-gone'));
      }
    };
    const sender = new Sender(
      {
        read: (stream, start, end) => {
          const file = this.#files.get(stream);
          return file ? readFile(file, start, end) : Promise.reject(new Failure('internal', 'no such file'));
        },
        hash: sha256,
        send,
        drained: () => this.#drained(),
        served: (stream, root) => tell({ type: 'served', ...this.#transfer('out', stream), root }),
        failed: (stream, failure) => this.#failed('out', stream, failure),
        fault,
        after: (ms, then) => void setTimeout(then, ms),
      },
      stepBytes,
    );
    const receiver = new Receiver({
      send,
      hash: sha256,
      write: async (stream, at, bytes) => (await this.#sinks.get(stream))?.write(at, bytes),
      whole: (stream, root) => void this.#whole(stream, root),
      failed: (stream, failure) => this.#failed('in', stream, failure),
      fault,
    });
    channel.onclose = () => fault(new Failure('peer-gone', 'data channel closed'));
    channel.onbufferedamountlow = () => {
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
    channel.onmessage = ({ data }) => {
      try {
        if (!(data instanceof ArrayBuffer)) throw new Failure('protocol', 'text on a data channel');
        const frame = decodeFrame(data);
        if (frame.kind === 'data') receiver.handleData(frame);
        else sender.handleRequest(frame);
      } catch (error) {
        fault(Failure.from(error));
      }
    };
    this.#sender = sender;
    this.#receiver = receiver;
  }

  serve(stream: number, file: File): void {
    this.#files.set(stream, file);
    this.#sender?.serve(stream, file.size);
  }

  /** Files take their places a few at a time: an open file is a handle, and thousands may be accepted at once. */
  receive(stream: number, size: number): void {
    this.#queue.set(stream, size);
    this.#startQueued();
  }

  #startQueued(): void {
    for (const [stream, size] of this.#queue) {
      if (this.#receiving.size >= MAX_RECEIVING) return;
      this.#queue.delete(stream);
      this.#receiving.add(stream);
      const sink = staging.then((place) => place.open(size));
      this.#sinks.set(stream, sink);
      sink.then(
        () => {
          // Stopped while its place was made: not asked for.
          if (this.#sinks.get(stream) !== sink) return;
          this.#receiver?.receive(stream, size, this.#paused.has(stream));
          const root = this.#roots.get(stream);
          if (root) this.#receiver?.handleRoot(stream, root);
        },
        (error: unknown) => this.#failed('in', stream, Failure.from(error)),
      );
    }
  }

  pause(stream: number): void {
    // Also of a file that still waits for its place.
    this.#paused.add(stream);
    this.#receiver?.pause(stream);
  }

  resume(stream: number): void {
    this.#paused.delete(stream);
    this.#receiver?.resume(stream);
  }

  root(stream: number, root: Bytes): void {
    // The `done` of an empty file may come before there is a place for it.
    this.#roots.set(stream, root);
    this.#receiver?.handleRoot(stream, root);
  }

  stop(way: 'out' | 'in', stream: number): void {
    this.#reported.delete(`${way} ${stream}`);
    if (way === 'out') {
      this.#sender?.stop(stream);
      this.#files.delete(stream);
      return;
    }
    this.#receiver?.stop(stream);
    this.#queue.delete(stream);
    this.#roots.delete(stream);
    this.#paused.delete(stream);
    this.#staged.delete(stream);
    const sink = this.#sinks.get(stream);
    this.#sinks.delete(stream);
    if (sink) discard(sink);
    this.#doneReceiving(stream);
  }

  #doneReceiving(stream: number): void {
    if (this.#receiving.delete(stream)) this.#startQueued();
  }

  #transfer(way: 'out' | 'in', stream: number): Transfer {
    return { way, lane: this.#id, stream };
  }

  #failed(way: 'out' | 'in', stream: number, failure: Failure): void {
    this.stop(way, stream);
    tell({ type: 'failed', ...this.#transfer(way, stream), code: failure.code, detail: failure.detail });
  }

  close(): void {
    this.#end();
    this.#channel.close();
  }

  /** Received files that are still to be saved. */
  get holdsFiles(): boolean {
    return this.#staged.size > 0;
  }

  /** The link is over: half-received files go, whole ones stay until the page says `stop`. */
  #end(): void {
    this.#channel.onmessage = null;
    this.#channel.onclose = null;
    this.#sender?.close();
    this.#receiver?.close();
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#files.clear();
    this.#queue.clear();
    this.#receiving.clear();
    for (const [stream, sink] of this.#sinks) {
      if (this.#staged.has(stream)) continue;
      this.#sinks.delete(stream);
      discard(sink);
    }
  }

  async #whole(stream: number, root: Bytes): Promise<void> {
    this.#staged.add(stream);
    this.#roots.delete(stream);
    try {
      const file = await (await this.#sinks.get(stream))?.finish();
      if (file) tell({ type: 'staged', ...this.#transfer('in', stream), root, file });
      this.#doneReceiving(stream);
    } catch (error) {
      this.#failed('in', stream, Failure.from(error));
    }
  }

  #drained(): Promise<void> {
    if (this.#channel.bufferedAmount <= this.#maxBuffered) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The transfers that moved since this was last asked. */
  *moved(): Iterable<Moved> {
    for (const stream of this.#files.keys()) {
      yield* this.#ifMoved('out', stream, this.#sender?.sentBytes(stream) ?? 0);
    }
    for (const stream of this.#receiving) {
      yield* this.#ifMoved('in', stream, this.#receiver?.stagedBytes(stream) ?? 0);
    }
  }

  *#ifMoved(way: 'out' | 'in', stream: number, bytes: number): Iterable<Moved> {
    const key = `${way} ${stream}`;
    if (bytes === (this.#reported.get(key) ?? 0)) return;
    this.#reported.set(key, bytes);
    yield { ...this.#transfer(way, stream), bytes };
  }
}

function discard(sink: Promise<Sink>): void {
  void sink.then(
    (opened) =>
      opened.discard().catch(() => {
        // Gone already, with the site's data.
      }),
    // Never opened: nothing to free.
    () => undefined,
  );
}

function reportProgress(): void {
  const moved = [...lanes.values()].flatMap((lane) => [...lane.moved()]);
  if (moved.length) tell({ type: 'progress', moved });
}

function adopt(lane: number, channel: LaneChannel): void {
  lanes.set(lane, new Lane(lane, channel));
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  const lane = lanes.get(data.lane);
  switch (data.type) {
    case 'adopt':
      adopt(data.lane, data.channel);
      return;
    case 'adopt-port':
      adopt(data.lane, portChannel(data.port));
      return;
    case 'open':
      return lane?.open(data.maxMessageBytes);
    case 'close':
      lane?.close();
      if (!lane?.holdsFiles) lanes.delete(data.lane);
      return;
    case 'serve':
      return lane?.serve(data.stream, data.file);
    case 'receive':
      return lane?.receive(data.stream, data.size);
    case 'pause':
      return lane?.pause(data.stream);
    case 'resume':
      return lane?.resume(data.stream);
    case 'root':
      return lane?.root(data.stream, data.root);
    case 'stop':
      return lane?.stop(data.way, data.stream);
  }
};

setInterval(reportProgress, PROGRESS_MS);
void staging.then(({ kind }) => tell({ type: 'ready', staging: kind }));
