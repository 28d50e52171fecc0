// This side's end of a link in the worker: its files both ways, its lanes, and where received files are staged.

import { sha256, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MIN_PIECE_BYTES } from '../protocol/limits.ts';
import type { PartialFile, Sink, Staging } from '../storage/sink.ts';
import { HEAD_BYTES } from '../safety/signatures.ts';
import type { Scanner } from '../safety/scanner.ts';
import { riskOf, verdictOf } from '../safety/file-type.ts';
import { manifestOf } from './manifest.ts';
import { Receiver } from './receiver.ts';
import { isWanted, type ScanQueue } from './scan.ts';
import { Sender } from './sender.ts';
import type { Source, Sources } from './source.ts';
import type { PageWindow } from './window.ts';
import type { WorkerLane } from './worker-lane.ts';
import type { FromWorker, Moved, Named, Transfer } from './worker-messages.ts';

/** Files of one link that have a place in staging and are being filled: each is an open file. */
const MAX_RECEIVING = 32;
/** Those of one piece share an open file, and with a few of them the link would stand still until their roots come. */
const MAX_SMALL_RECEIVING = 512;

/** What the links of a page share. */
interface Page {
  readonly sources: Sources;
  readonly staging: Promise<Staging>;
  readonly window: PageWindow;
  /** What looks through files that are whole, as it is now. */
  readonly scanners: () => readonly Scanner[];
  readonly scans: ScanQueue;
}

interface Wanted {
  readonly size: number;
  readonly partial: PartialFile | undefined;
}

export class LinkEnd {
  readonly #id: number;
  readonly #sources: Sources;
  readonly #staging: Promise<Staging>;
  readonly #scanners: () => readonly Scanner[];
  readonly #scans: ScanQueue;
  readonly #tell: (message: FromWorker) => void;
  /** What is sent, by stream. */
  readonly #files = new Map<number, Source>();
  readonly #sinks = new Map<number, Promise<Sink>>();
  /** Streams whose file is whole: it outlives the link, until the page says `stop`. */
  readonly #staged = new Set<number>();
  /** Accepted, and waiting for a place. */
  readonly #queue = new Map<number, Wanted>();
  /** The size of each. */
  readonly #receiving = new Map<number, number>();
  #large = 0;
  readonly #roots = new Map<number, Bytes>();
  /** What the files are said to be whose first bytes were not seen yet. */
  readonly #unseen = new Map<number, Named>();
  readonly #paused = new Set<number>();
  /** Bytes of each transfer the page was last told of. */
  readonly #reported = new Map<string, number>();
  readonly #lanes = new Set<WorkerLane>();
  readonly #sender: Sender;
  readonly #receiver: Receiver;

  constructor(id: number, page: Page, tell: (message: FromWorker) => void) {
    this.#id = id;
    this.#sources = page.sources;
    this.#staging = page.staging;
    this.#scanners = page.scanners;
    this.#scans = page.scans;
    this.#tell = tell;
    const fault = (failure: Failure) => this.#fault(failure);
    this.#sender = new Sender({
      read: (stream, start, end) => {
        const file = this.#files.get(stream);
        return file ? file.piece(start, end) : Promise.reject(new Failure('internal', 'no such file'));
      },
      check: (stream) => this.#files.get(stream)?.check() ?? Promise.resolve(),
      served: (stream, root) => tell({ type: 'served', ...this.#transfer('out', stream), root }),
      failed: (stream, failure) => this.#failed('out', stream, failure),
      fault,
      after: (ms, then) => void setTimeout(then, ms),
    });
    this.#receiver = new Receiver(
      {
        hash: sha256,
        now: () => performance.now(),
        write: async (stream, { index, at, bytes, hash }) => {
          // Before the next piece is asked for: whoever is lied to is told at once.
          if (index === 0) this.#judge(stream, bytes.subarray(0, HEAD_BYTES));
          const sink = await this.#sinks.get(stream);
          await sink?.write(at, bytes);
          // Not before: of a piece there was no room for another copy may come.
          if (index === 0) this.#unseen.delete(stream);
          sink?.note(index, hash);
        },
        full: (stream) => {
          this.#paused.add(stream);
          tell({ type: 'full', ...this.#transfer('in', stream) });
        },
        whole: (stream, root) => void this.#whole(stream, root),
        failed: (stream, failure) => this.#failed('in', stream, failure),
        fault,
      },
      page.window,
    );
  }

  /** Another lane of this link: requests on it are answered from now on. The first one carries the link. */
  open(lane: WorkerLane, maxMessageBytes: number): void {
    this.#lanes.add(lane);
    lane.open(this.#sender, this.#receiver, maxMessageBytes, (failure) => {
      this.#lanes.delete(lane);
      if (!failure) return;
      if (lane.id === this.#id || failure.code === 'protocol') this.#fault(failure);
      else this.#tell({ type: 'lane-closed', lane: lane.id });
    });
  }

  #fault(failure: Failure): void {
    this.#end();
    this.#tell({ type: 'fault', link: this.#id, code: failure.code, detail: failure.detail });
  }

  /** `source` is the same number for the same file, whoever it is sent to. */
  serve(stream: number, source: number, file: File, resume: boolean): void {
    this.#files.get(stream)?.close();
    this.#files.set(stream, this.#sources.open(source, file));
    this.#sender.serve(stream, file.size, resume);
  }

  /** Files take their places a few at a time: an open file is a handle, and thousands may be accepted at once. */
  receive(stream: number, size: number, partial: Pick<PartialFile, 'name' | 'resume'> | undefined, named: Named): void {
    this.#unseen.set(stream, named);
    const { pieces, pieceBytes } = manifestOf(size);
    this.#queue.set(stream, { size, partial: partial && { ...partial, pieces, pieceBytes } });
    this.#startQueued();
  }

  #startQueued(): void {
    for (const [stream, { size, partial }] of this.#queue) {
      if (!this.#hasPlace(size)) return;
      this.#queue.delete(stream);
      this.#receiving.set(stream, size);
      if (size > MIN_PIECE_BYTES) this.#large++;
      const sink = this.#staging.then((place) => place.open(size, partial));
      this.#sinks.set(stream, sink);
      sink.then(
        ({ held, isKept }) => {
          if (partial && !isKept) this.#tell({ type: 'not-kept', ...this.#transfer('in', stream) });
          // Stopped while its place was made: not asked for.
          if (this.#sinks.get(stream) !== sink) return;
          this.#receiver.receive(stream, size, { held, paused: this.#paused.has(stream) });
          const root = this.#roots.get(stream);
          if (root) this.#receiver.handleRoot(stream, root);
        },
        (error: unknown) => this.#failed('in', stream, Failure.from(error)),
      );
    }
  }

  #hasPlace(size: number): boolean {
    if (size > MIN_PIECE_BYTES) return this.#large < MAX_RECEIVING;
    return this.#receiving.size - this.#large < MAX_SMALL_RECEIVING;
  }

  pause(way: 'out' | 'in', stream: number): void {
    if (way === 'out') {
      this.#sender.pause(stream);
      return;
    }
    // Also of a file that still waits for its place.
    this.#paused.add(stream);
    this.#receiver.pause(stream);
  }

  resume(way: 'out' | 'in', stream: number): void {
    if (way === 'out') {
      this.#sender.resume(stream);
      return;
    }
    this.#paused.delete(stream);
    this.#receiver.resume(stream);
  }

  root(stream: number, root: Bytes): void {
    // The `done` of an empty file may come before there is a place for it.
    this.#roots.set(stream, root);
    this.#receiver.handleRoot(stream, root);
  }

  stop(way: 'out' | 'in', stream: number): void {
    this.#reported.delete(`${way} ${stream}`);
    if (way === 'out') {
      this.#sender.stop(stream);
      this.#files.get(stream)?.close();
      this.#files.delete(stream);
      return;
    }
    this.#receiver.stop(stream);
    this.#queue.delete(stream);
    this.#roots.delete(stream);
    this.#unseen.delete(stream);
    this.#paused.delete(stream);
    this.#staged.delete(stream);
    const sink = this.#sinks.get(stream);
    this.#sinks.delete(stream);
    if (sink) letGo(sink, 'discard');
    this.#doneReceiving(stream);
  }

  #doneReceiving(stream: number): void {
    const size = this.#receiving.get(stream);
    if (size === undefined) return;
    this.#receiving.delete(stream);
    if (size > MIN_PIECE_BYTES) this.#large--;
    this.#startQueued();
  }

  #transfer(way: 'out' | 'in', stream: number): Transfer {
    return { way, link: this.#id, stream };
  }

  #failed(way: 'out' | 'in', stream: number, failure: Failure): void {
    this.stop(way, stream);
    this.#tell({ type: 'failed', ...this.#transfer(way, stream), code: failure.code, detail: failure.detail });
  }

  close(): void {
    this.#end();
    for (const lane of this.#lanes) lane.close();
  }

  /** Received files that are still to be saved. */
  get holdsFiles(): boolean {
    return this.#staged.size > 0;
  }

  /** The link is over: what can be gone on with is kept for that, whole files stay until the page says `stop`. */
  #end(): void {
    this.#sender.close();
    this.#receiver.close();
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    this.#queue.clear();
    this.#receiving.clear();
    this.#large = 0;
    for (const [stream, sink] of this.#sinks) {
      if (this.#staged.has(stream)) continue;
      this.#sinks.delete(stream);
      letGo(sink, 'release');
    }
  }

  async #whole(stream: number, root: Bytes): Promise<void> {
    this.#staged.add(stream);
    this.#roots.delete(stream);
    try {
      const file = await (await this.#sinks.get(stream))?.finish();
      if (file) await this.#present(stream, root, file);
      this.#doneReceiving(stream);
    } catch (error) {
      this.#failed('in', stream, Failure.from(error));
    }
  }

  /** A whole file is the page's: at once, and what the scanners say of it when they are through. */
  async #present(stream: number, root: Bytes, file: Blob): Promise<void> {
    // Its first bytes came in an earlier life of this page.
    if (this.#unseen.has(stream)) {
      this.#judge(stream, new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
    }
    const scanners = this.#scanners();
    const scanning = isWanted(scanners, file.size);
    const transfer = this.#transfer('in', stream);
    this.#tell({ type: 'staged', ...transfer, root, file, scanning });
    if (!scanning) return;
    const found = this.#scans.scan(file, scanners, () => performance.now());
    void found.then((sentences) => {
      this.#tell({ type: 'scanned', ...transfer, found: sentences });
    });
  }

  /** The page is told when the first bytes of a file make it worse than its name, or something else. */
  #judge(stream: number, head: Uint8Array): void {
    const named = this.#unseen.get(stream);
    if (!named) return;
    const verdict = verdictOf({ ...named, head });
    if (!verdict.lie && verdict.risk === riskOf(named.name, named.type)) return;
    this.#tell({ type: 'judged', ...this.#transfer('in', stream), verdict });
  }

  /** The transfers that moved since this was last asked. */
  *moved(): Iterable<Moved> {
    for (const stream of this.#files.keys()) {
      yield* this.#ifMoved('out', stream, this.#sender.sentBytes(stream));
    }
    for (const stream of this.#receiving.keys()) {
      yield* this.#ifMoved('in', stream, this.#receiver.stagedBytes(stream));
    }
  }

  *#ifMoved(way: 'out' | 'in', stream: number, bytes: number): Iterable<Moved> {
    const key = `${way} ${stream}`;
    if (bytes === (this.#reported.get(key) ?? 0)) return;
    this.#reported.set(key, bytes);
    yield { ...this.#transfer(way, stream), bytes };
  }
}

function letGo(sink: Promise<Sink>, how: 'discard' | 'release'): void {
  void sink.then(
    (opened) =>
      opened[how]().catch(() => {
        // Gone already, with the site's data.
      }),
    // Never opened: nothing to free.
    () => undefined,
  );
}
