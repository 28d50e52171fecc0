// What a room looks like to whoever draws it: plain values; what did not change since the last look is the same object.

import type { Emoji } from '../identity/sas.ts';
import type { Trust } from '../identity/trust.ts';
import type { Path } from '../link/path.ts';
import type { FailureCode } from '../protocol/failure.ts';
import type { Risk } from '../safety/file-type.ts';
import type { PausedBy } from './paused.ts';

export type RoomState = 'opening' | 'waiting' | 'knocking' | 'inside' | 'turned-away' | 'closed' | 'failed';
export type PersonState = 'connecting' | 'ready' | 'interrupted' | 'gone';

export interface PersonView {
  /** base64url of their public key. */
  readonly key: string;
  /** What I call them, else what they call themselves. */
  readonly label: string;
  /** What they call themselves, when I call them something else. */
  readonly alias: string;
  readonly isHost: boolean;
  readonly state: PersonState;
  readonly trust: Trust;
  readonly path: Path;
  /** What both sides see while the link stands. */
  readonly sas: readonly Emoji[];
  /** My files they were never offered, because they came later: to be asked about. */
  readonly unseen: number;
}

export interface KnockView {
  readonly key: string;
  readonly name: string;
  readonly trust: Trust;
  /** How many of my files they will see when they are let in. */
  readonly files: number;
}

/** What the host decides about their room. */
export interface RoomRules {
  /** Everyone who knocks is let in by the page itself. */
  readonly anyone: boolean;
  /** Locked by the first let-in. */
  readonly oneTime: boolean;
  /** The name that whoever rings is shown; may be empty. */
  readonly doorName: string;
}

export type IncomingState =
  'offered' | 'receiving' | 'paused' | 'interrupted' | 'verified' | 'saved' | 'declined' | 'withdrawn' | 'failed';

export interface IncomingView {
  readonly id: string;
  readonly peer: string;
  /** The name it is saved under: sanitised, unique in this room. */
  readonly name: string;
  readonly stem: string;
  readonly extension: string;
  /** An empty folder: there is nothing to it but its place among others, when all are saved together. */
  readonly isFolder: boolean;
  /** Folders it was in, sanitised; empty for a file on its own. */
  readonly folder: string;
  readonly size: number;
  readonly type: string;
  /** A text, short enough to be shown once it is here. */
  readonly isText: boolean;
  readonly risk: Risk;
  readonly warning: string;
  readonly state: IncomingState;
  readonly bytes: number;
  readonly bytesPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  readonly failure: FailureCode | undefined;
  readonly canUndo: boolean;
  /** All of it is here, and can be saved. */
  readonly isStaged: boolean;
  /** A part of it is here and nothing moves: a yes would go on with it, and it can be let go of. */
  readonly hasPartial: boolean;
  /** Cut off after a yes: it goes on by itself when its sender is back. */
  readonly goesOn: boolean;
  /** Who has paused it: it goes on when neither has. */
  readonly pausedBy: PausedBy;
  /** Of the files I accepted and of which nothing is here yet, the how manieth it is, from 1 on; undefined far behind. */
  readonly inLine: number | undefined;
  /** Its first bytes are not what its name says: it was paused, and asks again. */
  readonly doubted: boolean;
  /** Whole, and being looked through: it can be saved when that is over. */
  readonly scanning: boolean;
  /** What was found in it, a sentence each. */
  readonly found: readonly string[];
  /** What saving it takes: a second yes, or one with its name typed. */
  readonly saveNeeds: 'nothing' | 'yes' | 'name';
}

export type DeliveryState = 'offered' | 'declined' | 'sending' | 'paused' | 'verified' | 'withdrawn' | 'failed';

export interface DeliveryView {
  readonly peer: string;
  readonly state: DeliveryState;
  readonly bytes: number;
  readonly bytesPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  readonly failure: FailureCode | undefined;
  /** Who has paused it: it goes on when neither has. */
  readonly pausedBy: PausedBy;
}

export interface OutgoingView {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  /** Of a text, its first words. */
  readonly snippet: string | undefined;
  readonly size: number;
  readonly withdrawn: boolean;
  readonly deliveries: readonly DeliveryView[];
}

export interface RoomView {
  readonly state: RoomState;
  /** What the others see me as, and my key, base64url. */
  readonly me: string;
  readonly key: string;
  readonly role: 'host' | 'guest';
  readonly fragment: string;
  readonly door: string;
  readonly locked: boolean;
  readonly rules: RoomRules;
  readonly secondsLeft: number | undefined;
  readonly knocks: readonly KnockView[];
  readonly people: readonly PersonView[];
  readonly outgoing: readonly OutgoingView[];
  readonly incoming: readonly IncomingView[];
}
