import { expect, test } from 'vitest';
import { sha256, toHex } from '../protocol/bytes.ts';
import { failureOf } from '../testing/expecting.ts';
import { fingerprintIn, ownCertificate, theirCertificate, type Certified } from './certificate.ts';

const hex = 'ab'.repeat(32);
const line = `a=fingerprint:sha-256 ${hex.toUpperCase().match(/../g)?.join(':') ?? ''}`;

const certified = (sdp: string, certificates?: readonly Uint8Array<ArrayBuffer>[]): Certified => ({
  remoteDescription: { sdp },
  sctp: {
    transport: certificates ? { getRemoteCertificates: () => certificates.map(({ buffer }) => buffer) } : {},
  },
});

test('the certificate a connection was made with counts, whatever the description says', async () => {
  const der = new TextEncoder().encode('a certificate');
  expect(await theirCertificate(certified(line, [der]))).toEqual(await sha256(der));
});

test('where the browser does not show it, a description with one SHA-256 fingerprint does', async () => {
  expect(toHex(await theirCertificate(certified(`v=0\r\n${line}\r\ns=-\r\n`)))).toBe(hex);
});

test.each([
  ['no certificate', certified(line, [])],
  ['two certificates', certified(line, [new Uint8Array(1), new Uint8Array(2)])],
  ['no description', { ...certified(''), remoteDescription: null }],
])('%s proves nothing', async (_, connection) => {
  await expect(theirCertificate(connection)).rejects.toEqual(failureOf('authentication-failed'));
});

test.each([
  ['none', ''],
  ['two', `${line}\r\n${line}\r\n`],
  ['another beside it', `${line}\r\na=fingerprint:sha-1 AB:CD\r\n`],
  ['another kind', 'a=fingerprint:sha-1 AB:CD'],
  ['one too short', line.slice(0, -3)],
  ['one with more after it', `${line}:AB`],
])('a description with %s is not believed', (_, sdp) => {
  expect(() => fingerprintIn(sdp)).toThrow(failureOf('authentication-failed'));
});

test("one's own certificate has the fingerprint the browser says", () => {
  const own = (fingerprints: RTCDtlsFingerprint[]) =>
    ownCertificate({ expires: 0, getFingerprints: () => fingerprints });
  const value = line.slice(line.indexOf(' ') + 1);
  expect(
    toHex(
      own([
        { algorithm: 'sha-1', value: 'AB' },
        { algorithm: 'sha-256', value },
      ]),
    ),
  ).toBe(hex);
  expect(() => own([{ algorithm: 'sha-1', value }])).toThrow(failureOf('unsupported-browser'));
});
