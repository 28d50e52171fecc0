// Pages in a street: tabs with the same link, each with its meeting and roster, a server that passes on what they say, and
// wires between them. Time passes only when a test says so.

import { createHash } from 'node:crypto';
import { afterEach, beforeEach, vi } from 'vitest';
import { hostPin } from '../identity/room-link.ts';
import { toBase64url, toHex, utf8, type Bytes } from '../protocol/bytes.ts';
import type { BoxBody } from '../protocol/dial-signal.ts';
import { Failure } from '../protocol/failure.ts';
import { DIAL_MS } from '../protocol/limits.ts';
import type { PeerId } from '../rendezvous/carrier.ts';
import type { Connection } from '../rendezvous/simple-peer.ts';
import { type Guest } from '../room/guest.ts';
import { Meeting } from '../room/meeting.ts';
import { Membership } from '../room/membership.ts';
import { controlChannels, type MemoryControlChannel } from './control-channels.ts';
import { macInStep, ownKey } from './own-keys.ts';
import { hashInStep, settle } from './scheduler.ts';

export const idOf = (value: number) => toBase64url(new Uint8Array(16).fill(value));
export const roomId = new Uint8Array(16).fill(9);
export const bindKey = new Uint8Array(32).fill(8);
export const room = toBase64url(roomId);
export const hostKey = ownKey(1);
export const pin = await hostPin(hostKey.publicKey);
export const HOUR = 3_600;

/** One end of a connection between two pages: the control channel, and the certificate of the other page. */
export class FakeConnection extends EventTarget {
  readonly control: MemoryControlChannel;
  readonly lane = 0;
  readonly remoteDescription = null;
  readonly sctp: { readonly transport: { getRemoteCertificates(): ArrayBuffer[] } };
  connectionState = 'connected';
  onover: (() => void) | undefined;

  constructor(control: MemoryControlChannel, theirs: Bytes) {
    super();
    this.control = control;
    this.sctp = { transport: { getRemoteCertificates: () => [theirs.slice().buffer] } };
  }

  close(): void {
    this.connectionState = 'closed';
    this.control.close();
  }

  /** The browser gave it up. */
  fail(): void {
    this.connectionState = 'failed';
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  get asConnection(): Connection {
    return this as unknown as Connection;
  }
}

export interface PageOptions {
  /** What its key and, unless it is given, its peer id are made of. */
  readonly seed: number;
  readonly peer?: PeerId;
  readonly isHost?: boolean;
  /** Some other page than ours: it answers whoever dials it. */
  readonly answersAll?: boolean;
}

/** One tab with the link: its meeting, and what its person was told, in order. */
export class Page {
  readonly name: string;
  readonly peer: PeerId;
  readonly key;
  /** Its certificate. */
  readonly der: Bytes;
  readonly told: string[] = [];
  readonly blocked = new Set<string>();
  readonly answersAll: boolean;
  readonly membership: Membership;
  readonly meeting: Meeting;

  constructor(street: Street, name: string, { seed, peer, isHost = false, answersAll = false }: PageOptions) {
    this.name = name;
    this.peer = peer ?? idOf(seed);
    this.key = ownKey(seed);
    this.der = utf8(`the certificate of ${name} ${this.peer}`);
    this.answersAll = answersAll;
    const { key, der, told } = this;
    street.names.set(key.text, name);
    const who = (guest: Guest) => street.names.get(guest.key) ?? 'nobody';
    const fingerprint = toHex(createHash('sha256').update(der).digest());
    // What the room does when there is a newer roster: tells the meeting, once there is one.
    const changed: { tell?: () => void } = {};
    this.membership = new Membership({
      ...{ room, pin, key, isHost },
      store: () => Promise.resolve(),
      now: () => Date.now(),
      changed: () => changed.tell?.(),
    });
    this.meeting = new Meeting(
      {
        ...{ isHost, self: this.peer, key, pin, roomId, bindKey, membership: this.membership },
        name: () => name,
        doorName: () => `${name}'s door`,
        certificate: {
          getFingerprints: () => [{ algorithm: 'sha-256', value: (fingerprint.match(/../g) ?? []).join(':') }],
        } as unknown as RTCCertificate,
        isBlocked: (theirs) => this.blocked.has(theirs),
        now: () => Date.now(),
        dial: (to, abort) => street.dial(this, to, abort),
        say: (to, body) => street.say(this.peer, to, body),
        reaches: (to) => street.passesOn && this.meeting.ways.some(({ peer: other }) => other !== to),
      },
      {
        ready: (guest) => told.push(`ready ${who(guest)}`),
        knocked: (guest) => told.push(`knock ${guest.name}`),
        door: (door) => told.push(door),
        turnedAway: (code) => told.push(code),
        message: (guest, { type }) => void told.push(`${type} of ${who(guest)}`),
        closed: (guest, failure) => told.push(`closed ${who(guest)}${failure ? ` ${failure.code}` : ''}`),
        failed: (_, { code }) => told.push(`failed ${code}`),
        conflict: () => told.push('conflict'),
        changed: () => undefined,
      },
    );
    changed.tell = () => this.meeting.rosterChanged();
  }

  /** This page's link to another. */
  linkTo(other: Page): Guest {
    const guest = this.meeting.guest(other.key.text);
    if (!guest) throw new Error(`${this.name} has no link to ${other.name}`);
    return guest;
  }

  get linked(): string[] {
    return this.meeting.guests.filter(({ ready }) => ready).map(({ key }) => this.#names.get(key) ?? 'nobody');
  }

  get #names() {
    return new Map(this.membership.roster?.members.map(({ key, name }) => [key, name]));
  }
}

/** What is outside the pages: a server that passes on what they say, and the wires between them. */
export class Street {
  readonly names = new Map<string, string>();
  readonly pages = new Map<PeerId, Page>();
  readonly said: string[] = [];
  /** Who dialled whom, whether or not anybody answered. */
  readonly dialled: string[] = [];
  readonly connections: FakeConnection[] = [];
  /** Members pass dials on to each other. */
  passesOn = false;

  page(name: string, options: PageOptions): Page {
    return new Page(this, name, options);
  }

  /** A tab takes a seat: it hears who is there, and they hear of it. */
  async join(...pages: readonly Page[]): Promise<void> {
    for (const page of pages) {
      const others = [...this.pages.values()];
      this.pages.set(page.peer, page);
      page.meeting.presence(others.map(({ peer }) => peer));
      for (const other of others) other.meeting.arrived(page.peer);
      await settle();
    }
  }

  /** A tab is closed: its links go, and its seat. */
  async leave(page: Page): Promise<void> {
    page.meeting.close();
    this.pages.delete(page.peer);
    for (const other of this.pages.values()) other.meeting.left(page.peer);
    await settle();
  }

  /** A tab is out of the server's reach, or the server out of its: its links stand, and its seat is gone. */
  async loseServer(page: Page): Promise<void> {
    for (const other of this.pages.values()) if (other !== page) other.meeting.left(page.peer);
    await settle();
  }

  say(from: PeerId, to: PeerId, body: BoxBody): void {
    const target = this.pages.get(to);
    this.said.push(`${this.pages.get(from)?.name ?? 'nobody'} ${body.kind} ${target?.name ?? 'nobody'}`);
    queueMicrotask(() => target?.meeting.heard(from, body));
  }

  async dial(from: Page, to: PeerId, abort: AbortSignal): Promise<Connection> {
    const target = this.pages.get(to);
    this.dialled.push(`${from.name} ${target?.name ?? 'nobody'}`);
    await Promise.resolve();
    if (!target || !(target.answersAll || target.meeting.answers(from.peer))) {
      // Nobody says no: a dial that is not answered ends by itself.
      await new Promise((resolve) => {
        setTimeout(resolve, DIAL_MS);
        abort.addEventListener('abort', resolve);
      });
      throw new Failure('connection-failed', 'timed out');
    }
    const [mine, theirs] = this.wire(from, target);
    target.meeting.answered(from.peer, theirs.asConnection);
    return mine.asConnection;
  }

  /** A connection of two pages that neither has been told of. */
  wire(one: Pick<Page, 'der'>, other: Pick<Page, 'der'>): [FakeConnection, FakeConnection] {
    const [here, there] = controlChannels();
    const ends: [FakeConnection, FakeConnection] = [
      new FakeConnection(here, other.der),
      new FakeConnection(there, one.der),
    ];
    this.connections.push(...ends);
    return ends;
  }
}

export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}

/** A room with Alice in it, who made it. */
export async function aliceAtHome() {
  const street = new Street();
  const alice = street.page('Alice', { seed: 1, isHost: true });
  await alice.membership.open({ name: 'Alice', peerId: alice.peer }, HOUR);
  await street.join(alice);
  return { street, alice };
}

/** Lets somebody in who knocks. */
export async function letIn(host: Page, ...guests: readonly Page[]): Promise<void> {
  for (const { key } of guests) {
    await host.meeting.greeting.letIn(key.text);
    await settle();
  }
}

/** Alice, with Bob and Carol let in in that order and all of them linked. */
export async function allInside() {
  const { street, alice } = await aliceAtHome();
  const [bob, carol] = [street.page('Bob', { seed: 2 }), street.page('Carol', { seed: 3 })];
  await street.join(bob);
  await letIn(alice, bob);
  await street.join(carol);
  await letIn(alice, carol);
  for (const page of [alice, bob, carol]) page.told.length = 0;
  street.said.length = 0;
  street.dialled.length = 0;
  return { street, alice, bob, carol };
}

/** To be called at the top of a test file: time passes only by `pass`, and no run depends on another thread. */
export function timeStandsStill(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
    hashInStep();
    macInStep();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}
