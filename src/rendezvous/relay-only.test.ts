import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DialSignal } from '../protocol/dial-signal.ts';
import { hidden, hiddenCandidate, isAddressed, lookedAt } from './relay-only.ts';

const RELAYED = 'candidate:842163049 1 udp 41885439 198.51.100.7 49152 typ relay';
const fromChromium = `${RELAYED} raddr 203.0.113.9 rport 61000 generation 0 ufrag q7Rk network-id 3 network-cost 10`;

describe('of a relayed candidate', () => {
  test.each([
    ['as Chromium says it', fromChromium, `${RELAYED} raddr 0.0.0.0 rport 0 ufrag q7Rk`],
    [
      'as Firefox says it',
      'candidate:3 1 UDP 8265471 198.51.100.7 50001 typ relay raddr 203.0.113.9 rport 50001',
      'candidate:3 1 UDP 8265471 198.51.100.7 50001 typ relay raddr 0.0.0.0 rport 0',
    ],
    [
      'over IPv6',
      'candidate:3 1 udp 8265471 2001:db8::7 50001 typ relay raddr 2001:db8::99 rport 5',
      'candidate:3 1 udp 8265471 2001:db8::7 50001 typ relay raddr 0.0.0.0 rport 0',
    ],
    ['with nothing else', RELAYED, `${RELAYED} raddr 0.0.0.0 rport 0`],
  ])('the relay is all that is told: %s', (_, candidate, told) => {
    expect(hiddenCandidate(candidate)).toBe(told);
  });
});

const others = [
  'candidate:1 1 udp 2122260223 203.0.113.9 54321 typ host generation 0 ufrag q7Rk network-id 1',
  'candidate:1 1 udp 2122260223 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 54321 typ host',
  'candidate:1 1 tcp 1518280447 203.0.113.9 9 typ host tcptype active generation 0',
  'candidate:2 1 udp 1686052607 203.0.113.9 61000 typ srflx raddr 10.0.0.4 rport 54321',
  'candidate:2 1 udp 1686052607 203.0.113.9 61000 typ prflx raddr 10.0.0.4 rport 54321',
  'candidate:2 1 udp 1686052607 203.0.113.9 61000 typ host typ relay',
  'candidate:2 1 udp 1686052607 203.0.113.9 61000 typ relayed',
  'candidate:2 1 udp 1686052607 home.example 61000 typ relay raddr 0.0.0.0 rport 0',
  `candidate:1 1 udp 2122260223 203.0.113.9 54321 typ host ${RELAYED}`,
  '',
];

test.each(others)('no other candidate leaves: %s', (candidate) => {
  expect(hiddenCandidate(candidate)).toBeUndefined();
});

test('candidates leave without those, and with none left nothing does', () => {
  const at = { sdpMid: '0', sdpMLineIndex: 0 };
  const all = [...others, fromChromium].map((candidate) => ({ candidate, ...at }));
  expect(hidden({ kind: 'candidates', candidates: all })).toEqual({
    kind: 'candidates',
    candidates: [{ candidate: `${RELAYED} raddr 0.0.0.0 rport 0 ufrag q7Rk`, ...at }],
  });
  expect(hidden({ kind: 'candidates', candidates: all.slice(0, -1) })).toBeUndefined();
});

const description = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 203.0.113.9',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0',
  'm=application 54321 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP6 2001:db8::99',
  'a=rtcp:54322 IN IP4 203.0.113.9',
  ...others.slice(0, -1).map((candidate) => `a=${candidate}`),
  `a=${fromChromium}`,
  'a=ice-ufrag:q7Rk',
  'a=ice-options:trickle',
  'a=fingerprint:sha-256 20:01:0D:B8:99',
  'a=sctp-port:5000',
  '',
];

test('a description leaves with relayed candidates and no other address', () => {
  expect(hidden({ kind: 'offer', sdp: description.join('\r\n') })).toEqual({
    kind: 'offer',
    sdp: [
      'v=0',
      'o=- 4611731400430051336 2 IN IP4 0.0.0.0',
      's=-',
      't=0 0',
      'a=group:BUNDLE 0',
      'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
      'c=IN IP4 0.0.0.0',
      `a=${RELAYED} raddr 0.0.0.0 rport 0 ufrag q7Rk`,
      'a=ice-ufrag:q7Rk',
      'a=ice-options:trickle',
      'a=fingerprint:sha-256 20:01:0D:B8:99',
      'a=sctp-port:5000',
      '',
    ].join('\r\n'),
  });
});

test('however candidates are made up and lines are ended, the own address leaves in none', () => {
  const own = fc.constantFrom('203.0.113.9', '2001:db8::99', 'mine.local');
  const word = fc.constantFrom('1', '2', 'udp', 'tcp', 'typ', 'relay', 'host', 'srflx', 'raddr', 'rport', 'ufrag', '9');
  const candidate = fc
    .array(fc.oneof({ weight: 3, arbitrary: word }, own), { maxLength: 14 })
    .map((words) => ['candidate:1', ...words].join(' '));
  const nearly = own.map((address) => `candidate:1 1 udp 1 198.51.100.7 9 typ relay raddr ${address} rport 7`);
  const line = fc.oneof(
    candidate.map((text) => `a=${text}`),
    nearly.map((text) => `a=${text}`),
    own.map((address) => `c=IN IP4 ${address}`),
    own.map((address) => `o=- 1 2 IN IP6 ${address}`),
    own.map((address) => `a=rtcp:9 IN IP4 ${address}`),
  );
  const leaves = (signal: DialSignal) => JSON.stringify(hidden(signal) ?? '');
  const neverTold = fc.property(
    fc.array(line),
    fc.constantFrom('\r\n', '\n', '\r'),
    fc.array(fc.oneof(candidate, nearly)),
    (lines, end, candidates) => {
      const trickled = candidates.map((text) => ({ candidate: text, sdpMid: '0', sdpMLineIndex: 0 }));
      const told =
        leaves({ kind: 'answer', sdp: lines.join(end) }) + leaves({ kind: 'candidates', candidates: trickled });
      // Where a relay's address stands, one's own may stand only if it is the relay's.
      for (const [, address] of told.matchAll(/candidate:1 \d+ udp \d+ (\S+) \d+ typ relay/g)) {
        if (address !== '198.51.100.7') return;
      }
      expect(told).not.toMatch(/203\.0\.113\.9|2001:db8::99|mine\.local/);
    },
  );
  fc.assert(neverTold, { numRuns: 2_000 });
});

describe('of the other side', () => {
  test.each([
    [true, 'candidate:1 1 udp 2122260223 203.0.113.9 54321 typ host'],
    [true, 'candidate:1 1 tcp 1518280447 2001:db8::99 9 typ host tcptype active'],
    [true, fromChromium],
    [false, 'candidate:1 1 udp 2122260223 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 54321 typ host'],
    [false, 'candidate:1 1 udp 2122260223 who-asks.example 54321 typ srflx raddr 0.0.0.0 rport 0'],
    [false, 'candidate:1 1 udp 2122260223 1.2.3.4.example 54321 typ host'],
    [false, 'candidate:1 1 udp 2122260223 cafe 54321 typ host'],
  ])('addressed is %j: %s', (is, candidate) => {
    expect(isAddressed(candidate)).toBe(is);
  });

  test('no name is looked up', () => {
    const sdp = [...description, 'c=IN IP4 who-asks.example'].join('\r\n');
    const kept = description.filter((line) => !/\.local|\.example/.test(line));
    const unconnected = kept.map((line) => (line.startsWith('c=') ? 'c=IN IP4 0.0.0.0' : line));
    expect(lookedAt({ kind: 'answer', sdp })).toEqual({
      kind: 'answer',
      sdp: [...unconnected, 'c=IN IP4 0.0.0.0'].join('\r\n'),
    });
    const named = { candidate: others[1] ?? '', sdpMid: '0', sdpMLineIndex: 0 };
    expect(lookedAt({ kind: 'candidates', candidates: [named] })).toBeUndefined();
  });
});
