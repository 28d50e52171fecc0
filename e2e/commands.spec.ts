// The two commands people type, as they type them.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { expect, test } from './fixtures.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const STARTED = /^Doorstep is at (http:\/\/\S+) \(Ctrl-C stops it\)$/m;

/** Runs an npm script until the test ends; what it printed so far. */
class Command {
  readonly child: ChildProcess;
  output = '';

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    // A group of its own, as a terminal gives it: Ctrl-C goes to all of it.
    this.child = spawn('npm', args, { cwd: root, env: { ...process.env, NO_COLOR: '1', ...env }, detached: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text: Buffer) => (this.output += text.toString()));
    }
  }

  async prints(pattern: RegExp): Promise<string> {
    await expect.poll(() => pattern.exec(this.output)?.[1], { timeout: 30_000 }).toBeTruthy();
    return pattern.exec(this.output)?.[1] ?? '';
  }

  interrupt(): void {
    if (this.child.pid) process.kill(-this.child.pid, 'SIGINT');
  }

  async exitCode(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

/** Holds that app and signaling are both there. */
async function answers(url: string): Promise<void> {
  const page = await fetch(url);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<title>Doorstep')]);
  const socket = new WebSocket(new URL('/signal', url).href.replace('http', 'ws'));
  await once(socket, 'open');
  socket.close();
}

test('npm start serves on the port and host it is told, by flag or environment, and Ctrl-C stops it', async () => {
  const port = await freePort();
  const startedAt = Date.now();
  const byEnvironment = new Command(['start'], { PORT: String(port), HOST: 'localhost' });
  expect(await byEnvironment.prints(STARTED)).toBe(`http://localhost:${port}`);
  // Everything is built already when tests run: this is a second start.
  expect(Date.now() - startedAt).toBeLessThan(3_000);
  expect(byEnvironment.output.match(/Doorstep is at/g)).toHaveLength(1);
  await answers(`http://localhost:${port}/`);

  const other = await freePort();
  const byFlag = new Command(['start', '--', '--port', String(other), '--host', '127.0.0.1'], { PORT: String(port) });
  expect(await byFlag.prints(STARTED)).toBe(`http://localhost:${other}`);
  await answers(`http://127.0.0.1:${other}/`);

  for (const command of [byEnvironment, byFlag]) {
    const said = command.output;
    command.interrupt();
    await command.exitCode();
    // npm itself leaves by the signal; what it ran has nothing more to say and is gone.
    expect(command.output).toBe(said);
  }
  await expect.poll(() => fetch(`http://localhost:${port}/`).catch(() => 'gone')).toBe('gone');
});

test('npm start says what is wrong with a port', async () => {
  for (const port of ['none', '70000']) {
    const command = new Command(['start', '--', '--port', port]);
    expect(await command.exitCode()).not.toBe(0);
    expect(command.output).toContain(`--port must be a whole number from 0 to 65535, not ${port}`);
  }
  const port = await freePort();
  const first = new Command(['start', '--', '--port', String(port)]);
  await first.prints(STARTED);
  const second = new Command(['start', '--', '--port', String(port)]);
  expect(await second.exitCode()).not.toBe(0);
  expect(second.output).toContain(`Doorstep cannot listen on 127.0.0.1:${port}`);
  first.interrupt();
  await first.exitCode();
});

test('npm run dev serves the app from its sources, with signaling on the same port', async () => {
  const port = await freePort();
  const command = new Command(['run', 'dev'], { PORT: String(port) });
  try {
    await command.prints(/(http:\/\/localhost:\d+)/);
    await answers(`http://localhost:${port}/`);
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toContain('/@vite/client');
    expect((await fetch(`http://localhost:${port}/src/main.ts`)).status).toBe(200);
  } finally {
    command.interrupt();
    await command.exitCode();
  }
});
