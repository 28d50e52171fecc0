// What goes wrong with the bytes: turned on the wire, changed under the sender's hands. It is found, each with its own
// sentence on both sides, and nothing wrong is ever verified. Who comes back is in faults-return, who changes their mind in
// faults-people, what a page may cost in faults-page, a network that goes away in network.

import { appendFile, open, rename, truncate, unlink, utimes } from 'node:fs/promises';
import { expect, test, type Fixtures, type Made } from './fixtures.ts';
import { digest, type Person } from './person.ts';

const MiB = 1024 * 1024;
const WRONG = 'What arrived is not what was sent, so it was thrown away.';

/** What the receiver's page saw pass. */
interface Passed {
  spoilt: number;
  /** Data frames, headers included. */
  bytes: number;
  /** How often each piece was asked for. */
  asked: Record<number, number>;
}

/** Turns one bit of the first frame of a piece, the first so many times it comes; before `open`. */
async function spoil(bob: Person, piece: number, times: number): Promise<void> {
  await bob.keepChannelsOnPage();
  await bob.page.addInitScript(
    ([wanted, most]) => {
      const passed: Passed = { spoilt: 0, bytes: 0, asked: {} };
      Object.assign(window, { passed });
      const arrives = ({ data }: MessageEvent<ArrayBuffer>) => {
        const frame = new DataView(data);
        if (frame.getUint8(0) !== 0x11) return;
        passed.bytes += data.byteLength;
        if (frame.getUint32(5) !== wanted || frame.getUint32(9) !== 0 || passed.spoilt === most) return;
        passed.spoilt++;
        frame.setUint8(data.byteLength - 1, frame.getUint8(data.byteLength - 1) ^ 1);
      };
      const property = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, 'onmessage');
      Object.defineProperty(RTCDataChannel.prototype, 'onmessage', {
        ...property,
        set(this: RTCDataChannel, handler: ((event: MessageEvent<ArrayBuffer>) => void) | null) {
          const spoiling = (event: MessageEvent<ArrayBuffer>) => {
            arrives(event);
            handler?.(event);
          };
          property?.set?.call(this, handler && this.label === 'data' ? spoiling : handler);
        },
      });
      const send = Reflect.get(RTCDataChannel.prototype, 'send') as (...args: unknown[]) => void;
      RTCDataChannel.prototype.send = function (this: RTCDataChannel, frame: unknown) {
        if (this.label === 'data' && frame instanceof Uint8Array && frame[0] === 0x10) {
          const view = new DataView(frame.buffer, frame.byteOffset);
          for (let asked = view.getUint32(5); asked < view.getUint32(9); asked++) {
            passed.asked[asked] = (passed.asked[asked] ?? 0) + 1;
          }
        }
        Reflect.apply(send, this, [frame]);
      };
    },
    [piece, times] as const,
  );
}

const passed = (bob: Person) => bob.page.evaluate(() => Reflect.get(window, 'passed') as Passed);

// On one lane, and on as many as a large file gets.
for (const size of [3 * MiB, 24 * MiB]) {
  test(`a piece of ${size / MiB} MiB with one bit turned on its way is fetched once more, and the file is right`, async ({
    server,
    alice,
    bob,
    makeFile,
  }) => {
    const film = await makeFile('film.mp4', size);
    await spoil(bob, 2, 1);
    await alice.open(server.url);
    await bob.enter(alice, await alice.offer(film.path));
    await bob.accept('film.mp4');
    expect(await bob.receives('film.mp4')).toBe(film.sha256);
    await alice.seesDelivery('film.mp4', 'verified');
    const { spoilt, bytes, asked } = await passed(bob);
    expect(spoilt).toBe(1);
    expect(asked[2]).toBeGreaterThanOrEqual(2);
    const times = Object.values(asked);
    expect(times).toHaveLength(size / MiB);
    // A fast lane may have been asked for what a slow one owed.
    const again = times.reduce((sum, n) => sum + n - 1, 0);
    expect(again).toBeLessThanOrEqual(size > 16 * MiB ? 8 : 1);
    expect(bytes, 'the file and the piece again, with their headers').toBeGreaterThan(size + MiB);
    expect(bytes).toBeLessThan(size + again * MiB + size / 100);
  });
}

// Kept with its page, kept to be gone on with, and on many lanes.
for (const size of [MiB, 3 * MiB, 24 * MiB]) {
  test(`a piece of ${size / MiB} MiB that is wrong twice ends the file on both sides, and nothing of it is kept`, async ({
    server,
    alice,
    bob,
    makeFile,
  }) => {
    const [film, other] = await Promise.all([makeFile('film.mp4', size), makeFile('other.txt', 2 * MiB)]);
    const last = size / MiB - 1;
    // Every copy of a large one: a fast lane may have been asked for it too. The other file has pieces of these numbers as well.
    await spoil(bob, last, size > 2 * MiB ? Infinity : 2);
    await alice.open(server.url);
    await bob.enter(alice, await alice.offer(film.path, other.path));
    await bob.accept('film.mp4');
    await bob.sees('film.mp4', 'failed');
    await expect.poll(() => bob.stagedFiles(), { timeout: 2_000 }).toEqual([]);
    await expect(bob.incoming('film.mp4')).toContainText(WRONG);
    await expect(bob.incoming('film.mp4').getByRole('button')).toHaveCount(0);
    await expect(bob.page.getByTestId('save-all')).toHaveCount(0);
    await alice.seesDelivery('film.mp4', 'failed');
    await expect(alice.outgoing('film.mp4').getByTestId('delivery')).toContainText(WRONG);
    expect((await passed(bob)).asked[last]).toBeGreaterThanOrEqual(2);
    // What was still on its way of it harms nobody: the link stands, and nothing is said of anybody's manners.
    await bob.accept('other.txt');
    expect(await bob.receives('other.txt')).toBe(other.sha256);
    await expect(bob.page.getByTestId('notice')).toHaveCount(0);
    await expect(alice.page.getByTestId('notice')).toHaveCount(0);
    await bob.sees('film.mp4', 'failed');
  });
}

const SIZE = 64 * MiB;
/** Long ago: some systems keep the time of a change in whole seconds, and a test may make and change a file within one. */
const MODIFIED = new Date('2026-01-01T00:00:00Z');
const CHANGED = 'This file changed while it was being sent.';
const UNREADABLE = 'This file can no longer be read.';

/** A film that Alice offered and of which Bob has a part; he paused it. */
async function partly({ server, alice, bob, makeFile }: Pick<Fixtures, 'server' | 'alice' | 'bob' | 'makeFile'>) {
  const film = await makeFile('film.mp4', SIZE);
  await utimes(film.path, MODIFIED, MODIFIED);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path));
  await bob.acceptsPart('film.mp4', 10);
  return film;
}

async function overwrite({ path }: Made): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(100), 0, 100, SIZE - MiB);
  await file.close();
}

const fates: readonly [how: string, change: (film: Made) => Promise<void>, sentence: string][] = [
  ['changed', overwrite, CHANGED],
  ['shrank', ({ path }) => truncate(path, SIZE / 2), CHANGED],
  ['grew', ({ path }) => appendFile(path, 'more'), CHANGED],
  ['was deleted', ({ path }) => unlink(path), UNREADABLE],
  ['was moved', ({ path }) => rename(path, `${path}.old`), UNREADABLE],
];
for (const [how, change, sentence] of fates) {
  test(`a file that ${how} while it was being sent ends on both sides, with the reason`, async ({
    server,
    alice,
    bob,
    makeFile,
  }) => {
    const film = await partly({ server, alice, bob, makeFile });
    await change(film);
    // What he had asked for when he paused may have been read too late, and ended it already: then there is no button.
    await bob
      .incoming('film.mp4')
      .getByTestId('resume')
      .evaluateAll((buttons: HTMLElement[]) => buttons.forEach((button) => button.click()));
    await bob.sees('film.mp4', 'failed');
    await expect(bob.incoming('film.mp4')).toContainText(sentence);
    await expect(bob.incoming('film.mp4').getByRole('button')).toHaveCount(0);
    await alice.seesDelivery('film.mp4', 'failed');
    await expect(alice.outgoing('film.mp4').getByTestId('delivery')).toContainText(sentence);
    await expect.poll(() => bob.stagedFiles()).toEqual([]);
    await expect(bob.page.getByTestId('notice')).toHaveCount(0);
  });
}

const others: readonly [how: string, change: (film: Made) => Promise<void>][] = [
  ['shrank', ({ path }) => truncate(path, SIZE / 2)],
  ['grew', ({ path }) => appendFile(path, Buffer.alloc(MiB))],
];
for (const [how, change] of others) {
  test(`a file that ${how} before it is chosen again is another file, and comes out as it is now`, async ({
    server,
    alice,
    bob,
    makeFile,
  }) => {
    const film = await partly({ server, alice, bob, makeFile });
    await alice.page.reload();
    await bob.sees('film.mp4', 'interrupted');
    await change(film);
    await utimes(film.path, MODIFIED, MODIFIED);
    await alice.offer(film.path);
    await bob.sees('film.mp4', 'offered');
    await expect(bob.incoming('film.mp4').getByTestId('accept')).toHaveText('Accept');
    // The one that was cut off is not this one.
    await expect(alice.page.getByTestId('choose-again-file')).toHaveText(/^film\.mp4 67.1 MB$/);
    await bob.accept('film.mp4');
    expect(await bob.receives('film.mp4')).toBe((await digest(film.path)).sha256);
    await alice.seesDelivery('film.mp4', 'verified');
  });
}
