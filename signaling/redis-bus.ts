// Rooms in Redis, for any number of processes. Each room is one value that is replaced only by whoever read its newest
// version, and the new value is published in the same step: all processes see the same changes in the same order. A
// process has a lease; whoever sits at one that let it lapse is gone. Redis is trusted with what the server itself knows
// (room ids, peer ids, boxes on their way between processes, hashes of tokens and addresses) and keeps none of it for long.

import { randomBytes } from 'node:crypto';
import { createClient } from '@redis/client';
import { RateLimiterRedis, type RateLimiterAbstract } from 'rate-limiter-flexible';
import * as v from 'valibot';
import type { Bus, BusEvents, Mail } from './bus.ts';
import type { Room } from './rooms.ts';

const LEASE_MS = 5_000;
const BEAT_MS = 1_500;
/** Redis that says nothing for so long, though it is pinged, is out of reach. */
const SILENCE_MS = 4_000;
const PING_MS = 1_000;
const MAX_RETRY_MS = 1_000;
/** Longer than any room, and so than any socket in one. */
const SOCKETS_MS = 25 * 60 * 60 * 1000;
const KEPT_AT_ONCE = 500;

const NOW = `local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) `;
/** Room, list of rooms; before, after, how long to keep, id. */
const SWAP = `if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end ${NOW}
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1`;
/** List of rooms. */
const COUNT = `${NOW} redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) return redis.call('ZCARD', KEYS[1])`;
/** List of processes; this one, its lease. Answers whether it was known, and who is. */
const BEAT = `${NOW} redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return { known and 1 or 0, redis.call('ZRANGE', KEYS[1], 0, -1) }`;

const text = v.string();
const roomSchema = v.strictObject({
  rev: v.number(),
  createdAt: v.number(),
  closed: v.boolean(),
  members: v.array(v.strictObject({ peer: text, token: text, at: text, seat: v.number(), keeper: v.boolean() })),
  away: v.array(v.strictObject({ peer: text, token: text })),
  dropped: v.array(v.strictObject({ at: text, seat: v.number() })),
  door: v.exactOptional(text),
});
const mailSchema = v.strictObject({ to: text, from: text, box: text });
const roomText = v.pipe(text, v.parseJson(), roomSchema);
const heardSchema = v.pipe(text, v.parseJson(), v.union([roomSchema, mailSchema]));
const beatSchema = v.tuple([v.number(), v.array(text)]);

const PREFIX = 'doorstep:';
const ROOMS = `${PREFIX}rooms`;
const PROCESSES = `${PREFIX}processes`;
const SALT = `${PREFIX}salt`;
const roomKey = (id: string) => `${PREFIX}room:${id}`;

function client(url: string) {
  return createClient({
    url,
    // What cannot be done now is refused, and whoever asked comes back.
    disableOfflineQueue: true,
    pingInterval: PING_MS,
    maintNotifications: 'disabled',
    socket: {
      connectTimeout: SILENCE_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), MAX_RETRY_MS),
    },
  });
}

export class RedisBus implements Bus {
  readonly process = randomBytes(12).toString('base64url');
  readonly #events: BusEvents;
  readonly #ready: () => void;
  readonly #commands: ReturnType<typeof client>;
  readonly #heard: ReturnType<typeof client>;
  readonly #beating: ReturnType<typeof setInterval>;
  /** Of rooms that were read, the text they were read from: what they may be replaced against. */
  readonly #texts = new WeakMap<Room, string>();
  #live: ReadonlySet<string> = new Set();
  #isReady = false;
  /** Once Redis is back the others need as long as a lease to say that they live. */
  #knownAtMs = 0;
  #salt: Promise<string> | undefined;

  /** Connects in the background, again and again. `ready`: told the first time it is in reach. */
  constructor(url: string, events: BusEvents, ready: () => void = () => undefined) {
    this.#events = events;
    this.#ready = ready;
    this.#commands = client(url);
    this.#heard = client(url);
    for (const one of [this.#commands, this.#heard]) {
      one.on('error', () => this.#lost());
      one.on('ready', () => void this.#connected());
      one.connect().catch(() => undefined);
    }
    this.#beating = setInterval(() => void this.#look(), BEAT_MS).unref();
  }

  isLive(process: string): boolean {
    return process === this.process || this.#live.has(process) || performance.now() < this.#knownAtMs;
  }

  async listen(id: string): Promise<void> {
    this.#assertReady();
    await this.#heard.subscribe(roomKey(id), (message) => this.#hear(id, message));
  }

  unlisten(id: string): void {
    this.#heard.unsubscribe(roomKey(id)).catch(() => undefined);
  }

  async read(id: string): Promise<Room | undefined> {
    this.#assertReady();
    const found = await this.#commands.get(roomKey(id));
    if (found === null) return undefined;
    const room = this.#parse(found);
    // Whoever is not known to live may have come since the last look.
    if (room.members.some(({ at }) => !this.isLive(at))) await this.#beat();
    return room;
  }

  async swap(id: string, before: Room | undefined, after: Room, keepMs: number): Promise<boolean> {
    this.#assertReady();
    const swapped = await this.#commands.eval(SWAP, {
      keys: [roomKey(id), ROOMS],
      arguments: [(before && this.#texts.get(before)) ?? '', JSON.stringify(after), String(keepMs), id],
    });
    return swapped === 1;
  }

  async keep(ids: readonly string[], keepMs: number): Promise<void> {
    const score = Date.now() + keepMs;
    for (let at = 0; at < ids.length; at += KEPT_AT_ONCE) {
      const some = ids.slice(at, at + KEPT_AT_ONCE);
      const kept = some.map((id) => this.#commands.pExpire(roomKey(id), keepMs));
      await Promise.all([
        ...kept,
        this.#commands.zAdd(
          ROOMS,
          some.map((value) => ({ score, value })),
          { XX: true },
        ),
      ]);
    }
  }

  async count(): Promise<number> {
    return Number(await this.#commands.eval(COUNT, { keys: [ROOMS], arguments: [] }));
  }

  pass(id: string, mail: Mail): void {
    this.#commands.publish(roomKey(id), JSON.stringify(mail)).catch(() => undefined);
  }

  async sockets(address: string, here: number): Promise<number> {
    this.#assertReady();
    const key = `${PREFIX}sockets:${address}`;
    const commands = this.#commands;
    // Each process says how many it has, not how many more: what was lost mends itself.
    const noted = here ? commands.hSet(key, this.process, here) : commands.hDel(key, this.process);
    const [, , counts] = await Promise.all([noted, commands.pExpire(key, SOCKETS_MS), commands.hGetAll(key)]);
    const living = Object.entries(counts).filter(([process]) => this.isLive(process));
    return living.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  limiter(name: string, points: number, seconds: number): RateLimiterAbstract {
    return new RateLimiterRedis({
      ...{ storeClient: this.#commands, useRedisPackage: true, rejectIfRedisNotReady: true },
      ...{ keyPrefix: `${PREFIX}${name}`, points, duration: seconds },
    });
  }

  salt(): Promise<string> {
    this.#salt ??= this.#readSalt().catch((error: unknown) => {
      this.#salt = undefined;
      throw error;
    });
    return this.#salt;
  }

  close(): void {
    clearInterval(this.#beating);
    this.#isReady = false;
    // The others need not wait for the lease to lapse.
    void this.#commands
      .zRem(PROCESSES, this.process)
      .catch(() => undefined)
      .finally(() => [this.#commands, this.#heard].forEach((one) => one.destroy()));
  }

  #assertReady(): void {
    if (!this.#isReady) throw new Error('Redis is out of reach');
  }

  #parse(found: string): Room {
    const room = v.parse(roomText, found);
    this.#texts.set(room, found);
    return room;
  }

  #hear(id: string, message: string): void {
    const heard = v.safeParse(heardSchema, message);
    if (!heard.success) return;
    if ('box' in heard.output) this.#events.mail(id, heard.output);
    else this.#events.room(id, heard.output);
  }

  async #readSalt(): Promise<string> {
    this.#assertReady();
    await this.#commands.set(SALT, randomBytes(32).toString('base64url'), { condition: 'NX' });
    const salt = await this.#commands.get(SALT);
    if (!salt) throw new Error('Redis lost the salt');
    return salt;
  }

  /** Both connections are up: subscriptions have been made anew by then. */
  async #connected(): Promise<void> {
    if (!this.#commands.isReady || !this.#heard.isReady) return;
    try {
      await this.#beat();
    } catch {
      // Lost again: there will be another time.
      return;
    }
    this.#isReady = true;
    this.#knownAtMs = performance.now() + LEASE_MS;
    this.#salt = undefined;
    this.#events.back();
    this.#ready();
  }

  #lost(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#events.away();
  }

  async #look(): Promise<void> {
    try {
      await this.#beat();
      this.#events.died();
    } catch {
      // Out of reach: whoever lives is not known to be dead.
    }
  }

  async #beat(): Promise<void> {
    const answer = await this.#commands.eval(BEAT, { keys: [PROCESSES], arguments: [this.process, String(LEASE_MS)] });
    const [known, processes] = v.parse(beatSchema, answer);
    this.#live = new Set(processes);
    // The lease lapsed, or Redis lost everything: so are the seats here.
    if (!known && this.#isReady) this.#events.back();
  }
}
