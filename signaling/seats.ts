// Who sits in which room, as far as this process has their sockets: takes and gives up seats through the bus, and tells
// each of its sockets what became of its room, from the difference between what the room was and what it is.

import { setTimeout as sleep } from 'node:timers/promises';
import type { FromServer, Refusal } from '../src/protocol/signal.ts';
import type { Bus, BusEvents } from './bus.ts';
import type { Metrics } from './metrics.ts';
import { bury, closeDoor, drop, join, leave, newRoom, restore, type Arrival, type Member, type Room } from './rooms.ts';

/** A socket, as far as rooms go. */
export interface Sitter {
  /** Its number, new for every socket of this process. */
  readonly seat: number;
  /** Its seat, once it was told that it has one. */
  member: Member | undefined;
  tell(message: FromServer): void;
  /** Tells why, and closes. */
  refuse(code: Refusal): void;
}

export interface SeatSettings {
  readonly maxPeers: number;
  readonly maxRooms: number;
  readonly emptyRoomMs: number;
  readonly roomMs: number;
}

/** A room with somebody from here in it. */
interface Here {
  readonly listening: Promise<void>;
  /** As it was last heard of. */
  room: Room | undefined;
  /** Few: a list is smaller than a map, and there are many rooms. */
  sitters: readonly Sitter[];
}

/** A change that was overtaken so often is given up. */
const MAX_TRIES = 32;
/** How often rooms are looked at: are they over? */
const TICK_MS = 1_000;

type Change = (room: Room | undefined) => Room | Refusal | undefined | Promise<Room | Refusal | undefined>;

export class Seats implements BusEvents {
  readonly #bus: Bus;
  readonly #settings: SeatSettings;
  readonly #metrics: Pick<Metrics, 'count'>;
  readonly #here = new Map<string, Here>();
  /** Seats that could not be given up while the bus was away. */
  readonly #owed = new Map<number, string>();
  readonly #ticking: ReturnType<typeof setInterval>;
  #keptAt = Date.now();

  constructor(openBus: (events: BusEvents) => Bus, settings: SeatSettings, metrics: Pick<Metrics, 'count'>) {
    this.#settings = settings;
    this.#metrics = metrics;
    this.#bus = openBus(this);
    this.#ticking = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** Rooms with somebody from here in them. */
  get size(): number {
    return this.#here.size;
  }

  get bus(): Bus {
    return this.#bus;
  }

  /**
   * Takes a seat; who got one is told so by itself. `mayCreate`: asked when there is no such room yet. Resolves with the
   * refusal, if it is one; rejects while the bus is out of reach.
   */
  async take(
    id: string,
    sitter: Sitter,
    arrival: Omit<Arrival, 'at' | 'seat'>,
    mayCreate: () => Promise<boolean>,
  ): Promise<Refusal | undefined> {
    const { maxPeers, maxRooms, roomMs } = this.#settings;
    const bus = this.#bus;
    const here = this.#here.get(id) ?? { listening: bus.listen(id), room: undefined, sitters: [] };
    this.#here.set(id, here);
    here.sitters = here.sitters.concat(sitter);
    let mayBegin = false;
    try {
      await here.listening;
      const refusal = await this.#change(id, async (room) => {
        if (room && room.createdAt + roomMs <= Date.now()) return 'room-expired';
        if (!room && !mayBegin) {
          if ((await bus.count()) >= maxRooms) return 'server-full';
          if (!(await mayCreate())) return 'too-many-rooms';
          mayBegin = true;
        }
        const living = room && bury(room, (process) => bus.isLive(process));
        return join(living ?? newRoom(Date.now()), { ...arrival, at: bus.process, seat: sitter.seat }, maxPeers);
      });
      if (refusal) this.#forget(id, sitter.seat);
      return refusal;
    } catch (error) {
      this.#forget(id, sitter.seat);
      // It may have been taken all the same, and only the answer lost.
      this.#owed.set(sitter.seat, id);
      throw error;
    }
  }

  /** A socket is gone: so is its seat. */
  async giveUp(id: string, seat: number): Promise<void> {
    this.#forget(id, seat);
    try {
      await this.#change(id, (room) => room && leave(room, { at: this.#bus.process, seat }));
    } catch {
      this.#owed.set(seat, id);
    }
  }

  /** Moves a box to a peer id of a room; false when nobody of that name is there. */
  deliver(id: string, from: string, to: string, box: string): boolean {
    const here = this.#here.get(id);
    const member = here?.room?.members.find(({ peer }) => peer === to);
    if (!here || !member) return false;
    if (member.at === this.#bus.process) sitterOf(here, member)?.tell({ type: 'box', from, box });
    else this.#bus.pass(id, { to, from, box });
    return true;
  }

  async closeDoor(id: string, by: string, closed: boolean): Promise<void> {
    await this.#change(id, (room) => room && closeDoor(room, by, closed));
  }

  async drop(id: string, by: string, peer: string): Promise<void> {
    await this.#change(id, (room) => room && drop(room, by, peer));
  }

  close(): void {
    clearInterval(this.#ticking);
    this.#bus.close();
  }

  room(id: string, after: Room): void {
    const here = this.#here.get(id);
    if (!here) return;
    const before = here.room;
    // What was read while newer news was on its way.
    if (before && before.createdAt === after.createdAt && after.rev <= before.rev) return;
    here.room = after;
    this.#tellOf(id, here, before, after);
  }

  mail(id: string, { to, from, box }: { to: string; from: string; box: string }): void {
    const here = this.#here.get(id);
    const member = here?.room?.members.find(({ peer, at }) => peer === to && at === this.#bus.process);
    if (here && member) sitterOf(here, member)?.tell({ type: 'box', from, box });
  }

  back(): void {
    this.#metrics.count('bus back');
    for (const [seat, id] of this.#owed) {
      this.#owed.delete(seat);
      void this.giveUp(id, seat);
    }
    for (const [id, here] of this.#here) void this.#restore(id, here).catch(() => undefined);
  }

  died(): void {
    const isLive = (process: string) => this.#bus.isLive(process);
    for (const [id, { room }] of this.#here) {
      if (!room || bury(room, isLive) === room) continue;
      void this.#change(id, (now) => now && bury(now, isLive)).catch(() => undefined);
    }
  }

  away(): void {
    // Whoever sits goes on sitting.
    this.#metrics.count('bus lost');
  }

  #tellOf(id: string, here: Here, before: Room | undefined, after: Room): void {
    const was = before?.members ?? [];
    const left = was.filter(({ peer }) => after.members.every((member) => member.peer !== peer));
    const arrived = after.members.filter((member) => !was.some((one) => isSame(one, member)));
    let isLost = false;
    for (const one of here.sitters) {
      const own = { at: this.#bus.process, seat: one.seat };
      const mine = after.members.find((member) => isSame(member, own));
      if (mine && one.member) {
        for (const { peer } of left) one.tell({ type: 'left', peer });
        for (const { peer } of arrived) if (peer !== mine.peer) one.tell({ type: 'arrived', peer });
      } else if (mine) {
        one.member = mine;
        one.tell({
          type: 'joined',
          peers: after.members.flatMap(({ peer }) => (peer === mine.peer ? [] : peer)),
        });
      } else if (one.member) {
        const { peer } = one.member;
        const isReplaced = after.members.some((member) => member.peer === peer);
        if (isReplaced || after.dropped.some((member) => isSame(member, own))) {
          one.member = undefined;
          one.refuse(isReplaced ? 'replaced' : 'dropped');
        } else isLost = true;
      }
    }
    if (isLost) void this.#restore(id, here).catch(() => undefined);
  }

  #forget(id: string, seat: number): void {
    const here = this.#here.get(id);
    if (!here) return;
    here.sitters = here.sitters.filter((sitter) => sitter.seat !== seat);
    if (here.sitters.length) return;
    this.#here.delete(id);
    this.#bus.unlisten(id);
  }

  /** Changes a room from what it is, again and again while others are faster. Resolves with a refusal, if it comes to one. */
  async #change(id: string, change: Change): Promise<Refusal | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = await this.#bus.read(id);
      const after = await change(before);
      if (typeof after === 'string') return after;
      if (after === before) return undefined;
      if (!after || (await this.#bus.swap(id, before, after, this.#keepMs(after)))) return undefined;
      await sleep(Math.random() * 2 * tries);
    }
    throw new Error('overtaken');
  }

  /** How long a room is kept when nobody keeps it. */
  #keepMs({ createdAt }: Room): number {
    const { emptyRoomMs, roomMs } = this.#settings;
    return Math.max(1, Math.min(emptyRoomMs, createdAt + roomMs - Date.now()));
  }

  /** Puts back what was lost of the seats here, and hears what was missed. */
  async #restore(id: string, here: Here): Promise<void> {
    let found: Room | undefined;
    await this.#change(id, (room) => {
      found = room;
      const own = here.sitters.flatMap(({ member }) => member ?? []);
      return here.room ? restore(room, here.room, this.#bus.process, own) : room;
    });
    if (found) this.room(id, found);
  }

  #tick(): void {
    const now = Date.now();
    const { emptyRoomMs, roomMs } = this.#settings;
    // The bus lets go of a room by itself; each process tells its own people.
    for (const { room, sitters } of this.#here.values()) {
      if (!room || room.createdAt + roomMs > now) continue;
      for (const sitter of sitters) sitter.refuse('room-expired');
    }
    if (now - this.#keptAt < emptyRoomMs / 3) return;
    this.#keptAt = now;
    const lasts = ({ room }: Here) => !room || room.createdAt + roomMs > now + emptyRoomMs;
    const lasting = [...this.#here].flatMap(([id, here]) => (lasts(here) ? id : []));
    void this.#bus.keep(lasting, emptyRoomMs).catch(() => undefined);
  }
}

function sitterOf({ sitters }: Here, { seat }: Member): Sitter | undefined {
  return sitters.find((sitter) => sitter.seat === seat);
}

function isSame(a: Pick<Member, 'at' | 'seat'>, b: Pick<Member, 'at' | 'seat'>): boolean {
  return a.at === b.at && a.seat === b.seat;
}
