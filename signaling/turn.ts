// The STUN and TURN servers that clients are told of, and credentials for the latter by the scheme known as "TURN REST
// API" (coturn: use-auth-secret): user name `expiry:random`, password HMAC-SHA1 of it under a secret that only this server
// and the TURN server have. The scheme fixes SHA-1; what is asked of it is a MAC, which it still is.

import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isStunUrl, isTurnUrl, MAX_ICE_URLS, type Ice } from '../src/protocol/signal.ts';

export interface IceSettings {
  readonly stunUrls: readonly string[];
  readonly turnUrls: readonly string[];
  /** The first mints. The others are what the TURN server still takes, so that both may read one list. */
  readonly turnSecrets: readonly string[];
}

export const noIce: IceSettings = { stunUrls: [], turnUrls: [], turnSecrets: [] };

/** How long credentials are good for. A TURN server looks at that when it is asked for something, see docs/deploy.md. */
export const TURN_SECONDS = 3_600;
/** Minted anew at half time, so that a dial never begins with credentials about to expire. */
export const RENEW_ICE_MS = (TURN_SECONDS / 2) * 1000;
const MIN_SECRET_CHARS = 16;

/** The flags of these settings, for parseArgs. */
export const iceFlags = {
  'stun-urls': { type: 'string' },
  'turn-urls': { type: 'string' },
  'turn-secret': { type: 'string' },
  'turn-secret-file': { type: 'string' },
} as const;

export const ICE_HELP = `  --stun-urls U         STUN servers named to browsers, with commas between  (STUN_URLS, default none)
  --turn-urls U         TURN servers likewise                                (TURN_URLS, default none)
  --turn-secret-file F  file with the secret shared with them, one a line    (TURN_SECRET_FILE)
  --turn-secret S       the secret itself                                    (TURN_SECRET)
                        Other users of this machine can read command lines: prefer
                        the file or the environment. Of several secrets the first
                        is used, so that the next one can be known to TURN servers
                        before it is`;

type Values = Readonly<Partial<Record<keyof typeof iceFlags, string>>>;

/** Flags before environment. Throws an Error that says what is wrong, and never what the secret is. */
export function iceSettings(values: Values, env: Readonly<Record<string, string | undefined>>): IceSettings {
  const stunUrls = urls(values['stun-urls'] ?? env['STUN_URLS'], 'STUN', isStunUrl);
  const turnUrls = urls(values['turn-urls'] ?? env['TURN_URLS'], 'TURN', isTurnUrl);
  const turnSecrets = secrets(values, env);
  if (turnUrls.length > 0 !== turnSecrets.length > 0) throw new Error('TURN needs both URLs and a secret');
  return { stunUrls, turnUrls, turnSecrets };
}

function urls(list: string | undefined, kind: string, is: (url: string) => boolean): string[] {
  const found = (list ?? '')
    .split(',')
    .map((url) => url.trim())
    .filter(Boolean);
  const wrong = found.find((url) => !is(url));
  if (wrong !== undefined) throw new Error(`not a ${kind} URL: ${wrong}`);
  if (found.length > MAX_ICE_URLS) throw new Error(`more than ${MAX_ICE_URLS} ${kind} URLs`);
  return found;
}

function secrets(values: Values, env: Readonly<Record<string, string | undefined>>): string[] {
  const file =
    values['turn-secret-file'] ?? (values['turn-secret'] === undefined ? env['TURN_SECRET_FILE'] : undefined);
  const text = file ? readFileSync(file, 'utf8') : (values['turn-secret'] ?? env['TURN_SECRET'] ?? '');
  const found = text.split(/\s+/).filter(Boolean);
  if (found.some(({ length }) => length < MIN_SECRET_CHARS)) {
    throw new Error(`a TURN secret has at least ${MIN_SECRET_CHARS} characters`);
  }
  return found;
}

/** What to tell somebody who joined; undefined when there is nothing. `nowMs`: milliseconds since 1970. */
export function mintIce({ stunUrls, turnUrls, turnSecrets }: IceSettings, nowMs: number): Ice | undefined {
  const [secret] = turnSecrets;
  const stun = [...stunUrls];
  if (!turnUrls.length || secret === undefined) return stun.length ? { stun } : undefined;
  return { stun, turn: { urls: [...turnUrls], ...turnCredentials(secret, Math.floor(nowMs / 1000) + TURN_SECONDS) } };
}

/** `expiry`: seconds since 1970. The random part keeps the quotas of different people apart and says nothing of them. */
export function turnCredentials(secret: string, expiry: number): { username: string; credential: string } {
  const username = `${expiry}:${randomBytes(9).toString('base64url')}`;
  return { username, credential: createHmac('sha1', secret).update(username).digest('base64') };
}
