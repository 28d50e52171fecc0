// Every setting of the server in one table: its flag, environment variable, key in a file and line of the help come from
// here, and whoever adds a setting adds one line. A flag wins over the environment, that over the file, that over the
// default.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isStunUrl, isTurnUrl, MAX_ICE_URLS, MAX_PEERS } from '../src/protocol/signal.ts';

interface Setting<T> {
  /** What a value is counted in, or looks like; part of the help. */
  readonly unit: string;
  readonly default: T;
  readonly says: string;
  /** Its environment variable, where that is not DOORSTEP_ and the flag's name. */
  readonly env?: string;
  /** May hold a password: what was given is not repeated. */
  readonly isSecret?: boolean;
  /** The value of a text; a sentence's end ("must be …") for what is none. */
  readonly parse: (text: string) => { readonly value: T } | string;
}

function whole(fallback: number, unit: string, says: string, range: { min?: number; max?: number } = {}) {
  const { min = 1, max = 2 ** 31 - 1 } = range;
  return {
    ...{ unit, default: fallback, says },
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? { value } : `must be a whole number from ${min} to ${max}`;
    },
  } satisfies Setting<number>;
}

function word(fallback: string, unit: string, says: string, fits: RegExp, otherwise: string) {
  return {
    ...{ unit, default: fallback, says },
    parse: (text: string) => (text === '' || fits.test(text) ? { value: text } : otherwise),
  } satisfies Setting<string>;
}

function list(unit: string, says: string, fits: RegExp, otherwise: string) {
  return {
    ...{ unit, default: [], says },
    parse: (text) => {
      const value = text.split(',').flatMap((part) => part.trim() || []);
      return value.every((part) => fits.test(part)) ? { value } : otherwise;
    },
  } satisfies Setting<readonly string[]>;
}

function urls(says: string, is: (url: string) => boolean, form: string) {
  return {
    ...{ unit: 'URL,…', default: [], says },
    parse: (text) => {
      const value = text.split(',').flatMap((part) => part.trim() || []);
      return value.length <= MAX_ICE_URLS && value.every(is) ? { value } : `must be up to ${MAX_ICE_URLS} of ${form}`;
    },
  } satisfies Setting<readonly string[]>;
}

function choice<const T extends string>(options: readonly [T, ...T[]], says: string) {
  const [first] = options;
  return {
    ...{ unit: options.join('|'), default: first, says },
    parse: (text) => {
      const value = options.find((option) => option === text);
      return value ? { value } : `must be one of ${options.join(', ')}`;
    },
  } satisfies Setting<T>;
}

/** The host of an address to listen on. */
const HOST = /^[\w.:-]+$/;
const MAX_PORT = 65_535;

const table = {
  port: { ...whole(8080, 'N', 'port to listen on, 0 for any free one', { min: 0, max: MAX_PORT }), env: 'PORT' },
  host: { ...word('127.0.0.1', 'HOST', 'address to listen on', HOST, 'must be a host'), env: 'HOST' },
  addressHeader: word(
    '',
    'NAME',
    'header in which the proxy in front names the client; empty: the socket’s own address',
    /^[\w-]+$/,
    'must be the name of a header',
  ),
  origins: list(
    'URL,…',
    'the only pages that may connect, as scheme://host[:port]; empty: any',
    /^[a-z][a-z0-9+.-]*:\/\/[^/,\s]+$/i,
    'must be origins like https://doorstep.example',
  ),
  maxPeers: whole(MAX_PEERS, 'N', 'seats in a room', { max: 32 }),
  maxRooms: whole(50_000, 'N', 'rooms in all'),
  emptyRoomMs: whole(600_000, 'ms', 'how long a room nobody is in keeps its door'),
  roomMs: whole(86_400_000, 'ms', 'how long any room lasts'),
  socketsPerAddress: whole(20, 'N', 'sockets of one client address (of one /64 in IPv6)'),
  joinsPerMinute: whole(30, 'N', 'joins of one client address in a minute'),
  roomsPerMinute: whole(10, 'N', 'new rooms of one client address in a minute'),
  messagesPerSecond: whole(20, 'N', 'messages of one socket in a second; what is over waits'),
  messageBurst: whole(200, 'N', 'messages of one socket at once'),
  firstMessageMs: whole(5_000, 'ms', 'until a socket that has not joined is closed'),
  pingMs: whole(25_000, 'ms', 'between two pings; a socket that missed one is closed'),
  maxBufferedBytes: whole(262_144, 'bytes', 'waiting for a socket that reads slowly, until it is closed'),
  redis: {
    ...word(
      '',
      'URL',
      'Redis that servers share; empty: this one is alone',
      /^rediss?:\/\/[^/\s]+(?:\/\d*)?$/,
      'must be redis://…',
    ),
    isSecret: true,
  },
  stunUrls: { ...urls('STUN servers named to browsers', isStunUrl, 'stun:host[:port]'), env: 'STUN_URLS' },
  turnUrls: { ...urls('TURN servers named to browsers', isTurnUrl, 'turn:host[:port] or turns:…'), env: 'TURN_URLS' },
  turnSecretFile: {
    ...word('', 'FILE', 'file with the secret shared with them, one a line; the first is used', /./, ''),
    env: 'TURN_SECRET_FILE',
  },
  turnSecret: {
    ...word('', 'SECRET', 'the secret itself; others here can read command lines: better in a file', /./, ''),
    ...{ env: 'TURN_SECRET', isSecret: true },
  },
  metricsPort: whole(0, 'N', 'port of /metrics for Prometheus, 0 for none', { min: 0, max: MAX_PORT }),
  metricsHost: word('127.0.0.1', 'HOST', 'address of /metrics', HOST, 'must be a host'),
  log: choice(['off', 'events'], 'what is printed while it runs: nothing, or what happened, never to whom'),
};

type Table = typeof table;
export type Settings = {
  readonly [Name in keyof Table]: Extract<ReturnType<Table[Name]['parse']>, object>['value'];
};
type Name = keyof Settings;

const names = Object.keys(table) as Name[];
const flagOf = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const settingOf = (name: Name): Setting<Settings[Name]> => table[name];
const envOf = (name: Name) => settingOf(name).env ?? `DOORSTEP_${flagOf(name).replaceAll('-', '_').toUpperCase()}`;

/** What holds where nothing was set. */
export const defaults = Object.fromEntries(names.map((name) => [name, table[name].default])) as unknown as Settings;

/** Something was set to what it cannot be. The message names it and says what it must be. */
export class BadSetting extends Error {}

/** The settings, or `help` alone. Throws BadSetting. `args`: the command line after the program's name. */
export function readSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings | 'help' {
  const flags = readFlags(args);
  if (flags['help']) return 'help';
  const path = flags['config'] ?? env['DOORSTEP_CONFIG'];
  const file = typeof path === 'string' ? readFile(path) : {};
  const read = (name: Name) => {
    const flag = flagOf(name);
    const given = [
      [`--${flag}`, flags[flag]],
      [envOf(name), env[envOf(name)]],
      [`${flag} in ${String(path)}`, file[flag]],
    ] as const;
    const [where, text] = given.find(([, value]) => value !== undefined) ?? [];
    if (where === undefined || typeof text !== 'string') return table[name].default;
    const parsed = settingOf(name).parse(text);
    if (typeof parsed !== 'string') return parsed.value;
    throw new BadSetting(`${where} ${parsed}${settingOf(name).isSecret ? '' : `, not ${text}`}`);
  };
  return Object.fromEntries(names.map((name) => [name, read(name)])) as unknown as Settings;
}

function readFlags(args: readonly string[]): Record<string, string | boolean | undefined> {
  const options = Object.fromEntries(
    [...names.map(flagOf), 'config'].map((flag) => [flag, { type: 'string' as const }]),
  );
  try {
    return parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean' } } }).values;
  } catch (error) {
    // Says which flag is unknown, or lacks its value.
    throw new BadSetting(error instanceof Error ? error.message : 'no such flag');
  }
}

/** The texts of a file's settings, by their flags. */
function readFile(path: string): Partial<Record<string, string>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new BadSetting(`--config ${path} cannot be read: ${error instanceof Error ? error.message : 'no JSON'}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new BadSetting(`--config ${path} must hold one JSON object`);
  }
  const flags = new Set(names.map(flagOf));
  const text = ([flag, value]: [string, unknown]) => {
    if (!flags.has(flag)) throw new BadSetting(`${flag} in ${path} is no setting`);
    if (typeof value === 'string' || typeof value === 'number') return [flag, String(value)];
    if (Array.isArray(value) && value.every((part) => typeof part === 'string')) return [flag, value.join(',')];
    throw new BadSetting(`${flag} in ${path} must be a text, a number or a list of texts`);
  };
  return Object.fromEntries(Object.entries(parsed).map(text)) as Partial<Record<string, string>>;
}

/** The text of --help: one paragraph a setting. */
export function helpText(): string {
  const lines = names.map((name) => {
    const { unit, says, default: value } = table[name];
    const otherwise = String(value) || 'none';
    return `  --${flagOf(name)} ${unit}\n      ${says} (${envOf(name)}, default ${otherwise})`;
  });
  return [
    'doorstep: the app and its signaling server',
    ...lines,
    '  --config FILE\n      a JSON object of these settings, each by the name of its flag (DOORSTEP_CONFIG)',
    '  --help\n      this text',
    'A flag wins over the environment, that over the file, that over the default.',
  ].join('\n');
}
