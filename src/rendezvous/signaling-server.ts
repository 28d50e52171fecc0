// The carrier over Doorstep's own signaling server: one WebSocket, rejoined with growing pauses when it is lost.

import { fromBase64url, toBase64url } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import { parseFromServer, type FromClient, type FromServer, type Ice, type Refusal } from '../protocol/signal.ts';
import type { Carrier, CarrierEvents, PeerId } from './carrier.ts';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
/** A server that takes longer than this to let us in is out of reach. */
const JOIN_MS = 10_000;

const failureOf: Record<Refusal, FailureCode> = {
  // What we send is checked by types: a server that does not understand it is of another version.
  'bad-message': 'other-version',
  'room-full': 'room-full',
  'seat-taken': 'seat-taken',
  replaced: 'seat-taken',
  'server-full': 'room-full',
};

/** What a socket joins with: room and peer ids, and the token that makes the peer id ours. base64url of 16 bytes each. */
export interface Seat {
  readonly room: string;
  readonly peer: PeerId;
  readonly token: string;
}

export interface SignalingEvents extends CarrierEvents {
  /** The STUN and TURN servers to use from now on; before `joined`, and again when credentials are renewed. */
  ice(given: Ice | undefined): void;
}

export class SignalingServer implements Carrier {
  readonly #url: string;
  readonly #seat: Seat;
  readonly #events: SignalingEvents;
  #socket: WebSocket | undefined;
  #retryMs = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #joined: () => void = () => undefined;

  /** Connects and joins at once. `url`: ws: or wss:. */
  constructor(url: string, seat: Seat, events: SignalingEvents) {
    this.#url = url;
    this.#seat = seat;
    this.#events = events;
    this.#connect();
  }

  send(to: PeerId, box: Uint8Array): void {
    this.#tell({ type: 'send', to, box: toBase64url(box) });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.#tell({ type: 'join', ...this.#seat });
    socket.onmessage = ({ data }) => {
      const message = typeof data === 'string' ? parseFromServer(data) : undefined;
      // A server that talks nonsense is a server out of reach.
      if (message) this.#handle(message);
      else socket.close();
    };
    // A dead peer delays the close event: this socket is let go without waiting for it.
    const patience = setTimeout(() => {
      over();
      socket.close();
    }, JOIN_MS);
    this.#joined = () => clearTimeout(patience);
    const over = () => {
      clearTimeout(patience);
      socket.onclose = null;
      socket.onmessage = null;
      if (this.#closed) return;
      this.#events.lost();
      this.#timer = setTimeout(() => this.#connect(), this.#retryMs);
      this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
    };
    socket.onclose = over;
  }

  #handle(message: FromServer): void {
    switch (message.type) {
      case 'joined':
        this.#retryMs = FIRST_RETRY_MS;
        this.#joined();
        this.#events.ice(message.ice);
        return this.#events.joined(message.peers);
      case 'ice':
        return this.#events.ice(message.ice);
      case 'arrived':
        return this.#events.arrived(message.peer);
      case 'left':
        return this.#events.left(message.peer);
      case 'box': {
        const box = fromBase64url(message.box);
        return box && this.#events.box(message.from, box);
      }
      case 'refused':
        this.close();
        return this.#events.refused(new Failure(failureOf[message.code], message.code));
    }
  }

  #tell(message: FromClient): void {
    // Signals are not kept for later: a dial that missed one ends by its timer and is made anew.
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
