// What the server process says: nothing of anybody, at its most talkative, whatever is thrown at it.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocket, type ClientOptions } from 'ws';
import { Redis } from '../src/testing/redis.ts';
import { expect, test } from './fixtures.ts';

const id = () => randomBytes(16).toString('base64url');

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

/** The built server with these flags; everything it printed, to both streams. */
async function talkative(flags: readonly string[]) {
  const main = fileURLToPath(new URL('../build/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, '--port', '0', '--log', 'events', ...flags]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  await expect.poll(() => said).toContain('Doorstep is at ');
  const port = Number(/:(\d+) /.exec(said)?.[1]);
  const stop = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { port, said: () => said, stop };
}

/** Says these on one socket; resolves with everything it was answered, once it was `until`, or closed. */
async function converse(port: number, path: string, options: ClientOptions, says: readonly string[], until = 'never') {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  const heard: string[] = [];
  const over = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      heard.push(data.toString());
      if (data.toString().includes(until)) resolve();
    });
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
  });
  socket.on('open', () => says.forEach((text) => socket.send(text)));
  await over;
  return { socket, heard };
}

test('the server names nobody in what it prints or counts, at its most talkative', async () => {
  const redis = await Redis.start();
  const metricsPort = await freePort();
  const origin = 'https://canary-origin.example';
  const flags = ['--address-header', 'x-canary', '--origins', origin, '--redis', redis.url];
  const server = await talkative([...flags, '--metrics-port', String(metricsPort), '--joins-per-minute', '3']);
  const { port } = server;
  const canaries = {
    ...{ address: '198.51.100.77', address6: '2001:db8:ca:4a12::77', room: id(), peer: id(), other: id() },
    ...{ token: id(), door: id(), box: 'Q0FOQVJZ'.repeat(8), origin: 'canary-origin', evil: 'canary-evil' },
    ...{
      query: 'canary-query',
      path: 'canary-path',
      text: 'canary-text',
      agent: 'canary-agent',
      cookie: 'canary-cookie',
    },
  };
  const { room, peer, other, token, door, box } = canaries;
  const headers = { 'X-Canary': canaries.address, 'User-Agent': canaries.agent, Cookie: `a=${canaries.cookie}` };
  const from = { headers, origin };
  const join = (who: string, more = {}) => JSON.stringify({ type: 'join', room, peer: who, token, ...more });
  const send = JSON.stringify({ type: 'send', to: peer, box });

  const { socket } = await converse(port, `/signal?${canaries.query}`, from, [join(peer, { door })], 'joined');
  const talk = [
    join(other),
    send,
    JSON.stringify({ type: 'drop', peer }),
    JSON.stringify({ type: 'close-door', closed: true }),
  ];
  expect((await converse(port, '/signal', from, [...talk, canaries.text])).heard.at(-1)).toContain('bad-message');
  // Refusals of every kind that can be had at once, and what is no WebSocket, no message, no path.
  await converse(port, '/signal', { ...from, origin: `https://${canaries.evil}.example` }, [join(other)]);
  await converse(port, '/signal', from, [join(peer, { token: id() })]);
  await converse(port, '/signal', from, [join(other)]);
  await converse(port, '/signal', { ...from, headers: { 'X-Canary': canaries.address6 } }, ['x'.repeat(20_000)]);
  await converse(port, `/${canaries.path}?${canaries.query}`, from, []);
  for (const path of [`/${canaries.path}`, `/signal?${canaries.query}`, `/%${canaries.path}`]) {
    await (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).text();
  }
  const raw = connect(port, '127.0.0.1').resume();
  raw.end(`GET /${canaries.path} HTTP/1.1\r\n${canaries.text}\r\n\r\n`);
  await once(raw, 'close');
  await redis.kill();
  await expect.poll(() => server.said()).toContain('bus lost');
  await converse(port, '/signal', from, [join(other)]);
  const counted = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  socket.terminate();
  await server.stop();
  await redis.stop();

  const said = server.said();
  for (const line of ['opened', 'joined', 'relayed', 'closed', 'refused bad-message', 'refused other-origin']) {
    expect(said, line).toContain(` ${line}\n`);
  }
  for (const line of ['refused seat-taken', 'refused too-many-joins', 'refused unavailable'])
    expect(said).toContain(line);
  const spellings = (text: string) => {
    const hash = createHash('sha256').update(text).digest();
    return [text, hash.toString('hex'), hash.toString('base64url'), hash.subarray(0, 16).toString('base64url')];
  };
  for (const [what, canary] of Object.entries(canaries)) {
    for (const spelled of spellings(canary))
      for (const output of [said, counted]) expect(output, what).not.toContain(spelled);
  }
  // Nothing but words from the server's own list, beside the line that says where it is.
  const events = said
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('Doorstep is at '));
  for (const line of events)
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z (?:[a-z]+|refused [a-z-]+|bus (?:lost|back))$/);
  expect(counted).toMatch(/^doorstep_events_total\{event="relayed"\} 1$/m);
  expect(counted).toMatch(/^doorstep_sockets 1$/m);
  expect(counted).toMatch(/^doorstep_join_seconds_count [1-9]/m);
});

test('metrics are served on their own port, and by default nowhere', async () => {
  const metricsPort = await freePort();
  const quiet = await talkative([]);
  expect((await fetch(`http://127.0.0.1:${quiet.port}/metrics`)).status).toBe(404);
  const loud = await talkative(['--metrics-port', String(metricsPort)]);
  expect((await fetch(`http://127.0.0.1:${loud.port}/metrics`)).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${metricsPort}/`)).status).toBe(404);
  const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  expect(metrics.headers.get('content-type')).toContain('text/plain');
  expect(await metrics.text()).toContain('process_resident_memory_bytes');
  await Promise.all([quiet.stop(), loud.stop()]);
});
