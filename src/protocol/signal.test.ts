import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyText, bytes, decoderRuns, deepJson, id, meddledJson, spoiltText } from '../testing/arbitraries.ts';
import { toBase64url } from './bytes.ts';
import {
  MAX_ICE_URLS,
  MAX_MESSAGE_BYTES,
  parseFromClient,
  parseFromServer,
  refusals,
  type FromClient,
  type FromServer,
  type Ice,
} from './signal.ts';

const box = bytes(1, 60).map(toBase64url);
const fromClient: fc.Arbitrary<FromClient> = fc.oneof(
  fc.record({ type: fc.constant('join' as const), room: id, peer: id, token: id }),
  fc.record({ type: fc.constant('join' as const), room: id, peer: id, token: id, door: id }),
  fc.record({ type: fc.constant('send' as const), to: id, box }),
  fc.record({ type: fc.constant('close-door' as const), closed: fc.boolean() }),
  fc.record({ type: fc.constant('drop' as const), peer: id }),
);
const secretText = fc.string({
  unit: fc.constantFrom('a', 'Z', '0', ':', '+', '/', '=', '-', '_', '!', '~'),
  minLength: 1,
  maxLength: 128,
});
const turnUrls = fc.array(
  fc.constantFrom('turn:turn.example', 'turns:192.0.2.1:443?transport=tcp', 'turn:[2001:db8::1]:3478?transport=udp'),
  { minLength: 1, maxLength: MAX_ICE_URLS },
);
const ice: fc.Arbitrary<Ice> = fc.record(
  {
    stun: fc.array(fc.constantFrom('stun:stun.example', 'stun:192.0.2.1:3478'), { maxLength: MAX_ICE_URLS }),
    turn: fc.record({ urls: turnUrls, username: secretText, credential: secretText }),
  },
  { requiredKeys: ['stun'] },
);
const fromServer: fc.Arbitrary<FromServer> = fc.oneof(
  fc.record({ type: fc.constant('joined' as const), peers: fc.array(id, { maxLength: 8 }) }),
  fc.record({ type: fc.constant('joined' as const), peers: fc.array(id, { maxLength: 8 }), ice }),
  fc.record({ type: fc.constant('ice' as const), ice }),
  fc.record({ type: fc.constantFrom('arrived', 'left'), peer: id }),
  fc.record({ type: fc.constant('box' as const), from: id, box }),
  fc.record({ type: fc.constant('refused' as const), code: fc.constantFrom(...refusals) }),
);

const anId = toBase64url(new Uint8Array(16));
const send = (boxed: string) => JSON.stringify({ type: 'send', to: anId, box: boxed });
const join = (fields: object) => JSON.stringify({ type: 'join', room: anId, peer: anId, token: anId, ...fields });

describe.each<[string, (text: string) => FromClient | FromServer | undefined, fc.Arbitrary<FromClient | FromServer>]>([
  ['from a client', parseFromClient, fromClient],
  ['from the server', parseFromServer, fromServer],
])('a message %s', (_, parse, valid) => {
  const expectMessageOrNothing = (text: string) => {
    const parsed = parse(text);
    if (parsed) expect(parse(JSON.stringify(parsed))).toEqual(parsed);
  };

  test('is parsed as it was sent', () => {
    const comesBack = fc.property(valid, (sent) => {
      expect(parse(JSON.stringify(sent))).toEqual(sent);
    });
    fc.assert(comesBack, decoderRuns);
  });

  test('is a message or nothing, whatever the text', () => {
    fc.assert(fc.property(anyText, expectMessageOrNothing), decoderRuns);
  });

  test('is another message or nothing when spoilt', () => {
    fc.assert(fc.property(spoiltText(valid.map((sent) => JSON.stringify(sent))), expectMessageOrNothing), decoderRuns);
  });

  test('is nothing with a wrong value or a key too many', () => {
    fc.assert(fc.property(meddledJson(valid), expectMessageOrNothing), decoderRuns);
  });

  test.each(['', 'null', '[]', '{"type":"join"}', deepJson(8_000), deepJson(100_000), '{"type":"toString"}'])(
    'is not %.30s',
    (text) => {
      expect(parse(text)).toBeUndefined();
    },
  );
});

test('a message of 16 KiB is taken, and one character more is not', () => {
  expect(parseFromClient(send('AA').padEnd(MAX_MESSAGE_BYTES))).toMatchObject({ box: 'AA' });
  expect(parseFromClient(send('AA').padEnd(MAX_MESSAGE_BYTES + 1))).toBeUndefined();
});

test('a box of 12 KiB is taken, and one character more is not', () => {
  expect(parseFromClient(send('A'.repeat(12 * 1024)))).toBeDefined();
  expect(parseFromClient(send('A'.repeat(12 * 1024 + 1)))).toBeUndefined();
  expect(parseFromClient(send(''))).toBeUndefined();
  expect(parseFromClient(send('AA='))).toBeUndefined();
});

test.each([
  { room: anId.slice(1) },
  { room: `${anId}A` },
  { peer: anId.replace(/A$/, 'B') },
  { token: 7 },
  { token: undefined },
  { door: '' },
  { door: null },
  { secret: anId },
])('a client may not join with %j', (fields) => {
  expect(parseFromClient(join(fields))).toBeUndefined();
});

test('a client may not say what only the server says, nor the server what only clients say', () => {
  expect(parseFromClient(JSON.stringify({ type: 'left', peer: anId }))).toBeUndefined();
  expect(parseFromServer(join({}))).toBeUndefined();
});

test('a server may name 64 others, and no more', () => {
  const joined = (count: number) => JSON.stringify({ type: 'joined', peers: Array<string>(count).fill(anId) });
  expect(parseFromServer(joined(64))).toBeDefined();
  expect(parseFromServer(joined(65))).toBeUndefined();
});

describe('a server may name', () => {
  const joined = (given: object) => parseFromServer(JSON.stringify({ type: 'joined', peers: [], ice: given }));
  const turn = { urls: ['turn:turn.example'], username: '1:a', credential: 'b' };

  test.each([
    'turn:turn.example',
    'turns:turn.example:5349',
    'turn:192.0.2.1:65535?transport=udp',
    'turn:[2001:db8::1]:3478?transport=tcp',
    'turn:localhost:1',
  ])('the TURN server %s', (url) => {
    expect(joined({ stun: [], turn: { ...turn, urls: [url] } })).toBeDefined();
  });

  test.each([
    'http://turn.example',
    'stun:turn.example',
    'TURN:turn.example',
    'turn:',
    'turn:turn.example:0',
    'turn:turn.example:65536',
    'turn:turn.example:080',
    'turn:user@turn.example',
    'turn://turn.example',
    'turn:turn.example/path',
    'turn:turn.example?transport=tls',
    'turn:turn.example?transport=udp&x=1',
    'turn:turn..example',
    'turn:-turn.example',
    'turn:turn example',
    'turn:turn.example\n',
    `turn:${'a'.repeat(252)}`,
    7,
  ])('no TURN server %j', (url) => {
    expect(joined({ stun: [], turn: { ...turn, urls: [url] } })).toBeUndefined();
  });

  test.each<[string, object]>([
    ['TURN without a user name', { stun: [], turn: { urls: turn.urls, credential: 'b' } }],
    ['TURN without a password', { stun: [], turn: { ...turn, credential: '' } }],
    ['TURN with no URL', { stun: [], turn: { ...turn, urls: [] } }],
    ['a user name with a line break', { stun: [], turn: { ...turn, username: 'a\nb' } }],
    ['a long password', { stun: [], turn: { ...turn, credential: 'b'.repeat(129) } }],
    ['too many TURN servers', { stun: [], turn: { ...turn, urls: Array(MAX_ICE_URLS + 1).fill(turn.urls[0]) } }],
    ['too many STUN servers', { stun: Array(MAX_ICE_URLS + 1).fill('stun:stun.example') }],
    ['STUN by TURN', { stun: ['turn:turn.example'] }],
    ['STUN over TLS', { stun: ['stuns:stun.example'] }],
    ['something else', { stun: [], policy: 'all' }],
  ])('not %s', (_, given) => {
    expect(joined(given)).toBeUndefined();
  });
});
