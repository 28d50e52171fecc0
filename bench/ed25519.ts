// The strict verifier against a file of Wycheproof's Ed25519 vectors: how many verdicts agree.

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { verify } from '../src/identity/ed25519.ts';

const hex = v.pipe(
  v.string(),
  v.transform((text) => new Uint8Array(Buffer.from(text, 'hex'))),
);
const schema = v.object({
  testGroups: v.array(
    v.object({
      publicKey: v.object({ pk: hex }),
      tests: v.array(
        v.object({
          tcId: v.number(),
          comment: v.string(),
          msg: hex,
          sig: hex,
          result: v.picklist(['valid', 'invalid']),
        }),
      ),
    }),
  ),
});

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { file: { type: 'string' } } });
  if (!values.file) throw new Error('--file wants a JSON file of Ed25519 vectors');
  const { testGroups } = v.parse(schema, JSON.parse(await readFile(values.file, 'utf8')));
  let [vectors, agree] = [0, 0];
  for (const { publicKey, tests } of testGroups) {
    for (const { tcId, comment, msg, sig, result } of tests) {
      vectors++;
      if (verify(publicKey.pk, msg, sig) === (result === 'valid')) agree++;
      else console.log(`vector ${tcId} should be ${result}: ${comment}`);
    }
  }
  console.log(JSON.stringify({ bench: 'ed25519', vectors, agree }));
  if (agree !== vectors) process.exitCode = 1;
}
