// Mallory, who has the link and works with the server: a browser with a bare RTCPeerConnection, and the handshake run here
// with a key of her own, or passed on.

import { createHash } from 'node:crypto';
import { keyFromSeed } from '../../src/identity/ed25519.ts';
import { Handshake, type Step } from '../../src/identity/handshake.ts';
import type { RoomKeys } from '../../src/identity/room-link.ts';
import { fingerprintIn } from '../../src/link/certificate.ts';
import { randomBytes, type Bytes } from '../../src/protocol/bytes.ts';
import type { Person } from '../person.ts';

/** Kept in her page, by number. */
interface InPage {
  readonly certificate: RTCCertificate;
  readonly ends: Map<number, { connection: RTCPeerConnection; control: RTCDataChannel }>;
}

/** One connection of hers. */
export interface End {
  /** What a description of hers says; the certificate is the same for all. */
  readonly sdp: string;
  /** The SHA-1 fingerprint line of her certificate, which browsers do not write but may take. */
  readonly weak: string;
  /** What came on the control channel, in order. */
  readonly heard: Bytes[];
  readonly opened: Promise<void>;
  onheard: (message: Bytes) => Promise<void>;
  send(message: Bytes): Promise<void>;
  /** Takes the answer to an offer of hers. */
  take(answer: string): Promise<void>;
}

export class Mallory {
  readonly ends: End[] = [];
  /** How many people believed her to be somebody, as far as she can tell. */
  believed = 0;
  /** What came on any channel but the control channel. */
  bytes = 0;
  readonly #person: Person;
  readonly #heard: ((what: 'open' | 'control', message: Bytes) => void)[] = [];
  readonly #key = keyFromSeed(randomBytes(32));

  private constructor(person: Person) {
    this.#person = person;
  }

  static async at(person: Person): Promise<Mallory> {
    const mallory = new Mallory(person);
    await person.page.exposeFunction('heard', (number: number, what: string, bytes: number[]) => {
      if (what === 'open' || what === 'control') mallory.#heard[number]?.(what, new Uint8Array(bytes));
      else mallory.bytes += bytes.length;
    });
    await person.page.evaluate(async () => {
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
      const certificate = await RTCPeerConnection.generateCertificate(algorithm);
      Object.assign(window, { mallory: { certificate, ends: new Map() } satisfies InPage });
    });
    return mallory;
  }

  /** A connection with the channels a client expects: in answer to an offer, or beginning with one. */
  async connect(offer = ''): Promise<End> {
    const number = this.#heard.length;
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const heard: Bytes[] = [];
    let handling = Promise.resolve();
    this.#heard.push((what, message) => {
      if (what === 'open') {
        open();
        return;
      }
      heard.push(message);
      // Whatever she cannot make sense of ends her part in it.
      handling = handling.then(() => end.onheard(message)).catch(() => undefined);
    });
    const { sdp, certificate } = await this.#person.page.evaluate(make, { number, offer });
    const sha1 = createHash('sha1').update(Buffer.from(certificate, 'base64')).digest('hex').toUpperCase();
    const end: End = {
      ...{ sdp, heard, opened, weak: `a=fingerprint:sha-1 ${sha1.match(/../g)?.join(':') ?? ''}` },
      onheard: () => Promise.resolve(),
      send: (message) => this.#person.page.evaluate(send, { number, bytes: [...message] }),
      take: (answer) => this.#person.page.evaluate(take, { number, answer }),
    };
    this.ends.push(end);
    return end;
  }

  /** The kinds of handshake messages she has been told, each once. */
  get told(): number[] {
    return [...new Set(this.ends.flatMap(({ heard }) => heard.map(([kind = 0]) => kind)))].sort();
  }

  /** Shakes hands with whoever made that description, with a key of her own and all that the link gives her. */
  async shakeHands(end: End, { roomId, bind }: RoomKeys, initiator: boolean, theirs: string): Promise<void> {
    const handshake = new Handshake({
      ...{ initiator, roomId, bindKey: bind, nonce: randomBytes(32) },
      key: {
        publicKey: this.#key.publicKey,
        sign: (message) => Promise.resolve(this.#key.sign(message)),
      },
      ownCertificate: fingerprintIn(end.sdp),
      theirCertificate: fingerprintIn(theirs),
      isExpected: () => true,
      isBlocked: () => false,
    });
    const say = async ({ send: message, done }: Step) => {
      if (message) await end.send(message);
      if (done) this.believed++;
    };
    end.onheard = async (message) => say(await handshake.handle(message));
    if (!initiator) return;
    await end.opened;
    await say(await handshake.start());
  }
}

// The three that run in her page.

async function make({
  number,
  offer,
}: {
  number: number;
  offer: string;
}): Promise<{ sdp: string; certificate: string }> {
  const { certificate, ends } = Reflect.get(window, 'mallory') as InPage;
  const heard = Reflect.get(window, 'heard') as (...args: unknown[]) => Promise<void>;
  const connection = new RTCPeerConnection({ certificates: [certificate] });
  const channel = (label: string, id: number, ordered: boolean) => {
    const made = connection.createDataChannel(label, { negotiated: true, id, ordered });
    made.binaryType = 'arraybuffer';
    made.onmessage = ({ data }) => {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data as ArrayBuffer);
      void heard(number, label, [...bytes]);
    };
    return made;
  };
  channel('own', 99, true);
  channel('data', 102, false);
  const control = channel('control', 100, true);
  control.onopen = () => void heard(number, 'open', []);
  ends.set(number, { connection, control });
  if (offer) await connection.setRemoteDescription({ type: 'offer', sdp: offer });
  await connection.setLocalDescription();
  // All candidates in one description: nothing has to be sent after it.
  await new Promise<void>((resolve) => {
    const look = () => {
      if (connection.iceGatheringState === 'complete') resolve();
    };
    connection.onicegatheringstatechange = look;
    look();
  });
  const reports = [...(await connection.getStats()).values()] as { type: string; base64Certificate?: string }[];
  const own = reports.find(({ type }) => type === 'certificate');
  return { sdp: connection.localDescription?.sdp ?? '', certificate: own?.base64Certificate ?? '' };
}

function send({ number, bytes }: { number: number; bytes: number[] }): void {
  const { ends } = Reflect.get(window, 'mallory') as InPage;
  ends.get(number)?.control.send(new Uint8Array(bytes));
}

async function take({ number, answer }: { number: number; answer: string }): Promise<void> {
  const { ends } = Reflect.get(window, 'mallory') as InPage;
  await ends.get(number)?.connection.setRemoteDescription({ type: 'answer', sdp: answer });
}
