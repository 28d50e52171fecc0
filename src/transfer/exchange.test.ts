// The example exchange of docs/protocol.md §7. What the document shows is what Sender, Receiver and the encoders say, to the
// letter; and what a reader takes from the document is taken by the decoders. After a change of the protocol the first test
// prints what the document should show.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { verify } from '../identity/ed25519.ts';
import { sessionOf } from '../link/session.ts';
import { concat, context, toBase64url, toHex, u64, type Bytes } from '../protocol/bytes.ts';
import { decodeFrame, encodeData, encodeDiffers, encodeHave, encodeRequest, type Frame } from '../protocol/frames.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';
import { KiB, MiB } from '../protocol/limits.ts';
import {
  decodeSigned,
  decodeUnsigned,
  encodeSigned,
  encodeUnsigned,
  offerHash,
  signedJson,
  type SignedMessage,
  type UnsignedMessage,
} from '../protocol/messages.ts';
import { ownKey } from '../testing/own-keys.ts';
import { pieceOf } from '../testing/source-piece.ts';
import { block, blocks, dumped, hex, vectors } from '../testing/vectors.ts';
import { rootOf } from './manifest.ts';
import { Receiver } from './receiver.ts';
import type { ReceivingLane } from './receiving-lane.ts';
import { Sender } from './sender.ts';

const golden = vectors('handshake');
const th = hex(golden['th']);
const [alice, bob] = [ownKey(hex(golden['seedR'])), ownKey(hex(golden['seedI']))];
const from = {
  alice: sessionOf({ th, theirKey: bob.publicKey }, alice),
  bob: sessionOf({ th, theirKey: alice.publicKey }, bob),
} as const;

/** 16 bytes that count up. */
const id = (first: number) => toBase64url(Uint8Array.from({ length: 16 }, (_, i) => first + i));
const sha256Now = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
const STEP_BYTES = 64 * KiB;

const hello = { fileId: id(0x00), stream: 0x12345678, content: new TextEncoder().encode('hello') };
/** Three pieces, of which the receiver holds the first as it is, and the second as it was: zeros. */
const numbers = {
  fileId: id(0x30),
  stream: 0x9abcdef0,
  content: Uint8Array.from({ length: 2 * MiB + 3 }, (_, i) => i % 251),
};

const pieceBytes = (piece: number) => numbers.content.subarray(piece * MiB, (piece + 1) * MiB);
const hashOf = (piece: number) => sha256Now(pieceBytes(piece));

/** What `have` tells. */
function heldHashes(): HashList {
  const held = new HashList(3);
  held.set(0, hashOf(0));
  held.set(1, sha256Now(new Uint8Array(MiB)));
  return held;
}

/** Every type of message that is neither signed nor one of the greeting: the compiler knows when one is missing. */
const unsigned: Record<
  Exclude<UnsignedMessage['type'], 'hello' | 'roster' | 'knock' | 'admit' | 'turned-away'>,
  readonly string[]
> = {
  withdraw: ['withdraw'],
  decline: ['decline'],
  cancel: ['cancel'],
  pause: ['pause'],
  resume: ['resume'],
  failed: ['failed'],
  lane: ['lane offer', 'lane answer', 'lane candidates', 'lane ready'],
  relay: ['relay'],
  bye: ['bye'],
};

/** A part of a dump: its bytes, and what a reader should know of them. `shown`: no more of them than that. */
interface Part {
  readonly bytes: Uint8Array;
  readonly note?: string;
  readonly shown?: number;
}

const LINE_BYTES = 32;

/** 32 bytes a line with a note on the first; texts beside their bytes. */
function dump(...parts: readonly Part[]): string {
  const lines = parts.flatMap(({ bytes, note, shown }) => {
    if (shown !== undefined) return [[`${toHex(bytes.subarray(0, shown))}…`, note ?? '']];
    return Array.from({ length: Math.ceil(bytes.length / LINE_BYTES) }, (_, line) => {
      const some = bytes.subarray(line * LINE_BYTES, (line + 1) * LINE_BYTES);
      return [toHex(some), note === undefined ? `|${new TextDecoder().decode(some)}|` : line === 0 ? note : ''];
    });
  });
  return lines.map(([digits = '', note]) => `${digits.padEnd(2 * LINE_BYTES)}  ${note}`.trimEnd() + '\n').join('');
}

const u32 = (...values: readonly number[]) =>
  concat(...values.map((value) => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value])));
const type = (byte: number) => new Uint8Array([byte]);
const named = (number: number) => ({ bytes: u32(number), note: `stream ${number}` });

function requestParts(frame: Frame | undefined): Part[] {
  if (frame?.kind !== 'request') throw new Error('no request');
  return [
    { bytes: type(0x10), note: 'request' },
    named(frame.stream),
    { bytes: u32(frame.from), note: `from piece ${frame.from}` },
    { bytes: u32(frame.to), note: `to before piece ${frame.to}` },
  ];
}

function dataParts(frame: Frame | undefined): Part[] {
  if (frame?.kind !== 'data') throw new Error('no data');
  const { stream, piece, offset, hash, bytes } = frame;
  const long = bytes.length > LINE_BYTES;
  return [
    { bytes: type(0x11), note: 'data' },
    named(stream),
    { bytes: u32(piece), note: `piece ${piece}` },
    { bytes: u32(offset), note: `offset ${offset}` },
    ...(hash ? [{ bytes: hash, note: 'SHA-256 of the piece' }] : []),
    { bytes, note: `${bytes.length} bytes${long ? ' in all' : ''}`, ...(long && { shown: 16 }) },
  ];
}

async function signedParts(who: keyof typeof from, message: SignedMessage): Promise<Part[]> {
  const json = signedJson(message);
  const signature = await from[who].sign(message.type, json);
  const wire = encodeSigned(message.type, signature, json);
  return [{ bytes: wire.subarray(0, 1), note: message.type }, { bytes: signature, note: 'signature' }, { bytes: json }];
}

/** What a Sender and a Receiver say to each other about one file, and the root both come to. */
async function moved(file: {
  stream: number;
  content: Bytes;
  held?: HashList;
}): Promise<{ said: Frame[]; root: Bytes }> {
  const { stream, content, held } = file;
  const said: Frame[] = [];
  const root = await new Promise<Bytes>((whole, reject) => {
    const failed = (_: number, failure: Error) => reject(failure);
    const receiver = new Receiver({
      now: () => 0,
      hash: (bytes) => Promise.resolve(sha256Now(bytes)),
      write: () => Promise.resolve(),
      whole: (_, root) => whole(root),
      full: () => reject(new Error('full')),
      ...{ failed, fault: reject },
    });
    const sender = new Sender({
      read: (_, start, end) => pieceOf(content.slice(start, end)),
      check: () => Promise.resolve(),
      served: (_, root) => receiver.handleRoot(stream, root),
      after: () => undefined,
      ...{ failed, fault: reject },
    });
    const heard = (frame: Bytes) => {
      const decoded = decodeFrame(frame.slice().buffer);
      said.push(decoded);
      return decoded;
    };
    const sending = sender.addLane({
      stepBytes: STEP_BYTES,
      drained: () => Promise.resolve(),
      send: (frame) => {
        const answer = heard(frame);
        if (answer.kind === 'data' || answer.kind === 'differs') receiving.handle(answer);
      },
    });
    const receiving: ReceivingLane = receiver.addLane((frame) => {
      const asked = heard(frame);
      if (asked.kind === 'request' || asked.kind === 'have') sending.handle(asked);
    });
    sender.serve(stream, content.length, held !== undefined);
    receiver.receive(stream, content.length, held && { held });
  });
  return { said, root };
}

/** The whole exchange, as the code has it: the text of every dump. */
async function exchange(): Promise<Map<string, string>> {
  const shown = new Map<string, string>();
  const show = (name: string, ...parts: readonly Part[]) => shown.set(`hex exchange:${name}`, dump(...parts));
  const offered = { type: 'text/plain', modified: 1_767_225_600_000 };

  const offer: SignedMessage = {
    ...{ type: 'offer', offerId: id(0x10), batch: id(0x20) },
    files: [{ fileId: hello.fileId, path: 'hello.txt', size: hello.content.length, ...offered }],
  };
  const json = signedJson(offer);
  const hash = await offerHash(th, json);
  const of = (name: string) => ({ bytes: context(name), note: `CTX("${name}")` });
  show('offer', ...(await signedParts('alice', offer)));
  show('signed', of('offer'), { bytes: th, note: 'th' }, { bytes: json });
  show('contexts', ...['accept', 'done', 'verified'].map(of));
  show('offer hash', { bytes: hash, note: 'SHA-256(th ‖ JSON)' });
  const accept = (hash: Bytes, file: { fileId: string; stream: number; resume?: true }): SignedMessage => ({
    type: 'accept',
    offers: [{ hash: toBase64url(hash), files: [file] }],
  });
  const { fileId, stream, content } = hello;
  show('accept', ...(await signedParts('bob', accept(hash, { fileId, stream }))));
  const small = await moved(hello);
  show('request', ...requestParts(small.said[0]));
  show('data', ...dataParts(small.said[1]));
  expect(small.said).toHaveLength(2);
  const sized = (size: number) => ({ bytes: u64(size), note: `size ${size}` });
  show('root input', of('root'), sized(content.length), { bytes: sha256Now(content), note: 'piece 0' });
  show('root', { bytes: small.root, note: 'SHA-256 of these' });
  const ends = [{ fileId, root: toBase64url(small.root) }];
  show('done', ...(await signedParts('alice', { type: 'done', files: ends })));
  show('verified', ...(await signedParts('bob', { type: 'verified', files: ends })));

  const again: SignedMessage = {
    ...{ type: 'offer', offerId: id(0x40), batch: id(0x50) },
    files: [{ fileId: numbers.fileId, path: 'more/numbers.bin', size: numbers.content.length, ...offered, type: '' }],
  };
  const hashOfAgain = await offerHash(th, signedJson(again));
  show('offer again', ...(await signedParts('alice', again)));
  show('offer again hash', { bytes: hashOfAgain, note: 'SHA-256(th ‖ JSON)' });
  const resumed = { fileId: numbers.fileId, stream: numbers.stream, resume: true as const };
  show('accept resume', ...(await signedParts('bob', accept(hashOfAgain, resumed))));
  const { said, root } = await moved({ ...numbers, held: heldHashes() });
  const have = said.find((frame) => frame.kind === 'have');
  const differs = said.find((frame) => frame.kind === 'differs');
  const requests = said.filter((frame) => frame.kind === 'request');
  const data = said.filter((frame) => frame.kind === 'data');
  const hashAt = (piece: number) =>
    have?.hashes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES) ?? new Uint8Array();
  show(
    'have',
    { bytes: type(0x12), note: 'have' },
    named(have?.stream ?? 0),
    { bytes: u32(have?.from ?? 0), note: 'from piece 0' },
    { bytes: hashAt(0), note: 'piece 0' },
    { bytes: hashAt(1), note: 'piece 1, as it was' },
    { bytes: hashAt(2), note: 'piece 2: not held' },
  );
  const at = (piece: number, offset: number) => data.find((frame) => frame.piece === piece && frame.offset === offset);
  show('request missing', ...requestParts(requests[0]));
  show('data missing', ...dataParts(at(2, 0)));
  show('differs', { bytes: type(0x13), note: 'differs' }, named(differs?.stream ?? 0), {
    bytes: u32(...(differs?.pieces ?? [])),
    note: 'piece 1',
  });
  show('request differing', ...requestParts(requests[1]));
  show('data first', ...dataParts(at(1, 0)));
  show('data second', ...dataParts(at(1, STEP_BYTES)));
  expect([requests.length, data.length]).toEqual([2, 1 + MiB / STEP_BYTES]);
  show(
    'root input of three',
    ...[of('root'), sized(numbers.content.length)],
    ...[0, 1, 2].map((piece) => ({ bytes: hashOf(piece), note: `piece ${piece}` })),
  );
  show('root of three', { bytes: root, note: 'SHA-256 of these' });
  return shown;
}

test('the document shows what the code says', async () => {
  const shown = await exchange();
  for (const [info, text] of shown) expect({ info, text: block(info) }).toEqual({ info, text });
  expect(blocks('hex ')).toEqual([...shown.keys()]);
});

describe('what a reader takes from the document', () => {
  const signedMessages = [
    ['offer', 'alice'],
    ['accept', 'bob'],
    ['done', 'alice'],
    ['verified', 'bob'],
    ['offer again', 'alice'],
    ['accept resume', 'bob'],
  ] as const;

  test.each(signedMessages)('%s is a message signed by %s', (name, who) => {
    const { message, json, signature } = decodeSigned(dumped(name));
    expect(from[who === 'alice' ? 'bob' : 'alice'].verify(message.type, json, signature)).toBe(true);
    expect(from[who].verify(message.type, json, signature)).toBe(false);
    expect(encodeSigned(message.type, signature, signedJson(message))).toEqual(dumped(name));
  });

  test('the bytes an offer is signed over, and those of the other types', () => {
    const { json, signature } = decodeSigned(dumped('offer'));
    expect(verify(alice.publicKey, dumped('signed'), signature)).toBe(true);
    expect(dumped('signed')).toEqual(concat(context('offer'), th, json));
    expect(dumped('contexts')).toEqual(concat(context('accept'), context('done'), context('verified')));
  });

  test.each([
    ['offer', 'offer hash', 'accept'],
    ['offer again', 'offer again hash', 'accept resume'],
  ])('%s is accepted by its hash', (name, hash, accept) => {
    expect(sha256Now(concat(th, decodeSigned(dumped(name)).json))).toEqual(dumped(hash));
    expect(decodeSigned(dumped(accept)).message).toMatchObject({ offers: [{ hash: toBase64url(dumped(hash)) }] });
  });

  test.each([
    ['request', encodeRequest(hello.stream, 0, 1)],
    ['request missing', encodeRequest(numbers.stream, 2, 3)],
    ['request differing', encodeRequest(numbers.stream, 1, 2)],
    ['data', encodeData(hello.stream, 0, 0, sha256Now(hello.content), hello.content)],
    ['data missing', encodeData(numbers.stream, 2, 0, hashOf(2), pieceBytes(2))],
    ['have', encodeHave(numbers.stream, 0, heldHashes().bytes)],
    ['differs', encodeDiffers(numbers.stream, [1])],
  ])('%s is a frame', (name, frame) => {
    expect(dumped(name)).toEqual(frame);
    expect(decodeFrame(dumped(name).buffer)).toEqual(decodeFrame(frame.buffer));
  });

  test.each([
    ['data first', 0],
    ['data second', STEP_BYTES],
  ])('%s is the beginning of a frame', (name, offset) => {
    const bytes = pieceBytes(1).subarray(offset, offset + STEP_BYTES);
    const frame = encodeData(numbers.stream, 1, offset, hashOf(1), bytes);
    expect(dumped(name)).toEqual(frame.slice(0, dumped(name).length));
  });

  test.each([
    ['root input', 'root', 'done'],
    ['root input', 'root', 'verified'],
  ])('%s has the %s that %s names', (input, root, name) => {
    expect(sha256Now(dumped(input))).toEqual(dumped(root));
    expect(decodeSigned(dumped(name)).message).toMatchObject({ files: [{ root: toBase64url(dumped(root)) }] });
  });

  test('the root of three pieces', async () => {
    const hashes = concat(hashOf(0), hashOf(1), hashOf(2));
    expect(sha256Now(dumped('root input of three'))).toEqual(dumped('root of three'));
    expect(await rootOf(numbers.content.length, hashes)).toEqual(dumped('root of three'));
  });

  test('unsigned messages, one of each type at least', () => {
    const lines = block('text exchange:messages').trimEnd().split('\n');
    const messages = lines.map((line) => {
      const [, json = ''] = /^(?:A → B|B → A) {2}(\{.*\})$/.exec(line) ?? [];
      const message = decodeUnsigned(json);
      expect(encodeUnsigned(message)).toBe(json);
      return message;
    });
    const shown = messages.map((message) => (message.type === 'lane' ? `lane ${message.signal.kind}` : message.type));
    expect([...new Set(shown)].sort()).toEqual(Object.values(unsigned).flat().sort());
  });
});
