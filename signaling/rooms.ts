// A room as a value, and what can become of it: who sits where, the door, when it began. Pure: no clock, no socket; whoever
// keeps rooms (bus.ts) puts the new value in the place of the old one, and from the difference of the two follows who is
// told what. Knows nothing of what its people say to each other.

import type { Refusal } from '../src/protocol/signal.ts';

/** One seat. Of token and door secret only hashes are here: who reads the rooms can take nobody's seat. */
export interface Member {
  readonly peer: string;
  readonly token: string;
  /** The process that has the socket, and the number of the socket there. */
  readonly at: string;
  readonly seat: number;
  /** Showed the door secret. */
  readonly keeper: boolean;
}

export interface Room {
  /** Counts up with every change, so that what comes late is known as old. */
  readonly rev: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** The hash of the door secret, once somebody brought one. */
  readonly door?: string | undefined;
  readonly closed: boolean;
  readonly members: readonly Member[];
  /** Who left while the door was closed: they may come back. */
  readonly away: readonly Pick<Member, 'peer' | 'token'>[];
  /** Whom the last change dropped: any other seat that is missing was lost, and is put back. */
  readonly dropped: readonly Pick<Member, 'at' | 'seat'>[];
}

/** Who asks for a seat; `door` is the hash of the secret they show. */
export interface Arrival extends Omit<Member, 'keeper'> {
  readonly door?: string | undefined;
}

/** One for all: there are many rooms, and next to none where anybody is away or dropped. */
const NOBODY: readonly never[] = [];

export function newRoom(now: number): Room {
  return { rev: 0, createdAt: now, door: undefined, closed: false, members: NOBODY, away: NOBODY, dropped: NOBODY };
}

function changed(room: Room, changes: Partial<Room>): Room {
  const { createdAt, door, closed, members, away, dropped = NOBODY } = { ...room, dropped: undefined, ...changes };
  // Written out, all rooms are of one shape: one of its own for each costs memory.
  return { rev: room.rev + 1, createdAt, door, closed, members, away, dropped };
}

/**
 * Takes a seat. A peer id that sits there already is taken over only with its own token. Whoever first brings a door
 * secret while there is none sets it; who shows it comes through a closed door and finds a seat in a full room.
 */
export function join(room: Room, arrival: Arrival, maxPeers: number): Room | Refusal {
  const { peer, token, at, seat, door: shown } = arrival;
  const door = room.door ?? shown;
  const keeper = shown !== undefined && shown === door;
  const owns = (held: Pick<Member, 'peer' | 'token'>) => held.peer === peer && held.token === token;
  const before = room.members.find((member) => member.peer === peer);
  const others = room.members.filter((member) => member !== before);
  const isKept = others.some((member) => member.keeper);
  // While no keeper is there, one seat waits for them; one who comes to a room filled before it had a door sits beside.
  const free = maxPeers - others.length - (keeper || isKept || room.door === undefined ? 0 : 1);
  if (before) {
    if (!owns(before)) return 'seat-taken';
  } else if (!keeper || isKept) {
    if (!keeper && room.closed && !room.away.some(owns)) return 'door-closed';
    if (free <= 0) return 'room-full';
  }
  return changed(room, {
    door,
    // Not spread: that leaves room for sixteen more.
    members: others.concat({ peer, token, at, seat, keeper }),
    away: room.away.length ? room.away.filter((gone) => gone.peer !== peer) : NOBODY,
  });
}

/** Gives up a seat, if it is still this socket's. */
export function leave(room: Room, { at, seat }: Pick<Member, 'at' | 'seat'>): Room {
  const left = room.members.find((member) => member.at === at && member.seat === seat);
  return left ? without(room, [left]) : room;
}

/** Lets go of the seats of processes that are gone. */
export function bury(room: Room, isLive: (process: string) => boolean): Room {
  const dead = room.members.filter(({ at }) => !isLive(at));
  return dead.length ? without(room, dead) : room;
}

function without(room: Room, gone: readonly Member[]): Room {
  const away = gone.map(({ peer, token }) => ({ peer, token }));
  return changed(room, {
    members: room.members.filter((member) => !gone.includes(member)),
    ...(room.closed && { away: [...room.away, ...away] }),
  });
}

/** Opens the door or shuts out whoever is not in the room. Only for who showed the secret: nothing happens for others. */
export function closeDoor(room: Room, by: string, closed: boolean): Room {
  if (!isKeeper(room, by) || room.closed === closed) return room;
  return changed(room, { closed, ...(!closed && { away: NOBODY }) });
}

/** Takes a peer id's seat away. Only for who showed the secret: nothing happens for others. */
export function drop(room: Room, by: string, peer: string): Room {
  if (!isKeeper(room, by)) return room;
  const isOther = (held: Pick<Member, 'peer'>) => held.peer !== peer;
  if (room.members.every(isOther) && room.away.every(isOther)) return room;
  const dropped = room.members.filter((member) => !isOther(member)).map(({ at, seat }) => ({ at, seat }));
  return changed(room, { members: room.members.filter(isOther), away: room.away.filter(isOther), dropped });
}

const isKeeper = (room: Room, peer: string) => room.members.some((member) => member.peer === peer && member.keeper);

/**
 * The room with exactly these seats of a process in it: after what was kept of it was lost or is old. Seats somebody took
 * over elsewhere stay theirs. `known`: the room as this process last saw it; of a room that was lost, the others in it are
 * taken to be there still, until their processes say otherwise or are found dead.
 */
export function restore(room: Room | undefined, known: Room, at: string, own: readonly Member[]): Room {
  const base = room ?? known;
  const members = base.members.filter((member) => member.at !== at || own.some(({ seat }) => seat === member.seat));
  const missing = own.filter((member) => !members.some(({ peer }) => peer === member.peer));
  if (room && !missing.length && members.length === room.members.length) return room;
  const door = base.door ?? known.door;
  return {
    ...base,
    ...(door !== undefined && { door }),
    createdAt: Math.min(base.createdAt, known.createdAt),
    rev: Math.max(base.rev, known.rev) + 1,
    members: [...members, ...missing],
    dropped: NOBODY,
  };
}
