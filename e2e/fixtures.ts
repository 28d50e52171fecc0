// What a test starts with: a server of its own, and people who each have a browser process of their own.

import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test as base, expect } from '@playwright/test';
import { nobodyComplains, Person } from './person.ts';
import { Server } from './server.ts';

/** A file on disk with random bytes, and their SHA-256. */
export interface Made {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

export interface Fixtures {
  readonly server: Server;
  /** Brings somebody in; they leave when the test ends, and may not have complained. */
  readonly invite: (name: string, options?: Parameters<typeof Person.arrive>[1]) => Promise<Person>;
  readonly alice: Person;
  readonly bob: Person;
  readonly carol: Person;
  readonly makeFile: (name: string, size: number) => Promise<Made>;
}

const MiB = 1024 * 1024;

export const test = base.extend<Fixtures>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of this pattern
  server: async ({}, use) => {
    const server = await Server.start();
    await use(server);
    await server.stop();
  },
  // eslint-disable-next-line no-empty-pattern -- as above
  invite: async ({}, use) => {
    const people: Person[] = [];
    await use(async (name, options) => {
      const person = await Person.arrive(name, options);
      people.push(person);
      return person;
    });
    await Promise.all(people.map((person) => person.leave()));
    nobodyComplains(people);
  },
  alice: ({ invite }, use) => invite('alice').then(use),
  bob: ({ invite }, use) => invite('bob').then(use),
  carol: ({ invite }, use) => invite('carol').then(use),
  // eslint-disable-next-line no-empty-pattern -- as above
  makeFile: async ({}, use, testInfo) => {
    await use(async (name, size) => {
      const hash = createHash('sha256');
      const path = testInfo.outputPath(name);
      const parts: Buffer[] = [];
      for (let left = size; left > 0; left -= MiB) parts.push(randomBytes(Math.min(MiB, left)));
      for (const part of parts) hash.update(part);
      await writeFile(path, parts);
      return { path: join(path), name, size, sha256: hash.digest('hex') };
    });
  },
});

export { expect };
