import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safeName } from './file-name.ts';
import { mayHoldText, nameWarning, riskOf, verdictOf, type Risk } from './file-type.ts';

test.each<[string, Risk, string[]]>([
  ['programs', 'dangerous', ['setup.exe', 'a.com', 'a.scr', 'a.dll', 'a.jar', 'a.apk', 'a.deb', 'a.rpm', 'a.appimage']],
  ['scripts', 'dangerous', ['a.bat', 'a.cmd', 'a.ps1', 'a.vbs', 'a.js', 'a.sh', 'a.py', 'a.hta', 'a.command']],
  ['installers', 'dangerous', ['a.msi', 'a.msix', 'a.pkg', 'a.crx', 'a.xpi', 'a.mobileconfig']],
  [
    'shortcuts',
    'dangerous',
    ['a.lnk', 'a.url', 'a.desktop', 'a.webloc', 'a.library-ms', 'a.settingcontent-ms', 'a.rdp'],
  ],
  ['disk images', 'dangerous', ['a.iso', 'a.img', 'a.dmg', 'a.vhd', 'a.vhdx', 'a.vmdk']],
  ['pages and drawings that run script', 'dangerous', ['a.html', 'a.htm', 'a.xhtml', 'a.mhtml', 'a.svg', 'a.svgz']],
  ['documents with macros', 'dangerous', ['a.docm', 'a.xlsm', 'a.pptm', 'a.xlam', 'a.xll']],
  ['archives', 'caution', ['a.zip', 'a.7z', 'a.rar', 'a.tar', 'a.tar.gz']],
  ['the unknown', 'caution', ['a.xyz', 'README', 'a', '']],
  ['pictures, sound, video', 'ordinary', ['a.jpg', 'a.PNG', 'a.heic', 'a.mp3', 'a.mkv', 'a.webm']],
  ['texts and documents', 'ordinary', ['a.txt', 'a.md', 'a.csv', 'a.pdf', 'a.docx', 'a.xlsx', 'a.odt']],
])('%s are %s', (_, risk, names) => {
  for (const name of names) expect([name, riskOf(name)]).toEqual([name, risk]);
});

test.each([
  'photo.jpg.EXE',
  'photo.jpg .exe',
  'photo.exe',
  'x\u202egpj.exe',
  'a.exe.',
  'a.exe ',
  'a.e\u200bxe',
  'a.exe\u0000',
])('%j is dangerous under the name it is saved as', (name) => {
  expect(riskOf(safeName(name))).toBe('dangerous');
});

test('only the last extension counts, in any case', () => {
  const anyCase = fc.mixedCase(fc.constantFrom('exe', 'lnk', 'svg', 'docm'));
  const dangerous = fc.property(fc.constantFrom('a', 'a.jpg', 'a.tar', '日本'), anyCase, (stem, extension) => {
    expect(riskOf(`${stem}.${extension}`)).toBe('dangerous');
    expect(riskOf(`${stem}.${extension}.txt`)).toBe('ordinary');
  });
  fc.assert(dangerous);
});

test.each([
  ['invoice.pdf.exe', 'Named like a .pdf, but it is a .exe file.'],
  ['photo.JPG .scr', 'Named like a .jpg, but it is a .scr file.'],
  ['invoice.pdf', ''],
  ['setup.exe', ''],
  ['archive.tar.gz', ''],
  ['notes.txt.pdf', ''],
  ['1.2.exe', ''],
])('of %j it is said: %j', (name, warning) => {
  expect(nameWarning(name)).toBe(warning);
});

// Chromium's download_file_types (version 49): the extensions it marks DANGEROUS on some system.
const CHROMIUM_DANGEROUS = `
  swf spl class pyd ocx url website fileloc webloc cfg dll drv gadget grp hta ini local manifest mof scf sys xbap
  applescript scpt scptd seplugin osas osax`;
// Those it marks ALLOW_ON_USER_GESTURE; more than an opened document could do.
const CHROMIUM_ON_GESTURE = `
  crx jar jnlp pl py pyc pyo pyw rb efi oxt msi msp mst ade adp mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt
  mdw mdz accdb accde accdr accda ops paf pif prf prg pst cpi xll xrm-ms xsl ps1 ps1xml ps2 ps2xml psc1 psc2 js jse vb vbe
  vbs vbscript ws wsc wsf wsh msh msh1 msh2 mshxml msh1xml msh2xml ad app application appref-ms asp bat chi chm cmd com cpl
  exe fon fxp hlp htt inf ins inx isu isp job lnk mht mhtml mmc msc reg rgs scr sct search-ms settingcontent-ms shb shs slk
  u3p vsdm vssm vstm vsmacros xnk cdr dart dc42 diskcopy42 dmg dmgpart dvdr dylib img imgpart ndif service smi sparsebundle
  sparseimage toast udif action definition wflow caction command mpkg workflow xip mobileconfig configprofile
  internetconnect networkconnect pkg deb pet pup rpm slp run bash csh ksh sh shar tcsh desktop dex apk`;
// Those it allows on a gesture that are data for a program the person has to open them with.
const CHROMIUM_DATA = `
  pcd plg partial rels xml xsd asx bas crt cer der eml msg vdx vsx vtx vsdx vssx vstx vsd vss vst vsw as cpgz pax out`;

const list = (text: string) => text.trim().split(/\s+/);

test.each<[string, Risk, string]>([
  ['DANGEROUS', 'dangerous', CHROMIUM_DANGEROUS],
  ['ALLOW_ON_USER_GESTURE', 'dangerous', CHROMIUM_ON_GESTURE],
  ['ALLOW_ON_USER_GESTURE for data', 'caution', CHROMIUM_DATA],
])('what Chromium marks %s is %s', (_, risk, extensions) => {
  for (const extension of list(extensions)) expect([extension, riskOf(`a.${extension}`)]).toEqual([extension, risk]);
});

test.each<[string, Risk, string[]]>([
  ['programs', 'dangerous', ['application/x-msdownload', 'application/vnd.microsoft.portable-executable']],
  ['scripts and pages', 'dangerous', ['text/html', 'TEXT/HTML; charset=utf-8', 'image/svg+xml', 'text/javascript']],
  ['scripts of systems', 'dangerous', ['application/x-sh', 'text/x-python', 'application/x-bat']],
  ['macros', 'dangerous', ['application/vnd.ms-word.document.macroEnabled.12']],
  ['archives', 'caution', ['application/zip', 'application/x-7z-compressed', 'application/gzip']],
  ['types that say nothing', 'ordinary', ['', 'application/octet-stream', 'nonsense', ';', 'image/jpeg', 'text/plain']],
  // What Windows declares of a CSV where Excel is installed.
  ['office documents', 'ordinary', ['application/vnd.ms-excel']],
])('declared as %s, a .txt is %s', (_, risk, types) => {
  for (const type of types) expect([type, riskOf('a.txt', type)]).toEqual([type, risk]);
});

const bytes = (...parts: (string | Uint8Array | readonly number[])[]) =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'string' ? Array.from(part, (c) => c.charCodeAt(0)) : [...part])),
  );
const u16 = (n: number) => [n & 255, n >> 8];

/** A local header of a ZIP archive, its content stored. */
function zipped(...files: [name: string, content?: string][]): Uint8Array {
  return bytes(
    ...files.flatMap(([name, content = '']) => [
      'PK\x03\x04',
      [20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
      [...u16(content.length), 0, 0, ...u16(content.length), 0, 0, ...u16(name.length), 0, 0],
      name,
      content,
    ]),
  );
}

/** The first bytes of a Windows program as linkers write them. */
const windowsProgram = bytes(
  'MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8',
  Array<number>(43).fill(0),
  [0x80, 0, 0, 0],
  'PE',
);
const linuxProgram = bytes('\x7fELF\x02\x01\x01', Array<number>(9).fill(0), [3, 0, 62, 0]);
const png = bytes('\x89PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR');
const jpeg = bytes([255, 216, 255, 224, 0, 16], 'JFIF\0');
const compound = bytes([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], Array<number>(500).fill(0));

const programs: [says: string, head: Uint8Array][] = [
  ['a Windows program', windowsProgram],
  ['a Linux program', linuxProgram],
  ['a Mac program', bytes([0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1])],
  ['a Mac program', bytes([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2])],
  ['a Java program', bytes([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61])],
  ['a Java program', zipped(['META-INF/'], ['META-INF/MANIFEST.MF', 'Manifest-Version: 1.0'])],
  ['an Android program', bytes('dex\n035\0')],
  ['an Android program', zipped(['AndroidManifest.xml'], ['classes.dex'])],
  ['a Windows app', zipped(['AppxManifest.xml'])],
  ['an iPhone app', zipped(['Payload/'], ['Payload/Doors.app/Info.plist'])],
  ['a browser extension', bytes('Cr24\x03\0\0\0')],
  ['a Flash program', bytes('CWS\x0a')],
  ['a compiled Python program', bytes([0xcb, 0x0d, 0x0d, 0x0a])],
  ['a script', bytes('#!/bin/sh\nrm -r x')],
  ['a script', bytes('#! /usr/bin/env python3\n')],
  ['a script', bytes('@echo off\r\n')],
  ['a script', bytes('<?php echo 1;')],
  ['a script', bytes('<?xml version="1.0"?><?xml-stylesheet href="x"?><a/>')],
  ['a web page', bytes('\xef\xbb\xbf\n<!-- saved --><!DOCTYPE html><html>')],
  ['a web page', bytes('<SCRIPT>alert(1)</SCRIPT>')],
  ['a web page', bytes('\xff\xfe', Array.from('<html>').join('\0'), [0])],
  ['a drawing that can run script (SVG)', bytes('<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="x">')],
  ['a drawing that can run script (SVG)', bytes('<!DOCTYPE svg PUBLIC "x">')],
  ['a shortcut', bytes([0x4c, 0, 0, 0, 1, 0x14, 2, 0])],
  ['a shortcut', bytes('[InternetShortcut]\r\nURL=file://x')],
  ['a shortcut', bytes('[Desktop Entry]\nExec=x')],
  ['changes to the Windows registry', bytes('Windows Registry Editor Version 5.00')],
  ['a Windows help file', bytes('ITSF\x03\0\0\0')],
  ['an installer', bytes('xar!\0\x1c')],
  ['an installer', bytes(compound, '\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46')],
  ['a software package', bytes('!<arch>\ndebian-binary   ')],
  ['a software package', bytes([0xed, 0xab, 0xee, 0xdb, 3, 0])],
  ['a disk image', bytes('vhdxfile')],
  ['a document with macros', zipped(['[Content_Types].xml', 'x'], ['word/vbaProject.bin', 'x'])],
  ['a document with macros', bytes(compound, 'V\0B\0A\0\0\0')],
  ['a document with macros', zipped(['mimetype', 'application/vnd.oasis.opendocument.text'], ['Basic/script-lc.xml'])],
];

test.each(programs)('%s is known by its first bytes, whatever it is named', (says, head) => {
  const look = (name: string) => verdictOf({ name, type: '', head });
  expect(look('a.jpg')).toEqual({ risk: 'dangerous', warning: `Looks like ${says}, named .jpg.`, lie: true });
  expect(look('a.txt')).toEqual({ risk: 'dangerous', warning: `Looks like ${says}, named .txt.`, lie: true });
  expect(look('a.zip')).toMatchObject({ risk: 'dangerous', lie: true });
  expect(look('a')).toEqual({
    risk: 'dangerous',
    warning: `Looks like ${says}, which its name does not say.`,
    lie: true,
  });
  // Who said yes to a program was not lied to.
  expect(look('a.exe')).toEqual({ risk: 'dangerous', warning: '', lie: false });
});

test.each<[string, string, Uint8Array]>([
  ['a picture', 'a.jpg', jpeg],
  ['another picture', 'a.jpg', png],
  ['a film', 'a.mov', bytes([0, 0, 0, 20], 'ftypqt  ')],
  ['a film named like a picture', 'a.gif', bytes([0, 0, 0, 20], 'ftypisom')],
  ['a photo', 'a.heic', bytes([0, 0, 0, 24], 'ftypheic')],
  ['sound', 'a.mp3', bytes('ID3\x04\0')],
  ['sound', 'a.wav', bytes('RIFF', [1, 2, 3, 4], 'WAVEfmt ')],
  ['a PDF', 'a.pdf', bytes('%PDF-1.7')],
  ['a document', 'a.docx', zipped(['[Content_Types].xml'], ['word/document.xml'])],
  ['a document, which in 4 KiB does not show', 'a.pages', zipped(['preview.jpg'])],
  ['a book', 'a.epub', zipped(['mimetype', 'application/epub+zip'])],
  ['a spreadsheet', 'a.ods', zipped(['mimetype', 'application/vnd.oasis.opendocument.spreadsheet'])],
  ['a font', 'a.woff2', bytes('wOF2\0\x01\0\0')],
  ['a model', 'a.glb', bytes('glTF\x02\0\0\0')],
  ['a compressed model', 'a.blend', bytes([0x28, 0xb5, 0x2f, 0xfd])],
  ['text', 'a.txt', bytes('Dear Bob')],
  ['text that names formats', 'a.md', bytes('ID3 tags, %PDF- and #! are explained here: <p>')],
  [
    'text with the letters of a program',
    'a.csv',
    bytes('MZ,Mozambique,Maputo\nNA,Namibia,Windhoek\nNL,Netherlands,Amsterdam'),
  ],
  ['Markdown with a drawing in it', 'a.md', bytes('<p align="center">\n<svg></svg>')],
  ['Rust settings', 'a.txt', bytes('#![allow(dead_code)]')],
  ['nothing at all', 'a.jpg', new Uint8Array(0)],
  ['bytes nobody knows', 'a.jpg', bytes([7, 99, 3, 250, 1])],
])('%s in %s is ordinary', (_, name, head) => {
  expect(verdictOf({ name, type: '', head })).toEqual({ risk: 'ordinary', warning: '', lie: false });
});

test.each<[string, string, Uint8Array, string]>([
  ['a.jpg', 'a ZIP archive', zipped(['a.txt']), '.jpg'],
  ['a.jpg', 'a RAR archive', bytes('Rar!\x1a\x07\x01\0'), '.jpg'],
  ['a.txt', 'a compressed file', bytes([0x1f, 0x8b, 8]), '.txt'],
  ['a.png', 'an archive', bytes('a'.repeat(257), 'ustar'), '.png'],
  ['a.pdf', 'a picture', png, '.pdf'],
  ['a.txt', 'a PDF', bytes('%PDF-1.4'), '.txt'],
  ['a.zip', 'a picture', jpeg, '.zip'],
  ['a.jpg', 'an old Office document or an installer', compound, '.jpg'],
  ['a.mp4', 'a database', bytes('SQLite format 3\0'), '.mp4'],
])('%s that is %s is a lie, but no danger', (name, says, head, extension) => {
  const warning = `Looks like ${says}, named ${extension}.`;
  expect(verdictOf({ name, type: '', head })).toEqual({ risk: 'caution', warning, lie: true });
});

test.each<[string, Uint8Array]>([
  ['a.zip', zipped(['a.txt'])],
  ['a.zip', zipped(['[Content_Types].xml'])],
  ['a.cbz', zipped(['1.jpg'])],
  ['a.doc', compound],
  ['a.dat', png],
  ['README', bytes('Read me')],
  ['a.docx', compound],
])('%s is caution and tells the truth: %#', (name, head) => {
  expect(verdictOf({ name, type: '', head })).toEqual({ risk: 'caution', warning: '', lie: false });
});

test('what is odd about the name and the declared type is said too', () => {
  const at = (name: string, type: string, head: Uint8Array) => verdictOf({ name, type, head }).warning;
  expect(at('invoice.pdf.exe', '', windowsProgram)).toBe('Named like a .pdf, but it is a .exe file.');
  expect(at('a.pdf', 'application/x-msdownload', bytes('%PDF-'))).toBe(
    'Declared as application/x-msdownload, named .pdf.',
  );
  expect(at('a.pdf', 'application/x-msdownload', windowsProgram)).toBe('Looks like a Windows program, named .pdf.');
  expect(nameWarning('a', 'text/html')).toBe('Declared as text/html, which its name does not say.');
});

const SEVERITY = ['ordinary', 'caution', 'dangerous'];
const anyHead = fc.oneof(
  fc.uint8Array({ maxLength: 5_000 }),
  fc.constantFrom(...programs.map(([, head]) => head), png, jpeg, compound),
  // Beginnings of every kind with anything behind them.
  fc
    .tuple(
      fc.constantFrom('PK\x03\x04', '<?xml ', '<!--', '<!doctype ', 'mime-version:', 'MZ', '\xff\xfe<', '['),
      fc.uint8Array(),
    )
    .map(([start, rest]) => bytes(start, rest)),
);
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .tuple(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('jpg', 'exe', 'zip', 'docx', 'TXT', 'constructor', '__proto__', '7z'),
    )
    .map(([stem, extension]) => `${stem}.${extension}`),
);
const anyType = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('text/html', 'image/png', 'application/zip', ''),
);

test('no bytes, name or type make it throw, or milder than the name alone', () => {
  const holds = fc.property(anyHead, anyName, anyType, (head, name, type) => {
    const { risk, warning, lie } = verdictOf({ name, type, head });
    expect(SEVERITY.indexOf(risk)).toBeGreaterThanOrEqual(SEVERITY.indexOf(riskOf(name, type)));
    expect(SEVERITY.indexOf(riskOf(name, type))).toBeGreaterThanOrEqual(SEVERITY.indexOf(riskOf(name)));
    if (lie) {
      expect(risk).not.toBe('ordinary');
      expect(warning).toMatch(/^Looks like .+\.$/su);
    }
  });
  fc.assert(holds, { numRuns: 3_000 });
});

test('a program in front makes any file of an ordinary name a dangerous lie', () => {
  const ordinary = 'jpg png mp4 mp3 pdf docx xlsx txt md csv json epub odt woff2 glb key wav heic'.split(' ');
  const name = fc.tuple(fc.string({ minLength: 1, maxLength: 9 }), fc.mixedCase(fc.constantFrom(...ordinary)));
  const holds = fc.property(
    fc.constantFrom(...programs),
    fc.uint8Array(),
    name,
    ([, head], rest, [stem, extension]) => {
      const named = safeName(`${stem}.${extension}`);
      const verdict = verdictOf({ name: named, type: '', head: bytes(head, rest) });
      if (riskOf(named) !== 'ordinary') return;
      expect(verdict).toMatchObject({ risk: 'dangerous', lie: true });
    },
  );
  fc.assert(holds, { numRuns: 2_000 });
});

test('bytes far behind the first ones change nothing', () => {
  const head = bytes('Dear Bob', 'x'.repeat(4096), '<script>');
  expect(verdictOf({ name: 'a.txt', type: '', head })).toMatchObject({ risk: 'ordinary' });
});

test.each([
  ['a.txt', true],
  ['a', true],
  ['.env', true],
  ['a.pem', true],
  ['a.js', true],
  ['a.html', true],
  ['a.key', false],
  ['a.jpg', false],
  ['a.mp4', false],
  ['a.zip', false],
])('%s may hold text: %s', (name, may) => {
  expect(mayHoldText(name)).toBe(may);
});
