// Ends are honest: a notice with a code and a sentence, nothing half-saved, no spinner without an end.

import WebSocket from 'ws';
import { deriveRoomKeys, parseLink } from '../src/identity/room-link.ts';
import { randomBytes, toBase64url } from '../src/protocol/bytes.ts';
import { expect, test, type Fixtures, type Made } from './fixtures.ts';
import { Server } from './server.ts';

const MiB = 1024 * 1024;

/** A film of `size` bytes that Alice offered, Bob accepted, and of which some has arrived. */
async function onItsWay(
  { server, alice, bob, makeFile }: Pick<Fixtures, 'server' | 'alice' | 'bob' | 'makeFile'>,
  size: number,
): Promise<Made> {
  const film = await makeFile('film.mp4', size);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path));
  await bob.accept('film.mp4');
  await bob.isMoving('film.mp4');
  return film;
}

test('the receiver closes the tab: the sender is told, the file stays on the doorstep', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  await onItsWay({ server, alice, bob, makeFile }, 96 * MiB);
  await bob.page.close();
  await alice.seesNotice('peer-gone');
  await expect(alice.page.getByTestId('person')).toHaveAttribute('data-state', 'gone');
  await alice.seesDelivery('film.mp4', 'offered');
  await alice.isIn('waiting');
});

test('the sender closes the tab: the receiver is told, and frees what is here of the file', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  await onItsWay({ server, alice, bob, makeFile }, 96 * MiB);
  await alice.page.close();
  await bob.seesNotice('peer-gone');
  await bob.sees('film.mp4', 'interrupted');
  await expect(bob.incoming('film.mp4').getByTestId('save')).toHaveCount(0);
  await bob.incoming('film.mp4').getByTestId('discard').click();
  await expect.poll(() => bob.stagedFiles()).toEqual([]);
  await expect(bob.incoming('film.mp4').getByRole('button')).toHaveCount(0);
});

test('the receiver reloads: back in the room, asked again, and the file arrives', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const film = await onItsWay({ server, alice, bob, makeFile }, 48 * MiB);
  await bob.page.reload();
  await bob.sees('film.mp4', 'offered');
  await bob.accept('film.mp4');
  await bob.sees('film.mp4', 'verified');
  expect((await bob.save('film.mp4')).sha256).toBe(film.sha256);
  await alice.seesDelivery('film.mp4', 'verified');
  await expect(alice.page.getByTestId('person')).toHaveCount(1);
});

test('the signaling server dies during a transfer: the transfer finishes', async ({ server, alice, bob, makeFile }) => {
  const film = await onItsWay({ server, alice, bob, makeFile }, 96 * MiB);
  await server.stop();
  await Promise.all([alice.seesNotice('no-signaling'), bob.seesNotice('no-signaling')]);
  await bob.sees('film.mp4', 'verified');
  expect((await bob.save('film.mp4')).sha256).toBe(film.sha256);
  await alice.seesDelivery('film.mp4', 'verified');
});

test('the signaling server is away before anybody met: a notice, and all goes well once it is back', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const note = await makeFile('note.txt', 1000);
  await alice.open(server.url);
  await bob.open(server.url);
  const link = await alice.offer(note.path);
  await server.stop();
  await alice.seesNotice('no-signaling');
  await bob.page.getByTestId('join-input').fill(link);
  await bob.page.keyboard.press('Enter');
  await bob.seesNotice('no-signaling');
  await bob.isIn('opening');
  const again = await Server.start(server.port);
  await alice.letIn(bob);
  await bob.accept('note.txt');
  await bob.sees('note.txt', 'verified');
  for (const person of [alice, bob]) {
    await expect(person.page.locator('[data-code=no-signaling]')).toHaveCount(0);
  }
  await again.stop();
});

test('a signaling server that accepts and then says nothing is told of too', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  const link = await alice.offer({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') });
  await bob.open(server.url);
  server.freeze();
  await bob.page.getByTestId('join-input').fill(link);
  await bob.page.keyboard.press('Enter');
  await bob.seesNotice('no-signaling');
  server.thaw();
  await alice.letIn(bob);
  await bob.sees('a.txt', 'offered');
});

test('a mistyped link, a link of another version and one that is no link', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  const link = await alice.offer({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') });
  const fragment = new URL(link).hash.slice(1);
  const mistyped = fragment.slice(0, 20) + (fragment[20] === 'x' ? 'y' : 'x') + fragment.slice(21);
  await bob.open(`${server.url}#${mistyped}`);
  await bob.seesNotice('bad-link');
  await expect(bob.page.getByTestId('drop-zone')).toBeVisible();
  await bob.open(server.url);
  await bob.open(`${server.url}#Ag${fragment.slice(2)}`);
  await bob.seesNotice('other-version');
  await bob.open(server.url);
  await bob.page.getByTestId('join-input').fill('https://example.com/somewhere');
  await bob.page.keyboard.press('Enter');
  await bob.seesNotice('bad-link');
});

test('a full room says so', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  const link = await alice.offer({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') });
  await alice.isIn('waiting');
  const room = toBase64url((await deriveRoomKeys(await parseLink(link))).roomId);
  const sockets: WebSocket[] = [];
  for (let seat = 0; seat < 7; seat++) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/signal`);
    sockets.push(socket);
    await new Promise((resolve) => socket.once('open', resolve));
    const id = () => toBase64url(randomBytes(16));
    socket.send(JSON.stringify({ type: 'join', room, peer: id(), token: id() }));
    await new Promise((resolve) => socket.once('message', resolve));
  }
  await bob.open(link);
  await bob.seesNotice('room-full');
  await bob.isIn('failed');
  for (const socket of sockets) socket.terminate();
});

test('a page on plain http that is not localhost says what it needs, before anything else', async ({
  server,
  invite,
}) => {
  const dave = await invite('dave', { args: ['--host-resolver-rules=MAP doorstep.test 127.0.0.1'] });
  await dave.open(`http://doorstep.test:${server.port}/`);
  await dave.seesNotice('insecure-context');
  await expect(dave.page.getByTestId('drop-zone')).toHaveCount(0);
});

test('a browser without WebRTC is told so', async ({ server, bob }) => {
  await bob.page.addInitScript(() => Reflect.deleteProperty(window, 'RTCPeerConnection'));
  await bob.open(server.url);
  await bob.seesNotice('unsupported-browser');
});

const breaches: readonly [what: string, label: 'control' | 'data', message: string | readonly number[]][] = [
  ['an unknown message', 'control', '{"type":"surprise"}'],
  ['a file byte nobody asked for', 'data', [0x11, ...Array<number>(12).fill(0), ...Array<number>(32).fill(1), 7]],
  ['a request past all sense', 'data', [0x10, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1]],
];
for (const [what, label, message] of breaches) {
  test(`somebody who sends ${what} is cut off, and everything else goes on`, async ({
    server,
    alice,
    bob,
    carol,
    makeFile,
  }) => {
    const film = await makeFile('film.mp4', 48 * MiB);
    await bob.keepConnections();
    if (label === 'data') await bob.keepChannelsOnPage();
    await alice.open(server.url);
    const link = await alice.offer(film.path);
    await bob.enter(alice, link);
    await carol.enter(alice, link);
    await carol.accept('film.mp4');
    await carol.isMoving('film.mp4');
    await bob.sees('film.mp4', 'offered');
    await bob.sendOn(label, message);
    await alice.seesNotice('protocol');
    await carol.sees('film.mp4', 'verified');
    expect((await carol.save('film.mp4')).sha256).toBe(film.sha256);
  });
}

test('the server stops cleanly on Ctrl-C, with people in rooms', async ({ server, alice }) => {
  await alice.open(server.url);
  await alice.offer({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') });
  await alice.isIn('waiting');
  expect(await server.stop('SIGINT')).toBe(0);
});
