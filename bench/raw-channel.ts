// The yardstick: one raw negotiated RTCDataChannel between two pages, 64 KiB messages, nothing else done.

import type { Page } from 'playwright';

declare global {
  interface Window {
    rawConnection: RTCPeerConnection;
    rawChannel: RTCDataChannel;
    rawReceived: Promise<number>;
  }
}

async function prepare(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.rawConnection = new RTCPeerConnection({ iceServers: [] });
    window.rawChannel = window.rawConnection.createDataChannel('raw', { negotiated: true, id: 1 });
    window.rawChannel.binaryType = 'arraybuffer';
  });
}

/** The local description once all candidates are in it. */
function describe(page: Page, remote?: RTCSessionDescriptionInit): Promise<RTCSessionDescriptionInit> {
  return page.evaluate(async (description) => {
    const connection = window.rawConnection;
    if (description) await connection.setRemoteDescription(description);
    await connection.setLocalDescription();
    if (connection.iceGatheringState !== 'complete') {
      await new Promise<void>((resolve) => {
        connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
      });
    }
    return { type: connection.localDescription?.type ?? 'offer', sdp: connection.localDescription?.sdp ?? '' };
  }, remote);
}

/** Milliseconds, on the receiver's clock, from the first message to the last of `size` bytes. */
export async function rawTransferMs(from: Page, to: Page, size: number): Promise<number> {
  await prepare(from);
  await prepare(to);
  const answer = await describe(to, await describe(from));
  await from.evaluate((description) => window.rawConnection.setRemoteDescription(description), answer);
  await from.evaluate(async () => {
    if (window.rawChannel.readyState === 'open') return;
    await new Promise((resolve) => (window.rawChannel.onopen = resolve));
  });
  await to.evaluate((total) => {
    window.rawReceived = new Promise((resolve) => {
      const start = performance.now();
      let left = total;
      window.rawChannel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        left -= data.byteLength;
        if (left <= 0) resolve(performance.now() - start);
      };
    });
  }, size);
  await from.evaluate(async (total) => {
    const channel = window.rawChannel;
    const message = new Uint8Array(64 * 1024);
    channel.bufferedAmountLowThreshold = 256 * 1024;
    for (let sent = 0; sent < total; sent += message.length) {
      if (channel.bufferedAmount > 1024 * 1024) {
        await new Promise((resolve) => (channel.onbufferedamountlow = resolve));
      }
      channel.send(message);
    }
  }, size);
  const ms = await to.evaluate(() => window.rawReceived);
  for (const page of [from, to]) await page.evaluate(() => window.rawConnection.close());
  return ms;
}
