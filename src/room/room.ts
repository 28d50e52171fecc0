// The conductor of a room: who is here, a link to each of them, what is offered both ways. No DOM: it is given the
// carrier, the dialer and the engine, and tells its owner when something changed.
//
// Until links are authenticated, whoever has the room link is let in, and the page says so.

import { deriveRoomKeys, formatFragment, type RoomLink } from '../identity/room-link.ts';
import { theirCertificate } from '../link/certificate.ts';
import { Lanes, maxMessageBytes, type LaneDial } from '../link/lanes.ts';
import { Link } from '../link/link.ts';
import { pathOf, type Path } from '../link/path.ts';
import { unauthenticatedSession } from '../link/session.ts';
import { toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import { MAX_LANES_PER_PAGE, MiB } from '../protocol/limits.ts';
import type { Message } from '../protocol/messages.ts';
import type { Seat } from '../rendezvous/signaling-server.ts';
import type { Carrier, CarrierEvents, PeerId } from '../rendezvous/carrier.ts';
import type { DialerOptions } from '../rendezvous/dialer.ts';
import type { Connection, DialOptions } from '../rendezvous/simple-peer.ts';
import type { Engine } from '../transfer/client.ts';
import type { PersonChannel } from './channel.ts';
import { IncomingFiles, type IncomingView } from './incoming.ts';
import { nickname } from './nickname.ts';
import { OutgoingFiles, type OutgoingView, type PickedFile } from './outgoing.ts';

export type RoomState = 'opening' | 'waiting' | 'inside' | 'closed' | 'failed';
export type PersonState = 'connecting' | 'ready' | 'interrupted' | 'gone';

export interface PersonView {
  readonly peer: PeerId;
  readonly label: string;
  readonly state: PersonState;
  readonly trust: 'new';
  readonly path: Path;
  /** My files they were never offered, because they came later: to be asked about. */
  readonly unseen: number;
}

export interface RoomView {
  readonly state: RoomState;
  /** What the others see me as. */
  readonly me: string;
  readonly role: 'host' | 'guest';
  readonly fragment: string;
  readonly people: readonly PersonView[];
  readonly outgoing: readonly OutgoingView[];
  readonly incoming: readonly IncomingView[];
}

/** Something a person should be told. `about` names who or what it concerns; empty when it is the room. */
export interface Told {
  readonly code: FailureCode;
  readonly about: string;
}

interface Dialing {
  dial(peer: PeerId): Promise<Connection>;
  handleBox(from: PeerId, box: Bytes): void;
  close(): void;
}

/** The world outside the room. */
export interface Surroundings {
  readonly engine: Engine;
  readonly ice: () => RTCConfiguration;
  newCertificate(): Promise<RTCCertificate>;
  openCarrier(seat: Seat, events: CarrierEvents): Carrier;
  openDialer(options: DialerOptions): Dialing;
  dialLane(options: DialOptions): LaneDial;
  /** Monotonic milliseconds. */
  now(): number;
  changed(): void;
  tell(told: Told): void;
  /** A failure told of before no longer holds. */
  untell(code: FailureCode, about?: string): void;
}

interface Person {
  readonly peer: PeerId;
  state: PersonState;
  path: Path;
  link: Link | undefined;
  lanes: Lanes | undefined;
  connection: Connection | undefined;
  channel: PersonChannel | undefined;
  dials: number;
  /** Who dialled the link there is, and when it came about. */
  dialledBy: PeerId;
  linkedAt: number;
}

/** A broken link is tried again after this. */
const REDIAL_MS = 1_000;
const MAX_DIALS = 3;
/** Two links to one person this close together are two dials that crossed. */
const CROSSING_MS = 5_000;
/** People who left and are still listed. */
const MAX_GONE = 16;
/** Speeds are worth a look this often while nothing is reported. */
const TICK_MS = 1_000;
const GOODBYE_MS = 1_000;
const BLOCK_MS = 10 * 60 * 1000;
/** With so much to come, a second lane is worth its dial (docs/decisions.md). */
const SECOND_LANE_BYTES = 16 * MiB;
const LANES_FOR_MUCH = 2;

export class Room {
  readonly role: 'host' | 'guest';
  readonly #outside: Surroundings;
  readonly #self: Pick<Seat, 'peer' | 'token'>;
  readonly #outgoing: OutgoingFiles;
  readonly #incoming: IncomingFiles;
  readonly #people = new Map<PeerId, Person>();
  /** Who the carrier says is there. */
  readonly #present = new Set<PeerId>();
  readonly #blockedUntil = new Map<PeerId, number>();
  readonly #adopt = (channel: RTCDataChannel) => this.#outside.engine.adopt(channel);
  #ice: () => RTCConfiguration = () => ({});
  #fragment = '';
  #state: RoomState = 'opening';
  #carrier: Carrier | undefined;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #dialer: Dialing | undefined;

  constructor(role: 'host' | 'guest', self: Pick<Seat, 'peer' | 'token'>, outside: Surroundings) {
    this.role = role;
    this.#self = self;
    this.#outside = outside;
    this.#outgoing = new OutgoingFiles(outside.engine, () => outside.now());
    this.#incoming = new IncomingFiles(
      outside.engine,
      () => outside.now(),
      () => this.#changed(),
    );
    this.#listenToEngine();
    if (outside.engine.staging) this.#stagingKnown(outside.engine.staging);
    if (outside.engine.lost) this.#engineLost();
  }

  /** Joins. Rejects only if the browser has no cryptography. */
  async open(link: RoomLink): Promise<void> {
    const keys = await deriveRoomKeys(link);
    const certificates = [await this.#outside.newCertificate()];
    this.#fragment = await formatFragment(link);
    this.#ice = () => ({ ...this.#outside.ice(), certificates });
    // Left while the keys were made: nothing of this room may begin.
    if (this.#over) return;
    this.#dialer = this.#outside.openDialer({
      sealKey: keys.seal,
      self: this.#self.peer,
      ice: this.#ice,
      adopt: this.#adopt,
      release: (lane) => this.#outside.engine.close(lane),
      send: (to, box) => this.#carrier?.send(to, box),
      answered: (from, connection) => this.#connected(from, connection, from),
    });
    this.#ticking = setInterval(() => {
      if (this.#incoming.moving || this.#outgoing.moving) this.#changed();
    }, TICK_MS);
    this.#carrier = this.#outside.openCarrier({ room: toBase64url(keys.roomId), ...this.#self }, this.#carrierEvents());
    this.#changed();
  }

  /** Leaves in good order: everyone is told, nothing is kept. */
  close(): void {
    if (this.#over) return;
    this.#state = 'closed';
    clearInterval(this.#ticking);
    this.#carrier?.close();
    for (const person of this.#people.values()) person.link?.close();
    this.#dialer?.close();
    this.#incoming.close();
    this.#changed();
  }

  get #over(): boolean {
    return this.#state === 'closed' || this.#state === 'failed';
  }

  view(): RoomView {
    return {
      state: this.#state,
      me: nickname(this.#self.peer),
      role: this.role,
      fragment: this.#fragment,
      people: [...this.#people.values()].map(({ peer, state, path }) => ({
        peer,
        label: nickname(peer),
        state,
        trust: 'new',
        path,
        unseen: state === 'ready' ? this.#outgoing.unseenBy(peer) : 0,
      })),
      outgoing: this.#outgoing.view(),
      incoming: this.#incoming.view(),
    };
  }

  /** Offers files to everyone who is here now; what the host offers goes to whoever is let in later too. Throws Failure. */
  offer(files: readonly PickedFile[]): void {
    this.#outgoing.add(files);
    for (const person of this.#people.values()) {
      if (person.state === 'ready') void this.#outgoing.offerTo(person.peer);
    }
    this.#changed();
  }

  /** Offers one person what they have not seen. */
  offerTo(peer: PeerId): void {
    void this.#outgoing.offerTo(peer).then(() => this.#changed());
  }

  withdraw(id: string): void {
    this.#act(() => this.#outgoing.withdraw(id));
  }

  accept(ids: readonly string[]): void {
    this.#act(() => this.#incoming.accept(ids));
    for (const { peer, lanes } of this.#people.values()) {
      if (this.#incoming.bytesToCome(peer) >= SECOND_LANE_BYTES) lanes?.want(LANES_FOR_MUCH);
    }
  }

  decline(id: string): void {
    this.#act(() => this.#incoming.decline(id));
  }

  undoDecline(id: string): void {
    this.#act(() => this.#incoming.undoDecline(id));
  }

  pause(id: string): void {
    this.#act(() => this.#incoming.pause(id));
  }

  resume(id: string): void {
    this.#act(() => this.#incoming.resume(id));
  }

  cancel(id: string): void {
    this.#act(() => this.#incoming.cancel(id));
  }

  staged(ids: readonly string[]): ReturnType<IncomingFiles['staged']> {
    return this.#incoming.staged(ids);
  }

  markSaved(ids: readonly string[]): void {
    this.#act(() => ids.forEach((id) => this.#incoming.markSaved(id)));
  }

  #act(action: () => void): void {
    action();
    this.#changed();
  }

  #changed(): void {
    if (this.#state === 'waiting' || this.#state === 'inside') {
      const linked = [...this.#people.values()].some(({ state }) => state === 'ready' || state === 'interrupted');
      this.#state = linked ? 'inside' : 'waiting';
    }
    this.#outside.changed();
  }

  #carrierEvents(): CarrierEvents {
    return {
      joined: (present) => {
        this.#outside.untell('no-signaling');
        if (this.#state === 'opening') this.#state = 'waiting';
        this.#present.clear();
        for (const peer of present) {
          this.#present.add(peer);
          // Whoever comes later dials.
          if (!this.#people.get(peer)?.link?.open) void this.#dial(peer);
        }
        this.#changed();
      },
      arrived: (peer) => {
        this.#present.add(peer);
      },
      left: (peer) => {
        this.#present.delete(peer);
      },
      box: (from, box) => {
        if (!this.#isBlocked(from)) this.#dialer?.handleBox(from, box);
      },
      lost: () => {
        this.#outside.tell({ code: 'no-signaling', about: '' });
        this.#changed();
      },
      refused: (failure) => {
        this.#outside.untell('no-signaling');
        this.#outside.tell({ code: failure.code, about: '' });
        if (this.#state === 'opening' || this.#state === 'waiting') this.#state = 'failed';
        this.#changed();
      },
    };
  }

  async #dial(peer: PeerId): Promise<void> {
    if (!this.#dialer || this.#over || this.#isBlocked(peer)) return;
    const person = this.#person(peer);
    person.dials++;
    if (!person.link?.open) person.state = 'connecting';
    this.#changed();
    try {
      this.#connected(peer, await this.#dialer.dial(peer), this.#self.peer);
    } catch (error) {
      this.#lost(person, Failure.from(error, 'connection-failed'));
    }
  }

  /** A dial that failed or a link that broke: tried again a few times, then told. */
  #lost(person: Person, failure: Failure): void {
    if (person.link?.open || this.#over) return;
    person.state = 'gone';
    const again = failure.code === 'connection-failed' || failure.code === 'peer-gone';
    if (again && this.#present.has(person.peer) && person.dials > 0 && person.dials < MAX_DIALS) {
      setTimeout(() => {
        if (!person.link?.open && this.#present.has(person.peer)) void this.#dial(person.peer);
      }, REDIAL_MS);
    } else if (failure.code === 'connection-failed') {
      this.#outside.tell({ code: 'connection-failed', about: nickname(person.peer) });
    }
    this.#changed();
  }

  #connected(peer: PeerId, connection: Connection, dialledBy: PeerId): void {
    const person = this.#person(peer);
    if (this.#over || this.#isBlocked(peer)) {
      connection.close();
      return;
    }
    if (this.#crossed(person, dialledBy)) {
      connection.close();
      this.#outside.engine.close(connection.lane);
      return;
    }
    // The same page again: nobody dials who has a link, so the newer one is the one both have. Not told as a leaving.
    const before = person.link;
    person.link = undefined;
    before?.close();
    person.dials = Math.min(person.dials, 1);
    this.#outside.untell('peer-gone', nickname(peer));
    this.#outside.untell('connection-failed', nickname(peer));
    const { lane } = connection;
    const link = new Link(
      connection.control,
      unauthenticatedSession,
      {
        message: (message, hash) => this.#handle(person, link, message, hash),
        closed: (failure) => {
          lanes.close();
          this.#closed(person, link, lane, connection, failure);
        },
      },
      () => this.#outside.now(),
    );
    const channel: PersonChannel = {
      peer,
      link: lane,
      th: link.session.th,
      send: (message) => link.send(message),
      fail: (failure) => link.fail(failure),
    };
    const lanes = this.#lanesOf(link, connection);
    Object.assign(person, { state: 'ready', link, lanes, connection, channel, dialledBy });
    person.linkedAt = this.#outside.now();
    connection.onconnectionstatechange = null;
    connection.addEventListener('connectionstatechange', () => this.#watch(person, link, connection));
    connection.onover = () => link.fail(new Failure('peer-gone', 'connection closed'));
    this.#outside.engine.open(lane, lane, maxMessageBytes(connection));
    this.#outside.engine.ask(lane);
    this.#incoming.personReady(channel);
    void this.#outgoing
      .personReady(channel)
      // The host's files go with the let-in; anybody else is asked about a later arrival.
      .then(() => (this.role === 'host' ? this.#outgoing.offerTo(peer) : undefined))
      .then(() => this.#changed());
    void pathOf(connection).then((path) => {
      person.path = path;
      this.#changed();
    });
    this.#changed();
  }

  /** Both dialled at once: both keep the link that the lower peer id dialled. */
  #crossed({ link, linkedAt, dialledBy: before }: Person, dialledBy: PeerId): boolean {
    return !!link?.open && this.#outside.now() - linkedAt < CROSSING_MS && before < dialledBy;
  }

  #lanesOf(link: Link, connection: Connection): Lanes {
    const { engine } = this.#outside;
    return new Lanes({
      dial: (options) => this.#outside.dialLane({ ...options, ice: this.#ice(), adopt: this.#adopt }),
      certificate: () => theirCertificate(connection),
      mayAdd: () => this.#laneCount() < MAX_LANES_PER_PAGE,
      send: (message) => link.send(message),
      open: (lane, maxBytes) => engine.open(connection.lane, lane, maxBytes),
      ask: (lane) => engine.ask(lane),
      release: (lane) => engine.close(lane),
    });
  }

  #laneCount(): number {
    return [...this.#people.values()].reduce((sum, { lanes }) => sum + (lanes ? lanes.count + 1 : 0), 0);
  }

  /** The browser's word on a connection: silent for a while, back, or over. */
  #watch(person: Person, link: Link, connection: Connection): void {
    if (person.link !== link || !link.open) return;
    const { connectionState } = connection;
    if (connectionState === 'disconnected') person.state = 'interrupted';
    if (connectionState === 'connected') person.state = 'ready';
    if (connectionState === 'failed' || connectionState === 'closed') {
      link.fail(new Failure('peer-gone', connectionState));
    }
    this.#changed();
  }

  #handle(person: Person, link: Link, message: Message, hash: Bytes | undefined): void {
    const { channel } = person;
    if (!channel || person.link !== link) return;
    try {
      if (message.type === 'lane') {
        person.lanes?.handle(message);
      } else if (message.type === 'failed') {
        this.#incoming.handleFailed(person.peer, message.fileIds, message.code);
        this.#outgoing.handleFailed(person.peer, message.fileIds, message.code);
      } else if (!this.#incoming.handle(channel, message, hash)) {
        this.#outgoing.handle(channel, message);
      }
    } catch (error) {
      link.fail(Failure.from(error));
    }
    this.#changed();
  }

  #closed(person: Person, link: Link, lane: number, connection: Connection, failure: Failure | undefined): void {
    this.#outside.engine.close(lane);
    // A `bye` still in the buffer needs the connection a moment longer.
    setTimeout(() => connection.close(), failure ? 0 : GOODBYE_MS);
    if (person.link && person.link !== link) return;
    this.#outgoing.personGone(person.peer);
    this.#incoming.personGone(person.peer);
    // Replaced by a newer link of the same person.
    if (!person.link) return;
    Object.assign(person, { link: undefined, lanes: undefined, channel: undefined, state: 'gone' });
    if (this.#over) return;
    if (failure?.code === 'protocol') this.#blockedUntil.set(person.peer, this.#outside.now() + BLOCK_MS);
    this.#outside.tell({ code: failure?.code ?? 'peer-gone', about: nickname(person.peer) });
    if (failure) this.#lost(person, failure);
    this.#forgetGone();
    this.#changed();
  }

  /** Whoever comes again and again under new names must not fill the page. What they gave that is whole stays. */
  #forgetGone(): void {
    const gone = [...this.#people.values()].filter(({ state, peer }) => state === 'gone' && !this.#present.has(peer));
    for (const { peer } of gone.slice(0, -MAX_GONE)) {
      this.#people.delete(peer);
      this.#outgoing.forget(peer);
      this.#incoming.forget(peer);
      this.#outside.untell('peer-gone', nickname(peer));
    }
  }

  #listenToEngine(): void {
    this.#outside.engine.events = {
      ready: (staging) => this.#stagingKnown(staging),
      progress: (moved) => {
        for (const one of moved) (one.way === 'out' ? this.#outgoing : this.#incoming).handleProgress(one);
        this.#changed();
      },
      served: (transfer, root) => this.#act(() => this.#outgoing.handleServed(transfer, root)),
      staged: (transfer, root, file) => this.#act(() => this.#incoming.handleStaged(transfer, root, file)),
      failed: (transfer, failure) =>
        this.#act(() =>
          (transfer.way === 'out' ? this.#outgoing : this.#incoming).handleTransferFailed(transfer, failure),
        ),
      laneClosed: (lane) => [...this.#people.values()].forEach(({ lanes }) => lanes?.closed(lane)),
      fault: (id, failure) =>
        [...this.#people.values()].find(({ channel }) => channel?.link === id)?.link?.fail(failure),
      lost: () => this.#engineLost(),
    };
  }

  /** Nothing can be sent or received any more: the page says so and lets everybody go. */
  #engineLost(): void {
    this.close();
    this.#state = 'failed';
    this.#outside.tell({ code: 'internal', about: '' });
    this.#changed();
  }

  #stagingKnown(staging: 'disk' | 'memory'): void {
    if (staging === 'memory') this.#outside.tell({ code: 'memory-only', about: '' });
  }

  #isBlocked(peer: PeerId): boolean {
    return (this.#blockedUntil.get(peer) ?? 0) > this.#outside.now();
  }

  #person(peer: PeerId): Person {
    let person = this.#people.get(peer);
    if (!person) {
      person = {
        peer,
        state: 'connecting',
        path: 'direct',
        link: undefined,
        lanes: undefined,
        connection: undefined,
        channel: undefined,
        dials: 0,
        dialledBy: '',
        linkedAt: -Infinity,
      };
      this.#people.set(peer, person);
    }
    return person;
  }
}
