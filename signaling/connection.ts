// One socket: what it says is heard in order and no faster than it may speak, and it is told why when it is sent away.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { parseFromClient, type FromClient, type FromServer, type Refusal } from '../src/protocol/signal.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { Seats, Sitter } from './seats.ts';
import type { Settings } from './settings.ts';

/** Policy violation, RFC 6455 §7.4.1: the socket did what it may not. */
const REFUSED = 1008;
/** One that does not answer a goodbye is cut off. */
const CLOSE_MS = 1_000;

/** What all sockets share. */
export interface Hall {
  readonly settings: Settings;
  readonly seats: Seats;
  readonly limits: Limits;
  readonly metrics: Metrics;
}

type Join = Extract<FromClient, { type: 'join' }>;

export class Connection implements Sitter {
  readonly seat: number;
  readonly #socket: WebSocket;
  readonly #address: string;
  readonly #hall: Hall;
  #place: Pick<Join, 'room' | 'peer'> | undefined;
  #isAlive = true;
  #first: ReturnType<typeof setTimeout> | undefined;
  /** What it said is looked at one after the other. */
  #turn: Promise<void> = Promise.resolve();

  /** `seat`: a number of its own. `address`: as limits know it. */
  constructor(socket: WebSocket, seat: number, address: string, hall: Hall) {
    this.#socket = socket;
    this.seat = seat;
    this.#address = address;
    this.#hall = hall;
    this.#first = setTimeout(() => this.refuse('bad-message'), hall.settings.firstMessageMs);
    socket.on('message', (data: Buffer, binary) => this.#hear(() => this.#take(binary ? '' : data.toString('utf8'))));
    // Each is answered: a flood of them is one too.
    socket.on('ping', () => this.#hear(() => undefined));
    socket.on('pong', () => (this.#isAlive = true));
    // A broken frame or an oversized one: ws closes the socket itself and only wants to be heard.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(this.#first);
      this.#leave();
    });
  }

  tell(message: FromServer): void {
    if (!this.#isOpen()) return;
    if (this.#socket.bufferedAmount > this.#hall.settings.maxBufferedBytes) this.refuse('slow');
    else this.#socket.send(JSON.stringify(message));
  }

  refuse(code: Refusal): void {
    if (!this.#isOpen()) return;
    this.#hall.metrics.count(`refused ${code}`);
    this.#socket.send(JSON.stringify({ type: 'refused', code } satisfies FromServer));
    this.#socket.close(REFUSED);
    setTimeout(() => this.#socket.terminate(), CLOSE_MS).unref();
  }

  /** One that did not answer the ping before is dead. */
  ping(): void {
    if (!this.#isAlive) this.#socket.terminate();
    this.#isAlive = false;
    if (this.#isOpen()) this.#socket.ping();
  }

  #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #hear(action: () => Promise<void> | undefined): void {
    this.#turn = this.#turn.then(() => this.#inTime(action)).catch(() => this.refuse('unavailable'));
  }

  async #inTime(action: () => Promise<void> | undefined): Promise<void> {
    if (!this.#isOpen()) return;
    const waitMs = await this.#hall.limits.delayMs(this.seat);
    if (waitMs === undefined) {
      this.refuse('too-fast');
      return;
    }
    if (waitMs > 0) {
      this.#hall.metrics.count('delayed');
      // What it sends meanwhile waits with it, and not here.
      this.#socket.pause();
      await sleep(waitMs, undefined, { ref: false });
      this.#socket.resume();
    }
    if (this.#isOpen()) await action();
  }

  async #take(text: string): Promise<void> {
    const { seats, metrics } = this.#hall;
    const message = parseFromClient(text);
    const place = this.#place;
    if (message?.type === 'join' && !place) {
      await this.#join(message);
    } else if (message?.type === 'send' && place) {
      metrics.count(seats.deliver(place.room, place.peer, message.to, message.box) ? 'relayed' : 'undeliverable');
    } else if (message?.type === 'close-door' && place) {
      await seats.closeDoor(place.room, place.peer, message.closed);
    } else if (message?.type === 'drop' && place) {
      await seats.drop(place.room, place.peer, message.peer);
    } else {
      this.refuse('bad-message');
    }
  }

  async #join({ room, peer, token, door }: Join): Promise<void> {
    const { seats, limits, metrics } = this.#hall;
    clearTimeout(this.#first);
    if (!(await limits.mayJoin(this.#address))) {
      this.refuse('too-many-joins');
      return;
    }
    const answered = metrics.joining();
    const arrival = { peer, token: hash(token), door: door && hash(door) };
    const refusal = await seats.take(room, this, arrival, () => limits.mayCreate(this.#address));
    answered();
    if (refusal) {
      this.refuse(refusal);
      return;
    }
    this.#place = { room, peer };
    metrics.count('joined');
    // Gone while the seat was being made.
    if (this.#socket.readyState === this.#socket.CLOSED) this.#leave();
  }

  #leave(): void {
    if (this.#place) void this.#hall.seats.giveUp(this.#place.room, this.seat);
  }
}

/** So that secrets can be compared and kept without being known: 16 bytes of SHA-256 in base64url. */
function hash(secret: string): string {
  return createHash('sha256').update(secret).digest().subarray(0, 16).toString('base64url');
}
