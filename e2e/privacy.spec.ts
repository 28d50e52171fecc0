// What the signaling server gets to see, read off the sockets of both sides.

import { openSignal } from '../src/identity/seal.ts';
import { deriveRoomKeys, parseLink } from '../src/identity/room-link.ts';
import { fromBase64url, toBase64url, toHex } from '../src/protocol/bytes.ts';
import { decodeBoxBody } from '../src/protocol/dial-signal.ts';
import { parseFromClient } from '../src/protocol/signal.ts';
import { expect, test } from './fixtures.ts';

test('the server is sent room ids, peer ids and sealed boxes, and no description, candidate, name or key', async ({
  server,
  alice,
  bob,
}) => {
  const sent: string[] = [];
  const requested: string[] = [];
  for (const { page } of [alice, bob]) {
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(payload.toString())));
    page.on('request', (request) => requested.push(`${request.url()} ${JSON.stringify(request.headers())}`));
  }
  await alice.open(server.url);
  const link = await alice.offer({
    name: 'secret plan.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('attack at dawn'),
  });
  await bob.enter(alice, link);
  await bob.accept('secret plan.txt');
  await bob.sees('secret plan.txt', 'verified');

  const fragment = new URL(link).hash.slice(1);
  const roomLink = await parseLink(link);
  const keys = await deriveRoomKeys(roomLink);
  const boxes: Buffer[] = [];
  for (const text of sent) {
    const message = parseFromClient(text);
    expect(message, text).toBeDefined();
    if (message?.type === 'send') boxes.push(Buffer.from(message.box, 'base64url'));
  }
  // Sealed, they are noise; opened with the link's key they are what we think they are.
  const opened = boxes.map((box) => openSignal(keys.seal, new Uint8Array(box)));
  const kinds = opened.map((signal) => signal && decodeBoxBody(signal.body)?.kind);
  expect(new Set(kinds)).toEqual(new Set(['ring', 'door', 'offer', 'answer', 'candidates']));

  const seen = [...sent, ...requested, ...boxes.map((box) => box.toString('latin1'))].join('\n');
  for (const secret of ['v=0', 'candidate:', 'fingerprint', 'ice-ufrag', 'secret plan', 'attack at dawn', fragment]) {
    expect(seen, secret).not.toContain(secret);
  }
  for (const bytes of [roomLink.secret, roomLink.hostPin, keys.seal, keys.bind]) {
    const latin = Buffer.from(bytes).toString('latin1');
    for (const spelled of [latin, toHex(bytes), Buffer.from(bytes).toString('base64url')])
      expect(seen).not.toContain(spelled);
  }
  expect(fromBase64url(fragment)).toBeDefined();
  expect(requested.filter((line) => !line.startsWith(server.url))).toEqual([]);
});

test('the link is in no title, address or storage that outlives the tab', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  const link = await alice.offer({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') });
  const fragment = new URL(link).hash.slice(1);
  await bob.enter(alice, link);
  await bob.isIn('inside');
  for (const person of [alice, bob]) {
    const kept = await person.page.evaluate(async () => ({
      title: document.title,
      address: location.href,
      local: JSON.stringify(localStorage),
      caches: await caches.keys(),
    }));
    const { secret } = await parseLink(link);
    const stored = JSON.stringify([kept, await person.records()]);
    for (const told of [fragment, toHex(secret), toBase64url(secret)]) expect(stored).not.toContain(told);
    expect(stored).toContain('identity');
  }
});
