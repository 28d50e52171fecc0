import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toBase64url } from '../protocol/bytes.ts';
import { MAX_FILES_PER_PEER, MAX_OFFERS_PER_PEER, MiB } from '../protocol/limits.ts';
import type { MessageOf, OfferedFile } from '../protocol/messages.ts';
import { failureOf, settled } from '../testing/expecting.ts';
import { MemoryChannel, Person } from '../testing/people.ts';
import { hashInStep, settle } from '../testing/scheduler.ts';

beforeEach(hashInStep);
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

let count = 0;
const newId = () => toBase64url(new Uint8Array(new BigUint64Array([BigInt(++count), 0n]).buffer));
const fileOf = (fields: Partial<OfferedFile> = {}): OfferedFile => ({
  ...{ fileId: newId(), path: 'a.txt', size: 1, type: '', modified: 0 },
  ...fields,
});
const offerOf = (...files: OfferedFile[]): MessageOf<'offer'> => ({
  type: 'offer',
  offerId: newId(),
  batch: newId(),
  files,
});

/** Bob, and the channel on which he hears Alice. */
function bobAndAlice() {
  const bob = new Person('bob');
  const channel = new MemoryChannel('alice', 1);
  bob.incoming.personReady(channel);
  return { bob, channel, view: () => bob.incoming.view() };
}

describe('a file', () => {
  test('is shown under the name it would be saved under, and as risky as it is', async () => {
    const { bob, channel, view } = bobAndAlice();
    await bob.hear(channel, offerOf(fileOf({ path: '../photos/CON/invoice.pdf.\u202eexe' })));
    expect(view()).toMatchObject([
      {
        ...{ name: 'invoice.pdf.exe', stem: 'invoice.pdf', extension: '.exe', folder: 'photos/_CON' },
        ...{ risk: 'dangerous', warning: 'Named like a .pdf, but it is a .exe file.' },
      },
    ]);
  });

  test('gets a name of its own in the room, whoever sends it', async () => {
    const { bob, channel, view } = bobAndAlice();
    const carol = new MemoryChannel('carol', 2);
    bob.incoming.personReady(carol);
    await bob.hear(channel, offerOf(fileOf({ path: 'a.txt' }), fileOf({ path: 'A.TXT' })));
    await bob.hear(carol, offerOf(fileOf({ path: 'x/a.txt' })));
    expect(view().map(({ name }) => name)).toEqual(['a.txt', 'A (2).TXT', 'a (3).txt']);
  });

  test('of nothing whose path ends with a slash is an empty folder: ordinary, and nobody’s rival for a name', async () => {
    const { bob, channel, view } = bobAndAlice();
    const empty = (path: string) => fileOf({ path, size: 0 });
    await bob.hear(channel, offerOf(empty('a/new/'), empty('b/new/'), empty('b/new'), empty('..\\CON\\')));
    await bob.hear(channel, offerOf(fileOf({ path: 'tool.exe/', size: 1 })));
    expect(view()).toMatchObject([
      { name: 'new', folder: 'a', isFolder: true, risk: 'ordinary' },
      { name: 'new', folder: 'b', isFolder: true, risk: 'ordinary' },
      { name: 'new', folder: 'b', isFolder: false, risk: 'caution' },
      { name: '_CON', folder: '', isFolder: true },
      { name: 'tool.exe', isFolder: false, risk: 'dangerous' },
    ]);
  });

  test('offered twice in a session breaks the protocol', async () => {
    const { bob, channel } = bobAndAlice();
    const file = fileOf();
    await bob.hear(channel, offerOf(file));
    expect(await settled(bob.hear(channel, offerOf(file)))).toEqual(failureOf('protocol'));
    const twin = fileOf();
    expect(await settled(bob.hear(channel, offerOf(twin, twin)))).toEqual(failureOf('protocol'));
  });

  test.each([{ path: 'b.txt' }, { size: 2 }])('that comes back as another (%j) breaks the protocol', async (other) => {
    const { bob, channel } = bobAndAlice();
    const file = fileOf();
    await bob.hear(channel, offerOf(file));
    bob.incoming.personGone('alice');
    const back = new MemoryChannel('alice', 2);
    bob.incoming.personReady(back);
    expect(await settled(bob.hear(back, offerOf({ ...file, ...other })))).toEqual(failureOf('protocol'));
  });

  test('that was declined or is verified is not asked about again when its sender is back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { bob, channel, view } = bobAndAlice();
    const files = [fileOf(), fileOf()];
    await bob.hear(channel, offerOf(...files));
    const [declined = '', wanted = ''] = view().map(({ id }) => id);
    bob.incoming.decline(declined);
    bob.incoming.accept([wanted]);
    bob.incoming.handleStaged(bob.engine.last('receive'), new Uint8Array(32), new File(['x'], ''), false);
    bob.incoming.personGone('alice');
    const back = new MemoryChannel('alice', 2);
    bob.incoming.personReady(back);
    await bob.hear(back, offerOf(...files));
    expect(view().map(({ state }) => state)).toEqual(['declined', 'verified']);
  });

  test('of somebody else is not reached by what this person says', async () => {
    const { bob, channel, view } = bobAndAlice();
    const carol = new MemoryChannel('carol', 2);
    bob.incoming.personReady(carol);
    const file = fileOf();
    await bob.hear(channel, offerOf(file));
    bob.incoming.accept([view()[0]?.id ?? '']);
    const fileIds = [file.fileId];
    await bob.hear(carol, { type: 'withdraw', fileIds });
    await bob.hear(carol, { type: 'failed', fileIds, code: 'file-changed' });
    await bob.hear(carol, { type: 'done', files: [{ fileId: file.fileId, root: toBase64url(new Uint8Array(32)) }] });
    expect([view()[0]?.state, bob.engine.streams('stop'), bob.engine.streams('root')]).toEqual(['receiving', [], []]);
  });
});

describe('a yes', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));

  test('is to the files it names, and asks for no other', async () => {
    const { bob, channel, view } = bobAndAlice();
    await bob.hear(channel, offerOf(fileOf(), fileOf()));
    await bob.hear(channel, offerOf(fileOf()));
    const [first, , third] = view().map(({ id }) => id);
    bob.incoming.accept([first ?? '', third ?? '', 'alice unknown']);
    expect(bob.engine.streams('receive')).toHaveLength(2);
    expect(channel.onTheWay).toMatchObject([
      {
        type: 'accept',
        offers: [{ files: [{ fileId: first?.split(' ')[1] }] }, { files: [{ fileId: third?.split(' ')[1] }] }],
      },
    ]);
    bob.incoming.accept([first ?? '']);
    expect(channel.onTheWay).toHaveLength(1);
  });

  test('to a thousand files fits its messages, each file on a stream of its own', async () => {
    const { bob, channel, view } = bobAndAlice();
    for (let i = 0; i < 1_000; i++) await bob.hear(channel, offerOf(fileOf()));
    bob.incoming.accept(view().map(({ id }) => id));
    const accepted = () => channel.onTheWay.map((message) => message.type === 'accept' && message.offers.length);
    expect(accepted()).toEqual([100]);
    await vi.advanceTimersByTimeAsync(100);
    expect(accepted()).toEqual(Array(10).fill(100));
    expect(new Set(bob.engine.streams('receive')).size).toBe(1_000);
  });

  test('to many is to what they were when it was said: nothing that came or changed meanwhile', async () => {
    const { bob, channel, view } = bobAndAlice();
    const files = Array.from({ length: 200 }, () => fileOf());
    await bob.hear(channel, offerOf(...files.slice(0, 100)));
    await bob.hear(channel, offerOf(...files.slice(100)));
    const last = files.slice(-2);
    bob.incoming.accept(view().map(({ id }) => id));
    bob.incoming.decline(view().at(-1)?.id ?? '');
    await bob.hear(channel, { type: 'withdraw', fileIds: [last[0]?.fileId ?? ''] });
    await bob.hear(channel, offerOf(fileOf()));
    await vi.advanceTimersByTimeAsync(100);
    expect(new Set(bob.engine.streams('receive')).size).toBe(198);
    expect(
      view()
        .slice(-3)
        .map(({ state }) => state),
    ).toEqual(['withdrawn', 'declined', 'offered']);
  });

  test('to many that were cut off goes on by itself, in however many messages they are offered again', async () => {
    const { bob, channel, view } = bobAndAlice();
    const files = Array.from({ length: 90 }, () => fileOf());
    const messages = [files.slice(0, 30), files.slice(30, 60), files.slice(60)];
    for (const some of messages) await bob.hear(channel, offerOf(...some));
    bob.incoming.accept(view().map(({ id }) => id));
    bob.incoming.personGone('alice');
    bob.incoming.personReady(channel);
    // The last ones are not offered any more.
    for (const some of messages.slice(0, 2)) {
      await bob.hear(channel, offerOf(...some));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    const states = () => view().map(({ state }) => state);
    expect(states()).toEqual([...Array<string>(60).fill('receiving'), ...Array<string>(30).fill('interrupted')]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(states()).toEqual(Array(60).fill('receiving'));
  });

  test('that was cut off gives way to another file in its place, and to its name', async () => {
    const { bob, channel, view } = bobAndAlice();
    await bob.hear(channel, offerOf(fileOf({ path: 'film.mp4', size: 7 })));
    bob.incoming.accept(view().map(({ id }) => id));
    bob.incoming.personGone('alice');
    bob.incoming.personReady(channel);
    await bob.hear(channel, offerOf(fileOf({ path: 'film.mp4', size: 9 })));
    expect(view()).toMatchObject([{ name: 'film.mp4', size: 9, state: 'offered' }]);
  });

  test('to many ends with the session it was said in', async () => {
    const { bob, channel, view } = bobAndAlice();
    const files = Array.from({ length: 200 }, () => fileOf());
    await bob.hear(channel, offerOf(...files));
    bob.incoming.accept(view().map(({ id }) => id));
    bob.incoming.personGone('alice');
    bob.incoming.personReady(channel);
    // The same files, the last of which changed meanwhile.
    await bob.hear(channel, offerOf(...files.slice(0, -1), fileOf({ ...files[199], modified: 7 })));
    await vi.advanceTimersByTimeAsync(100);
    expect(
      view()
        .map(({ state }) => state)
        .filter((state) => state === 'receiving'),
    ).toHaveLength(100);
  });

  test('never uses a stream again', async () => {
    const { bob, channel, view } = bobAndAlice();
    await bob.hear(channel, offerOf(fileOf(), fileOf()));
    const drawn = [5, 5, 6];
    vi.spyOn(crypto, 'getRandomValues').mockImplementation((into) => {
      if (into instanceof Uint32Array) into[0] = drawn.shift() ?? 0;
      return into;
    });
    bob.incoming.accept(view().map(({ id }) => id));
    expect(bob.engine.streams('receive')).toEqual([5, 6]);
  });

  test('to somebody who left comes to nothing', async () => {
    const { bob, channel, view } = bobAndAlice();
    await bob.hear(channel, offerOf(fileOf()));
    bob.incoming.personGone('alice');
    bob.incoming.accept(view().map(({ id }) => id));
    expect([view()[0]?.state, bob.engine.streams('receive'), channel.onTheWay]).toEqual(['interrupted', [], []]);
  });
});

test('files wait in line in the order of the yes, and leave it with their first byte', async () => {
  const { bob, channel, view } = bobAndAlice();
  await bob.hear(channel, offerOf(...['a', 'b', 'c'].map((path) => fileOf({ path, size: 9 }))));
  const [a = '', b = '', c = ''] = view().map(({ id }) => id);
  bob.incoming.accept([c]);
  bob.incoming.accept([a]);
  expect(view().map(({ inLine }) => inLine)).toEqual([2, undefined, 1]);
  bob.incoming.accept([b]);
  bob.incoming.handleProgress({ ...bob.engine.first('receive'), bytes: 1 });
  expect(view().map(({ inLine }) => inLine)).toEqual([1, 2, undefined]);
});

test('a file that another tab goes on with is begun anew, and its record left to that tab', async () => {
  const { bob, channel, view } = bobAndAlice();
  bob.journal.note('theirs', { peer: 'alice', path: 'a.bin', size: 2 * MiB, modified: 0 });
  await bob.hear(channel, offerOf(fileOf({ path: 'a.bin', size: 2 * MiB })));
  await settle();
  const [{ id, hasPartial } = { id: '', hasPartial: false }] = view();
  expect(hasPartial).toBe(true);
  bob.incoming.accept([id]);
  bob.incoming.handleNotKept(bob.engine.last('receive'));
  expect(view()[0]).toMatchObject({ state: 'receiving', bytes: 0 });
  bob.incoming.cancel(id);
  expect([...bob.journal.noted.keys()]).toEqual(['theirs']);
});

describe('one person may offer', () => {
  test('10,000 files, and no more', async () => {
    const { bob, channel, view } = bobAndAlice();
    for (let i = 0; i < MAX_FILES_PER_PEER / 1_000; i++) {
      await bob.hear(channel, offerOf(...Array.from({ length: 1_000 }, () => fileOf())));
    }
    expect(await settled(bob.hear(channel, offerOf(fileOf())))).toEqual(failureOf('protocol'));
    expect(view()).toHaveLength(MAX_FILES_PER_PEER);
  });

  test('1,024 times, and no more', async () => {
    const { bob, channel, view } = bobAndAlice();
    for (let i = 0; i < MAX_OFFERS_PER_PEER; i++) await bob.hear(channel, offerOf(fileOf()));
    expect(await settled(bob.hear(channel, offerOf(fileOf())))).toEqual(failureOf('protocol'));
    expect(view()).toHaveLength(MAX_OFFERS_PER_PEER);
  });

  test('as often as they like, if they take it back each time', async () => {
    const { bob, channel, view } = bobAndAlice();
    for (let i = 0; i < MAX_OFFERS_PER_PEER + 10; i++) {
      const files = Array.from({ length: 20 }, () => fileOf());
      await bob.hear(channel, offerOf(...files));
      await bob.hear(channel, { type: 'withdraw', fileIds: files.map(({ fileId }) => fileId) });
    }
    expect(view()).toHaveLength(MAX_FILES_PER_PEER);
    await bob.hear(channel, offerOf(fileOf()));
    expect(view().at(-1)?.state).toBe('offered');
  });
});
