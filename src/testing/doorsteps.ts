// A few people on their doorsteps with everything but a network and a disk: the files of each, their ends of links with real
// senders and receivers, and wires on which control messages and frames wait until the test lets one arrive. A book is kept
// of what was said, heard, sent, read and written, to hold it against what was consented to.

import { createHash } from 'node:crypto';
import { equal, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame, type DataFrame, type Frame } from '../protocol/frames.ts';
import { MAX_FRAME_BYTES } from '../protocol/limits.ts';
import { signedJson, type Message, type MessageOf } from '../protocol/messages.ts';
import type { Activity } from '../room/activity.ts';
import type { PersonChannel } from '../room/channel.ts';
import { hearOfFiles, listenToTransfers } from '../room/files.ts';
import { IncomingFiles } from '../room/incoming.ts';
import { OutgoingFiles } from '../room/outgoing.ts';
import { eicarScanner } from '../safety/eicar.ts';
import { memoryStaging } from '../storage/memory.ts';
import type { Sink, Staging } from '../storage/sink.ts';
import { happened, type Engine, type EngineEvents, type Transfer } from '../transfer/client.ts';
import { LinkEnd } from '../transfer/link-end.ts';
import { ScanQueue } from '../transfer/scan.ts';
import type { Source, Sources } from '../transfer/source.ts';
import { PageWindow } from '../transfer/window.ts';
import { WorkerLane } from '../transfer/worker-lane.ts';
import type { LaneChannel, Named, PartialName } from '../transfer/worker-messages.ts';
import { MemoryJournal } from './memory-journal.ts';
import { settle } from './scheduler.ts';
import { pieceOf } from './source-piece.ts';

/** What the book is told, as it happens. */
export interface Book {
  /** A frame was handed to a channel. */
  sent(from: End, frame: Frame): void;
  /** A control message was said, or is being heard. */
  said(from: End, message: Message): void;
  heard(at: End, message: Message): void;
  read(by: Neighbour, file: File): void;
  wrote(by: Neighbour, sink: Staged, at: number, bytes: Bytes): void;
  logged(by: Neighbour, activity: Activity): void;
}

/** A place in somebody's staging. */
export interface Staged {
  readonly size: number;
  freed: boolean;
}

/** What a sender has on their disk, by the file that stands for it. */
const contents = new WeakMap<File, Bytes>();

/** A file of these bytes, as a person picks it. */
export function fileOf(name: string, bytes: Bytes, type = 'text/plain'): File {
  const file = new File([bytes], name, { type, lastModified: 1 });
  contents.set(file, bytes);
  return file;
}

/** One end of a data channel: what was sent on it waits here until it is let arrive. */
export class DataEnd implements LaneChannel {
  binaryType = '';
  readyState = 'open';
  onopen: LaneChannel['onopen'] = null;
  onmessage: LaneChannel['onmessage'] = null;
  onbufferedamountlow: LaneChannel['onbufferedamountlow'] = null;
  onclose: LaneChannel['onclose'] = null;
  bufferedAmountLowThreshold = 0;
  readonly onTheWay: Bytes[] = [];
  readonly #sent: (frame: Bytes) => void;

  constructor(sent: (frame: Bytes) => void) {
    this.#sent = sent;
  }

  get bufferedAmount(): number {
    return this.onTheWay.reduce((sum, { length }) => sum + length, 0);
  }

  send(frame: Bytes): void {
    if (this.readyState !== 'open') throw new DOMException('closed', 'InvalidStateError');
    const copy = frame.slice();
    this.onTheWay.push(copy);
    this.#sent(copy);
  }

  /** Takes the oldest off the wire. */
  take(): Bytes | undefined {
    const frame = this.onTheWay.shift();
    if (this.bufferedAmount <= this.bufferedAmountLowThreshold) this.onbufferedamountlow?.(new Event('low'));
    return frame;
  }

  close(): void {
    this.readyState = 'closed';
    this.onTheWay.length = 0;
  }
}

/** The engine of a page whose worker is the page. */
class NearEngine implements Engine {
  events: EngineEvents | undefined;
  readonly staging = 'memory';
  readonly lost = false;
  readonly #links = new Map<number, LinkEnd>();
  readonly #page: ConstructorParameters<typeof LinkEnd>[1];
  readonly #place: Staging;
  #sourceCount = 0;

  constructor(sources: Sources, place: Staging) {
    this.#place = place;
    this.#page = {
      sources,
      staging: Promise.resolve(place),
      window: new PageWindow(),
      scanners: () => [eicarScanner],
      scans: new ScanQueue(),
    };
  }

  /** A session begins on this channel. */
  begin(link: number, channel: LaneChannel): void {
    const end = new LinkEnd(link, this.#page, (message) => happened(message, this.events));
    const lane = new WorkerLane(link, channel);
    this.#links.set(link, end);
    end.open(lane, MAX_FRAME_BYTES);
    lane.ask();
  }

  adopt(): number {
    return 0;
  }
  open(): void {
    // There is one lane, and it is open.
  }
  ask(): void {
    // It was.
  }
  close(link: number): void {
    this.#links.get(link)?.close();
  }
  serve({ link, stream }: Transfer, file: File, resume: boolean): void {
    this.#links.get(link)?.serve(stream, ++this.#sourceCount, file, resume);
  }
  receive({ link, stream }: Transfer, size: number, partial: PartialName | undefined, named: Named): void {
    this.#links.get(link)?.receive(stream, size, partial, named);
  }
  pause({ link, way, stream }: Transfer): void {
    this.#links.get(link)?.pause(way, stream);
  }
  resume({ link, way, stream }: Transfer): void {
    this.#links.get(link)?.resume(way, stream);
  }
  root({ link, stream }: Transfer, root: Bytes): void {
    this.#links.get(link)?.root(stream, root);
  }
  stop({ link, way, stream }: Transfer): void {
    this.#links.get(link)?.stop(way, stream);
  }
  keepForDownload(): void {
    // Nobody leaves in the middle of a download.
  }
  drop(partial: string): void {
    void this.#place.drop(partial);
  }
}

/** A person's end of a session. */
export class End implements PersonChannel {
  readonly owner: Neighbour;
  readonly peer: string;
  readonly link: number;
  readonly th: Bytes;
  readonly data: DataEnd;
  readonly onTheWay: Message[] = [];
  failure: Failure | undefined;
  readonly #book: Book;

  constructor(owner: Neighbour, peer: string, session: number, book: Book) {
    this.owner = owner;
    this.peer = peer;
    this.link = session;
    this.th = new Uint8Array(32).fill(session);
    this.#book = book;
    this.data = new DataEnd((frame) => book.sent(this, decodeFrame(frame.slice().buffer)));
  }

  send(message: Message): void {
    this.#book.said(this, message);
    this.onTheWay.push(message);
  }

  fail(failure: Failure): void {
    this.failure ??= failure;
  }
}

/** The hash an offer has in a session. */
export function hashOfOffer(th: Bytes, offer: MessageOf<'offer'>): Bytes {
  return new Uint8Array(createHash('sha256').update(th).update(signedJson(offer)).digest());
}

/** Somebody with a browser: what it keeps outlives its page. */
export class Neighbour {
  readonly name: string;
  readonly journal = new MemoryJournal();
  /** Places in staging that are not free. */
  readonly staged = new Set<Staged>();
  readonly activities: Activity[] = [];
  readonly sessions = new Map<string, End>();
  engine!: NearEngine;
  incoming!: IncomingFiles;
  outgoing!: OutgoingFiles;
  /** Ids this person said yes to in this page life. */
  readonly yes = new Set<string>();
  readonly #book: Book;
  readonly #disk: Staging = memoryStaging();
  readonly #now: () => number;

  constructor(name: string, book: Book, now: () => number) {
    this.name = name;
    this.#book = book;
    this.#now = now;
    this.open();
  }

  /** Opens the page, afresh when it was open. */
  open(): void {
    this.yes.clear();
    this.engine = new NearEngine(this.#sources(), this.#place());
    const log = (activity: Activity) => {
      this.activities.push(activity);
      this.#book.logged(this, activity);
    };
    const shared = { engine: this.engine, now: this.#now, log };
    this.outgoing = new OutgoingFiles(shared);
    this.incoming = new IncomingFiles({ ...shared, journal: this.journal, changed: () => undefined });
    this.engine.events = {
      ...listenToTransfers(this, () => undefined),
      ready: () => undefined,
      laneClosed: () => undefined,
      lost: () => undefined,
      fault: (link, failure) => [...this.sessions.values()].find((end) => end.link === link)?.fail(failure),
    };
  }

  #sources(): Sources {
    const open = (_number: number, file: File): Source => ({
      piece: (start, end) => {
        this.#book.read(this, file);
        return pieceOf((contents.get(file) ?? new Uint8Array()).subarray(start, end));
      },
      check: () => Promise.resolve(),
      close: () => undefined,
    });
    // The part of it a link uses.
    return { open } as unknown as Sources;
  }

  #place(): Staging {
    return {
      kind: 'memory',
      keepForDownload: () => Promise.resolve(),
      drop: (name) => this.#disk.drop(name),
      open: async (size, partial) => this.#watch(await this.#disk.open(size, partial), size),
    };
  }

  #watch(sink: Sink, size: number): Sink {
    const place: Staged = { size, freed: false };
    this.staged.add(place);
    const free = () => {
      place.freed = true;
      this.staged.delete(place);
    };
    return {
      held: sink.held,
      isKept: sink.isKept,
      note: (piece, hash) => sink.note(piece, hash),
      finish: () => sink.finish(),
      write: (at, bytes) => {
        this.#book.wrote(this, place, at, bytes);
        return sink.write(at, bytes);
      },
      release: () => {
        free();
        return sink.release();
      },
      discard: () => {
        free();
        return sink.discard();
      },
    };
  }
}

/** More than any story needs to come to its end. */
const MAX_ROUNDS = 200;

const bothWays = (one: Neighbour, other: Neighbour) =>
  [
    [one, other],
    [other, one],
  ] as const;

/** A book that takes no note. */
const quiet: Book = {
  sent: () => undefined,
  said: () => undefined,
  heard: () => undefined,
  read: () => undefined,
  wrote: () => undefined,
  logged: () => undefined,
};

export class Doorsteps {
  nowMs = 0;
  readonly people: readonly Neighbour[];
  readonly #book: Book;
  #sessions = 0;

  constructor(names: readonly string[], book: Partial<Book> = {}) {
    this.#book = { ...quiet, ...book };
    this.people = names.map((name) => new Neighbour(name, this.#book, () => this.nowMs));
  }

  /** A new session of two people; an old one ends. */
  async meet(one: Neighbour, other: Neighbour): Promise<void> {
    this.part(one, other);
    const session = (++this.#sessions % 255) + 1;
    for (const [owner, peer] of bothWays(one, other)) {
      const end = new End(owner, peer.name, session, this.#book);
      owner.sessions.set(peer.name, end);
      owner.engine.begin(session, end.data);
    }
    for (const [owner, peer] of bothWays(one, other)) {
      const end = owner.sessions.get(peer.name);
      if (!end) continue;
      owner.incoming.personReady(end);
      await owner.outgoing.personReady(end);
    }
  }

  /** The session of two people ends, for both. */
  part(one: Neighbour, other: Neighbour): void {
    for (const [owner, peer] of bothWays(one, other)) {
      const end = owner.sessions.get(peer.name);
      if (!end) continue;
      owner.sessions.delete(peer.name);
      owner.outgoing.personGone(peer.name);
      owner.incoming.personGone(peer.name);
      owner.engine.close(end.link);
      end.data.close();
    }
  }

  /** A page is reloaded, or its browser killed: nothing is said, and all it knew is gone. */
  reload(person: Neighbour): void {
    for (const other of this.people) {
      const end = person.sessions.get(other.name);
      if (!end) continue;
      person.engine.close(end.link);
      end.data.close();
      person.sessions.delete(other.name);
      const theirs = other.sessions.get(person.name);
      other.sessions.delete(person.name);
      if (!theirs) continue;
      other.outgoing.personGone(person.name);
      other.incoming.personGone(person.name);
      other.engine.close(theirs.link);
      theirs.data.close();
    }
    person.open();
  }

  /** Lets the oldest thing this person said to the other arrive; false when there is none. */
  hear(from: Neighbour, to: Neighbour): boolean {
    const [sender, receiver] = [from.sessions.get(to.name), to.sessions.get(from.name)];
    const message = sender?.onTheWay.shift();
    if (!message || !receiver) return false;
    this.tell(receiver, message);
    return true;
  }

  /** This arrives, whoever said it. */
  tell(at: End, message: Message): void {
    if (at.failure) return;
    this.#book.heard(at, message);
    try {
      hearOfFiles(at.owner, at, message, message.type === 'offer' ? hashOfOffer(at.th, message) : undefined);
    } catch (error) {
      at.fail(Failure.from(error));
    }
  }

  /** Lets the oldest frame of this person arrive at the other, as `spoil` leaves it; false when there is none. */
  carry(from: Neighbour, to: Neighbour, spoil: (frame: Bytes) => void = () => undefined): boolean {
    const [sender, receiver] = [from.sessions.get(to.name), to.sessions.get(from.name)];
    const frame = sender?.data.take();
    if (!frame || !receiver) return false;
    spoil(frame);
    this.deliver(receiver, frame);
    return true;
  }

  /** This frame arrives, whoever sent it. */
  deliver(at: End, frame: Bytes): void {
    if (at.failure || at.data.readyState !== 'open') return;
    at.data.onmessage?.(new MessageEvent('message', { data: frame.slice().buffer }));
  }

  /** Sessions in which somebody broke the protocol end. */
  endFaulty(): void {
    for (const one of this.people) {
      for (const other of this.people) if (one.sessions.get(other.name)?.failure) this.part(one, other);
    }
  }

  /** Everything arrives, until nobody has anything more to say. `pass` lets so many milliseconds pass. */
  async finish(pass: (ms: number) => void): Promise<void> {
    for (let quietFor = 0, rounds = 0; quietFor < 2; rounds++) {
      if (rounds > MAX_ROUNDS) throw new Error('they never come to an end');
      let moved = false;
      for (const one of this.people) {
        for (const other of this.people) {
          while (this.hear(one, other)) moved = true;
          while (this.carry(one, other)) {
            moved = true;
            await settle();
          }
        }
      }
      await settle();
      this.endFaulty();
      quietFor = moved ? 0 : quietFor + 1;
      pass(5_100);
      await settle();
    }
  }
}

/** Whether a frame carries file bytes. */
export const isData = (frame: Frame): frame is DataFrame => frame.kind === 'data';

/** Whether a received blob is this content. */
export async function isContent(blob: Blob, content: Bytes): Promise<boolean> {
  return equal(new Uint8Array(await blob.arrayBuffer()), content);
}

/** What a sender has under a file. */
export function contentOf(file: File): Bytes {
  const content = contents.get(file);
  if (!content) throw new Error(`${file.name} was not made here`);
  return content;
}

export const nameOfOffer = (end: End, offer: MessageOf<'offer'>): string => toBase64url(hashOfOffer(end.th, offer));
