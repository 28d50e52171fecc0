import { expect, test } from 'vitest';
import { addressOf, networkOf } from './address.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  [' 192.0.2.1 ', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0db8:0001:0002::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['1::2:3:4:5:6:7', '1:0:2:3'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
  ['', ''],
  ['unknown', ''],
  ['192.0.2.1:443', ''],
  ['[2001:db8::1]', ''],
  ['999.0.2.1', ''],
])('%j is of the network %j', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test('an address is known by a hash that needs the salt, and is not in it', () => {
  const request = { headers: {}, socket: { remoteAddress: '192.0.2.1' } };
  const [one, other] = ['one', 'other'];
  expect(addressOf(request, '', one)).toMatch(/^[\w-]{43}$/);
  expect(addressOf(request, '', one)).toBe(addressOf(request, 'x-real-ip', one));
  expect(addressOf(request, '', one)).not.toBe(addressOf(request, '', other));
});
