// A carrier over links that stand: whoever is linked with two people passes the boxes of one on to the other, so that a
// room grows without its server. One hop, between members only. The one in between is trusted with no more than any
// carrier: it can lose boxes, and invent what the link's key allows, which costs a failed dial.

import { fromBase64url, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import type { Carrier, PeerId } from './carrier.ts';

/** A box on its way between two members. */
export interface Relayed {
  readonly to: PeerId;
  readonly from: PeerId;
  /** base64url. */
  readonly box: string;
}

/** A link to a member, as a way to others. */
export interface Way {
  readonly peer: PeerId;
  send(relayed: Relayed): void;
}

export interface InLinkOptions {
  readonly self: PeerId;
  /** Links that stand, in the order they are to be tried in. */
  readonly ways: () => readonly Way[];
  readonly isMember: (peer: PeerId) => boolean;
  /** A box came for us. `by`: who passed it on. */
  readonly box: (from: PeerId, box: Bytes, by: PeerId) => void;
}

export class InLink implements Carrier {
  readonly #options: InLinkOptions;
  /** How many ways to somebody were tried in vain. */
  readonly #failures = new Map<PeerId, number>();

  constructor(options: InLinkOptions) {
    this.#options = options;
  }

  /** Whether there is anybody to pass a box on to this member. Whether they can, nobody knows before it is tried. */
  reaches(to: PeerId): boolean {
    return this.#wayTo(to) !== undefined;
  }

  send(to: PeerId, box: Uint8Array, by?: PeerId): void {
    this.#wayTo(to, by)?.send({ to, from: this.#options.self, box: toBase64url(new Uint8Array(box)) });
  }

  /** A dial came to nothing: the next one tries somebody else. */
  failed(to: PeerId): void {
    this.#failures.set(to, (this.#failures.get(to) ?? 0) + 1);
  }

  /** A box somebody passed on to us, or wants to be passed on. Throws Failure('protocol'). */
  handle(way: Pick<Way, 'peer'>, { to, from, box }: Relayed): void {
    const { self, ways, isMember, box: deliver } = this.#options;
    if (to === way.peer) throw new Failure('protocol', 'a relay to oneself');
    if (to !== self) {
      // Rosters and links change while boxes travel: what cannot be passed on is dropped.
      const next = isMember(to) && isMember(way.peer) ? ways().find(({ peer }) => peer === to) : undefined;
      next?.send({ to, from: way.peer, box });
      return;
    }
    const bytes = fromBase64url(box);
    if (bytes && from !== self && from !== way.peer && isMember(from)) deliver(from, bytes, way.peer);
  }

  close(): void {
    this.#failures.clear();
  }

  #wayTo(to: PeerId, by?: PeerId): Way | undefined {
    if (!this.#options.isMember(to)) return undefined;
    const ways = this.#options.ways().filter(({ peer }) => peer !== to);
    return ways.find(({ peer }) => peer === by) ?? ways[(this.#failures.get(to) ?? 0) % ways.length];
  }
}
