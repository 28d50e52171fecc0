// What is said on a link between the handshake and the let-in (docs/protocol.md §4): hello, roster, knock, admit and
// turned-away. Until both ends are members of the room nothing else is, and afterwards rosters go on being passed.

import { equal, fromBase64url, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import { KNOCK_PAUSE_MS, MAX_PENDING_KNOCKS } from '../protocol/limits.ts';
import type { Message, MessageOf } from '../protocol/messages.ts';
import { hostPin } from '../identity/room-link.ts';
import type { PeerId } from '../rendezvous/carrier.ts';
import type { Guest, MeetingEvents, MeetingOptions } from './guest.ts';
import { keyBytes } from './membership.ts';

const turnedAwayFailure = {
  declined: 'turned-away',
  removed: 'removed',
  locked: 'room-locked',
  expired: 'room-expired',
  busy: 'room-busy',
} as const satisfies Record<MessageOf<'turned-away'>['code'], FailureCode>;

export class Greeting {
  readonly #options: MeetingOptions;
  readonly #events: MeetingEvents;
  /** Links by key, as the meeting keeps them. */
  readonly #guests: ReadonlyMap<string, Guest>;
  /** When a knock of theirs was last turned away. */
  readonly #refusedAt = new Map<PeerId, number>();

  constructor(options: MeetingOptions, events: MeetingEvents, guests: ReadonlyMap<string, Guest>) {
    this.#options = options;
    this.#events = events;
    this.#guests = guests;
  }

  /** The first word on a link. */
  begin({ link }: Guest): void {
    link.send({ type: 'hello', rosterRev: this.#options.membership.rev });
  }

  /** A message on a link that was proved: a greeting, or something for members. */
  async handle(guest: Guest, message: Message, hash: Bytes | undefined): Promise<void> {
    if (this.#guests.get(guest.key) !== guest) return;
    switch (message.type) {
      case 'hello':
        return this.#hello(guest, message.rosterRev);
      case 'roster':
        return this.#roster(guest, message.signed);
      case 'knock':
        this.#knock(guest, message);
        return;
      case 'admit':
        return this.#admitted(guest);
      case 'turned-away':
        return this.#turnedAway(guest, message.code);
      default:
        await this.#events.message(guest, message, hash);
    }
  }

  /** The roster changed: who is in it hears of it, who is no longer goes. */
  rosterChanged(): void {
    for (const guest of [...this.#guests.values()]) {
      if (!guest.ready) continue;
      if (this.#options.membership.member(guest.key)) this.#sendRoster(guest);
      else this.#takeOut(guest);
    }
  }

  /** The person let somebody in. */
  async letIn(key: string, locks = false): Promise<void> {
    const guest = this.#guests.get(key);
    if (!guest?.knocking) return;
    guest.knocking = false;
    try {
      await this.#options.membership.admit({ key, name: guest.name, peerId: guest.peer }, locks);
    } catch (error) {
      this.turnAway(key, 'busy');
      throw error;
    }
    this.#admit(guest);
  }

  turnAway(key: string, code: MessageOf<'turned-away'>['code'] = 'declined'): void {
    const guest = this.#guests.get(key);
    if (!guest || guest.ready) return;
    if (guest.knocking) this.#refusedAt.set(guest.peer, this.#options.now());
    guest.knocking = false;
    guest.link.closeWith({ type: 'turned-away', code });
  }

  /** Nothing more to do with this key. */
  cutOff(key: string): void {
    const guest = this.#guests.get(key);
    if (guest) this.#takeOut(guest);
  }

  #takeOut(guest: Guest): void {
    if (this.#options.isHost) guest.link.closeWith({ type: 'turned-away', code: 'removed' });
    else guest.link.close();
  }

  async #hello(guest: Guest, theirRev: number): Promise<void> {
    if (guest.theirRev !== undefined) throw new Failure('protocol', 'hello twice');
    guest.theirRev = theirRev;
    const { isHost, membership } = this.#options;
    if (isHost) {
      const member = membership.member(guest.key);
      if (member) {
        if (member.peerId !== guest.peer) await membership.admit({ ...member, peerId: guest.peer });
        this.#admit(guest);
      } else if (theirRev > 0) {
        // It was one, and does not know yet that it is none any more: who knows has forgotten the roster.
        this.turnAway(guest.key, 'removed');
      }
      return;
    }
    if (theirRev < membership.rev) this.#sendRoster(guest);
    if (await this.#isHostKey(guest)) {
      // Whoever is a member will be told so. Anybody else asks.
      if (!membership.inside) this.#sendKnock(guest);
    } else if (theirRev <= membership.rev) {
      this.#readyIfMember(guest);
    }
  }

  async #isHostKey(guest: Guest): Promise<boolean> {
    return equal(await hostPin(keyBytes(guest.key)), this.#options.pin);
  }

  #sendKnock(guest: Guest): void {
    guest.knocking = true;
    guest.link.send({ type: 'knock', name: this.#options.name(), peerId: this.#options.self });
    this.#events.changed();
  }

  /** A roster somebody shows: taken for what its signature says, whoever shows it. */
  async #roster(guest: Guest, signed: string): Promise<void> {
    const { membership, key } = this.#options;
    try {
      const taken = await membership.take(fromBase64url(signed) ?? new Uint8Array());
      guest.theirRev = Math.max(guest.theirRev ?? 0, membership.rev);
      if (taken === 'newer' && !membership.member(toBase64url(key.publicKey))) {
        this.#leftOut('removed');
        return;
      }
    } catch (error) {
      const failure = Failure.from(error);
      if (failure.code === 'roster-conflict') this.#events.conflict();
      throw failure;
    }
    if (!guest.ready && !this.#options.isHost && !(await this.#isHostKey(guest))) this.#readyIfMember(guest);
  }

  /** Only to somebody who is in it, and who has an older one. */
  #sendRoster(guest: Guest): void {
    const { membership } = this.#options;
    const { signed, rev } = membership;
    if (!signed || (guest.theirRev ?? 0) >= rev || !membership.member(guest.key)) return;
    guest.theirRev = rev;
    guest.link.send({ type: 'roster', signed: toBase64url(signed) });
  }

  #readyIfMember(guest: Guest): void {
    const { membership } = this.#options;
    if (membership.inside && membership.member(guest.key)) this.#ready(guest);
    else guest.link.fail(new Failure('authentication-failed', 'not a member'));
  }

  #knock(guest: Guest, { name, peerId }: MessageOf<'knock'>): void {
    const { isHost, membership, now } = this.#options;
    if (!isHost || guest.theirRev === undefined) throw new Failure('protocol', 'a knock out of place');
    // Admitted by its key: it could not know.
    if (membership.member(guest.key)) return;
    if (guest.knocking || peerId !== guest.peer) throw new Failure('protocol', 'a knock for somebody else');
    const waiting = [...this.#guests.values()].filter(({ knocking }) => knocking).length;
    // A page reloaded while it waits just knocks again; asking and asking after a no is what a person is spared.
    const refused = this.#refusedAt.get(guest.peer) ?? -Infinity;
    if (membership.expired) this.turnAway(guest.key, 'expired');
    else if (membership.roster?.locked) this.turnAway(guest.key, 'locked');
    else if (waiting >= MAX_PENDING_KNOCKS || now() - refused < KNOCK_PAUSE_MS) this.turnAway(guest.key, 'busy');
    else {
      Object.assign(guest, { name, knocking: true });
      this.#events.knocked(guest);
    }
  }

  /** The host's side of a let-in: the roster first, then the word. */
  #admit(guest: Guest): void {
    this.#sendRoster(guest);
    guest.link.send({ type: 'admit' });
    this.#ready(guest);
  }

  async #admitted(guest: Guest): Promise<void> {
    const { membership } = this.#options;
    const isHostKey = await this.#isHostKey(guest);
    if (guest.ready || !isHostKey || !membership.inside) throw new Failure('protocol', 'an admit out of place');
    guest.knocking = false;
    this.#ready(guest);
  }

  async #turnedAway(guest: Guest, code: MessageOf<'turned-away'>['code']): Promise<void> {
    if (!(await this.#isHostKey(guest))) throw new Failure('protocol', 'turned away by nobody');
    guest.knocking = false;
    this.#leftOut(turnedAwayFailure[code]);
  }

  /** Not, or no longer, in the room: nothing is kept of it, and nothing is tried until the person asks again. */
  #leftOut(code: FailureCode): void {
    this.#options.membership.forget();
    // Said first: that everybody else is gone too is no news then.
    this.#events.turnedAway(code);
    for (const { link } of [...this.#guests.values()]) link.close();
  }

  #ready(guest: Guest): void {
    // It may have gone while the roster was signed.
    if (!guest.link.open || this.#guests.get(guest.key) !== guest) return;
    guest.ready = true;
    guest.link.ready();
    this.#events.ready(guest);
  }
}
