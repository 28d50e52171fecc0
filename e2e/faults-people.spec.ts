// What one person decides in the middle of a transfer holds for that transfer, at once, and for no other.

import { expect, test, type Fixtures } from './fixtures.ts';
import type { Person } from './person.ts';

const MiB = 1024 * 1024;
const SIZE = 64 * MiB;

test('three receive from one at once: each says yes, no, pause and go on for themselves', async ({
  server,
  alice,
  bob,
  carol,
  invite,
  makeFile,
}) => {
  // Three times the bytes of the others.
  test.slow();
  const dave = await invite('dave');
  const [film, note] = await Promise.all([makeFile('film.mp4', SIZE), makeFile('note.txt', 2 * MiB)]);
  await alice.open(server.url);
  const link = await alice.offer(film.path, note.path);
  for (const guest of [bob, carol, dave]) await guest.enter(alice, link);
  const delivery = async (to: Person, name: string) =>
    alice.outgoing(name).locator(`[data-testid=delivery][data-peer="${await to.shortKey()}"]`);
  const isAt = async (to: Person, name: string, state: string) =>
    expect(await delivery(to, name)).toHaveAttribute('data-state', state, { timeout: 100_000 });

  await dave.decline('note.txt');
  await Promise.all([bob.acceptsPart('film.mp4', 10), carol.accept('film.mp4')]);
  await carol.accept('note.txt');
  await isAt(bob, 'film.mp4', 'paused');
  expect(await carol.receives('film.mp4')).toBe(film.sha256);
  expect(await carol.receives('note.txt')).toBe(note.sha256);
  await isAt(carol, 'film.mp4', 'verified');
  await isAt(bob, 'film.mp4', 'paused');
  await isAt(dave, 'note.txt', 'declined');
  await isAt(dave, 'film.mp4', 'offered');
  await dave.sees('film.mp4', 'offered');
  expect(await dave.stagedFiles(), 'nothing comes before a yes').toEqual([]);

  await dave.accept('film.mp4');
  expect(await dave.receives('film.mp4')).toBe(film.sha256);
  await isAt(dave, 'film.mp4', 'verified');
  await bob.sees('film.mp4', 'paused');
  await bob.incoming('film.mp4').getByTestId('resume').click();
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
  await isAt(bob, 'film.mp4', 'verified');
  await isAt(bob, 'note.txt', 'offered');
});

test('either side pauses, both see who did, others pass, and it goes on when neither has paused it', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const film = await makeFile('film.mp4', SIZE);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path));
  await alice.pressAt('film.mp4', 10, 'pause');
  await bob.accept('film.mp4');
  const [mine, theirs] = [bob.incoming('film.mp4'), alice.outgoing('film.mp4').getByTestId('delivery')];
  const both = async (state: string, here: RegExp, there: RegExp) => {
    await bob.sees('film.mp4', state);
    await alice.seesDelivery('film.mp4', state === 'receiving' ? 'sending' : state);
    await expect(mine).toContainText(here);
    await expect(theirs).toContainText(there);
  };
  await both('paused', /% · .+ paused this/, /% · paused/);
  const progress = () => alice.outgoing('film.mp4').getByTestId('progress').getAttribute('aria-valuenow');
  let before: string | null = null;
  // What went out before the pause is told with the next report.
  await expect
    .poll(
      async () => {
        const last = before;
        return (before = await progress()) === last;
      },
      { intervals: [1_000] },
    )
    .toBe(true);
  await goesOn({ alice, bob, makeFile });
  expect(await progress()).toBe(before);
  await mine.getByTestId('pause').click();
  await both('paused', /paused by both of you/, /paused by both of you/);
  await theirs.getByTestId('resume').click();
  await both('paused', /% · paused/, /% · .+ paused this/);
  await mine.getByTestId('resume').click();
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
  await alice.seesDelivery('film.mp4', 'verified');
});

test('all that is on its way pauses and goes on together', async ({ server, alice, bob, makeFile }) => {
  const films = await Promise.all(['one.mp4', 'two.mp4'].map((name) => makeFile(name, SIZE / 2)));
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(...films.map(({ path }) => path)));
  for (const [who, by] of [
    [bob, 'bob'],
    [alice, 'alice'],
  ] as const) {
    if (by === 'bob') await bob.page.getByTestId('accept-all').click();
    await who.page.getByTestId('pause-all').click();
    for (const { name } of films) {
      await bob.sees(name, 'paused');
      await alice.seesDelivery(name, 'paused');
    }
    await who.page.getByTestId('resume-all').click();
    for (const { name } of films) await expect(bob.incoming(name)).not.toHaveAttribute('data-state', 'paused');
  }
  for (const { name, sha256 } of films) expect(await bob.receives(name)).toBe(sha256);
});

/** Something in the way of nobody: the link is as good as before. */
async function goesOn({ alice, bob, makeFile }: Pick<Fixtures, 'alice' | 'bob' | 'makeFile'>): Promise<void> {
  const other = await makeFile('other.txt', 2 * MiB);
  await alice.offer(other.path);
  await bob.accept('other.txt');
  expect(await bob.receives('other.txt')).toBe(other.sha256);
  for (const { page } of [alice, bob]) await expect(page.getByTestId('notice')).toHaveCount(0);
}

for (const size of [SIZE, MiB]) {
  const how = size > MiB ? 'in the middle' : 'in the middle of its only piece';
  test.describe(how, () => {
    test(`the receiver cancels a file ${how}: what is here of it is freed, and the sender knows`, async ({
      server,
      alice,
      bob,
      makeFile,
    }) => {
      const film = await makeFile('film.mp4', size);
      if (size <= MiB) await stall(alice);
      await alice.open(server.url);
      await bob.enter(alice, await alice.offer(film.path));
      if (size > MiB) await bob.pressAt('film.mp4', 10, 'cancel');
      await bob.accept('film.mp4');
      if (size <= MiB) {
        await expect.poll(() => bob.stagedFiles()).toHaveLength(1);
        await expect.poll(() => alice.dataBytes()).toBeGreaterThan(MiB / 2);
        await bob.incoming('film.mp4').getByTestId('cancel').click();
      }
      await bob.sees('film.mp4', 'declined');
      await expect.poll(() => bob.stagedFiles(), { timeout: 2_000 }).toEqual([]);
      await alice.seesDelivery('film.mp4', 'failed');
      await goesOn({ alice, bob, makeFile });
      await expect(bob.incoming('film.mp4')).toContainText('You cancelled this');
      await expect(bob.incoming('film.mp4').getByRole('button')).toHaveCount(0);
      await expect(alice.outgoing('film.mp4').getByTestId('delivery')).toContainText('cancelled it');
      await alice.seesDelivery('film.mp4', 'failed');
      await expect(alice.outgoing('film.mp4').getByTestId('progress')).toHaveCount(0);
    });

    test(`the sender takes a file back ${how}: what is here of it is freed, and the receiver knows`, async ({
      server,
      alice,
      bob,
      makeFile,
    }) => {
      const film = await makeFile('film.mp4', size);
      if (size <= MiB) await stall(alice);
      await alice.open(server.url);
      await bob.enter(alice, await alice.offer(film.path));
      if (size > MiB) await alice.pressAt('film.mp4', 10, 'withdraw');
      await bob.accept('film.mp4');
      if (size <= MiB) {
        await expect.poll(() => bob.stagedFiles()).toHaveLength(1);
        await expect.poll(() => alice.dataBytes()).toBeGreaterThan(MiB / 2);
        await alice.outgoing('film.mp4').getByTestId('withdraw').click();
      }
      await bob.sees('film.mp4', 'withdrawn');
      await expect.poll(() => bob.stagedFiles(), { timeout: 2_000 }).toEqual([]);
      await alice.seesDelivery('film.mp4', 'withdrawn');
      await goesOn({ alice, bob, makeFile });
      await expect(bob.incoming('film.mp4')).toContainText('took this back');
      await expect(bob.incoming('film.mp4').getByRole('button')).toHaveCount(0);
      await expect(bob.incoming('film.mp4').getByTestId('progress')).toHaveCount(0);
      await expect(alice.outgoing('film.mp4').getByTestId('delivery')).toContainText('taken back');
    });
  });
}

/** Loses the second half of every piece of the first file that is sent; before `open`. */
async function stall(alice: Person): Promise<void> {
  await alice.keepChannelsOnPage();
  await alice.page.addInitScript(() => {
    let first: number | undefined;
    const send = Reflect.get(RTCDataChannel.prototype, 'send') as (...args: unknown[]) => void;
    RTCDataChannel.prototype.send = function (this: RTCDataChannel, frame: unknown) {
      if (frame instanceof Uint8Array && frame[0] === 0x11) {
        const view = new DataView(frame.buffer, frame.byteOffset);
        first ??= view.getUint32(1);
        if (view.getUint32(1) === first && view.getUint32(9) >= 512 * 1024) return;
      }
      Reflect.apply(send, this, [frame]);
    };
  });
}
