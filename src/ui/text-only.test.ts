// What others write, wherever it is shown, is text and only text.

import fc from 'fast-check';
import { render } from 'svelte/server';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { IncomingView, KnockView, OutgoingView, PersonView, RoomView } from '../room/views.ts';
import { DEEP_MS, RUNS } from '../testing/holding.ts';
import type { App } from './app.svelte.ts';
import Notices from './Notices.svelte';
import PlainText from './PlainText.svelte';
import Room from './Room.svelte';

// The page's own address is no text of others.
beforeAll(() => {
  vi.stubGlobal('location', { origin: 'http://localhost', pathname: '/' });
  vi.stubGlobal('navigator', {});
});
afterAll(() => void vi.unstubAllGlobals());

/** A room in which everything others may name is called this. */
function roomOf(text: string): RoomView {
  const pace = { bytes: 1, bytesPerSecond: 1, secondsLeft: 1, failure: undefined, pausedBy: { us: false, them: true } };
  const incoming = (state: IncomingView['state']): IncomingView => ({
    ...{
      id: `${state} ${text}`,
      peer: 'peer',
      name: text,
      stem: text,
      extension: text,
      folder: text,
      size: 2,
      type: text,
      isText: true,
    },
    ...{
      risk: 'dangerous',
      warning: text,
      state,
      isStaged: true,
      canUndo: true,
      hasPartial: true,
      goesOn: true,
      inLine: undefined,
      isFolder: false,
      doubted: true,
      scanning: false,
      found: [text],
      saveNeeds: 'name',
    },
    ...pace,
  });
  const outgoing = (state: OutgoingView['deliveries'][number]['state']): OutgoingView => ({
    ...{ id: state, name: text, path: `${text}/${text}`, snippet: text, size: 2, withdrawn: false },
    deliveries: [{ peer: 'peer', state, ...pace }],
  });
  const person: PersonView = {
    ...{ key: 'peer', label: text, alias: text, isHost: true, state: 'ready', trust: 'changed', path: 'relayed' },
    ...{ sas: [], unseen: 2 },
  };
  const knock: KnockView = { key: 'knocker', name: text, trust: 'new', files: 3 };
  return {
    ...{
      state: 'knocking',
      me: text,
      key: 'me',
      role: 'host',
      fragment: 'f',
      door: text,
      locked: false,
      secondsLeft: 60,
    },
    rules: { anyone: false, oneTime: false, doorName: text },
    ...{ knocks: [knock], people: [person] },
    outgoing: (['offered', 'sending', 'paused', 'verified', 'failed'] as const).map(outgoing),
    incoming: (['offered', 'receiving', 'paused', 'interrupted', 'verified', 'declined', 'withdrawn'] as const).map(
      incoming,
    ),
  };
}

function draw(text: string): string {
  const app = {
    ...{ room: roomOf(text), chooseAgain: [{ path: text, size: 1 }], notices: [], zipping: false, remembered: 0 },
    ...{ acquaintances: undefined, commands: undefined, textOf: () => Promise.resolve(text), draft: '' },
  } as unknown as App;
  const notices = [{ id: 1, code: 'peer-gone' as const, about: text }];
  return render(Room, { props: { app } }).body + render(Notices, { props: { notices, dismiss: () => undefined } }).body;
}

/** The tags of a page and the names of their attributes, in order, read as a browser reads them. */
function tagsOf(html: string): string[] {
  const tags: string[] = [];
  for (const [, tag = '', attributes = ''] of html.matchAll(
    /<(\/?[a-zA-Z][^\s/>]*|!--[\s\S]*?--)((?:"[^"]*"|'[^']*'|[^>"'])*)>/gu,
  )) {
    if (tag.startsWith('!')) continue;
    const names = [...attributes.matchAll(/([^\s=/"']+)(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"']+))?/gu)].map(
      ([, name]) => name,
    );
    tags.push([tag, ...names].join(' '));
  }
  return tags;
}

const pieces = fc.constantFrom(
  ...['<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '"', "'", '>', '<', '&', '&lt;', '<!--', '-->', '`'],
  ...[
    'javascript:alert(1)',
    'data:text/html,<b>',
    '</li></ul>',
    '" onclick="alert(1)',
    "' autofocus onfocus='x",
    '\u202e',
  ],
  ...['{@html x}', '${1}', '<svg onload=x>', ']]>', '\u0000', 'a', 'https://example.org'],
);
const hostile = fc.oneof(
  fc.array(pieces, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('')),
  fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
);

test(
  'C16: names, paths and what people call themselves only ever become text',
  () => {
    const plain = tagsOf(draw('plain'));
    expect(plain.length).toBeGreaterThan(100);
    const textOnly = fc.property(hostile, (text) => {
      expect(tagsOf(draw(text))).toEqual(plain);
    });
    fc.assert(textOnly, { numRuns: RUNS });
  },
  DEEP_MS,
);

test(
  'C16: a text somebody sent is text; a link in it leads exactly to what is read, and nothing in it is unseen',
  () => {
    const drawn = (text: string) => render(PlainText, { props: { text, from: text } }).body;
    const plain = tagsOf(drawn('plain'));
    const address = fc.constantFrom('https://example.org/', ' http://a.b/c?d#e ', 'https://u:p@example.org/', ' ');
    const texts = fc.array(fc.oneof(hostile, address), { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
    let links = 0;
    const textOnly = fc.property(texts, (text) => {
      const body = drawn(text);
      const [before = '', , after = ''] = body.split(/(<pre[^>]*>[\s\S]*<\/pre>)/u);
      expect(tagsOf(before)).toEqual(plain.slice(0, 1));
      expect(tagsOf(after).filter((tag) => !/^\/?p\b/u.test(tag))).toEqual(plain.slice(3));
      for (const tag of tagsOf(body.slice(before.length, body.length - after.length)).slice(1, -1)) {
        expect(tag).toMatch(/^(?:a href target rel(?: class)?|\/a|span(?: class)+|\/span)$/u);
      }
      for (const [, href = '', rest = '', shown = ''] of body.matchAll(/<a href="([^"]*)"([^>]*)>([^<]*)<\/a>/gu)) {
        links++;
        expect(shown).toBe(href);
        expect(href).toMatch(/^https?:\/\/[^@/?#]+(?:[/?#]|$)/u);
        expect(rest).toContain('rel="noopener noreferrer nofollow"');
      }
      expect(body.slice(body.indexOf('<!--', before.length))).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\ufeff]/u);
    });
    fc.assert(textOnly, { numRuns: RUNS });
    expect(links).toBeGreaterThan(RUNS / 10);
  },
  DEEP_MS,
);
