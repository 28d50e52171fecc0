// The golden vectors of docs/protocol.md, as its readers see them: fenced blocks marked `json vectors:<name>`, and the
// messages of its example exchange in `hex exchange:<name>` and `text exchange:<name>`.

import { readFileSync } from 'node:fs';
import { fromHex, type Bytes } from '../protocol/bytes.ts';

const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** The text of the block with this info string. */
export function block(info: string): string {
  const [, text] = new RegExp(`^\`\`\`${info}\\n(.*?)^\`\`\`$`, 'ms').exec(document) ?? [];
  if (!text) throw new Error(`docs/protocol.md has no ${info}`);
  return text;
}

/** The info strings of all blocks that begin so, in the order of the document. */
export function blocks(beginning: string): string[] {
  return [...document.matchAll(/^```(\S.*)$/gm)].map(([, info = '']) => info).filter((i) => i.startsWith(beginning));
}

/** The vectors of that name: strings, mostly hexadecimal. */
export function vectors(name: string): Readonly<Record<string, string>> {
  return JSON.parse(block(`json vectors:${name}`)) as Record<string, string>;
}

export function hex(text: string | undefined): Bytes {
  const bytes = fromHex(text ?? '');
  if (!bytes?.length) throw new Error('a vector is missing or not hexadecimal');
  return bytes;
}

/** The bytes of a block of hexadecimal: the first word of every line, as far as it is written out. The rest of a line is for people. */
export function dumped(name: string): Bytes {
  const lines = block(`hex exchange:${name}`).trimEnd().split('\n');
  return hex(lines.map((line) => /^[0-9a-f]*/.exec(line)?.[0] ?? '').join(''));
}
