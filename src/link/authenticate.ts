// Runs the handshake of identity/handshake.ts on a control channel: 10 s in all, one message after the other. What comes
// after its end belongs to the link and is kept for it.

import { Failure } from '../protocol/failure.ts';
import { HANDSHAKE_MS } from '../protocol/limits.ts';
import type { Authenticated, Handshake, Step } from '../identity/handshake.ts';
import type { ControlChannel } from './link.ts';

/** More than this on its way before the link takes over is no greeting. */
const MAX_EARLY = 32;

export interface Proved extends Authenticated {
  /** What came after the last handshake message, in order; it goes on filling until somebody else listens. */
  readonly early: readonly unknown[];
}

/**
 * Proves who is at the other end. Rejects with Failure('authentication-failed'), and the channel is closed. It listens at
 * once, also while the handshake is still being made: the first message may come with the connection.
 */
export function authenticate(
  channel: ControlChannel,
  handshake: Handshake | Promise<Handshake>,
  initiator: boolean,
): Promise<Proved> {
  return new Promise((resolve, reject) => {
    const waiting: unknown[] = [];
    let busy = false;
    let over = false;
    const fail = () => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      channel.onmessage = null;
      channel.onclose = null;
      channel.close();
      reject(new Failure('authentication-failed'));
    };
    const timer = setTimeout(fail, HANDSHAKE_MS);
    const take = async (step: () => Promise<Step>) => {
      busy = true;
      try {
        const { send, done } = await step();
        // It ended while this was looked at: nothing more is said.
        if (over) return;
        if (send) channel.send(send);
        if (done) {
          over = true;
          clearTimeout(timer);
          channel.onclose = null;
          resolve({ ...done, early: waiting });
        }
      } catch {
        fail();
      }
      busy = false;
      next();
    };
    const next = () => {
      if (over || busy || !waiting.length) return;
      const message = waiting.shift();
      if (message instanceof ArrayBuffer) void take(async () => (await handshake).handle(new Uint8Array(message)));
      else fail();
    };
    channel.onmessage = ({ data }) => {
      waiting.push(data);
      if (waiting.length > MAX_EARLY) fail();
      next();
    };
    channel.onclose = fail;
    if (initiator) void take(async () => (await handshake).start());
    Promise.resolve(handshake).catch(fail);
  });
}
