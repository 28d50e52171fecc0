// How many secrets the review finds, and how often it cries wolf: on a corpus made from a seed (secrets-corpus.ts).

import { parseArgs } from 'node:util';
import { LOOKED_BYTES, secretOf } from '../src/safety/secret-content.ts';
import { round } from './measure.ts';
import { Dice, ordinaryFiles, plantedFiles, type Sample } from './secrets-corpus.ts';

const isWarned = ({ path, text }: Sample) => secretOf(path, text.slice(0, LOOKED_BYTES)) !== undefined;

/** How many of each kind. */
function byKind(samples: readonly Sample[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of samples) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none';
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      each: { type: 'string', default: '8' },
      ordinary: { type: 'string', default: '3400' },
      show: { type: 'boolean', default: false },
    },
  });
  const dice = new Dice(Number(values.seed));
  const planted = plantedFiles(dice, Number(values.each));
  const ordinary = ordinaryFiles(dice, Number(values.ordinary));
  const startMs = performance.now();
  const missed = planted.filter((sample) => !isWarned(sample));
  const alarms = ordinary.filter(isWarned);
  const ms = performance.now() - startMs;
  if (values.show) for (const { kind, path } of [...missed, ...alarms]) console.log(`${kind}: ${path}`);
  const chars = [...planted, ...ordinary].reduce((sum, { text }) => sum + Math.min(text.length, LOOKED_BYTES), 0);
  console.log(`missed: ${byKind(missed)}`);
  console.log(`false alarms: ${byKind(alarms)}`);
  console.log(`${round(chars / 1e6)} MB of text in ${round(ms)} ms`);
  console.log(
    JSON.stringify({
      bench: 'secrets',
      seed: Number(values.seed),
      planted: planted.length,
      ordinary: ordinary.length,
      recall: round(1 - missed.length / planted.length, 4),
      falseAlarms: round(alarms.length / ordinary.length, 4),
      msPerMB: round(ms / (chars / 1e6), 1),
    }),
  );
  return Promise.resolve();
}
