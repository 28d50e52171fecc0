// Where rooms are kept, and how whoever has people in one hears of it: in this process, or, with redis-bus.ts, in Redis
// for any number of processes. The server goes through this one interface either way.

import { randomBytes } from 'node:crypto';
import { RateLimiterMemory, type RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Room } from './rooms.ts';

/** A box on its way to a peer id that has its socket at another process. */
export interface Mail {
  readonly to: string;
  readonly from: string;
  readonly box: string;
}

export interface BusEvents {
  /** A room that is listened to changed. In the order of the changes. */
  room(id: string, room: Room): void;
  mail(id: string, mail: Mail): void;
  /** Something may have been missed or lost: every room has to be looked at again. */
  back(): void;
  /** A process may be gone for good: it no longer is live. */
  died(): void;
  /** Out of reach: whatever is asked of it rejects until `back`. */
  away(): void;
}

/** Everything that promises something rejects while what is behind it is out of reach. */
export interface Bus {
  /** This process, among those that share rooms. */
  readonly process: string;
  isLive(process: string): boolean;
  /** From now on hears of a room, until `unlisten`. */
  listen(id: string): Promise<void>;
  unlisten(id: string): void;
  read(id: string): Promise<Room | undefined>;
  /**
   * Puts a room in the place of what was read, and tells all who listen; false when somebody was faster. `keepMs`: how
   * long it is kept without `keep`.
   */
  swap(id: string, before: Room | undefined, after: Room, keepMs: number): Promise<boolean>;
  /** Keeps rooms that have people in them. */
  keep(ids: readonly string[], keepMs: number): Promise<void>;
  /** How many rooms there are. */
  count(): Promise<number>;
  /** Best effort: nobody may be there. */
  pass(id: string, mail: Mail): void;
  /** Notes how many sockets of an address this process has; resolves with how many all have. */
  sockets(address: string, here: number): Promise<number>;
  /** Counts by key and window, across processes. */
  limiter(name: string, points: number, seconds: number): RateLimiterAbstract;
  /** What addresses are hashed with, so that the hashes of all processes are the same and mean nothing elsewhere. */
  salt(): Promise<string>;
  close(): void;
}

const SWEEP_MS = 1_000;
const DONE = Promise.resolve();

/** All in the memory of one process. */
export class MemoryBus implements Bus {
  readonly process = 'here';
  readonly #events: BusEvents;
  readonly #salt = randomBytes(32).toString('base64url');
  readonly #rooms = new Map<string, { room: Room; endsAt: number }>();
  #sweptAt = 0;

  constructor(events: BusEvents) {
    this.#events = events;
  }

  isLive(process: string): boolean {
    return process === this.process;
  }

  listen(): Promise<void> {
    return DONE;
  }

  unlisten(): void {
    // Nobody else changes a room.
  }

  read(id: string): Promise<Room | undefined> {
    return Promise.resolve(this.#read(id));
  }

  swap(id: string, before: Room | undefined, after: Room, keepMs: number): Promise<boolean> {
    if (this.#read(id) !== before) return Promise.resolve(false);
    this.#rooms.set(id, { room: after, endsAt: Date.now() + keepMs });
    this.#events.room(id, after);
    return Promise.resolve(true);
  }

  keep(ids: readonly string[], keepMs: number): Promise<void> {
    const endsAt = Date.now() + keepMs;
    for (const id of ids) {
      const kept = this.#rooms.get(id);
      if (kept) kept.endsAt = endsAt;
    }
    return Promise.resolve();
  }

  count(): Promise<number> {
    const now = Date.now();
    // A look at all of them for each new one would be a way to keep the process busy.
    if (now - this.#sweptAt > SWEEP_MS) {
      this.#sweptAt = now;
      for (const id of this.#rooms.keys()) this.#read(id);
    }
    return Promise.resolve(this.#rooms.size);
  }

  pass(): void {
    // Whoever is not here is nowhere.
  }

  sockets(_address: string, here: number): Promise<number> {
    return Promise.resolve(here);
  }

  limiter(name: string, points: number, seconds: number): RateLimiterAbstract {
    return new RateLimiterMemory({ keyPrefix: name, points, duration: seconds });
  }

  salt(): Promise<string> {
    return Promise.resolve(this.#salt);
  }

  close(): void {
    this.#rooms.clear();
  }

  /** Forgets it when its time is over. */
  #read(id: string): Room | undefined {
    const kept = this.#rooms.get(id);
    if (!kept || kept.endsAt > Date.now()) return kept?.room;
    this.#rooms.delete(id);
    return undefined;
  }
}
