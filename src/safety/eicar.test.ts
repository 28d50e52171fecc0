import { expect, test } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { EICAR_HALVES, eicarScanner } from './eicar.ts';

const eicar = EICAR_HALVES.join('');
const found = (text: string, step = text.length) => {
  const bytes = utf8(text);
  if (!eicarScanner.wants(bytes.length)) return false;
  const scan = eicarScanner.begin(bytes.length);
  for (let at = 0; at < bytes.length; at += step) scan.add(bytes.subarray(at, at + step));
  return scan.end() !== undefined;
};

test('the test file is found, alone and with white space behind it', () => {
  expect(eicar).toHaveLength(68);
  expect(found(eicar)).toBe(true);
  expect(found(eicar, 7)).toBe(true);
  expect(found(`${eicar}\r\n`)).toBe(true);
  expect(found(eicar + ' '.repeat(60))).toBe(true);
});

test.each([
  ['a word behind it', `${eicar}x`],
  ['something before it', ` ${eicar}`],
  ['half of it', EICAR_HALVES[0] ?? ''],
  ['too much white space', eicar + ' '.repeat(61)],
  ['another letter in it', eicar.replace('EICAR', 'EICAS')],
])('what is not the test file is not: %s', (_what, text) => {
  expect(found(text)).toBe(false);
});
