// The yardstick: raw negotiated RTCDataChannels between two pages, each on a connection of its own, 64 KiB messages,
// nothing else done.

import type { Page } from 'playwright';

declare global {
  interface Window {
    rawConnections: RTCPeerConnection[];
    rawChannels: RTCDataChannel[];
    rawReceived: Promise<Received>;
  }
}

interface Received {
  readonly bytes: number;
  readonly ms: number;
}

export interface RawTransfer {
  /** Over when so many bytes came, */
  readonly sizeBytes: number;
  /** or after so long. */
  readonly maxMs?: number;
  readonly connections?: number;
}

async function prepare(page: Page, connections: number): Promise<void> {
  await page.evaluate((count) => {
    window.rawConnections = Array.from({ length: count }, () => new RTCPeerConnection({ iceServers: [] }));
    window.rawChannels = window.rawConnections.map((connection) => {
      const channel = connection.createDataChannel('raw', { negotiated: true, id: 1 });
      channel.binaryType = 'arraybuffer';
      return channel;
    });
  }, connections);
}

/** The local descriptions once all candidates are in them. */
function describe(page: Page, remotes?: RTCSessionDescriptionInit[]): Promise<RTCSessionDescriptionInit[]> {
  return page.evaluate(
    (descriptions) =>
      Promise.all(
        window.rawConnections.map(async (connection, i) => {
          const description = descriptions?.[i];
          if (description) await connection.setRemoteDescription(description);
          await connection.setLocalDescription();
          if (connection.iceGatheringState !== 'complete') {
            await new Promise<void>((resolve) => {
              connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
            });
          }
          return { type: connection.localDescription?.type ?? 'offer', sdp: connection.localDescription?.sdp ?? '' };
        }),
      ),
    remotes,
  );
}

async function connect(from: Page, to: Page): Promise<void> {
  const answers = await describe(to, await describe(from));
  await from.evaluate(async (descriptions) => {
    await Promise.all(
      window.rawConnections.map(async (connection, i) => {
        const description = descriptions[i];
        if (description) await connection.setRemoteDescription(description);
        const channel = window.rawChannels[i];
        if (!channel || channel.readyState === 'open') return;
        await new Promise((resolve) => (channel.onopen = resolve));
      }),
    );
  }, answers);
}

/**
 * What came on fresh connections, all channels together, and how long it took, on the receiver's clock from the first
 * message: starting slowly is in it.
 */
export async function rawTransfer(
  from: Page,
  to: Page,
  { sizeBytes, maxMs = 2 ** 31 - 1, connections = 1 }: RawTransfer,
): Promise<Received> {
  await Promise.all([prepare(from, connections), prepare(to, connections)]);
  await connect(from, to);
  await to.evaluate(
    ([total, limitMs]) => {
      window.rawReceived = new Promise((resolve) => {
        let bytes = 0;
        let start = 0;
        for (const channel of window.rawChannels) {
          channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
            if (!start) {
              start = performance.now();
              setTimeout(() => resolve({ bytes, ms: performance.now() - start }), limitMs);
            }
            bytes += data.byteLength;
            if (bytes >= total) resolve({ bytes, ms: performance.now() - start });
          };
        }
      });
    },
    [sizeBytes, maxMs] as const,
  );
  // It sends until the channel closes: a slow one must not keep the receiver waiting for its share.
  await from.evaluate(() => {
    const message = new Uint8Array(64 * 1024);
    for (const channel of window.rawChannels) {
      channel.bufferedAmountLowThreshold = 256 * 1024;
      channel.onbufferedamountlow = () => {
        while (channel.readyState === 'open' && channel.bufferedAmount <= 1024 * 1024) channel.send(message);
      };
      channel.onbufferedamountlow(new Event('bufferedamountlow'));
    }
  });
  const received = await to.evaluate(() => window.rawReceived);
  for (const page of [from, to]) {
    await page.evaluate(() => {
      for (const connection of window.rawConnections) connection.close();
    });
  }
  return received;
}

/** Milliseconds, on the receiver's clock, from the first message to the last of `size` bytes on one channel. */
export async function rawTransferMs(from: Page, to: Page, size: number): Promise<number> {
  return (await rawTransfer(from, to, { sizeBytes: size })).ms;
}
