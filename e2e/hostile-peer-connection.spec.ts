// A peer with no manners and its connection: channels and media nobody agreed on, another description, messages as large
// as a browser makes them, candidates without number and to where it has no business, and back in after it was removed.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { randomBytes, toBase64url } from '../src/protocol/bytes.ts';
import type { Candidate } from '../src/protocol/dial-signal.ts';
import { KiB, MAX_BOX_BYTES, MAX_CANDIDATES_PER_DIAL, MiB } from '../src/protocol/limits.ts';
import { expect, note, test } from './hostile/besieged.ts';
import { fingerprints, withFingerprints } from './hostile/leak.ts';

import type { Media, Visit } from './hostile/peer.ts';

test('channels nobody agreed on close the connection: one, or thousands at once', async ({ house }) => {
  // The first one ends it: 65,000 would only keep the browser busy that makes them.
  for (const wanted of [1, 4_000]) {
    const visit = await house.comesIn();
    expect(await visit.announces(wanted)).toBe(wanted);
    await visit.isCut();
    await visit.leaves();
    await expect(house.listed(visit)).toHaveAttribute('data-state', 'gone');
  }
  const chatty = await house.comesIn();
  await chatty.say('hello', 'own');
  await chatty.isCut();
  await chatty.leaves();
  await expect(house.listed(chatty)).toHaveAttribute('data-state', 'gone');
});

/** Far longer than an answer takes. */
const MEDIA_PATIENCE_MS = 6_000;

test('media in a dial ends it before a word is said', async ({ house }) => {
  const all = { 'with a stream': 'streamed', 'without a stream': 'streamless', 'asked for': 'asked for' } as const;
  await house.each<Media>(all, async (what, media) => {
    const visit = await house.comesNear({ media, patienceMs: MEDIA_PATIENCE_MS });
    const end = visit.shakesHands().then(
      () => (visit.isClosed ? 'closed' : 'met'),
      (error: unknown) => String(error),
    );
    expect(await end, what).toMatch(/^closed$|waited for the answer$/);
    expect(visit.sdp, what).toContain('m=audio');
    expect(visit.handshake, what).toEqual([]);
    await visit.leaves();
  });
});

test('another description, another fingerprint and a lane to somebody else change nothing', async ({ house }) => {
  const visit = await house.comesIn();
  const other = await house.comesNear();
  const theirs = await other.describes();
  visit.signal({ kind: 'offer', sdp: theirs });
  visit.signal({ kind: 'answer', sdp: theirs });
  visit.signal({ kind: 'offer', sdp: withFingerprints(visit.sdp, fingerprints(theirs), []) });
  const dial = toBase64url(randomBytes(16));
  await visit.say(JSON.stringify({ type: 'lane', dial, signal: { kind: 'offer', sdp: theirs } }));
  const answers = () =>
    visit.messages.flatMap((message) =>
      message.type === 'lane' && message.signal.kind === 'answer' ? [message.signal.sdp] : [],
    );
  await other.takes(await visit.until('an answer for the lane', () => answers()[0]));
  await other.until('the lane', () => other.isOpen);
  await other.isCut();
  await house.isStillHere('whose lane led to another certificate', visit);
  expect(visit.answers).toHaveLength(1);
  const kinds = visit.messages.flatMap((message) => (message.type === 'lane' ? [message.signal.kind] : []));
  expect(kinds).not.toContain('ready');
});

test('messages as large as a browser sends are dropped before, and cut off after authentication', async ({ house }) => {
  const endless = await house.comesNear();
  await endless.connects();
  expect(await endless.sayZeros(1024 * MiB, 'data', 400)).toBeGreaterThan(100);
  await endless.isCut();
  await endless.leaves();

  const begun = await house.comesIn();
  await begun.sayZeros(1024 * MiB, 'control', 400);
  await house.isCutOff('a control message without end', begun);

  const proved = await house.comesIn();
  await proved.sayZeros(1024 * MiB, 'data', 400);
  await house.isCutOff('a frame without end', proved);

  const talkative = await house.comesIn();
  await talkative.sayZeros(64 * KiB + 1, 'control', 400);
  await house.isCutOff('a byte over 64 KiB', talkative);
});

/** A candidate for a port of this machine's. */
function candidateFor(port: number, protocol: 'udp' | 'tcp'): Candidate {
  const type = protocol === 'tcp' ? 'typ host tcptype passive' : 'typ host';
  return {
    candidate: `candidate:${port} 1 ${protocol} 2113937151 127.0.0.1 ${port} ${type}`,
    sdpMid: '0',
    sdpMLineIndex: 0,
  };
}

test('a hundred thousand candidates, and some that nobody can read, disturb nobody', async ({ house }) => {
  const visit = await house.comesIn();
  const candidates = Array.from({ length: MAX_CANDIDATES_PER_DIAL }, (_, i) => candidateFor(9 + i, 'udp'));
  for (let sent = 0; sent < 100_000; sent += candidates.length) {
    visit.signal({ kind: 'candidates', candidates });
    // The server closes who reads too slowly: it is alice who is attacked here.
    if (sent % 6_400 === 0) await house.alice.page.evaluate(() => undefined);
  }
  await house.isStillHere('who has a hundred thousand addresses', visit);
  const unreadable = [
    'candidate:',
    'candidate:1 1 udp 1 256.1.1.1 1 typ host',
    'candidate:x',
    'candidate:1 1 udp 1 x.local 1 typ host',
  ];
  const odd = await house.comesNear();
  odd.signal({ kind: 'offer', sdp: await odd.describes() });
  odd.signal({
    kind: 'candidates',
    candidates: unreadable.map((candidate) => ({ candidate, sdpMid: '0', sdpMLineIndex: 0 })),
  });
  await house.isStillHere('who was there before', visit);
});

const STUN_COOKIE = 0x2112a442;
const BINDING_REQUEST = 1;

/** Whether a datagram is a question of ICE's, and nothing somebody else could have written. */
function isBindingRequest(bytes: Buffer): boolean {
  return bytes.length >= 20 && bytes.readUInt16BE(0) === BINDING_REQUEST && bytes.readUInt32BE(4) === STUN_COOKIE;
}

test('candidates to ports of this machine bring questions of ICE to 32 of them at most, and nothing else', async ({
  house,
}) => {
  const heard = new Map<number, Buffer[]>();
  const keep = (port: number, bytes: Buffer) => heard.set(port, [...(heard.get(port) ?? []), bytes]);
  const sockets: Socket[] = [];
  const servers: Server[] = [];
  for (let i = 0; i < 40; i++) {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.on('message', (bytes) => keep(port, bytes));
    sockets.push(socket);
  }
  for (let i = 0; i < 4; i++) {
    const server = createServer((connection) => {
      connection.on('error', () => undefined);
      // On TCP every STUN message has its length in front (RFC 4571).
      connection.on('data', (bytes) => keep((server.address() as AddressInfo).port, bytes.subarray(2)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
  }
  try {
    const visit = await house.comesNear();
    visit.signal({ kind: 'offer', sdp: (await visit.describes()).replaceAll(/^a=candidate:.*\r\n/gm, '') });
    const udp = sockets.map((socket) => candidateFor(socket.address().port, 'udp'));
    const tcp = servers.map((server) => candidateFor((server.address() as AddressInfo).port, 'tcp'));
    visit.signal({ kind: 'candidates', candidates: [...tcp, ...udp.slice(0, 20)] });
    visit.signal({ kind: 'candidates', candidates: udp.slice(20) });
    await expect.poll(() => heard.size).toBeGreaterThan(8);
    // The dial is over: whatever was to come has come.
    await visit.until('the answer', () => visit.answers[0]);
    const count = () => [...heard.values()].flat().length;
    const inTwoSeconds = async () => {
      const before = count();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return count() - before;
    };
    await expect.poll(inTwoSeconds, { timeout: 40_000 }).toBe(0);
    expect(heard.size).toBeLessThanOrEqual(MAX_CANDIDATES_PER_DIAL);
    for (const bytes of [...heard.values()].flat()) expect(isBindingRequest(bytes), bytes.toString('hex')).toBe(true);
  } finally {
    for (const socket of sockets) socket.close();
    for (const server of servers) server.close();
  }
});

test('back after it was removed, it is nobody: nothing is shown to it, and nothing it knew counts', async ({
  house,
}) => {
  const { alice } = house;
  const visit = await house.comesIn();
  const { hash, file } = await visit.offered(note.name);
  await visit.offers({ path: 'left behind.txt' });
  await alice.page.getByTestId('anyone').uncheck();
  await house.listed(visit).getByTestId('person-menu').click();
  await house.listed(visit).getByTestId('remove').click();
  await visit.isCut();
  expect(visit.heard('turned-away')?.code).toBe('removed');
  const { key } = visit.manners;
  const hello = (rosterRev: number) => JSON.stringify({ type: 'hello', rosterRev });

  const member = await house.comesNear({ key });
  await member.shakesHands();
  await member.say(hello(400));
  await member.isCut();
  expect(member.heard('turned-away')?.code).toBe('removed');
  expect([member.heard('roster'), member.heard('offer')]).toEqual([undefined, undefined]);

  const quiet = await house.comesNear({ key });
  await quiet.shakesHands();
  await quiet.say(hello(0));
  await quiet.says('accept', { offers: [{ hash, files: [{ fileId: file.fileId, stream: 1 }] }] });
  await quiet.isCut();
  expect([quiet.heard('roster'), quiet.heard('offer'), quiet.heard('admit')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(quiet.dataBytes).toBe(0);
  // That was a breach: the key is not let near for a while, and knocks no more.
  const knocking = await house.comesNear({ key });
  await knocking.shakesHands();
  await knocking.isCut();
  await expect(alice.page.getByTestId('knock')).toHaveCount(0);
  await expect(alice.page.getByTestId('person').and(alice.page.locator('[data-state=ready]'))).toHaveCount(1);
});

test('what is to be passed on is dropped or refused, and nobody at the other end is disturbed', async ({ house }) => {
  const id = toBase64url(randomBytes(16));
  const relay = (fields: object) => JSON.stringify({ type: 'relay', to: id, from: id, box: 'AAAA', ...fields });
  const cases: Record<string, (visit: Visit) => object> = {
    'to oneself': ({ peerId }) => ({ to: peerId }),
    'a box too long': () => ({ box: toBase64url(new Uint8Array(MAX_BOX_BYTES + 1)) }),
    'no box': () => ({ box: '' }),
    'a box that is not base64url': () => ({ box: 'AAA=' }),
    'to nobody': () => ({ to: '' }),
    'with more hops': () => ({ hops: 2 }),
  };
  await house.each(cases, async (what, fields) => {
    const visit = await house.comesIn();
    await visit.say(relay(fields(visit)));
    await house.isCutOff(what, visit);
  });

  const visit = await house.comesIn();
  const short = await house.carol.shortKey();
  const [host] = visit.members;
  const carol = visit.members.find(({ key }) => key.startsWith(short));
  if (!host || !carol) throw new Error('a roster has both');
  const longest = toBase64url(new Uint8Array(MAX_BOX_BYTES));
  for (const to of [id, host.peerId, carol.peerId]) {
    for (const from of [id, visit.peerId, carol.peerId])
      await visit.say(relay({ to, from, box: longest }), 'control', 300);
  }
  await house.isStillHere('somebody who passes on more than anybody takes', visit);
  await expect(await house.alice.personOf(house.carol)).toHaveAttribute('data-state', 'ready');
  await expect(await house.carol.personOf(house.alice)).toHaveAttribute('data-state', 'ready');
});
