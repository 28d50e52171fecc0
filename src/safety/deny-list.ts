// Files a person does not want, by their SHA-256: a list as `sha256sum` writes it, or as threat feeds give it.

import type { Scanner } from './scanner.ts';

export const MAX_DENIED = 100_000;
/** Longest list that is read, in bytes: as many lines as that, with long names behind them. */
export const MAX_DENY_LIST_BYTES = 32 * 1024 * 1024;

/** SHA-256 of what comes bit by bit. The browser's own wants all of it at once. */
export interface RunningHash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/**
 * Reads a list: a hash in hex to a line; what follows it on its line, empty lines and lines that begin with `#` are
 * passed over. The hashes in lower case, each once; or the number of the first line, from 1 on, that is none of these or
 * one too many.
 */
export function parseDenyList(text: string): { readonly hashes: string[] } | { readonly badLine: number } {
  const hashes = new Set<string>();
  for (const [i, line] of text
    .replace(/^\uFEFF/u, '')
    .split(/\r\n|\r|\n/u)
    .entries()) {
    if (/^\s*(?:#|$)/u.test(line)) continue;
    const [, hash] = /^\s*\\?([0-9a-f]{64})(?:[\s,;*]|$)/iu.exec(line) ?? [];
    if (hash) hashes.add(hash.toLowerCase());
    if (!hash || hashes.size > MAX_DENIED) return { badLine: i + 1 };
  }
  return { hashes: [...hashes] };
}

/** Finds files whose SHA-256, in lower-case hex, is in the list. `newHash`: a SHA-256 that has seen nothing yet. */
export function denyListScanner(hashes: ReadonlySet<string>, newHash: () => RunningHash): Scanner {
  return {
    wants: () => hashes.size > 0,
    begin: () => {
      const hash = newHash();
      return {
        add: (bytes) => void hash.update(bytes),
        end: () => {
          const hex = Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
          return hashes.has(hex) ? 'This very file is on your list of files you do not want.' : undefined;
        },
      };
    },
  };
}
