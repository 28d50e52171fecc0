// The further lanes of a link: connections of their own beside its first, dialled through `lane` messages on the link
// itself. There is no second handshake: a lane is taken only if the certificate at its other end is the link's, and the
// link lives and dies with its first lane.

import { equal, randomBytes, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { KiB, MAX_LANES_PER_LINK } from '../protocol/limits.ts';
import type { MessageOf } from '../protocol/messages.ts';
import type { Connection, Dial, DialOptions } from '../rendezvous/simple-peer.ts';
import { theirCertificate } from './certificate.ts';

const FIRST_PATIENCE = 4;
const MAX_PATIENCE = 64;
const DEFAULT_MESSAGE_BYTES = 64 * KiB;

/** The message size both ends of a connection can take, in bytes. */
export function maxMessageBytes(connection: Connection): number {
  return connection.sctp?.maxMessageSize ?? DEFAULT_MESSAGE_BYTES;
}

/** The part of a dial that lanes use. */
export type LaneDial = Pick<Dial, 'connection' | 'lane' | 'handle' | 'abort'>;

export interface LanesOptions {
  /** Begins to connect a lane. */
  readonly dial: (options: Pick<DialOptions, 'initiator' | 'signal'>) => LaneDial;
  /** SHA-256 of the certificate the link was made with, at the other end. */
  readonly certificate: () => Promise<Bytes>;
  /** Whether the page can have one more. */
  readonly mayAdd: () => boolean;
  readonly send: (message: MessageOf<'lane'>) => void;
  /** The lane is the link's: requests on it are to be answered. */
  readonly open: (lane: number, maxMessageBytes: number) => void;
  /** The other side answers on it too. */
  readonly ask: (lane: number) => void;
  /** The lane is over, or never came about. */
  readonly release: (lane: number) => void;
}

interface Lane {
  readonly dial: LaneDial;
  /** This side wanted it. */
  readonly isOurs: boolean;
  connection: Connection | undefined;
  theyAreReady: boolean;
}

export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, Lane>();
  /** How often `want` is not listened to from now on, and after the next dial in vain. */
  #patience = 0;
  #nextPatience = FIRST_PATIENCE;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** Lanes beside the first, those in the making included. */
  get count(): number {
    return this.#lanes.size;
  }

  /**
   * Dials until the link has `wanted` lanes, its first included; what was dialled for more than that ends. To be asked every
   * second or so: a network that takes no further lane is not asked for one all the time.
   */
  want(wanted: number): void {
    if (this.#patience > 0) this.#patience--;
    else while (this.count + 1 < wanted && this.#hasRoom()) this.#start(toBase64url(randomBytes(16)), true);
    const ours = [...this.#lanes].filter(([, { isOurs }]) => isOurs).reverse();
    for (const [id] of ours.slice(0, Math.max(0, this.count + 1 - wanted))) this.#end(id);
  }

  /** Ends the newest lane, whoever wanted it: somebody else needs the room. */
  giveWay(): void {
    const [newest] = [...this.#lanes.keys()].reverse();
    if (newest !== undefined) this.#end(newest);
  }

  /** A `lane` message of the other side. Throws Failure('protocol'). */
  handle({ dial: id, signal }: MessageOf<'lane'>): void {
    const known = this.#lanes.get(id);
    if (signal.kind === 'ready') {
      if (!known) return;
      known.theyAreReady = true;
      this.#askIfBothAre(known);
      return;
    }
    // What is still on its way for a lane that ended, or more lanes than there may be: dropped.
    const lane = known ?? (signal.kind === 'offer' && this.#hasRoom() ? this.#start(id, false) : undefined);
    lane?.dial.handle(signal);
  }

  /** A lane ended in the worker. */
  closed(lane: number): void {
    for (const [id, { dial }] of this.#lanes) if (dial.lane === lane) this.#end(id);
  }

  /** The link is over. */
  close(): void {
    for (const id of this.#lanes.keys()) this.#end(id);
  }

  #hasRoom(): boolean {
    return this.count + 1 < MAX_LANES_PER_LINK && this.#options.mayAdd();
  }

  #start(id: string, initiator: boolean): Lane {
    const { dial: begin, send } = this.#options;
    const dial = begin({
      initiator,
      signal: (signal) => this.#lanes.has(id) && send({ type: 'lane', dial: id, signal }),
    });
    const failed = () => {
      // One for all that were dialled together.
      if (this.#lanes.get(id) === lane && initiator && this.#patience === 0) {
        this.#patience = this.#nextPatience = Math.min(2 * this.#nextPatience, MAX_PATIENCE);
      }
      this.#end(id);
    };
    const lane: Lane = { dial, isOurs: initiator, connection: undefined, theyAreReady: false };
    this.#lanes.set(id, lane);
    // It may have ended meanwhile: then it is let go here.
    dial.connection.then((connection) => this.#connected(id, lane, connection)).catch(failed);
    return lane;
  }

  async #connected(id: string, lane: Lane, connection: Connection): Promise<void> {
    const { certificate, open, send } = this.#options;
    if (!equal(await theirCertificate(connection), await certificate())) {
      throw new Failure('authentication-failed', 'a lane to somebody else');
    }
    if (this.#lanes.get(id) !== lane) return;
    lane.connection = connection;
    this.#nextPatience = FIRST_PATIENCE;
    connection.onover = () => this.#end(id);
    connection.addEventListener('connectionstatechange', () => {
      // A silent lane would keep the pieces it owes: the others do them sooner.
      if (connection.connectionState === 'disconnected' || connection.connectionState === 'failed') this.#end(id);
    });
    // Nothing is said there: the control channel of the link is its first lane's.
    connection.control.onmessage = () => this.#end(id);
    open(connection.lane, maxMessageBytes(connection));
    send({ type: 'lane', dial: id, signal: { kind: 'ready' } });
    this.#askIfBothAre(lane);
  }

  /** A request that came before the other side answers would be dropped there. */
  #askIfBothAre({ theyAreReady, connection }: Lane): void {
    if (theyAreReady && connection) this.#options.ask(connection.lane);
  }

  #end(id: string): void {
    const lane = this.#lanes.get(id);
    if (!lane) return;
    this.#lanes.delete(id);
    lane.dial.abort();
    this.#options.release(lane.dial.lane);
  }
}
