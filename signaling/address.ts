// What limits call "a client address": the network an address is of, hashed with a salt, so that nothing that is kept or
// shared names anybody.

import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** An IPv4 address whole, an IPv6 address as its /64: so much belongs to one household. Empty for what is neither. */
export function networkOf(text: string): string {
  const [address = ''] = text.trim().split('%');
  const kind = isIP(address);
  if (kind !== 6) return kind === 4 ? address : '';
  const groups = groupsOf(address);
  // IPv4 in IPv6, as a socket that takes both shows it.
  if (groups.slice(0, 6).join() === '0,0,0,0,0,65535') {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join('.');
  }
  return groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':');
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  // The URL parser writes every spelling, that with dots too, in one way.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const read = (part: string) => (part ? part.split(':').map((digits) => parseInt(digits, 16)) : []);
  const [left, right] = [read(head), read(tail ?? '')];
  const zeros = Array<number>(8 - left.length - right.length).fill(0);
  return [...left, ...zeros, ...right];
}

type Asked = Pick<IncomingMessage, 'headers'> & { readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'> };

/**
 * Whose request it is, as base64url of 32 bytes. `header`: the one header a proxy in front sets, of which the last
 * entry counts: the others may be the client's own invention. Empty, or nothing of use there: the socket's address.
 */
export function addressOf(request: Asked, header: string, salt: string): string {
  const told = header ? request.headers[header.toLowerCase()] : undefined;
  const last = [told].flat().at(-1)?.split(',').at(-1) ?? '';
  const network = networkOf(last) || networkOf(request.socket.remoteAddress ?? '');
  return hash('sha256', `${salt} ${network}`, 'base64url');
}
