// npm run bench -- <name> [options]: measures, side by side in one run, and prints JSON as the last line.

import { install, build, browser } from '../.ci/prepare.mjs';

const benches: Record<string, () => Promise<{ run(args: string[]): Promise<void> }>> = {
  abuse: () => import('./abuse.ts'),
  ed25519: () => import('./ed25519.ts'),
  connect: () => import('./connect.ts'),
  fanout: () => import('./fanout.ts'),
  many: () => import('./many.ts'),
  memory: () => import('./memory.ts'),
  secrets: () => import('./secrets.ts'),
  signaling: () => import('./signaling.ts'),
  transfer: () => import('./transfer.ts'),
  wan: () => import('./wan.ts'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = benches[name];
if (!load) {
  console.error(`Which bench? One of: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
install();
build();
await browser();
await (await load()).run(args);
process.exit();
