// How many lanes a link should have, from what came over it. It begins with what was best where we could measure
// (docs/decisions.md), and for a long transfer tries now and then whether fewer would do or more would help.

import { MAX_LANES_PER_LINK, MiB } from '../protocol/limits.ts';

/** With so much to come, further lanes are worth their dials. */
const MUCH_BYTES = 16 * MiB;
const LANES_NEAR = 6;
/** Far away each lane waits for its own acknowledgements, and every one helps. */
const LANES_FAR = MAX_LANES_PER_LINK;
const FAR_MS = 30;
/** No try before this, and none so soon after another: each costs a little. */
const REST_MS = 15_000;
/** Lanes come and go, and buffers run dry, before a rate says anything. */
const SETTLE_MS = 1_500;
const SPAN_MS = 3_000;
/** Fewer lanes that are nearly as fast are better; more have to be worth it. */
const AS_GOOD = 0.95;
const BETTER = 1.15;
/** Lanes nobody uses are let go of. */
const IDLE_MS = 10_000;

/** What is known of a link at one moment. */
export interface LinkProgress {
  /** Bytes that came over it so far. */
  readonly bytes: number;
  /** Bytes accepted that are still to come; what is paused does not count. */
  readonly toCome: number;
  /** Round trip, ms; undefined while it is not known. */
  readonly rttMs: number | undefined;
}

type Phase =
  | { readonly is: 'rest'; readonly until: number }
  | { readonly is: 'before'; readonly from: Mark }
  | { readonly is: 'settle'; readonly until: number; readonly rate: number; readonly lanes: number }
  | { readonly is: 'try'; readonly from: Mark; readonly rate: number; readonly lanes: number };

interface Mark {
  readonly at: number;
  readonly bytes: number;
}

const rateSince = ({ at, bytes }: Mark, now: Mark) => (now.bytes - bytes) / (now.at - at);

export class LaneCount {
  #wanted = 1;
  #idleSince: number | undefined;
  #phase: Phase | undefined;
  #fewer = true;

  /** How many lanes to have now; to be asked every second or so. `at`: monotonic ms. */
  next(at: number, { bytes, toCome, rttMs = 0 }: LinkProgress): number {
    if (toCome === 0) this.#rest(at);
    else {
      this.#idleSince = undefined;
      if (!this.#phase && toCome >= MUCH_BYTES) {
        this.#wanted = rttMs >= FAR_MS ? LANES_FAR : LANES_NEAR;
        this.#phase = { is: 'rest', until: at + REST_MS };
      }
      this.#step({ at, bytes }, toCome >= MUCH_BYTES);
    }
    return this.#wanted;
  }

  /** Nothing moves: a rate would mean nothing, and after a while the lanes are not needed. */
  #rest(at: number): void {
    this.#idleSince ??= at;
    if (at - this.#idleSince >= IDLE_MS) {
      this.#wanted = 1;
      this.#phase = undefined;
    } else if (this.#phase) {
      if (this.#phase.is === 'try' || this.#phase.is === 'settle') this.#wanted = this.#phase.lanes;
      this.#phase = { is: 'rest', until: at + REST_MS };
    }
  }

  #step(now: Mark, mayTry: boolean): void {
    const phase = this.#phase;
    switch (phase?.is) {
      case 'rest':
        if (now.at >= phase.until && mayTry) this.#phase = { is: 'before', from: now };
        return;
      case 'before':
        if (now.at - phase.from.at >= SPAN_MS) this.#try(now, rateSince(phase.from, now));
        return;
      case 'settle':
        if (now.at >= phase.until) this.#phase = { ...phase, is: 'try', from: now };
        return;
      case 'try':
        if (now.at - phase.from.at < SPAN_MS) return;
        if (rateSince(phase.from, now) < phase.rate * (this.#wanted < phase.lanes ? AS_GOOD : BETTER)) {
          this.#wanted = phase.lanes;
        }
        this.#phase = { is: 'rest', until: now.at + REST_MS };
        return;
    }
  }

  /** Half as many, and the next time twice as many. */
  #try(now: Mark, rate: number): void {
    const lanes = this.#wanted;
    const canBeFewer = lanes > 1;
    const canBeMore = lanes < MAX_LANES_PER_LINK;
    const fewer = canBeFewer && (this.#fewer || !canBeMore);
    this.#fewer = !fewer;
    this.#wanted = fewer ? Math.ceil(lanes / 2) : Math.min(MAX_LANES_PER_LINK, 2 * lanes);
    this.#phase = { is: 'settle', until: now.at + SETTLE_MS, rate, lanes };
  }
}
