// The STUN and TURN servers that clients are told of, and credentials for the latter by the scheme known as "TURN REST
// API" (coturn: use-auth-secret): user name `expiry:random`, password HMAC-SHA1 of it under a secret that only this server
// and the TURN server have. The scheme fixes SHA-1; what is asked of it is a MAC, which it still is.

import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Ice } from '../src/protocol/signal.ts';
import { BadSetting, type Settings } from './settings.ts';

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

/** Throws BadSetting, which says what is wrong, and never what the secret is. */
export function iceSettings({
  stunUrls,
  turnUrls,
  ...given
}: Pick<Settings, 'stunUrls' | 'turnUrls' | 'turnSecret' | 'turnSecretFile'>): IceSettings {
  const turnSecrets = secrets(given);
  if (turnUrls.length > 0 !== turnSecrets.length > 0) throw new BadSetting('TURN needs both --turn-urls and a secret');
  return { stunUrls, turnUrls, turnSecrets };
}

/** The file's, where there is one. */
function secrets({ turnSecret, turnSecretFile }: Pick<Settings, 'turnSecret' | 'turnSecretFile'>): string[] {
  const found = (turnSecretFile ? read(turnSecretFile) : turnSecret).split(/\s+/).filter(Boolean);
  if (found.some(({ length }) => length < MIN_SECRET_CHARS)) {
    throw new BadSetting(`a TURN secret must have at least ${MIN_SECRET_CHARS} characters`);
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new BadSetting(`--turn-secret-file cannot be read: ${error instanceof Error ? error.message : path}`);
  }
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
