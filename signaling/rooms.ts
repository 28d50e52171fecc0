// Who sits in which room: peer ids and the sockets behind them. Knows nothing of what they say to each other.

import { timingSafeEqual } from 'node:crypto';

/** One seat in a room. */
export interface Member<Socket> {
  readonly peer: string;
  readonly token: string;
  readonly socket: Socket;
}

export type Joined<Socket> =
  | { readonly ok: true; readonly others: readonly Member<Socket>[]; readonly replaced: Socket | undefined }
  | { readonly ok: false; readonly code: 'room-full' | 'seat-taken' | 'server-full' };

export interface RoomLimits {
  readonly maxPeers: number;
  readonly maxRooms: number;
}

export class Rooms<Socket> {
  readonly #limits: RoomLimits;
  readonly #rooms = new Map<string, Map<string, Member<Socket>>>();

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#rooms.size;
  }

  /** Takes a seat. A peer id that sits there already is taken over only with its own token. */
  join(room: string, member: Member<Socket>): Joined<Socket> {
    const members = this.#rooms.get(room) ?? new Map<string, Member<Socket>>();
    const before = members.get(member.peer);
    if (before && !sameToken(before.token, member.token)) return { ok: false, code: 'seat-taken' };
    if (!before && members.size >= this.#limits.maxPeers) return { ok: false, code: 'room-full' };
    if (!members.size && this.#rooms.size >= this.#limits.maxRooms) return { ok: false, code: 'server-full' };
    const others = [...members.values()].filter(({ peer }) => peer !== member.peer);
    members.set(member.peer, member);
    this.#rooms.set(room, members);
    return { ok: true, others, replaced: before?.socket };
  }

  member(room: string, peer: string): Member<Socket> | undefined {
    return this.#rooms.get(room)?.get(peer);
  }

  /** Gives up a seat, if it is still this socket's. Returns who is left to be told; undefined when nothing changed. */
  leave(room: string, peer: string, socket: Socket): readonly Member<Socket>[] | undefined {
    const members = this.#rooms.get(room);
    if (members?.get(peer)?.socket !== socket) return undefined;
    members.delete(peer);
    if (!members.size) this.#rooms.delete(room);
    return [...members.values()];
  }
}

function sameToken(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
