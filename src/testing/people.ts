// People in a room without the room: each with their files and engine, and a channel to each other person that carries
// messages only when the test says so.

import type { Failure } from '../protocol/failure.ts';
import { offerHash, signedJson, type Message, type MessageOf } from '../protocol/messages.ts';
import type { Activity } from '../room/activity.ts';
import type { PersonChannel } from '../room/channel.ts';
import { hearOfFiles } from '../room/files.ts';
import { IncomingFiles } from '../room/incoming.ts';
import { OutgoingFiles, type PickedFile } from '../room/outgoing.ts';
import { MemoryJournal } from './memory-journal.ts';
import { FakeEngine } from './fake-engine.ts';

/** One person's end of a session: what they sent and is still on its way, and why they ended it. */
export class MemoryChannel implements PersonChannel {
  readonly peer: string;
  readonly link: number;
  readonly th: PersonChannel['th'];
  readonly onTheWay: Message[] = [];
  readonly failures: Failure[] = [];

  constructor(peer: string, session: number) {
    this.peer = peer;
    this.link = session;
    this.th = new Uint8Array(32).fill(session);
  }

  send(message: Message): void {
    this.onTheWay.push(message);
  }

  fail(failure: Failure): void {
    this.failures.push(failure);
  }
}

export class Person {
  readonly name: string;
  readonly engine = new FakeEngine();
  readonly journal = new MemoryJournal();
  readonly activities: Activity[] = [];
  readonly outgoing: OutgoingFiles;
  readonly incoming: IncomingFiles;
  nowMs = 0;

  constructor(name: string) {
    this.name = name;
    const log = (activity: Activity) => void this.activities.push(activity);
    this.outgoing = new OutgoingFiles({ engine: this.engine, now: () => this.nowMs, log });
    this.incoming = new IncomingFiles({
      ...{ engine: this.engine, journal: this.journal, log },
      now: () => this.nowMs,
      changed: () => undefined,
    });
  }

  /** Puts files on the doorstep and offers everything there to these people. */
  async offer(files: readonly PickedFile[], ...peers: readonly string[]): Promise<void> {
    this.outgoing.add(files);
    for (const peer of peers) await this.outgoing.offerTo(peer);
  }

  /** Takes a message as the room does. */
  async hear(channel: MemoryChannel, message: Message): Promise<void> {
    const hash = message.type === 'offer' ? await offerHash(channel.th, signedJson(message)) : undefined;
    hearOfFiles(this, channel, message, hash);
  }
}

/** A session of two people. */
export class Meeting {
  readonly #ends: readonly { readonly person: Person; readonly channel: MemoryChannel }[];

  constructor(one: Person, other: Person, session: number) {
    this.#ends = [
      { person: one, channel: new MemoryChannel(other.name, session) },
      { person: other, channel: new MemoryChannel(one.name, session) },
    ];
  }

  async begin(): Promise<void> {
    for (const { person, channel } of this.#ends) {
      person.incoming.personReady(channel);
      await person.outgoing.personReady(channel);
    }
  }

  end(): void {
    for (const { person, channel } of this.#ends) {
      person.outgoing.personGone(channel.peer);
      person.incoming.personGone(channel.peer);
    }
  }

  /** A person's end of it. */
  channelOf(person: Person): MemoryChannel {
    const end = this.#ends.find((each) => each.person === person);
    if (!end) throw new Error(`${person.name} is not in this meeting`);
    return end.channel;
  }

  /** Delivers what this person sent, and returns it. */
  async carryFrom(person: Person): Promise<Message[]> {
    const carried = this.channelOf(person).onTheWay.splice(0);
    const listener = this.#ends.find((each) => each.person !== person);
    for (const message of carried) await listener?.person.hear(listener.channel, message);
    return carried;
  }

  /** Delivers the oldest thing this person sent, if there is one. */
  async carryOneFrom(person: Person): Promise<void> {
    const [message] = this.channelOf(person).onTheWay.splice(0, 1);
    const listener = this.#ends.find((each) => each.person !== person);
    if (message) await listener?.person.hear(listener.channel, message);
  }

  /** Delivers everything until both have nothing more to say. */
  async carry(): Promise<void> {
    let carried: Message[];
    do {
      carried = [];
      for (const { person } of this.#ends) carried.push(...(await this.carryFrom(person)));
    } while (carried.length > 0);
  }
}

/** Alice and Bob, in a session. */
export async function aliceAndBob() {
  const [alice, bob] = [new Person('alice'), new Person('bob')];
  const meeting = new Meeting(alice, bob, 1);
  await meeting.begin();
  return { alice, bob, meeting };
}

export function picked(path: string, content = 'content'): PickedFile {
  return {
    path,
    file: new File([content], path.slice(path.lastIndexOf('/') + 1), { type: 'text/plain', lastModified: 1 }),
  };
}

/** The one message of a type among others. */
export function messageOf<T extends Message['type']>(messages: readonly Message[], type: T): MessageOf<T> {
  const found = messages.filter((message): message is MessageOf<T> => message.type === type);
  const [first] = found;
  if (!first || found.length > 1) throw new Error(`${found.length} messages of type ${type}`);
  return first;
}
