import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { safeName, safePath, splitExtension, uniqueName } from './file-name.ts';

const MAX_NAME_BYTES = 200;
const utf8Length = (text: string) => new TextEncoder().encode(text).length;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const graphemes = (text: string) => [...segmenter.segment(text)].map(({ segment }) => segment);

describe('a name', () => {
  test.each([
    // As it is.
    ['report.pdf', 'report.pdf'],
    ['Übersicht – 2. Quartal (final).docx', 'Übersicht – 2. Quartal (final).docx'],
    ['日本語.txt', '日本語.txt'],
    ['👩‍🚀 & 👨‍👩‍👧.png', '👩‍🚀 & 👨‍👩‍👧.png'],
    ['👩🏽‍🚀❤️‍🔥.png', '👩🏽‍🚀❤️‍🔥.png'],
    ['.', 'file'],
    // Well-formed, NFC.
    ['a\ud800b.txt', 'a\ufffdb.txt'],
    ['u\u0308.txt', 'ü.txt'],
    // Separators of one component.
    ['a/b\\c.txt', 'a_b_c.txt'],
    // Controls, bidi, zero-width, tags, look-alikes of nothing.
    ['a\u0000b\u0007\u007f\u009f.txt', 'ab.txt'],
    ['a\nb\tc.txt', 'abc.txt'],
    ['invoice\u202efdp.exe', 'invoicefdp.exe'],
    ['\u2066a\u2069\u200e.txt', 'a.txt'],
    ['a\u200b\u200c\u2060\ufeffb.txt', 'ab.txt'],
    ['a\u00adb.txt', 'ab.txt'],
    ['a\u{e0041}\u{e007f}b.txt', 'ab.txt'],
    ['\u2800\u3164\u115f\u1160\uffa0.txt', '_txt'],
    // A joiner that joins nothing.
    ['a\u200db.txt', 'ab.txt'],
    ['👩\u200d.txt', '👩.txt'],
    ['\u200d👩.txt', '👩.txt'],
    // Spaces.
    ['a\u00a0\u2003\u3000  b.txt', 'a b.txt'],
    ['  a.txt  ', 'a.txt'],
    ['report.pdf                    .exe', 'report.pdf .exe'],
    // What some file system or shell takes for something else.
    ['a<b>c:d"e|f?g*h%i.txt', 'a_b_c_d_e_f_g_h_i.txt'],
    ['a.txt:stream', 'a.txt_stream'],
    ['a.txt::$DATA', 'a.txt__$DATA'],
    // Ends.
    ['a.txt. . .', 'a.txt'],
    ['a...', 'a'],
    ['.bashrc', '_bashrc'],
    ['-rf', '_rf'],
    ['~root', '_root'],
    ['..hidden', '_.hidden'],
    // Windows devices.
    ['CON', '_CON'],
    ['con.txt', '_con.txt'],
    ['Nul.tar.gz', '_Nul.tar.gz'],
    ['aux', '_aux'],
    ['PRN.', '_PRN'],
    ['CONIN$', '_CONIN$'],
    ['conout$.log', '_conout$.log'],
    ['COM0', '_COM0'],
    ['com¹.txt', '_com¹.txt'],
    ['LPT9', '_LPT9'],
    ['lpt³', '_lpt³'],
    ['nul .txt', '_nul .txt'],
    ['CO\u200bN', '_CON'],
    ['COM10', 'COM10'],
    ['console.txt', 'console.txt'],
    // Names a shell acts upon.
    ['desktop.ini', '_desktop.ini'],
    ['AUTORUN.INF', '_AUTORUN.INF'],
    ['Thumbs.db', '_Thumbs.db'],
    ['.DS_Store', '__DS_Store'],
    ['.htaccess', '__htaccess'],
    // Nothing left.
    ['', 'file'],
    ['   ', 'file'],
    ['...', 'file'],
    ['\u202e\u200b', 'file'],
  ])('%j is saved as %j', (original, saved) => {
    expect(safeName(original)).toBe(saved);
  });

  test('too long is cut in its stem, at a grapheme, and keeps its extension', () => {
    expect(safeName(`${'a'.repeat(300)}.pdf`)).toBe(`${'a'.repeat(196)}.pdf`);
    expect(safeName(`${'a'.repeat(195)}👩‍🚀.pdf`)).toBe(`${'a'.repeat(195)}.pdf`);
    expect(safeName(`${'é'.repeat(150)}.pdf`)).toBe(`${'é'.repeat(98)}.pdf`);
    expect(safeName(`${'a'.repeat(100)} ${'b'.repeat(95)} ccc.pdf`)).toBe(`${'a'.repeat(100)} ${'b'.repeat(95)}.pdf`);
  });

  test('of one endless grapheme keeps its extension', () => {
    expect(splitExtension(safeName(`x${'\u0301'.repeat(300)}.pdf`)).extension).toBe('.pdf');
  });

  test('with an extension that is none is cut like a stem', () => {
    expect(safeName(`a.${'b'.repeat(300)}`)).toBe(`a.${'b'.repeat(198)}`);
  });
});

/** Texts made to break the rules: pieces of every rule in every order, and arbitrary code points. */
const nasty = fc.oneof(
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 120 }) },
  {
    weight: 4,
    arbitrary: fc
      .array(
        fc.constantFrom(
          ...[
            'con',
            'COM¹',
            'nul',
            'lpt1',
            'desktop.ini',
            '.htaccess',
            'DS_Store',
            'file',
            'a',
            'B',
            'ß',
            'é',
            'e\u0301',
          ],
          ...['.', '..', ' ', '\u00a0', '-', '~', '_', ':', '%', '?', '/', '\\', '\n', '\u0000', '\u0301', '\u0338'],
          ...[
            '\u200d',
            '\u200b',
            '\u202e',
            '\u2066',
            '\ufe0f',
            '\u3164',
            '\u2800',
            '\u{e0041}',
            '\ufeff',
            '\u1160',
            '각',
          ],
          ...[
            '👩',
            '🚀',
            '🏽',
            '❤',
            '🇩',
            '\ud800',
            '\udc00',
            '.exe',
            '.pdf',
            'ㅤ',
            'x'.repeat(90),
            '\u0308'.repeat(60),
          ],
          ...['가'.repeat(30), '👩\u200d'.repeat(12), ' '.repeat(50)],
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join('')),
  },
);
const anyName = { numRuns: 5_000 };

describe('any name', () => {
  test('is settled in one go', () => {
    const settles = fc.property(nasty, (original) => {
      const name = safeName(original);
      expect(safeName(name)).toBe(name);
      expect(splitExtension(safeName(name))).toEqual(splitExtension(name));
    });
    fc.assert(settles, anyName);
  });

  test('becomes a name every file system takes', () => {
    const safe = fc.property(nasty, (original) => {
      const name = safeName(original);
      expect(name).not.toBe('');
      expect(utf8Length(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
      expect(name.isWellFormed()).toBe(true);
      expect(name.normalize('NFC')).toBe(name);
      expect(name).not.toMatch(/[/\\<>:"|?*%]/u);
      expect(name).not.toMatch(/^[.\-~ ]|[. ]$|\s\s/u);
      expect(name).not.toMatch(/^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/iu);
      expect(name).not.toMatch(/^(?:desktop\.ini|autorun\.inf|thumbs\.db|\.ds_store|\.htaccess)$/iu);
    });
    fc.assert(safe, anyName);
  });

  test('keeps nothing that hides or turns text', () => {
    const honest = fc.property(nasty, (original) => {
      const name = safeName(original);
      expect(name).not.toMatch(/[\p{Cc}\u2800\u3164\u115f\u1160\uffa0\u2028\u2029]/u);
      expect(name.replaceAll('\u200d', '')).not.toMatch(/\p{Cf}/u);
      // What is left of joiners joins a pictograph to another.
      for (const { index } of name.matchAll(/\u200d/gu)) {
        expect(name.slice(0, index)).toMatch(/[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]$/u);
        expect(name.slice(index + 1)).toMatch(/^\p{Extended_Pictographic}/u);
      }
    });
    fc.assert(honest, anyName);
  });

  test('keeps the extension it was sent with', () => {
    const extension = fc.constantFrom('.exe', '.pdf', '.tar', '.html', '.7z');
    const keeps = fc.property(nasty, extension, (stem, sent) => {
      expect(splitExtension(safeName(`x${stem}${sent}`)).extension).toBe(sent);
    });
    fc.assert(keeps, anyName);
  });

  test('keeps its emoji whole', () => {
    const emoji = fc.array(fc.constantFrom('👩‍🚀', '👨‍👩‍👧‍👦', '🏳️‍🌈', '👩🏽‍💻', '❤️‍🔥', '🇩🇪', '👍🏿'), { minLength: 1, maxLength: 30 });
    const whole = fc.property(emoji, (sequence) => {
      const kept = graphemes(splitExtension(safeName(`${sequence.join('')}.png`)).stem);
      expect(kept).toEqual(sequence.slice(0, kept.length));
      expect(kept.length).toBeGreaterThan(0);
    });
    fc.assert(whole, { numRuns: 500 });
  });
});

describe('a path', () => {
  test.each<[string, string[]]>([
    ['a.txt', ['a.txt']],
    ['photos/2024/a.jpg', ['photos', '2024', 'a.jpg']],
    ['photos\\2024\\a.jpg', ['photos', '2024', 'a.jpg']],
    ['../../etc/passwd', ['etc', 'passwd']],
    ['/etc/passwd', ['etc', 'passwd']],
    ['C:\\Windows\\a.dll', ['C_', 'Windows', 'a.dll']],
    ['a//b/./c/../d', ['a', 'b', 'c', 'd']],
    ['a/ . /b', ['a', 'b']],
    ['a/.\u200b./b', ['a', 'file', 'b']],
    ['.git/con', ['_git', '_con']],
    ['', ['file']],
    ['../..', ['file']],
    ['/', ['file']],
    [Array.from({ length: 20 }, (_, i) => `d${i}`).join('/'), Array.from({ length: 16 }, (_, i) => `d${i + 4}`)],
  ])('%j becomes %j', (original, parts) => {
    expect(safePath(original)).toEqual(parts);
  });

  test('has 1 to 16 parts, each a safe name, whatever was sent', () => {
    const safe = fc.property(fc.array(nasty, { maxLength: 20 }), fc.constantFrom('/', '\\'), (parts, separator) => {
      const path = safePath(parts.join(separator));
      expect(path.length).toBeGreaterThanOrEqual(1);
      expect(path.length).toBeLessThanOrEqual(16);
      for (const part of path) expect(safeName(part)).toBe(part);
      expect(safePath(path.join('/'))).toEqual(path);
    });
    fc.assert(safe, { numRuns: 1_000 });
  });
});

describe('a name that is taken', () => {
  const namesOf = (...names: string[]) => {
    const taken = new Set<string>();
    return names.map((name) => uniqueName(name, taken));
  };

  test.each<[string[], string[]]>([
    [
      ['a.txt', 'b.txt'],
      ['a.txt', 'b.txt'],
    ],
    [
      ['a.txt', 'a.txt', 'a.txt'],
      ['a.txt', 'a (2).txt', 'a (3).txt'],
    ],
    [
      ['a.txt', 'A.TXT'],
      ['a.txt', 'A (2).TXT'],
    ],
    [
      ['a (2).txt', 'a.txt', 'a.txt'],
      ['a (2).txt', 'a.txt', 'a (3).txt'],
    ],
    [
      ['straße', 'STRASSE'],
      ['straße', 'STRASSE (2)'],
    ],
    [
      ['é', 'e\u0301'],
      ['é', 'e\u0301 (2)'],
    ],
    [
      ['archive.tar.gz', 'archive.tar.gz'],
      ['archive.tar.gz', 'archive.tar (2).gz'],
    ],
    [
      ['README', 'readme'],
      ['README', 'readme (2)'],
    ],
  ])('%j become %j', (names, unique) => {
    expect(namesOf(...names)).toEqual(unique);
  });

  test('is numbered on without counting, even for ten thousand files of one name', () => {
    const names = namesOf(...Array<string>(10_000).fill('a.txt'));
    expect(new Set(names).size).toBe(10_000);
    expect(names.at(-1)).toBe('a (10000).txt');
  });

  test('is never given again, not in other cases or another normal form, and stays a safe name', () => {
    const alike = fc.constantFrom(
      'a',
      'A',
      'é',
      'e\u0301',
      'É',
      'ß',
      'SS',
      'ſ',
      'K',
      'k',
      'σ',
      'ς',
      'Σ',
      'İ',
      'ı',
      'ǰ',
      '.',
      ' ',
      '가',
    );
    const short = fc.array(alike, { maxLength: 3 }).map((parts) => parts.join(''));
    const long = fc.constantFrom('x'.repeat(250), `x${'\u0301'.repeat(97)}.txt`, `${'é'.repeat(98)}.txt`);
    const folded = [
      (name: string) => name.normalize('NFC').toLowerCase().normalize('NFC'),
      (name: string) => name.normalize('NFC').toUpperCase().normalize('NFC'),
    ];
    const unique = fc.property(
      fc.array(fc.oneof({ weight: 8, arbitrary: short }, long), { maxLength: 30 }),
      (names) => {
        const given = namesOf(...names.map(safeName));
        for (const name of given) expect(safeName(name)).toBe(name);
        for (const fold of folded) expect(new Set(given.map(fold)).size).toBe(given.length);
      },
    );
    fc.assert(unique, { numRuns: 1_000 });
  });
});

test.each([
  ['a.txt', 'a', '.txt'],
  ['a.tar.gz', 'a.tar', '.gz'],
  ['README', 'README', ''],
  ['.bashrc', '.bashrc', ''],
  ['a.', 'a.', ''],
  ['', '', ''],
])('%j is the stem %j and the extension %j', (name, stem, extension) => {
  expect(splitExtension(name)).toEqual({ stem, extension });
});
