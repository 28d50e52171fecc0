// What a received file may be called (safety.md, Names). Pure: a name from anyone in, a name that is safe to save and
// honest to show out. Idempotent, never throws, and leaves no separator. The original is only ever shown as text.

const MAX_NAME_BYTES = 200;
const MAX_DEPTH = 16;
/** More than all files a room can have. */
const LONGEST_NUMBER = ' (9999999)';

const ZWJ = '\u200d';
/** Controls, bidi and zero-width characters, tags, and look-alikes of nothing. ZWJ stays where it joins two emoji. */
const INVISIBLE = /[\p{Cc}\p{Cf}\u2028\u2029\u2800\u3164\u115f\u1160\uffa0]|\u034f|\u17b4|\u17b5|[\u180b-\u180f]/gu;
const EMOJI_BEFORE = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)$/u;
const EMOJI_AFTER = /^\p{Extended_Pictographic}/u;
/** Windows looks past spaces in front of the dot: `nul .txt` is a device too. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/iu;
/** Names a file manager or web server acts upon. */
const SHELL_NAME = /^(?:desktop\.ini|autorun\.inf|thumbs\.db|\.ds_store|\.htaccess|_ds_store|_htaccess)$/iu;

const utf8Length = (text: string) => new TextEncoder().encode(text).length;

function withoutInvisible(name: string): string {
  return name.replace(INVISIBLE, (char, at: number) =>
    char === ZWJ && EMOJI_BEFORE.test(lastCharacter(name.slice(0, at))) && EMOJI_AFTER.test(name.slice(at + 1))
      ? ZWJ
      : '',
  );
}

/** The last code point. Not by a regular expression: Chromium 156 does not find an astral one before `$`. */
function lastCharacter(text: string): string {
  return Array.from(text.slice(-2)).at(-1) ?? '';
}

/** The stem and the extension (with its dot, may be empty) that a save dialog and an operating system will see. */
export function splitExtension(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.');
  if (dot <= 0 || dot === name.length - 1) return { stem: name, extension: '' };
  return { stem: name.slice(0, dot), extension: name.slice(dot) };
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** `text` cut at a grapheme so that it has at most `maxBytes` of UTF-8. */
function cut(text: string, maxBytes: number): string {
  let bytes = 0;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    bytes += utf8Length(segment);
    if (bytes > maxBytes) break;
    kept += segment;
  }
  return kept;
}

/** As much of the stem as fits in front of `suffix`. A first grapheme too long to fit leaves a stem all the same: an extension alone is none. */
function stemBefore(suffix: string, stem: string): string {
  return cut(stem, MAX_NAME_BYTES - utf8Length(suffix)).trimEnd() || 'file';
}

function shorten(name: string): string {
  if (utf8Length(name) <= MAX_NAME_BYTES) return name;
  const { stem, extension } = splitExtension(name);
  // An extension that long is no extension.
  if (utf8Length(extension) > MAX_NAME_BYTES / 2) return tidyEnds(cut(name, MAX_NAME_BYTES));
  return stemBefore(extension, stem) + extension;
}

function tidyEnds(name: string): string {
  return name.trimStart().replace(/[. ]+$/u, '');
}

function onePass(part: string): string {
  let name = withoutInvisible(part.normalize('NFC')).replace(/\s+/gu, ' ');
  name = name.replace(/[<>:"|?*%/\\]/gu, '_');
  name = tidyEnds(name).replace(/^[.\-~]/u, '_');
  if (WINDOWS_DEVICE.test(name) || SHELL_NAME.test(name)) name = `_${name}`;
  name = shorten(name);
  return name === '' ? 'file' : name;
}

/** One path component, safe to save under. */
export function safeName(original: string): string {
  // Deleting one thing can uncover another (a cut uncovers a trailing dot); each pass only shortens or underscores, so this settles.
  let name = onePass(original.toWellFormed());
  for (let pass = 0; pass < 8; pass++) {
    const next = onePass(name);
    if (next === name) break;
    name = next;
  }
  return name;
}

/** The components of a received path: safe, at most 16 deep (the deepest are kept), never empty. The last is the file's name. */
export function safePath(original: string): readonly string[] {
  const parts = original.split(/[/\\]/u).filter((part) => !/^\s*\.{0,2}\s*$/u.test(part));
  return parts.length ? parts.slice(-MAX_DEPTH).map(safeName) : ['file'];
}

/** What two names have in common that one file system would take for one. */
export function nameKey(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase();
}

/** `name`, or `name (2)`, `name (3)` …: one that no earlier name equals after case folding and NFC. Adds it to `taken`. */
export function uniqueName(name: string, taken: Set<string>): string {
  const { stem, extension } = splitExtension(name);
  const short = taken.has(nameKey(name)) ? stemBefore(LONGEST_NUMBER + extension, stem) : stem;
  const numbered = (n: number) => (n === 1 ? name : `${short} (${n})${extension}`);
  const isTaken = (n: number) => taken.has(nameKey(numbered(n)));
  // By doubling and halving: ten thousand files of one name would be counted up for minutes.
  let free = 1;
  while (isTaken(free)) free *= 2;
  for (let below = free / 2; free - below > 1;) {
    const middle = Math.floor((below + free) / 2);
    if (isTaken(middle)) below = middle;
    else free = middle;
  }
  const unique = numbered(free);
  taken.add(nameKey(unique));
  return unique;
}
