// What the other tests lean on: a page that breaks its content security policy, or throws, does not go unnoticed.

import { expect, test } from './fixtures.ts';
import { nobodyComplains, Person } from './person.ts';

const breaches: Readonly<Record<string, readonly [of: string, commit: () => void]>> = {
  'a style attribute': ['style-src-attr', () => document.body.setAttribute('style', 'color: red')],
  'a style of its own': ['style-src-elem', () => document.head.append(document.createElement('style'))],
  'an address for a script that nobody vouched for': [
    'require-trusted-types-for',
    () => {
      const script = document.createElement('script');
      try {
        Reflect.set(script, 'src', '/assets/other.js');
      } catch {
        // That is thrown as well: what is told of it is what counts here.
      }
    },
  ],
  'a picture from elsewhere': ['img-src', () => void (new Image().src = 'http://localhost:1/x.png')],
};

test('a breach of the content security policy is told by every page, and fails the test', async ({ server }) => {
  const dave = await Person.arrive('dave');
  await dave.open(server.url);
  nobodyComplains([dave]);
  const tab = await dave.newTab();
  await tab.open(server.url);
  for (const page of [dave.page, tab.page]) {
    for (const [what, [directive, commit]] of Object.entries(breaches)) {
      dave.complaints.length = 0;
      await page.evaluate(commit);
      await expect.poll(() => dave.complaints.join('\n'), what).toContain(`dave: ${directive} broken by `);
      expect(() => nobodyComplains([dave]), what).toThrow(directive);
    }
  }
  await dave.leave();
});

test('an error that nobody caught fails the test', async ({ server }) => {
  const dave = await Person.arrive('dave');
  await dave.open(server.url);
  await dave.page.evaluate(
    () => void setTimeout(() => Reflect.apply(Reflect.get(window, 'nothing') as () => void, 0, [])),
  );
  await expect.poll(() => dave.complaints.length).toBeGreaterThan(0);
  expect(() => nobodyComplains([dave])).toThrow('dave');
  await dave.leave();
});
