// Dials over a carrier: seals signals out, opens and sorts them in. A dial is named by 16 random bytes of its initiator;
// everything that does not fit (other recipients, other senders, repeated numbers, unknown dials) is dropped unanswered,
// because whoever has the link can make such boxes, and it must cost nothing but a failed dial.

import { decodeBoxBody, encodeBoxBody, type BoxBody, type DialSignal } from '../protocol/dial-signal.ts';
import { fromBase64url, randomBytes, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MAX_UNAUTHENTICATED } from '../protocol/limits.ts';
import { openSignal, sealSignal } from '../identity/seal.ts';
import type { PeerId } from './carrier.ts';
import { Dial, type Adopt, type Connection } from './simple-peer.ts';

/** Dials from others that are under way at once. */
const MAX_ANSWERING = MAX_UNAUTHENTICATED;
/** Dials one member may pass on to us in a while: a connection each, and there are not so many others. */
const MAX_PASSED_ON = 16;
const PASSED_ON_MS = 10_000;
/** An offer, an answer or candidates: no dial needs more numbers. */
const MAX_SEQ = 64;
const LATE_SIGNALS_MS = 30_000;

export interface DialerOptions {
  readonly sealKey: Bytes;
  readonly self: PeerId;
  readonly ice: () => RTCConfiguration;
  readonly adopt: Adopt;
  /** The connection of this lane never came about. */
  readonly release: (lane: number) => void;
  /** `by`: the member who passed on what this answers. */
  readonly send: (to: PeerId, box: Bytes, by?: PeerId) => void;
  /** Whether a dial from this peer is answered; otherwise it is dropped unanswered. */
  readonly answers: (from: PeerId) => boolean;
  /** A ring, or the answer to one. */
  readonly heard: (from: PeerId, body: BoxBody) => void;
  /** Somebody dialled us and the connection stands. `by`: the member who passed it on; whether it is from who it says is to be proved. */
  readonly answered: (from: PeerId, connection: Connection, by?: PeerId) => void;
  /** Somebody dialled us, and nothing came of it. */
  readonly unanswered: (failure: Failure) => void;
}

/** Who dials us, and who passed it on. */
interface Caller {
  readonly from: PeerId;
  readonly by: PeerId | undefined;
}

interface Open {
  readonly peer: PeerId;
  readonly by: PeerId | undefined;
  readonly dial: Dial;
  /** Being answered and not yet connected: only so many at once. */
  answering: boolean;
  readonly seen: Set<number>;
}

export class Dialer {
  readonly #options: DialerOptions;
  readonly #open = new Map<string, Open>();
  /** How many dials each member passed on of late. */
  readonly #passedOn = new Map<PeerId, number>();

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** Dials a peer. Rejects with Failure `connection-failed`, also when it is aborted, or `no-relay`. */
  dial(peer: PeerId, abort?: AbortSignal): Promise<Connection> {
    const dial = this.#start(peer, randomBytes(16));
    abort?.addEventListener('abort', () => dial.abort());
    return dial.connection;
  }

  /** A box that came for us over the carrier, from whom the carrier says. `by`: the member who passed it on, if one did. */
  handleBox(from: PeerId, box: Bytes, by?: PeerId): void {
    const signal = openSignal(this.#options.sealKey, box);
    if (!signal || toBase64url(signal.to) !== this.#options.self || toBase64url(signal.from) !== from) return;
    const content = decodeBoxBody(signal.body);
    if (!content || signal.seq >= MAX_SEQ) return;
    if (content.kind === 'ring' || content.kind === 'door') {
      // Members have no need to ring.
      if (by === undefined) this.#options.heard(from, content);
      return;
    }
    const open = this.#open.get(toBase64url(signal.dial)) ?? this.#answer({ from, by }, signal.dial, content);
    if (open?.peer !== from || open.seen.has(signal.seq)) return;
    open.seen.add(signal.seq);
    open.dial.handle(content);
  }

  /** Says something that belongs to no dial. */
  say(peer: PeerId, body: BoxBody): void {
    this.#send(peer, randomBytes(16), 0, body);
  }

  close(): void {
    for (const { dial } of this.#open.values()) dial.abort();
  }

  #answer({ from, by }: Caller, id: Bytes, content: DialSignal): Open | undefined {
    // Candidates may overtake their offer on a carrier without order; without the offer there is no dial to keep them for.
    if (content.kind !== 'offer' || !this.#options.answers(from)) return undefined;
    // Whoever passes dials on could have made them up: they count for themselves, and end nobody else's.
    const answering = [...this.#open.values()].filter((open) => open.answering && open.by === by);
    // The same page dialling anew has given up on its earlier dial; and one peer cannot keep the others waiting.
    for (const open of answering) if (open.peer === from) open.dial.abort();
    if (answering.filter((open) => open.peer !== from).length >= MAX_ANSWERING) return undefined;
    if (by !== undefined && !this.#mayPassOn(by)) return undefined;
    this.#start(from, id, { by }).connection.then(
      (connection) => this.#options.answered(from, connection, by),
      (error: unknown) => this.#options.unanswered(Failure.from(error)),
    );
    return this.#open.get(toBase64url(id));
  }

  #mayPassOn(by: PeerId): boolean {
    const passed = this.#passedOn.get(by) ?? 0;
    if (passed === 0) setTimeout(() => this.#passedOn.delete(by), PASSED_ON_MS);
    this.#passedOn.set(by, passed + 1);
    return passed < MAX_PASSED_ON;
  }

  #send(peer: PeerId, dial: Bytes, seq: number, content: BoxBody, by?: PeerId): void {
    const { sealKey, self, send } = this.#options;
    const [from, to] = [fromBase64url(self), fromBase64url(peer)];
    if (!from || !to) throw new Failure('internal', 'not a peer id');
    send(peer, sealSignal(sealKey, { from, to, dial, seq, body: encodeBoxBody(content) }), by);
  }

  /** `answering`: it was begun by the other side. */
  #start(peer: PeerId, id: Bytes, answering?: Pick<Caller, 'by'>): Dial {
    const { ice, adopt } = this.#options;
    const initiator = !answering;
    let seq = 0;
    const dial = new Dial({
      initiator,
      ice: ice(),
      adopt,
      signal: (content) => this.#send(peer, id, seq++, content, answering?.by),
    });
    const key = toBase64url(id);
    const open: Open = { peer, by: answering?.by, dial, answering: !initiator, seen: new Set() };
    const forget = () => this.#open.delete(key);
    this.#open.set(key, open);
    dial.connection.then(
      () => {
        open.answering = false;
        // Late candidates still help a connection to a better path.
        setTimeout(forget, LATE_SIGNALS_MS);
      },
      () => {
        forget();
        this.#options.release(dial.lane);
      },
    );
    return dial;
  }
}
