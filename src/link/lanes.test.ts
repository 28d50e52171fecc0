import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256, toBase64url } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MAX_LANES_PER_LINK } from '../protocol/limits.ts';
import type { MessageOf } from '../protocol/messages.ts';
import type { Connection, DialOptions } from '../rendezvous/simple-peer.ts';
import { hashInStep, settle } from '../testing/scheduler.ts';
import { Lanes } from './lanes.ts';

const certificate = new TextEncoder().encode('the certificate of the link');
const dialOf = (index: number) => toBase64url(new Uint8Array(16).fill(index));
const offer = (index: number): MessageOf<'lane'> => ({
  type: 'lane',
  dial: dialOf(index),
  signal: { kind: 'offer', sdp: 'v=0' },
});

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

/** Lanes over dials that connect when the test says so, and to whom it says. */
function lanesOf(room = Infinity) {
  const dials: {
    readonly options: Pick<DialOptions, 'initiator' | 'signal'>;
    readonly handle: ReturnType<typeof vi.fn>;
    readonly abort: ReturnType<typeof vi.fn>;
    connect(remote?: Uint8Array<ArrayBuffer>): Connection;
    fail(): void;
  }[] = [];
  const told = { open: vi.fn(), ask: vi.fn(), release: vi.fn(), send: vi.fn<(message: MessageOf<'lane'>) => void>() };
  const lanes: Lanes = new Lanes({
    certificate: () => sha256(certificate),
    mayAdd: () => lanes.count < room,
    ...told,
    dial: (options) => {
      const lane = 100 + dials.length;
      let resolve: (connection: Connection) => void = () => undefined;
      let reject: (failure: Failure) => void = () => undefined;
      const promise = new Promise<Connection>((yes, no) => ([resolve, reject] = [yes, no]));
      const [handle, abort] = [vi.fn(), vi.fn()];
      dials.push({
        options,
        handle,
        abort,
        connect: (remote = certificate) => {
          const connection = Object.assign(new EventTarget(), {
            lane,
            control: { onmessage: null },
            connectionState: 'connected',
            sctp: { maxMessageSize: 1_000, transport: { getRemoteCertificates: () => [remote.buffer] } },
          }) as unknown as Connection;
          resolve(connection);
          return connection;
        },
        fail: () => reject(new Failure('connection-failed')),
      });
      return { connection: promise, lane, handle, abort };
    },
  });
  const only = () => {
    const [dial] = dials;
    if (!dial) throw new Error('nothing was dialled');
    return dial;
  };
  return { lanes, dials, only, ...told };
}

const kinds = (send: { mock: { calls: [MessageOf<'lane'>][] } }) => send.mock.calls.map(([{ signal }]) => signal.kind);

describe('lanes that are not needed', () => {
  const isEnded = (dials: { abort: { mock: { calls: unknown[] } } }[]) =>
    dials.map(({ abort }) => abort.mock.calls.length);

  test('end, the newest first, if this side wanted them', () => {
    const { lanes, dials, release } = lanesOf();
    lanes.want(4);
    lanes.handle(offer(1));
    lanes.want(3);
    expect(isEnded(dials)).toEqual([0, 1, 1, 0]);
    lanes.want(1);
    expect(isEnded(dials)).toEqual([1, 1, 1, 0]);
    expect([lanes.count, release.mock.calls]).toEqual([1, [[102], [101], [100]]]);
  });

  test('give way to somebody else’s, whoever wanted them', () => {
    const { lanes, dials } = lanesOf();
    lanes.giveWay();
    lanes.want(2);
    lanes.handle(offer(1));
    lanes.giveWay();
    expect(isEnded(dials)).toEqual([0, 1]);
    lanes.giveWay();
    expect(lanes.count).toBe(0);
  });
});

describe('a lane that does not come about', () => {
  test('is dialled again after a while, and after a longer one the next time', async () => {
    const { lanes, dials } = lanesOf();
    const asksUntilDialled = () => {
      const before = dials.length;
      for (let asks = 0; asks < 100; asks++) {
        if (dials.length > before) return asks;
        lanes.want(3);
      }
      return 'never';
    };
    const waits: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      waits.push(asksUntilDialled());
      for (const dial of dials.slice(-2)) dial.fail();
      await settle();
    }
    expect(waits).toEqual([1, 9, 17]);
    expect(asksUntilDialled()).toBe(33);
    dials.at(-1)?.connect();
    await settle();
    dials.at(-2)?.fail();
    await settle();
    expect(asksUntilDialled()).toBe(9);
  });
});

describe('a wanted lane', () => {
  test('is dialled over the link, opened, and asked on once the other side answers too', async () => {
    const { lanes, only, open, ask, send } = lanesOf();
    lanes.want(2);
    lanes.want(2);
    const { options, handle } = only();
    expect(options.initiator).toBe(true);
    options.signal({ kind: 'offer', sdp: 'v=0' });
    const [[{ dial }] = [{ dial: '' }]] = send.mock.calls;
    lanes.handle({ type: 'lane', dial, signal: { kind: 'answer', sdp: 'v=0' } });
    expect(handle.mock.calls).toEqual([[{ kind: 'answer', sdp: 'v=0' }]]);
    only().connect();
    await settle();
    expect(open.mock.calls).toEqual([[100, 1_000]]);
    expect(kinds(send)).toEqual(['offer', 'ready']);
    expect(ask).not.toHaveBeenCalled();
    lanes.handle({ type: 'lane', dial, signal: { kind: 'ready' } });
    expect(ask.mock.calls).toEqual([[100]]);
  });

  test('may hear that the other side is ready before it is itself', async () => {
    const { lanes, only, open, ask } = lanesOf();
    lanes.handle(offer(1));
    lanes.handle({ type: 'lane', dial: dialOf(1), signal: { kind: 'ready' } });
    expect(ask).not.toHaveBeenCalled();
    only().connect();
    await settle();
    expect(open.mock.invocationCallOrder[0]).toBeLessThan(ask.mock.invocationCallOrder[0] ?? 0);
  });

  test('that does not come about is let go', async () => {
    const { lanes, only, open, release } = lanesOf();
    lanes.want(2);
    only().fail();
    await settle();
    expect([lanes.count, open.mock.calls, release.mock.calls]).toEqual([0, [], [[100]]]);
  });
});

describe('a lane', () => {
  test('to anybody else than the link is closed and nothing is opened', async () => {
    for (const wanted of [true, false]) {
      const { lanes, only, open, ask, send, release } = lanesOf();
      if (wanted) lanes.want(2);
      else lanes.handle(offer(1));
      only().connect(new TextEncoder().encode('another certificate'));
      await settle();
      expect([open, ask, send].flatMap(({ mock }) => mock.calls)).toEqual([]);
      expect(release.mock.calls).toEqual([[100]]);
      expect(only().abort).toHaveBeenCalled();
    }
  });

  test.each([
    [
      'falls silent',
      (connection: Connection) => {
        Object.assign(connection, { connectionState: 'disconnected' });
        connection.dispatchEvent(new Event('connectionstatechange'));
      },
    ],
    ['is closed', (connection: Connection) => connection.onover?.()],
    ['is spoken on', ({ control }: Connection) => void control.onmessage?.(new MessageEvent('message'))],
  ])('that %s is let go', async (_, happen) => {
    const { lanes, only, release } = lanesOf();
    lanes.want(2);
    const connection = only().connect();
    await settle();
    happen(connection);
    expect([lanes.count, release.mock.calls]).toEqual([0, [[100]]]);
  });

  test('that closed in the worker, or whose link is over, is let go', async () => {
    const { lanes, dials, release } = lanesOf();
    lanes.want(4);
    for (const dial of dials) dial.connect();
    await settle();
    lanes.closed(101);
    lanes.closed(7);
    expect(release.mock.calls).toEqual([[101]]);
    lanes.close();
    expect(release.mock.calls).toEqual([[101], [100], [102]]);
    expect(dials.every(({ abort }) => abort.mock.calls.length === 1)).toBe(true);
  });
});

describe('the other side', () => {
  test('gets no more lanes than a link may have, nor than the page has room for', () => {
    const { lanes, dials } = lanesOf();
    for (let i = 0; i < 20; i++) lanes.handle(offer(i));
    lanes.want(20);
    expect(dials).toHaveLength(MAX_LANES_PER_LINK - 1);
    const full = lanesOf(2);
    full.lanes.want(8);
    full.lanes.handle(offer(1));
    expect(full.dials).toHaveLength(2);
  });

  test('has what it says of lanes nobody knows dropped', () => {
    const { lanes, dials, send } = lanesOf();
    for (const signal of [
      { kind: 'answer', sdp: 'v=0' },
      { kind: 'ready' },
      { kind: 'candidates', candidates: [{ candidate: 'candidate:1', sdpMid: null, sdpMLineIndex: null }] },
    ] as const) {
      lanes.handle({ type: 'lane', dial: dialOf(3), signal: signal as MessageOf<'lane'>['signal'] });
    }
    expect([dials, send.mock.calls]).toEqual([[], []]);
  });
});
