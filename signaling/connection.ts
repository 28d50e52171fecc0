// One socket: what it says is heard in order and no faster than it may speak, and it is told why when it is sent away.

import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { parseFromClient, type FromClient, type FromServer, type Ice, type Refusal } from '../src/protocol/signal.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { Member } from './rooms.ts';
import type { Seats, Sitter } from './seats.ts';
import type { Settings } from './settings.ts';
import { mintIce, type IceSettings } from './turn.ts';

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
  readonly ice: IceSettings;
  readonly renewIceMs: number;
  /** A socket of this address is gone. */
  closed(address: string): void;
}

const DONE = Promise.resolve();
const connections = new WeakMap<WebSocket, Connection>();

type Join = Extract<FromClient, { type: 'join' }>;

export class Connection implements Sitter {
  readonly seat: number;
  /** As limits know it. */
  readonly address: string;
  member: Member | undefined;
  readonly #socket: WebSocket;
  readonly #hall: Hall;
  #room: string | undefined;
  #peer = '';
  #isAlive = true;
  #renewIceAtMs = Infinity;
  #first: ReturnType<typeof setTimeout> | undefined;
  /** What it said is looked at one after the other. */
  #turn = DONE;

  /** `seat`: a number of its own. */
  constructor(socket: WebSocket, seat: number, address: string, hall: Hall) {
    this.#socket = socket;
    this.seat = seat;
    this.address = address;
    this.#hall = hall;
    this.#first = setTimeout(() => this.refuse('bad-message'), hall.settings.firstMessageMs);
    connections.set(socket, this);
    for (const [event, listener] of Object.entries(Connection.#listeners)) socket.on(event, listener);
  }

  static of(socket: WebSocket): Connection | undefined {
    return connections.get(socket);
  }

  /** The same for all sockets: closures of their own are a tenth of what a socket costs. */
  static readonly #listeners: Record<string, (this: WebSocket, data: Buffer, binary: boolean) => void> = {
    message(data, binary) {
      const connection = Connection.#at(this);
      connection.#hear(() => connection.#take(binary ? '' : data.toString('utf8')));
    },
    // Each is answered: a flood of them is one too.
    ping() {
      Connection.#at(this).#hear(() => undefined);
    },
    pong() {
      Connection.#at(this).#isAlive = true;
    },
    // A broken frame or an oversized one: ws closes the socket itself and only wants to be heard.
    error: () => undefined,
    close() {
      Connection.#at(this).#over();
    },
  };

  static #at(socket: WebSocket): Connection {
    const connection = connections.get(socket);
    if (!connection) throw new Error('a socket without a connection');
    return connection;
  }

  tell(message: FromServer): void {
    if (!this.#isOpen()) return;
    if (this.#socket.bufferedAmount > this.#hall.settings.maxBufferedBytes) this.refuse('slow');
    else this.#socket.send(JSON.stringify(message.type === 'joined' ? { ...message, ...this.#newIce() } : message));
  }

  #newIce(): { ice?: Ice } {
    const { ice, renewIceMs } = this.#hall;
    this.#renewIceAtMs = ice.turnUrls.length ? Date.now() + renewIceMs : Infinity;
    const minted = mintIce(ice, Date.now());
    return minted ? { ice: minted } : {};
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
    if (Date.now() < this.#renewIceAtMs) return;
    const { ice } = this.#newIce();
    if (ice) this.tell({ type: 'ice', ice });
  }

  #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #hear(action: () => Promise<void> | undefined): void {
    this.#turn = this.#turn.then(() => this.#inTime(action)).catch(() => this.refuse('unavailable'));
  }

  async #inTime(action: () => Promise<void> | undefined): Promise<void> {
    if (!this.#isOpen()) return;
    // Joins have limits of their own, and most sockets say nothing else for long: nothing is counted for those.
    const waitMs = this.#room ? await this.#hall.limits.delayMs(this.seat) : 0;
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
    const [room, peer] = [this.#room, this.#peer];
    if (message?.type === 'join' && !room) {
      await this.#join(message);
    } else if (message?.type === 'send' && room) {
      metrics.count(seats.deliver(room, peer, message.to, message.box) ? 'relayed' : 'undeliverable');
    } else if (message?.type === 'close-door' && room) {
      await seats.closeDoor(room, peer, message.closed);
    } else if (message?.type === 'drop' && room) {
      await seats.drop(room, peer, message.peer);
    } else {
      this.refuse('bad-message');
    }
  }

  async #join({ room, peer, token, door }: Join): Promise<void> {
    const { seats, limits, metrics } = this.#hall;
    this.#stopWaiting();
    if (!(await limits.mayJoin(this.address))) {
      this.refuse('too-many-joins');
      return;
    }
    const answered = metrics.joining();
    const arrival = { peer, token: digest(token), door: door && digest(door) };
    const refusal = await seats.take(room, this, arrival, () => limits.mayCreate(this.address));
    answered();
    if (refusal) {
      this.refuse(refusal);
      return;
    }
    this.#room = room;
    this.#peer = peer;
    metrics.count('joined');
    // Gone while the seat was being made.
    if (this.#socket.readyState === this.#socket.CLOSED) this.#leave();
  }

  #over(): void {
    this.#stopWaiting();
    this.#leave();
    this.#hall.closed(this.address);
  }

  #leave(): void {
    if (this.#room) void this.#hall.seats.giveUp(this.#room, this.seat);
  }

  /** It has said what it wants, or never will. */
  #stopWaiting(): void {
    clearTimeout(this.#first);
    this.#first = undefined;
  }
}

/** So that secrets can be compared and kept without being known. */
function digest(secret: string): string {
  return hash('sha256', secret, 'base64url');
}
