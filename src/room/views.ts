// What a room looks like to whoever draws it: plain values, made anew for every look.

import type { Emoji } from '../identity/sas.ts';
import type { Trust } from '../identity/trust.ts';
import type { Path } from '../link/path.ts';
import type { IncomingView } from './incoming.ts';
import type { OutgoingView } from './outgoing.ts';

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
