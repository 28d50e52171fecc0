import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toHex, type Bytes } from '../protocol/bytes.ts';
import { HANDSHAKE_MS } from '../protocol/limits.ts';
import { Handshake, type HandshakeOptions } from '../identity/handshake.ts';
import { controlChannels, type MemoryControlChannel } from '../testing/control-channels.ts';
import { failureOf, settled } from '../testing/expecting.ts';
import { macInStep, ownKey } from '../testing/own-keys.ts';
import { hashInStep, settle } from '../testing/scheduler.ts';
import { authenticate, type Proved } from './authenticate.ts';

const [alice, bob] = [ownKey(1), ownKey(2)];
const fill = (value: number, length = 32) => new Uint8Array(length).fill(value);
const refused = failureOf('authentication-failed');

function handshake(initiator: boolean, other: Partial<HandshakeOptions> = {}): Handshake {
  return new Handshake({
    ...{ initiator, roomId: fill(7, 16), bindKey: fill(8), key: initiator ? alice : bob },
    ...{ ownCertificate: fill(initiator ? 0xa1 : 0xb2), theirCertificate: fill(initiator ? 0xb2 : 0xa1) },
    ...{ nonce: fill(initiator ? 0x11 : 0x22), isExpected: () => true, isBlocked: () => false },
    ...other,
  });
}

/** The initiator's end of a channel, and the responder's, with what became of both. */
function meet(
  [here, there] = controlChannels(),
  options: { readonly one?: Partial<HandshakeOptions>; readonly other?: Partial<HandshakeOptions> } = {},
) {
  const initiator = settled(authenticate(here, handshake(true, options.one), true));
  const responder = settled(authenticate(there, handshake(false, options.other), false));
  return { here, there, initiator, responder };
}

/** A responder alone with whoever the test plays at the other end of its channel. */
function responderAlone() {
  const [here, there] = controlChannels();
  const end = { of: undefined as unknown };
  void settled(authenticate(there, handshake(false), false)).then((became) => (end.of = became));
  return { here, there, end };
}

function proved(end: unknown): Proved {
  if (typeof end !== 'object' || end === null || !('th' in end)) throw new Error('not authenticated');
  return end as Proved;
}

function expectOver(channel: MemoryControlChannel): void {
  expect([channel.readyState, channel.onmessage, channel.onclose]).toEqual(['closed', null, null]);
}

/** Bytes as a channel hands them over. */
const wired = (bytes: Bytes) => bytes.slice().buffer;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  hashInStep();
  macInStep();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('two ends that say the right things know each other, and are left open to say more', async () => {
  const { here, there, initiator, responder } = meet();
  const [one, other] = [proved(await initiator), proved(await responder)];
  expect([one.theirKey, other.theirKey]).toEqual([bob.publicKey, alice.publicKey]);
  expect(toHex(one.th)).toBe(toHex(other.th));
  expect([one.early, other.early]).toEqual([[], []]);
  expect([here.sent.map(({ length }) => length), there.sent.map(({ length }) => length)]).toEqual([
    [66, 129, 17],
    [98, 65],
  ]);
  // No clock runs on, and a close is the next one's to hear.
  expect(vi.getTimerCount()).toBe(0);
  expect([here.readyState, here.onclose, there.readyState, there.onclose]).toEqual(['open', null, 'open', null]);
});

test('what comes close behind the last message is handed over, in order', async () => {
  const [here, there] = controlChannels();
  // The initiator says more in the same breath as M5; the responder is still looking at M5 when that comes.
  const send = here.send.bind(here);
  vi.spyOn(here, 'send').mockImplementation((message) => {
    send(message);
    if (message.length === 17) ['first', fill(0x20, 3), 'third'].forEach(send);
  });
  const { responder } = meet([here, there]);
  const { early, theirKey } = proved(await responder);
  expect(theirKey).toEqual(alice.publicKey);
  await settle();
  expect(early).toEqual(['first', wired(fill(0x20, 3)), 'third']);
  expect(there.readyState).toBe('open');
});

test('what comes until somebody else listens is still handed over', async () => {
  const { here, there, responder } = meet();
  const { early } = proved(await responder);
  here.send('after it was proved');
  await settle();
  expect(early).toEqual(['after it was proved']);
  const heard: unknown[] = [];
  there.onmessage = ({ data }) => heard.push(data);
  here.send('to the link');
  await settle();
  expect([early, heard]).toEqual([['after it was proved'], ['to the link']]);
});

test('nothing that was said before the end is handed over', async () => {
  const { initiator, responder } = meet();
  expect([proved(await initiator).early, proved(await responder).early]).toEqual([[], []]);
});

describe('nobody is known, and the channel is closed', () => {
  test('when it takes more than ten seconds', async () => {
    const { there, end } = responderAlone();
    await vi.advanceTimersByTimeAsync(HANDSHAKE_MS - 1);
    expect([end.of, there.readyState]).toEqual([undefined, 'open']);
    await vi.advanceTimersByTimeAsync(1);
    expect(end.of).toEqual(refused);
    expectOver(there);
  });

  test('when it takes more than ten seconds in all, however much was said', async () => {
    const { here, there, end } = responderAlone();
    await vi.advanceTimersByTimeAsync(HANDSHAKE_MS - 1);
    const { send } = await handshake(true).start();
    if (!send) throw new Error('nothing to say');
    here.send(send);
    await settle();
    expect(there.sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(end.of).toEqual(refused);
    expectOver(there);
  });

  test.each<[string, unknown]>([
    ['text', 'M1'],
    ['an empty text', ''],
    ['nothing', new ArrayBuffer(0)],
    ['junk', wired(fill(1, 66))],
    ['a message of another type', wired(fill(3, 129))],
    ['a message of the link', wired(fill(0x20, 100))],
    ['a Blob', new Blob(['M1'])],
  ])('when %s comes', async (_, data) => {
    const { there, end } = responderAlone();
    there.deliver(data);
    await settle();
    expect(end.of).toEqual(refused);
    expect(there.sent).toEqual([]);
    expectOver(there);
  });

  test('when text comes in the middle of it, at either end', async () => {
    for (const side of [0, 1] as const) {
      const ends = controlChannels();
      const { here, there, initiator, responder } = meet(ends);
      ends[side].deliver('hello');
      expect([await initiator, await responder]).toEqual([refused, refused]);
      expectOver(here);
      expectOver(there);
    }
  });

  test('when the channel closes, at any point of it', async () => {
    // The n-th message is the last that gets through.
    for (let last = 0; last < 5; last++) {
      const ends = controlChannels();
      let sent = 0;
      for (const end of ends) {
        const send = end.send.bind(end);
        vi.spyOn(end, 'send').mockImplementation((message) => (sent++ < last ? send(message) : end.close()));
      }
      const { responder } = meet(ends);
      expect(await responder).toEqual(refused);
      expectOver(ends[1]);
    }
  });

  test('when the channel cannot be sent on any more', async () => {
    const [here, there] = controlChannels();
    vi.spyOn(here, 'send').mockImplementation(() => {
      throw new DOMException('closed', 'InvalidStateError');
    });
    const { initiator } = meet([here, there]);
    expect(await initiator).toEqual(refused);
    expectOver(here);
  });

  test('when it is flooded while a message is looked at', async () => {
    const { there, end } = responderAlone();
    const { send } = await handshake(true).start();
    if (!send) throw new Error('nothing to say');
    there.deliver(wired(send));
    for (let n = 0; n < 33; n++) there.deliver('hello');
    expect(there.readyState).toBe('closed');
    await settle();
    expect(end.of).toEqual(refused);
    expect(there.sent).toEqual([]);
  });

  test('when the other one is not the one expected', async () => {
    const { here, there, initiator, responder } = meet(controlChannels(), { one: { isExpected: () => false } });
    expect([await initiator, await responder]).toEqual([refused, refused]);
    expectOver(here);
    expectOver(there);
  });

  test('and nothing more is said once it ended while a message was looked at', async () => {
    const [here, there] = controlChannels();
    let believe: (is: boolean) => void = () => undefined;
    const isExpected = () => new Promise<boolean>((resolve) => (believe = resolve));
    const { initiator } = meet([here, there], { one: { isExpected } });
    await settle();
    there.close();
    await settle();
    believe(true);
    expect(await initiator).toEqual(refused);
    await settle();
    expect(here.sent.map(({ length }) => length)).toEqual([66]);
  });
});
