import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  anyText,
  bytes,
  decoderRuns,
  deepJson,
  meddledJson,
  signedMessage,
  spoiltBytes,
  spoiltText,
  unsignedMessage,
} from '../testing/arbitraries.ts';
import { expectBytes, expectFailure, valueOrFailure } from '../testing/expecting.ts';
import { concat, sha256, toBase64url, utf8, type Bytes } from './bytes.ts';
import { Failure } from './failure.ts';
import { KiB, MAX_CONTROL_BYTES, MAX_FILE_BYTES, MAX_FILES_PER_MESSAGE, MAX_PATH_CHARS } from './limits.ts';
import {
  decodeSigned,
  encodeSigned,
  offerHash,
  SIGNATURE_BYTES,
  signedJson,
  type OfferedFile,
  type SignedMessage,
} from './messages.ts';
import { decodeUnsigned, encodeUnsigned, isSigned } from './messages.ts';

const signature = new Uint8Array(SIGNATURE_BYTES).fill(1);
const HEADER_BYTES = 1 + SIGNATURE_BYTES;
const OFFER = 0x20;

const encode = (message: SignedMessage) => encodeSigned(message.type, signature, signedJson(message));
const headed = (json: string, type = OFFER) => concat(new Uint8Array([type]), signature, utf8(json));
const idOf = (seed: number) => toBase64url(new Uint8Array(16).fill(seed));

function expectUnsignedOrFailure(text: string): void {
  const decoded = valueOrFailure(() => decodeUnsigned(text));
  if (decoded instanceof Failure) expect(decoded.code).toBe('protocol');
  else expect(encodeUnsigned(decodeUnsigned(encodeUnsigned(decoded)))).toBe(encodeUnsigned(decoded));
}

function expectSignedOrFailure(message: Bytes): void {
  const decoded = valueOrFailure(() => decodeSigned(message));
  if (decoded instanceof Failure) {
    expect(decoded.code).toBe('protocol');
    return;
  }
  // What is verified and hashed is what came over the wire, and nothing of it is left out.
  expectBytes(concat(message.subarray(0, 1), decoded.signature, decoded.json), message);
  expectBytes(encode(decodeSigned(encode(decoded.message)).message), encode(decoded.message));
}

describe('unsigned messages', () => {
  test('what is encoded is decoded', () => {
    const comesBack = fc.property(unsignedMessage, (message) => {
      expect(isSigned(message)).toBe(false);
      expect(decodeUnsigned(encodeUnsigned(message))).toEqual(message);
    });
    fc.assert(comesBack, decoderRuns);
  });

  test('any text is a message or refused', () => {
    fc.assert(fc.property(anyText, expectUnsignedOrFailure), decoderRuns);
  });

  test('a spoilt message is another message or refused', () => {
    fc.assert(fc.property(spoiltText(unsignedMessage.map(encodeUnsigned)), expectUnsignedOrFailure), decoderRuns);
  });

  test('a message with a wrong value or a key too many is refused', () => {
    fc.assert(fc.property(meddledJson(unsignedMessage), expectUnsignedOrFailure), decoderRuns);
  });

  test.each([
    ['an unknown type', '{"type":"browse"}'],
    ['a type that needs a signature', JSON.stringify({ type: 'done', files: [{ fileId: idOf(1), root: 'x' }] })],
    ['no type', '{}'],
    ['an unknown key', '{"type":"bye","now":true}'],
    ['a key every object has', '{"type":"bye","constructor":1}'],
    ['a prototype', '{"type":"bye","__proto__":{}}'],
    ['a prototype deeper down', `{"type":"withdraw","fileIds":[{"__proto__":1}]}`],
    ['no file', '{"type":"withdraw","fileIds":[]}'],
    ['an id too short', `{"type":"withdraw","fileIds":["${idOf(1).slice(1)}"]}`],
    ['an id in another spelling', `{"type":"withdraw","fileIds":["${idOf(1).slice(0, -1)}R"]}`],
    ['a padded id', `{"type":"withdraw","fileIds":["${idOf(1).slice(0, -2)}=="]}`],
    ['a code that is not for files', `{"type":"failed","fileIds":["${idOf(1)}"],"code":"room-full"}`],
    ['a list for an object', '[]'],
    ['two values', '{"type":"bye"}{"type":"bye"}'],
    ['nothing', ''],
    ['depth', deepJson(30_000)],
    ['depth beyond the limit', deepJson(100_000)],
    ['depth inside a message', `{"type":"withdraw","fileIds":${deepJson(30_000)}}`],
  ])('%s is refused', (_, text) => {
    expectFailure(() => decodeUnsigned(text), 'protocol');
  });

  test('the longest message is taken, and one character more is not', () => {
    const text = encodeUnsigned({ type: 'bye' });
    expect(decodeUnsigned(text.padEnd(MAX_CONTROL_BYTES))).toEqual({ type: 'bye' });
    expectFailure(() => decodeUnsigned(text.padEnd(MAX_CONTROL_BYTES + 1)), 'protocol');
  });

  test('1,024 files are taken, and one more is not', () => {
    const withdraw = (count: number) => ({ type: 'withdraw' as const, fileIds: Array<string>(count).fill(idOf(1)) });
    const most = withdraw(MAX_FILES_PER_MESSAGE);
    expect(decodeUnsigned(encodeUnsigned(most))).toEqual(most);
    expectFailure(() => decodeUnsigned(encodeUnsigned(withdraw(MAX_FILES_PER_MESSAGE + 1))), 'protocol');
  });

  test('a message too long to be taken is not sent', () => {
    const fileIds = Array<string>(3_000).fill(idOf(1));
    expectFailure(() => encodeUnsigned({ type: 'withdraw', fileIds }), 'protocol');
  });
});

describe('signed messages', () => {
  const valid = signedMessage.map(encode);

  test('what is encoded is decoded, with the very bytes that were signed', () => {
    const comesBack = fc.property(signedMessage, bytes(SIGNATURE_BYTES), (message, signed) => {
      expect(isSigned(message)).toBe(true);
      const json = signedJson(message);
      const decoded = decodeSigned(encodeSigned(message.type, signed, json));
      expect(decoded.message).toEqual(message);
      expectBytes(concat(decoded.signature, decoded.json), concat(signed, json));
    });
    fc.assert(comesBack, decoderRuns);
  });

  test('any bytes are a message or refused', () => {
    const type = fc.integer({ min: OFFER - 1, max: OFFER + 4 });
    const anyHeaded = fc.oneof(
      bytes(0, 200),
      fc.tuple(anyText, type).map(([text, byte]) => headed(text, byte)),
    );
    fc.assert(fc.property(anyHeaded, expectSignedOrFailure), decoderRuns);
  });

  test('a spoilt message is another message or refused', () => {
    fc.assert(fc.property(spoiltBytes(valid), expectSignedOrFailure), decoderRuns);
  });

  test('a message with a wrong value or a key too many is refused', () => {
    const types = { offer: OFFER, accept: 0x21, done: 0x22, verified: 0x23 };
    const meddled = signedMessage.chain((message) => {
      const { type, ...fields } = message;
      return meddledJson(fc.constant(fields)).map((json) => headed(json, types[type]));
    });
    fc.assert(fc.property(meddled, expectSignedOrFailure), decoderRuns);
  });

  test('the longest message is sent and taken, and one byte more is neither', () => {
    const offer = { type: 'offer' as const, offerId: idOf(1), batch: idOf(2), files: [file({})] };
    const text = JSON.stringify({ offerId: offer.offerId, batch: offer.batch, files: offer.files });
    const json = utf8(text.padEnd(MAX_CONTROL_BYTES - HEADER_BYTES));
    expect(decodeSigned(encodeSigned('offer', signature, json)).message).toEqual(offer);
    expectFailure(() => encodeSigned('offer', signature, concat(json, utf8(' '))), 'protocol');
    expectFailure(() => decodeSigned(concat(headed(text), new Uint8Array(MAX_CONTROL_BYTES).fill(32))), 'protocol');
    expectFailure(() => decodeSigned(concat(encodeSigned('offer', signature, json), utf8(' '))), 'protocol');
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['a header alone', headed('')],
    ['a signature cut off', headed('').subarray(0, -1)],
    ['invalid UTF-8', concat(headed('{"offerId":"'), new Uint8Array([0xff]))],
    ['a byte order mark', concat(headed('\ufeff'), signedJson({ type: 'done', files: [] }))],
    ['depth', headed(deepJson(30_000))],
    ['depth beyond the limit', headed(deepJson(100_000))],
    ['a type byte of no message', headed('{}', 0x24)],
  ])('%s is refused', (_, message) => {
    expectFailure(() => decodeSigned(new Uint8Array(message)), 'protocol');
  });

  test('512 roots are taken, and one more is not', () => {
    const root = toBase64url(new Uint8Array(32));
    const done = (count: number) =>
      encode({ type: 'done', files: Array.from({ length: count }, () => ({ fileId: idOf(1), root })) });
    expect(decodeSigned(done(512)).message.type).toBe('done');
    expectFailure(() => decodeSigned(done(513)), 'protocol');
  });

  test('an offer is named by its bytes and its session', async () => {
    const th = new Uint8Array(32).fill(3);
    const json = utf8('{}');
    expect(await offerHash(th, json)).toEqual(await sha256(concat(th, json)));
  });
});

function file(fields: Partial<OfferedFile>): OfferedFile {
  return { fileId: idOf(1), path: 'a.txt', size: 1, type: 'text/plain', modified: 0, ...fields };
}

describe('an offered file', () => {
  const offerOf = (fileJson: string) => headed(`{"offerId":"${idOf(1)}","batch":"${idOf(2)}","files":[${fileJson}]}`);
  const decode = (fileJson: string) => decodeSigned(offerOf(fileJson)).message;

  test.each<[string, Partial<OfferedFile>]>([
    ['no byte', { size: 0 }],
    ['128 GiB', { size: MAX_FILE_BYTES }],
    ['the longest path', { path: 'a'.repeat(MAX_PATH_CHARS) }],
    ['the longest type', { type: 'a'.repeat(255) }],
    ['no type', { type: '' }],
    ['a date before 1970', { modified: -1 }],
    ['the largest date', { modified: Number.MAX_SAFE_INTEGER }],
    ['an emoji in its path', { path: '👩‍🚀.txt' }],
    ['a snippet of 64 KiB', { size: 64 * KiB, snippet: true }],
  ])('may have %s', (_, fields) => {
    expect(decode(JSON.stringify(file(fields)))).toMatchObject({ files: [file(fields)] });
  });

  test.each<[string, Partial<OfferedFile>]>([
    ['one byte over 128 GiB', { size: MAX_FILE_BYTES + 1 }],
    ['a size under nothing', { size: -1 }],
    ['half a byte', { size: 0.5 }],
    ['a size of 2^53', { size: 2 ** 53 }],
    ['a date of 2^53', { modified: 2 ** 53 }],
    ['no path', { path: '' }],
    ['a path too long', { path: 'a'.repeat(MAX_PATH_CHARS + 1) }],
    ['a torn surrogate in its path', { path: 'a\ud800' }],
    ['a torn surrogate in its type', { type: '\udfff' }],
    ['a type too long', { type: 'a'.repeat(256) }],
    ['a snippet over 64 KiB', { size: 64 * KiB + 1, snippet: true }],
    ['a snippet that is no plain text', { type: 'text/html', snippet: true }],
  ])('may not have %s', (_, fields) => {
    expectFailure(() => decode(JSON.stringify(file(fields))), 'protocol');
  });

  test.each(['1e309', '-1e309', 'NaN', 'null', '"1"', '9007199254740993', '[1]'])('may not have size %s', (size) => {
    expectFailure(() => decode(JSON.stringify(file({ size: 7 })).replace('"size":7', `"size":${size}`)), 'protocol');
  });

  test.each(['"snippet":false', '"snippet":null', '"__proto__":{}', '"hash":""', '"valueOf":1'])(
    'may not also say %s',
    (field) => {
      expectFailure(() => decode(JSON.stringify(file({})).replace('{', `{${field},`)), 'protocol');
    },
  );

  test.each(['-1', '4294967296', '0.5'])('may not be accepted under stream %s', (stream) => {
    const hash = toBase64url(new Uint8Array(32));
    const accept = `{"offers":[{"hash":"${hash}","files":[{"fileId":"${idOf(1)}","stream":${stream}}]}]}`;
    expectFailure(() => decodeSigned(headed(accept, 0x21)), 'protocol');
  });
});
