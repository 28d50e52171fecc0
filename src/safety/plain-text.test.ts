import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RUNS } from '../testing/holding.ts';
import { textParts } from './plain-text.ts';

const links = (text: string) => textParts(text).flatMap(({ kind, text: shown }) => (kind === 'link' ? [shown] : []));
const shown = (text: string) =>
  textParts(text)
    .map(({ kind, text: part }) => (kind === 'mark' ? `⟨${part}⟩` : part))
    .join('');

describe('a link', () => {
  test.each([
    ['https://example.org/a?b=c#d', 'https://example.org/a?b=c#d'],
    ['see https://example.org.', 'https://example.org'],
    ['<https://example.org/>, then', 'https://example.org/'],
    ['"https://example.org/"', 'https://example.org/'],
    ['(at https://example.org/)', 'https://example.org/'],
    ['https://example.org/a_(b)', 'https://example.org/a_(b)'],
    ['http://localhost:8080/', 'http://localhost:8080/'],
    ['http://[::1]:8080/', 'http://[::1]:8080/'],
    ['https://xn--bcher-kva.example/', 'https://xn--bcher-kva.example/'],
  ])('%s leads to %s', (text, link) => {
    expect(links(text)).toEqual([link]);
    expect(shown(text)).toBe(text);
  });

  test.each([
    ['a script', 'javascript:alert(1)'],
    ['data', 'data:text/html,<script>alert(1)</script>'],
    ['another scheme', 'ftp://example.org/ file:///etc/passwd blob:https://'],
    ['a name in front of the host', 'https://user@example.org/'],
    ['a password in front of the host', 'https://paypal.com:443@example.org/'],
    ['nothing in front of the host', 'https://@example.org/'],
    ['a host in other letters', 'https://exаmple.org/'],
    ['a host with an umlaut', 'https://bücher.example/'],
    ['letters after the host that would be left out', 'https://example.org/ü'],
    ['a turn after the host', 'https://example.org/\u202egro'],
    ['capitals in the host', 'https://EXAMPLE.org/'],
    ['an escape in the host', 'https://ex%61mple.org/'],
    ['a number for a host', 'https://0x7f.1/'],
    ['a way up', 'https://example.org/a/../b'],
    ['backslashes', String.raw`https://example.org\@evil.example/`],
    ['a default port', 'https://example.org:443/'],
    ['quotes', 'https://example.org/"onclick="x'],
    ['quotes in the host', 'https://example.org"{1'],
    ['nothing', 'https://'],
  ])('is none with %s', (_, text) => {
    expect(links(text)).toEqual([]);
  });
});

describe('what cannot be seen', () => {
  test.each([
    ['a turn', 'a\u202eb', 'a⟨U+202E⟩b'],
    ['an isolate', '\u2067a\u2069', '⟨U+2067⟩a⟨U+2069⟩'],
    ['many of no width', `a${'\u200b'.repeat(12)}b`, 'a⟨U+200B ×12⟩b'],
    ['a zero byte and an escape', '\0\u001b[2J', '⟨U+0000⟩⟨U+001B⟩[2J'],
    ['a lone carriage return', 'rm -rf\rls', 'rm -rf⟨U+000D⟩ls'],
    ['a byte order mark', '\ufeffa', '⟨U+FEFF⟩a'],
    ['tags', 'a\u{e0041}', 'a⟨U+E0041⟩'],
    ['fillers', '\u3164\u115f\u2800', '⟨U+3164⟩⟨U+115F⟩⟨U+2800⟩'],
    ['separators', 'a\u2028b\u2029', 'a⟨U+2028⟩b⟨U+2029⟩'],
    ['a soft hyphen', 'pay\u00adpal', 'pay⟨U+00AD⟩pal'],
    ['a joiner between letters', 'a\u200db', 'a⟨U+200D⟩b'],
  ])('is marked: %s', (_, text, seen) => {
    expect(shown(text)).toBe(seen);
  });

  test.each([
    ['lines and tabs', 'a\tb\r\nc\n'],
    ['emoji', '👩‍🚀 👍🏽 ❤️ 1️⃣ 👨‍👩‍👧‍👦'],
    ['a joiner Persian is written with', 'می‌خواهم'],
    ['letters with marks', 'e\u0301 ก็'],
  ])('is left where it belongs: %s', (_, text) => {
    expect(textParts(text)).toEqual([{ kind: 'plain', text }]);
  });
});

test('nothing is lost, nothing unseen is left, and no text makes a page of marks', () => {
  const bits = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('\u202e', '\u200b', '\0', ' https://example.org/ ', '\n', '👩‍🚀', '\u200d'),
  );
  const whole = fc.property(fc.array(bits, { maxLength: 20 }), (some) => {
    const text = some.join('').toWellFormed();
    const parts = textParts(text);
    const plain = parts.filter(({ kind }) => kind !== 'mark').map((part) => part.text);
    expect(plain.join('')).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\ufeff\0]/u);
    // The marks aside, and what they stand for, it is the same text.
    const seen = (of: string) => of.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu, '');
    expect(seen(plain.join(''))).toBe(seen(text));
  });
  fc.assert(whole, { numRuns: RUNS });
  const parts = textParts('a\u202eb\u200b'.repeat(10_000));
  expect(parts.length).toBeLessThan(2_100);
  expect(parts.at(-1)?.text).toMatch(/a\[U\+202E\]b\[U\+200B\]$/u);
});
