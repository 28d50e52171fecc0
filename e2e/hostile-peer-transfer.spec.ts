// A member with no manners moves files: sends what nobody asked for, or something else than it said; takes what was not
// given to it, or again and again. What breaks the protocol ends the link; what is only wrong ends the file.

import { noise } from '../src/testing/noise.ts';
import { randomBytes, sha256, toBase64url, concat, type Bytes } from '../src/protocol/bytes.ts';
import { encodeData, encodeDiffers, encodeHave, encodeRequest } from '../src/protocol/frames.ts';
import { KiB, MiB } from '../src/protocol/limits.ts';
import { rootOf } from '../src/transfer/manifest.ts';
import { note, expect, test, type House } from './hostile/besieged.ts';
import { offered, type Said, type Visit } from './hostile/peer.ts';

const SIZE = 100 * KiB;
const content = noise(SIZE);
const wrong = new Uint8Array(32).fill(7);

/** Somebody came in, offered a file under that name, and was told that it is wanted. */
async function isWanted(house: House, name: string, size = SIZE, key?: Parameters<House['comesIn']>[0]) {
  const visit = await house.comesIn(key);
  const { files } = await visit.offers({ path: name, size });
  // Rows move whenever somebody else is cut off: a mouse might miss.
  const accept = house.alice.incoming(name).getByTestId('accept');
  await expect(accept).toBeEnabled();
  await accept.evaluate((button: HTMLButtonElement) => button.click());
  const stream = await visit.accepted(files[0].fileId);
  await visit.asked(stream);
  return { visit, file: files[0], stream };
}

test('bytes that were not asked for cut off whoever sends them', async ({ house }) => {
  const hash = await sha256(content);
  type Sent = (stream: number, visit: Visit) => readonly Said[];
  const whole: Sent = (stream, visit) => visit.frameOf(stream, 0, content, hash);
  const cases: Record<string, Sent> = {
    'a stream nobody chose': (stream) => [encodeData(stream ^ 1, 0, 0, hash, content.subarray(0, 64 * KiB))],
    'a piece that was not asked for': (stream) => [encodeData(stream, 1, 0, hash, content.subarray(0, 64 * KiB))],
    'a piece far beyond the end': (stream) => [encodeData(stream, 0xffff_ffff, 0, hash, content.subarray(0, 16 * KiB))],
    'bytes past the end of the file': (stream) => [
      encodeData(stream, 0, 96 * KiB, hash, content.subarray(0, 16 * KiB)),
    ],
    'bytes far past it': (stream) => [encodeData(stream, 0, 0x8000_0000, hash, content.subarray(0, 16 * KiB))],
    'a byte past it': (stream) => [encodeData(stream, 0, 96 * KiB, hash, content.subarray(0, 4 * KiB + 1))],
    'bytes between the lines': (stream) => [encodeData(stream, 0, 100, hash, content.subarray(0, 16 * KiB))],
    'bytes that end between the lines': (stream) => [encodeData(stream, 0, 0, hash, content.subarray(0, 100))],
    'the same bytes twice': (stream) =>
      Array<Bytes>(2).fill(encodeData(stream, 0, 0, hash, content.subarray(0, 64 * KiB))),
    'a whole file, and more of it': (stream, visit) => [...whole(stream, visit), ...whole(stream, visit)],
    'no bytes': (stream) => [encodeData(stream, 0, 16 * KiB, hash, new Uint8Array())],
    text: () => ['hello'],
    nothing: () => [new Uint8Array()],
    'an unknown frame': () => [new Uint8Array([0x14, 0, 0, 0, 0])],
    'as much as a browser sends': () => [new Uint8Array(256 * KiB)],
    'a piece that differs and was not held': (stream) => [encodeDiffers(stream, [0])],
    'a request for what is being sent': (stream) => [
      encodeRequest(stream, 0, 0xffff_ffff),
      encodeRequest(stream, 5, 5),
    ],
  };
  let count = 0;
  await house.each(cases, async (what, sent) => {
    const name = `unasked ${++count}.bin`;
    const { visit, stream } = await isWanted(house, name);
    await visit.say(sent(stream, visit), 'data');
    await house.isCutOff(what, visit);
    await house.alice.sees(name, 'interrupted');
  });
  const early = await house.comesIn();
  const { files } = await early.offers({ path: 'no yes yet.bin', size: SIZE });
  await house.alice.sees('no yes yet.bin', 'offered');
  await early.say(
    encodeData(Number.parseInt(files[0].fileId, 36) >>> 0, 0, 0, hash, content.subarray(0, 64 * KiB)),
    'data',
  );
  await house.isCutOff('bytes before any yes', early);
  const torn = await isWanted(house, 'two roots.bin');
  for (const root of [wrong, hash])
    await torn.visit.says('done', { files: [{ fileId: torn.file.fileId, root: toBase64url(root) }] });
  await house.isCutOff('two roots for one file', torn.visit);
});

test('a file that is not what its sender says comes to nothing, and its sender stays', async ({ house }) => {
  const { alice } = house;
  const hash = await sha256(content);
  const root = await rootOf(SIZE, hash);
  const done = (visit: Visit, fileId: string, said: Bytes) =>
    visit.says('done', { files: [{ fileId, root: toBase64url(said) }] });

  const liar = await isWanted(house, 'another root.bin');
  await liar.visit.say(liar.visit.frameOf(liar.stream, 0, content, hash), 'data');
  await done(liar.visit, liar.file.fileId, wrong);
  await alice.sees('another root.bin', 'failed');
  expect((await liar.visit.until('why', () => liar.visit.heard('failed'))).code).toBe('hash-mismatch');
  await house.isStillHere('who named another root', liar.visit);

  const careless = await isWanted(house, 'another hash.bin');
  const spoilt = careless.visit.frameOf(careless.stream, 0, content, wrong);
  await careless.visit.say(spoilt, 'data');
  await careless.visit.until(
    'a second asking',
    () => careless.visit.frames.filter(({ kind }) => kind === 'request').length === 2,
  );
  await careless.visit.say(spoilt, 'data');
  await alice.sees('another hash.bin', 'failed');
  await house.isStillHere('who sent other bytes twice', careless.visit);

  const short = await isWanted(house, 'too few.bin');
  await short.visit.say(short.visit.frameOf(short.stream, 0, content, hash).slice(0, 1), 'data');
  await done(short.visit, short.file.fileId, root);
  await house.isStillHere('who sent too few bytes', short.visit);
  await expect(alice.incoming('too few.bin')).toHaveAttribute('data-state', 'receiving');
  await expect(alice.incoming('too few.bin').getByTestId('save')).toHaveCount(0);
  await short.visit.leaves();
  await alice.sees('too few.bin', 'interrupted');
  for (const name of ['another root.bin', 'another hash.bin', 'too few.bin']) {
    await expect(alice.incoming(name).getByTestId('save')).toHaveCount(0);
  }
});

test('frames of a cancelled file are dropped and not punished, up to what was asked for', async ({ house }) => {
  const { alice } = house;
  const bytes = noise(MiB);
  const hash = await sha256(bytes);
  const { visit, stream } = await isWanted(house, 'cancelled.bin', 2 * MiB);
  const frames = visit.frameOf(stream, 0, bytes, hash);
  await visit.say(frames.slice(0, 12), 'data');
  // Asked for once little of the first is still to come.
  await visit.asked(stream, 1);
  await alice.incoming('cancelled.bin').getByTestId('cancel').click();
  await visit.until('the cancel', () => visit.heard('cancel'));
  await visit.say([...frames.slice(12), ...visit.frameOf(stream, 1, bytes, hash)], 'data');
  await visit.says('done', { files: [{ fileId: visit.heard('cancel')?.fileIds[0] ?? '', root: toBase64url(wrong) }] });
  await house.isStillHere('who had frames on their way', visit);
  await expect.poll(() => alice.stagedFiles()).toEqual([]);
  await visit.say([...frames, ...frames, ...frames], 'data');
  await house.isCutOff('more than was ever asked for', visit);
});

test('who comes back with other pieces than before gets nothing saved as whole', async ({ house }) => {
  const { alice } = house;
  house.keeps = true;
  const pieces = [noise(MiB), noise(MiB, 1_000), noise(MiB, 2_000)];
  const hashes = await Promise.all(pieces.map(sha256));
  const size = 3 * MiB;
  const names = ['others.bin', 'not held.bin'];
  const visit = await house.comesIn({ name: 'comes back' });
  const { files } = await visit.offers({ path: 'others.bin', size }, { path: 'not held.bin', size });
  for (const file of files) {
    await alice.accept(file.path);
    const stream = await visit.accepted(file.fileId);
    for (const piece of [0, 1]) {
      await visit.asked(stream, piece);
      await visit.say(visit.frameOf(stream, piece, pieces[piece] ?? content, hashes[piece] ?? wrong), 'data');
    }
    await alice.hasReceived(file.path, 66);
  }
  const { key } = visit.manners;
  await visit.leaves();
  for (const name of names) await alice.sees(name, 'interrupted');
  await alice.page.reload();
  await house.isInAgain();
  const again = await house.comesIn({ name: 'comes back', key });
  const offer = await again.offers({ path: 'others.bin', size }, { path: 'not held.bin', size });
  const [others, notHeld] = offer.files;
  const resumed = async ({ fileId, path }: { fileId: string; path: string }) => {
    expect(await alice.resumesPart(path)).toBe(66);
    const stream = await again.accepted(fileId);
    await again.asked(stream, 2);
    return stream;
  };
  await again.say(again.frameOf(await resumed(others), 2, pieces[2] ?? content, hashes[2] ?? wrong), 'data');
  const root = await rootOf(size, concat(wrong, ...hashes.slice(1)));
  await again.says('done', { files: [{ fileId: others.fileId, root: toBase64url(root) }] });
  await alice.sees(others.path, 'failed');
  await again.say(encodeDiffers(await resumed(notHeld), [2]), 'data');
  await house.isCutOff('a piece that differs and was not held', again);
  await alice.sees(notHeld.path, 'interrupted');
  for (const name of names) await expect(alice.incoming(name).getByTestId('save')).toHaveCount(0);
  await alice.incoming(notHeld.path).getByTestId('discard').click();
  await expect.poll(() => alice.stagedFiles()).toEqual([]);
});

/** An accept as JSON. */
const accepting = (hash: string, fileId: string, stream: number, resume?: true) => ({
  offers: [{ hash, files: [{ fileId, stream, ...(resume && { resume }) }] }],
});

test('a yes that is old, altered or somebody else’s brings no byte', async ({ house }) => {
  const neighbour = await house.comesIn();
  const theirs = await neighbour.offered(note.name);
  const visit = await house.comesIn();
  const before = await visit.offered(note.name);
  // The same file has another id for each of them (C7).
  expect(before.file.fileId).not.toBe(theirs.file.fileId);
  const old = await visit.signed('accept', JSON.stringify(accepting(before.hash, before.file.fileId, 1)));
  const { key } = visit.manners;
  await visit.leaves();
  await expect(house.listed(visit)).toHaveAttribute('data-state', 'gone');

  const again = await house.comesIn({ key });
  const now = await again.offered(note.name);
  expect(now.file.fileId).toBe(before.file.fileId);
  expect(now.hash).not.toBe(before.hash);
  const altered = `${now.hash.startsWith('A') ? 'B' : 'A'}${now.hash.slice(1)}`;
  const yeses: Record<string, object> = {
    'an offer of an earlier session': accepting(before.hash, before.file.fileId, 1),
    'an offer that was never made': accepting(altered, now.file.fileId, 2),
    'the offer to somebody else': accepting(theirs.hash, theirs.file.fileId, 3),
    'somebody else’s file in my offer': accepting(now.hash, theirs.file.fileId, 4),
    'a file that does not exist': accepting(now.hash, offered({}).fileId, 5),
  };
  for (const yes of Object.values(yeses)) await again.says('accept', yes);
  await again.say(
    [1, 2, 3, 4, 5].map((stream) => encodeRequest(stream, 0, 1)),
    'data',
  );
  await house.isStillHere('who says yes to nothing', again);
  // What never gets its accept is a breach in the end.
  await house.isCutOff(Object.keys(yeses).join(', '), again);
  expect(again.frames, Object.keys(yeses).join(', ')).toEqual([]);
  expect(again.dataBytes).toBe(0);

  const replaying = await house.comesIn();
  await replaying.offered(note.name);
  await replaying.say(old);
  await house.isCutOff('word for word', replaying);
  expect(replaying.dataBytes).toBe(0);
  await expect(house.alice.outgoing(note.name).locator('[data-state=sending]')).toHaveCount(0);
});

test('requests that are not a receiver’s to make cut it off', async ({ house }) => {
  const { alice } = house;
  type Asks = (visit: Visit, file: { hash: string; file: { fileId: string } }) => Promise<unknown>;
  const served = async (visit: Visit, { hash, file }: { hash: string; file: { fileId: string } }) => {
    await visit.says('accept', accepting(hash, file.fileId, 7));
    await visit.say(encodeRequest(7, 0, 1), 'data');
    await visit.until('the done', () => visit.heard('done'));
  };
  const root = (value: Bytes) => toBase64url(value);
  const cases: Record<string, Asks> = {
    'past the end of the file': async (visit, { hash, file }) => {
      await visit.says('accept', accepting(hash, file.fileId, 7));
      await visit.say(encodeRequest(7, 0, 2), 'data');
    },
    'four thousand million pieces': async (visit, { hash, file }) => {
      await visit.says('accept', accepting(hash, file.fileId, 7));
      await visit.say(encodeRequest(7, 0, 0xffff_ffff), 'data');
    },
    'more than a thousand before any yes': (visit) => visit.say(encodeRequest(7, 0, 1), 'data', 1_100),
    'a have nobody spoke of': async (visit, { hash, file }) => {
      await visit.says('accept', accepting(hash, file.fileId, 7));
      await visit.say(encodeHave(7, 0, wrong), 'data');
    },
    'a have past the end': async (visit, { hash, file }) => {
      await visit.says('accept', accepting(hash, file.fileId, 7, true));
      await visit.say(encodeHave(7, 1, wrong), 'data');
    },
    'verified before it was done': async (visit, { hash, file }) => {
      await visit.says('accept', accepting(hash, file.fileId, 7));
      await visit.says('verified', { files: [{ fileId: file.fileId, root: root(wrong) }] });
    },
    'verified with another root': async (visit, file) => {
      await served(visit, file);
      await visit.says('verified', { files: [{ fileId: file.file.fileId, root: root(wrong) }] });
    },
    'a stream used again': async (visit, { hash, file }) => {
      await visit.says('accept', accepting(hash, file.fileId, 7));
      await visit.say(JSON.stringify({ type: 'cancel', fileIds: [file.fileId] }));
      const second = await visit.offered('second.txt');
      await visit.says('accept', accepting(second.hash, second.file.fileId, 7));
    },
  };
  await alice.offer({ name: 'second.txt', mimeType: 'text/plain', buffer: Buffer.from(randomBytes(1000)) });
  await house.each(cases, async (what, asks) => {
    const visit = await house.comesIn();
    await asks(visit, await visit.offered(note.name));
    await house.isCutOff(what, visit);
    expect(visit.dataBytes, what).toBeLessThan(2 * note.buffer.length);
  });
});

test('the same piece asked for again and again ends the file, and its receiver may stay', async ({ house }) => {
  const visit = await house.comesIn();
  const { hash, file } = await visit.offered(note.name);
  await visit.says('accept', accepting(hash, file.fileId, 7));
  const most = 2 * file.size + 64 * MiB;
  const times = Math.ceil(most / file.size) + 1;
  await visit.say(encodeRequest(7, 0, 1), 'data', times);
  const { code } = await visit.until('the end of it', () => visit.heard('failed'));
  expect(code).toBe('asked-too-often');
  const delivery = house.alice.outgoing(note.name).locator(`[data-peer="${visit.key.slice(0, 8)}"]`);
  await expect(delivery).toHaveAttribute('data-state', 'failed');
  expect(visit.dataBytes).toBeLessThan(most);
  const sent = visit.dataBytes;
  await visit.say(encodeRequest(7, 0, 1), 'data', 100);
  await house.isStillHere('who asked too often', visit);
  expect(visit.dataBytes - sent, 'what was on its way').toBeLessThan(2 * MiB);
});

test('a yes and then never a read: nothing piles up, and others are served meanwhile', async ({ house, makeFile }) => {
  const { alice, carol } = house;
  const film = await makeFile('film.mp4', 96 * MiB);
  const visit = await house.comesIn();
  await alice.offer(film.path);
  const { hash, file } = await visit.offered('film.mp4');
  const before = await house.memory();
  await visit.says('accept', accepting(hash, file.fileId, 7));
  await visit.say(encodeRequest(7, 0, 96), 'data');
  await visit.until('some of it', () => visit.dataBytes > MiB);
  await house.whileItSleeps(async () => {
    await carol.accept(note.name);
    await carol.sees(note.name, 'verified');
    await expect(house.listed(visit)).not.toHaveAttribute('data-state', 'ready', { timeout: 60_000 });
    expect((await house.memory()) - before).toBeLessThan(50 * MiB);
  });
});
