// How often is too often: joins and new rooms of an address, across processes; messages of one socket, here.

import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Bus } from './bus.ts';
import type { Settings } from './settings.ts';

const MINUTE = 60;
/** A burst is there again after so many seconds of silence. */
const BURST_SECONDS = 10;
/** A socket that was too fast for the third time within this many seconds is closed. */
const PATIENCE = { points: 2, duration: MINUTE };

export class Limits {
  readonly #joins: RateLimiterAbstract;
  readonly #rooms: RateLimiterAbstract;
  readonly #messages: BurstyRateLimiter;
  readonly #patience = new RateLimiterMemory(PATIENCE);

  constructor(bus: Bus, settings: Settings) {
    const { joinsPerMinute, roomsPerMinute, messagesPerSecond, messageBurst } = settings;
    this.#joins = bus.limiter('joins', joinsPerMinute, MINUTE);
    this.#rooms = bus.limiter('rooms', roomsPerMinute, MINUTE);
    this.#messages = new BurstyRateLimiter(
      new RateLimiterMemory({ points: messagesPerSecond, duration: 1 }),
      new RateLimiterMemory({ points: Math.max(0, messageBurst - messagesPerSecond), duration: BURST_SECONDS }),
    );
  }

  /** Whether an address may join once more. Rejects while the bus is out of reach, as does `mayCreate`. */
  async mayJoin(address: string): Promise<boolean> {
    return !(await excess(this.#joins, address));
  }

  async mayCreate(address: string): Promise<boolean> {
    return !(await excess(this.#rooms, address));
  }

  /** How long the next message of a socket waits, in milliseconds; undefined: its patience is spent. */
  async delayMs(socket: number): Promise<number | undefined> {
    const over = await excess(this.#messages, socket);
    if (!over) return 0;
    return (await excess(this.#patience, socket)) ? undefined : over.msBeforeNext;
  }
}

async function excess(
  limiter: Pick<RateLimiterAbstract, 'consume'>,
  key: string | number,
): Promise<RateLimiterRes | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (error) {
    if (error instanceof RateLimiterRes) return error;
    throw error;
  }
}
