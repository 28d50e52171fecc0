// One data channel in the worker. From its birth until its link is authenticated everything on it is dropped; then frames
// go to the sender and the receiver of that link.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame, frameStep } from '../protocol/frames.ts';
import { KiB, MAX_LANE_BUFFERED_BYTES } from '../protocol/limits.ts';
import { discard } from './discard.ts';
import type { Receiver } from './receiver.ts';
import type { ReceivingLane } from './receiving-lane.ts';
import type { Sender } from './sender.ts';
import type { LaneChannel } from './worker-messages.ts';

const LOW_WATER_BYTES = 512 * KiB;
/** File bytes a frame, where the other side takes as many: larger ones were no faster (docs/decisions.md). */
const MAX_STEP_BYTES = 64 * KiB;

export class WorkerLane {
  readonly id: number;
  readonly #channel: LaneChannel;
  readonly #waiting: (() => void)[] = [];
  #receiving: ReceivingLane | undefined;
  #ask: (() => void) | undefined;
  #over: ((failure: Failure | undefined) => void) | undefined;

  constructor(id: number, channel: LaneChannel) {
    this.id = id;
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
  }

  /** Its link is authenticated. `over` is told once that the lane ended, and why unless this side ended it. */
  open(sender: Sender, receiver: Receiver, maxMessageBytes: number, over: (failure?: Failure) => void): void {
    const channel = this.#channel;
    const stepBytes = Math.min(frameStep(maxMessageBytes), MAX_STEP_BYTES);
    const end = (failure: Failure) => this.#end(failure);
    const send = (frame: Bytes) => {
      try {
        channel.send(frame);
      } catch (error) {
        // It is closing, or the other side says it takes no message of this size. Whoever asked is let finish first.
        queueMicrotask(() => end(Failure.from(error, 'peer-gone')));
      }
    };
    const sending = sender.addLane({
      stepBytes,
      send,
      drained: () => this.#drained(MAX_LANE_BUFFERED_BYTES - stepBytes),
    });
    this.#ask = () => (this.#receiving ??= receiver.addLane(send));
    this.#over = (failure) => {
      sending.close();
      this.#receiving?.close();
      over(failure);
    };
    channel.onclose = () => end(new Failure('peer-gone', 'data channel closed'));
    channel.onbufferedamountlow = () => this.#release();
    channel.onmessage = ({ data }) => {
      try {
        if (!(data instanceof ArrayBuffer)) throw new Failure('protocol', 'text on a data channel');
        const frame = decodeFrame(data);
        if (frame.kind === 'request' || frame.kind === 'have') sending.handle(frame);
        else if (this.#receiving) {
          this.#receiving.handle(frame);
          discard(data);
        } else throw new Failure('protocol', 'data on a lane that was not asked on');
      } catch (error) {
        end(Failure.from(error));
      }
    };
  }

  /** The other side answers on this lane: pieces may be asked for on it. */
  ask(): void {
    // The other side's channel may be open before this one.
    if (this.#channel.readyState === 'connecting') this.#channel.onopen = () => this.#ask?.();
    else this.#ask?.();
  }

  close(): void {
    this.#end(undefined);
  }

  #end(failure: Failure | undefined): void {
    this.#channel.onopen = null;
    this.#channel.onmessage = null;
    this.#channel.onclose = null;
    this.#release();
    // After a fault the page closes it, once it knows why: else the other side's leaving could be heard first.
    if (!failure) this.#channel.close();
    const over = this.#over;
    this.#over = this.#ask = undefined;
    over?.(failure);
  }

  #drained(maxBuffered: number): Promise<void> {
    if (this.#channel.bufferedAmount <= maxBuffered) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
