// The golden vectors of docs/protocol.md, as its readers see them: each a fenced block marked `json vectors:<name>`.

import { readFileSync } from 'node:fs';
import { fromHex, type Bytes } from '../protocol/bytes.ts';

/** The vectors of that name: strings, mostly hexadecimal. */
export function vectors(name: string): Readonly<Record<string, string>> {
  const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const [, block] = new RegExp(`^\`\`\`json vectors:${name}\\n(.*?)^\`\`\`$`, 'ms').exec(document) ?? [];
  if (!block) throw new Error(`docs/protocol.md has no vectors for ${name}`);
  return JSON.parse(block) as Record<string, string>;
}

export function hex(text: string | undefined): Bytes {
  const bytes = fromHex(text ?? '');
  if (!bytes?.length) throw new Error('a vector is missing or not hexadecimal');
  return bytes;
}
