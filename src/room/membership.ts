// Who is in the room, as far as this side can prove it: the newest roster its host signed. The host changes it here, and
// stores it before anybody hears of it; everyone else takes what is newer and signed, whoever shows it. No DOM, no links.

import { equal, fromBase64url, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MAX_MEMBERS } from '../protocol/limits.ts';
import type { OwnKey } from '../identity/keys.ts';
import { memberOf, openRoster, signRoster, type Member, type Roster, type SignedRoster } from '../identity/roster.ts';

export interface MembershipOptions {
  /** base64url of the room id. */
  readonly room: string;
  readonly pin: Bytes;
  readonly key: OwnKey;
  readonly isHost: boolean;
  /** Keeps a roster of ours before anybody is told of it. */
  readonly store: (signed: SignedRoster) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** There is a newer roster, ours or one we were shown. */
  readonly changed: () => void;
}

export type Taken = 'newer' | 'known' | 'older';

export class Membership {
  readonly #options: MembershipOptions;
  #roster: Roster | undefined;
  #signed: SignedRoster | undefined;
  /** When the room expires, on our own clock. */
  #expiresAtMs = Infinity;
  /** Changes of ours, one after the other. */
  #changing: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  get roster(): Roster | undefined {
    return this.#roster;
  }

  get signed(): SignedRoster | undefined {
    return this.#signed;
  }

  /** 0 for somebody who has seen none. */
  get rev(): number {
    return this.#roster?.rev ?? 0;
  }

  /** Whether this side is in the room. */
  get inside(): boolean {
    return this.#roster !== undefined && memberOf(this.#roster, this.#options.key.publicKey) !== undefined;
  }

  get expired(): boolean {
    return this.#options.now() >= this.#expiresAtMs;
  }

  get secondsLeft(): number {
    return Math.max(0, Math.round((this.#expiresAtMs - this.#options.now()) / 1000));
  }

  /** The member with this key, base64url. */
  member(key: string): Member | undefined {
    return this.#roster?.members.find((member) => member.key === key);
  }

  memberAt(peerId: string): Member | undefined {
    return this.#roster?.members.find((member) => member.peerId === peerId);
  }

  /** The host opens the room, or comes back to it and goes on from the roster that was stored. */
  async open(self: Omit<Member, 'key'>, expirySeconds: number, stored?: SignedRoster): Promise<void> {
    const { room, pin } = this.#options;
    const before = stored && (await openRoster(stored, room, pin).catch(() => undefined));
    this.#roster = before;
    this.#expiresAtMs = this.#options.now() + expirySeconds * 1000;
    const others = before?.members.slice(1) ?? [];
    await this.#change(() => ({ members: [{ key: this.#ownKey, ...self }, ...others] }));
  }

  /** Keeps a roster of an earlier life of this page, as a member. */
  async restore(stored: SignedRoster): Promise<void> {
    try {
      await this.take(stored);
    } catch {
      // Not ours after all: as if there were none.
    }
  }

  /** This side is no longer in: the room is as unknown to it as at first. */
  forget(): void {
    this.#roster = undefined;
    this.#signed = undefined;
    this.#expiresAtMs = Infinity;
  }

  /**
   * Lets somebody in, or notes where a member is now; with `locks` nobody else comes in after. Host only. Rejects with
   * Failure('room-full').
   */
  admit(member: Member, locks = false): Promise<void> {
    return this.#change(({ members }) => {
      const [host] = members;
      if (host && host.key !== member.key && host.peerId === member.peerId) {
        throw new Failure('protocol', 'the peer id of the host');
      }
      const others = members.filter(({ key, peerId }) => key !== member.key && peerId !== member.peerId);
      if (others.length >= MAX_MEMBERS) throw new Failure('room-full');
      const at = members.findIndex(({ key }) => key === member.key);
      const before = members.slice(0, at).filter(({ peerId }) => peerId !== member.peerId).length;
      return {
        members: at < 0 ? [...others, member] : others.toSpliced(before, 0, member),
        ...(locks && { locked: true }),
      };
    });
  }

  /** Takes somebody out. Host only, and never the host. */
  remove(key: string): Promise<void> {
    return this.#change(({ members }) => ({ members: members.filter((one, i) => i === 0 || one.key !== key) }));
  }

  lock(locked: boolean): Promise<void> {
    return this.#change(() => ({ locked }));
  }

  /**
   * A roster somebody showed. Rejects with Failure: `protocol` when the host did not sign it for this room,
   * `roster-conflict` when the host signed two different ones under one number.
   */
  async take(signed: SignedRoster): Promise<Taken> {
    const { room, pin, isHost } = this.#options;
    const shown = await openRoster(signed, room, pin);
    if (shown.rev < this.rev) return 'older';
    if (shown.rev === this.rev) {
      if (this.#signed && equal(signed, this.#signed)) return 'known';
      throw new Failure('roster-conflict', `rev ${shown.rev}`);
    }
    if (isHost) {
      // Signed by this key and not known here: an older copy of this browser's storage came back. Its number is passed,
      // its members are not believed.
      await this.#change(({ rev }) => (rev > shown.rev ? undefined : { rev: shown.rev + 1 }));
      return 'older';
    }
    this.#use(shown, signed);
    return 'newer';
  }

  get #ownKey(): string {
    return toBase64url(this.#options.key.publicKey);
  }

  #use(roster: Roster, signed: SignedRoster): void {
    this.#roster = roster;
    this.#signed = signed;
    if (!this.#options.isHost) this.#expiresAtMs = this.#options.now() + roster.expires * 1000;
    this.#options.changed();
  }

  /** Signs and stores what `change` makes of the roster as it then is; nothing for undefined. */
  #change(change: (roster: Roster) => Partial<Roster> | undefined): Promise<void> {
    const changed = this.#changing.then(async () => {
      const { room, key, isHost, store } = this.#options;
      if (!isHost) throw new Failure('internal', 'only the host signs');
      const before = this.#roster ?? { room, rev: 0, locked: false, expires: 0, members: [] };
      const changes = change(before);
      if (!changes) return;
      const roster = { ...before, rev: before.rev + 1, expires: this.secondsLeft, ...changes };
      const signed = await signRoster(roster, key);
      await store(signed);
      this.#use(roster, signed);
    });
    this.#changing = changed.catch(() => undefined);
    return changed;
  }
}

/** base64url of a key as bytes; empty for what is none. */
export function keyBytes(key: string): Bytes {
  return fromBase64url(key) ?? new Uint8Array();
}
