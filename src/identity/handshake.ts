// The handshake (docs/protocol.md §3): five messages on the control channel that bind two Ed25519 keys to the room's link
// and to the certificates this very DTLS connection was made with. Sans-I/O: messages go in by `handle`, what it returns
// is to be sent.
//
//   1  I→R   commit to (nonce, key), MAC                whoever has not the link can make no MAC, and gets no answer
//   2  R→I   nonce, key, MAC                            R shows its key only to somebody with the link
//   3  I→R   nonce, key, signature                      I had to choose before it saw R's nonce: no grinding of the emoji
//   4  R→I   signature
//   5  I→R   hash of all that was said                  R now knows that I believed it
//
// A server in the middle has its own certificates on both sides, so MACs and signatures fail. A link thief in the middle
// can make MACs, but has to show a key of its own: the host pin fails, or the roster does, or the emoji differ. Every
// failure is the same to whoever watches, and nothing was shown before it.

import { concat, context, equal, sha256, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { isPublicKey, verify } from './ed25519.ts';
import type { OwnKey } from './keys.ts';

export const HANDSHAKE_VERSION = 1;
export const NONCE_BYTES = 32;

export interface HandshakeOptions {
  /** Whether our local description was the offer; from own state, never from what the other side says. */
  readonly initiator: boolean;
  readonly roomId: Bytes;
  /** K_bind of the room link. */
  readonly bindKey: Bytes;
  /** SHA-256 of the two certificates DTLS used. */
  readonly ownCertificate: Bytes;
  readonly theirCertificate: Bytes;
  readonly key: OwnKey;
  /** 32 random bytes, never used before. */
  readonly nonce: Bytes;
  /** Whether this is the key that was to be met here: the pin's, or the roster's for the peer that was dialled. */
  readonly isExpected: (key: Bytes) => boolean | Promise<boolean>;
  readonly isBlocked: (key: Bytes) => boolean;
}

/** What two sides have once both are proved. */
export interface Authenticated {
  /** Transcript hash, 32 bytes: names this session and nothing else. */
  readonly th: Bytes;
  readonly theirKey: Bytes;
}

export interface Step {
  readonly send?: Bytes;
  /** Set once, when this side may send, show and believe. */
  readonly done?: Authenticated;
}

type Stage = 'start' | 'M1' | 'M2' | 'M3' | 'M4' | 'M5' | 'over';

const LENGTHS = { M1: 66, M2: 98, M3: 129, M4: 65, M5: 17 } as const;
const TYPES = { M1: 1, M2: 2, M3: 3, M4: 4, M5: 5 } as const;

const version = new Uint8Array([HANDSHAKE_VERSION]);

async function hmac(key: Bytes, ...parts: readonly Uint8Array[]): Promise<Bytes> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, concat(...parts)));
}

/** One end of one handshake. After a failure it takes nothing more. */
export class Handshake {
  readonly #options: HandshakeOptions;
  /** The message that is waited for. */
  #stage: Stage;
  readonly #said: Bytes[] = [];
  #commit: Bytes | undefined;
  #theirs: { nonce: Bytes; key: Bytes } | undefined;
  #done: Authenticated | undefined;
  #failed = false;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#stage = options.initiator ? 'start' : 'M1';
  }

  /** The initiator's first message. */
  async start(): Promise<Step> {
    if (this.#stage !== 'start') throw refused();
    const { nonce, key, roomId } = this.#options;
    const commit = await commitment(roomId, nonce, key.publicKey);
    const mac = await this.#mac('mac I', version, commit);
    this.#stage = 'M2';
    return { send: this.#say(new Uint8Array([TYPES.M1]), version, commit, mac) };
  }

  /** Takes the next message of the other side. Rejects with Failure('authentication-failed'), and then for ever. */
  async handle(message: Bytes): Promise<Step> {
    const stage = this.#stage;
    this.#stage = 'over';
    try {
      if (stage === 'start' || stage === 'over') throw refused();
      if (message.length !== LENGTHS[stage] || message[0] !== TYPES[stage]) throw refused();
      const step = await this.#take(stage, message);
      // Another message came while this one was looked at: out of order, whatever it said.
      if (this.#failed) throw refused();
      return step;
    } catch {
      this.#failed = true;
      this.#stage = 'over';
      throw refused();
    }
  }

  #take(stage: keyof typeof TYPES, message: Bytes): Promise<Step> {
    switch (stage) {
      case 'M1':
        return this.#takeFirst(message);
      case 'M2':
        return this.#takeSecond(message);
      case 'M3':
        return this.#takeThird(message);
      case 'M4':
        return this.#takeFourth(message);
      case 'M5':
        return this.#takeFifth(message);
    }
  }

  async #takeFirst(message: Bytes): Promise<Step> {
    const [ver, commit, mac] = split(message.subarray(1), 1, 32, 32);
    if (!equal(ver, version) || !equal(mac, await this.#mac('mac I', ver, commit))) throw refused();
    if (equal(this.#options.ownCertificate, this.#options.theirCertificate)) throw refused();
    this.#said.push(message);
    this.#commit = commit;
    const { nonce, key } = this.#options;
    const answer = await this.#mac('mac R', message, version, nonce, key.publicKey);
    this.#stage = 'M3';
    return { send: this.#say(new Uint8Array([TYPES.M2]), version, nonce, key.publicKey, answer) };
  }

  async #takeSecond(message: Bytes): Promise<Step> {
    const [ver, nonce, key, mac] = split(message.subarray(1), 1, NONCE_BYTES, 32, 32);
    const [first] = this.#said;
    if (!first || !equal(ver, version)) throw refused();
    if (!equal(mac, await this.#mac('mac R', first, ver, nonce, key))) throw refused();
    await this.#checkTheirs(nonce, key);
    this.#said.push(message);
    this.#theirs = { nonce, key };
    const own = this.#options;
    const signature = await own.key.sign(concat(context('sig I'), await this.#transcript()));
    this.#stage = 'M4';
    return { send: this.#say(new Uint8Array([TYPES.M3]), own.nonce, own.key.publicKey, signature) };
  }

  async #takeThird(message: Bytes): Promise<Step> {
    const [nonce, key, signature] = split(message.subarray(1), NONCE_BYTES, 32, 64);
    await this.#checkTheirs(nonce, key);
    if (!this.#commit || !equal(this.#commit, await commitment(this.#options.roomId, nonce, key))) throw refused();
    this.#theirs = { nonce, key };
    const th = await this.#transcript();
    if (!verify(key, concat(context('sig I'), th), signature) || this.#options.isBlocked(key)) throw refused();
    this.#said.push(message);
    this.#done = { th, theirKey: key };
    const own = await this.#options.key.sign(concat(context('sig R'), th));
    this.#stage = 'M5';
    return { send: this.#say(new Uint8Array([TYPES.M4]), own) };
  }

  async #takeFourth(message: Bytes): Promise<Step> {
    const [signature] = split(message.subarray(1), 64);
    const theirs = this.#theirs;
    if (!theirs) throw refused();
    const th = await this.#transcript();
    if (!verify(theirs.key, concat(context('sig R'), th), signature) || this.#options.isBlocked(theirs.key)) {
      throw refused();
    }
    this.#said.push(message);
    const send = this.#say(new Uint8Array([TYPES.M5]), await this.#finish());
    return { send, done: { th, theirKey: theirs.key } };
  }

  async #takeFifth(message: Bytes): Promise<Step> {
    const done = this.#done;
    if (!done || !equal(message.subarray(1), await this.#finish())) throw refused();
    return { done };
  }

  /** Everything that can be wrong with a nonce and a key before anybody signs. */
  async #checkTheirs(nonce: Bytes, key: Bytes): Promise<void> {
    const own = this.#options;
    const differ =
      !equal(own.ownCertificate, own.theirCertificate) && !equal(own.key.publicKey, key) && !equal(own.nonce, nonce);
    if (!differ || !isPublicKey(key) || !(await own.isExpected(key))) throw refused();
  }

  #mac(label: 'mac I' | 'mac R', ...parts: readonly Uint8Array[]): Promise<Bytes> {
    return hmac(this.#options.bindKey, context(label), ...this.#certificates(), ...parts);
  }

  /** SHA-256 of the transcript T. */
  async #transcript(): Promise<Bytes> {
    const [first, second] = this.#said;
    const { roomId, initiator, key, nonce } = this.#options;
    if (!first || !second || !this.#theirs) throw refused();
    const keys = [key.publicKey, this.#theirs.key];
    const nonces = [nonce, this.#theirs.nonce];
    if (!initiator) for (const pair of [keys, nonces]) pair.reverse();
    return sha256(
      concat(
        context('transcript'),
        version,
        roomId,
        await sha256(concat(first, second)),
        ...this.#certificates(),
        ...keys,
        ...nonces,
      ),
    );
  }

  async #finish(): Promise<Bytes> {
    return (await sha256(concat(...this.#said))).slice(0, 16);
  }

  /** The initiator's certificate, then the responder's. */
  #certificates(): readonly [Bytes, Bytes] {
    const { initiator, ownCertificate, theirCertificate } = this.#options;
    return initiator ? [ownCertificate, theirCertificate] : [theirCertificate, ownCertificate];
  }

  #say(...parts: readonly Uint8Array[]): Bytes {
    const message = concat(...parts);
    // Of the last message nothing is a part.
    if (message[0] !== TYPES.M5) this.#said.push(message);
    return message;
  }
}

/** commit = SHA-256(CTX("commit") ‖ roomId ‖ nI ‖ pkI). */
function commitment(roomId: Bytes, nonce: Bytes, key: Bytes): Promise<Bytes> {
  return sha256(concat(context('commit'), roomId, nonce, key));
}

function split<const L extends readonly number[]>(bytes: Bytes, ...lengths: L): { [K in keyof L]: Bytes } {
  let at = 0;
  return lengths.map((length) => bytes.slice(at, (at += length))) as { [K in keyof L]: Bytes };
}

/** One failure for every reason: whoever is refused learns nothing from it. */
function refused(): Failure {
  return new Failure('authentication-failed');
}
