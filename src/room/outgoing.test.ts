import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KiB, MAX_FILE_BYTES, MAX_FILES_PER_PEER } from '../protocol/limits.ts';
import { decodeSigned, encodeSigned, SIGNATURE_BYTES, signedJson, type Message } from '../protocol/messages.ts';
import { expectFailure } from '../testing/expecting.ts';
import { aliceAndBob, Person, picked } from '../testing/people.ts';
import { hashInStep } from '../testing/scheduler.ts';

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

const alone = () => new Person('alice').outgoing;

test('nothing is no offer', () => {
  expectFailure(() => alone().add([]), 'empty-offer');
});

test('a file over 128 GiB is too large to offer', () => {
  const huge = (size: number) => {
    const image = picked('a.img');
    Object.defineProperty(image.file, 'size', { value: size });
    return image;
  };
  expectFailure(() => alone().add([huge(MAX_FILE_BYTES + 1)]), 'too-large');
  alone().add([huge(MAX_FILE_BYTES)]);
});

test('10,000 files fit the doorstep, and one more when another is withdrawn', () => {
  const outgoing = alone();
  outgoing.add(Array<ReturnType<typeof picked>>(MAX_FILES_PER_PEER).fill(picked('a.txt')));
  expectFailure(() => outgoing.add([picked('b.txt')]), 'too-many-files');
  outgoing.withdraw(outgoing.view()[0]?.id ?? '');
  outgoing.add([picked('b.txt')]);
});

const text = (content = 'words') => ({ ...picked('Text.txt', content), snippet: 'words' });

test('a text is offered as one, without its words', async () => {
  const { alice, bob, meeting } = await aliceAndBob();
  await alice.offer([text(), picked('a.txt')], 'bob');
  expect(alice.outgoing.view().map(({ snippet }) => snippet)).toEqual(['words', undefined]);
  const [offer] = await meeting.carryFrom(alice);
  expect(JSON.stringify(offer)).not.toContain('words');
  expect(offer).toMatchObject({ files: [{ path: 'Text.txt', type: 'text/plain', snippet: true }, { path: 'a.txt' }] });
  expect(bob.incoming.view().map(({ name, isText }) => [name, isText])).toEqual([
    ['Text.txt', true],
    ['a.txt', false],
  ]);
});

test('a text of more than 64 KiB is none, and a 31st in a minute waits for the next', () => {
  expectFailure(() => alone().add([text('a'.repeat(64 * KiB + 1))]), 'text-too-long');
  alone().add([text('a'.repeat(64 * KiB))]);
  const alice = new Person('alice');
  for (let i = 0; i < 30; i++) alice.outgoing.add([text()]);
  expectFailure(() => alice.outgoing.add([text()]), 'too-many-texts');
  alice.outgoing.add([picked('a.txt')]);
  alice.nowMs = 75_000;
  alice.outgoing.add([text()]);
});

/** An offer as the wire takes it. */
function filesSent(message: Message): number {
  if (message.type !== 'offer') return 0;
  const wire = encodeSigned('offer', new Uint8Array(SIGNATURE_BYTES), signedJson(message));
  expect(decodeSigned(wire).message).toEqual(message);
  return message.files.length;
}

test('however many files and however long their paths, every offer is one the other side takes', async () => {
  const path = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
    fc.constantFrom('"'.repeat(4_096), '\u0001'.repeat(4_096), '漢'.repeat(4_096), '👩'.repeat(2_048), 'a', '\ud800'),
  );
  const fit = fc.asyncProperty(fc.array(path, { minLength: 1, maxLength: 60 }), fc.nat(20), async (paths, repeat) => {
    const { alice, meeting } = await aliceAndBob();
    const files = Array.from({ length: repeat + 1 }, () => paths.map((each) => picked(each))).flat();
    await alice.offer(files, 'bob');
    const sizes = meeting.channelOf(alice).onTheWay.map(filesSent);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(files.length);
  });
  await fc.assert(fit, { numRuns: 30 });
});
