// The consent invariants about what comes in and how it ends. See consent.test.ts.

import { describe, test } from 'vitest';
import { contentOf, isContent, type Book } from '../testing/doorsteps.ts';
import { DEEP_MS, holds, inStep, rowsOf, withYeses } from '../testing/holding.ts';
import { settle } from '../testing/scheduler.ts';
import type { Deed } from './activity.ts';

inStep();

describe('consent', { timeout: DEEP_MS }, () => {
  test('C11: what was cancelled is freed at once', () =>
    holds({
      oftener: ['cancel', 'carry'],
      finally: (story, seen) => {
        for (const { person, row } of rowsOf(story)) {
          const isKept = [...person.staged].some(({ size }) => size === row.size && size > 0);
          // A liar may offer what another offered: then there are two of a size.
          const isAlone = person.incoming.view().filter(({ size }) => size === row.size).length === 1;
          if (row.failure === 'cancelled') seen.add('cancelled');
          if (isKept && isAlone && ['declined', 'withdrawn', 'failed'].includes(row.state))
            story.violated(`${row.name} is ${row.state} and still here`);
        }
      },
      happened: ['cancelled'],
    }));

  test('C12: going on needs the same two people, and after a reload a fresh yes', () =>
    holds({
      oftener: ['reload', 'meet', 'carry', 'offer on', 'hear', 'accept'],
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
          person.incoming.confirm(row.id);
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
          person.incoming.markSaved([row.id]);
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
