import { once } from 'node:events';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveStatic } from './static.ts';

const parent = mkdtempSync(join(tmpdir(), 'doorstep-'));
const folder = join(parent, 'dist');
let server: Server;
let origin: string;

beforeAll(async () => {
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Doorstep</title>');
  writeFileSync(join(folder, 'assets', 'app-1234.js'), 'export {};');
  writeFileSync(join(parent, 'secret.txt'), 'not for anybody');
  server = createServer(serveStatic(folder));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(parent, { recursive: true });
});

async function get(path: string) {
  const response = await fetch(`${origin}${path}`);
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

const policy = [
  ...[
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
  ],
  ...["worker-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ...["require-trusted-types-for 'script'", 'trusted-types svelte-trusted-html doorstep'],
];

test.each(['/', '/healthz', '/missing', '/assets/app-1234.js', '/%2e%2e/secret.txt', '/%'])(
  '%s comes with every guard the page needs',
  async (path) => {
    const { headers } = await get(path);
    expect(headers['content-security-policy']?.split('; ')).toEqual(policy);
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    const features = headers['permissions-policy']?.split(', ') ?? [];
    expect(features).toContain('camera=(self)');
    expect(features).toContain('clipboard-write=(self)');
    expect(features).toContain('microphone=()');
    expect(features.filter((feature) => !feature.endsWith('=()'))).toHaveLength(2);
  },
);

test('the page is asked for anew, and what is named by its content is kept', async () => {
  const page = await get('/');
  expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html;charset=utf-8' } });
  expect(page.headers['cache-control']).toBe('no-cache');
  expect(page.text).toContain('Doorstep');
  const asset = await get('/assets/app-1234.js');
  expect(asset).toMatchObject({ status: 200, text: 'export {};' });
  expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
});

test('its health is told in plain text', async () => {
  expect(await get('/healthz')).toMatchObject({ status: 200, text: 'ok\n', headers: { 'content-type': 'text/plain' } });
});

test.each(['/missing', '/assets/missing.js', '/secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets', '/%'])(
  '%s is not found',
  async (path) => {
    expect(await get(path)).toMatchObject({
      status: 404,
      text: 'not found\n',
      headers: { 'content-type': 'text/plain' },
    });
  },
);
