// The carrier over Doorstep's own signaling server: one WebSocket, rejoined with growing pauses when it is lost, or when the
// server has no time for us just now.

import { fromBase64url, toBase64url } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import {
  parseFromServer,
  type FinalRefusal,
  type FromClient,
  type FromServer,
  type Ice,
  type PassingRefusal,
  type Refusal,
} from '../protocol/signal.ts';
import type { Carrier, CarrierEvents, PeerId } from './carrier.ts';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
/** Whoever was told to come back later does not at once. */
const MIN_RETRY_LATER_MS = 5_000;
/** A server that takes longer than this to let us in is out of reach. */
const JOIN_MS = 10_000;

const final: Record<FinalRefusal, FailureCode> = {
  // What we send is checked by types: a server that does not understand it is of another version.
  'bad-message': 'other-version',
  'other-origin': 'other-origin',
  'room-full': 'room-full',
  'room-expired': 'room-expired',
  'door-closed': 'room-locked',
  'seat-taken': 'seat-taken',
  replaced: 'seat-taken',
  dropped: 'removed',
};
const passing: Record<PassingRefusal, FailureCode> = {
  'too-many-sockets': 'too-many-sockets',
  'too-many-joins': 'too-many-joins',
  'too-many-rooms': 'too-many-rooms',
  'too-fast': 'too-fast',
  slow: 'too-slow',
  'server-full': 'server-full',
  unavailable: 'no-signaling',
};

/** Every code a server that cannot be reached, or has no time for us, is `lost` with. */
export const lostCodes: readonly FailureCode[] = Object.values(passing);

/**
 * What a socket joins with: room and peer ids, and the token that makes the peer id ours. base64url of 16 bytes each.
 * `door`: the room's door secret, for its host.
 */
export interface Seat {
  readonly room: string;
  readonly peer: PeerId;
  readonly token: string;
  readonly door?: string;
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
  #over: (failure: Failure, leastMs?: number) => void = () => undefined;

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
    const patience = setTimeout(() => this.#over(new Failure('no-signaling', 'no answer')), JOIN_MS);
    this.#joined = () => clearTimeout(patience);
    this.#over = (failure, leastMs = 0) => {
      clearTimeout(patience);
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
      if (this.#closed) return;
      this.#events.lost(failure);
      // Not all at the same moment, when a server comes back that many were at.
      const waitMs = Math.max(leastMs, this.#retryMs) * (0.75 + Math.random() / 2);
      this.#timer = setTimeout(() => this.#connect(), waitMs);
      this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
    };
    socket.onclose = () => this.#over(new Failure('no-signaling', 'closed'));
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
        return this.#refused(message.code);
    }
  }

  #refused(code: Refusal): void {
    if (code in passing) {
      this.#over(new Failure(passing[code as PassingRefusal], code), MIN_RETRY_LATER_MS);
      return;
    }
    this.close();
    this.#events.refused(new Failure(final[code as FinalRefusal], code));
  }

  #tell(message: FromClient): void {
    // Signals are not kept for later: a dial that missed one ends by its timer and is made anew.
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
