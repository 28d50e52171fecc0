// How two pages of a room come to an authenticated link (docs/protocol.md §4): who rings, who dials whom, whose key is
// expected at the other end, and the greeting that follows the handshake. What comes out is a link to a member; what does
// not get that far has been shown nothing.

import { equal, randomBytes, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import { HANDSHAKE_MS, KNOCK_PAUSE_MS, MAX_PENDING_KNOCKS, MAX_UNAUTHENTICATED } from '../protocol/limits.ts';
import type { Message, MessageOf } from '../protocol/messages.ts';
import { Handshake } from '../identity/handshake.ts';
import type { OwnKey } from '../identity/keys.ts';
import { hostPin } from '../identity/room-link.ts';
import { authenticate } from '../link/authenticate.ts';
import { ownCertificate, theirCertificate } from '../link/certificate.ts';
import { Link } from '../link/link.ts';
import { sessionOf } from '../link/session.ts';
import type { PeerId } from '../rendezvous/carrier.ts';
import type { Connection } from '../rendezvous/simple-peer.ts';
import type { BoxBody } from '../protocol/dial-signal.ts';
import { keyBytes, type Membership } from './membership.ts';

/** Somebody proved, at the other end of a link of their own. */
export interface Guest {
  /** base64url of their public key. */
  readonly key: string;
  readonly peer: PeerId;
  readonly th: Bytes;
  readonly link: Link;
  readonly connection: Connection;
  /** Base64url of the key of the side that dialled. */
  readonly dialledBy: string;
  readonly since: number;
  /** What they call themselves, once they knocked. */
  name: string;
  /** Waiting to be let in. */
  knocking: boolean;
  ready: boolean;
  theirRev: number | undefined;
}

export interface MeetingOptions {
  readonly isHost: boolean;
  readonly self: PeerId;
  readonly name: () => string;
  /** What the host shows to whoever rings; may be empty. */
  readonly doorName: () => string;
  readonly key: OwnKey;
  readonly pin: Bytes;
  readonly roomId: Bytes;
  readonly bindKey: Bytes;
  readonly certificate: RTCCertificate;
  readonly membership: Membership;
  readonly isBlocked: (key: string) => boolean;
  readonly now: () => number;
  readonly dial: (peer: PeerId) => Promise<Connection>;
  readonly say: (peer: PeerId, body: BoxBody) => void;
}

export interface MeetingEvents {
  /** A member's link stands. */
  ready(guest: Guest): void;
  /** Somebody asks to be let in. */
  knocked(guest: Guest): void;
  /** What the name on the door is: the word of whoever answered the ring. */
  door(name: string): void;
  turnedAway(code: FailureCode): void;
  /** A message of a member. */
  message(guest: Guest, message: Message, hash: Bytes | undefined): void | Promise<void>;
  /** A link that stood, or knocked, is over. */
  closed(guest: Guest, failure: Failure | undefined): void;
  /** A dial or handshake of ours came to nothing. */
  failed(peer: PeerId, failure: Failure): void;
  conflict(): void;
  changed(): void;
}

/** A ring unanswered is repeated: the host may have been busy, or came back. */
const RING_AGAIN_MS = 5_000;
/** Two links to one key this close together are two dials that crossed. */
const CROSSING_MS = 5_000;
const REDIAL_MS = 1_000;
const MAX_DIALS = 3;
const GOODBYE_MS = 1_000;

const turnedAwayFailure = {
  declined: 'turned-away',
  removed: 'removed',
  locked: 'room-locked',
  expired: 'room-expired',
  busy: 'room-busy',
} as const satisfies Record<MessageOf<'turned-away'>['code'], FailureCode>;

export class Meeting {
  readonly #options: MeetingOptions;
  readonly #events: MeetingEvents;
  readonly #present = new Set<PeerId>();
  /** Links by key; a key has one. */
  readonly #guests = new Map<string, Guest>();
  /** Peer ids that are being dialled or shaken hands with. */
  readonly #meeting = new Set<PeerId>();
  readonly #dials = new Map<PeerId, number>();
  /** Peers that are to be met anew in a moment. */
  readonly #again = new Map<PeerId, ReturnType<typeof setTimeout>>();
  readonly #knockedAt = new Map<PeerId, number>();
  #unauthenticated = 0;
  /** Turned away: nothing is tried again until the person asks. */
  #resting = false;
  #ringing: ReturnType<typeof setInterval> | undefined;
  #over = false;

  constructor(options: MeetingOptions, events: MeetingEvents) {
    this.#options = options;
    this.#events = events;
    if (!options.isHost) this.#ringing = setInterval(() => this.#ringAll(), RING_AGAIN_MS);
  }

  guest(key: string): Guest | undefined {
    return this.#guests.get(key);
  }

  get guests(): readonly Guest[] {
    return [...this.#guests.values()];
  }

  isPresent(peer: PeerId): boolean {
    return this.#present.has(peer);
  }

  /** Who the carrier says is there. */
  presence(peers: readonly PeerId[]): void {
    this.#present.clear();
    for (const peer of peers) this.arrived(peer);
  }

  arrived(peer: PeerId): void {
    this.#present.add(peer);
    this.#dials.delete(peer);
    this.#meet(peer);
  }

  left(peer: PeerId): void {
    this.#present.delete(peer);
  }

  /** Tries again after being turned away. */
  knockAgain(): void {
    this.#resting = false;
    this.#dials.clear();
    this.#ringAll();
  }

  /** A ring or its answer. */
  heard(peer: PeerId, body: BoxBody): void {
    const { isHost, doorName, say } = this.#options;
    if (body.kind === 'ring' && isHost) {
      say(peer, { kind: 'door', name: doorName() });
    } else if (body.kind === 'door' && !isHost && !this.#resting && !this.#hostLink) {
      this.#events.door(body.name);
      void this.#dial(peer);
    }
  }

  /** Whether a dial of this peer is answered at all. */
  answers(peer: PeerId): boolean {
    const { isHost, membership } = this.#options;
    if (this.#over || this.#meeting.has(peer)) return false;
    return isHost ? this.#unauthenticated < MAX_UNAUTHENTICATED : membership.inside && !!membership.memberAt(peer);
  }

  /** Somebody dialled us, and the connection stands. */
  answered(peer: PeerId, connection: Connection): void {
    this.#prove(peer, connection, false).catch((error: unknown) => {
      // Somebody answered where a member should be; of strangers who fail nothing is said.
      if (this.#options.membership.memberAt(peer)) this.#events.failed(peer, Failure.from(error));
    });
  }

  /** The roster changed: whoever is no longer in it goes, whoever is new is met. */
  rosterChanged(): void {
    const { membership } = this.#options;
    for (const guest of this.guests) {
      if (!guest.ready) continue;
      if (membership.member(guest.key)) this.#sendRoster(guest);
      else this.#takeOut(guest);
    }
    for (const peer of this.#present) this.#meet(peer);
  }

  #takeOut(guest: Guest): void {
    if (this.#options.isHost) guest.link.closeWith({ type: 'turned-away', code: 'removed' });
    else guest.link.close();
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
    guest.knocking = false;
    guest.link.closeWith({ type: 'turned-away', code });
  }

  /** Nothing more to do with this key. */
  cutOff(key: string): void {
    const guest = this.#guests.get(key);
    if (guest) this.#takeOut(guest);
  }

  close(): void {
    this.#over = true;
    clearInterval(this.#ringing);
    for (const timer of this.#again.values()) clearTimeout(timer);
    for (const { link } of this.guests) link.close();
  }

  get #hostLink(): Guest | undefined {
    const host = this.#options.membership.roster?.members[0]?.key;
    return this.guests.find(({ key, ready, knocking }) => (ready && key === host) || knocking);
  }

  #ringAll(): void {
    for (const peer of this.#present) this.#meet(peer);
  }

  /** Rings at, or dials, somebody who is there. */
  #meet(peer: PeerId): void {
    const { isHost, membership, say } = this.#options;
    if (this.#over || isHost || this.#resting) return;
    const member = membership.inside ? membership.memberAt(peer) : undefined;
    if (!member) {
      // Only the host answers, and nobody else learns more than that somebody rang.
      if (!this.#hostLink) say(peer, { kind: 'ring' });
      return;
    }
    if (this.#isLater(member.key) && !this.#guests.has(member.key)) void this.#dial(peer);
  }

  /** Once, however many reasons there are. */
  #meetAgain(peer: PeerId): void {
    if (this.#over || this.#again.has(peer)) return;
    const timer = setTimeout(() => {
      this.#again.delete(peer);
      this.#meet(peer);
    }, REDIAL_MS);
    this.#again.set(peer, timer);
  }

  /** Of two members the later in the list dials. */
  #isLater(key: string): boolean {
    const keys = this.#options.membership.roster?.members.map((member) => member.key) ?? [];
    return keys.indexOf(toBase64url(this.#options.key.publicKey)) > keys.indexOf(key);
  }

  async #dial(peer: PeerId): Promise<void> {
    const dials = this.#dials.get(peer) ?? 0;
    if (this.#over || this.#meeting.has(peer) || dials >= MAX_DIALS) return;
    this.#dials.set(peer, dials + 1);
    this.#meeting.add(peer);
    this.#events.changed();
    try {
      const connection = await this.#options.dial(peer);
      this.#meeting.delete(peer);
      await this.#prove(peer, connection, true);
    } catch (error) {
      this.#meeting.delete(peer);
      this.#dialFailed(peer, Failure.from(error, 'connection-failed'));
    }
  }

  #dialFailed(peer: PeerId, failure: Failure): void {
    if (this.#over) return;
    const again = failure.code === 'connection-failed' && (this.#dials.get(peer) ?? 0) < MAX_DIALS;
    if (again && this.#present.has(peer)) this.#meetAgain(peer);
    else this.#events.failed(peer, failure);
  }

  /** From a connection to a link whose other end has proved its key. Rejects with Failure('authentication-failed'). */
  async #prove(peer: PeerId, connection: Connection, initiator: boolean): Promise<void> {
    const { key, roomId, bindKey, certificate, isBlocked, now } = this.#options;
    const expected = this.#expectation(peer, initiator);
    this.#meeting.add(peer);
    this.#unauthenticated++;
    try {
      const handshake = theirCertificate(connection).then(
        (theirs) =>
          new Handshake({
            ...{ initiator, roomId, bindKey, key, nonce: randomBytes(32) },
            ownCertificate: ownCertificate(certificate),
            theirCertificate: theirs,
            isExpected: expected,
            isBlocked: (blocked) => isBlocked(toBase64url(blocked)),
          }),
      );
      const proved = await authenticate(connection.control, handshake, initiator);
      const theirKey = toBase64url(proved.theirKey);
      const dialledBy = initiator ? toBase64url(key.publicKey) : theirKey;
      if (this.#over || this.#crossed(theirKey, dialledBy)) {
        connection.close();
        return;
      }
      const link: Link = new Link(
        connection.control,
        sessionOf(proved, key),
        {
          message: (message, hash) => this.#handle(guest, message, hash),
          closed: (failure) => this.#closed(guest, failure),
        },
        now,
        proved.early,
      );
      const { th } = proved;
      const guest: Guest = {
        ...{ key: theirKey, peer, th, link, connection, dialledBy, since: now() },
        ...{ name: '', knocking: false, ready: false, theirRev: undefined },
      };
      this.#replace(guest);
      this.#watch(guest);
      link.send({ type: 'hello', rosterRev: this.#options.membership.rev });
      // Proved and silent is no way to hold a connection: whoever comes in knocks.
      setTimeout(() => {
        if (!guest.ready && !guest.knocking) link.close();
      }, HANDSHAKE_MS);
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      this.#meeting.delete(peer);
      this.#unauthenticated--;
    }
  }

  /** Whose key is wanted at the other end: the pin's, the roster's for this peer id, or, at the host's, anybody's. */
  #expectation(peer: PeerId, initiator: boolean): (key: Bytes) => Promise<boolean> {
    const { isHost, membership, pin } = this.#options;
    const member = membership.memberAt(peer);
    if (member) return (key) => Promise.resolve(equal(key, keyBytes(member.key)));
    if (isHost) return () => Promise.resolve(!initiator);
    return async (key) => equal(await hostPin(key), pin);
  }

  /** Both dialled at once: both keep the link that the lower key dialled. */
  #crossed(key: string, dialledBy: string): boolean {
    const before = this.#guests.get(key);
    if (!before?.link.open || this.#options.now() - before.since >= CROSSING_MS) return false;
    return before.dialledBy < dialledBy;
  }

  /** The same key again: nobody dials who has a link, so the newer one is the one both have. */
  #replace(guest: Guest): void {
    const before = this.#guests.get(guest.key);
    this.#guests.set(guest.key, guest);
    before?.link.close();
  }

  /** The browser's word on a connection: over, or not. */
  #watch({ link, connection }: Guest): void {
    connection.addEventListener('connectionstatechange', () => {
      const { connectionState } = connection;
      if (connectionState === 'failed' || connectionState === 'closed') {
        link.fail(new Failure('peer-gone', connectionState));
      }
      this.#events.changed();
    });
    connection.onover = () => link.fail(new Failure('peer-gone', 'connection closed'));
  }

  async #handle(guest: Guest, message: Message, hash: Bytes | undefined): Promise<void> {
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
      const taken = await membership.take(keyBytes(signed));
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
    const waiting = this.guests.filter(({ knocking }) => knocking).length;
    const last = this.#knockedAt.get(guest.peer) ?? -Infinity;
    if (membership.expired) this.turnAway(guest.key, 'expired');
    else if (membership.roster?.locked) this.turnAway(guest.key, 'locked');
    else if (waiting >= MAX_PENDING_KNOCKS || now() - last < KNOCK_PAUSE_MS) this.turnAway(guest.key, 'busy');
    else {
      this.#knockedAt.set(guest.peer, now());
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
    this.#resting = true;
    this.#options.membership.forget();
    // Said first: that everybody else is gone too is no news then.
    this.#events.turnedAway(code);
    for (const { link } of this.guests) link.close();
  }

  #ready(guest: Guest): void {
    // It may have gone while the roster was signed.
    if (!guest.link.open || this.#guests.get(guest.key) !== guest) return;
    this.#dials.delete(guest.peer);
    guest.ready = true;
    guest.link.ready();
    this.#events.ready(guest);
  }

  #closed(guest: Guest, failure: Failure | undefined): void {
    // A `bye` still in the buffer needs the connection a moment longer.
    setTimeout(() => guest.connection.close(), failure ? 0 : GOODBYE_MS);
    const current = this.#guests.get(guest.key) === guest;
    if (current) this.#guests.delete(guest.key);
    this.#events.closed(guest, failure);
    if (current && failure) this.#meetAgain(guest.peer);
  }
}
