// C17 for texts: how many one person may put on another's doorstep in a minute.

import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { randomBytes, toBase64url } from '../protocol/bytes.ts';
import type { MessageOf } from '../protocol/messages.ts';
import { DEEP_MS, inStep, RUNS } from '../testing/holding.ts';
import { Meeting, MemoryChannel, Person, picked } from '../testing/people.ts';
import { settle } from '../testing/scheduler.ts';

const { TEXTS } = vi.hoisted(() => ({ TEXTS: 4 }));

// With the real number few stories would come to it.
vi.mock(import('../protocol/limits.ts'), async (original) => {
  const limits = { MAX_SNIPPETS: TEXTS } as unknown as object;
  return { ...(await original()), ...limits };
});

inStep();

type Chatter =
  | { readonly does: 'offer'; readonly texts: number; readonly files: number }
  | { readonly does: 'again' }
  | { readonly does: 'come back' }
  | { readonly does: 'wait'; readonly ms: number };

const chatter: fc.Arbitrary<Chatter> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('offer' as const),
      texts: fc.integer({ min: 0, max: TEXTS + 1 }),
      files: fc.nat(2),
    }),
  },
  fc.record({ does: fc.constantFrom('again' as const, 'come back' as const) }),
  { weight: 3, arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.nat(90_000) }) },
);

test(
  'C17: one person offers another no more texts in a minute than are taken, in however many sessions',
  async () => {
    const seen = { refused: 0, taken: 0 };
    const property = fc.asyncProperty(fc.array(chatter, { minLength: 2, maxLength: 12 }), async (steps) => {
      const bob = new Person('bob');
      let channel = new MemoryChannel('mallory', 1);
      bob.incoming.personReady(channel);
      let [session, atMs] = [1, 0];
      let known: MessageOf<'offer'>['files'] = [];
      const offered: number[] = [];
      for (const step of steps) {
        bob.nowMs = atMs += step.does === 'wait' ? step.ms : 0;
        if (step.does === 'come back') {
          bob.incoming.personGone('mallory');
          channel = new MemoryChannel('mallory', ++session);
          bob.incoming.personReady(channel);
        }
        if (step.does !== 'offer' && step.does !== 'come back') continue;
        const fresh = step.does === 'offer' ? step : { texts: 0, files: 0 };
        const made = Array.from({ length: fresh.texts + fresh.files }, (_, i) => ({
          ...{ fileId: toBase64url(randomBytes(16)), path: 'Text.txt', size: 1, type: 'text/plain', modified: 0 },
          ...(i < fresh.texts && { snippet: true as const }),
        }));
        // Who comes back offers what stands again: that is nothing new.
        const files = step.does === 'come back' ? known : made;
        if (!files.length) continue;
        const rows = bob.incoming.view();
        const ids = { offerId: toBase64url(randomBytes(16)), batch: toBase64url(randomBytes(16)) };
        const refused = await bob.hear(channel, { type: 'offer', ...ids, files }).then(
          () => undefined,
          (error: unknown) => error,
        );
        const lately = offered.filter((at) => atMs - at < 60_000).length;
        expect(refused !== undefined).toBe(lately + fresh.texts > TEXTS);
        if (refused) {
          seen.refused++;
          expect(refused).toMatchObject({ code: 'protocol' });
          expect(bob.incoming.view()).toEqual(rows);
          return;
        }
        seen.taken += fresh.texts;
        offered.push(...Array<number>(fresh.texts).fill(atMs));
        known = [...known, ...made];
      }
    });
    await fc.assert(property, { numRuns: RUNS });
    expect(seen.refused).toBeGreaterThan(RUNS / 20);
    expect(seen.taken).toBeGreaterThan(RUNS);
  },
  DEEP_MS,
);

test(
  'C17: an honest sender never offers more, whoever comes, goes and comes back, and in the end all are offered',
  async () => {
    let held = 0;
    const property = fc.asyncProperty(fc.array(chatter, { minLength: 2, maxLength: 12 }), async (steps) => {
      const [alice, bob] = [new Person('alice'), new Person('bob')];
      let meeting = new Meeting(alice, bob, 1);
      let session = 1;
      await meeting.begin();
      const pass = async (ms: number) => {
        alice.nowMs = bob.nowMs += ms;
        vi.advanceTimersByTime(ms);
        await settle();
        await meeting.carry();
      };
      let added = 0;
      for (const step of steps) {
        if (step.does === 'offer') {
          for (let i = 0; i < step.texts; i++) {
            try {
              await alice.offer([{ ...picked('Text.txt'), snippet: 'words' }], 'bob');
              added++;
            } catch (error) {
              expect(error).toMatchObject({ code: 'too-many-texts' });
              held++;
            }
          }
        }
        if (step.does === 'again' || step.does === 'come back') {
          meeting.end();
          // Who was gone for long is forgotten, and what they offered is news again.
          if (step.does === 'again') bob.incoming.forget('alice');
          meeting = new Meeting(alice, bob, ++session);
          await meeting.begin();
          await alice.outgoing.offerTo('bob');
        }
        await pass(step.does === 'wait' ? step.ms : 10);
      }
      for (let i = 0; i < 9; i++) await pass(80_000);
      expect(bob.incoming.view().filter(({ isText, state }) => isText && state === 'offered')).toHaveLength(added);
      expect(alice.outgoing.unseenBy('bob')).toBe(0);
      vi.clearAllTimers();
    });
    await fc.assert(property, { numRuns: RUNS });
    expect(held).toBeGreaterThan(RUNS / 20);
  },
  DEEP_MS,
);
