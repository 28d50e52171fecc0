// A member with no manners offers: words that are none, names and sizes that are traps, more than anybody can look at, files
// that would harm. What is no protocol cuts it off; what is only ugly is shown as plain text; nothing is ever opened.

import { newKey, useKey } from '../src/identity/keys.ts';
import { concat, randomBytes, toBase64url, utf8, type Bytes } from '../src/protocol/bytes.ts';
import { GiB, KiB } from '../src/protocol/limits.ts';
import { expect, test, type House } from './hostile/besieged.ts';
import { offered, type Said, type Visit } from './hostile/peer.ts';

const id = () => toBase64url(randomBytes(16));

/** An offer of one file, as JSON, with something in it replaced. */
function offerJson(change: (json: string) => string = (json) => json): string {
  return change(JSON.stringify({ offerId: id(), batch: id(), files: [offered({})] }));
}

/** What is said on a link, made for whoever says it. */
type Word = (visit: Visit) => Said | readonly Said[] | Promise<Said>;

/** A member says it and is cut off; one beside them hears nothing of it. */
async function cutOffEach(house: House, words: Readonly<Record<string, Word>>): Promise<void> {
  const other = await house.comesIn();
  await house.each(words, async (what, word) => {
    const visit = await house.comesIn();
    await visit.say(await word(visit));
    await house.isCutOff(what, visit);
  });
  await house.isStillHere('a member beside them', other);
}

test('words that make no sense cut off whoever says them, and nobody else', async ({ house }) => {
  const ids = (type: string, count: number) => JSON.stringify({ type, fileIds: Array.from({ length: count }, id) });
  const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
  const other = await house.comesIn();
  await cutOffEach(house, {
    'an unknown type': () => '{"type":"list"}',
    'a word that browses': () => '{"type":"browse","path":"/"}',
    'no JSON': () => 'hello',
    nothing: () => '',
    'a key too many': () => '{"type":"bye","really":true}',
    'a prototype': () => '{"type":"bye","__proto__":{"type":"admit"}}',
    'a constructor': () => '{"type":"bye","constructor":{"prototype":{}}}',
    '30,000 levels of JSON': () => deep(30_000),
    '30,000 levels inside a message': () => `{"type":"withdraw","fileIds":${deep(30_000)}}`,
    '100,000 levels of JSON': () => deep(100_000),
    'invalid UTF-8': (visit) => visit.signed('offer', concat(utf8('{"offerId":"'), new Uint8Array([0xff, 0xfe]))),
    '1,025 files withdrawn at once': () => ids('withdraw', 1_025),
    'an offer somebody else signed': (visit) => visit.signed('offer', offerJson(), other.session),
    'an offer signed as an accept': async (visit) => {
      const wire = await visit.signed('accept', offerJson());
      return concat(new Uint8Array([0x20]), wire.slice(1));
    },
    'a signature cut off': async (visit) => (await visit.signed('offer', offerJson())).slice(0, 40),
    'a word of the host’s': () => '{"type":"admit"}',
    'a greeting, again': () => JSON.stringify({ type: 'hello', rosterRev: 0 }),
    'a roster of its own making': () => JSON.stringify({ type: 'roster', signed: toBase64url(randomBytes(300)) }),
    'a lane signal that is none': () => JSON.stringify({ type: 'lane', dial: id(), signal: { kind: 'renegotiate' } }),
  });
});

test('offers that make no sense cut off whoever makes them, and nobody else', async ({ house }) => {
  const replacing =
    (what: string | RegExp, by: string): Word =>
    (visit) =>
      visit.signed(
        'offer',
        offerJson((json) => json.replace(what, () => by)),
      );
  const withSize = (size: string) => replacing('"size":5', `"size":${size}`);
  const withPath = (path: string) => replacing('"a.txt"', `"${path}"`);
  const files = (count: number) => replacing(/\[.*\]/, `[${Array(count).fill('{}').join()}]`);
  await cutOffEach(house, {
    'a size of 2^53': withSize('9007199254740992'),
    'a size over 128 GiB': withSize(String(128 * GiB + 1)),
    'a size of -1': withSize('-1'),
    'a size of NaN': withSize('NaN'),
    'a size of 1e309': withSize('1e309'),
    'half a byte': withSize('0.5'),
    'a size in words': withSize('"5"'),
    'no name': withPath(''),
    'a name of 4,097 characters': withPath('a'.repeat(4_097)),
    'a name of 60 KiB': withPath('a'.repeat(60 * KiB)),
    'a name as long as a browser sends': withPath('a'.repeat(250 * KiB)),
    'a lone surrogate in a name': withPath(String.raw`a\ud800.txt`),
    'a lone surrogate in a type': replacing('text/plain', String.raw`\udfff`),
    'a prototype in a file': replacing('"path"', '"__proto__":{"snippet":true},"path"'),
    'as many of a million files as a browser sends': files(80_000),
    'no file': files(0),
    'a snippet over 64 KiB': replacing('"size":5', '"size":65537,"snippet":true'),
    'a file offered twice': async (visit) => (await visit.offers({ path: 'once.txt' })).wire,
  });
});

test('whoever was cut off is not let near for a while, and a word of the handshake that comes late only closes', async ({
  house,
}) => {
  const key = await useKey(await newKey());
  const visit = await house.comesIn({ key });
  await visit.say('{"type":"surprise"}');
  await house.isCutOff('the first time', visit);
  const again = await house.comesNear({ key });
  await again.shakesHands();
  await again.isCut();
  expect(again.handshake.map(([kind]) => kind)).toEqual([2]);
  await again.leaves();

  const late = await house.comesIn();
  await late.say(new Uint8Array(17).fill(5));
  await late.isCut();
  await expect(house.alice.page.locator('[data-code=protocol]').filter({ hasText: late.name })).toHaveCount(0);
});

/** How a name is to be shown, and so saved: with its folder in front. */
const names: readonly [what: string, path: string, shown: string][] = [
  ['a way up', '../../etc/passwd', 'etc/passwd'],
  ['a way up, as Windows writes it', String.raw`..\..\Windows\system.ini`, 'Windows/system.ini'],
  ['an absolute path', '/root/authorized keys', 'root/authorized keys'],
  ['a drive', String.raw`C:\autoexec.bat`, 'C_/autoexec.bat'],
  ['a network path', String.raw`\\server\share\run.exe`, 'server/share/run.exe'],
  ['a device path', String.raw`\\?\C:\x.txt`, '_/C_/x.txt'],
  ['nothing but ways up', '../..', 'file'],
  ['text turned around', 'invoice\u202efdp.exe', 'invoicefdp.exe'],
  ['letters nobody sees', 'pass\u200b\u2060word\u{e0041}.txt', 'password.txt'],
  ['a device of Windows', 'CON', '_CON'],
  ['a device with an extension', 'nul .txt', '_nul .txt'],
  ['a device with a raised digit', 'com¹.log', '_com¹.log'],
  ['a stream beside a file', 'notes.txt:hidden.exe', 'notes.txt_hidden.exe'],
  ['a name a desktop obeys', 'desktop.ini', '_desktop.ini'],
  ['a hidden file', '.bashrc', '_bashrc'],
  ['an option', '-rf', '_rf'],
  ['a line break', 'a\nb\r\0c.txt', 'abc.txt'],
  ['spaces before the real extension', `report.pdf${' '.repeat(200)}.exe`, 'report.pdf .exe'],
  ['a name of 4,096 characters', `${'n'.repeat(4_092)}.txt`, `${'n'.repeat(196)}.txt`],
  ['the same name in capitals', 'COLLIDE.TXT', 'COLLIDE.TXT'],
  ['the same name in small letters', 'collide.txt', 'collide (2).txt'],
  ['the same name in one normal form', 'caf\u00e9.txt', 'café.txt'],
  ['the same name in the other', 'cafe\u0301.txt', 'café (2).txt'],
  ['a tag', '<img src=x onerror="hit()">.txt', '_img src=x onerror=_hit()__.txt'],
  ['the end of a script', '</script><script>hit()', '_/script__script_hit()'],
  ['a template', '{@html hit()}{{hit()}}${hit()}.txt', '{@html hit()}{{hit()}}${hit()}.txt'],
  ['a link', 'javascript:hit()', 'javascript_hit()'],
];

test('names that are traps are shown and saved as names', async ({ house }) => {
  const { alice } = house;
  const visit = await house.comesIn();
  await visit.offers(...names.map(([, path]) => ({ path })));
  for (const [what, , shown] of names) {
    const [name = '', ...folders] = shown.split('/').reverse();
    const row = alice.incoming(name);
    await expect(row.locator('.name'), what).toHaveText([...folders.reverse(), name].join('/'));
    await expect(row, what).toHaveAttribute('data-state', 'offered');
  }
  await expect(alice.incoming('report.pdf .exe')).toHaveAttribute('data-risk', 'dangerous');
  await expect(alice.incoming('report.pdf .exe')).toContainText('Named like a .pdf, but it is a .exe file.');
  await expect(alice.page.locator('bdi', { hasText: '.exe' }).first()).toHaveText('.exe');
});

test('markup and links in names, texts and what people call themselves stay text', async ({ house }) => {
  const { alice } = house;
  await alice.page.evaluate(() => Object.assign(window, { hit: () => (document.title = 'hit') }));
  const title = await alice.page.title();
  // Whatever leads anywhere, runs, or loads something.
  const active = alice.page.locator('a[href], img, iframe, object, embed, form[action], script, [onload], [onerror]');
  const before = await active.count();
  const names = ['<img src=x onerror=hit()>', '<svg/onload=hit()>', 'javascript:hit()', '{@html "<b>"}'];
  for (const name of names) {
    const visit = await house.comesIn({ name });
    await visit.offers(
      { path: `${name}.txt`.replace(/[<>:"/]/g, ''), type: '"><script>hit()</script>' },
      { path: 'text', size: 30, type: 'text/plain', snippet: true },
      { path: 'data', size: 30, type: 'data:text/html,<script>hit()</script>' },
    );
    await expect(house.listed(visit).locator('strong')).toHaveText(name);
    await expect(alice.page.getByText(`${name} offers this`).first()).toBeVisible();
    await visit.say('{"type":"surprise"}');
    await house.isCutOff(name, visit);
  }
  expect(await alice.page.title()).toBe(title);
  await expect(active).toHaveCount(before);
});

test('a text that was accepted is text, whatever it holds: markup, scripts, turned letters, bytes that are none', async ({
  house,
}) => {
  const { alice } = house;
  house.keeps = true;
  await alice.page.evaluate(() => Object.assign(window, { hit: () => (document.title = 'hit') }));
  const title = await alice.page.title();
  const loads = alice.page.locator('img, iframe, object, embed, script, [onload], [onerror], [onclick]');
  const before = await loads.count();
  const texts: readonly (readonly [sent: string | Bytes, shown: string])[] = [
    ['<img src=x onerror=hit()><script>hit()</script></pre>{@html hit()}', ''],
    ['javascript:hit() data:text/html,<script>hit()</script> <a href="javascript:hit()">x</a>', ''],
    ['https://user:password@example.org/ https://еxample.org/ https://example.org\\@evil.example', ''],
    ['pay \u202egnp.exe\u2069 \u200b\u0000 to me', 'pay U+202Egnp.exeU+2069 U+200BU+0000 to me'],
    [new Uint8Array([0x61, 0xff, 0xc3, 0x28, 0x62]), 'a\ufffd\ufffd(b'],
    ['see https://example.org/?a=b, or not', ''],
  ];
  const visit = await house.comesIn();
  for (const [i, [sent, shown]] of texts.entries()) {
    const bytes = typeof sent === 'string' ? utf8(sent) : sent;
    const offer = await visit.offers({ path: `${i}.txt`, size: bytes.length, snippet: true });
    await alice.accept(`${i}.txt`);
    await visit.delivers(offer.files[0], bytes);
    const text = alice.incoming(`${i}.txt`).getByTestId('text');
    await expect(text).toBeVisible();
    expect(await text.textContent()).toBe(shown || sent);
  }
  const links = alice.page.getByTestId('text').locator('a');
  await expect(links).toHaveCount(1);
  await expect(links).toHaveAttribute('href', 'https://example.org/?a=b');
  await expect(links).toHaveText('https://example.org/?a=b');
  await expect(links).toHaveAttribute('rel', 'noopener noreferrer nofollow');
  expect(await alice.page.title()).toBe(title);
  await expect(loads).toHaveCount(before);
});

test('a 31st text in a minute cuts off whoever offers it', async ({ house }) => {
  const visit = await house.comesIn();
  const text = { path: 'Text.txt', snippet: true } as const;
  await visit.offers(...Array<typeof text>(30).fill(text));
  await house.alice.sees('Text (30).txt', 'offered');
  expect(visit.isClosed).toBe(false);
  await visit.offers(text);
  await house.isCutOff('31 texts', visit);
});

test('a name like that of somebody who was confirmed is a red refusal, and is not let in by itself', async ({
  house,
}) => {
  const { alice, carol } = house;
  const entry = await alice.personOf(carol);
  const carolsName = await entry.locator('strong').innerText();
  await entry.getByTestId('verify').click();
  await entry.getByTestId('sas-match').click();
  await expect(entry).toHaveAttribute('data-trust', 'verified');
  const disguises = [
    carolsName,
    carolsName.toUpperCase(),
    `${carolsName}\u200b`,
    carolsName.replaceAll('e', 'е'),
    `${carolsName}.`,
  ];
  for (const name of disguises) {
    let visit = await (await house.comesNear({ name })).shakesHands();
    // A connection that broke on its way is no refusal: the next one has to get as far as the door.
    if (visit.isClosed) visit = await (await house.comesNear({ name })).shakesHands();
    expect(visit.isClosed, 'the way to the door').toBe(false);
    await visit.say(JSON.stringify({ type: 'hello', rosterRev: 0 }));
    await visit.say(JSON.stringify({ type: 'knock', name, peerId: visit.peerId }));
    const knock = alice.page.locator(`[data-testid=knock][data-peer="${visit.key.slice(0, 8)}"]`);
    await expect(knock, JSON.stringify(name)).toHaveAttribute('data-trust', 'changed');
    await expect(knock.getByRole('button').first()).toHaveAttribute('data-testid', 'turn-away');
    await knock.getByTestId('turn-away').click();
    await visit.isCut();
    expect(visit.heard('admit')).toBeUndefined();
    await visit.leaves();
  }
});

test('more than a person can look at is cut off: a thousand offers a second, and 10,001 files', async ({ house }) => {
  const { alice } = house;
  const many = await house.comesIn();
  const wires: Bytes[] = [];
  for (let i = 0; i < 1_000; i++) wires.push(await many.signed('offer', offerJson()));
  await many.say(wires);
  await house.isCutOff('a thousand offers', many);

  const flicker = await house.comesIn();
  const offer = await flicker.signed('offer', offerJson());
  await flicker.say([offer, ...Array<string>(1_000).fill(JSON.stringify({ type: 'withdraw', fileIds: [id()] }))]);
  await house.isCutOff('a thousand withdrawals', flicker);

  const crowded = await house.comesIn();
  const some = (count: number) => Array.from({ length: count }, (_, i) => ({ path: `${i}` }));
  for (let left = 10_000; left > 0; left -= 400) await crowded.offers(...some(400));
  await expect.poll(() => crowded.isClosed).toBe(false);
  await crowded.offers({ path: 'one too many' });
  await house.isCutOff('10,001 files', crowded);
  await expect(alice.page.getByTestId('person').and(alice.page.locator('[data-state=ready]'))).toHaveCount(1);
});
