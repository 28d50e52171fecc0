import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, equal, sha256, toBase64url, toHex, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { bytes } from '../testing/arbitraries.ts';
import { failureOf } from '../testing/expecting.ts';
import { hex, vectors } from '../testing/vectors.ts';
import { keyFromSeed } from './ed25519.ts';
import { Handshake, type Authenticated, type HandshakeOptions, type Step } from './handshake.ts';
import type { OwnKey } from './keys.ts';
import { sasOf } from './sas.ts';

/** A key that signs as it is told; a check costs 14 ms, so runs are counted. */
function ownKey(seed: Bytes): OwnKey {
  const { publicKey, sign } = keyFromSeed(seed);
  return { publicKey, sign: (message) => Promise.resolve(sign(message)) };
}

/** What a step sends. */
async function sent(step: Promise<Step>): Promise<Bytes> {
  const { send } = await step;
  if (!send) throw new Error('nothing was sent');
  return send;
}
const fill = (value: number, length = 32) => new Uint8Array(length).fill(value);

const keys = { alice: ownKey(fill(1)), bob: ownKey(fill(2)), mallory: ownKey(fill(3)) };

function options(initiator: boolean, other: Partial<HandshakeOptions> = {}): HandshakeOptions {
  const [certI, certR] = [fill(0xa1), fill(0xb2)];
  return {
    initiator,
    roomId: fill(7, 16),
    bindKey: fill(8),
    ownCertificate: initiator ? certI : certR,
    theirCertificate: initiator ? certR : certI,
    key: initiator ? keys.alice : keys.bob,
    nonce: fill(initiator ? 0x11 : 0x22),
    isExpected: () => true,
    isBlocked: () => false,
    ...other,
  };
}

/** What somebody in between does to the n-th message (0–4): the messages that arrive instead. */
type Between = (index: number, message: Bytes, said: readonly Bytes[]) => readonly Bytes[];
interface Outcome {
  readonly initiator: Authenticated | Failure | undefined;
  readonly responder: Authenticated | Failure | undefined;
  readonly said: readonly Bytes[];
}

/** A whole handshake, as far as it comes. */
async function meet(
  one: HandshakeOptions,
  other: HandshakeOptions,
  between: Between = (_, m) => [m],
): Promise<Outcome> {
  const sides = [new Handshake(one), new Handshake(other)] as const;
  const ends: (Authenticated | Failure | undefined)[] = [undefined, undefined];
  const said: Bytes[] = [];
  const take = async (side: 0 | 1, step: () => Promise<Step>): Promise<Bytes | undefined> => {
    try {
      const { send, done } = await step();
      if (done && !ends[side]) ends[side] = done;
      return send;
    } catch (error) {
      // After its end too: the link closes on any further handshake message.
      ends[side] = Failure.from(error);
      return undefined;
    }
  };
  let onTheWay = await take(0, () => sides[0].start());
  for (let index = 0; onTheWay && index < 5; index++) {
    const to = index % 2 === 0 ? 1 : 0;
    const arriving = between(index, onTheWay, said);
    said.push(onTheWay);
    onTheWay = undefined;
    for (const message of arriving) onTheWay = (await take(to, () => sides[to].handle(message))) ?? onTheWay;
  }
  return { initiator: ends[0], responder: ends[1], said };
}

/** Nobody believed anything: at most the last to speak believes, and then the other one does not. */
function expectNobody({ initiator, responder }: Outcome): void {
  expect([initiator, responder].filter((end) => end && !(end instanceof Failure))).toEqual([]);
  for (const end of [initiator, responder]) if (end) expect(end).toEqual(failureOf('authentication-failed'));
}

describe('golden vectors', () => {
  const golden = vectors('handshake');
  const common = { roomId: hex(golden['roomId']), bindKey: hex(golden['bind']) };
  const side = (initiator: boolean): HandshakeOptions => {
    const [own, their] = initiator ? (['I', 'R'] as const) : (['R', 'I'] as const);
    return options(initiator, {
      ...common,
      ownCertificate: hex(golden[`cert${own}`]),
      theirCertificate: hex(golden[`cert${their}`]),
      key: ownKey(hex(golden[`seed${own}`])),
      nonce: hex(golden[`n${own}`]),
    });
  };

  test('of the five messages, the transcript hash and the emoji', async () => {
    const { initiator, responder, said } = await meet(side(true), side(false));
    expect(said.map(toHex)).toEqual(['M1', 'M2', 'M3', 'M4', 'M5'].map((name) => golden[name]));
    if (!initiator || initiator instanceof Failure) throw new Error('not authenticated');
    expect(toHex(initiator.th)).toBe(golden['th']);
    expect(responder).toEqual({ th: initiator.th, theirKey: hex(golden['pkI']) });
    expect(initiator.theirKey).toEqual(hex(golden['pkR']));
    expect((await sasOf(initiator.th)).map(({ name }) => name).join(' ')).toBe(golden['sas']);
  });
});

test('an honest pair always agrees, and on nothing else than the other', async () => {
  const any = fc.record({
    roomId: bytes(16),
    bindKey: bytes(32),
    one: bytes(32),
    other: bytes(32),
    nI: bytes(32),
    nR: bytes(32),
  });
  const agree = fc.asyncProperty(any, async ({ roomId, bindKey, one, other, nI, nR }) => {
    fc.pre(!equal(nI, nR) && !equal(one, other));
    const [I, R] = [ownKey(one), ownKey(other)];
    const { initiator, responder } = await meet(
      options(true, { roomId, bindKey, key: I, nonce: nI }),
      options(false, { roomId, bindKey, key: R, nonce: nR }),
    );
    expect(initiator).toMatchObject({ theirKey: R.publicKey });
    expect(responder).toEqual({ theirKey: I.publicKey, th: (initiator as Authenticated).th });
  });
  await fc.assert(agree, { numRuns: 25 });
});

describe('nobody is authenticated', () => {
  test('when any one bit of any of the first four messages is flipped', async () => {
    const flip = fc.asyncProperty(fc.nat(3), fc.nat(), async (index, at) => {
      const end = await meet(options(true), options(false), (i, message) => {
        if (i !== index) return [message];
        const bit = at % (8 * message.length);
        return [message.map((byte, j) => (j === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))];
      });
      expectNobody(end);
    });
    await fc.assert(flip, { numRuns: 150 });
  });

  test('for the responder, when any bit of the fifth is flipped', async () => {
    for (let bit = 0; bit < 8 * 17; bit += 5) {
      const { responder } = await meet(options(true), options(false), (i, message) =>
        i < 4 ? [message] : [message.map((byte, j) => (j === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))],
      );
      expect(responder).toEqual(failureOf('authentication-failed'));
    }
  });

  test.each([0, 1, 2, 3])(
    'when message %s is dropped, cut, lengthened, reflected or replaced by an earlier one',
    async (index) => {
      const instead: ((message: Bytes, said: readonly Bytes[]) => readonly Bytes[])[] = [
        () => [],
        (message) => [message.slice(0, -1)],
        (message) => [concat(message, fill(0, 1))],
        () => [new Uint8Array()],
        (_, said) => said.slice(0, 1),
        (_, said) => said.slice(-1),
      ];
      for (const change of instead) {
        const end = await meet(options(true), options(false), (i, message, said) =>
          i === index ? change(message, said) : [message],
        );
        expect([end.initiator, end.responder].filter((one) => one && !(one instanceof Failure))).toEqual([]);
      }
    },
  );

  test('when a message comes twice', async () => {
    for (const index of [0, 1, 2, 3]) {
      const { initiator, responder } = await meet(options(true), options(false), (i, message) =>
        i === index ? [message, message] : [message],
      );
      // Whoever got it twice has failed; the other side never hears from it again.
      expect(index % 2 === 0 ? responder : initiator).toEqual(failureOf('authentication-failed'));
    }
  });

  test('when a second message comes while the first is looked at', async () => {
    const [one, other] = [new Handshake(options(true)), new Handshake(options(false))];
    const send = await sent(one.start());
    const [first, second] = await Promise.allSettled([other.handle(send), other.handle(send)]);
    expect([first.status, second.status]).toEqual(['rejected', 'rejected']);
    await expect(other.handle(send)).rejects.toEqual(failureOf('authentication-failed'));
  });

  test.each<[string, Partial<HandshakeOptions>, Partial<HandshakeOptions>]>([
    ['with the key of another room', {}, { bindKey: fill(9) }],
    ['with another room id', {}, { roomId: fill(9, 16) }],
    ["with a certificate that is not the other's", { theirCertificate: fill(0xcc) }, {}],
    [
      'with certificates swapped by somebody in between',
      { theirCertificate: fill(0xcc) },
      { theirCertificate: fill(0xdd) },
    ],
    [
      'with one certificate at both ends',
      { theirCertificate: fill(1), ownCertificate: fill(1) },
      { theirCertificate: fill(1), ownCertificate: fill(1) },
    ],
    ['with equal keys', { key: keys.bob }, {}],
    ['with equal nonces', { nonce: fill(5) }, { nonce: fill(5) }],
    ['with a responder who is not the one expected', { isExpected: () => false }, {}],
    ['with an initiator who is not the one expected', {}, { isExpected: () => Promise.resolve(false) }],
    ['with somebody blocked here', { isBlocked: (key) => equal(key, keys.bob.publicKey) }, {}],
    ['with somebody blocked there', {}, { isBlocked: (key) => equal(key, keys.alice.publicKey) }],
    ['when both are the initiator', {}, { initiator: true }],
    [
      'with a signature of another key',
      { key: { ...keys.alice, sign: (message: Bytes) => keys.mallory.sign(message) } },
      {},
    ],
    ['with a responder who cannot sign', {}, { key: { ...keys.bob, sign: () => Promise.resolve(fill(0, 64)) } }],
  ])('%s', async (_, one, other) => {
    expectNobody(await meet(options(true, one), options(false, other)));
  });

  test('with a key of small order, on either side', async () => {
    const weak: OwnKey = {
      publicKey: new Uint8Array([1, ...fill(0, 31)]),
      sign: () => Promise.resolve(concat(new Uint8Array([1, ...fill(0, 31)]), fill(0))),
    };
    expectNobody(await meet(options(true, { key: weak }), options(false)));
    expectNobody(await meet(options(true), options(false, { key: weak })));
  });

  test('by messages of an earlier handshake of the same two', async () => {
    const before = (await meet(options(true), options(false))).said;
    for (const index of [0, 1, 2, 3]) {
      const end = await meet(
        options(true, { nonce: fill(0x33) }),
        options(false, { nonce: fill(0x44) }),
        (i, message) => (i === index ? before.slice(i, i + 1) : [message]),
      );
      expectNobody(end);
    }
  });

  test('by an initiator who chooses its key after it saw the nonce: the commitment holds it', async () => {
    // Mallory commits to one key and shows another.
    const first = new Handshake(options(true, { key: keys.mallory }));
    const responder = new Handshake(options(false));
    const m3 = await sent(first.handle(await sent(responder.handle(await sent(first.start())))));
    const other = concat(m3.slice(0, 33), keys.alice.publicKey, m3.slice(65));
    await expect(responder.handle(other)).rejects.toEqual(failureOf('authentication-failed'));
  });
});

describe('without the link', () => {
  test('nobody learns a key: the responder answers nothing', async () => {
    const { said, responder } = await meet(options(true, { bindKey: fill(0) }), options(false));
    expect(said).toHaveLength(1);
    expect(responder).toEqual(failureOf('authentication-failed'));
  });

  test("the initiator's first message holds neither its key nor its nonce", async () => {
    const send = await sent(new Handshake(options(true)).start());
    expect(toHex(send)).not.toContain(toHex(keys.alice.publicKey));
    expect(toHex(send)).not.toContain(toHex(fill(0x11)));
  });
});

test('somebody with the link in between can only show a key of their own', async () => {
  // Alice expects Bob's key, as a pin or a roster makes her; Mallory has the link and sits on both connections.
  const toAlice = options(false, { key: keys.mallory, theirCertificate: fill(0xa1), ownCertificate: fill(0xee) });
  const alice = options(true, { theirCertificate: fill(0xee), isExpected: (key) => equal(key, keys.bob.publicKey) });
  expectNobody(await meet(alice, toAlice));
  // Without an expectation the emoji of the two halves differ: they are two sessions.
  const open = options(true, { theirCertificate: fill(0xee) });
  const [half, otherHalf] = [
    await meet(open, toAlice),
    await meet(
      options(true, { key: keys.mallory, ownCertificate: fill(0xee) }),
      options(false, { theirCertificate: fill(0xee) }),
    ),
  ];
  expect(toBase64url((half.initiator as Authenticated).th)).not.toBe(
    toBase64url((otherHalf.responder as Authenticated).th),
  );
});

test('a relayed handshake fails: the relay has certificates of its own on both sides', async () => {
  const end = await meet(
    options(true, { theirCertificate: fill(0xee) }),
    options(false, { theirCertificate: fill(0xef) }),
  );
  expectNobody(end);
});

test('the emoji are 36 bits of the session, and one bit changes them', async () => {
  const th = await sha256(fill(9));
  const names = (await sasOf(th)).map(({ name }) => name);
  expect(names).toHaveLength(6);
  expect((await sasOf(th.map((byte, i) => (i === 31 ? byte ^ 1 : byte)))).map(({ name }) => name)).not.toEqual(names);
});
