// The world outside a room, handed in: so that a room needs no browser, and says in one place what it touches.

import type { OwnKey } from '../identity/keys.ts';
import type { SignedRoster } from '../identity/roster.ts';
import type { LaneDial } from '../link/lanes.ts';
import type { Bytes } from '../protocol/bytes.ts';
import type { BoxBody } from '../protocol/dial-signal.ts';
import type { FailureCode } from '../protocol/failure.ts';
import type { Carrier, CarrierEvents, PeerId } from '../rendezvous/carrier.ts';
import type { DialerOptions } from '../rendezvous/dialer.ts';
import type { Seat } from '../rendezvous/signaling-server.ts';
import type { Connection, DialOptions } from '../rendezvous/simple-peer.ts';
import type { Journal } from '../storage/journal.ts';
import type { Note } from '../storage/records.ts';
import type { Engine } from '../transfer/client.ts';
import type { Acquaintances } from './acquaintances.ts';
import type { RoomRules } from './views.ts';

/** Something a person should be told. `about` names who or what it concerns; empty when it is the room. */
export interface Told {
  readonly code: FailureCode;
  readonly about: string;
  /** Bytes there would have to be, and are. */
  readonly needed?: number;
  readonly free?: number;
}

/** The part of a dialer the room uses. */
export interface Dialing {
  dial(peer: PeerId, abort?: AbortSignal): Promise<Connection>;
  handleBox(from: PeerId, box: Bytes, by?: PeerId): void;
  say(peer: PeerId, body: BoxBody): void;
  close(): void;
}

/** What is kept of a room this browser hosts. */
export interface HostedRoom {
  readonly roster: SignedRoster;
  readonly rules: RoomRules;
  /** Milliseconds since 1970: the one thing that depends on the clock. */
  readonly expiresAt: number;
  /** The door secret at the signaling server. */
  readonly door?: string;
}

/** The world outside the room. */
export interface Surroundings {
  readonly engine: Engine;
  readonly key: OwnKey;
  readonly acquaintances: Acquaintances;
  /** The partial files of this browser. */
  readonly journal: Journal;
  readonly ice: () => RTCConfiguration;
  newCertificate(): Promise<RTCCertificate>;
  openCarrier(seat: Seat, events: CarrierEvents): Carrier;
  openDialer(options: DialerOptions): Dialing;
  dialLane(options: DialOptions): LaneDial;
  /** A room of ours as it was left. */
  loadHosted(room: string): Promise<HostedRoom | undefined>;
  storeHosted(room: string, hosted: HostedRoom): Promise<void>;
  /** The newest roster of a room we are a guest in, for a reload of this tab; undefined once it is to be forgotten. */
  keepRoster(signed: SignedRoster | undefined): void;
  /** Bytes there is room for on this device; undefined when nobody can say. Asks the browser to keep what is staged. */
  freeBytes(): Promise<number | undefined>;
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970. */
  clock(): number;
  /** Notes what happened to a file. `who`: what the person it happened with is called here. */
  log(note: Omit<Note, 'at'>): void;
  changed(): void;
  tell(told: Told): void;
  /** A failure told of before no longer holds. */
  untell(code: FailureCode, about?: string): void;
}
