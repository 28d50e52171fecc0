// A peer that does as it likes: it has the room's real link and keys that are valid (unless it would rather not), and no
// respect for the protocol. Its browser is a page with bare connections; what is said on them is made here, message by
// message, so that each may be another one.

import { once } from 'node:events';
import WebSocket from 'ws';
import { Handshake } from '../../src/identity/handshake.ts';
import { newKey, useKey, type OwnKey } from '../../src/identity/keys.ts';
import type { Roster } from '../../src/identity/roster.ts';
import { fingerprintIn } from '../../src/link/certificate.ts';
import { sessionOf, type Session } from '../../src/link/session.ts';
import { concat, randomBytes, sha256, toBase64url, utf8, type Bytes } from '../../src/protocol/bytes.ts';
import type { BoxBody } from '../../src/protocol/dial-signal.ts';
import { decodeFrame, encodeData, type Frame } from '../../src/protocol/frames.ts';
import { KiB } from '../../src/protocol/limits.ts';
import {
  decodeSigned,
  decodeUnsigned,
  offerHash,
  SIGNATURE_BYTES,
  type Message,
  type MessageOf,
  type OfferedFile,
  type SignedType,
} from '../../src/protocol/messages.ts';
import { parseFromServer } from '../../src/protocol/signal.ts';
import { rootOf } from '../../src/transfer/manifest.ts';
import type { Person } from '../person.ts';
import { fingerprints, type Leak } from './leak.ts';
import { invented } from './server.ts';

export type Said = string | Bytes;
export type Channel = 'own' | 'control' | 'data';

const PATIENCE_MS = 45_000;
const STEP_BYTES = 64 * KiB;

/** How a visit is to be different from an honest one. */
export interface Manners {
  readonly name?: string;
  readonly key?: OwnKey;
  /** What is said in the place of each handshake message of its own, given all that was said to it so far. */
  readonly alter?: (message: Bytes, heard: readonly Bytes[]) => readonly Said[];
  /** Media the offer comes with. */
  readonly media?: Media;
  /** How long it waits for anything. */
  readonly patienceMs?: number;
}

/** With a stream as calls have it, with none, or none of its own. */
export type Media = 'streamed' | 'streamless' | 'asked for';

/** Kept in its page, by number. */
interface InPage {
  readonly connection: RTCPeerConnection;
  readonly channels: Readonly<Record<Channel, RTCDataChannel>>;
}

/** The browser of such a peer: every visit is a connection of its own, under a key of its own unless it is told which. */
export class Rogue {
  readonly #person: Person;
  readonly #visits: Visit[] = [];
  /** Peer ids of hosts, by room. */
  readonly #hosts = new Map<Leak, string>();

  private constructor(person: Person) {
    this.#person = person;
  }

  static async at(person: Person): Promise<Rogue> {
    const rogue = new Rogue(person);
    await person.page.exposeFunction('heard', (number: number, what: Happening) => rogue.#visits[number]?.take(what));
    await person.page.evaluate(() => Object.assign(window, { ends: [] }));
    return rogue;
  }

  /** A seat at the signaling server of `url`, in the room of that link; nobody was dialled yet. */
  async arrives(url: string, leak: Leak, manners: Manners = {}): Promise<Visit> {
    const key = manners.key ?? (await useKey(await newKey()));
    const number = this.#visits.length;
    const visit = new Visit({ number, page: this.#person.page, leak, key, manners, hosts: this.#hosts });
    this.#visits.push(visit);
    await visit.sitDown(url);
    return visit;
  }
}

/** What its page tells of a connection. Long frames are only begun: nobody here wants file bytes. */
interface Happening {
  readonly kind: 'open' | 'closed' | 'text' | 'bytes';
  readonly channel: Channel;
  readonly content: string;
  readonly length: number;
}

interface Place {
  readonly number: number;
  readonly page: Person['page'];
  readonly leak: Leak;
  readonly key: OwnKey;
  readonly manners: Manners;
  readonly hosts: Map<Leak, string>;
}

export class Visit {
  readonly peerId = invented();
  readonly key: string;
  readonly name: string;
  /** Its key among them, to come again with. */
  readonly manners: Manners & { readonly key: OwnKey };
  /** What describes its connection. */
  sdp = '';
  /** What was said to it on the control channel, in order: the handshake, and what came after. */
  readonly handshake: Bytes[] = [];
  readonly messages: Message[] = [];
  readonly frames: Frame[] = [];
  /** All that came on its data channel. */
  dataBytes = 0;
  isOpen = false;
  isClosed = false;
  /** Once it believes that the other side believed it. */
  session: Session | undefined;
  readonly #place: Place;
  readonly #boxes: { dial: string; body: BoxBody; from: string }[] = [];
  readonly #waiting = new Set<() => void>();
  #socket: WebSocket | undefined;
  #dial = randomBytes(16);
  #seq = 0;
  #answer = '';

  constructor(place: Place) {
    this.#place = place;
    this.key = toBase64url(place.key.publicKey);
    this.manners = { ...place.manners, key: place.key };
    this.name = place.manners.name ?? `Mallory ${this.key.slice(0, 8)}`;
  }

  async sitDown(url: string): Promise<void> {
    const { leak } = this.#place;
    const room = toBase64url(leak.keys.roomId);
    const socket = new WebSocket(new URL('/signal', url.replace('http:', 'ws:')));
    this.#socket = socket;
    let present: readonly string[] | undefined;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const message = parseFromServer(data.toString('utf8'));
      if (message?.type === 'joined') present = message.peers;
      if (message?.type === 'box') {
        const { dial, body } = leak.open({ room, from: message.from, to: this.peerId, box: message.box });
        this.#boxes.push({ dial: toBase64url(dial), body, from: message.from });
      }
      this.#look();
    });
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'join', room, peer: this.peerId, token: invented() }));
    const peers = await this.until('a seat', () => present);
    if (this.#place.hosts.has(leak)) return;
    for (const peer of peers) this.#box(peer, { kind: 'ring' }, randomBytes(16), 0);
    const { from } = await this.until('the door', () => this.#boxes.find(({ body }) => body.kind === 'door'));
    this.#place.hosts.set(leak, from);
  }

  /** Makes a connection, of which nobody hears; what describes it. */
  async describes(): Promise<string> {
    const { number, page, manners } = this.#place;
    const wanted: Parameters<typeof make>[0] = { number, media: manners.media };
    this.sdp = await page.evaluate(make, wanted);
    return this.sdp;
  }

  /** Takes the answer to that. */
  async takes(answer: string): Promise<void> {
    const { number, page } = this.#place;
    this.#answer = answer;
    await page.evaluate(take, { number, answer });
  }

  /** Dials, and is answered. */
  async dials(): Promise<this> {
    this.signal({ kind: 'offer', sdp: await this.describes() });
    const { body } = await this.until('the answer', () => this.answers[0]);
    await this.takes(body.kind === 'answer' ? body.sdp : '');
    return this;
  }

  /** Dials, and waits until the channels stand. */
  async connects(): Promise<this> {
    if (!this.sdp) await this.dials();
    await this.until('an open channel', () => this.isOpen);
    return this;
  }

  /** Connects and shakes hands as far as it goes, in whatever manner; with a session in the end if all went well. */
  async shakesHands(): Promise<this> {
    await this.connects();
    const { leak, key, manners } = this.#place;
    const { roomId, bind: bindKey } = leak.keys;
    const handshake = new Handshake({
      ...{ initiator: true, roomId, bindKey, key, nonce: randomBytes(32) },
      ownCertificate: certificateIn(this.sdp),
      theirCertificate: certificateIn(this.#answer),
      isExpected: () => true,
      isBlocked: () => false,
    });
    const alter = manners.alter ?? ((message: Bytes) => [message]);
    for (let step = await handshake.start(), at = 0; ; at++) {
      if (step.send) await this.say(alter(step.send, this.handshake));
      if (step.done) {
        this.session = sessionOf(step.done, key);
        return this;
      }
      const next = await this.until('an answer', () => this.handshake[at] ?? this.isClosed);
      if (next === true) return this;
      step = await handshake.handle(next);
    }
  }

  /** All the way in: the host lets everybody in by itself. */
  async enters(): Promise<this> {
    await this.shakesHands();
    await this.say(JSON.stringify({ type: 'hello', rosterRev: 0 }));
    await this.say(JSON.stringify({ type: 'knock', name: this.name, peerId: this.peerId }));
    await this.until('the let-in', () => this.heard('admit'));
    return this;
  }

  /** Says these on a channel, one after the other, `times` over; how many were taken before the channel closed. */
  say(what: Said | readonly Said[], channel: Channel = 'control', times = 1): Promise<number> {
    const { number, page } = this.#place;
    const all = typeof what === 'string' || what instanceof Uint8Array ? [what] : what;
    const said = all.map((one) => (typeof one === 'string' ? { text: one } : { base64: base64(one) }));
    return page.evaluate(send, { number, channel, said, times });
  }

  /** Says messages of `length` zeros, or as many as the browser takes at once. */
  async sayZeros(length: number, channel: Channel, times: number): Promise<number> {
    const { number, page } = this.#place;
    return page.evaluate(send, { number, channel, said: [{ zeros: length }], times });
  }

  /** A signed message as sent, whatever its JSON; by another session or under another type if that is wanted. */
  async signed(type: SignedType, json: string | Bytes, session = this.session): Promise<Bytes> {
    if (!session) throw new Error('no session to sign for');
    const bytes = typeof json === 'string' ? utf8(json) : json;
    const typeByte = { offer: 0x20, accept: 0x21, done: 0x22, verified: 0x23 }[type];
    return concat(new Uint8Array([typeByte]), await session.sign(type, bytes), bytes);
  }

  /** Signs and says. */
  async says(type: SignedType, fields: object): Promise<void> {
    await this.say(await this.signed(type, JSON.stringify(fields)));
  }

  /** Offers files; their ids, and the hash of the offer. */
  async offers<const F extends readonly Partial<OfferedFile>[]>(...files: F) {
    const whole = files.map(offered) as { [I in keyof F]: OfferedFile };
    const json = JSON.stringify({ offerId: invented(), batch: invented(), files: whole });
    const wire = await this.signed('offer', json);
    await this.say(wire);
    const th = this.session?.th ?? new Uint8Array();
    return { files: whole, hash: toBase64url(await offerHash(th, utf8(json))), wire };
  }

  /** What was accepted of a file: its stream. */
  async accepted(fileId: string): Promise<number> {
    return this.until('an accept', () =>
      this.messages
        .flatMap((message) => (message.type === 'accept' ? message.offers.flatMap(({ files }) => files) : []))
        .find((file) => file.fileId === fileId)
        ?.stream.valueOf(),
    );
  }

  /** The files that were offered to it, and under which hash. */
  async offered(path: string): Promise<{ hash: string; file: OfferedFile }> {
    return this.until(`the offer of ${path}`, () => this.#offered.find(({ file }) => file.path === path));
  }

  readonly #offered: { hash: string; file: OfferedFile }[] = [];

  /** Waits until a piece of a stream is asked for. */
  async asked(stream: number, piece = 0): Promise<void> {
    await this.until('a request', () =>
      this.frames.some(
        (frame) => frame.kind === 'request' && frame.stream === stream && frame.from <= piece && frame.to > piece,
      ),
    );
  }

  /** The frames of a piece, as an honest sender makes them. */
  frameOf(stream: number, piece: number, bytes: Bytes, hash: Bytes): Bytes[] {
    const frames: Bytes[] = [];
    for (let at = 0; at < bytes.length; at += STEP_BYTES) {
      frames.push(encodeData(stream, piece, at, hash, bytes.subarray(at, at + STEP_BYTES)));
    }
    return frames;
  }

  /** Sends a file of one piece that was accepted, as an honest sender does, to its end. */
  async delivers({ fileId, size }: OfferedFile, bytes: Bytes): Promise<void> {
    const stream = await this.accepted(fileId);
    await this.asked(stream);
    const hash = await sha256(bytes);
    await this.say(this.frameOf(stream, 0, bytes, hash), 'data');
    await this.says('done', { files: [{ fileId, root: toBase64url(await rootOf(size, hash)) }] });
  }

  heard<T extends Message['type']>(type: T): MessageOf<T> | undefined {
    return this.messages.find((message): message is MessageOf<T> => message.type === type);
  }

  /** Who is in the room, by the newest roster it was shown. */
  get members(): Roster['members'] {
    const rosters = this.messages.filter((message): message is MessageOf<'roster'> => message.type === 'roster');
    const json = Buffer.from(rosters.at(-1)?.signed ?? '', 'base64url').subarray(SIGNATURE_BYTES);
    return (JSON.parse(json.toString()) as Roster).members;
  }

  /** What came back in its dial. */
  get answers(): readonly { body: BoxBody }[] {
    return this.#boxes.filter(({ dial, body }) => dial === toBase64url(this.#dial) && body.kind === 'answer');
  }

  /** A box of its dial. */
  signal(body: BoxBody): void {
    this.#box(this.#place.hosts.get(this.#place.leak) ?? '', body, this.#dial, this.#seq++);
  }

  /** Announces channels nobody agreed on; how many the browser made. */
  announces(channels: number): Promise<number> {
    const { number, page } = this.#place;
    return page.evaluate(announce, { number, channels });
  }

  async isCut(): Promise<void> {
    await this.until('the end', () => this.isClosed);
  }

  async leaves(): Promise<void> {
    this.#socket?.terminate();
    const { number, page } = this.#place;
    await page.evaluate(close, { number });
  }

  /** What the page has to tell. */
  take({ kind, channel, content, length }: Happening): void {
    if (kind === 'open' && channel === 'control') this.isOpen = true;
    if (kind === 'closed') this.isClosed = true;
    if (kind === 'text' || kind === 'bytes') this.#hear(channel, content, kind === 'text', length);
    this.#look();
  }

  #hear(channel: Channel, content: string, isText: boolean, length: number): void {
    const bytes = isText ? utf8(content) : new Uint8Array(Buffer.from(content, 'base64'));
    if (channel === 'data') {
      this.dataBytes += length;
      if (bytes.length === length) this.frames.push(decodeFrame(bytes.buffer));
    } else if (isText) {
      this.messages.push(decodeUnsigned(content));
    } else if ((bytes[0] ?? 0) < 0x10) {
      this.handshake.push(bytes);
    } else {
      this.#hearSigned(bytes);
    }
  }

  #hearSigned(bytes: Bytes): void {
    const { message, json } = decodeSigned(bytes);
    this.messages.push(message);
    if (message.type !== 'offer' || !this.session) return;
    void offerHash(this.session.th, json).then((hash) => {
      for (const file of message.files) this.#offered.push({ hash: toBase64url(hash), file });
      this.#look();
    });
  }

  /** Waits until `look` finds something in what happened to it. */
  until<T>(what: string, look: () => T | undefined | false): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(again);
        reject(new Error(`${this.name} waited for ${what}`));
      }, this.manners.patienceMs ?? PATIENCE_MS);
      const again = () => {
        const found = look();
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.#waiting.delete(again);
        resolve(found);
      };
      this.#waiting.add(again);
      again();
    });
  }

  #look(): void {
    for (const again of [...this.#waiting]) again();
  }

  #box(to: string, body: BoxBody, dial: Bytes, seq: number): void {
    const { box } = this.#place.leak.seal({ from: this.peerId, to }, body, { dial, seq });
    this.#socket?.send(JSON.stringify({ type: 'send', to, box }));
  }
}

/** A file as it is offered, an ordinary one but for what is said. */
export function offered(fields: Partial<OfferedFile>): OfferedFile {
  return { fileId: invented(), path: 'a.txt', size: 5, type: 'text/plain', modified: 1_767_225_600_000, ...fields };
}

/** Of a description with media every section says it; here nobody lies about it. */
function certificateIn(sdp: string): Bytes {
  return fingerprintIn(fingerprints(sdp)[0] ?? '');
}

function base64(bytes: Bytes): string {
  return Buffer.from(bytes).toString('base64');
}

// What runs in its page.

async function make({ number, media }: { number: number; media: Media | undefined }): Promise<string> {
  const heard = Reflect.get(window, 'heard') as (number: number, what: Happening) => Promise<void>;
  const connection = new RTCPeerConnection();
  const tell = (channel: Channel, kind: Happening['kind'], content = '', length = 0) =>
    void heard(number, { kind, channel, content, length });
  const channel = (label: Channel, id: number, ordered: boolean) => {
    const made = connection.createDataChannel(label, { negotiated: true, id, ordered });
    made.binaryType = 'arraybuffer';
    made.onopen = () => tell(label, 'open');
    made.onclose = () => tell(label, 'closed');
    made.onmessage = ({ data }) => {
      if (typeof data === 'string') {
        tell(label, 'text', data, data.length);
        return;
      }
      const bytes = new Uint8Array(data as ArrayBuffer);
      const shown = label === 'data' && bytes.length > 1024 ? bytes.subarray(0, 45) : bytes;
      tell(label, 'bytes', btoa(Array.from(shown, (byte) => String.fromCharCode(byte)).join('')), bytes.length);
    };
    return made;
  };
  const channels = {
    own: channel('own', 99, true),
    data: channel('data', 102, false),
    control: channel('control', 100, true),
  };
  if (media) {
    connection.addTransceiver('audio', {
      direction: media === 'asked for' ? 'recvonly' : 'sendonly',
      streams: media === 'streamed' ? [new MediaStream()] : [],
    });
  }
  // The last word of a side that goes away may be lost in what it is sent.
  connection.onconnectionstatechange = () => {
    if (['disconnected', 'failed', 'closed'].includes(connection.connectionState)) tell('control', 'closed');
  };
  (Reflect.get(window, 'ends') as InPage[])[number] = { connection, channels };
  await connection.setLocalDescription();
  // All candidates in one description: nothing has to be sent after it.
  await new Promise<void>((resolve) => {
    const look = () => {
      if (connection.iceGatheringState === 'complete') resolve();
    };
    connection.onicegatheringstatechange = look;
    look();
  });
  return connection.localDescription?.sdp ?? '';
}

async function take({ number, answer }: { number: number; answer: string }): Promise<void> {
  await (Reflect.get(window, 'ends') as InPage[])[number]?.connection.setRemoteDescription({
    type: 'answer',
    sdp: answer,
  });
}

interface Sending {
  readonly number: number;
  readonly channel: Channel;
  readonly times: number;
}

async function send({
  number,
  channel,
  said,
  times,
}: Sending & { said: { text?: string; base64?: string; zeros?: number }[] }): Promise<number> {
  const end = (Reflect.get(window, 'ends') as InPage[])[number];
  const to = end?.channels[channel];
  const isOver = () => to?.readyState !== 'open' || end?.connection.connectionState !== 'connected';
  const messages = said.map(({ text, base64: coded = '', zeros = 0 }) => {
    if (zeros) return new Uint8Array(Math.min(zeros, end?.connection.sctp?.maxMessageSize ?? zeros));
    return text ?? Uint8Array.from(atob(coded), (char) => char.charCodeAt(0));
  });
  let sent = 0;
  for (let time = 0; time < times; time++) {
    for (const message of messages) {
      while (!isOver() && (to?.bufferedAmount ?? 0) > 8 * 1024 * 1024) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      if (isOver()) return sent;
      if (typeof message === 'string') to?.send(message);
      else to?.send(message);
      sent++;
    }
  }
  return sent;
}

function announce({ number, channels }: { number: number; channels: number }): number {
  const end = (Reflect.get(window, 'ends') as InPage[])[number];
  for (let made = 0; made < channels; made++) {
    try {
      end?.connection.createDataChannel(`surprise ${made}`);
    } catch {
      return made;
    }
  }
  return channels;
}

function close({ number }: { number: number }): void {
  (Reflect.get(window, 'ends') as InPage[])[number]?.connection.close();
}
