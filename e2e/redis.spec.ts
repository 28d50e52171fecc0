// Two server processes that share rooms through a real Redis, behind one address: one is killed, Redis is killed, and people
// meet all the same.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { toBase64url } from '../src/protocol/bytes.ts';
import { SignalingServer, type SignalingEvents } from '../src/rendezvous/signaling-server.ts';
import { Redis } from '../src/testing/redis.ts';
import { expect, test as base } from './fixtures.ts';
import { Server } from './server.ts';

const id = (seed: number) => toBase64url(new Uint8Array(16).fill(seed));
const [ROOM, TOKEN] = [id(101), id(102)];

/** Like a browser's: what nobody listens to is no uncaught error. */
class BrowserSocket extends WebSocket {
  constructor(url: string) {
    super(url);
    this.on('error', () => undefined);
  }
}

/** One address in front of several servers, as a load balancer is: whoever connects comes to the next that answers. */
class Balancer {
  readonly #targets: readonly number[];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#pass(socket));
  #next = 0;

  constructor(targets: readonly number[]) {
    this.#targets = targets;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(socket: Socket, tries = 0): void {
    const target = connect(this.#targets[this.#next++ % this.#targets.length] ?? 0, '127.0.0.1');
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    target.on('connect', () => {
      socket.pipe(target).pipe(socket);
      socket.on('close', () => target.destroy());
      target.on('close', () => socket.destroy());
    });
    target.on('error', () => {
      if (target.connecting || tries >= this.#targets.length) socket.destroy();
      else this.#pass(socket, tries + 1);
    });
  }
}

/** A page's carrier: who it thinks is there, and what it heard. */
class Visitor {
  readonly peer: string;
  readonly present = new Set<string>();
  readonly boxes: string[] = [];
  readonly losses: string[] = [];
  readonly carrier: SignalingServer;
  isIn = false;

  constructor(port: number, peer: string) {
    this.peer = peer;
    const events: SignalingEvents = {
      joined: (present) => {
        this.isIn = true;
        this.present.clear();
        for (const one of present) this.present.add(one);
      },
      arrived: (one) => this.present.add(one),
      left: (one) => this.present.delete(one),
      box: (from, box) => this.boxes.push(`${from} ${box.join()}`),
      lost: ({ code }) => {
        this.isIn = false;
        this.losses.push(code);
      },
      refused: ({ code }) => this.losses.push(`for good: ${code}`),
      ice: () => undefined,
    };
    const seat = { room: ROOM, peer, token: TOKEN };
    this.carrier = new SignalingServer(`ws://127.0.0.1:${port}/signal`, seat, events);
  }

  async sees(...others: string[]): Promise<void> {
    await expect
      .poll(() => [this.isIn, ...[...this.present].sort()], { timeout: 10_000 })
      .toEqual([true, ...others.sort()]);
  }

  async reaches(other: Visitor): Promise<void> {
    const word = Math.floor(Math.random() * 256);
    this.carrier.send(other.peer, new Uint8Array([word]));
    await expect.poll(() => other.boxes).toContain(`${this.peer} ${word}`);
  }
}

interface Shared {
  readonly redis: Redis;
  readonly servers: readonly [Server, Server];
  readonly visit: (at: number | 'balancer', seed: number) => Visitor;
}

const test = base.extend<{ shared: Shared }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of this pattern
  shared: async ({}, use) => {
    Object.assign(globalThis, { WebSocket: BrowserSocket });
    const redis = await Redis.start();
    const start = () => Server.start(0, ['--redis', redis.url]);
    const servers = [await start(), await start()] as const;
    const balancer = new Balancer(servers.map(({ port }) => port));
    const port = await balancer.listen();
    const visitors: Visitor[] = [];
    await use({
      redis,
      servers,
      visit: (at, seed) => {
        const visitor = new Visitor(at === 'balancer' ? port : (servers[at]?.port ?? 0), id(seed));
        visitors.push(visitor);
        return visitor;
      },
    });
    for (const { carrier } of visitors) carrier.close();
    balancer.close();
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  },
});

test('people on two servers are in one room, and find each other again when one server is killed', async ({
  shared,
}) => {
  const { servers, visit } = shared;
  const everybody = [1, 2, 3, 4].map((seed) => visit('balancer', seed));
  const others = (one: Visitor) => everybody.filter((other) => other !== one).map(({ peer }) => peer);
  await Promise.all(everybody.map((one) => one.sees(...others(one))));
  for (const one of everybody) for (const other of everybody) if (one !== other) await one.reaches(other);

  await servers[0].stop('SIGKILL');
  const killedAt = Date.now();
  await expect.poll(() => everybody.flatMap(({ losses }) => losses).length, { intervals: [20] }).toBe(2);
  await Promise.all(everybody.map((one) => one.sees(...others(one))));
  expect(Date.now() - killedAt).toBeLessThan(10_000);
  for (const one of everybody) for (const other of everybody) if (one !== other) await one.reaches(other);
  expect(everybody.flatMap(({ losses }) => losses)).toEqual(['no-signaling', 'no-signaling']);
});

test('who does not come back from a killed server is told to have left', async ({ shared }) => {
  const { servers, visit } = shared;
  const [alice, bob] = [visit(0, 1), visit(1, 2)];
  await alice.sees(bob.peer);
  await bob.sees(alice.peer);
  await servers[0].stop('SIGKILL');
  alice.carrier.close();
  await bob.sees();
  // The seat is free, for somebody new as well.
  const carol = visit(1, 1);
  await carol.sees(bob.peer);
});

test('Redis is killed and comes back: sockets stay, newcomers are told to wait, and get in by themselves', async ({
  shared,
}) => {
  const { redis, visit } = shared;
  const [alice, bob, carol] = [visit(0, 1), visit(0, 2), visit(1, 3)];
  await alice.sees(bob.peer, carol.peer);
  await bob.sees(alice.peer, carol.peer);
  await carol.sees(alice.peer, bob.peer);
  await redis.kill();
  const dave = visit(1, 4);
  await expect.poll(() => dave.losses).toEqual(['no-signaling']);
  await alice.reaches(bob);
  await redis.restart();
  await dave.sees(alice.peer, bob.peer, carol.peer);
  await alice.sees(bob.peer, carol.peer, dave.peer);
  await alice.reaches(carol);
  await carol.reaches(dave);
  expect([alice, bob, carol].flatMap(({ losses }) => losses)).toEqual([]);
});
