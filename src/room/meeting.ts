// How two pages of a room come to an authenticated link (docs/protocol.md §4): who rings, who dials whom, and whose key is
// expected at the other end. What comes out is a link to somebody proved, and then the greeting decides.

import { equal, randomBytes, toBase64url, type Bytes } from '../protocol/bytes.ts';
import type { BoxBody } from '../protocol/dial-signal.ts';
import { Failure } from '../protocol/failure.ts';
import { HANDSHAKE_MS, MAX_UNAUTHENTICATED } from '../protocol/limits.ts';
import { Handshake } from '../identity/handshake.ts';
import { hostPin } from '../identity/room-link.ts';
import { authenticate } from '../link/authenticate.ts';
import { ownCertificate, theirCertificate } from '../link/certificate.ts';
import { Link } from '../link/link.ts';
import { sessionOf } from '../link/session.ts';
import type { PeerId } from '../rendezvous/carrier.ts';
import type { Way } from '../rendezvous/in-link.ts';
import type { Connection } from '../rendezvous/simple-peer.ts';
import { Greeting } from './greeting.ts';
import type { Guest, MeetingEvents, MeetingOptions } from './guest.ts';
import { keyBytes } from './membership.ts';

/** A ring unanswered is repeated: the host may have been busy, or came back. */
const RING_AGAIN_MS = 5_000;
/** Two links to one key this close together are two dials that crossed. */
const CROSSING_MS = 5_000;
const REDIAL_MS = 1_000;
/** After so many dials in vain the person is told, and they go on more slowly: a network comes back when it likes. */
const DIALS_BEFORE_TOLD = 3;
/** Whoever answers and is not who is expected is not asked for ever. */
const MAX_REFUSALS = 3;
const REDIAL_SLOWLY_MS = 2_000;
/** Nobody says whether whom only members could reach is there at all. */
const MAX_BLIND_DIALS = 2;
const MAX_BLIND_AT_ONCE = 4;
const GOODBYE_MS = 1_000;

export class Meeting {
  readonly #options: MeetingOptions;
  readonly #events: MeetingEvents;
  /** What is said before and about the let-in. */
  readonly greeting: Greeting;
  readonly #present = new Set<PeerId>();
  /** Links by key; a key has one. */
  readonly #guests = new Map<string, Guest>();
  /** Peer ids that are being dialled or shaken hands with. */
  readonly #meeting = new Set<PeerId>();
  readonly #dials = new Map<PeerId, number>();
  /** Dials under way to somebody whom the carrier did not say is there. */
  readonly #blind = new Map<PeerId, AbortController>();
  /** Dials that ended in anything but no connection. */
  readonly #refusals = new Map<PeerId, number>();
  /** Peers that are to be met anew in a moment. */
  readonly #again = new Map<PeerId, ReturnType<typeof setTimeout>>();
  #unauthenticated = 0;
  /** Turned away: nothing is tried again until the person asks. */
  #resting = false;
  #ringing: ReturnType<typeof setInterval> | undefined;
  #over = false;

  constructor(options: MeetingOptions, events: MeetingEvents) {
    this.#options = options;
    this.#events = events;
    const heard: MeetingEvents = {
      ...events,
      ready: (guest) => {
        this.#dials.delete(guest.peer);
        this.#refusals.delete(guest.peer);
        events.ready(guest);
        // A new way to others.
        for (const peer of this.#absent) this.#dials.delete(peer);
        this.#meetAbsent();
      },
      turnedAway: (code) => {
        this.#resting = true;
        events.turnedAway(code);
      },
    };
    this.greeting = new Greeting(options, heard, this.#guests);
    if (!options.isHost) this.#ringing = setInterval(() => this.#ringAll(), RING_AGAIN_MS);
  }

  guest(key: string): Guest | undefined {
    return this.#guests.get(key);
  }

  get guests(): readonly Guest[] {
    return [...this.#guests.values()];
  }

  /** The links over which others can be reached: the host's first, for everybody has one to them. */
  get ways(): readonly Way[] {
    const host = this.#options.membership.roster?.members[0]?.key;
    return this.guests
      .filter(({ ready }) => ready)
      .sort((a, b) => Number(b.key === host) - Number(a.key === host))
      .map(({ peer, link }) => ({ peer, send: (relayed) => link.send({ type: 'relay', ...relayed }) }));
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
    this.#refusals.delete(peer);
    // It asks where nobody answered: the next one asks the carrier.
    this.#blind.get(peer)?.abort();
    this.#meet(peer);
  }

  left(peer: PeerId): void {
    this.#present.delete(peer);
  }

  /** Tries again after being turned away. */
  knockAgain(): void {
    this.#resting = false;
    this.#dials.clear();
    this.#refusals.clear();
    this.#ringAll();
  }

  /** A ring or its answer. */
  heard(peer: PeerId, body: BoxBody): void {
    const { isHost, doorName, say } = this.#options;
    if (body.kind === 'ring' && isHost) {
      say(peer, { kind: 'door', name: doorName() });
    } else if (body.kind === 'door' && !isHost && !this.#resting && !this.#hasHostLink) {
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

  /** Somebody dialled us, and the connection stands. `by`: a member passed that on. */
  answered(peer: PeerId, connection: Connection, by?: PeerId): void {
    this.#prove(peer, connection, false).catch((error: unknown) => {
      // Somebody answered where a member should be; of strangers who fail nothing is said, nor of what another made up.
      const isMember = this.#options.membership.memberAt(peer) !== undefined;
      if (isMember && by === undefined) this.#events.failed(peer, Failure.from(error));
      // While it lasted, dials of the real one were not answered, and none was made.
      if (isMember) this.#meetAgain(peer);
    });
  }

  /** The roster changed: whoever is no longer in it goes, whoever is new is met. */
  rosterChanged(): void {
    this.greeting.rosterChanged();
    for (const peer of this.#present) this.#meet(peer);
    this.#meetAbsent();
  }

  close(): void {
    this.#over = true;
    clearInterval(this.#ringing);
    for (const timer of this.#again.values()) clearTimeout(timer);
    for (const { link } of this.guests) link.close();
  }

  /** Whether a guest has a link to the host: outside, there is no other it would have kept, however far it has come. */
  get #hasHostLink(): boolean {
    const { membership } = this.#options;
    if (!membership.inside) return this.#guests.size > 0;
    const host = membership.roster?.members[0]?.key;
    return this.guests.some(({ key, ready, knocking }) => (ready && key === host) || knocking);
  }

  #ringAll(): void {
    for (const peer of this.#present) this.#meet(peer);
  }

  /** Members who are not linked and whom the carrier does not say are there. */
  get #absent(): PeerId[] {
    const members = this.#options.membership.roster?.members ?? [];
    return members.flatMap(({ key, peerId }) =>
      this.#present.has(peerId) || this.#guests.has(key) || peerId === this.#options.self ? [] : [peerId],
    );
  }

  /** They may be there all the same: somebody linked with both can pass a dial on. */
  #meetAbsent(): void {
    for (const peer of this.#absent) if (this.#isWorthABlindDial(peer)) this.#meet(peer);
  }

  #isWorthABlindDial(peer: PeerId): boolean {
    const isTried = (this.#dials.get(peer) ?? 0) >= MAX_BLIND_DIALS;
    return !isTried && this.#blind.size < MAX_BLIND_AT_ONCE && this.#options.reaches(peer);
  }

  /** Rings at, or dials, somebody who is there. */
  #meet(peer: PeerId): void {
    const { isHost, membership, say } = this.#options;
    if (this.#over || isHost || this.#resting) return;
    const member = membership.inside ? membership.memberAt(peer) : undefined;
    if (!member) {
      // Only the host answers, and nobody else learns more than that somebody rang.
      if (!this.#hasHostLink) say(peer, { kind: 'ring' });
      return;
    }
    if (this.#isLater(member.key) && !this.#guests.has(member.key)) void this.#dial(peer);
  }

  /** Once, however many reasons there are. */
  #meetAgain(peer: PeerId, afterMs = REDIAL_MS): void {
    if (this.#over || this.#again.has(peer)) return;
    const timer = setTimeout(() => {
      this.#again.delete(peer);
      this.#meet(peer);
    }, afterMs);
    this.#again.set(peer, timer);
  }

  /** Of two members the later in the list dials. */
  #isLater(key: string): boolean {
    const keys = this.#options.membership.roster?.members.map((member) => member.key) ?? [];
    return keys.indexOf(toBase64url(this.#options.key.publicKey)) > keys.indexOf(key);
  }

  async #dial(peer: PeerId): Promise<void> {
    const dials = this.#dials.get(peer) ?? 0;
    if (this.#over || this.#meeting.has(peer) || this.#refusedBy(peer) >= MAX_REFUSALS) return;
    this.#dials.set(peer, dials + 1);
    this.#meeting.add(peer);
    this.#events.changed();
    const abort = new AbortController();
    if (!this.#present.has(peer)) this.#blind.set(peer, abort);
    try {
      const connection = await this.#options.dial(peer, abort.signal);
      this.#blind.delete(peer);
      this.#meeting.delete(peer);
      await this.#prove(peer, connection, true);
    } catch (error) {
      this.#blind.delete(peer);
      this.#meeting.delete(peer);
      this.#dialFailed(peer, Failure.from(error, 'connection-failed'));
    }
  }

  #dialFailed(peer: PeerId, failure: Failure): void {
    if (this.#over) return;
    const dials = this.#dials.get(peer) ?? 0;
    const unconnected = failure.code === 'connection-failed' || failure.code === 'no-relay';
    if (!unconnected) this.#refusals.set(peer, this.#refusedBy(peer) + 1);
    const isPresent = this.#present.has(peer);
    const again = unconnected && (isPresent || this.#isWorthABlindDial(peer));
    if (again) this.#meetAgain(peer, dials < DIALS_BEFORE_TOLD ? REDIAL_MS : REDIAL_SLOWLY_MS);
    // That somebody whom nobody says is there did not answer is no news.
    const isNews = isPresent || !unconnected || !this.#options.reaches(peer);
    if (isNews && (!again || dials === DIALS_BEFORE_TOLD)) this.#events.failed(peer, failure);
    // There is room for somebody else.
    if (!isPresent) this.#meetAbsent();
  }

  #refusedBy(peer: PeerId): number {
    return this.#refusals.get(peer) ?? 0;
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
          message: (message, hash) => this.greeting.handle(guest, message, hash),
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
      this.greeting.begin(guest);
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

  #closed(guest: Guest, failure: Failure | undefined): void {
    // A `bye` still in the buffer needs the connection a moment longer.
    setTimeout(() => guest.connection.close(), failure ? 0 : GOODBYE_MS);
    const current = this.#guests.get(guest.key) === guest;
    if (current) this.#guests.delete(guest.key);
    this.#events.closed(guest, failure);
    if (current && failure) this.#meetAgain(guest.peer);
  }
}
