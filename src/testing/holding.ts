// How a consent invariant is held against many stories, and what has to be known to judge one.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { Frame } from '../protocol/frames.ts';
import type { Message } from '../protocol/messages.ts';
import { Story, stories, type Verb } from './consent-story.ts';
import { isData, nameOfOffer, type Book, type End, type Neighbour } from './doorsteps.ts';
import { hashInStep } from './scheduler.ts';

/** `npm run test:deep` asks for 50,000. */
export const RUNS = Number(process.env['DOORSTEP_RUNS'] ?? 2_000);
export const DEEP_MS = 60 * 60 * 1_000;

/** To be called at the top of a test file: no run depends on another thread or the clock. */
export function inStep(): void {
  beforeEach(() => {
    hashInStep();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
}

/** What happened at all in the runs of a test: what never happens proves nothing. */
class Seen {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Each of these happened, and not just once. */
  expectAll(...all: readonly string[]): void {
    for (const what of all) expect([what, (this.#counts.get(what) ?? 0) >= RUNS / 1_000]).toEqual([what, true]);
  }
}

export interface Holding {
  /** Verbs that are to happen oftener. */
  readonly oftener?: readonly Verb[];
  readonly watch?: (story: Story, seen: Seen) => Partial<Book>;
  readonly after?: (story: Story, verb: Verb, who: Neighbour, seen: Seen) => void;
  /** When everything came to its end. */
  readonly finally?: (story: Story, seen: Seen) => void | Promise<void>;
  readonly happened: readonly string[];
}

/** Holds an invariant against many stories. */
export async function holds({ oftener = [], watch, after, finally: end, happened }: Holding): Promise<void> {
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

export const wayOf = ({ owner, peer, link }: End) => `${owner.name} ${peer} ${link}`;

/** What each sender was told yes to, by the end it heard it on and the stream: only what is true counts. */
export class Yeses {
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
export function withYeses(look: (yeses: Yeses, end: End, frame: Frame & { kind: 'data' }) => void): Partial<Book> {
  const yeses = new Yeses();
  return {
    said: (end, message) => yeses.said(end, message),
    heard: (end, message) => yeses.heard(end, message),
    sent: (end, frame) => {
      if (isData(frame)) look(yeses, end, frame);
    },
  };
}

export const rowsOf = ({ world }: Story) =>
  world.people.flatMap((person) => person.incoming.view().map((row) => ({ person, row })));
