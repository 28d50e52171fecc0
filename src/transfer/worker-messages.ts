// What the page and its transfer worker say to each other. A lane is a number the page gave it, a link the number of its
// first lane; a stream is the receiver-chosen number of one file on that link; the two together and the direction name a
// transfer.

import type { Bytes } from '../protocol/bytes.ts';
import type { PartialFile } from '../storage/sink.ts';
import type { FailureCode } from '../protocol/failure.ts';
import type { Known, Verdict } from '../safety/file-type.ts';

/** The part of RTCDataChannel the worker uses; the pump of older browsers offers the same. */
export interface LaneChannel {
  binaryType: string;
  readonly readyState: string;
  onopen: ((event: Event) => void) | null;
  readonly bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  onbufferedamountlow: ((event: Event) => void) | null;
  onclose: ((event: Event) => void) | null;
  send(frame: Bytes): void;
  close(): void;
}

export interface Transfer {
  /** `out`: we send, the other side chose the stream. `in`: we receive, the stream is ours. The two never mix. */
  readonly way: 'out' | 'in';
  readonly link: number;
  readonly stream: number;
}

export function transferKey({ way, link, stream }: Transfer): string {
  return `${way} ${link} ${stream}`;
}

/** What a received file is said to be: its name as it will be saved, and the type its sender declared. */
export type Named = Pick<Known, 'name' | 'type'>;

/** Where a received file is kept to be gone on with; `resume`: with what is there. */
export type PartialName = Pick<PartialFile, 'name' | 'resume'>;

export type ToWorker =
  /** A data channel at its birth, or one end of a pump's port. Everything on it is dropped until `open`. */
  | { readonly type: 'adopt'; readonly lane: number; readonly channel: LaneChannel }
  | { readonly type: 'adopt-port'; readonly lane: number; readonly port: MessagePort }
  /** This lane is one of an authenticated link's: requests on it are answered. */
  | { readonly type: 'open'; readonly link: number; readonly lane: number; readonly maxMessageBytes: number }
  /** The other side answers on this lane too: it can be asked on. */
  | { readonly type: 'ask'; readonly lane: number }
  /** The lane is over, and if it was a link's first, so is the link. */
  | { readonly type: 'close'; readonly lane: number }
  /** `source`: the same number for the same file, of which every message carries a clone. */
  | ({ readonly type: 'serve'; readonly source: number; readonly file: File; readonly resume: boolean } & Transfer)
  | ({
      readonly type: 'receive';
      readonly size: number;
      readonly partial: PartialName | undefined;
      readonly named: Named;
    } & Transfer)
  | ({ readonly type: 'pause' | 'resume' } & Transfer)
  | ({ readonly type: 'root'; readonly root: Bytes } & Transfer)
  /** Ends a transfer of either direction; a received file's staging is freed. */
  | ({ readonly type: 'stop' } & Transfer)
  /** Downloads read these partial files, and with `others` what has no name. */
  | { readonly type: 'keep-for-download'; readonly partials: readonly string[]; readonly others: boolean }
  /** SHA-256 in lower-case hex of files nobody here wants: looked for in what is received from now on. */
  | { readonly type: 'deny'; readonly hashes: readonly string[] }
  /** Nobody will go on with this partial file. */
  | { readonly type: 'drop'; readonly partial: string };

export type Moved = Transfer & { readonly bytes: number };

export type FromWorker =
  | { readonly type: 'ready'; readonly staging: 'disk' | 'memory' }
  /** Bytes sent or staged so far of every transfer that moved; twice a second. */
  | { readonly type: 'progress'; readonly moved: readonly Moved[] }
  | ({ readonly type: 'served'; readonly root: Bytes } & Transfer)
  /** The first bytes of a received file say worse than its name and type, or something else. */
  | ({ readonly type: 'judged'; readonly verdict: Verdict } & Transfer)
  /** `scanning`: it is being looked through, and `scanned` follows. */
  | ({ readonly type: 'staged'; readonly root: Bytes; readonly file: Blob; readonly scanning: boolean } & Transfer)
  /** What was found in a staged file, a sentence each. */
  | ({ readonly type: 'scanned'; readonly found: readonly string[] } & Transfer)
  /** There is no room for more of it: it waits until `resume`. */
  | ({ readonly type: 'full' } & Transfer)
  /** Its partial file is somebody else's: another tab goes on with it, and this one begins anew. */
  | ({ readonly type: 'not-kept' } & Transfer)
  | ({ readonly type: 'failed'; readonly code: FailureCode; readonly detail: string } & Transfer)
  /** A lane closed under us. Of a link's first lane a fault of the link is told instead. */
  | { readonly type: 'lane-closed'; readonly lane: number }
  | { readonly type: 'fault'; readonly link: number; readonly code: FailureCode; readonly detail: string };

/** What the two ends of a pump's port say: frames both ways, and how many bytes the page's channel has taken off its hands. */
export type PumpMessage =
  | { readonly frame: ArrayBuffer }
  | { readonly drained: number }
  | { readonly opened: true }
  | { readonly closed: true };
