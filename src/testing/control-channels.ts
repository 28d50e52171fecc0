// Two control channels joined to each other: reliable and ordered, as the real ones, and nothing is delivered before the
// sender has had its turn.

import type { Bytes } from '../protocol/bytes.ts';
import type { ControlChannel } from '../link/link.ts';

export class MemoryControlChannel implements ControlChannel {
  readyState = 'open';
  bufferedAmount = 0;
  onmessage: ControlChannel['onmessage'] = null;
  onclose: ControlChannel['onclose'] = null;
  /** Everything that was sent here, as it went over the wire. */
  readonly sent: (string | Bytes)[] = [];
  other: MemoryControlChannel | undefined;

  send(message: string | Bytes): void {
    this.sent.push(message);
    const data = typeof message === 'string' ? message : message.slice().buffer;
    queueMicrotask(() => this.other?.deliver(data));
  }

  /** What arrives here, from the other side or from nowhere. */
  deliver(data: unknown): void {
    this.onmessage?.(new MessageEvent('message', { data }));
  }

  close(): void {
    for (const end of [this, this.other]) {
      if (end?.readyState !== 'open') continue;
      end.readyState = 'closed';
      queueMicrotask(() => end.onclose?.(new Event('close')));
    }
  }
}

/** The two ends of one control channel. */
export function controlChannels(): [MemoryControlChannel, MemoryControlChannel] {
  const [one, other] = [new MemoryControlChannel(), new MemoryControlChannel()];
  one.other = other;
  other.other = one;
  return [one, other];
}
