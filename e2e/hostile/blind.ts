// What a server can do that has not got the link: boxes are sealed to it, and all it knows is who sent which to whom.

import { fromBase64url, randomBytes, toBase64url } from '../../src/protocol/bytes.ts';
import { invented, type Attack, type HostileServer, type Mail, type Seat } from './server.ts';

const DELAYS_MS = [300, 1_000, 650];
const REORDER_MS = 200;
const CROWD = 40;

function bytesOf({ box }: Mail): Uint8Array<ArrayBuffer> {
  return fromBase64url(box) ?? new Uint8Array();
}

function noiseLike(mail: Mail): Mail {
  return { ...mail, box: toBase64url(randomBytes(bytesOf(mail).length)) };
}

export const noise: Attack = { box: (mail, server) => server.deliver(noiseLike(mail)) };

/** In the place of each box one that was sealed for somebody else, of this room or of another. */
export function otherBoxes(): Attack {
  return {
    box: (mail, server) => {
      const other = server.seen.findLast(({ to }) => to !== mail.to) ?? noiseLike(mail);
      server.deliver({ ...mail, box: other.box });
    },
  };
}

/** One bit of every box, each time another one: of the nonce, of the seal, of what is sealed. */
export function flippedBits(): Attack {
  let count = 0;
  return {
    box: (mail, server) => {
      const bytes = bytesOf(mail);
      const at = (count++ * 7) % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (count % 8));
      server.deliver({ ...mail, box: toBase64url(bytes) });
    },
  };
}

/** In the place of every box the one that was sent at that point of an earlier visit, by the same to the same. */
export function yesterdays(seen: readonly Mail[]): Attack {
  const before = [...seen];
  const counts = new Map<string, number>();
  return {
    box: (mail, server) => {
      const way = `${mail.from} ${mail.to}`;
      const then = before.filter(({ from, to }) => from === mail.from && to === mail.to);
      const count = counts.get(way) ?? 0;
      counts.set(way, count + 1);
      const old = then[count % then.length];
      if (!old) throw new Error('nothing was recorded yesterday');
      server.deliver(old);
    },
  };
}

/** Two rooms spliced: whoever comes into one is told of those in the other, and boxes go across. */
export function spliced(): Attack {
  const attack: Attack = {
    joined: (seat, server) => {
      const across = server.seats(attack).filter(({ room }) => room !== seat.room);
      server.tell(seat.socket, { type: 'joined', peers: across.map(({ peer }) => peer) });
      for (const { socket } of across) server.tell(socket, { type: 'arrived', peer: seat.peer });
    },
  };
  return attack;
}

/** A copy of the room for whoever comes from now on, in which everybody has another peer id; boxes are relayed. */
export class Mirror implements Attack {
  readonly #aliases = new Map<string, string>();
  readonly #inside = new Set<string>();

  joined(seat: Seat, server: HostileServer): void {
    this.#inside.add(seat.peer);
    const others = server.others(seat);
    server.tell(seat.socket, { type: 'joined', peers: others.map(({ peer }) => this.#alias(peer)) });
    for (const { socket } of others) server.tell(socket, { type: 'arrived', peer: this.#alias(seat.peer) });
  }

  box(mail: Mail, server: HostileServer): void {
    const [real] = [...this.#aliases].find(([, alias]) => alias === mail.to) ?? [];
    if (real) server.deliver({ ...mail, from: this.#alias(mail.from), to: real });
    // Those who were there before go on as if nothing had happened.
    else if (!this.#inside.has(mail.from)) server.deliver(mail);
  }

  #alias(peer: string): string {
    const alias = this.#aliases.get(peer) ?? invented();
    this.#aliases.set(peer, alias);
    return alias;
  }
}

export const dropped: Attack = { box: () => undefined };

/** Everybody is told that they are alone. */
export const hidden: Attack = { joined: ({ socket }, server) => server.tell(socket, { type: 'joined', peers: [] }) };

/** Nobody is told anything. */
export const silent: Attack = { joined: () => undefined };

/** Late, and not in the order they were sent in. */
export function delayed(): Attack {
  let count = 0;
  return { box: (mail, server) => void setTimeout(() => server.deliver(mail), DELAYS_MS[count++ % DELAYS_MS.length]) };
}

export const doubled: Attack = {
  box: (mail, server) => {
    server.deliver(mail);
    server.deliver(mail);
  },
};

/** The last first: candidates before their offer, and before their answer. */
export function reordered(): Attack {
  const held: Mail[] = [];
  const release = (server: HostileServer) => {
    for (const mail of held.splice(0).reverse()) server.deliver(mail);
  };
  return {
    box: (mail, server) => {
      if (!held.length) setTimeout(() => release(server), REORDER_MS);
      held.push(mail);
    },
  };
}

/** A crowd that does not exist, and sends noise and copies of what was really sent. */
export function crowd(): Attack {
  const people = Array.from({ length: CROWD }, invented);
  return {
    joined: (seat, server) => {
      server.introduce(seat);
      for (const { peer: to, socket } of server.seats(seat.room)) {
        for (const from of people) {
          server.tell(socket, { type: 'arrived', peer: from });
          server.deliver({ from, to, box: toBase64url(randomBytes(296)) });
        }
      }
    },
    box: (mail, server) => {
      server.deliver(mail);
      for (const from of people.slice(0, 8)) server.deliver({ ...mail, from });
    },
  };
}
