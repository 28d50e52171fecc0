// The one process of a Doorstep: the built app, and the signaling server beside it.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { attachSignaling, isSignalPath } from './server.ts';
import { BadSetting, helpText, readSettings, type Settings } from './settings.ts';
import { serveStatic } from './static.ts';
import { iceSettings } from './turn.ts';

/** How long somebody may take to say what they want: sockets that never do are let go. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 2_000 };

/** How long the start waits for Redis. */
const REDIS_MS = 3_000;

async function serve(settings: Settings): Promise<void> {
  const { port, host, log, redis, metricsPort, metricsHost } = settings;
  // The server is built into build/, beside dist/.
  const http = createServer(TIMEOUTS, serveStatic(fileURLToPath(new URL('../dist', import.meta.url))));
  const print = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
  // Loaded where it is used: most servers are alone.
  const shared = redis ? await import('./redis-bus.ts') : undefined;
  let isReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const signaling = attachSignaling(http, settings, {
    ice: iceSettings(settings),
    print: log === 'events' ? print : undefined,
    ...(shared && { openBus: (events) => new shared.RedisBus(redis, events, isReady) }),
  });
  const servers: Server[] = [http];
  http.on('upgrade', (request, stream) => {
    if (!isSignalPath(request)) stream.destroy();
  });
  http.on('error', (error) => {
    console.error(`Doorstep cannot listen on ${host}:${port}: ${error.message}`);
    process.exitCode = 1;
    stop();
  });
  const stop = () => {
    signaling.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  if (metricsPort) {
    try {
      servers.push(await signaling.metrics.serve(metricsPort, metricsHost));
    } catch (error) {
      console.error(`Doorstep cannot serve metrics on ${metricsHost}:${metricsPort}: ${String(error)}`);
      process.exitCode = 1;
      stop();
      return;
    }
  }
  // The first to come should find it; while Redis is away everybody is at least told so.
  if (shared) await Promise.race([ready, sleep(REDIS_MS, undefined, { ref: false })]);
  http.listen(port, host, () => {
    const name = host === '127.0.0.1' || host === '0.0.0.0' ? 'localhost' : host;
    console.log(`Doorstep is at http://${name}:${(http.address() as AddressInfo).port} (Ctrl-C stops it)`);
  });
}

/** Where it broke, and not with what: a message may repeat what somebody sent. */
function crash(error: unknown): void {
  const where = error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
  console.error([`Doorstep broke: ${error instanceof Error ? error.name : typeof error}`, ...where].join('\n'));
  process.exit(1);
}

process.on('uncaughtException', crash);
try {
  const settings = readSettings(process.argv.slice(2), process.env);
  if (settings === 'help') console.log(helpText());
  else await serve(settings);
} catch (error) {
  if (!(error instanceof BadSetting)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
