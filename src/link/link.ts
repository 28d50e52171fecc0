// One link is one peer: the ordered control channel of a connection, carrying checked messages both ways. What arrives is
// decoded, bounded and verified here, so that the layers above only ever see well-formed messages in order.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import {
  KiB,
  MAX_CONTROL_BYTES,
  RELAYED_PER_SECOND,
  SHOWN_MESSAGES_BURST,
  SHOWN_MESSAGES_PER_SECOND,
} from '../protocol/limits.ts';
import {
  decodeSigned,
  decodeUnsigned,
  encodeSigned,
  encodeUnsigned,
  isGreeting,
  isSigned,
  offerHash,
  signedJson,
  type Message,
} from '../protocol/messages.ts';
import { TokenBucket } from './flow.ts';
import type { Session } from './session.ts';

/** The part of a control channel a link uses. */
export interface ControlChannel {
  readonly readyState: string;
  readonly bufferedAmount: number;
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  onclose: ((event: Event) => void) | null;
  send(message: string | Bytes): void;
  close(): void;
}

export interface LinkEvents {
  /** `hash` names an offer in this session; undefined for every other message. */
  message(message: Message, hash: Bytes | undefined): void | Promise<void>;
  /** Once, and then nothing more. `undefined`: ended in good order, by a `bye` or by this side. */
  closed(failure: Failure | undefined): void;
}

const FIRST_SIGNED_TYPE = 0x10;

/** Our own sending keeps clear of the limit the other side enforces. */
const OWN_SHARE = 0.8;
/** While so much waits to be sent nothing is passed on for others: who reads slowly must not pay for what others say. */
const MAX_BUFFERED_TO_RELAY = 256 * KiB;

export class Link {
  readonly session: Session;
  readonly #channel: ControlChannel;
  readonly #events: LinkEvents;
  readonly #now: () => number;
  readonly #shownIn: TokenBucket;
  readonly #shownOut: TokenBucket;
  readonly #relayedIn: TokenBucket;
  readonly #relayedOut: TokenBucket;
  /** Both directions keep their order across the awaits of hashing and signing. */
  #sending: Promise<void> = Promise.resolve();
  #receiving: Promise<void> = Promise.resolve();
  #waiting = 0;
  #open = true;
  #ready = false;

  /** `now`: monotonic milliseconds. `early`: what came before there was a link to take it. */
  constructor(
    channel: ControlChannel,
    session: Session,
    events: LinkEvents,
    now: () => number,
    early: readonly unknown[] = [],
  ) {
    this.session = session;
    this.#channel = channel;
    this.#events = events;
    this.#now = now;
    this.#shownIn = new TokenBucket(SHOWN_MESSAGES_PER_SECOND, SHOWN_MESSAGES_BURST, now());
    this.#shownOut = new TokenBucket(SHOWN_MESSAGES_PER_SECOND * OWN_SHARE, SHOWN_MESSAGES_BURST * OWN_SHARE, now());
    this.#relayedIn = new TokenBucket(RELAYED_PER_SECOND, RELAYED_PER_SECOND, now());
    this.#relayedOut = new TokenBucket(RELAYED_PER_SECOND, RELAYED_PER_SECOND, now());
    channel.onmessage = ({ data }) => this.#enqueue(data);
    channel.onclose = () => this.#end(new Failure('peer-gone', 'channel closed'));
    // When whoever made this link knows it: a fault in what came early ends a link they hold.
    queueMicrotask(() => {
      for (const data of early) this.#enqueue(data);
    });
  }

  get open(): boolean {
    return this.#open;
  }

  /** Both ends are members: from now on everything may be said, not only greetings. */
  ready(): void {
    this.#ready = true;
  }

  /** Sends after everything sent before it. What is sent on a closed link goes nowhere: its end was told. */
  send(message: Message): void {
    this.#sending = this.#sending
      .then(() => this.#send(message))
      .catch((error: unknown) => this.fail(Failure.from(error)));
  }

  /** Ends the link in good order. */
  close(): void {
    this.#transmit(encodeUnsigned({ type: 'bye' }));
    this.#end(undefined);
  }

  /** Says one last thing, after everything sent before it, and ends the link in good order. */
  closeWith(message: Message): void {
    this.send(message);
    void this.#sending.then(() => this.close());
  }

  /** Ends the link because of what was found on it or on one of its lanes. */
  fail(failure: Failure): void {
    this.#end(failure);
  }

  async #send(message: Message): Promise<void> {
    if (message.type === 'relay' && !this.#mayRelay()) return;
    if (isShown(message)) {
      const waitMs = this.#shownOut.waitMs(this.#now());
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      this.#shownOut.take(this.#now());
    }
    if (!isSigned(message)) {
      this.#transmit(encodeUnsigned(message));
      return;
    }
    const json = signedJson(message);
    this.#transmit(encodeSigned(message.type, await this.session.sign(message.type, json), json));
  }

  /** A carrier may lose what it likes: what is too much is lost, and nobody is to blame for others' boxes. */
  #mayRelay(): boolean {
    return this.#channel.bufferedAmount <= MAX_BUFFERED_TO_RELAY && this.#relayedOut.take(this.#now());
  }

  #transmit(wire: string | Bytes): void {
    if (!this.#open || this.#channel.readyState !== 'open') return;
    this.#channel.send(wire);
  }

  #enqueue(data: unknown): void {
    const size = typeof data === 'string' ? data.length : data instanceof ArrayBuffer ? data.byteLength : Infinity;
    // One message can wait for a hash; a thousand waiting ones are an attack on memory.
    if (size > MAX_CONTROL_BYTES || this.#waiting >= 1_000) {
      this.fail(new Failure('protocol', 'message too long or too many'));
      return;
    }
    this.#waiting++;
    this.#receiving = this.#receiving
      .then(() => this.#receive(data))
      .catch((error: unknown) => this.fail(Failure.from(error)))
      .finally(() => this.#waiting--);
  }

  async #receive(data: unknown): Promise<void> {
    if (!this.#open) return;
    if (typeof data === 'string') {
      await this.#deliver(decodeUnsigned(data), undefined);
    } else if (data instanceof ArrayBuffer) {
      // Types below 16 are the handshake's, which is over.
      if ((new Uint8Array(data)[0] ?? FIRST_SIGNED_TYPE) < FIRST_SIGNED_TYPE)
        throw new Failure('authentication-failed');
      const { message, signature, json } = decodeSigned(new Uint8Array(data));
      if (!this.session.verify(message.type, json, signature)) throw new Failure('protocol', 'signature');
      await this.#deliver(message, message.type === 'offer' ? await offerHash(this.session.th, json) : undefined);
    }
  }

  async #deliver(message: Message, hash: Bytes | undefined): Promise<void> {
    if (!this.#open) return;
    if (message.type === 'bye') {
      this.#end(undefined);
      return;
    }
    if (!this.#ready && !isGreeting(message)) throw new Failure('protocol', `${message.type} before the let-in`);
    if (isShown(message) && !this.#shownIn.take(this.#now())) throw new Failure('protocol', 'too many offers a second');
    if (message.type === 'relay' && !this.#relayedIn.take(this.#now())) return;
    // A greeting may take a while to check, and what follows it depends on it.
    await this.#events.message(message, hash);
  }

  #end(failure: Failure | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    this.#channel.onmessage = null;
    this.#channel.onclose = null;
    this.#events.closed(failure);
  }
}

/** Messages a person will see, and which are therefore limited. */
function isShown(message: Message): boolean {
  return message.type === 'offer' || message.type === 'withdraw' || message.type === 'knock';
}
