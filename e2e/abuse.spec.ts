// Crowds that mean harm, a moment of each (`npm run bench -- abuse` takes longer): honest people go on meeting, nothing
// breaks, and what it cost is given back.

import { endure, kinds, Mob, WatchedServer } from './hostile/crowd.ts';
import { expect, test } from './fixtures.ts';

test('honest people meet through every kind of abuse, and its memory is given back', async () => {
  const server = await WatchedServer.start(['--empty-room-ms', '1000']);
  const mob = new Mob();
  try {
    // Code that was never run is compiled now, not in the middle of a measurement.
    for (const kind of kinds) await endure(server, 500, mob, kind);
    await endure(server, 2_500);
    const before = await server.memory();
    for (const kind of kinds) {
      const { attacks, joins, p95Ms } = await endure(server, 2_000, mob, kind);
      expect(attacks, kind).toBeGreaterThan(10);
      expect(joins, kind).toBeGreaterThan(3);
      expect(p95Ms, kind).toBeLessThan(500);
      expect(server.isUp, kind).toBe(true);
    }
    const heldAfter = async () => {
      await endure(server, 500);
      return (await server.memory()).held;
    };
    await expect.poll(heldAfter, { timeout: 20_000 }).toBeLessThan(1.1 * before.held);
  } finally {
    mob.stop();
    await server.stop();
  }
});
