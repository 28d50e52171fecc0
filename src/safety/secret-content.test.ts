import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPublicPem, secretIn, secretOf } from './secret-content.ts';
import { holdsSeedPhrase } from './seed-phrase.ts';
import type { SecretKind } from './secrets.ts';

// Put together here, so that nothing that looks like a secret lies in the tree.
const CHARS = 'q7Xm2KdR9vTz4LbW8cNf3HgY6pJs5';
const chars = (length: number) => CHARS.repeat(9).slice(0, length);
const hex = (length: number) => '3b9f0c71e5a24d86'.repeat(9).slice(0, length);
const upper = (length: number) => 'Q7XM2KDRVTZ4LBW3CNF'.repeat(9).slice(0, length);
const pem = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;

test.each<[SecretKind, string, string]>([
  ['pem-key', 'a key', pem('PRIVATE KEY', chars(64))],
  [
    'pem-key',
    'an encrypted old key',
    pem('RSA PRIVATE KEY', `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES,12\n\n${chars(64)}`),
  ],
  ['pem-key', 'an OpenSSH key', pem('OPENSSH PRIVATE KEY', `${chars(70)}\n${chars(30)}`)],
  ['pem-key', 'a PGP key', pem('PGP PRIVATE KEY BLOCK', `Version: 1\n\n${chars(64)}`)],
  ['pem-key', 'a key in JSON', `{"private_key": "${pem('PRIVATE KEY', chars(64)).replaceAll('\n', '\\n')}"}`],
  ['pem-key', 'a key in YAML', pem('EC PRIVATE KEY', chars(64)).replaceAll(/^/gm, '    ')],
  ['cloud-token', 'AWS', `aws_access_key_id = AKIA${upper(16)}`],
  ['cloud-token', 'AWS', `AWS_SECRET_ACCESS_KEY="${chars(40)}"`],
  ['cloud-token', 'Google', `key=AIza${chars(35)}`],
  ['cloud-token', 'Azure', `DefaultEndpointsProtocol=https;AccountKey=${chars(86)}==;`],
  ['forge-token', 'GitHub', `token: ghp_${chars(36)}`],
  ['forge-token', 'GitLab', `https://oauth2:glpat-${chars(20)}@x`],
  ['forge-token', 'npm', `//registry.npmjs.org/:_authToken=npm_${chars(36)}`],
  ['forge-token', 'PyPI', `password = pypi-AgE${chars(80)}`],
  ['payment-key', 'Stripe', `sk_live_${chars(24)}`],
  ['service-token', 'Slack', `xoxb-730194682516-${chars(24)}`],
  ['service-token', 'OpenAI', `OPENAI_API_KEY=sk-proj-${chars(60)}`],
  ['signed-token', 'a JWT', `Authorization: Bearer eyJ${chars(20)}.eyJ${chars(40)}.${chars(43)}`],
  ['private-key', 'age', `AGE-SECRET-KEY-1${upper(58)}`],
  ['private-key', 'WireGuard', `[Interface]\nPrivateKey = ${chars(43)}=\n`],
  ['private-key', 'a JWK', `{"kty":"EC","x":"a","d":"${chars(43)}"}`],
  ['private-key', 'PuTTY', 'PuTTY-User-Key-File-3: ssh-ed25519\n'],
  ['database-dump', 'a dump', '-- MySQL dump 10.13\n\nCREATE TABLE a;\nINSERT INTO a VALUES (1);'],
  ['passwords', 'an export of passwords', 'name,url,username,password\nx,y,z,w\n'],
  ['password', 'an address', `postgres://app:${chars(12)}@db.internal.net/app`],
  ['seed-phrase', 'a phrase', 'ribbon velvet dinner ocean slam nephew trade clog puzzle hybrid garment sting'],
])('%s is found: %s', (kind, _, text) => {
  expect(secretIn(text)).toBe(kind);
  expect(secretIn(`first line\n\n${text}\nlast line`)).toBe(kind === 'passwords' ? undefined : kind);
});

test.each([
  ['a certificate', pem('CERTIFICATE', chars(200))],
  ['a public key', pem('PUBLIC KEY', chars(64))],
  ['a placeholder for a key', pem('PRIVATE KEY', '...')],
  ['a key of one letter', pem('PRIVATE KEY', 'A'.repeat(64))],
  ['the mention of one', 'It begins with -----BEGIN PRIVATE KEY----- and you must never send it.'],
  ['the example of AWS', ['AKIA', 'IOSFODNN7EXAMPLE'].join('')],
  ['a token of one letter', `ghp_${'x'.repeat(36)}`],
  ['a variable', 'token: ${GITHUB_TOKEN}, AWS_SECRET_ACCESS_KEY=$SECRET'],
  ['hashes', `sha512-${chars(86)}== ${hex(64)} ${hex(40)}`],
  ['the database at home', 'postgres://postgres:postgres@localhost:5432/app'],
  ['class names', 'task-sk-folding-cube-with-a-name-of-very-many-words-indeed'],
  ['a sentence', 'we could then also wish for much more open time than they have there this year'],
  ['an ordered list', 'abandon ability able about above absent absorb abstract absurd abuse access accident'],
  ['the schema of a database', '-- PostgreSQL database dump\nCREATE TABLE a (b int);'],
])('nothing is found in %s', (_, text) => {
  expect(secretIn(text)).toBeUndefined();
});

const phrase = 'ribbon velvet dinner ocean slam nephew trade clog puzzle hybrid garment sting'.split(' ');

test.each([
  ['with capitals', phrase.map((word) => word.toUpperCase()).join(' ')],
  ['as a list', phrase.map((word, i) => `${i + 1}. ${word}`).join('\n')],
  ['in columns', phrase.map((word, i) => `${i + 1}) ${word}${i % 3 === 2 ? '\n' : '\t'}`).join('')],
  ['in JSON', JSON.stringify({ mnemonic: phrase.join(' ') })],
  ['as an array', JSON.stringify(phrase)],
  ['with its name', `My seed phrase: ${phrase.join(' ')}.`],
  [
    'twice as long',
    `${phrase.join(' ')} abandon broom kitten lemon museum orbit parrot quantum raven saddle tunnel zebra`,
  ],
  ['called one, of 13 words', `recovery: ${phrase.join(' ')} abandon`],
])('a seed phrase is known %s', (_, text) => {
  expect(holdsSeedPhrase(text)).toBe(true);
});

test.each([
  ['too short', phrase.slice(0, 11).join(' ')],
  ['of 13 words', `${phrase.join(' ')} abandon`],
  ['with a word of no list', phrase.with(5, 'the').join(' ')],
  ['over and over the same', Array(12).fill('ocean').join(' ')],
  ['apart', phrase.join(' = ')],
])('no seed phrase: %s', (_, text) => {
  expect(holdsSeedPhrase(text)).toBe(false);
});

test('what is read says it better than a name', () => {
  expect(secretOf('tls/fullchain.pem', pem('CERTIFICATE', chars(64)))).toBeUndefined();
  expect(secretOf('tls/server.pem', pem('CERTIFICATE', chars(64)) + pem('PRIVATE KEY', chars(64)))).toBe('pem-key');
  expect(secretOf('server.key', 'whatever')).toBe('private-key-name');
  expect(secretOf('notes.txt', pem('PRIVATE KEY', chars(64)))).toBe('pem-key');
  expect(secretOf('.env', 'A=1')).toBe('environment');
  expect(isPublicPem('no PEM')).toBe(false);
});

test('no text makes it throw or hang', () => {
  const pieces = [
    '-----BEGIN PRIVATE KEY-----',
    'eyJ',
    '.',
    '-',
    'AAAA',
    '"d":"',
    '{"kty":',
    'aws secret',
    '://a:',
    '@',
    '1 ',
  ];
  const nasty = fc
    .array(fc.tuple(fc.constantFrom(...pieces, ...phrase), fc.integer({ min: 1, max: 400 })), { maxLength: 40 })
    .map((parts) => parts.map(([piece, times]) => piece.repeat(times)).join(''));
  fc.assert(
    fc.property(fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 2_000 })), (text) => {
      secretIn(text.slice(0, 65_536));
    }),
    { numRuns: 200 },
  );
});
