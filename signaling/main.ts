// The one process of a Doorstep: the built app, and the signaling server beside it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { attachSignaling, isSignalPath } from './server.ts';
import { serveStatic } from './static.ts';
import { ICE_HELP, iceFlags, iceSettings } from './turn.ts';

const HELP = `doorstep: the app and its signaling server
  --port N              port to listen on, 0 for any free one                (PORT, default 8080)
  --host H              address to listen on                                 (HOST, default 127.0.0.1)
${ICE_HELP}
  --help                this text`;

function settings() {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, host: { type: 'string' }, ...iceFlags, help: { type: 'boolean' } },
  });
  const port = values.port ?? process.env['PORT'] ?? '8080';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new Error(`--port wants a number up to 65535, not ${port}`);
  return {
    port: Number(port),
    host: values.host ?? process.env['HOST'] ?? '127.0.0.1',
    help: values.help ?? false,
    ice: iceSettings(values, process.env),
  };
}

function serve({ port, host, ice }: ReturnType<typeof settings>): void {
  // The server is built into build/, beside dist/.
  const http = createServer(serveStatic(fileURLToPath(new URL('../dist', import.meta.url))));
  const signaling = attachSignaling(http, { ice });
  http.on('upgrade', (request, stream) => {
    if (!isSignalPath(request)) stream.destroy();
  });
  http.on('error', (error) => {
    console.error(`Doorstep cannot listen on ${host}:${port}: ${error.message}`);
    process.exitCode = 1;
  });
  http.listen(port, host, () => {
    const name = host === '127.0.0.1' || host === '0.0.0.0' ? 'localhost' : host;
    console.log(`Doorstep is at http://${name}:${(http.address() as AddressInfo).port} (Ctrl-C stops it)`);
  });
  const stop = () => {
    signaling.close();
    http.close();
    http.closeAllConnections();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

try {
  const wanted = settings();
  if (wanted.help) console.log(HELP);
  else serve(wanted);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
