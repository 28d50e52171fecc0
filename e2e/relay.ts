// A bad network, in userspace: UDP between browsers and a TURN server on this machine, delayed, lost, slowed or cut.
// What goes to the server and what comes back are two lines, each in order.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface RelayOptions {
  /** Port on 127.0.0.1 that everything is passed on to. */
  readonly to: number;
  /** One way. */
  readonly delayMs?: number;
  /** Share of the packets that is lost, each way: 0 to 1. */
  readonly loss?: number;
  readonly seed?: number;
  /** Each way, of all clients together. Packets wait for their turn; what finds the queue full is lost. */
  readonly bytesPerSecond?: number;
  /** What may wait on a slowed line; of itself as much as a home router holds. */
  readonly queueBytes?: number;
}

interface Held {
  readonly dueMs: number;
  readonly packet: Buffer;
  readonly send: (packet: Buffer) => void;
}

const QUEUE_BYTES = 256 * 1024;
/** Timers count whole milliseconds and come up to one late: what is due within one goes now. */
const EARLY_MS = 1;
/** More is asked for than the kernel gives by default, so that a burst is not lost where no loss was wished for. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One direction. All packets take equally long, so that one queue keeps their order and one timer empties it. */
class Line {
  bytes = 0;
  readonly #delayMs: number;
  readonly #loss: number;
  readonly #bytesPerMs: number;
  readonly #queueBytes: number;
  readonly #random: () => number;
  #queue: Held[] = [];
  /** Held packets before this one have gone. */
  #first = 0;
  /** When a slowed line has passed on all it took. */
  #freeAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RelayOptions, random: () => number) {
    const { delayMs = 0, loss = 0, bytesPerSecond = Infinity, queueBytes = QUEUE_BYTES } = options;
    this.#delayMs = delayMs;
    this.#loss = loss;
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#queueBytes = queueBytes;
    this.#random = random;
  }

  put(packet: Buffer, send: Held['send']): void {
    if (this.#loss > 0 && this.#random() < this.#loss) return;
    if (this.#delayMs === 0 && this.#bytesPerMs === Infinity) {
      this.bytes += packet.length;
      send(packet);
      return;
    }
    const nowMs = performance.now();
    const turnMs = Math.max(nowMs, this.#freeAtMs);
    if ((turnMs - nowMs) * this.#bytesPerMs > this.#queueBytes) return;
    this.#freeAtMs = turnMs + packet.length / this.#bytesPerMs;
    this.#queue.push({ dueMs: this.#freeAtMs + this.#delayMs, packet, send });
    this.#pass();
  }

  /** Loses what it holds. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
    this.#first = 0;
    this.#freeAtMs = 0;
  }

  /** Everything that is due, however late the timer came. */
  #pass(): void {
    const nowMs = performance.now();
    let next = this.#queue[this.#first];
    for (; next && next.dueMs <= nowMs + EARLY_MS; next = this.#queue[++this.#first]) {
      this.bytes += next.packet.length;
      next.send(next.packet);
    }
    if (this.#first > 1000 || !next) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
    if (next && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#pass();
      }, next.dueMs - nowMs);
    }
  }
}

export class Relay {
  readonly port: number;
  readonly #to: number;
  readonly #socket: Socket;
  /** Every client has a socket of its own towards the server, which tells them apart by it. */
  readonly #upstream = new Map<string, Promise<Socket> | Socket>();
  readonly #up: Line;
  readonly #down: Line;
  #isCut = false;
  #isOver = false;

  private constructor(socket: Socket, options: RelayOptions) {
    const { seed = 1 } = options;
    this.port = socket.address().port;
    this.#to = options.to;
    this.#socket = socket;
    this.#up = new Line(options, randomFrom(seed));
    this.#down = new Line(options, randomFrom(seed + 1));
    socket.on('message', (packet, client) => this.#handle(packet, client));
  }

  /** Listens on a free port of 127.0.0.1. Rejects when there is none. */
  static async start(options: RelayOptions): Promise<Relay> {
    const socket = open();
    const listening = once(socket, 'listening');
    socket.bind(0, '127.0.0.1');
    await listening;
    enlarge(socket);
    return new Relay(socket, options);
  }

  /** Bytes passed on to the server. */
  get upBytes(): number {
    return this.#up.bytes;
  }

  /** Bytes passed on to the clients. */
  get downBytes(): number {
    return this.#down.bytes;
  }

  /** Loses everything, what is on its way included, until `mend`. */
  cut(): void {
    this.#isCut = true;
    this.#up.clear();
    this.#down.clear();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Lets go of all ports. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.cut();
    const upstream = await Promise.all([...this.#upstream.values()].map((socket) => Promise.resolve(socket)));
    for (const socket of [this.#socket, ...upstream]) socket.close();
  }

  #handle(packet: Buffer, client: RemoteInfo): void {
    if (this.#isCut) return;
    const key = `${client.address}:${client.port}`;
    const upstream = this.#upstream.get(key);
    if (upstream && 'send' in upstream) {
      this.#up.put(packet, (held) => upstream.send(held));
    } else {
      const connecting = upstream ?? this.#connect(key, client);
      void connecting.then((socket) => this.#up.put(packet, (held) => socket.send(held)));
    }
  }

  async #connect(key: string, { address, port }: RemoteInfo): Promise<Socket> {
    const socket = open();
    const connecting = new Promise<Socket>((resolve) => socket.connect(this.#to, '127.0.0.1', () => resolve(socket)));
    this.#upstream.set(key, connecting);
    await connecting;
    enlarge(socket);
    const send = (held: Buffer) => this.#socket.send(held, port, address);
    socket.on('message', (packet) => {
      if (!this.#isCut) this.#down.put(packet, send);
    });
    if (!this.#isOver) this.#upstream.set(key, socket);
    return socket;
  }
}

function open(): Socket {
  // Addresses are numbers already: a look-up would cost a turn of the loop for each packet.
  const socket = createSocket({ type: 'udp4', lookup: (address, _, found) => found(null, address, 4) });
  // Nobody there to take a packet: it is lost, as on any network.
  socket.on('error', () => undefined);
  return socket;
}

function enlarge(socket: Socket): void {
  socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
  socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
}
