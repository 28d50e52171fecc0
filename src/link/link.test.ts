import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import {
  KiB,
  MAX_CONTROL_BYTES,
  RELAYED_PER_SECOND,
  SHOWN_MESSAGES_BURST,
  SHOWN_MESSAGES_PER_SECOND,
} from '../protocol/limits.ts';
import {
  encodeSigned,
  encodeUnsigned,
  offerHash,
  SIGNATURE_BYTES,
  signedJson,
  type Message,
} from '../protocol/messages.ts';
import { signedMessage, unsignedMessage } from '../testing/arbitraries.ts';
import { controlChannels, MemoryControlChannel } from '../testing/control-channels.ts';
import { failureOf } from '../testing/expecting.ts';
import { plainSession } from '../testing/plain-session.ts';
import { hashInStep, Scheduler, settle } from '../testing/scheduler.ts';
import { Link } from './link.ts';
import type { Session } from './session.ts';

const fileId = toBase64url(new Uint8Array(16));
const pause: Message = { type: 'pause', fileIds: [fileId] };
const withdraw: Message = { type: 'withdraw', fileIds: [fileId] };
const offer = {
  ...{ type: 'offer' as const, offerId: fileId, batch: fileId },
  files: [{ fileId, path: 'a', size: 1, type: '', modified: 0 }],
};

interface Options {
  /** Neither side was let in. */
  readonly greeting?: boolean;
  readonly session?: Session;
  readonly now?: () => number;
  readonly onMessage?: (message: Message) => void;
}

/** A link on a channel, and what it told. */
function linkOn(channel: MemoryControlChannel, { session = plainSession, now, onMessage, greeting }: Options = {}) {
  const messages: Message[] = [];
  const hashes: (Bytes | undefined)[] = [];
  const closed = vi.fn<(failure: Failure | undefined) => void>();
  const message = (received: Message, hash: Bytes | undefined) => {
    onMessage?.(received);
    messages.push(received);
    hashes.push(hash);
  };
  const link = new Link(channel, session, { message, closed }, now ?? (() => 0));
  if (!greeting) link.ready();
  return { link, messages, hashes, closed };
}

function linked(options: Options = {}) {
  const [channel, otherChannel] = controlChannels();
  return { channel, alice: linkOn(channel, options), otherChannel, bob: linkOn(otherChannel, options) };
}

beforeEach(hashInStep);
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('messages', () => {
  test('arrive in the order they were sent, however long signing takes', async () => {
    const messages = fc.array(
      fc.oneof(signedMessage, unsignedMessage).filter(({ type }) => type !== 'bye'),
      { maxLength: 40 },
    );
    const ordered = fc.asyncProperty(messages, fc.nat(), async (sent, seed) => {
      const scheduler = new Scheduler(seed);
      const sign = async () => {
        await scheduler.pause(100);
        return new Uint8Array(SIGNATURE_BYTES);
      };
      const { alice, bob } = linked({ session: { ...plainSession, sign } });
      for (const message of sent) alice.link.send(message);
      await scheduler.run();
      expect(bob.messages).toEqual(sent);
    });
    await fc.assert(ordered, { numRuns: 200 });
  });

  test('are signed and verified as the session says, over the bytes that are sent', async () => {
    const verify = vi.fn(() => true);
    const sign = vi.fn(() => Promise.resolve(new Uint8Array(SIGNATURE_BYTES).fill(6)));
    const { alice, channel } = linked({ session: { th: new Uint8Array(32), sign, verify } });
    alice.link.send(offer);
    alice.link.send(pause);
    await settle();
    const signature = new Uint8Array(SIGNATURE_BYTES).fill(6);
    expect(sign.mock.calls).toEqual([['offer', signedJson(offer)]]);
    expect(verify.mock.calls).toEqual([['offer', signedJson(offer), signature]]);
    expect(channel.sent).toEqual([encodeSigned('offer', signature, signedJson(offer)), encodeUnsigned(pause)]);
  });

  test('that offer come with the hash that names them in this session, the others with none', async () => {
    const { alice, bob } = linked();
    for (const message of [pause, offer]) alice.link.send(message);
    await settle();
    expect(bob.hashes).toEqual([undefined, await offerHash(plainSession.th, signedJson(offer))]);
  });

  test('too long to be taken are not sent: the link ends', async () => {
    const { alice, bob } = linked();
    const files = Array.from({ length: 1_000 }, () => ({ fileId, root: toBase64url(new Uint8Array(32)) }));
    alice.link.send({ type: 'done', files });
    await settle();
    expect(alice.closed.mock.calls).toEqual([[failureOf('protocol')]]);
    expect(bob.messages).toEqual([]);
  });
});

const zeros = new Uint8Array(SIGNATURE_BYTES);

describe('a link is ended as broken by', () => {
  test.each<[string, unknown]>([
    ['text over the limit', encodeUnsigned(pause).padEnd(MAX_CONTROL_BYTES + 1)],
    ['bytes over the limit', new ArrayBuffer(MAX_CONTROL_BYTES + 1)],
    ['text that is no message', 'hello'],
    ['bytes that are no message', new Uint8Array(10).fill(0x77).buffer],
    ['no bytes', new ArrayBuffer(0)],
    ['a blob', new Blob([])],
    ['an unknown key', '{"type":"bye","x":1}'],
    ['a signature that does not hold', encodeSigned('offer', zeros.slice().fill(1, 63), signedJson(offer)).buffer],
  ])('%s', async (_, data) => {
    const { bob, otherChannel } = linked();
    otherChannel.deliver(data);
    otherChannel.deliver(encodeUnsigned(pause));
    await settle();
    expect(bob.closed.mock.calls).toEqual([[failureOf('protocol')]]);
    expect(bob.link.open).toBe(false);
    expect(bob.messages).toEqual([]);
  });

  test('a thousand messages at once', async () => {
    const { bob, otherChannel } = linked();
    for (let i = 0; i < 1_001; i++) otherChannel.deliver(encodeUnsigned(pause));
    await settle();
    expect(bob.closed.mock.calls).toEqual([[failureOf('protocol')]]);
    expect(bob.messages).toEqual([]);
  });

  test.each([
    ['offers', encodeSigned('offer', zeros, signedJson(offer)).buffer],
    ['withdrawals', encodeUnsigned(withdraw)],
  ])('more %s than a person could look at', async (_, data) => {
    let nowMs = 0;
    const { bob, otherChannel } = linked({ now: () => nowMs });
    const deliver = async (times: number) => {
      for (let i = 0; i < times; i++) otherChannel.deliver(data);
      await settle();
    };
    await deliver(SHOWN_MESSAGES_BURST);
    expect(bob.messages).toHaveLength(SHOWN_MESSAGES_BURST);
    nowMs += 1_000;
    await deliver(SHOWN_MESSAGES_PER_SECOND);
    expect(bob.closed).not.toHaveBeenCalled();
    await deliver(1);
    expect(bob.closed.mock.calls).toEqual([[failureOf('protocol')]]);
    expect(bob.messages).toHaveLength(SHOWN_MESSAGES_BURST + SHOWN_MESSAGES_PER_SECOND);
  });
});

test('messages nobody is shown are not limited', async () => {
  const { bob, otherChannel } = linked();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 900; i++) otherChannel.deliver(encodeUnsigned(pause));
    await settle();
  }
  expect(bob.messages).toHaveLength(2_700);
});

test('its own offers wait rather than come too fast for the other side', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'Date'] });
  const { alice, bob } = linked({ now: Date.now });
  for (let i = 0; i < 300; i++) alice.link.send(offer);
  alice.link.send(pause);
  await vi.advanceTimersByTimeAsync(0);
  const atOnce = bob.messages.length;
  expect(atOnce).toBeGreaterThan(SHOWN_MESSAGES_BURST / 2);
  expect(atOnce).toBeLessThan(SHOWN_MESSAGES_BURST);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(bob.messages.length - atOnce).toBeLessThan(5 * SHOWN_MESSAGES_PER_SECOND);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(bob.messages).toHaveLength(301);
  expect(bob.messages.at(-1)).toEqual(pause);
  expect([alice.closed, bob.closed].flatMap(({ mock }) => mock.calls)).toEqual([]);
});

describe('what is passed on for others', () => {
  const relay: Message = { type: 'relay', to: fileId, from: fileId, box: 'AAAA' };

  test('is 64 a second, said and taken; the rest is lost and nobody is to blame', async () => {
    let nowMs = 0;
    const { alice, bob, otherChannel } = linked({ now: () => nowMs });
    const flood = async () => {
      for (let i = 0; i < 3 * RELAYED_PER_SECOND; i++) alice.link.send(relay);
      alice.link.send(pause);
      await settle();
      return bob.messages.splice(0).map(({ type }) => type);
    };
    const said = [...Array<string>(RELAYED_PER_SECOND).fill('relay'), 'pause'];
    expect(await flood()).toEqual(said);
    nowMs += 1_000;
    expect(await flood()).toEqual(said);
    nowMs += 1_000;
    // Somebody who does not keep to it is not listened to.
    for (let i = 0; i < 3 * RELAYED_PER_SECOND; i++) otherChannel.deliver(encodeUnsigned(relay));
    await settle();
    expect(bob.messages).toHaveLength(RELAYED_PER_SECOND);
    expect([alice.closed, bob.closed].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  test('waits for nothing: while much is still to be sent it is lost', async () => {
    const { alice, bob, channel } = linked();
    channel.bufferedAmount = 256 * KiB + 1;
    alice.link.send(relay);
    alice.link.send(pause);
    await settle();
    channel.bufferedAmount = 256 * KiB;
    alice.link.send(relay);
    await settle();
    expect(bob.messages.map(({ type }) => type)).toEqual(['pause', 'relay']);
  });
});

describe('the end', () => {
  test('by a bye is in good order on both sides', async () => {
    const { alice, bob, channel } = linked();
    alice.link.send(pause);
    await settle();
    alice.link.close();
    alice.link.close();
    await settle();
    expect(bob.messages).toEqual([pause]);
    expect([alice.closed.mock.calls, bob.closed.mock.calls]).toEqual([[[undefined]], [[undefined]]]);
    expect(channel.sent.at(-1)).toBe('{"type":"bye"}');
  });

  test('by a lost channel is that the other is gone', async () => {
    const { alice, bob, channel } = linked();
    channel.close();
    await settle();
    for (const { closed } of [alice, bob]) expect(closed.mock.calls).toEqual([[failureOf('peer-gone')]]);
  });

  test('by a failure is told once, and as what it was', async () => {
    const { alice } = linked();
    alice.link.fail(new Failure('internal', 'first'));
    alice.link.fail(new Failure('protocol', 'second'));
    alice.link.close();
    await settle();
    expect(alice.closed.mock.calls).toEqual([[failureOf('internal')]]);
  });

  test.each([
    [new Failure('protocol', 'a file offered twice'), 'protocol'],
    [new TypeError('a mistake of ours'), 'internal'],
  ] as const)('comes when what a message says cannot be: %s', async (error, code) => {
    const onMessage = () => {
      throw error;
    };
    const { alice, bob } = linked({ onMessage });
    alice.link.send(pause);
    await settle();
    expect(bob.closed.mock.calls).toEqual([[failureOf(code)]]);
  });

  test.each<[string, (link: Link) => void]>([
    ['closed', (link) => link.close()],
    ['failed', (link) => link.fail(new Failure('internal'))],
  ])('lets nothing through in either direction: %s', async (_, end) => {
    const scheduler = new Scheduler(1);
    const soon = async <T>(value: T) => {
      await scheduler.pause(1);
      return value;
    };
    vi.spyOn(crypto.subtle, 'digest').mockImplementation(() => soon(new ArrayBuffer(32)));
    const session = { ...plainSession, sign: () => soon(zeros) };
    const { alice, bob, channel, otherChannel } = linked({ session });
    otherChannel.deliver(encodeSigned('offer', zeros, signedJson(offer)).buffer);
    bob.link.send(offer);
    await settle();
    // One waits for its hash now, the other for its signature.
    end(bob.link);
    const sent = otherChannel.sent.length;
    for (const { link } of [alice, bob]) link.send(pause);
    await scheduler.run();
    channel.close();
    await settle();
    expect(bob.messages).toEqual([]);
    expect(otherChannel.sent).toHaveLength(sent);
    expect(bob.closed).toHaveBeenCalledTimes(1);
  });

  test('waits for no message to a channel that is closing', async () => {
    const { alice, channel } = linked();
    channel.readyState = 'closing';
    alice.link.send(pause);
    alice.link.close();
    await settle();
    expect(channel.sent).toEqual([]);
  });
});

describe('before the let-in', () => {
  const relay: Message = { type: 'relay', to: fileId, from: fileId, box: 'AAAA' };

  test.each<Message>([pause, offer, relay, { type: 'lane', dial: fileId, signal: { kind: 'ready' } }])(
    'a $type breaks the protocol',
    async (message) => {
      const { alice, bob } = linked({ greeting: true });
      alice.link.send(message);
      await settle();
      expect([bob.messages, bob.closed.mock.calls]).toEqual([[], [[failureOf('protocol')]]]);
    },
  );

  test('greetings are taken, and afterwards everything is', async () => {
    const { alice, bob } = linked({ greeting: true });
    const greetings: Message[] = [
      { type: 'hello', rosterRev: 0 },
      { type: 'knock', name: 'Alice', peerId: fileId },
      { type: 'roster', signed: 'AAAA' },
      { type: 'admit' },
    ];
    for (const message of greetings) alice.link.send(message);
    await settle();
    expect(bob.messages).toEqual(greetings);
    bob.link.ready();
    alice.link.send(pause);
    await settle();
    expect(bob.messages.at(-1)).toEqual(pause);
  });

  test('what follows a greeting waits until it was checked', async () => {
    const [channel, otherChannel] = controlChannels();
    const messages: Message[] = [];
    const closed = vi.fn();
    const link: Link = new Link(
      otherChannel,
      plainSession,
      {
        message: async (message) => {
          await settle();
          messages.push(message);
          link.ready();
        },
        closed,
      },
      () => 0,
    );
    channel.send(encodeUnsigned({ type: 'admit' }));
    channel.send(encodeUnsigned({ type: 'pause', fileIds: [fileId] }));
    for (let i = 0; i < 5; i++) await settle();
    expect(messages).toEqual([{ type: 'admit' }, pause]);
    expect(closed).not.toHaveBeenCalled();
  });
});
