// Nothing a socket sends brings the server down.

import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyText, bytes, meddledJson, spoiltText } from '../src/testing/arbitraries.ts';
import { ALICE, BOB, boxTo, CAROL, joinAs, OTHER_ROOM, serve, UPGRADE } from '../src/testing/signaling-clients.ts';

describe('nothing a socket sends brings the server down:', () => {
  test('a thousand messages', async () => {
    const { open, join } = await serve();
    const valid = fc.constantFrom(joinAs(ALICE), boxTo(ALICE), boxTo(BOB));
    const text = fc.oneof(anyText, meddledJson(valid), spoiltText(valid.map((message) => JSON.stringify(message))));
    const fuzzed = fc.sample(fc.tuple(fc.boolean(), fc.oneof(text, bytes(0, 300))), { numRuns: 1_000, seed: 1 });
    const send = async ([joins, message]: [boolean, string | Uint8Array]) => {
      const client = await open();
      if (joins) client.say(joinAs(ALICE));
      client.say(message);
      await client.leave();
    };
    while (fuzzed.length) await Promise.all(fuzzed.splice(0, 50).map(send));
    expect((await join(CAROL, { room: OTHER_ROOM })).answer).toEqual({ type: 'joined', peers: [] });
  });

  test('a thousand runs of bytes that are no WebSocket frames', async () => {
    const { port, join } = await serve();
    const send = async (garbage: Uint8Array) => {
      const socket = connect(port, '127.0.0.1');
      // The server may hang up in the middle of it.
      socket.on('error', () => undefined);
      socket.resume();
      socket.end(Buffer.concat([Buffer.from(UPGRADE), garbage]));
      await once(socket, 'close');
    };
    const runs = fc.sample(bytes(1, 200), { numRuns: 1_000, seed: 1 });
    while (runs.length) await Promise.all(runs.splice(0, 50).map(send));
    expect((await join(CAROL)).answer).toEqual({ type: 'joined', peers: [] });
  });
});
