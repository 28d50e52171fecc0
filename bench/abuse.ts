// Crowds that mean harm against the real server, each kind for a while, honest people beside them: how long those take to
// join, and what memory is left behind.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { endure, kinds, Mob, WatchedServer } from '../e2e/hostile/crowd.ts';
import { round } from './measure.ts';

const MiB = 2 ** 20;
const WINDOW_MS = 62_000;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { seconds: { type: 'string', default: '15' } } });
  const ms = Number(values.seconds) * 1000;
  const server = await WatchedServer.start(['--empty-room-ms', '1000']);
  const mob = new Mob();
  try {
    for (const kind of kinds) await endure(server, 500, mob, kind);
    const calm = await endure(server, 3_000);
    const before = await server.memory();
    const results: object[] = [];
    for (const kind of kinds) {
      const { attacks, joins, p95Ms } = await endure(server, ms, mob, kind);
      await endure(server, 2_500);
      const after = await server.memory();
      const [held, resident] = [after.held / before.held, after.resident / before.resident].map((ratio) =>
        round(ratio),
      );
      const result = { kind, attacks, joins, joinP95Ms: round(p95Ms), heldRatio: held, residentRatio: resident };
      console.log(result);
      results.push(result);
    }
    // Addresses are counted for a minute.
    await sleep(WINDOW_MS);
    const after = await server.memory();
    const memory = { heldMiB: round(before.held / MiB), heldRatioAfter: round(after.held / before.held) };
    const calmJoinP95Ms = round(calm.p95Ms);
    console.log(JSON.stringify({ bench: 'abuse', up: server.isUp, calmJoinP95Ms, ...memory, kinds: results }));
  } finally {
    mob.stop();
    await server.stop();
  }
}
