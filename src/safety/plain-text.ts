// A text somebody else wrote, in the parts it is shown in: as it is, but what cannot be seen is a mark, so that nothing hides
// in it or turns it around; and an address is a link only where it leads exactly to what is read. Pure.

export interface TextPart {
  /** `link`: `text` is where it leads; `mark`: it names characters that cannot be seen. */
  readonly kind: 'plain' | 'link' | 'mark';
  readonly text: string;
}

/** More would only make the page slow: further marks are plain text in brackets, further addresses plain text. */
const MAX_MARKED = 1_000;

/** A line's end, a tab; what joins and colours emoji, where it does; a joiner in scripts that are written with it. */
const KEPT =
  /\r\n|[\n\t]|\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f|\u200d\p{Extended_Pictographic})*|[0-9#*]\ufe0f\u20e3|[\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Tamil}\p{Script=Sinhala}\p{Script=Malayalam}][\u200c\u200d](?=\p{L})/u;
/** Controls, what changes the direction of text, and what has no width or looks like nothing: one, as often as it follows itself. */
const HIDDEN = /(?<one>[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800])\k<one>*/u;
/** Browsers take quotes and braces in a host as well. */
const HOST = /^(?:[\w.-]+|\[[\da-f:]+\])$/u;
const ADDRESS = /https?:\/\/[!-~]+/u;
const TOKENS = new RegExp(`(?<kept>${KEPT.source})|(?<address>${ADDRESS.source})|(?<hidden>${HIDDEN.source})`, 'gu');

/** The parts of a text, in order. All of it is there, but for what the marks name. */
export function textParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let plain = '';
  let [at, marked] = [0, 0];
  const mark = (part: TextPart) => {
    if (plain) parts.push({ kind: 'plain', text: plain });
    plain = '';
    parts.push(part);
    marked++;
  };
  for (const { index, groups = {}, 0: token } of text.matchAll(TOKENS)) {
    plain += text.slice(at, index);
    at = index + token.length;
    const { hidden, address } = groups;
    if (hidden !== undefined) {
      if (marked < MAX_MARKED) mark({ kind: 'mark', text: nameOf(hidden) });
      else plain += `[${nameOf(hidden)}]`;
      continue;
    }
    const link =
      address !== undefined && marked < MAX_MARKED && /^(?:\s|$)/u.test(text.slice(at, at + 1)) && linkIn(address);
    if (link) {
      mark({ kind: 'link', text: link });
      plain = token.slice(link.length);
    } else plain += token;
  }
  plain += text.slice(at);
  if (plain) parts.push({ kind: 'plain', text: plain });
  return parts;
}

/** `U+202E`, or `U+200B ×12`. */
function nameOf(hidden: string): string {
  const code = (hidden.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const count = Array.from(hidden).length;
  return count > 1 ? `U+${code} ×${count}` : `U+${code}`;
}

/**
 * The beginning of `address` that is a link: without what closes the sentence it stands in, and only if a browser writes it in
 * the same way. So there is no name or password in it, no host in letters that look like others, and nothing that is rewritten.
 */
function linkIn(address: string): string | undefined {
  const closing = address.includes('(') ? /[\]}>"'.,;:!?]+$/u : /[)\]}>"'.,;:!?]+$/u;
  const link = address.replace(closing, '');
  if (!URL.canParse(link)) return undefined;
  const { href, hostname, username, password } = new URL(link);
  const isAsWritten = href === link || href === `${link}/`;
  return isAsWritten && HOST.test(hostname) && !username && !password ? link : undefined;
}
