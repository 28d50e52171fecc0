import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseFromServer } from '../src/protocol/signal.ts';
import { readSettings } from './settings.ts';
import { iceSettings, mintIce, noIce, TURN_SECONDS, turnCredentials } from './turn.ts';

const [SECRET, NEXT] = ['a secret of tests'.replaceAll(' ', '-'), 'the-next-secret-of-tests'];
const TURN = 'turn:turn.example:3478?transport=udp';
const NOW_MS = 1_800_000_000_000;

const folder = mkdtempSync(join(tmpdir(), 'doorstep-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function hmacSha1(secret: string, text: string): Promise<string> {
  const bytes = new TextEncoder();
  const key = await crypto.subtle.importKey('raw', bytes.encode(secret), { name: 'HMAC', hash: 'SHA-1' }, false, [
    'sign',
  ]);
  return Buffer.from(await crypto.subtle.sign('HMAC', key, bytes.encode(text))).toString('base64');
}

describe('credentials', () => {
  test('are expiry:random and its HMAC-SHA1 under the secret', async () => {
    const { username, credential } = turnCredentials(SECRET, 1_800_000_000);
    expect(username).toMatch(/^1800000000:[A-Za-z0-9_-]{12}$/);
    expect(credential).toBe(await hmacSha1(SECRET, username));
  });

  test('differ each time', () => {
    const minted = Array.from({ length: 100 }, () => turnCredentials(SECRET, 1).username);
    expect(new Set(minted).size).toBe(100);
  });

  test('are minted by the first secret, for an hour', async () => {
    const { turn } = mintIce({ stunUrls: [], turnUrls: [TURN], turnSecrets: [SECRET, NEXT] }, NOW_MS + 999) ?? {};
    expect(turn?.username.split(':')[0]).toBe(String(NOW_MS / 1000 + TURN_SECONDS));
    expect(turn?.credential).toBe(await hmacSha1(SECRET, turn?.username ?? ''));
  });
});

test('what is minted is what clients take', () => {
  const settings = { stunUrls: ['stun:stun.example'], turnUrls: [TURN, 'turns:turn.example'], turnSecrets: [SECRET] };
  const ice = mintIce(settings, NOW_MS);
  expect(ice).toMatchObject({ stun: ['stun:stun.example'], turn: { urls: [TURN, 'turns:turn.example'] } });
  expect(parseFromServer(JSON.stringify({ type: 'joined', peers: [], ice }))).toEqual({
    type: 'joined',
    peers: [],
    ice,
  });
});

/** What these flags and this environment set. */
function given(args: readonly string[], env: Record<string, string> = {}) {
  const settings = readSettings(args, env);
  if (settings === 'help') throw new Error('nobody asked for help');
  return iceSettings(settings);
}

test('without any settings nothing is named', () => {
  expect(mintIce(given([]), NOW_MS)).toBeUndefined();
  expect(given([], { STUN_URLS: '', TURN_URLS: ' ', TURN_SECRET: '' })).toEqual(noIce);
});

test('STUN needs no secret', () => {
  expect(mintIce(given(['--stun-urls', 'stun:a.example, stun:b.example:3478']), NOW_MS)).toEqual({
    stun: ['stun:a.example', 'stun:b.example:3478'],
  });
});

describe('the secret', () => {
  const file = join(folder, 'secrets');
  writeFileSync(file, `${SECRET}\n${NEXT}\n\n`);
  const both = [SECRET, NEXT];

  test.each<[string, Parameters<typeof given>, readonly string[]]>([
    ['in the environment', [[], { TURN_SECRET: both.join(' ') }], both],
    ['in a file', [['--turn-secret-file', file]], both],
    ['in a file that the environment names', [[], { TURN_SECRET_FILE: file }], both],
    ['on the command line, before the environment', [['--turn-secret', NEXT], { TURN_SECRET: SECRET }], [NEXT]],
    ['in a file, before any other', [['--turn-secret', 'x'.repeat(16)], { TURN_SECRET_FILE: file }], both],
  ])('may be %s', (_, [args, env], secrets) => {
    expect(given([...args, '--turn-urls', TURN], env).turnSecrets).toEqual(secrets);
  });

  test.each<[string, Parameters<typeof given>, RegExp]>([
    ['none', [['--turn-urls', TURN]], /both --turn-urls and a secret/],
    ['without a TURN server', [['--turn-secret', SECRET]], /both --turn-urls and a secret/],
    ['too short', [['--turn-urls', TURN], { TURN_SECRET: `${SECRET} hunter2` }], /at least 16/],
    ['in a file that is not there', [['--turn-urls', TURN, '--turn-secret-file', join(folder, 'none')]], /ENOENT/],
  ])('may not be %s', (_, [args, env], message) => {
    expect(() => given(args, env)).toThrow(message);
    expect(() => given(args, env)).not.toThrow(/hunter2|a-secret/);
  });
});

test.each([
  ['turn-urls', 'stun:a.example'],
  ['turn-urls', 'https://turn.example'],
  ['turn-urls', 'turn:turn.example?transport=sctp'],
  ['stun-urls', 'turn:turn.example'],
  ['stun-urls', 'stun:stun.example?transport=udp'],
  ['stun-urls', Array(9).fill('stun:a.example').join(',')],
])('--%s %s is refused', (flag, value) => {
  expect(() => given([`--${flag}`, value, '--turn-secret', SECRET])).toThrow(/must be up to 8 of/);
});
