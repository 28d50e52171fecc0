// A browser that behaves as at home: Playwright tells every page it starts that it is in front, and no page ever hides.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium, expect, type Browser, type Page } from '@playwright/test';
import { digest, Person } from './person.ts';

export class PlainBrowser {
  readonly person: Person;
  readonly #browser: Browser;
  readonly #folder: string;
  readonly #end: () => Promise<void>;

  private constructor(person: Person, browser: Browser, folder: string, end: () => Promise<void>) {
    this.person = person;
    this.#browser = browser;
    this.#folder = folder;
    this.#end = end;
  }

  /** Starts one with a profile in an empty folder. */
  static async start(name: string, folder: string): Promise<PlainBrowser> {
    const executable = process.env['DOORSTEP_CHROMIUM'] ?? '/usr/bin/chromium';
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
    const own = ['--disable-features=WebRtcHideLocalIpsWithMdns', '--remote-debugging-port=0'];
    const args = [...flags, ...quiet, ...own, `--user-data-dir=${join(folder, 'profile')}`, 'about:blank'];
    const child = spawn(executable, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    for await (const line of createInterface(child.stderr)) {
      const endpoint = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
      if (!endpoint) continue;
      const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true, isLocal: true });
      const [context] = browser.contexts();
      if (!context) break;
      return new PlainBrowser(await Person.at(name, context), browser, folder, async () => {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      });
    }
    throw new Error('the browser ended before it listened');
  }

  /** Opens another tab in front of the person's: theirs is hidden from now on. */
  async hide(): Promise<Page> {
    const front = await this.person.context.newPage();
    await front.bringToFront();
    await this.isHidden();
    return front;
  }

  async isHidden(): Promise<void> {
    await expect.poll(() => this.person.page.evaluate(() => document.visibilityState)).toBe('hidden');
  }

  /** As `Person.save`, which knows of downloads only what Playwright set up itself. */
  async save(name: string): Promise<{ sha256: string; size: number }> {
    const devtools = await this.#browser.newBrowserCDPSession();
    const downloadPath = join(this.#folder, 'downloads');
    await devtools.send('Browser.setDownloadBehavior', { behavior: 'allowAndName', downloadPath, eventsEnabled: true });
    const saved = new Promise<string>((resolve) => {
      devtools.on('Browser.downloadProgress', ({ state, guid }) => {
        if (state === 'completed') resolve(join(downloadPath, guid));
      });
    });
    await this.person.incoming(name).getByTestId('save').click();
    return digest(await saved);
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await this.#end();
  }
}
