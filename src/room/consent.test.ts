// The consent invariants of safety.md, each by its name, over stories of three people who change their minds, lose their
// connections, reload and lie, in random orders.

import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fromBase64url } from '../protocol/bytes.ts';
import type { Frame } from '../protocol/frames.ts';
import type { Message } from '../protocol/messages.ts';
import { riskOf } from '../safety/file-type.ts';
import { Story, stories, type Verb } from '../testing/consent-story.ts';
import {
  contentOf,
  isContent,
  isData,
  nameOfOffer,
  type Book,
  type End,
  type Neighbour,
} from '../testing/doorsteps.ts';
import { hashInStep, settle } from '../testing/scheduler.ts';
import type { Deed } from './activity.ts';

/** `npm run test:deep` asks for 50,000. */
const RUNS = Number(process.env['DOORSTEP_RUNS'] ?? 2_000);
const DEEP_MS = 60 * 60 * 1_000;

beforeEach(() => {
  hashInStep();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** What happened at all in the runs of a test: what never happens proves nothing. */
class Seen {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Each of these happened at least once in a hundred runs. */
  expectAll(...all: readonly string[]): void {
    for (const what of all) expect([what, (this.#counts.get(what) ?? 0) >= RUNS / 100]).toEqual([what, true]);
  }
}

interface Holding {
  /** Verbs that are to happen oftener. */
  readonly oftener?: readonly Verb[];
  watch?(story: Story, seen: Seen): Partial<Book>;
  after?(story: Story, verb: Verb, who: Neighbour, seen: Seen): void;
  /** When everything came to its end. */
  finally?(story: Story, seen: Seen): void | Promise<void>;
  readonly happened: readonly string[];
}

/** Holds an invariant against many stories. */
async function holds({ oftener = [], watch, after, finally: end, happened }: Holding): Promise<void> {
  const seen = new Seen();
  const property = fc.asyncProperty(stories(...oftener), async (steps) => {
    const story = new Story((told) => watch?.(told, seen) ?? {});
    story.after = (verb, who) => after?.(story, verb, who, seen);
    await story.tell(steps);
    await story.finish();
    await end?.(story, seen);
    expect(story.violations).toEqual([]);
    vi.clearAllTimers();
  });
  await fc.assert(property, { numRuns: RUNS });
  seen.expectAll(...happened);
}

const wayOf = ({ owner, peer, link }: End) => `${owner.name} ${peer} ${link}`;

/** What each sender was told yes to, by the end it heard it on and the stream: only what is true counts. */
class Yeses {
  readonly #offers = new Map<string, Map<string, Set<string>>>();
  readonly #files = new Map<string, string>();
  /** Streams of accepts that named no offer of their session. */
  readonly strange = new Set<string>();

  said(end: End, message: Message): void {
    if (message.type !== 'offer') return;
    const offers = this.#offers.get(wayOf(end)) ?? new Map<string, Set<string>>();
    this.#offers.set(
      wayOf(end),
      offers.set(nameOfOffer(end, message), new Set(message.files.map(({ fileId }) => fileId))),
    );
  }

  heard(end: End, message: Message): void {
    if (message.type !== 'accept') return;
    for (const { hash, files } of message.offers) {
      const offered = this.#offers.get(wayOf(end))?.get(hash);
      for (const { fileId, stream } of files) {
        if (offered?.has(fileId)) this.#files.set(`${wayOf(end)} ${stream}`, fileId);
        else this.strange.add(`${wayOf(end)} ${stream}`);
      }
    }
  }

  /** The file this end was told to send on a stream. */
  fileOn(end: End, stream: number): string | undefined {
    return this.#files.get(`${wayOf(end)} ${stream}`);
  }
}

/** A book that keeps the yeses, and shows every frame with bytes to `look`. */
function withYeses(look: (yeses: Yeses, end: End, frame: Frame & { kind: 'data' }) => void): Partial<Book> {
  const yeses = new Yeses();
  return {
    said: (end, message) => yeses.said(end, message),
    heard: (end, message) => yeses.heard(end, message),
    sent: (end, frame) => {
      if (isData(frame)) look(yeses, end, frame);
    },
  };
}

const rowsOf = ({ world }: Story) =>
  world.people.flatMap((person) => person.incoming.view().map((row) => ({ person, row })));

describe('consent', { timeout: DEEP_MS }, () => {
  test('C1: no byte goes out before a yes that names it, in the same session', () =>
    holds({
      oftener: ['replay an accept', 'ask for anything'],
      watch: (story, seen) =>
        withYeses((yeses, end, { stream }) => {
          seen.add('bytes went out');
          if (!yeses.fileOn(end, stream)) story.violated(`${wayOf(end)} sent ${stream} without a yes`);
        }),
      happened: ['bytes went out'],
    }));

  test('C3: what carries bytes carries a stream its receiver chose', () =>
    holds({
      oftener: ['ask for anything', 'accept'],
      watch: (story, seen) => {
        const chosen = new Set<string>();
        return {
          heard: (end, message) => {
            if (message.type !== 'accept') return;
            for (const { files } of message.offers)
              for (const { stream } of files) chosen.add(`${wayOf(end)} ${stream}`);
          },
          sent: (end, frame) => {
            if (!isData(frame)) return;
            seen.add('bytes went out');
            if (!chosen.has(`${wayOf(end)} ${frame.stream}`)) story.violated(`${frame.stream} was nobody’s choice`);
          },
        };
      },
      happened: ['bytes went out'],
    }));

  test('C4: nothing is written but what was accepted, while it is wanted, and within its size', () =>
    holds({
      oftener: ['send anything', 'send again', 'cancel'],
      watch: (story, seen) => ({
        wrote: (by, { size, freed }, at, { length }) => {
          seen.add('bytes were written');
          // A liar may offer what another offered: then there are two of a size.
          const rows = by.incoming.view().filter((one) => one.size === size);
          const wanted = rows.some(({ id, state }) => by.yes.has(id) && (state === 'receiving' || state === 'paused'));
          if (!wanted || freed) story.violated(`${by.name} wrote what is ${rows.map(({ state }) => state).join(', ')}`);
          if (at + length > size) story.violated(`${by.name} wrote past the end`);
        },
      }),
      finally: (story, seen) => {
        for (const { row } of rowsOf(story)) seen.add(row.failure ?? row.state);
      },
      happened: ['bytes were written', 'cancelled', 'declined', 'verified'],
    }));

  test('C5: a yes is to one file, and "accept all" is never one to a dangerous file', () =>
    holds({
      oftener: ['accept all', 'offer'],
      watch: (story, seen) => ({
        said: (end, message) => {
          if (message.type !== 'accept') return;
          for (const { fileId } of message.offers.flatMap(({ files }) => files)) {
            seen.add('yes');
            if (!end.owner.yes.has(`${end.peer} ${fileId}`)) story.violated(`${end.owner.name} was not asked`);
          }
        },
      }),
      after: (story, verb, who, seen) => {
        if (verb !== 'accept all') return;
        for (const { id, name, state } of who.incoming.view()) {
          if (riskOf(name) !== 'dangerous') continue;
          if (state === 'offered') seen.add('dangerous, and left alone');
          if (state === 'offered' && who.yes.has(id)) story.violated(`${name} was taken with the others`);
        }
      },
      happened: ['yes', 'dangerous, and left alone'],
    }));

  test('C6: a yes to another offer than the one that was made moves nothing', () =>
    holds({
      oftener: ['alter an accept', 'accept', 'replay an accept'],
      watch: (story, seen) => {
        const book = withYeses((yeses, end, { stream }) => {
          if (!yeses.fileOn(end, stream) && yeses.strange.has(`${wayOf(end)} ${stream}`))
            story.violated('sent what was not offered');
        });
        return {
          ...book,
          heard: (end, message) => {
            book.heard?.(end, message);
            if (message.type === 'accept') seen.add('an accept was heard');
          },
        };
      },
      happened: ['an accept was heard'],
    }));

  test('C7: ids of files are 128 random bits, others for each person, and another’s is worth nothing', () =>
    holds({
      oftener: ['accept another’s', 'offer'],
      watch: (story, seen) => {
        const owners = new Map<string, string>();
        const book = withYeses((yeses, end, { stream }) => {
          const owner = owners.get(yeses.fileOn(end, stream) ?? '');
          seen.add('bytes went out');
          if (owner !== `${end.owner.name} ${end.peer}`)
            story.violated(`${end.peer} got what was offered to ${owner ?? 'nobody'}`);
        });
        return {
          ...book,
          said: (end, message) => {
            book.said?.(end, message);
            if (message.type !== 'offer') return;
            for (const { fileId } of message.files) {
              const pair = `${end.owner.name} ${end.peer}`;
              if (fromBase64url(fileId)?.length !== 16) story.violated('an id of another length');
              if ((owners.get(fileId) ?? pair) !== pair) story.violated('one id for two people');
              owners.set(fileId, pair);
            }
          },
        };
      },
      happened: ['bytes went out'],
    }));

  test('C10: nothing of a file is sent after it was taken back', () =>
    holds({
      oftener: ['withdraw', 'carry'],
      watch: (story, seen) => {
        const sizes = new Map<string, number>();
        const book = withYeses((yeses, end, { stream }) => {
          const file = story.memory.files.get(sizes.get(yeses.fileOn(end, stream) ?? '') ?? NaN);
          seen.add('bytes went out');
          if (file?.withdrawn) story.violated(`${file.path} was sent after it was taken back`);
        });
        return {
          ...book,
          said: (end, message) => {
            book.said?.(end, message);
            if (message.type === 'offer') for (const { fileId, size } of message.files) sizes.set(fileId, size);
          },
        };
      },
      after: (story, verb, who, seen) => {
        if (
          verb === 'withdraw' &&
          who.outgoing
            .view()
            .some(({ deliveries }) => deliveries.some(({ state, bytes }) => state === 'withdrawn' && bytes >= 0))
        )
          seen.add('taken back');
        for (const end of who.sessions.values())
          if (end.data.bufferedAmount > 2 ** 20) story.violated('more than a MiB was buffered');
      },
      happened: ['bytes went out', 'taken back'],
    }));

  test('C11: what was cancelled is freed at once', () =>
    holds({
      oftener: ['cancel', 'carry'],
      finally: (story, seen) => {
        for (const { person, row } of rowsOf(story)) {
          const isKept = [...person.staged].some(({ size }) => size === row.size && size > 0);
          if (row.failure === 'cancelled') seen.add('cancelled');
          if (isKept && ['declined', 'withdrawn', 'failed'].includes(row.state))
            story.violated(`${row.name} is ${row.state} and still here`);
        }
      },
      happened: ['cancelled'],
    }));

  test('C12: going on needs the same two people, and after a reload a fresh yes', () =>
    holds({
      oftener: ['reload', 'meet', 'carry', 'offer on'],
      watch: (story, seen) => {
        const before = new Set<string>();
        const facts = new Map<string, string>();
        return {
          heard: (end, message) => {
            if (message.type !== 'offer') return;
            for (const { fileId, path, size } of message.files)
              facts.set(`${end.owner.name} ${end.peer} ${fileId}`, `${path} ${size}`);
          },
          said: (end, message) => {
            if (message.type !== 'accept') return;
            for (const { fileId, resume } of message.offers.flatMap(({ files }) => files)) {
              const row = `${end.peer} ${fileId}`;
              const fact = `${end.owner.name} ${end.peer} ${facts.get(`${end.owner.name} ${row}`) ?? ''}`;
              if (!end.owner.yes.has(row)) story.violated('gone on with, without a yes in this page life');
              if (resume && !before.has(fact)) story.violated('gone on with what nobody here ever accepted from them');
              if (resume) seen.add('gone on with');
              before.add(fact);
            }
          },
        };
      },
      happened: ['gone on with'],
    }));

  test('C13: what is called received has the size and the bytes that were offered', () =>
    holds({
      oftener: ['spoil', 'lie about a root', 'send again', 'carry'],
      finally: async (story, seen) => {
        for (const { person, row } of rowsOf(story)) {
          const [staged] = person.incoming.staged([row.id]);
          if (row.failure === 'hash-mismatch') seen.add('found wrong');
          if (row.state !== 'verified' && row.state !== 'saved') {
            if (staged) story.violated(`${row.name} is ${row.state} and can be saved`);
            continue;
          }
          seen.add('verified');
          const known = story.memory.files.get(row.size);
          if (!staged || !known || !(await isContent(staged.file, contentOf(known.file))))
            story.violated(`${row.name} is not what was offered`);
        }
      },
      happened: ['verified', 'found wrong'],
    }));

  test('C14: verified is not saved: that takes a gesture', () =>
    holds({
      oftener: ['save', 'carry', 'hear', 'save', 'carry'],
      finally: (story, seen) => {
        const [alice] = story.world.people;
        for (const { person, row } of rowsOf(story)) {
          if (person !== alice || row.state !== 'verified') continue;
          story.memory.saves.add(`${person.name} ${row.id}`);
          person.incoming.markSaved(row.id);
        }
        for (const { person, row } of rowsOf(story)) {
          if (row.state === 'verified') seen.add('verified and not saved');
          if (row.state !== 'saved') continue;
          seen.add('saved');
          if (!story.memory.saves.has(`${person.name} ${row.id}`)) story.violated(`${row.name} was saved by nobody`);
        }
      },
      happened: ['verified and not saved', 'saved'],
    }));

  test('C18: a crash or reload at any point leaves nothing moving that was not asked for', () =>
    holds({
      oftener: ['reload', 'reload', 'meet', 'carry', 'hear'],
      watch: (story, seen) =>
        ({
          ...withYeses((yeses, end, { stream }) => {
            if (!yeses.fileOn(end, stream)) story.violated('sent what nobody in this session asked for');
          }),
          wrote: (by, { size, freed }) => {
            const rows = by.incoming.view().filter((one) => one.size === size);
            seen.add('written');
            if (freed || !rows.some(({ id }) => by.yes.has(id)))
              story.violated('written without a yes in this page life');
          },
        }) satisfies Partial<Book>,
      after: (story, verb, who, seen) => {
        if (verb !== 'reload') return;
        seen.add('reloaded');
        if (who.outgoing.view().length || who.incoming.view().length || who.outgoing.moving || who.incoming.moving)
          story.violated('something was left over');
      },
      happened: ['written', 'reloaded'],
    }));

  test('C19: each file ends once for each person, and that is logged once', () =>
    holds({
      oftener: ['cancel', 'withdraw', 'accept', 'carry', 'hear'],
      finally: async (story, seen) => {
        await settle();
        const ending: readonly Deed[] = ['declined', 'cancelled', 'withdrawn', 'verified', 'failed'];
        for (const person of story.world.people) {
          const count = (deeds: readonly Deed[], way: 'in' | 'out', peer: string, size: number) =>
            person.activities.filter(
              (one) => one.way === way && one.peer === peer && one.size === size && deeds.includes(one.deed),
            ).length;
          const isOpen = (state: string) =>
            ['offered', 'receiving', 'sending', 'paused', 'interrupted'].includes(state);
          const ins = person.incoming
            .view()
            .map(({ peer, size, state }) => ({ way: 'in' as const, peer, size, state }));
          const outs = person.outgoing
            .view()
            .flatMap(({ size, deliveries }) =>
              deliveries.map(({ peer, state }) => ({ way: 'out' as const, peer, size, state })),
            );
          const rows = [...ins, ...outs];
          for (const { way, peer, size, state } of rows) {
            const alike = rows.filter((one) => one.way === way && one.peer === peer && one.size === size);
            const open = alike.filter((one) => isOpen(one.state)).length;
            const [begun, ended] = [count(['offered'], way, peer, size), count(ending, way, peer, size)];
            if (ended > begun - open)
              story.violated(`${person.name}: ${way} ${peer} ${size}, ${state}, ended ${ended} times`);
            // What was taken back when all of it had gone out ends when its receiver says so, or is gone.
            if (way === 'in' && ended < alike.length - open)
              story.violated(`${person.name}: ${way} ${peer} ${size} is ${state}, and nothing says so`);
          }
          for (const { deed } of person.activities) seen.add(deed);
        }
      },
      happened: ['declined', 'cancelled', 'withdrawn', 'verified', 'failed'],
    }));

  test('C20: an offer goes to those its owner named, and to nobody who came later without another yes', () =>
    holds({
      oftener: ['offer', 'meet', 'part', 'offer', 'meet', 'part', 'offer on'],
      watch: (story, seen) => ({
        said: (end, message) => {
          if (message.type !== 'offer') return;
          seen.add('offered');
          for (const { path } of message.files) {
            if (!story.memory.named.has(`${end.owner.name} ${end.peer} ${path}`))
              story.violated(`${path} was offered to ${end.peer}`);
          }
        },
      }),
      after: (_story, _verb, who, seen) => {
        for (const peer of who.sessions.keys())
          if (who.outgoing.unseenBy(peer)) seen.add('not shown to who came later');
      },
      happened: ['offered', 'not shown to who came later'],
    }));
});

afterAll(() => vi.useRealTimers());
