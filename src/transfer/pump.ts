// For browsers that cannot move a data channel to a worker: the page pumps its messages through a port, and the worker
// sees the same LaneChannel as everywhere. Slower, and the only place where the page touches file bytes.

import { KiB, MiB } from '../protocol/limits.ts';
import type { LaneChannel, PumpMessage } from './worker-messages.ts';

const LOW_WATER_BYTES = 256 * KiB;
/** The worker is told at least this often how much has left. */
const REPORT_BYTES = MiB / 4;

/** The worker's end: a LaneChannel over the port. */
export function portChannel(port: MessagePort): LaneChannel {
  let isOpen = false;
  let posted = 0;
  let drained = 0;
  const tell = (message: PumpMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const channel: LaneChannel = {
    binaryType: 'arraybuffer',
    bufferedAmountLowThreshold: 0,
    onopen: null,
    onmessage: null,
    onbufferedamountlow: null,
    onclose: null,
    get readyState() {
      return isOpen ? 'open' : 'connecting';
    },
    get bufferedAmount() {
      return posted - drained;
    },
    send(frame) {
      posted += frame.length;
      // The caller keeps its memory.
      const copy = frame.slice().buffer;
      tell({ frame: copy }, [copy]);
    },
    close() {
      tell({ closed: true });
      port.close();
    },
  };
  port.onmessage = ({ data }: MessageEvent<PumpMessage>) => {
    if ('frame' in data) channel.onmessage?.(new MessageEvent('message', { data: data.frame }));
    else if ('closed' in data) channel.onclose?.(new Event('close'));
    else if ('opened' in data) {
      isOpen = true;
      channel.onopen?.(new Event('open'));
    } else if ('drained' in data) {
      const wasHigh = channel.bufferedAmount > channel.bufferedAmountLowThreshold;
      drained = data.drained;
      if (wasHigh && channel.bufferedAmount <= channel.bufferedAmountLowThreshold)
        channel.onbufferedamountlow?.(new Event('bufferedamountlow'));
    }
  };
  return channel;
}

/** The page's end: moves frames between a data channel and the port. */
export function pump(channel: LaneChannel, port: MessagePort): void {
  let taken = 0;
  let reported = 0;
  const tell = (message: PumpMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const report = () => {
    const drained = taken - channel.bufferedAmount;
    if (drained === reported) return;
    reported = drained;
    tell({ drained });
  };
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
  channel.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) tell({ frame: data }, [data]);
    // Not a frame of ours in any way: the worker's decoder is the one that says so.
    else tell({ frame: new ArrayBuffer(0) });
  };
  const opened = () => tell({ opened: true });
  if (channel.readyState === 'open') opened();
  else channel.onopen = opened;
  channel.onbufferedamountlow = report;
  channel.onclose = () => tell({ closed: true });
  port.onmessage = ({ data }: MessageEvent<PumpMessage>) => {
    if ('closed' in data) channel.close();
    else if ('frame' in data) {
      taken += data.frame.byteLength;
      try {
        channel.send(new Uint8Array(data.frame));
      } catch {
        tell({ closed: true });
      }
      if (taken - reported >= REPORT_BYTES && channel.bufferedAmount <= LOW_WATER_BYTES) report();
    }
  };
}
