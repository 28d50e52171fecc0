// A house under siege: alice hosts a room whose link everybody has and lets everybody in, carol is in it and honest, and
// whoever else comes is hostile. However a test ends, alice's page must be as well as before: its memory, its staging, and
// carol's file, which was on her doorstep all the time.

import { createHash, randomBytes } from 'node:crypto';
import { expect, test as base } from '../fixtures.ts';
import type { Person } from '../person.ts';
import { privateBytes, renderers } from '../processes.ts';
import { Leak } from './leak.ts';
import { Rogue, type Manners, type Visit } from './peer.ts';

const MiB = 1024 * 1024;
const MOST_GROWN_BYTES = 50 * MiB;
/** More at once would find the four places for those who have proved nothing yet taken. */
const AT_ONCE = 3;

const honest = { name: 'from carol.txt', mimeType: 'text/plain', buffer: randomBytes(40_000) };
const sha256OfHonest = createHash('sha256').update(honest.buffer).digest('hex');
/** What alice offers to everybody. */
export const note = { name: 'note.txt', mimeType: 'text/plain', buffer: randomBytes(300_000) };

interface Ways {
  readonly url: string;
  readonly rogue: Rogue;
  readonly leak: Leak;
}

export class House {
  readonly alice: Person;
  readonly carol: Person;
  readonly link: string;
  /** Private bytes of alice's renderers, without the garbage of her page. */
  readonly memory: () => Promise<number>;
  /** Files a test wants to find in alice's staging at its end: none, unless it says so. */
  keeps = false;
  /** Where the hostile browser keeps itself. */
  readonly roguesProfile: string;
  readonly #url: string;
  readonly #rogue: Rogue;
  readonly #leak: Leak;
  readonly #visits: Visit[] = [];
  #offers = 0;

  constructor(parts: Pick<House, 'alice' | 'carol' | 'link' | 'memory' | 'roguesProfile'> & Ways) {
    this.alice = parts.alice;
    this.memory = parts.memory;
    this.carol = parts.carol;
    this.link = parts.link;
    this.roguesProfile = parts.roguesProfile;
    this.#url = parts.url;
    this.#rogue = parts.rogue;
    this.#leak = parts.leak;
  }

  /** Somebody with the link takes a seat at the signaling server. */
  async comesNear(manners: Manners = {}): Promise<Visit> {
    const visit = await this.#rogue.arrives(this.#url, this.#leak, manners);
    this.#visits.push(visit);
    return visit;
  }

  /** Somebody comes in like anybody else. */
  async comesIn(manners: Manners = {}): Promise<Visit> {
    return (await this.comesNear(manners)).enters();
  }

  /** Cases one beside the other, as many at once as there is room for. A fault says which it was. */
  async each<T>(cases: Readonly<Record<string, T>>, attack: (what: string, one: T) => Promise<void>): Promise<void> {
    const left = Object.entries(cases);
    const work = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        const [what, one] = next;
        await base.step(what, () => attack(what, one));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** Holds that this visitor was cut off without a word, and that alice was told why. */
  async isCutOff(what: string, visit: Visit): Promise<void> {
    await visit.isCut();
    const notice = this.alice.page.locator('[data-testid=notice][data-code=protocol]').filter({ hasText: visit.name });
    await expect(notice, what).toBeVisible();
    expect(visit.heard('bye'), what).toBeUndefined();
    await visit.leaves();
  }

  /** How alice's page lists a visitor. */
  listed(visit: Visit) {
    return this.alice.page.locator(`[data-testid=person][data-peer="${visit.key.slice(0, 8)}"]`);
  }

  /** Holds that a visitor is still a guest like any other, and heard. */
  async isStillHere(what: string, visit: Visit): Promise<void> {
    await expect(this.listed(visit), what).toHaveAttribute('data-state', 'ready');
    expect(visit.isClosed, what).toBe(false);
    const name = `still here ${++this.#offers}.txt`;
    const { files } = await visit.offers({ path: name });
    await this.alice.sees(name, 'offered');
    await visit.say(JSON.stringify({ type: 'withdraw', fileIds: files.map(({ fileId }) => fileId) }));
    await this.alice.sees(name, 'withdrawn');
  }

  /** Alice's page was reloaded: she is back, and so is carol. */
  async isInAgain(): Promise<void> {
    await this.alice.isIn('inside');
    await expect(await this.alice.personOf(this.carol)).toHaveAttribute('data-state', 'ready');
    await this.alice.sees(honest.name, 'offered');
  }

  /** Stops the hostile browser from doing anything, reading included, while `then` runs. */
  async whileItSleeps(then: () => Promise<void>): Promise<void> {
    const pids = (await renderers(this.roguesProfile)).map(Number);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      await then();
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
  }

  /** Everybody hostile is gone, whatever they did before. */
  async isFree(): Promise<void> {
    await Promise.all(this.#visits.map((visit) => visit.leaves()));
  }
}

interface Siege {
  readonly house: House;
}

export const test = base.extend<Siege>({
  house: async ({ server, invite, carol }, use, testInfo) => {
    const profile = testInfo.outputPath('profile');
    const alice = await invite('alice', { profile });
    const roguesProfile = testInfo.outputPath('mallory');
    const mallory = await invite('mallory', { profile: roguesProfile });
    await alice.open(server.url);
    const link = await alice.offer(note);
    // The page moves a little while the room opens.
    const anyone = alice.page.getByTestId('anyone');
    await expect(async () => {
      if (!(await anyone.isVisible())) await alice.page.getByText('Who may come in').click();
      await anyone.check({ timeout: 1_000 });
    }).toPass();
    await carol.open(link);
    await carol.isIn('inside');
    await carol.offer(honest);
    await alice.sees(honest.name, 'offered');
    const devtools = await alice.context.newCDPSession(alice.page);
    const memory = async () => {
      await devtools.send('HeapProfiler.collectGarbage');
      const bytes = await Promise.all((await renderers(profile)).map(privateBytes));
      return bytes.reduce((sum, one) => sum + one, 0);
    };
    const [rogue, leak] = [await Rogue.at(mallory), await Leak.of(link)];
    const house = new House({ alice, carol, link, memory, roguesProfile, url: server.url, rogue, leak });
    // What the first of everything costs is nobody's attack.
    await (await house.comesIn({ name: 'the first guest' })).leaves();
    const before = await memory();

    await use(house);

    await house.isFree();
    if (!house.keeps) await expect.poll(() => alice.stagedFiles(), 'nothing is kept').toEqual([]);
    await expect
      .poll(async () => (await memory()) - before, 'what alice’s renderers grew by')
      .toBeLessThan(MOST_GROWN_BYTES);
    await carolIsServed(alice);
  },
});

async function carolIsServed(alice: Person): Promise<void> {
  await alice.accept(honest.name);
  expect(await alice.receives(honest.name)).toBe(sha256OfHonest);
}

export { expect };
