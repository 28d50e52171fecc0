// The consent invariants that are about what can be said at all, what backs an offer, and how much one person may put on
// another's doorstep.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { randomBytes, toBase64url, utf8, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame } from '../protocol/frames.ts';
import { decodeSigned, decodeUnsigned, type MessageOf } from '../protocol/messages.ts';
import { Story, stories } from '../testing/consent-story.ts';
import type { Neighbour } from '../testing/doorsteps.ts';
import { valueOrFailure } from '../testing/expecting.ts';
import { DEEP_MS, inStep, RUNS } from '../testing/holding.ts';
import { MemoryChannel, Person } from '../testing/people.ts';

const { FILES, OFFERS } = vi.hoisted(() => ({ FILES: 24, OFFERS: 6 }));

// With the real numbers one story takes a second: there are tests of those too.
vi.mock(import('../protocol/limits.ts'), async (original) => {
  const limits = { MAX_FILES_PER_PEER: FILES, MAX_OFFERS_PER_PEER: OFFERS } as unknown as object;
  return { ...(await original()), ...limits };
});

inStep();

/** Every word there is. None of them asks what somebody has, or names a file that was not offered. */
const WORDS = [
  ...['hello', 'roster', 'knock', 'admit', 'turned-away', 'withdraw', 'decline', 'cancel', 'pause', 'resume'],
  ...['failed', 'lane', 'bye'],
];
const SIGNED_WORDS = [0x20, 0x21, 0x22, 0x23];
const FRAMES = [0x10, 0x11, 0x12, 0x13];

describe('C8: nobody can ask what somebody has', { timeout: DEEP_MS }, () => {
  const path = fc.constantFrom('/', '..', 'C:\\', '/etc/passwd', '*', '~');
  const asking = fc.record(
    {
      type: fc.oneof(
        fc.constantFrom(
          'list',
          'browse',
          'path',
          'get',
          'read',
          'search',
          'share',
          'tree',
          'request',
          'offer',
          'accept',
        ),
        fc.constantFrom(...WORDS),
        fc.string(),
      ),
      path,
      paths: fc.array(path),
      fileIds: fc.array(fc.oneof(path, fc.constant(toBase64url(new Uint8Array(16))))),
      query: fc.string(),
    },
    { requiredKeys: ['type'] },
  );

  test('C8: in words', () => {
    const refused = fc.property(asking, (message) => {
      const heard = valueOrFailure(() => decodeUnsigned(JSON.stringify(message)));
      if (heard instanceof Failure) return;
      expect(WORDS).toContain(heard.type);
      // What was taken holds nothing but what that word is known to hold.
      expect(Object.keys(heard)).not.toEqual(expect.arrayContaining(['path']));
      expect(Object.keys(heard)).not.toEqual(expect.arrayContaining(['query']));
    });
    fc.assert(refused, { numRuns: RUNS });
  });

  test('C8: in signed words', () => {
    const refused = fc.property(fc.nat(255), asking, (kind, { type: _type, ...fields }) => {
      const bytes = new Uint8Array([kind, ...new Uint8Array(64), ...utf8(JSON.stringify(fields))]);
      const heard = valueOrFailure(() => decodeSigned(bytes));
      if (!(heard instanceof Failure)) expect(SIGNED_WORDS).toContain(kind);
      expect(heard).toBeInstanceOf(Failure);
    });
    fc.assert(refused, { numRuns: RUNS });
  });

  test('C8: in frames, which name numbers and nothing else', () => {
    const known = fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
      const frame: Bytes = new Uint8Array(bytes);
      const taken = valueOrFailure(() => decodeFrame(frame.slice().buffer));
      if (taken instanceof Failure) return;
      expect(FRAMES).toContain(frame[0]);
      for (const value of Object.values(taken)) expect(typeof value === 'string' && value !== taken.kind).toBe(false);
    });
    fc.assert(known, { numRuns: RUNS });
  });
});

test(
  'C9: only files that were picked in this page life are ever read',
  async () => {
    let reads = 0;
    const property = fc.asyncProperty(stories('reload', 'offer', 'carry', 'ask for anything'), async (steps) => {
      const lives = new Map<Neighbour, number>();
      const picked = new Map<File, number>();
      const story = new Story((told) => ({
        read: (by, file) => {
          reads++;
          if (picked.get(file) !== (lives.get(by) ?? 0))
            told.violated(`${file.name} was picked in another life of the page`);
        },
      }));
      story.after = (verb, who) => {
        if (verb === 'reload') lives.set(who, (lives.get(who) ?? 0) + 1);
        for (const { owner, file } of story.memory.files.values()) {
          if (!picked.has(file)) picked.set(file, lives.get(owner) ?? 0);
        }
      };
      await story.tell(steps);
      await story.finish();
      expect(story.violations).toEqual([]);
      vi.clearAllTimers();
    });
    await fc.assert(property, { numRuns: RUNS });
    expect(reads).toBeGreaterThan(RUNS / 10);
  },
  DEEP_MS,
);

type Flood =
  | { readonly does: 'offer'; readonly files: number }
  | { readonly does: 'withdraw'; readonly from: number; readonly files: number }
  | { readonly does: 'accept' | 'decline'; readonly which: number }
  | { readonly does: 'wait' };

test(
  'C17: one person puts no more on a doorstep than fits, however they go about it',
  async () => {
    const flood: fc.Arbitrary<Flood> = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ does: fc.constant('offer' as const), files: fc.integer({ min: 1, max: 9 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          does: fc.constant('withdraw' as const),
          from: fc.nat(40),
          files: fc.integer({ min: 1, max: 9 }),
        }),
      },
      fc.record({ does: fc.constantFrom('accept' as const, 'decline' as const), which: fc.nat(20) }),
      fc.record({ does: fc.constant('wait' as const) }),
    );
    const seen = { refused: 0, taken: 0 };
    const property = fc.asyncProperty(fc.array(flood, { minLength: 4, maxLength: 16 }), async (floods) => {
      const bob = new Person('bob');
      const channel = new MemoryChannel('mallory', 1);
      bob.incoming.personReady(channel);
      const ids: string[] = [];
      for (const one of floods) {
        const rows = bob.incoming.view();
        if (one.does === 'offer') {
          const fileIds = Array.from({ length: one.files }, () => toBase64url(randomBytes(16)));
          const offer: MessageOf<'offer'> = {
            type: 'offer',
            offerId: toBase64url(randomBytes(16)),
            batch: toBase64url(randomBytes(16)),
            files: fileIds.map((fileId) => ({ fileId, path: `${fileId}.txt`, size: 1, type: '', modified: 0 })),
          };
          const refused = await bob.hear(channel, offer).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (refused) {
            expect(refused).toMatchObject({ code: 'protocol' });
            seen.refused++;
            // The link ends with it: nothing of what was refused is there.
            expect(bob.incoming.view()).toEqual(rows);
            return;
          }
          seen.taken++;
          ids.push(...fileIds);
        }
        if (one.does === 'withdraw') {
          const fileIds = ids.slice(one.from % Math.max(1, ids.length)).slice(0, one.files);
          if (fileIds.length) await bob.hear(channel, { type: 'withdraw', fileIds });
        }
        if (one.does === 'accept') bob.incoming.accept([rows[one.which]?.id ?? '']);
        if (one.does === 'decline') bob.incoming.decline(rows[one.which]?.id ?? '');
        if (one.does === 'wait') vi.advanceTimersByTime(6_000);
        expect(bob.incoming.view().length).toBeLessThanOrEqual(FILES);
      }
    });
    await fc.assert(property, { numRuns: RUNS });
    expect(seen.refused).toBeGreaterThan(RUNS / 20);
    expect(seen.taken).toBeGreaterThan(RUNS);
  },
  DEEP_MS,
);
