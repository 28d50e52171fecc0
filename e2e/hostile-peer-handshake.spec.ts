// Somebody with the link and no manners shakes hands: with keys that are none, signatures that are others', messages out of
// their order, or not at all. They are never told why, learn no more than the host's key, and never so much as knock.

import { keyFromSeed } from '../src/identity/ed25519.ts';
import type { OwnKey } from '../src/identity/keys.ts';
import { concat, randomBytes, type Bytes } from '../src/protocol/bytes.ts';
import { expect, note, test, type House } from './hostile/besieged.ts';
import type { Manners, Said, Visit } from './hostile/peer.ts';

/** 2^255 − 19, and the order of the group (RFC 8032 §5.1). */
const FIELD = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(value: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

function bigintOf(bytes: Bytes): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** A pair of a point and its discrete logarithm, taken from an honest signature: R and S of one under a key of its own. */
async function pointAndScalar(): Promise<{ point: Bytes; scalar: bigint }> {
  const seed = randomBytes(32);
  const half = new Uint8Array(await crypto.subtle.digest('SHA-512', seed)).slice(0, 32);
  const clamped = (bigintOf(half) & ((1n << 255n) - 8n) & ((1n << 255n) - 1n)) | (1n << 254n);
  return { point: keyFromSeed(seed).publicKey, scalar: clamped % ORDER };
}

/** A key whose point has only this y, and the signature that a careless verifier takes for every message under y = 1. */
async function small(y: bigint): Promise<OwnKey> {
  const { point, scalar } = await pointAndScalar();
  return { publicKey: littleEndian(y), sign: () => Promise.resolve(concat(point, littleEndian(scalar))) };
}

function own(change: (signature: Bytes) => Bytes = (signature) => signature): OwnKey {
  const { publicKey, sign } = keyFromSeed(randomBytes(32));
  return { publicKey, sign: (message) => Promise.resolve(change(sign(message))) };
}

/** The host's own key, shown back to it. The peer's own handshake would not go on with that: it is let see another. */
function mirrored(hostKey: Bytes): OwnKey {
  const key = own();
  let looks = 0;
  return {
    get publicKey() {
      // The third look compares it with the host's.
      return ++looks === 3 ? key.publicKey : hostKey;
    },
    sign: (message) => key.sign(message),
  };
}

/** The same signature to whoever does not look at how large S is. */
function grown(signature: Bytes): Bytes {
  return concat(signature.slice(0, 32), littleEndian(bigintOf(signature.slice(32)) + ORDER));
}

/** Holds that the handshake ended in silence after so many messages of the host's, and that nobody heard of it. */
async function isRefused(house: House, what: string, visit: Visit, told: readonly number[]): Promise<void> {
  await visit.isCut();
  expect(
    visit.handshake.map(([kind]) => kind),
    what,
  ).toEqual(told);
  expect(visit.messages, what).toEqual([]);
  expect(visit.dataBytes, what).toBe(0);
  await expect(house.listed(visit), what).toHaveCount(0);
  await visit.leaves();
}

/** Another message in the place of the one of this kind. */
function inPlaceOf(kind: number, ...said: ((message: Bytes, heard: readonly Bytes[]) => Said)[]): Manners {
  return {
    alter: (message, heard) => (message[0] === kind ? said.map((one) => one(message, heard)) : [message]),
  };
}

/** The message with these bytes at that place. */
const patched =
  (at: number, ...bytes: number[]) =>
  (message: Bytes) => {
    const copy = message.slice();
    copy.set(bytes, at);
    return copy;
  };

/** Its own first message once more, when the third is due. */
function repeating(): Manners {
  const said: Bytes[] = [];
  return {
    alter: (message) => {
      said.push(message);
      return message[0] === 3 ? said.slice(0, 1) : [message];
    },
  };
}

test('keys and signatures that are none are refused before anybody is shown', async ({ house }) => {
  const hostKey = async () => {
    const visit = await house.comesNear();
    await visit.shakesHands();
    const key = visit.handshake[0]?.slice(34, 66) ?? new Uint8Array();
    await visit.leaves();
    return key;
  };
  const stranger = own();
  const keys: Record<string, OwnKey> = {
    'the neutral point, with the signature that fits everything': await small(1n),
    'the point of order two': await small(FIELD - 1n),
    'a point of order four': await small(0n),
    'a point of order eight': await small(0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n),
    'the neutral point, not in its canonical form': await small(FIELD + 1n),
    'the largest y that fits': await small(2n ** 255n - 1n),
    'a signature with S + L': own(grown),
    'a signature with one bit turned': own((signature) =>
      Uint8Array.from(signature, (byte, i) => (i ? byte : byte ^ 1)),
    ),
    'a signature of zeros': own(() => new Uint8Array(64)),
    'somebody else’s key': { publicKey: own().publicKey, sign: (message) => stranger.sign(message) },
    'the host’s own key': mirrored(await hostKey()),
  };
  await house.each(keys, async (what, key) => {
    const visit = await house.comesNear({ key });
    await visit.shakesHands();
    await isRefused(house, what, visit, [2]);
  });
});

test('handshake messages reflected, replayed, out of order or out of shape end it in silence', async ({ house }) => {
  const said: Bytes[] = [];
  const another = await house.comesNear({
    alter: (message) => {
      said.push(message);
      return [message];
    },
  });
  await another.shakesHands();
  await another.leaves();
  const [first = new Uint8Array(), third = new Uint8Array(), fifth = new Uint8Array()] = said;
  const zeros = (length: number) => () => new Uint8Array(length);
  const cases: Record<string, [Manners, number[]]> = {
    'the first message of another session': [inPlaceOf(1, () => first), []],
    'another version': [inPlaceOf(1, patched(1, 2)), []],
    'a MAC with one bit turned': [inPlaceOf(1, (message) => patched(65, (message[65] ?? 0) ^ 1)(message)), []],
    'a byte too many': [inPlaceOf(1, (message) => concat(message, new Uint8Array(1))), []],
    'a byte too few': [inPlaceOf(1, (message) => message.slice(0, -1)), []],
    'nothing at all, as a message': [inPlaceOf(1, zeros(0)), []],
    text: [inPlaceOf(1, () => 'hello'), []],
    'a message as long as a browser sends': [inPlaceOf(1, zeros(256 * 1024)), []],
    'the third message first': [inPlaceOf(1, () => third), []],
    'the first message twice': [repeating(), [2]],
    'the host’s own message, reflected': [inPlaceOf(3, (_, heard) => heard[0] ?? ''), [2]],
    'the third message of another session': [inPlaceOf(3, () => third), [2]],
    'the fifth message in the place of the third': [inPlaceOf(3, () => fifth), [2]],
    'a nonce that was not committed to': [inPlaceOf(3, patched(1, 1, 2, 3, 4)), [2]],
    'a word for members in the place of the third': [inPlaceOf(3, () => '{"type":"bye"}'), [2]],
    'the fifth message of another session': [inPlaceOf(5, () => fifth), [2, 4]],
    'the host’s last message, reflected': [inPlaceOf(5, (_, heard) => heard[1] ?? ''), [2, 4]],
    'a greeting in the place of the fifth': [inPlaceOf(5, () => '{"type":"hello","rosterRev":0}'), [2, 4]],
  };
  await house.each(cases, async (what, [manners, told]) => {
    const visit = await house.comesNear(manners);
    await visit.shakesHands();
    await isRefused(house, what, visit, told);
  });
});

test('bytes before authentication are dropped, whatever they are, and the handshake goes on', async ({ house }) => {
  const data = concat(new Uint8Array([0x11, ...Array<number>(44).fill(0)]), new Uint8Array(1000));
  const request = new Uint8Array([0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
  const visit = await house.comesNear();
  await visit.connects();
  await visit.say([data, request, 'text', new Uint8Array([0xff])], 'data', 5);
  await visit.enters();
  await house.isStillHere('somebody who came with bytes', visit);
  expect(visit.dataBytes).toBe(0);
});

test('handshakes that stall are given up, and hold no more than four places meanwhile', async ({ house, bob }) => {
  const places: readonly [what: string, manners: Manners, told: readonly number[]][] = [
    ['nothing at all', inPlaceOf(1), []],
    ['nothing after the first message', inPlaceOf(3), [2]],
    ['nothing after the first message again', inPlaceOf(3), [2]],
    ['nothing after the third message', inPlaceOf(5), [2, 4]],
  ];
  const ends: Promise<void>[] = [];
  for (const [what, manners, told] of places) {
    const visit = await house.comesNear(manners);
    ends.push(visit.shakesHands().then(() => isRefused(house, what, visit, told)));
    await visit.until('its place', () => visit.isOpen && visit.handshake.length === told.length);
  }
  // A fifth is not answered while they stand there, and not later either.
  const fifth = await house.comesNear();
  fifth.signal({ kind: 'offer', sdp: await fifth.describes() });
  await Promise.all(ends);
  await bob.open(house.link);
  await bob.isIn('inside');
  await bob.sees(note.name, 'offered');
  expect(fifth.answers).toEqual([]);
});
