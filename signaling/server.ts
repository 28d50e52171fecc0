// The signaling server: moves sealed boxes between the peer ids of a room, says who is there, and knows nothing else.
// It trusts nobody and nobody trusts it. It keeps nothing of what is said: what cannot be delivered now is dropped.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { MAX_MESSAGE_BYTES, SIGNAL_PATH, type Refusal } from '../src/protocol/signal.ts';
import { addressOf } from './address.ts';
import { MemoryBus, type Bus, type BusEvents } from './bus.ts';
import { Connection, type Hall } from './connection.ts';
import { Limits } from './limits.ts';
import { Metrics } from './metrics.ts';
import { Seats } from './seats.ts';
import { defaults, type Settings } from './settings.ts';
import { noIce, RENEW_ICE_MS, type IceSettings } from './turn.ts';

const GOING_AWAY = 1001;
const ignore = () => undefined;
const TOO_MANY = 'HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
/** Sockets are pinged in so many groups, one after the other: all at once would hold up everybody else. */
const PING_GROUPS = 100;
/** What a message is at most cut into: our clients do not cut at all. */
const MAX_FRAGMENTS = 64;

/** Whether this upgrade is for the signaling server; a development server has others on the same port. */
export function isSignalPath(request: Pick<IncomingMessage, 'url'>): boolean {
  return request.url?.split('?')[0] === SIGNAL_PATH;
}

export interface SignalingOutside {
  /** Where rooms are kept; in memory when left out. */
  readonly openBus?: (events: BusEvents) => Bus;
  /** Takes what happens, a line each. */
  readonly print?: ((line: string) => void) | undefined;
  /** The STUN and TURN servers that are named to whoever joined. */
  readonly ice?: IceSettings;
  /** How long after they were minted credentials are minted anew. */
  readonly renewIceMs?: number;
}

/** Serves SIGNAL_PATH on an HTTP server. `close` ends every socket and lets the HTTP server go. */
export function attachSignaling(
  http: Pick<EventEmitter, 'on' | 'off'>,
  options: Partial<Settings> = {},
  outside: SignalingOutside = {},
) {
  const signaling = new Signaling({ ...defaults, ...options }, outside);
  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (isSignalPath(request)) void signaling.upgrade(request, stream, head);
  };
  http.on('upgrade', upgrade);
  return {
    /** Rooms with somebody from here in them. */
    get rooms() {
      return signaling.seats.size;
    },
    metrics: signaling.metrics,
    close() {
      http.off('upgrade', upgrade);
      signaling.close();
    },
  };
}

class Signaling implements Hall {
  readonly settings: Settings;
  readonly seats: Seats;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly ice: IceSettings;
  readonly renewIceMs: number;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    maxFragments: MAX_FRAGMENTS,
    perMessageDeflate: false,
  });
  /** How many sockets each address has here, those on their way out included. */
  readonly #sockets = new Map<string, number>();
  readonly #pinging: ReturnType<typeof setInterval>;
  #nextSeat = 0;
  #round = 0;

  constructor(settings: Settings, outside: SignalingOutside) {
    const {
      openBus = (events: BusEvents) => new MemoryBus(events),
      print,
      ice = noIce,
      renewIceMs = RENEW_ICE_MS,
    } = outside;
    this.settings = settings;
    this.ice = ice;
    this.renewIceMs = renewIceMs;
    this.metrics = new Metrics({ sockets: () => this.#server.clients.size, rooms: () => this.seats.size }, print);
    this.seats = new Seats(openBus, settings, this.metrics);
    this.limits = new Limits(this.seats.bus, settings);
    this.#pinging = setInterval(() => this.#ping(), settings.pingMs / PING_GROUPS).unref();
  }

  async upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    // It may be gone before anybody else listens. To stop listening later would cost memory for each socket that stays.
    stream.on('error', ignore);
    const { addressHeader, socketsPerAddress, origins } = this.settings;
    let address = '';
    let refusal: Refusal | undefined;
    if (origins.length && !origins.includes(request.headers.origin ?? '')) refusal = 'other-origin';
    try {
      address = addressOf(request, addressHeader, await this.seats.bus.salt());
      const sockets = await this.#count(address, 1);
      if (sockets > socketsPerAddress) refusal ??= 'too-many-sockets';
      // Whoever goes on all the same is not worth a WebSocket.
      if (sockets > 2 * socketsPerAddress) {
        this.metrics.count('refused connection');
        stream.end(TOO_MANY);
        void this.#uncount(address);
        return;
      }
    } catch {
      refusal ??= 'unavailable';
    }
    const seat = this.#nextSeat;
    this.#server.handleUpgrade(request, stream, head, (socket) => {
      this.#serve(socket, address, refusal);
    });
    // It was no WebSocket after all, and ws has said so.
    if (this.#nextSeat === seat) void this.#uncount(address);
  }

  close(): void {
    clearInterval(this.#pinging);
    for (const socket of this.#server.clients) socket.close(GOING_AWAY);
    // Those that do not answer the goodbye do not keep the process.
    setTimeout(() => this.#server.clients.forEach((socket) => socket.terminate()), 500).unref();
    this.#server.close(() => this.seats.close());
  }

  #serve(socket: WebSocket, address: string, refusal: Refusal | undefined): void {
    const connection = new Connection(socket, this.#nextSeat++, address, this);
    this.metrics.count('opened');
    if (refusal) connection.refuse(refusal);
  }

  closed(address: string): void {
    this.metrics.count('closed');
    void this.#uncount(address);
  }

  #count(address: string, by: 1 | -1): Promise<number> {
    const here = (this.#sockets.get(address) ?? 0) + by;
    if (here > 0) this.#sockets.set(address, here);
    else this.#sockets.delete(address);
    return this.seats.bus.sockets(address, here);
  }

  async #uncount(address: string): Promise<void> {
    // Without an address it was not counted: the bus was out of reach.
    if (address) await this.#count(address, -1).catch(() => undefined);
  }

  #ping(): void {
    this.#round = (this.#round + 1) % PING_GROUPS;
    for (const socket of this.#server.clients) {
      const connection = Connection.of(socket);
      if (connection && connection.seat % PING_GROUPS === this.#round) connection.ping();
    }
  }
}
