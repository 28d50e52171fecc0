import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText, bytes, decoderRuns, deepJson, meddledJson, spoiltBytes } from '../testing/arbitraries.ts';
import { utf8, type Bytes } from './bytes.ts';
import { decodeBoxBody, encodeBoxBody, type Candidate, type DialSignal } from './dial-signal.ts';
import { KiB, MAX_CANDIDATE_BYTES, MAX_CANDIDATES_PER_DIAL } from './limits.ts';

const printable = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 });
const candidate: fc.Arbitrary<Candidate> = fc.record({
  candidate: printable.map((rest) => `candidate:${rest}`),
  sdpMid: fc.option(fc.string({ maxLength: 16 })),
  sdpMLineIndex: fc.option(fc.nat(7)),
});
const signal: fc.Arbitrary<DialSignal> = fc.oneof(
  fc.record({ kind: fc.constantFrom('offer', 'answer'), sdp: fc.string({ unit: 'binary', minLength: 1 }) }),
  fc.record({
    kind: fc.constant('candidates' as const),
    candidates: fc.array(candidate, { minLength: 1, maxLength: 4 }),
  }),
);

/** A bad signal is dropped; a good one is built afresh and can be sent on. */
function expectSignalOrNothing(body: Bytes): void {
  const decoded = decodeBoxBody(body);
  const again = decoded && decodeBoxBody(encodeBoxBody(decoded));
  expect(JSON.stringify(again)).toBe(JSON.stringify(decoded));
}

test('what is encoded is decoded', () => {
  const comesBack = fc.property(signal, (sent) => {
    expect(decodeBoxBody(encodeBoxBody(sent))).toEqual(sent);
  });
  fc.assert(comesBack, decoderRuns);
});

test('any bytes are a signal or nothing', () => {
  fc.assert(fc.property(fc.oneof(bytes(0, 100), anyText.map(utf8)), expectSignalOrNothing), decoderRuns);
});

test('a spoilt signal is another signal or nothing', () => {
  fc.assert(fc.property(spoiltBytes(signal.map(encodeBoxBody)), expectSignalOrNothing), decoderRuns);
});

test('a signal with a wrong value or a key too many is another signal or nothing', () => {
  fc.assert(fc.property(meddledJson(signal).map(utf8), expectSignalOrNothing), decoderRuns);
});

const plain: Candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 };
const longest = 'candidate:'.padEnd(MAX_CANDIDATE_BYTES, 'x');
const candidates = (...list: Candidate[]): DialSignal => ({ kind: 'candidates', candidates: list });

test.each<[string, DialSignal]>([
  ['the longest description', { kind: 'offer', sdp: 'v'.repeat(8 * KiB) }],
  ['the longest candidate', candidates({ ...plain, candidate: longest })],
  ['as many candidates as a dial has', candidates(...Array<Candidate>(MAX_CANDIDATES_PER_DIAL).fill(plain))],
  ['a candidate without a section', candidates({ ...plain, sdpMid: null, sdpMLineIndex: null })],
])('%s is taken', (_, sent) => {
  expect(decodeBoxBody(encodeBoxBody(sent))).toEqual(sent);
});

test.each<[string, DialSignal]>([
  ['an empty description', { kind: 'offer', sdp: '' }],
  ['a description too long', { kind: 'offer', sdp: 'v'.repeat(8 * KiB + 1) }],
  ['a candidate too long', candidates({ ...plain, candidate: `${longest}x` })],
  ['a candidate too many', candidates(...Array<Candidate>(MAX_CANDIDATES_PER_DIAL + 1).fill(plain))],
  ['no candidate', candidates()],
  ['a candidate with a line of its own', candidates({ ...plain, candidate: `${plain.candidate}\r\na=x` })],
  ['a candidate that is none', candidates({ ...plain, candidate: 'a=candidate:1' })],
  ['a section name too long', candidates({ ...plain, sdpMid: 'x'.repeat(17) })],
  ['a section that cannot be', candidates({ ...plain, sdpMLineIndex: 8 })],
])('%s is dropped', (_, sent) => {
  expect(decodeBoxBody(encodeBoxBody(sent))).toBeUndefined();
});

test.each([
  ['a renegotiation', '{"renegotiate":true}'],
  ['a transceiver', '{"transceiverRequest":{"kind":"video"}}'],
  ['a renegotiation among others', '{"kind":"offer","sdp":"v=0","renegotiate":true}'],
  ['a prototype', '{"kind":"offer","sdp":"v=0","__proto__":{"renegotiate":true}}'],
  ['an unknown kind', '{"kind":"pranswer","sdp":"v=0"}'],
  ['depth', deepJson(100_000)],
  ['nothing', ''],
])('%s is dropped', (_, text) => {
  expect(decodeBoxBody(utf8(text))).toBeUndefined();
});

test('invalid UTF-8 is dropped', () => {
  expect(decodeBoxBody(new Uint8Array([0x7b, 0xff, 0x7d]))).toBeUndefined();
});
