// A signaling server that lies. It serves the app as the real one does (what is served is not under attack here) and
// speaks the same protocol, but what it says of who is there, and what becomes of a box, is up to an attack on the room.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocketServer, type WebSocket } from 'ws';
import { isSignalPath } from '../../signaling/server.ts';
import { serveStatic } from '../../signaling/static.ts';
import { deriveRoomKeys, parseLink } from '../../src/identity/room-link.ts';
import { randomBytes, toBase64url } from '../../src/protocol/bytes.ts';
import { parseFromClient, type FromServer } from '../../src/protocol/signal.ts';

/** A box on its way, all in base64url. */
export interface Mail {
  readonly room: string;
  readonly from: string;
  readonly to: string;
  readonly box: string;
}

/** Somebody at the server. */
export interface Seat {
  readonly room: string;
  readonly peer: string;
  readonly socket: WebSocket;
}

/** What is done to one room; what is left out is done as an honest server does it. */
export interface Attack {
  /** Somebody joined: tells them, and the others, whatever it likes. */
  joined?(seat: Seat, server: HostileServer): void;
  /** Somebody sent a box. */
  box?(mail: Mail, server: HostileServer): void | Promise<void>;
}

export class HostileServer {
  /** Everything that was ever sent, in order. */
  readonly seen: Mail[] = [];
  /** What went wrong in an attack: a test of an attack that did not happen proves nothing. */
  readonly faults: unknown[] = [];
  readonly #attacks = new Map<string, Attack>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #seats = new Set<Seat>();
  readonly #http: Server;

  private constructor(http: Server) {
    this.#http = http;
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on('connection', (socket) => this.#serve(socket));
    http.on('upgrade', (request, stream, head) => {
      if (isSignalPath(request)) sockets.handleUpgrade(request, stream, head, (ws) => sockets.emit('connection', ws));
      else stream.destroy();
    });
  }

  static async start(): Promise<HostileServer> {
    const http = createServer(serveStatic(fileURLToPath(new URL('../../dist', import.meta.url))));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new HostileServer(http);
  }

  get url(): string {
    return `http://localhost:${(this.#http.address() as AddressInfo).port}/`;
  }

  /** From now on this room is attacked. Its id is all a server sees of the link. */
  async attack(link: string, attack: Attack): Promise<void> {
    this.#attacks.set(toBase64url((await deriveRoomKeys(await parseLink(link))).roomId), attack);
  }

  /** Everybody in a room, or in all rooms under one attack. */
  seats(of: string | Attack): Seat[] {
    return [...this.#seats].filter(({ room }) => room === of || this.#attacks.get(room) === of);
  }

  others(seat: Seat): Seat[] {
    return this.seats(seat.room).filter(({ peer }) => peer !== seat.peer);
  }

  tell(socket: WebSocket, message: FromServer): void {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  }

  /** What an honest server says when somebody joins. */
  introduce(seat: Seat): void {
    this.tell(seat.socket, { type: 'joined', peers: this.others(seat).map(({ peer }) => peer) });
    for (const { socket } of this.others(seat)) this.tell(socket, { type: 'arrived', peer: seat.peer });
  }

  /** Takes a box to whom it is for, in whichever room they are. */
  deliver({ from, to, box }: Pick<Mail, 'from' | 'to' | 'box'>): void {
    for (const { peer, socket } of this.#seats) if (peer === to) this.tell(socket, { type: 'box', from, box });
  }

  /** Is honest from now on; settles when every attack under way has ended. */
  async holdFire(): Promise<void> {
    this.#attacks.clear();
    await Promise.all(this.#underWay);
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#seats) socket.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  #watch(attack: Promise<void>): void {
    const watched = attack
      .catch((fault: unknown) => void this.faults.push(fault))
      .finally(() => this.#underWay.delete(watched));
    this.#underWay.add(watched);
  }

  #serve(socket: WebSocket): void {
    let seat: Seat | undefined;
    socket.on('message', (data: Buffer) => {
      const message = parseFromClient(data.toString('utf8'));
      if (message?.type === 'join') {
        seat = { room: message.room, peer: message.peer, socket };
        this.#seats.add(seat);
        const attack = this.#attacks.get(seat.room);
        if (attack?.joined) attack.joined(seat, this);
        else this.introduce(seat);
      } else if (message?.type === 'send' && seat) {
        const mail = { room: seat.room, from: seat.peer, to: message.to, box: message.box };
        this.seen.push(mail);
        const attack = this.#attacks.get(seat.room);
        if (!attack?.box) this.deliver(mail);
        else this.#watch(Promise.resolve(attack.box(mail, this)));
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!seat) return;
      this.#seats.delete(seat);
      for (const other of this.others(seat)) this.tell(other.socket, { type: 'left', peer: seat.peer });
    });
  }
}

/** A peer id, or anything else of 16 bytes, that the server made up. */
export function invented(): string {
  return toBase64url(randomBytes(16));
}
