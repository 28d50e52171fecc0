// Stories of three people who offer, accept and change their minds while some of them lie: what the consent invariants
// (safety.md, C1 to C20) are held against. A story is a list of steps, and the same list is always the same story.

import fc from 'fast-check';
import { vi } from 'vitest';
import { randomBytes, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { decodeFrame, encodeData, encodeRequest } from '../protocol/frames.ts';
import { KiB, MiB } from '../protocol/limits.ts';
import type { Message, MessageOf } from '../protocol/messages.ts';
import { acceptedTogether } from '../room/incoming-file.ts';
import type { IncomingView } from '../room/views.ts';
import { Doorsteps, fileOf, isData, nameOfOffer, type Book, type End, type Neighbour } from './doorsteps.ts';
import { noise } from './noise.ts';
import { settle } from './scheduler.ts';

const verbs = {
  often: ['hear', 'carry', 'hear', 'carry', 'accept'],
  plain: [
    ...['offer', 'offer', 'offer on', 'accept all', 'decline', 'undo', 'cancel', 'pause', 'resume', 'save'],
    ...['withdraw', 'pause to', 'resume to', 'part', 'meet', 'reload', 'wait', 'wait long'],
  ],
  hostile: [
    ...['spoil', 'replay an accept', 'alter an accept', 'accept another’s', 'ask for anything', 'send anything'],
    ...['lie about a root', 'send again', 'say anything', 'offer the known'],
  ],
} as const;
export type Verb = (typeof verbs)[keyof typeof verbs][number];
export type Step = readonly [verb: Verb, who: number, whom: number, which: number];

/** Arbitrary stories; `more`: verbs that are to happen oftener. */
export function stories(...more: readonly Verb[]): fc.Arbitrary<readonly Step[]> {
  const verb = fc.constantFrom<Verb[]>(
    ...verbs.often,
    ...verbs.often,
    ...verbs.plain,
    ...verbs.hostile,
    ...more,
    ...more,
  );
  // Most begin with something to decide about: a story of nothing holds every promise.
  const begin = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(3)).map(([one, two, skipped]): Step[] => [
    ['offer', 0, 0, one],
    ['offer', 1, 0, two],
    ['hear', 0, 0, 3],
    ['hear', 0, 1, 3],
    ['accept', 1, 0, 0],
    ...(skipped
      ? ([
          ['hear', 0, 0, 3],
          ['carry', 0, 0, one],
        ] satisfies Step[])
      : []),
  ]);
  const rest = fc.array(fc.tuple(verb, fc.nat(2), fc.nat(1), fc.nat(99)), { maxLength: 40 });
  return fc.tuple(begin, rest).map(([before, after]) => [...before, ...after]);
}

const NAMES = ['a.txt', 'b.exe', 'dir/c.txt', 'd', 'e.pdf'];
/** No two files of a story have the same size: staging knows nothing else of a file. */
const SIZES = [0, 1, 20 * KiB, 70 * KiB, 70 * KiB, 200 * KiB, MiB + 10 * KiB];

/** What a story remembers, to be held against what was done. */
export class Memory {
  /** What everyone said, and on which end. */
  readonly said: { readonly end: End; readonly message: Message }[] = [];
  /** Frames that carried bytes, as they were sent. */
  readonly frames: { readonly end: End; readonly frame: Bytes }[] = [];
  /** Files by their size. */
  readonly files = new Map<
    number,
    { readonly owner: Neighbour; readonly file: File; readonly path: string; withdrawn: boolean }
  >();
  /** `owner peer path`: whom an owner named for a file. */
  readonly named = new Set<string>();
  /** `person id`: rows on which save was pressed. */
  readonly saves = new Set<string>();
}

export class Story {
  readonly world: Doorsteps;
  readonly memory = new Memory();
  readonly violations: string[] = [];
  /** Runs after every step, when all that came of it at once has come. */
  after: (verb: Verb, who: Neighbour) => void = () => undefined;

  constructor(watch: (story: Story) => Partial<Book> = () => ({})) {
    const told: { book: Partial<Book> } = { book: {} };
    const { memory } = this;
    this.world = new Doorsteps(['alice', 'bob', 'carol'], {
      sent: (end, frame) => {
        if (frame.kind === 'data') {
          const { stream, piece, offset, hash = new Uint8Array(), bytes } = frame;
          memory.frames.push({ end, frame: encodeData(stream, piece, offset, hash, bytes) });
        }
        told.book.sent?.(end, frame);
      },
      said: (end, message) => {
        memory.said.push({ end, message });
        told.book.said?.(end, message);
      },
      heard: (end, message) => told.book.heard?.(end, message),
      read: (by, file) => told.book.read?.(by, file),
      wrote: (by, place, at, bytes) => told.book.wrote?.(by, place, at, bytes),
      logged: (by, activity) => told.book.logged?.(by, activity),
    });
    told.book = watch(this);
  }

  violated(what: string): void {
    this.violations.push(what);
  }

  async tell(steps: readonly Step[]): Promise<void> {
    const [alice, bob, carol] = this.world.people as [Neighbour, Neighbour, Neighbour];
    await this.world.meet(alice, bob);
    await this.world.meet(alice, carol);
    await this.world.meet(bob, carol);
    for (const [verb, who, whom, which] of steps) {
      const person = this.world.people[who] ?? alice;
      const other = this.world.people.filter((one) => one !== person)[whom] ?? bob;
      await this.#take(verb, person, other, which);
      await settle();
      this.world.endFaulty();
      this.after(verb, person);
    }
  }

  /** Lets everything come to its end. */
  async finish(): Promise<void> {
    await this.world.finish((ms) => this.#pass(ms));
  }

  #pass(ms: number): void {
    this.world.nowMs += ms;
    vi.advanceTimersByTime(ms);
  }

  async #take(verb: Verb, person: Neighbour, other: Neighbour, which: number): Promise<void> {
    const { world, memory } = this;
    const { incoming, outgoing } = person;
    const pick = <T>(list: readonly T[]): T | undefined => list[which % Math.max(1, list.length)];
    const row = (...states: IncomingView['state'][]) =>
      pick(incoming.view().filter(({ state }) => !states.length || states.includes(state)));
    const own = () => pick(outgoing.view().filter(({ withdrawn }) => !withdrawn));
    const end = other.sessions.get(person.name);
    const both = [
      [person, other],
      [other, person],
    ] as const;
    switch (verb) {
      case 'hear':
        for (let i = 0; i <= which % 4; i++) for (const [from, to] of both) world.hear(from, to);
        return;
      case 'carry':
        for (let i = 0; i <= which % 12; i++) {
          for (const [from, to] of both) world.carry(from, to);
          await settle();
        }
        return;
      case 'spoil':
        world.carry(person, other, (frame) => {
          if (isData(decodeFrame(frame.slice().buffer))) frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 1;
        });
        return;
      case 'offer': {
        const size = (SIZES[which % SIZES.length] ?? 0) + 8 * memory.files.size;
        const path = `${memory.files.size}/${NAMES[which % NAMES.length] ?? ''}`;
        const file = fileOf(path, noise(size, size));
        memory.files.set(size, { owner: person, file, path, withdrawn: false });
        outgoing.add([{ file, path }]);
        for (const peer of person.sessions.keys()) await this.#name(person, peer);
        return;
      }
      case 'offer on':
        return this.#name(person, other.name);
      case 'accept': {
        const file = row('offered');
        if (file) this.#yes(person, [file.id]);
        return;
      }
      case 'accept all': {
        this.#yes(person, acceptedTogether(incoming.view()));
        return;
      }
      case 'decline': {
        incoming.decline(row('offered')?.id ?? '');
        return;
      }
      case 'undo': {
        incoming.undoDecline(row('declined')?.id ?? '');
        return;
      }
      case 'cancel': {
        incoming.cancel(row()?.id ?? '');
        return;
      }
      case 'pause': {
        incoming.pause(row('receiving')?.id ?? '');
        return;
      }
      case 'resume': {
        incoming.resume(row('paused')?.id ?? '');
        return;
      }
      case 'save': {
        const file = which % 3 ? row('verified') : row();
        if (file) memory.saves.add(`${person.name} ${file.id}`);
        incoming.markSaved(file ? [file.id] : []);
        return;
      }
      case 'withdraw': {
        const file = own();
        if (!file) return;
        const known = memory.files.get(file.size);
        if (known) known.withdrawn = true;
        outgoing.withdraw(file.id);
        return;
      }
      case 'pause to': {
        outgoing.pause(own()?.id ?? '', other.name);
        return;
      }
      case 'resume to': {
        outgoing.resume(own()?.id ?? '', other.name);
        return;
      }
      case 'part': {
        world.part(person, other);
        return;
      }
      case 'meet':
        return world.meet(person, other);
      case 'reload': {
        world.reload(person);
        return;
      }
      case 'wait': {
        this.#pass(300);
        return;
      }
      case 'wait long': {
        this.#pass(5_100);
        return;
      }
      default:
        if (end) this.#lie(verb, person, end, which);
    }
  }

  async #name(person: Neighbour, peer: string): Promise<void> {
    for (const { path } of person.outgoing.view()) this.memory.named.add(`${person.name} ${peer} ${path}`);
    await person.outgoing.offerTo(peer);
  }

  #yes(person: Neighbour, ids: readonly string[]): void {
    for (const id of ids) person.yes.add(id);
    person.incoming.accept(ids);
  }

  /** What somebody without our code may send to `end`. */
  #lie(verb: Verb, liar: Neighbour, end: End, which: number): void {
    const { world, memory } = this;
    const pick = <T>(list: readonly T[]): T | undefined => list[which % Math.max(1, list.length)];
    const sayings = <T extends Message['type']>(type: T, of: (end: End) => boolean) =>
      memory.said.flatMap(({ end: on, message }) =>
        message.type === type && of(on) ? [{ on, message: message as MessageOf<T> }] : [],
      );
    const accepts = sayings('accept', ({ owner }) => owner === liar).map(({ message }) => message);
    const offers = sayings('offer', ({ owner }) => owner === end.owner);
    const stream = which * 7 + 1;
    switch (verb) {
      case 'replay an accept': {
        const accept = pick(accepts);
        return accept && world.tell(end, accept);
      }
      case 'alter an accept': {
        const accept = pick(accepts);
        if (!accept) return;
        const hash = toBase64url(randomBytes(32));
        return world.tell(end, { type: 'accept', offers: accept.offers.map(({ files }) => ({ hash, files })) });
      }
      case 'accept another’s': {
        // What was offered to somebody else, under its own offer or under one of ours.
        const foreign = pick(offers.filter(({ on }) => on.peer !== liar.name));
        const ours = pick(offers.filter(({ on }) => on === end));
        const fileId = foreign?.message.files[0]?.fileId;
        if (!foreign || !fileId) return;
        const offer = which % 2 ? foreign : (ours ?? foreign);
        return world.tell(end, {
          type: 'accept',
          offers: [{ hash: nameOfOffer(offer.on, offer.message), files: [{ fileId, stream }] }],
        });
      }
      case 'ask for anything':
        return world.deliver(end, encodeRequest(this.#streamOn(end, which) ?? stream, which % 3, (which % 3) + 1));
      case 'send anything':
        return world.deliver(
          end,
          encodeData(this.#streamOn(end, which) ?? stream, which % 2, 0, noise(32), noise(16 * KiB)),
        );
      case 'lie about a root': {
        const theirs = sayings('offer', (on) => on.owner === liar && on.peer === end.owner.name);
        const file = pick(theirs.flatMap(({ message }) => message.files));
        const root = toBase64url(randomBytes(32));
        return file && world.tell(end, { type: 'done', files: [{ fileId: file.fileId, root }] });
      }
      case 'send again': {
        const sent = pick(memory.frames);
        return sent && world.deliver(end, sent.frame);
      }
      case 'say anything': {
        const ids = memory.said.flatMap(({ message }) =>
          message.type === 'offer' ? message.files.map(({ fileId }) => fileId) : [],
        );
        const fileId = pick(ids);
        if (!fileId) return;
        const fileIds = [fileId];
        const root = toBase64url(noise(32));
        const anything: Message[] = [
          { type: 'withdraw', fileIds },
          { type: 'decline', fileIds },
          { type: 'cancel', fileIds },
          { type: 'pause', fileIds },
          { type: 'resume', fileIds },
          { type: 'failed', fileIds, code: 'disk-full' },
          { type: 'verified', files: [{ fileId, root }] },
        ];
        const message = anything[which % anything.length];
        return message && world.tell(end, message);
      }
      case 'offer the known': {
        const offer = pick(memory.said.flatMap(({ message }) => (message.type === 'offer' ? [message] : [])));
        return offer && world.tell(end, offer);
      }
      default:
    }
  }

  /** A stream that was really agreed on with this end. */
  #streamOn(end: End, which: number): number | undefined {
    if (which % 3 === 0) return undefined;
    const streams = this.memory.said.flatMap(({ end: on, message }) =>
      message.type === 'accept' && on.link === end.link
        ? message.offers.flatMap(({ files }) => files.map(({ stream }) => stream))
        : [],
    );
    return streams[which % Math.max(1, streams.length)];
  }
}
