// Two carriers as one: the signaling server where it is there and has the peer, and otherwise the links of the room.

import type { Bytes } from '../protocol/bytes.ts';
import type { Carrier, CarrierEvents, PeerId } from './carrier.ts';
import { InLink, type InLinkOptions, type Relayed, type Way } from './in-link.ts';

export interface CarriersOptions extends Omit<InLinkOptions, 'box'> {
  readonly openServer: (events: CarrierEvents) => Carrier;
}

export class Carriers implements Carrier {
  readonly #server: Carrier;
  readonly #inLink: InLink;
  /** Who the server says is there; nobody while it is out of reach. */
  readonly #present = new Set<PeerId>();
  /** Whom the server was tried for in vain, while it said they are there. */
  readonly #inLinkRather = new Set<PeerId>();

  constructor({ openServer, ...options }: CarriersOptions, events: CarrierEvents) {
    this.#inLink = new InLink({ ...options, box: (from, box, by) => events.box(from, box, by) });
    this.#server = openServer(this.#watched(events));
  }

  /** What answers goes the way that was come by: else one member could draw to themselves what others say over the server. */
  send(to: PeerId, box: Bytes, by?: PeerId): void {
    if (by === undefined && this.#byServer(to)) this.#server.send(to, box);
    else this.#inLink.send(to, box, by);
  }

  /** Whether a box to somebody would be given to anybody. */
  reaches(to: PeerId): boolean {
    return this.#present.has(to) || this.#inLink.reaches(to);
  }

  /** A dial came to nothing: the next one goes another way, if there is one. */
  failed(to: PeerId): void {
    if (this.#byServer(to)) {
      this.#inLinkRather.add(to);
    } else {
      this.#inLinkRather.delete(to);
      this.#inLink.failed(to);
    }
  }

  /** What a member wants passed on, or passed on to us. Throws Failure('protocol'). */
  handle(way: Pick<Way, 'peer'>, relayed: Relayed): void {
    this.#inLink.handle(way, relayed);
  }

  close(): void {
    this.#server.close();
    this.#inLink.close();
  }

  #byServer(to: PeerId): boolean {
    return this.#present.has(to) && !(this.#inLinkRather.has(to) && this.#inLink.reaches(to));
  }

  #watched(events: CarrierEvents): CarrierEvents {
    return {
      ...events,
      joined: (present) => {
        this.#present.clear();
        this.#inLinkRather.clear();
        for (const peer of present) this.#present.add(peer);
        events.joined(present);
      },
      arrived: (peer) => {
        this.#present.add(peer);
        this.#inLinkRather.delete(peer);
        events.arrived(peer);
      },
      left: (peer) => {
        this.#present.delete(peer);
        events.left(peer);
      },
      lost: (failure) => {
        this.#present.clear();
        events.lost(failure);
      },
      refused: (failure) => {
        this.#present.clear();
        events.refused(failure);
      },
    };
  }
}
