// A receiver at the end of a thin line does not fill the sender's memory: what nobody has asked for is not read, and what
// the line does not take waits in the file.

import { Coturn } from './coturn.ts';
import { expect, test } from './fixtures.ts';
import { privateBytes, renderers } from './processes.ts';
import { Relay } from './relay.ts';
import { relayOnly } from './relayed.ts';

const MiB = 1024 * 1024;
const SIZE = 64 * MiB;
const BYTES_PER_SECOND = 64 * 1024;
const SECONDS = 30;
/** Windows, what is read ahead, and what the browser holds for the line. */
const MOST_BYTES = 48 * MiB;
/** From the tenth second on it only goes up and down. */
const SETTLED_SECONDS = 10;
const TREND_BYTES = 8 * MiB;

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

test('a receiver on a line of 64 KiB a second leaves the memory of the sender as it was', async ({
  server,
  invite,
  bob,
  makeFile,
}, testInfo) => {
  const profile = testInfo.outputPath('profile');
  const alice = await invite('alice', { profile });
  const coturn = await Coturn.start();
  const relay = await Relay.start({ to: coturn.port, bytesPerSecond: BYTES_PER_SECOND });
  try {
    for (const person of [alice, bob]) await relayOnly(person, Coturn.iceServer(relay.port));
    const film = await makeFile('film.mp4', SIZE);
    await alice.open(server.url);
    await bob.enter(alice, await alice.offer(film.path));
    await expect(await bob.personOf(alice)).toHaveAttribute('data-path', 'relayed');
    await bob.sees('film.mp4', 'offered');
    const pids = await renderers(profile);
    expect(pids.length).toBeGreaterThan(0);
    const memory = async () => sum(await Promise.all(pids.map(privateBytes)));
    const before = await memory();
    const passed = relay.upBytes;
    await bob.accept('film.mp4');
    await bob.sees('film.mp4', 'receiving');
    const grown: number[] = [];
    for (let second = 0; second < SECONDS; second++) {
      // Not a wait for something: time has to pass, for memory to grow in.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      grown.push((await memory()) - before);
    }
    const MiBs = grown.map((bytes) => Math.round((bytes / MiB) * 10) / 10);
    await testInfo.attach('grown', { body: JSON.stringify({ MiBs, relayedBytes: relay.upBytes - passed }) });
    await bob.sees('film.mp4', 'receiving');
    expect(relay.upBytes - passed, 'it was being sent').toBeGreaterThan((SECONDS * BYTES_PER_SECOND) / 4);
    expect(Math.max(...grown), `grown by, in MiB: ${MiBs.join(' ')}`).toBeLessThan(MOST_BYTES);
    const settled = grown.slice(SETTLED_SECONDS);
    const third = Math.floor(settled.length / 3);
    // The least of each: a lane that is tried, or garbage not yet collected, is a hill and no trend.
    const trend = Math.min(...settled.slice(-third)) - Math.min(...settled.slice(0, third));
    expect(trend, `grown by, in MiB: ${MiBs.join(' ')}`).toBeLessThan(TREND_BYTES);
  } finally {
    await relay.stop();
    await coturn.stop();
  }
});
