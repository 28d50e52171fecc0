// Just enough of a TURN client (RFC 8489, RFC 8656; UDP) to ask a server for what it ought to refuse.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';

const MAGIC = 0x2112a442;
const HEADER_BYTES = 20;
const INTEGRITY_BYTES = 24;
const ANSWER_MS = 3_000;
const ASK_AGAIN_MS = 500;

const METHOD = { allocate: 0x003, refresh: 0x004, permit: 0x008 } as const;
const ERROR_BIT = 0x0110;
const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  peer: 0x0012,
  realm: 0x0014,
  nonce: 0x0015,
  family: 0x0017,
  transport: 0x0019,
  lifetime: 0x000d,
} as const;
const UDP = Buffer.from([17, 0, 0, 0]);

export interface Credentials {
  readonly username: string;
  readonly credential: string;
}

/** What a request came to: 0, or the server's error code. */
export type Outcome = number;

interface Answer {
  readonly outcome: Outcome;
  readonly attributes: ReadonlyMap<number, Buffer>;
}

export class TurnClient {
  readonly #port: number;
  readonly #socket: Socket;
  readonly #credentials: Credentials;
  #realm: Buffer = Buffer.alloc(0);
  #nonce: Buffer = Buffer.alloc(0);

  /** Asks the server at that port of 127.0.0.1. */
  constructor(port: number, credentials: Credentials) {
    this.#port = port;
    this.#credentials = credentials;
    this.#socket = createSocket('udp4');
    this.#socket.on('error', () => undefined);
  }

  /** Asks for a relayed address. */
  allocate(family: 4 | 6 = 4): Promise<Outcome> {
    const wanted: [number, Buffer][] = [[ATTRIBUTE.transport, UDP]];
    if (family === 6) wanted.push([ATTRIBUTE.family, Buffer.from([2, 0, 0, 0])]);
    return this.#request(METHOD.allocate, wanted);
  }

  /** Asks to keep it. */
  refresh(): Promise<Outcome> {
    const lifetime = Buffer.alloc(4);
    lifetime.writeUInt32BE(600);
    return this.#request(METHOD.refresh, [[ATTRIBUTE.lifetime, lifetime]]);
  }

  /** Asks for the right to be sent to, and heard from, an address. */
  permit(address: string): Promise<Outcome> {
    return this.#request(METHOD.permit, [], address);
  }

  close(): void {
    this.#socket.close();
  }

  /** Signed; once more when the server gives a nonce for it. */
  async #request(method: number, attributes: readonly [number, Buffer][], peer?: string): Promise<Outcome> {
    const first = await this.#exchange(method, attributes, peer);
    const nonce = first.attributes.get(ATTRIBUTE.nonce);
    if (!nonce || (first.outcome !== 401 && first.outcome !== 438) || nonce.equals(this.#nonce)) return first.outcome;
    this.#nonce = nonce;
    this.#realm = first.attributes.get(ATTRIBUTE.realm) ?? this.#realm;
    return (await this.#exchange(method, attributes, peer)).outcome;
  }

  async #exchange(method: number, attributes: readonly [number, Buffer][], peer: string | undefined): Promise<Answer> {
    const transaction = randomBytes(12);
    const peers: [number, Buffer][] = peer === undefined ? [] : [[ATTRIBUTE.peer, xored(peer, transaction)]];
    const request = this.#signed(message(method, transaction, [...attributes, ...peers, ...this.#identity()]));
    const send = () => this.#socket.send(request, this.#port, '127.0.0.1');
    const again = setInterval(send, ASK_AGAIN_MS);
    const patience = AbortSignal.timeout(ANSWER_MS);
    send();
    try {
      for (;;) {
        const [answer] = (await once(this.#socket, 'message', { signal: patience })) as [Buffer];
        if (answer.subarray(8, HEADER_BYTES).equals(transaction)) return answerOf(answer);
      }
    } finally {
      clearInterval(again);
    }
  }

  #identity(): [number, Buffer][] {
    if (!this.#nonce.length) return [];
    return [
      [ATTRIBUTE.username, Buffer.from(this.#credentials.username)],
      [ATTRIBUTE.realm, this.#realm],
      [ATTRIBUTE.nonce, this.#nonce],
    ];
  }

  /** With MESSAGE-INTEGRITY, over a header that counts it already. */
  #signed(request: Buffer): Buffer {
    if (!this.#nonce.length) return request;
    const { username, credential } = this.#credentials;
    const key = createHash('md5').update(`${username}:${this.#realm.toString()}:${credential}`).digest();
    request.writeUInt16BE(request.length - HEADER_BYTES + INTEGRITY_BYTES, 2);
    return Buffer.concat([request, attribute(ATTRIBUTE.integrity, createHmac('sha1', key).update(request).digest())]);
  }
}

function message(method: number, transaction: Buffer, attributes: readonly [number, Buffer][]): Buffer {
  const body = Buffer.concat(attributes.map(([type, value]) => attribute(type, value)));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(method, 0);
  header.writeUInt16BE(body.length, 2);
  header.writeUInt32BE(MAGIC, 4);
  transaction.copy(header, 8);
  return Buffer.concat([header, body]);
}

function attribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)]);
}

function answerOf(answer: Buffer): Answer {
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at + 4 <= answer.length;) {
    const length = answer.readUInt16BE(at + 2);
    attributes.set(answer.readUInt16BE(at), answer.subarray(at + 4, at + 4 + length));
    at += 4 + length + (-length & 3);
  }
  const isError = (answer.readUInt16BE(0) & ERROR_BIT) === ERROR_BIT;
  const error = attributes.get(ATTRIBUTE.error);
  if (isError && !error) throw new Error('an error without a code');
  return { outcome: isError && error ? (error[2] ?? 0) * 100 + (error[3] ?? 0) : 0, attributes };
}

/** XOR-PEER-ADDRESS, with a port that means nothing. */
function xored(address: string, transaction: Buffer): Buffer {
  const bytes = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address);
  const mask = message(0, transaction, []).subarray(4);
  const value = Buffer.alloc(4 + bytes.length);
  value[1] = bytes.length === 4 ? 1 : 2;
  value.writeUInt16BE(9 ^ (MAGIC >>> 16), 2);
  bytes.forEach((byte, i) => (value[4 + i] = byte ^ (mask[i] ?? 0)));
  return value;
}

function ipv6Bytes(address: string): Buffer {
  // In the URL's spelling there is no IPv4 part and at most one gap.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text = '') => text.split(':').filter(Boolean);
  const gap = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(gap).fill('0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
