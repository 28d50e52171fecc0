// The conductor of a room: who is in it, a link to each of them, what is offered both ways. No DOM: it is given this
// browser's key, what it knows of others, the carrier, the dialer and the engine, and tells its owner when something
// changed.

import { deriveRoomKeys, formatFragment, hostPin, type RoomLink } from '../identity/room-link.ts';
import type { SignedRoster } from '../identity/roster.ts';
import { sasOf } from '../identity/sas.ts';
import { theirCertificate } from '../link/certificate.ts';
import { LaneCount } from '../link/lane-count.ts';
import { Lanes, maxMessageBytes } from '../link/lanes.ts';
import { watchWay } from '../link/path.ts';
import { equal, randomBytes, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import { DEFAULT_EXPIRY_SECONDS } from '../protocol/limits.ts';
import type { Message } from '../protocol/messages.ts';
import type { CarrierEvents, PeerId } from '../rendezvous/carrier.ts';
import { Carriers } from '../rendezvous/carriers.ts';
import type { Connection } from '../rendezvous/simple-peer.ts';
import { lostCodes, type Seat } from '../rendezvous/signaling-server.ts';
import type { Activity } from './activity.ts';
import type { PersonChannel } from './channel.ts';
import { hearOfFiles, listenToTransfers } from './files.ts';
import { IncomingFiles } from './incoming.ts';
import type { Guest, MeetingEvents } from './guest.ts';
import { Meeting } from './meeting.ts';
import { Membership } from './membership.ts';
import { OutgoingFiles, type PickedFile } from './outgoing.ts';
import { People, type Linked } from './people.ts';
import type { Dialing, Surroundings } from './surroundings.ts';
import type { RoomRules, RoomState, RoomView } from './views.ts';

/** Speeds and the time left are worth a look this often while nothing is reported. */
const TICK_MS = 1_000;
const BLOCK_MS = 10 * 60 * 1000;
/** A ring that nobody answered for so long is worth a word. */
const NO_ANSWER_MS = 8_000;

export class Room {
  readonly #outside: Surroundings;
  readonly #self: Pick<Seat, 'peer' | 'token'>;
  readonly #outgoing: OutgoingFiles;
  readonly #incoming: IncomingFiles;
  /** Keys that broke the protocol, and until when they are left alone. */
  readonly #brokenUntil = new Map<string, number>();
  /** Taken out of the room, or out for a breach: whatever the rules are, they come back only by a click. */
  readonly #unwelcome = new Set<string>();
  readonly #adopt = (channel: RTCDataChannel) => this.#outside.engine.adopt(channel);
  #ice: () => RTCConfiguration = () => ({});
  #isHost = false;
  #fragment = '';
  #roomId = '';
  #door = '';
  #rules: RoomRules = { anyone: false, oneTime: false, doorName: '' };
  #expiresAt = 0;
  /** What keeps the host a seat at the server. */
  #doorSecret: string | undefined;
  #waitingSince: number | undefined;
  /** Somebody was here: whoever is lost is spoken of by name, and nobody is rung at. */
  #hadCompany = false;
  #state: RoomState = 'opening';
  #carriers: Carriers | undefined;
  #dialer: Dialing | undefined;
  #membership: Membership | undefined;
  #meeting: Meeting | undefined;
  #people: People | undefined;
  #ticking: ReturnType<typeof setInterval> | undefined;

  constructor(self: Pick<Seat, 'peer' | 'token'>, outside: Surroundings) {
    this.#self = self;
    this.#outside = outside;
    const kept = { engine: outside.engine, now: () => outside.now(), log: (one: Activity) => this.#log(one) };
    this.#outgoing = new OutgoingFiles(kept);
    this.#incoming = new IncomingFiles({
      ...{ ...kept, journal: outside.journal },
      changed: () => this.#changed(),
    });
    this.#listenToEngine();
    if (outside.engine.staging) this.#stagingKnown(outside.engine.staging);
    if (outside.engine.lost) this.#engineLost();
  }

  /** Joins; as its host when the link is this key's. `kept`: the roster of an earlier life of this tab. */
  async open(link: RoomLink, kept?: SignedRoster): Promise<void> {
    const { key } = this.#outside;
    const [keys, certificate, pin] = await Promise.all([
      deriveRoomKeys(link),
      this.#outside.newCertificate(),
      hostPin(key.publicKey),
    ]);
    this.#fragment = await formatFragment(link);
    this.#roomId = toBase64url(keys.roomId);
    this.#isHost = equal(pin, link.hostPin);
    this.#ice = () => ({ ...this.#outside.ice(), certificates: [certificate] });
    const membership = new Membership({
      ...{ room: this.#roomId, pin: link.hostPin, key, isHost: this.#isHost },
      store: (signed) => this.#store(signed),
      now: () => this.#outside.now(),
      changed: () => this.#rosterChanged(),
    });
    this.#membership = membership;
    if (this.#isHost) await this.#openHosted(membership);
    else if (kept) await membership.restore(kept);
    // Left while the keys were made: nothing of this room may begin.
    if (this.#over) return;
    const meeting = new Meeting(
      {
        ...{ isHost: this.#isHost, self: this.#self.peer, key, pin: link.hostPin, roomId: keys.roomId },
        ...{ bindKey: keys.bind, certificate, membership },
        name: () => this.#name,
        doorName: () => this.#rules.doorName,
        isBlocked: (theirs) => this.#isBlocked(theirs),
        now: () => this.#outside.now(),
        dial: (peer, abort) => this.#dial(peer, abort),
        say: (peer, body) => this.#dialer?.say(peer, body),
        reaches: (peer) => this.#carriers?.reaches(peer) ?? false,
      },
      this.#meetingEvents(),
    );
    this.#meeting = meeting;
    const { acquaintances } = this.#outside;
    this.#people = new People(key, acquaintances, membership, meeting, (theirs) => this.#outgoing.unseenBy(theirs));
    this.#dialer = this.#outside.openDialer({
      sealKey: keys.seal,
      self: this.#self.peer,
      ice: this.#ice,
      adopt: this.#adopt,
      release: (lane) => this.#outside.engine.close(lane),
      send: (to, box, by) => this.#carriers?.send(to, box, by),
      answers: (from) => meeting.answers(from),
      heard: (from, body) => meeting.heard(from, body),
      answered: (from, connection, by) => meeting.answered(from, connection, by),
      // The initiator is the one who waits for it and says that it failed, but for what they cannot know.
      unanswered: ({ code }) => code === 'no-relay' && this.#outside.tell({ code, about: '' }),
    });
    this.#ticking = setInterval(() => {
      this.#noticeSilence();
      this.#keepLanes();
      if (this.#incoming.moving || this.#outgoing.moving) this.#changed();
    }, TICK_MS);
    const seat = { room: this.#roomId, ...this.#self, ...(this.#doorSecret && { door: this.#doorSecret }) };
    this.#carriers = new Carriers(
      {
        openServer: (events) => this.#outside.openCarrier(seat, events),
        self: this.#self.peer,
        ways: () => meeting.ways,
        isMember: (peer) => membership.memberAt(peer) !== undefined,
      },
      this.#carrierEvents(),
    );
    this.#changed();
  }

  /** Leaves in good order: everyone is told, nothing is kept. */
  close(): void {
    if (this.#over) return;
    this.#state = 'closed';
    clearInterval(this.#ticking);
    this.#carriers?.close();
    this.#meeting?.close();
    this.#dialer?.close();
    this.#incoming.close();
    this.#changed();
  }

  get #over(): boolean {
    return this.#state === 'closed' || this.#state === 'failed';
  }

  get #name(): string {
    return this.#outside.acquaintances.ownName;
  }

  view(): RoomView {
    return {
      state: this.#state,
      me: this.#name,
      key: toBase64url(this.#outside.key.publicKey),
      role: this.#isHost ? 'host' : 'guest',
      fragment: this.#fragment,
      door: this.#door,
      locked: this.#membership?.roster?.locked ?? false,
      rules: this.#rules,
      secondsLeft: this.#membership?.roster ? this.#membership.secondsLeft : undefined,
      knocks: this.#isHost ? (this.#people?.knocks() ?? []) : [],
      people: this.#people?.view() ?? [],
      outgoing: this.#outgoing.view(),
      incoming: this.#incoming.view(),
    };
  }

  /** Lets somebody in who knocks: they see what the knock said they would. */
  async letIn(key: string): Promise<void> {
    this.#unwelcome.delete(key);
    try {
      await this.#meeting?.greeting.letIn(key, this.#rules.oneTime);
    } catch (error) {
      this.#outside.tell({ code: Failure.from(error).code, about: '' });
    }
    this.#changed();
  }

  turnAway(key: string): void {
    this.#act(() => this.#meeting?.greeting.turnAway(key));
  }

  /** Asks again after being turned away. */
  knockAgain(): void {
    if (this.#state !== 'turned-away') return;
    this.#state = 'waiting';
    this.#meeting?.knockAgain();
    this.#changed();
  }

  /** Takes somebody out of the room. Host only. */
  async remove(key: string): Promise<void> {
    this.#unwelcome.add(key);
    await this.#membership?.remove(key);
    this.#changed();
  }

  async lock(locked: boolean): Promise<void> {
    await this.#membership?.lock(locked);
    this.#changed();
  }

  async setRules(rules: Partial<RoomRules>): Promise<void> {
    this.#rules = { ...this.#rules, ...rules };
    const signed = this.#membership?.signed;
    if (signed) await this.#store(signed).catch(() => undefined);
    for (const { key } of this.view().knocks) if (this.#entersByItself(key)) await this.letIn(key);
    this.#changed();
  }

  /** The emoji were the same on both sides. */
  async confirm(key: string): Promise<void> {
    await this.#outside.acquaintances.verify(key, this.#membership?.member(key)?.name ?? '');
    this.#changed();
  }

  /** Nothing more to do with this key: out of the room if it is mine, and no link ever again. */
  async block(key: string): Promise<void> {
    const name = this.#membership?.member(key)?.name ?? this.#meeting?.guest(key)?.name ?? '';
    await this.#outside.acquaintances.block(key, name);
    if (this.#isHost && this.#membership?.member(key)) await this.#membership.remove(key);
    this.#meeting?.greeting.cutOff(key);
    this.#changed();
  }

  /** Offers files to everyone who is here now; what the host offers goes to whoever is let in later too. Throws Failure. */
  offer(files: readonly PickedFile[]): void {
    this.#outgoing.add(files);
    for (const { key, ready } of this.#meeting?.guests ?? []) if (ready) void this.#outgoing.offerTo(key);
    this.#changed();
  }

  /** Offers one person what they have not seen. */
  offerTo(key: string): void {
    void this.#outgoing.offerTo(key).then(() => this.#changed());
  }

  withdraw(id: string): void {
    this.#act(() => this.#outgoing.withdraw(id));
  }

  /** Takes what there is room for: all of these files, or none. */
  async accept(ids: readonly string[]): Promise<void> {
    const needed = this.#incoming.bytesNeeded(ids);
    const free = await this.#outside.freeBytes();
    if (free !== undefined && needed > free) {
      this.#outside.tell({ code: 'no-space', about: '', needed, free });
      return;
    }
    this.#outside.untell('no-space');
    this.#act(() => this.#incoming.accept(ids));
    this.#keepLanes();
  }

  /** As many lanes as what comes over each link is worth. */
  #keepLanes(): void {
    for (const [{ key }, { lanes, laneCount, rttMs }] of this.#people?.linked ?? []) {
      lanes.want(laneCount.next(this.#outside.now(), { ...this.#incoming.progressOf(key), rttMs }));
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

  /** Yes to a file whose first bytes are not what its name says. */
  goOnAnyway(id: string): void {
    this.#act(() => this.#incoming.goOnAnyway(id));
  }

  /** Stops sending a file to somebody until `resumeTo`. */
  pauseTo(id: string, peer: string): void {
    this.#act(() => this.#outgoing.pause(id, peer));
  }

  resumeTo(id: string, peer: string): void {
    this.#act(() => this.#outgoing.resume(id, peer));
  }

  cancel(id: string): void {
    this.#act(() => this.#incoming.cancel(id));
  }

  staged(ids: readonly string[]): ReturnType<IncomingFiles['staged']> {
    return this.#incoming.staged(ids);
  }

  text(id: string): Blob | undefined {
    return this.#incoming.text(id);
  }

  /** The second yes to a file, with its name as it was typed where that is asked for. */
  confirmSave(id: string, name?: string): void {
    this.#act(() => this.#incoming.confirm(id, name));
  }

  /** Lets go of a file that is here whole and was not saved. */
  throwAway(id: string): void {
    this.#act(() => this.#incoming.throwAway(id));
  }

  markSaved(ids: readonly string[]): void {
    this.#act(() => this.#incoming.markSaved(ids));
  }

  markWritten(ids: readonly string[]): void {
    this.#act(() => this.#incoming.markWritten(ids));
  }

  /** Frees the space of saved files. */
  free(ids: readonly string[]): void {
    this.#act(() => this.#incoming.free(ids));
  }

  #act(action: () => void): void {
    action();
    this.#changed();
  }

  #changed(): void {
    if (this.#state === 'waiting' || this.#state === 'knocking' || this.#state === 'inside') {
      const guests = this.#meeting?.guests ?? [];
      if (guests.some(({ ready }) => ready)) this.#state = 'inside';
      else this.#state = !this.#isHost && guests.some(({ knocking }) => knocking) ? 'knocking' : 'waiting';
      if (this.#state !== 'waiting') this.#outside.untell('no-answer');
    }
    this.#outside.changed();
  }

  /** A guest whom nobody answers is told so; a host who waits is simply waiting. */
  #noticeSilence(): void {
    if (this.#isHost || this.#hadCompany || this.#state !== 'waiting') {
      this.#waitingSince = undefined;
      return;
    }
    this.#waitingSince ??= this.#outside.now();
    if (this.#outside.now() - this.#waitingSince >= NO_ANSWER_MS) this.#outside.tell({ code: 'no-answer', about: '' });
  }

  async #dial(peer: PeerId, abort: AbortSignal): Promise<Connection> {
    try {
      if (!this.#dialer) throw new Failure('connection-failed', 'not open');
      return await this.#dialer.dial(peer, abort);
    } catch (error) {
      // One that was given up says nothing of the way it took.
      if (!abort.aborted) this.#carriers?.failed(peer);
      throw error;
    }
  }

  async #openHosted(membership: Membership): Promise<void> {
    const hosted = await this.#outside.loadHosted(this.#roomId).catch(() => undefined);
    const now = this.#outside.clock();
    this.#rules = hosted?.rules ?? { ...this.#rules, doorName: this.#name };
    this.#expiresAt = hosted?.expiresAt ?? now + DEFAULT_EXPIRY_SECONDS * 1000;
    this.#doorSecret = hosted?.door ?? toBase64url(randomBytes(16));
    const seconds = Math.max(0, Math.round((this.#expiresAt - now) / 1000));
    await membership.open({ name: this.#name, peerId: this.#self.peer }, seconds, hosted?.roster);
  }

  async #store(roster: SignedRoster): Promise<void> {
    const door = this.#doorSecret;
    const hosted = { roster, rules: this.#rules, expiresAt: this.#expiresAt, ...(door && { door }) };
    try {
      await this.#outside.storeHosted(this.#roomId, hosted);
    } catch {
      // Storage is blocked or full: the room lives as long as this page, which was told when its key was not kept.
    }
  }

  #rosterChanged(): void {
    const { signed, inside } = this.#membership ?? {};
    if (!this.#isHost) this.#outside.keepRoster(inside ? signed : undefined);
    this.#meeting?.rosterChanged();
    this.#changed();
  }

  #carrierEvents(): CarrierEvents {
    return {
      joined: (present) => {
        this.#untellLost();
        if (this.#state === 'opening') this.#state = 'waiting';
        this.#meeting?.presence(present);
        this.#changed();
      },
      arrived: (peer) => this.#act(() => this.#meeting?.arrived(peer)),
      left: (peer) => this.#act(() => this.#meeting?.left(peer)),
      box: (from, box, by) => this.#dialer?.handleBox(from, box, by),
      lost: ({ code }) => {
        this.#untellLost(code);
        this.#outside.tell({ code, about: '' });
        this.#changed();
      },
      refused: (failure) => {
        this.#untellLost();
        this.#outside.tell({ code: failure.code, about: '' });
        if (!this.#people?.linked.size && !this.#over) this.#state = 'failed';
        this.#changed();
      },
    };
  }

  /** The server is in reach, or out of it for another reason than before. */
  #untellLost(now?: FailureCode): void {
    for (const code of lostCodes) if (code !== now) this.#outside.untell(code);
  }

  #meetingEvents(): MeetingEvents {
    return {
      ready: (guest) => this.#ready(guest),
      knocked: (guest) => {
        if (this.#entersByItself(guest.key)) void this.letIn(guest.key);
        this.#changed();
      },
      door: (name) => this.#act(() => (this.#door = name)),
      turnedAway: (code) => {
        this.#outside.keepRoster(undefined);
        this.#outside.tell({ code, about: this.#door });
        this.#state = 'turned-away';
        this.#changed();
      },
      message: (guest, message, hash) => this.#handle(guest, message, hash),
      closed: (guest, failure) => this.#closed(guest, failure),
      failed: (peer, { code }) => {
        const member = this.#membership?.memberAt(peer);
        const about = member ? this.#label(member.key) : this.#door;
        this.#outside.tell({ code, about: code === 'no-relay' ? '' : about });
        this.#changed();
      },
      conflict: () => this.#outside.tell({ code: 'roster-conflict', about: '' }),
      changed: () => this.#changed(),
    };
  }

  #entersByItself(key: string): boolean {
    const { autoAdmitVerified } = this.#outside.acquaintances;
    const trust = this.#people?.trust(key);
    if (this.#unwelcome.has(key)) return false;
    return (this.#rules.anyone && trust !== 'changed') || (autoAdmitVerified && trust === 'verified');
  }

  #ready(guest: Guest): void {
    const { key, link, connection, th } = guest;
    const { engine } = this.#outside;
    const { lane } = connection;
    this.#hadCompany = true;
    const channel: PersonChannel = {
      peer: key,
      link: lane,
      th,
      send: (message) => link.send(message),
      fail: (failure) => link.fail(failure),
    };
    const lanes = this.#lanesOf(guest);
    const linked: Linked = {
      ...{ lanes, laneCount: new LaneCount(), channel },
      ...{ path: 'direct', rttMs: undefined, sas: [] },
    };
    void this.#people?.add(guest, linked).then(() => this.#changed());
    this.#outside.untell('no-relay');
    for (const code of ['peer-gone', 'connection-failed', 'authentication-failed', 'turned-away'] as const) {
      this.#outside.untell(code, this.#label(key));
    }
    engine.open(lane, lane, maxMessageBytes(connection));
    engine.ask(lane);
    this.#incoming.personReady(channel);
    void this.#outgoing
      .personReady(channel)
      // The host's files go with the let-in; anybody else is asked about a later arrival.
      .then(() => (this.#isHost ? this.#outgoing.offerTo(key) : undefined))
      .then(() => this.#changed());
    const learned = (more: Partial<Linked>) => this.#act(() => Object.assign(linked, more));
    watchWay(connection, learned);
    void sasOf(th).then((sas) => learned({ sas }));
    this.#changed();
  }

  #lanesOf({ link, connection }: Guest): Lanes {
    const { engine } = this.#outside;
    const lanes: Lanes = new Lanes({
      dial: (options) => this.#outside.dialLane({ ...options, ice: this.#ice(), adopt: this.#adopt }),
      certificate: () => theirCertificate(connection),
      mayAdd: () => this.#people?.makeRoomFor(lanes) ?? false,
      send: (message) => link.send(message),
      open: (lane, maxBytes) => engine.open(connection.lane, lane, maxBytes),
      ask: (lane) => engine.ask(lane),
      release: (lane) => engine.close(lane),
    });
    return lanes;
  }

  #handle(guest: Guest, message: Message, hash: Bytes | undefined): void {
    const linked = this.#people?.linked.get(guest);
    if (!linked) return;
    const { channel, lanes } = linked;
    try {
      if (message.type === 'lane') lanes.handle(message);
      else if (message.type === 'relay') this.#carriers?.handle(guest, message);
      else hearOfFiles({ incoming: this.#incoming, outgoing: this.#outgoing }, channel, message, hash);
    } catch (error) {
      guest.link.fail(Failure.from(error));
    }
    this.#changed();
  }

  #closed(guest: Guest, failure: Failure | undefined): void {
    const { key, connection } = guest;
    const linked = this.#people?.drop(guest);
    linked?.lanes.close();
    this.#outside.engine.close(connection.lane);
    if (failure?.code === 'protocol') this.#shutOut(key);
    // Replaced by a newer link of the same person: nobody left.
    const replaced = this.#meeting?.guest(key) !== undefined;
    if (linked) {
      this.#outgoing.personGone(key);
      this.#incoming.personGone(key);
    }
    if (linked && !replaced) {
      for (const forgotten of this.#people?.leave(guest) ?? []) this.#forget(forgotten);
    }
    if (!this.#over && !replaced && (linked || failure)) this.#sayGone(guest, failure);
    this.#changed();
  }

  /** For a breach. It keeps no seat either: keys cost nothing, and seats are few. */
  #shutOut(key: string): void {
    this.#brokenUntil.set(key, this.#outside.now() + BLOCK_MS);
    if (this.#isHost && this.#membership?.member(key)) void this.remove(key).catch(() => undefined);
  }

  #sayGone({ key, ready }: Guest, failure: Failure | undefined): void {
    if (this.#state === 'turned-away' || this.#outside.acquaintances.isBlocked(key)) return;
    const code = failure?.code ?? 'peer-gone';
    // Somebody who knocked and went away again is no news.
    if (ready || code !== 'peer-gone') this.#outside.tell({ code, about: this.#label(key) });
  }

  /** What they gave that is whole stays. */
  #forget(key: string): void {
    this.#outside.untell('peer-gone', this.#label(key));
    this.#outgoing.forget(key);
    this.#incoming.forget(key);
  }

  #log(activity: Activity): void {
    this.#outside.log({ ...activity, who: this.#label(activity.peer) });
  }

  #label(key: string): string {
    return this.#people?.label(key) ?? '';
  }

  #listenToEngine(): void {
    this.#outside.engine.events = {
      ready: (staging) => this.#stagingKnown(staging),
      ...listenToTransfers({ incoming: this.#incoming, outgoing: this.#outgoing }, () => this.#changed()),
      laneClosed: (lane) => [...(this.#people?.linked.values() ?? [])].forEach(({ lanes }) => lanes.closed(lane)),
      fault: (id, failure) =>
        [...(this.#people?.linked ?? [])].find(([, { channel }]) => channel.link === id)?.[0].link.fail(failure),
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

  #isBlocked(key: string): boolean {
    return this.#outside.acquaintances.isBlocked(key) || (this.#brokenUntil.get(key) ?? 0) > this.#outside.now();
  }
}
