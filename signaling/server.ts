// The signaling server: moves sealed boxes between the peer ids of a room, says who is there, and knows nothing else.
// It trusts nobody and nobody trusts it. It keeps nothing: what cannot be delivered now is dropped.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import {
  MAX_MESSAGE_BYTES,
  MAX_PEERS,
  parseFromClient,
  SIGNAL_PATH,
  type FromClient,
  type FromServer,
  type Refusal,
} from '../src/protocol/signal.ts';
import { Rooms } from './rooms.ts';
import { mintIce, noIce, RENEW_ICE_MS, type IceSettings } from './turn.ts';

export interface SignalingOptions {
  readonly maxPeers: number;
  readonly maxRooms: number;
  /** A socket that has not joined by then is closed. */
  readonly firstMessageMs: number;
  /** How often a socket is pinged; one that missed a whole round is dead. */
  readonly pingMs: number;
  /** A socket that reads slower than this piles up is closed. */
  readonly maxBufferedBytes: number;
  /** The STUN and TURN servers that are named to whoever joined. */
  readonly ice: IceSettings;
  /** How long after they were minted credentials are minted anew. */
  readonly renewIceMs: number;
}

const defaults: SignalingOptions = {
  maxPeers: MAX_PEERS,
  maxRooms: 50_000,
  firstMessageMs: 5_000,
  pingMs: 25_000,
  maxBufferedBytes: 256 * 1024,
  ice: noIce,
  renewIceMs: RENEW_ICE_MS,
};

/** Policy violation, RFC 6455 §7.4.1: the socket did what it may not. */
const REFUSED = 1008;
const CLOSE_MS = 1_000;
const GOING_AWAY = 1001;

/** Whether this upgrade is for the signaling server; a development server has others on the same port. */
export function isSignalPath(request: Pick<IncomingMessage, 'url'>): boolean {
  return request.url?.split('?')[0] === SIGNAL_PATH;
}

/** Serves SIGNAL_PATH on an HTTP server. `close` ends every socket and lets the HTTP server go. */
export function attachSignaling(http: Pick<EventEmitter, 'on' | 'off'>, options: Partial<SignalingOptions> = {}) {
  const settings = { ...defaults, ...options };
  const rooms = new Rooms<WebSocket>(settings);
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });

  const tell = (socket: WebSocket, message: FromServer) => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > settings.maxBufferedBytes) socket.terminate();
    else socket.send(JSON.stringify(message));
  };
  const refuse = (socket: WebSocket, code: Refusal) => {
    tell(socket, { type: 'refused', code });
    socket.close(REFUSED);
    // One that does not answer keeps nothing.
    setTimeout(() => socket.terminate(), CLOSE_MS).unref();
  };

  server.on('connection', (socket) => {
    let seat: Pick<Extract<FromClient, { type: 'join' }>, 'room' | 'peer'> | undefined;
    let alive = true;
    let renewIceAtMs = Infinity;
    const first = setTimeout(() => refuse(socket, 'bad-message'), settings.firstMessageMs);
    const heartbeat = setInterval(() => {
      if (!alive) socket.terminate();
      alive = false;
      socket.ping();
      if (Date.now() < renewIceAtMs) return;
      const ice = newIce();
      if (ice) tell(socket, { type: 'ice', ice });
    }, settings.pingMs);
    const newIce = () => {
      renewIceAtMs = settings.ice.turnUrls.length ? Date.now() + settings.renewIceMs : Infinity;
      return mintIce(settings.ice, Date.now());
    };

    const join = ({ room, peer, token }: Extract<FromClient, { type: 'join' }>) => {
      const joined = rooms.join(room, { peer, token, socket });
      if (!joined.ok) {
        refuse(socket, joined.code);
        return;
      }
      clearTimeout(first);
      seat = { room, peer };
      if (joined.replaced) refuse(joined.replaced, 'replaced');
      const ice = newIce();
      tell(socket, { type: 'joined', peers: joined.others.map((other) => other.peer), ...(ice && { ice }) });
      for (const other of joined.others) tell(other.socket, { type: 'arrived', peer });
    };

    socket.on('message', (data: Buffer, binary) => {
      const message = binary || socket.readyState !== socket.OPEN ? undefined : parseFromClient(data.toString('utf8'));
      if (message?.type === 'join' && !seat) {
        join(message);
      } else if (message?.type === 'send' && seat) {
        const to = rooms.member(seat.room, message.to);
        if (to) tell(to.socket, { type: 'box', from: seat.peer, box: message.box });
      } else {
        refuse(socket, 'bad-message');
      }
    });
    socket.on('pong', () => (alive = true));
    // A broken frame or an oversized one: ws closes the socket itself and only wants to be heard.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(first);
      clearInterval(heartbeat);
      const left = seat && rooms.leave(seat.room, seat.peer, socket);
      for (const other of left ?? []) tell(other.socket, { type: 'left', peer: seat?.peer ?? '' });
    });
  });

  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (!isSignalPath(request)) return;
    server.handleUpgrade(request, stream, head, (socket) => server.emit('connection', socket, request));
  };
  http.on('upgrade', upgrade);

  return {
    get rooms() {
      return rooms.size;
    },
    close() {
      http.off('upgrade', upgrade);
      for (const socket of server.clients) socket.close(GOING_AWAY);
      // Those that do not answer the goodbye do not keep the process.
      setTimeout(() => server.clients.forEach((socket) => socket.terminate()), 500).unref();
      server.close();
    },
  };
}
