// What a file's first bytes say it is (safety.md, Types and risk). Pure and bounded: 4 KiB are looked at once, nothing is
// unpacked, nothing is parsed. It trusts nothing: the bytes are anyone's, and what is not known is `undefined`, never a guess.

import type { Risk } from './file-type.ts';

/** So many of a file's bytes are looked at. */
export const HEAD_BYTES = 4096;

/** Kinds that pass for each other: a WebP named .jpg misleads nobody. */
export type Family = 'program' | 'archive' | 'media' | 'document' | 'text' | 'font' | 'model' | 'data';

/** What bytes look like. */
export interface Kind {
  /** In words, after "Looks like". */
  readonly says: string;
  readonly risk: Risk;
  readonly family: Family;
  /** Extensions that such bytes may honestly have though they are of another family. */
  readonly fits: ReadonlySet<string>;
}

type Test = (text: string) => boolean;

function kind(says: string, risk: Risk, family: Family, fits = ''): Kind {
  return { says, risk, family, fits: new Set(fits.split(' ').filter(Boolean)) };
}

const program = (says: string) => kind(says, 'dangerous', 'program');
const archive = (says: string, fits = '') => kind(says, 'caution', 'archive', fits);
const media = (says: string) => kind(says, 'ordinary', 'media');

/** Begins with any of these; `at` counts from 0. A string is bytes, one character each. */
const begins =
  (...magics: string[]): Test =>
  (text) =>
    magics.some((magic) => text.startsWith(magic));
const has =
  (at: number, ...magics: string[]): Test =>
  (text) =>
    magics.some((magic) => text.startsWith(magic, at));
const both =
  (...tests: Test[]): Test =>
  (text) =>
    tests.every((test) => test(text));

/** CAFEBABE begins a Mach-O program for several processors, which are few, and a Java class, whose version is 45 or more. */
const FIRST_CLASS_VERSION = 45;
const fatOrClass = (text: string) =>
  text.charCodeAt(4) || text.charCodeAt(5) || text.charCodeAt(6) || text.charCodeAt(7) >= FIRST_CLASS_VERSION
    ? 'class'
    : 'fat';

const WINDOWS_PROGRAM = program('a Windows program');
const MAC_PROGRAM = program('a Mac program');
const SCRIPT = program('a script');
const PAGE = program('a web page');
const DRAWING = program('a drawing that can run script (SVG)');
const SHORTCUT = program('a shortcut');
const INSTALLER = program('an installer');
const DISK_IMAGE = program('a disk image');
const MACROS = program('a document with macros');
const DATABASE = program('an Access database');
const PACKAGE = program('a software package');
const MOVIE = media('a film or sound');
const PICTURE = media('a picture');
const SOUND = media('sound');

// OOXML, OpenDocument, EPUB and iWork are ZIP archives; in 4 KiB not all of them show which.
const ZIPPED = 'docx xlsx pptx odt ods odp epub pages numbers key';
const ZIP = archive('a ZIP archive', ZIPPED);
const DOCUMENT = kind('a document', 'ordinary', 'document');
const OLD_OFFICE = kind('an old Office document or an installer', 'caution', 'document');

/** Signatures, the first that holds; those with few bytes come last. Offsets and values as in the formats' own papers. */
const table: readonly (readonly [Kind, Test])[] = [
  [program('a Linux program'), begins('\x7fELF')],
  [
    MAC_PROGRAM,
    begins('\xfe\xed\xfa\xce', '\xfe\xed\xfa\xcf', '\xce\xfa\xed\xfe', '\xcf\xfa\xed\xfe', '\xca\xfe\xba\xbf'),
  ],
  [MAC_PROGRAM, (text) => text.startsWith('\xca\xfe\xba\xbe') && text.length >= 8 && fatOrClass(text) === 'fat'],
  [program('a Java program'), begins('\xca\xfe\xba\xbe', '\xca\xfe\xd0\x0d')],
  [program('an Android program'), begins('dex\n0', 'dey\n0')],
  [program('a Flash program'), (text) => /^[FCZ]WS/.test(text) && text.charCodeAt(3) < 0x40],
  [program('a compiled Python program'), both(has(2, '\r\n'), (text) => text.charCodeAt(1) === 0x0d)],
  [program('a compiled Lua program'), begins('\x1bLua')],
  [program('a compiled AppleScript'), begins('FasdUAS ')],
  [SHORTCUT, begins('L\0\0\0\x01\x14\x02\0')],
  [program('a Windows help file'), begins('ITSF\x03\0', '?_\x03\0')],
  [program('an encoded script'), begins('#@~^')],
  [program('a OneNote notebook'), begins('\xe4R\\{\x8c\xd8\xa7M')],
  [DATABASE, begins('\0\x01\0\0Standard Jet DB', '\0\x01\0\0Standard ACE DB')],
  [INSTALLER, begins('xar!\0')],
  [PACKAGE, begins('!<arch>\ndebian-binary', '\xed\xab\xee\xdb', 'hsqs')],
  [program('a browser extension'), begins('Cr24\x02\0', 'Cr24\x03\0')],
  [DISK_IMAGE, begins('vhdxfile', 'conectix', 'KDMV', '# Disk DescriptorFile', 'QFI\xfb')],
  [kind('a WebAssembly program', 'caution', 'program', 'wasm'), begins('\0asm')],

  [archive('a RAR archive'), begins('Rar!\x1a\x07')],
  [archive('a 7-Zip archive'), begins('7z\xbc\xaf\x27\x1c')],
  [archive('a compressed file', 'blend'), begins('\x1f\x8b\x08', '(\xb5/\xfd')],
  [archive('a compressed file'), begins('\xfd7zXZ\0', '\x04"M\x18', 'LZIP\x01', '\x1f\x9d', '\x1f\xa0')],
  [archive('a compressed file'), (text) => /^BZh[1-9]1AY&SY/.test(text)],
  [archive('a Windows cabinet'), begins('MSCF\0\0\0\0', 'MSWIM\0\0\0', 'ISc(')],
  [archive('an archive'), has(257, 'ustar')],
  [archive('an archive'), begins('!<arch>\n')],
  [archive('an archive'), (text) => /^07070[127][0-9a-f]{10}/i.test(text)],
  [archive('an archive'), has(7, '**ACE**')],
  [archive('an archive'), (text) => /^..-l[hz][0-9ds]-/s.test(text)],

  [kind('a PDF', 'ordinary', 'document'), begins('%PDF-', '\xef\xbb\xbf%PDF-')],
  [kind('a PostScript program', 'caution', 'document'), begins('%!PS', '\xc5\xd0\xd3\xc6')],
  [kind('an RTF document', 'caution', 'document'), begins('{\\rt')],
  [kind('a database', 'caution', 'data'), begins('SQLite format 3\0')],
  [DOCUMENT, has(60, 'BOOKMOBI', 'TEXtREAd')],
  [DOCUMENT, begins('AT&TFORM')],

  [PICTURE, begins('\xff\xd8\xff', '\x89PNG\r\n\x1a\n', 'GIF87a', 'GIF89a', '8BPS\0', '\xff\x0a', 'v/1\x01')],
  [PICTURE, begins('II*\0', 'MM\0*', 'II+\0', 'MM\0+', '\0\0\x01\0', '\0\0\x02\0', 'IIRO', 'IIU\0', 'FUJIFILMCCD-RAW')],
  [PICTURE, begins('\0\0\0\x0cJXL \r\n\x87\n', '\0\0\0\x0cjP  \r\n\x87\n')],
  [PICTURE, both(begins('RIFF'), has(8, 'WEBP'))],
  [PICTURE, both(has(4, 'ftyp'), has(8, 'avif', 'avis', 'heic', 'heix', 'heim', 'heis', 'mif1', 'msf1', 'crx '))],
  [PICTURE, both(begins('BM'), has(6, '\0\0\0\0'))],
  [MOVIE, both(has(4, 'ftyp', 'moov', 'mdat', 'wide', 'free'), (text) => text.charCodeAt(0) < 0x02)],
  [MOVIE, begins('\x1aE\xdf\xa3', '0&\xb2u\x8ef\xcf\x11', 'FLV\x01', '\0\0\x01\xba', '\0\0\x01\xb3')],
  [MOVIE, both(begins('RIFF'), has(8, 'AVI '))],
  [MOVIE, both(begins('G'), has(188, 'G'), has(376, 'G'))],
  [SOUND, begins('OggS\0', 'fLaC', 'ID3\x02', 'ID3\x03', 'ID3\x04', 'MThd\0\0\0\x06', '#!AMR', 'wvpk', '.snd\0')],
  [SOUND, both(begins('RIFF', 'RF64'), has(8, 'WAVE'))],
  [SOUND, both(begins('FORM'), has(8, 'AIFF', 'AIFC'))],
  [SOUND, begins('\xff\xfb', '\xff\xf3', '\xff\xf2', '\xff\xfa', '\xff\xf1', '\xff\xf9')],

  [kind('a font', 'ordinary', 'font'), begins('wOFF', 'wOF2', 'OTTO\0', 'ttcf\0', 'true\0', '\0\x01\0\0\0')],
  [kind('a 3-D model', 'ordinary', 'model'), begins('glTF\x01\0', 'glTF\x02\0')],
  [kind('a 3-D model', 'ordinary', 'model'), (text) => /^BLENDER(?:[-_]v\d|\d\d-)/i.test(text)],
];

const SEEN_IN_TEXT: readonly (readonly [Kind, RegExp])[] = [
  // A kernel runs what follows `#!`; a path does, which Rust's `#![…]` is not.
  [SCRIPT, /^#! *\//],
  [SCRIPT, /^(?:@echo off\b|<\?php\b|<%@)/i],
  [kind('a saved web page', 'dangerous', 'program', 'eml'), /^mime-version:[^]{0,600}?multipart\/related/i],
  [PAGE, /^from: *<saved by/i],
  [SHORTCUT, /^\[(?:internetshortcut|\{000214a0-|desktop entry|shell\]\s+command|autorun)/i],
  [program('changes to the Windows registry'), /^(?:windows registry editor|regedit4)/i],
];

/** An XML or HTML file by its first element: what a browser or the system would run. */
const MARKUP: readonly (readonly [Kind, RegExp])[] = [
  [DRAWING, /^<(?:\w+:)?svg[\s>/]|^<!doctype svg/i],
  [PAGE, /^<(?:!doctype html|(?:\w+:)?(?:html|head|body|script|iframe|frameset|title|base|meta)[\s>/])/i],
  [SCRIPT, /^<(?:(?:xsl:)?(?:stylesheet|transform)|scriptlet|component|hta:application)[\s>/]/i],
  [SHORTCUT, /^<(?:librarydescription|searchconnectordescription|persistedquery|pcsettings)[\s>/]/i],
];

/** What may stand in front of the first element: a declaration, comments, other doctypes. Stylesheets there run script. */
const PROLOG = /^(?:\s+|<\?(?!xml-stylesheet)[^]*?\?>|<!--[^]*?-->|<!doctype (?!html|svg)[^>[]*(?:\[[^\]]*\]\s*)?>)/i;

function inText(head: string): Kind | undefined {
  const text = asText(head).trimStart();
  const plain = SEEN_IN_TEXT.find(([, pattern]) => pattern.test(text));
  if (plain) return plain[0];
  let rest = text;
  // Each turn takes something off; more pieces than this no honest file has in front.
  for (let turn = 0; turn < 32 && rest.startsWith('<'); turn++) {
    const found = MARKUP.find(([, pattern]) => pattern.test(rest));
    if (found) return found[0];
    if (/^<\?xml-stylesheet\b/i.test(rest)) return SCRIPT;
    const prolog = PROLOG.exec(rest)?.[0];
    if (!prolog) break;
    rest = rest.slice(prolog.length).trimStart();
  }
  return undefined;
}

/** Text as it reads, whichever byte order mark is in front: of UTF-16 every other byte is nothing for what is looked for here. */
function asText(head: string): string {
  if (head.startsWith('\xff\xfe') || head.startsWith('\xfe\xff')) return head.slice(2).replaceAll('\0', '');
  return head.startsWith('\xef\xbb\xbf') ? head.slice(3) : head;
}

/** Names of the files in a ZIP archive, as far as the first bytes tell: each local header has its own. */
function namesInZip(text: string): { readonly names: readonly string[]; readonly mimetype: string } {
  const names: string[] = [];
  let mimetype = '';
  for (let at = 0; at >= 0; at = text.indexOf('PK\x03\x04', at + 4)) {
    const length = text.charCodeAt(at + 26) | (text.charCodeAt(at + 27) << 8);
    const name = text.slice(at + 30, at + 30 + length);
    if (name === 'mimetype') mimetype = text.slice(at + 38, at + 38 + 80);
    names.push(name);
  }
  return { names, mimetype };
}

/** A document that is one ZIP archive may be named as one: nothing is made to look milder by it. */
const ZIPPED_DOCUMENT = kind('a document', 'ordinary', 'document', 'zip');

const ZIPS: readonly (readonly [Kind, RegExp])[] = [
  [MACROS, /(?:^|\/)vbaProject\.bin$/],
  [program('an Android program'), /^(?:AndroidManifest\.xml|classes\d*\.dex|BundleConfig\.pb)$/],
  [program('a Windows app'), /^App[xX](?:Manifest\.xml|BlockMap\.xml|Signature\.p7x|Metadata\/)/],
  [program('an iPhone app'), /^Payload\/[^/]+\.app\//],
  [program('a browser extension'), /^META-INF\/(?:mozilla\.(?:rsa|sf)|cose\.manifest)$/],
  [program('a Java program'), /^META-INF\/MANIFEST\.MF$/],
  [ZIPPED_DOCUMENT, /^\[Content_Types\]\.xml$|^(?:word\/document|xl\/workbook|ppt\/presentation)\.xml$/],
  [ZIPPED_DOCUMENT, /^Index(?:\.zip$|\/.*\.iwa$)/],
];

function inZip(text: string): Kind {
  const { names, mimetype } = namesInZip(text);
  const found = ZIPS.find(([, pattern]) => names.some((name) => pattern.test(name)));
  if (found) return found[0];
  if (mimetype.startsWith('application/vnd.oasis.opendocument.'))
    return names.some((name) => /^(?:Basic|Scripts)\//.test(name)) ? MACROS : ZIPPED_DOCUMENT;
  return mimetype.startsWith('application/epub+zip') ? ZIPPED_DOCUMENT : ZIP;
}

const MSI_CLASS = '\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46';
const utf16 = (text: string) => Array.from(text, (char) => `${char}\0`).join('');
const OLE_MACROS = ['_VBA_PROJECT', 'VBA', 'Macros'].map((name) => `${utf16(name)}\0\0`);

/** A compound file is a document or an installer; its directory tells, when it lies within the first bytes. */
function inCompound(text: string): Kind {
  if (text.includes(MSI_CLASS)) return INSTALLER;
  return OLE_MACROS.some((name) => text.includes(name)) ? MACROS : OLD_OFFICE;
}

/** Two letters are enough for Windows. Only text that happens to begin with them is let through: in a program's first 64 bytes lies a number that would send it beyond any file, were all of them letters. */
function isWindowsProgram(text: string): boolean {
  return /^(?:MZ|ZM)/.test(text) && !/^[\t\r\n\x20-\x7e]*$/.test(text.slice(0, 64));
}

/** What the first bytes of a file look like; `undefined` when they say nothing, as plain text does. */
export function sniff(head: Uint8Array): Kind | undefined {
  const text = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  if (isWindowsProgram(text)) return WINDOWS_PROGRAM;
  if (text.startsWith('PK\x03\x04')) return inZip(text);
  if (text.startsWith('PK\x05\x06') || text.startsWith('PK00PK\x03\x04')) return ZIP;
  if (text.startsWith('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')) return inCompound(text);
  return table.find(([, test]) => test(text))?.[0] ?? inText(text);
}
