import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safeName } from './file-name.ts';
import { nameWarning, riskOf, type Risk } from './file-type.ts';

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
