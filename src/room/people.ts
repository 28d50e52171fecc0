// The people of a room as they are shown: members of the roster, those who left, what is thought of each, and what is kept
// of the links that stand.

import type { OwnKey } from '../identity/keys.ts';
import type { Emoji } from '../identity/sas.ts';
import { trustOf, type Trust } from '../identity/trust.ts';
import type { LaneCount } from '../link/lane-count.ts';
import type { Lanes } from '../link/lanes.ts';
import type { Path } from '../link/path.ts';
import { toBase64url } from '../protocol/bytes.ts';
import { MAX_LANES_PER_PAGE } from '../protocol/limits.ts';
import type { Acquaintances } from './acquaintances.ts';
import type { PersonChannel } from './channel.ts';
import type { Guest } from './guest.ts';
import type { Meeting } from './meeting.ts';
import type { Membership } from './membership.ts';
import type { KnockView, PersonView } from './views.ts';

/** What the room keeps of a link that stands. */
export interface Linked {
  readonly lanes: Lanes;
  readonly laneCount: LaneCount;
  readonly channel: PersonChannel;
  path: Path;
  rttMs: number | undefined;
  sas: readonly Emoji[];
}

/** People who left and are still listed. */
const MAX_GONE = 16;

export class People {
  readonly #key: OwnKey;
  readonly #acquaintances: Acquaintances;
  readonly #membership: Membership;
  readonly #meeting: Meeting;
  readonly #unseenBy: (key: string) => number;
  readonly #linked = new Map<Guest, Linked>();
  /** Names of people who were here, by key, in the order they left. */
  readonly #gone = new Map<string, string>();
  /** Keys first met in this room: remembered for the next time, and new until then. */
  readonly #metHere = new Set<string>();

  constructor(
    key: OwnKey,
    acquaintances: Acquaintances,
    membership: Membership,
    meeting: Meeting,
    unseenBy: (key: string) => number,
  ) {
    this.#key = key;
    this.#acquaintances = acquaintances;
    this.#membership = membership;
    this.#meeting = meeting;
    this.#unseenBy = unseenBy;
  }

  /** The links that stand. */
  get linked(): ReadonlyMap<Guest, Linked> {
    return this.#linked;
  }

  /** Whether a link may have one more lane. When the page has as many as it can, the link that has most gives way, so that all get a fair share. */
  makeRoomFor(lanes: Lanes): boolean {
    const all = [...this.#linked.values()];
    if (all.reduce((sum, { lanes: { count } }) => sum + count + 1, 0) < MAX_LANES_PER_PAGE) return true;
    const [most] = all.sort((a, b) => b.lanes.count - a.lanes.count);
    if (!most || most.lanes.count <= lanes.count + 1) return false;
    most.lanes.giveWay();
    return true;
  }

  /** Somebody's link stands. They are remembered, unless they come under a name that is another's. */
  async add(guest: Guest, linked: Linked): Promise<void> {
    const { key } = guest;
    this.#linked.set(guest, linked);
    this.#gone.delete(key);
    const name = this.#nameOf(key);
    const trust = this.trust(key, name);
    if (trust === 'new') this.#metHere.add(key);
    if (trust !== 'changed') await this.#acquaintances.met(key, name);
  }

  /** A link is over; what was kept of it, if it stood. */
  drop(guest: Guest): Linked | undefined {
    const linked = this.#linked.get(guest);
    this.#linked.delete(guest);
    return linked;
  }

  /** Somebody left. Whoever comes again and again under new keys must not fill the page: the keys to forget. */
  leave(guest: Guest): string[] {
    this.#gone.set(guest.key, this.#nameOf(guest.key) || guest.name);
    const surplus = [...this.#gone.keys()].slice(0, -MAX_GONE).filter((key) => !this.#membership.member(key));
    for (const key of surplus) this.#gone.delete(key);
    return surplus;
  }

  view(): PersonView[] {
    return [...this.#members(), ...this.#leavers()];
  }

  knocks(): KnockView[] {
    return this.#meeting.guests
      .filter(({ knocking }) => knocking)
      .map(({ key, name }) => ({ key, name, trust: this.trust(key, name), files: this.#unseenBy(key) }));
  }

  /** What to think of a key under the name it gives itself. */
  trust(key: string, name = this.#nameOf(key)): Trust {
    const trust = trustOf(key, name, this.#acquaintances.known);
    return trust === 'known' && this.#metHere.has(key) ? 'new' : trust;
  }

  /** What somebody is called here. */
  label(key: string): string {
    return this.#acquaintances.petname(key) || this.#nameOf(key);
  }

  #members(): PersonView[] {
    const own = toBase64url(this.#key.publicKey);
    const members = this.#membership.roster?.members ?? [];
    return members.flatMap(({ key, name, peerId }, index) => {
      const guest = this.#meeting.guest(key);
      const linked = guest && this.#linked.get(guest);
      const here = this.#meeting.isPresent(peerId);
      const silent = guest?.connection.connectionState === 'disconnected';
      const state = linked ? (silent ? 'interrupted' : 'ready') : here ? 'connecting' : 'gone';
      if (key === own) return [];
      return [{ ...this.#person(key, name), isHost: index === 0, state, ...this.#linkView(key, linked) }];
    });
  }

  #leavers(): PersonView[] {
    return [...this.#gone].flatMap(([key, name]) =>
      this.#membership.member(key)
        ? []
        : [{ ...this.#person(key, name), isHost: false, state: 'gone' as const, ...this.#linkView(key, undefined) }],
    );
  }

  #linkView(key: string, linked: Linked | undefined): Pick<PersonView, 'path' | 'sas' | 'unseen'> {
    return {
      path: linked?.path ?? 'direct',
      sas: linked?.sas ?? [],
      unseen: linked ? this.#unseenBy(key) : 0,
    };
  }

  #person(key: string, name: string): Pick<PersonView, 'key' | 'label' | 'alias' | 'trust'> {
    const petname = this.#acquaintances.petname(key);
    return {
      key,
      label: petname || name,
      alias: petname && petname !== name ? name : '',
      trust: this.trust(key, name),
    };
  }

  #nameOf(key: string): string {
    return this.#membership.member(key)?.name ?? this.#meeting.guest(key)?.name ?? this.#gone.get(key) ?? '';
  }
}
