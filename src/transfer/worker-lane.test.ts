import { describe, expect, test, vi } from 'vitest';
import type { Receiver } from './receiver.ts';
import type { ReceivingLane } from './receiving-lane.ts';
import type { Sender } from './sender.ts';
import type { SendingLane } from './sending-lane.ts';
import { WorkerLane } from './worker-lane.ts';
import type { LaneChannel } from './worker-messages.ts';
import { settle } from '../testing/scheduler.ts';

/** A channel in some state, with a receiver that asks the moment it is given a lane. */
function laneOn(readyState: string) {
  const send = vi.fn(() => {
    if (channel.readyState !== 'open') throw new DOMException('not open', 'InvalidStateError');
  });
  const channel = {
    ...{ binaryType: '', readyState, bufferedAmount: 0, bufferedAmountLowThreshold: 0 },
    ...{ onopen: null, onmessage: null, onbufferedamountlow: null, onclose: null },
    send,
    close: vi.fn(),
  } as LaneChannel & { readyState: string };
  const closed = { sending: vi.fn(), receiving: vi.fn(), lane: vi.fn() };
  const sender = { addLane: () => ({ close: closed.sending }) as unknown as SendingLane } as unknown as Sender;
  const receiver = {
    addLane: (send: (frame: Uint8Array<ArrayBuffer>) => void) => {
      send(new Uint8Array(1));
      return { close: closed.receiving } as unknown as ReceivingLane;
    },
  } as unknown as Receiver;
  const lane = new WorkerLane(1, channel);
  lane.open(sender, receiver, 65_536, closed.lane);
  return { channel, send, lane, closed };
}

describe('asking on a lane', () => {
  test('waits until its own channel is open: the other side may be ready first', () => {
    const { channel, send, lane } = laneOn('connecting');
    lane.ask();
    expect(send).not.toHaveBeenCalled();
    channel.readyState = 'open';
    channel.onopen?.(new Event('open'));
    expect(send).toHaveBeenCalledTimes(1);
  });

  test('that is closing closes the receiver’s end of it, though it fails with the first word', async () => {
    const { lane, closed } = laneOn('closing');
    lane.ask();
    await settle();
    expect(closed.receiving).toHaveBeenCalledTimes(1);
    expect(closed.sending).toHaveBeenCalledTimes(1);
    expect(closed.lane).toHaveBeenCalledTimes(1);
  });
});
