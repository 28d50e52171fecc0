import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BadSetting, defaults, helpText, readSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'doorstep-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file of settings; its path. */
function file(content: unknown): string {
  const path = join(folder, 'settings.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function problem(args: readonly string[], env: Record<string, string> = {}): string {
  try {
    readSettings(args, env);
  } catch (error) {
    if (error instanceof BadSetting) return error.message;
    throw error;
  }
  return '';
}

test('nothing set is every default', () => {
  expect(readSettings([], {})).toEqual(defaults);
  expect(defaults).toMatchObject({
    ...{ port: 8080, host: '127.0.0.1', origins: [], maxPeers: 8, maxRooms: 50_000 },
    ...{ socketsPerAddress: 20, joinsPerMinute: 30, roomsPerMinute: 10, messagesPerSecond: 20, messageBurst: 200 },
    ...{ firstMessageMs: 5_000, pingMs: 25_000, maxBufferedBytes: 256 * 1024, emptyRoomMs: 600_000 },
    ...{ roomMs: 24 * 60 * 60 * 1000, redis: '', metricsPort: 0, log: 'off' },
  });
});

describe('what is set', () => {
  test('by a flag wins over the environment, that over the file, that over the default', () => {
    const config = file({ 'max-peers': 5, 'max-rooms': 6, 'ping-ms': 7 });
    const env = { DOORSTEP_MAX_PEERS: '3', DOORSTEP_MAX_ROOMS: '4' };
    const read = readSettings(['--config', config, '--max-peers', '2'], env);
    expect(read).toEqual({ ...defaults, maxPeers: 2, maxRooms: 4, pingMs: 7 });
    expect(readSettings([], { ...env, DOORSTEP_CONFIG: config })).toMatchObject({ maxPeers: 3, pingMs: 7 });
  });

  test('may be a list, in a file as one', () => {
    const both = ['https://a.example', 'http://localhost:5173'];
    expect(readSettings(['--origins', both.join(', ')], {})).toMatchObject({ origins: both });
    expect(readSettings(['--config', file({ origins: both })], {})).toMatchObject({ origins: both });
    expect(readSettings(['--origins', ''], {})).toMatchObject({ origins: [] });
  });

  test('is port and host by the names everybody knows', () => {
    expect(readSettings([], { PORT: '0', HOST: '::1' })).toMatchObject({ port: 0, host: '::1' });
  });
});

describe('what cannot be is refused by its name:', () => {
  test.each<[readonly string[], Record<string, string>, string]>([
    [['--port', 'none'], {}, '--port must be a whole number from 0 to 65535, not none'],
    [['--port', '70000'], {}, '--port must be a whole number from 0 to 65535, not 70000'],
    [['--max-peers', '0'], {}, '--max-peers must be a whole number from 1 to 32, not 0'],
    [['--max-peers=-1'], {}, '--max-peers must be a whole number from 1 to 32, not -1'],
    [[], { PORT: '1e3' }, 'PORT must be a whole number from 0 to 65535, not 1e3'],
    [[], { DOORSTEP_PING_MS: '' }, 'DOORSTEP_PING_MS must be a whole number from 1 to 2147483647, not '],
    [[], { DOORSTEP_ORIGINS: 'here' }, 'DOORSTEP_ORIGINS must be origins like https://doorstep.example, not here'],
    [['--origins', 'https://a.example/'], {}, '--origins must be origins like https://doorstep.example, not '],
    [['--address-header', 'X Forwarded'], {}, '--address-header must be the name of a header, not X Forwarded'],
    [['--log', 'everything'], {}, '--log must be one of off, events, not everything'],
    [['--colour'], {}, "Unknown option '--colour'"],
    [['--port'], {}, "'--port <value>' argument missing"],
    [['8080'], {}, "Unexpected argument '8080'"],
    [['--config', '/nowhere/settings.json'], {}, '--config /nowhere/settings.json cannot be read: ENOENT'],
  ])('%j %j', (args, env, said) => {
    expect(problem(args, env)).toContain(said);
  });

  test.each<[unknown, string]>([
    ['{', 'cannot be read'],
    [[], 'must hold one JSON object'],
    ['null', 'must hold one JSON object'],
    [{ colour: 'red' }, 'colour in '],
    [{ port: true }, 'port in '],
    [{ origins: [1] }, 'origins in '],
    [{ port: 1.5 }, ' must be a whole number from 0 to 65535, not 1.5'],
  ])('a file of %j', (content, said) => {
    expect(problem(['--config', file(content)])).toContain(said);
  });

  test('a URL with a password, without repeating it', () => {
    expect(problem(['--redis', 'http://:hunter2@host'])).toBe('--redis must be redis://…');
  });
});

test('the help names every setting, its variable and its default', () => {
  expect(readSettings(['--help', '--port', 'none'], {})).toBe('help');
  const help = helpText();
  for (const name of Object.keys(defaults)) {
    expect(help).toContain(`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} `);
  }
  expect(help).toContain('(PORT, default 8080)');
  expect(help).toContain('(DOORSTEP_JOINS_PER_MINUTE, default 30)');
  expect(help).toContain('(DOORSTEP_REDIS, default none)');
});
