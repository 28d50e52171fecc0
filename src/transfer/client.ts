// The page's hand on the transfer worker: one worker a tab, typed calls in, typed events out.

import { Failure, type FailureCode } from '../protocol/failure.ts';
import type { Bytes } from '../protocol/bytes.ts';
import type { Verdict } from '../safety/file-type.ts';
import { pump } from './pump.ts';
import { transferWorkerUrl, trustedScriptUrl } from './trusted-urls.ts';
import type { FromWorker, Moved, Named, PartialName, ToWorker, Transfer } from './worker-messages.ts';

export type { Moved, Named, PartialName, Transfer } from './worker-messages.ts';

/** What comes of transfers. `lost`: the worker itself died, and with it every transfer. */
export interface EngineEvents {
  ready(staging: 'disk' | 'memory'): void;
  progress(moved: readonly Moved[]): void;
  served(transfer: Transfer, root: Bytes): void;
  /** The first bytes of a file that is received say worse than its name and type, or something else. */
  judged(transfer: Transfer, verdict: Verdict): void;
  /** `scanning`: what is in it is being looked at, and told by `scanned`. */
  staged(transfer: Transfer, root: Bytes, file: Blob, scanning: boolean): void;
  /** What was found in it, a sentence each. */
  scanned(transfer: Transfer, found: readonly string[]): void;
  /** There is no room for more of a received file: it waits as if paused. */
  full(transfer: Transfer): void;
  /** Another tab has the partial file this one was to go on with: it begins anew here, and is not kept. */
  notKept(transfer: Transfer): void;
  failed(transfer: Transfer, failure: Failure): void;
  /** A lane that is not a link's first is gone. */
  laneClosed(lane: number): void;
  fault(link: number, failure: Failure): void;
  lost(): void;
}

/** What the room needs of the engine; the worker is one, tests have another. */
export interface Engine {
  events: EngineEvents | undefined;
  /** The engine is gone and does not come back in this page. */
  readonly lost: boolean;
  /** Where received bytes wait; undefined until that is known. */
  readonly staging: 'disk' | 'memory' | undefined;
  /** Takes a data channel, in the very task that created it. Returns the lane's number. */
  adopt(channel: RTCDataChannel): number;
  /** The lane is one of an authenticated link's (a link has the number of its first lane): requests on it are answered. */
  open(link: number, lane: number, maxMessageBytes: number): void;
  /** The other side answers on this lane. */
  ask(lane: number): void;
  /** Ends a lane, and its link if it was the first. */
  close(lane: number): void;
  serve(transfer: Transfer, file: File, resume: boolean): void;
  receive(transfer: Transfer, size: number, partial: PartialName | undefined, named: Named): void;
  pause(transfer: Transfer): void;
  resume(transfer: Transfer): void;
  root(transfer: Transfer, root: Bytes): void;
  stop(transfer: Transfer): void;
  /** Downloads read these partial files, and with `others` files that have no name: for an hour they outlive this page. */
  keepForDownload(partials: readonly string[], others: boolean): void;
  /** Frees what is kept of a file nobody will go on with. */
  drop(partial: string): void;
}

/** The transfer worker of this tab. */
export class TransferWorker implements Engine {
  events: EngineEvents | undefined;
  readonly #worker: Worker;
  /** Numbers of the files that were ever served. */
  readonly #sources = new WeakMap<File, number>();
  #sourceCount = 0;
  #lanes = 0;
  #staging: 'disk' | 'memory' | undefined;
  #lost = false;

  constructor() {
    this.#worker = new Worker(trustedScriptUrl(transferWorkerUrl), { type: 'module' });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'ready') this.#staging = data.staging;
      happened(data, this.events);
    };
    this.#worker.onerror = () => {
      this.#lost = true;
      this.events?.lost();
    };
  }

  get lost(): boolean {
    return this.#lost;
  }

  get staging(): 'disk' | 'memory' | undefined {
    return this.#staging;
  }

  adopt(channel: RTCDataChannel): number {
    const lane = ++this.#lanes;
    try {
      this.#tell({ type: 'adopt', lane, channel }, [channel]);
    } catch {
      // DataCloneError: this browser does not move channels between threads.
      const { port1, port2 } = new MessageChannel();
      pump(channel, port1);
      this.#tell({ type: 'adopt-port', lane, port: port2 }, [port2]);
    }
    return lane;
  }

  open(link: number, lane: number, maxMessageBytes: number): void {
    this.#tell({ type: 'open', link, lane, maxMessageBytes });
  }

  ask(lane: number): void {
    this.#tell({ type: 'ask', lane });
  }

  close(lane: number): void {
    this.#tell({ type: 'close', lane });
  }

  serve(transfer: Transfer, file: File, resume: boolean): void {
    let source = this.#sources.get(file);
    if (source === undefined) this.#sources.set(file, (source = ++this.#sourceCount));
    this.#tell({ type: 'serve', ...transfer, source, file, resume });
  }

  receive(transfer: Transfer, size: number, partial: PartialName | undefined, named: Named): void {
    this.#tell({ type: 'receive', ...transfer, size, partial, named });
  }

  pause(transfer: Transfer): void {
    this.#tell({ type: 'pause', ...transfer });
  }

  resume(transfer: Transfer): void {
    this.#tell({ type: 'resume', ...transfer });
  }

  root(transfer: Transfer, root: Bytes): void {
    this.#tell({ type: 'root', ...transfer, root });
  }

  stop(transfer: Transfer): void {
    this.#tell({ type: 'stop', ...transfer });
  }

  keepForDownload(partials: readonly string[], others: boolean): void {
    this.#tell({ type: 'keep-for-download', partials, others });
  }

  /** From now on received files are looked up in this list: SHA-256 in lower-case hex. */
  deny(hashes: readonly string[]): void {
    this.#tell({ type: 'deny', hashes });
  }

  drop(partial: string): void {
    this.#tell({ type: 'drop', partial });
  }

  #tell(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}

/** Tells what the worker said. */
export function happened(message: FromWorker, events: EngineEvents | undefined): void {
  const failure = (from: { code: FailureCode; detail: string }) => new Failure(from.code, from.detail);
  switch (message.type) {
    case 'progress':
      return events?.progress(message.moved);
    case 'served':
      return events?.served(message, message.root);
    case 'staged':
      return events?.staged(message, message.root, message.file, message.scanning);
    case 'judged':
      return events?.judged(message, message.verdict);
    case 'scanned':
      return events?.scanned(message, message.found);
    case 'full':
      return events?.full(message);
    case 'not-kept':
      return events?.notKept(message);
    case 'failed':
      return events?.failed(message, failure(message));
    case 'lane-closed':
      return events?.laneClosed(message.lane);
    case 'fault':
      return events?.fault(message.link, failure(message));
    case 'ready':
      return events?.ready(message.staging);
  }
}
