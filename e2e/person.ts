// A person at their own browser: a page object over the automation contract (e2e/README.md).

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  chromium,
  expect,
  type BrowserContext,
  type Download,
  type Locator,
  type Page,
  type WebSocketRoute,
} from '@playwright/test';

/** Flags that keep Chromium from talking to anyone but us, and mDNS out of tests that must not use multicast. */
const chromiumArgs = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

/** A browser process of its own; with `profile` (an empty folder) one with an ordinary profile on disk, as people have. */
async function launch(extraArgs: readonly string[], context: object, profile?: string): Promise<BrowserContext> {
  const executablePath = process.env['DOORSTEP_CHROMIUM'] ?? '/usr/bin/chromium';
  const options = { executablePath, args: [...chromiumArgs, ...extraArgs] };
  if (profile) return chromium.launchPersistentContext(profile, { ...options, ...context });
  return (await chromium.launch(options)).newContext(context);
}

interface Saved {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

async function savedBy(download: Download): Promise<Saved> {
  return { name: download.suggestedFilename(), ...(await digest(await download.path())) };
}

/** Tells the test of every breach of the content security policy, from the beginning of each document on. */
async function reportBreaches(context: BrowserContext, report: (breach: string) => void): Promise<void> {
  await context.exposeBinding('reportBreach', (_, breach: string) => report(breach));
  await context.addInitScript(() => {
    const tell = Reflect.get(window, 'reportBreach') as (breach: string) => void;
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sourceFile, lineNumber }) => {
      tell(`${effectiveDirective} broken by ${blockedURI} at ${sourceFile}:${lineNumber}`);
    });
  });
}

export type Picked = string | { name: string; mimeType: string; buffer: Buffer };

export class Person {
  readonly name: string;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Uncaught errors, breaches of the content security policy and console output of the page: a test ends by finding none. */
  readonly complaints: string[] = [];

  private constructor(name: string, context: BrowserContext, page: Page) {
    this.name = name;
    this.context = context;
    this.page = page;
    page.on('pageerror', (error) => this.complaints.push(`${name}: ${error.message}`));
    page.on('console', (message) => {
      // The browser's own words on a lost socket and on plain http are not the app's.
      if (
        !/WebSocket connection to|ERR_CONNECTION_(REFUSED|RESET)|Cross-Origin-Opener-Policy header has been ignored/.test(
          message.text(),
        )
      ) {
        this.complaints.push(`${name}: ${message.type()} ${message.text()}`);
      }
    });
  }

  static async arrive(
    name: string,
    options: { args?: readonly string[]; context?: object; profile?: string } = {},
  ): Promise<Person> {
    const context = await launch(options.args ?? [], { acceptDownloads: true, ...options.context }, options.profile);
    return Person.at(name, context);
  }

  open(url: string): Promise<unknown> {
    return this.page.goto(url);
  }

  /** Opens a room link and is let in by its host. */
  async enter(host: Person, link: string): Promise<void> {
    await this.open(link);
    await this.isIn('knocking');
    await host.letIn(this);
    await this.isIn('inside');
  }

  /** Lets in whoever knocks from that browser. */
  async letIn(guest: Person): Promise<void> {
    await (await this.knockOf(guest)).getByTestId('let-in').click();
  }

  async knockOf(guest: Person): Promise<Locator> {
    return this.page.getByTestId('knock').and(this.page.locator(`[data-peer="${await guest.shortKey()}"]`));
  }

  /** The short key this browser is known by. */
  async shortKey(): Promise<string> {
    return (await this.page.getByTestId('room-state').getAttribute('data-peer')) ?? '';
  }

  /** Somebody else in the room, as listed here. */
  async personOf(other: Person): Promise<Locator> {
    return this.page.getByTestId('person').and(this.page.locator(`[data-peer="${await other.shortKey()}"]`));
  }

  /** Chooses files and goes as far as the room link. */
  async offer(...files: Picked[]): Promise<string> {
    await this.review(...files);
    await this.page.getByTestId('offer-files').click();
    const link = this.page.getByTestId('share-link');
    return (await link.count()) || (await this.isHosting()) ? link.inputValue() : '';
  }

  async review(...files: Picked[]): Promise<void> {
    await this.page.getByTestId('file-input').setInputFiles(files as string[]);
  }

  private async isHosting(): Promise<boolean> {
    await expect(this.page.getByTestId('room-state')).toBeVisible();
    return (await this.page.getByTestId('share-link').count()) > 0;
  }

  incoming(name: string): Locator {
    return this.row('incoming-file', name);
  }

  outgoing(name: string): Locator {
    return this.row('outgoing-file', name);
  }

  private row(testId: string, name: string): Locator {
    return this.page.getByTestId(testId).and(this.page.locator(`[data-name=${JSON.stringify(name)}]`));
  }

  async accept(name: string): Promise<void> {
    await this.incoming(name).getByTestId('accept').click();
  }

  async decline(name: string): Promise<void> {
    await this.incoming(name).getByTestId('decline').click();
  }

  async sees(name: string, state: string, timeout = 60_000): Promise<void> {
    await expect(this.incoming(name)).toHaveAttribute('data-state', state, { timeout });
  }

  async seesDelivery(name: string, state: string, timeout = 60_000): Promise<void> {
    await expect(this.outgoing(name).getByTestId('delivery')).toHaveAttribute('data-state', state, { timeout });
  }

  async seesNotice(code: string, timeout = 20_000): Promise<void> {
    const notice = this.page.locator(`[data-testid=notice][data-code=${code}]`);
    await expect(notice).toBeVisible({ timeout });
    await expect(notice).toContainText(/[a-z]{3,}.+\./);
  }

  async isIn(state: string, timeout = 20_000): Promise<void> {
    await expect(this.page.getByTestId('room-state')).toHaveAttribute('data-state', state, { timeout });
  }

  /** Saves a verified file; what it was saved as, and the SHA-256 of what is on the disk. */
  async save(name: string): Promise<Saved> {
    const download = this.page.waitForEvent('download');
    await this.incoming(name).getByTestId('save').click();
    return savedBy(await download);
  }

  /** The same for one that takes a second yes; `typed` is its name where that is asked for. */
  async saveAnyway(name: string, typed?: string): Promise<Saved> {
    const row = this.incoming(name);
    await row.getByTestId('save').click();
    if (typed !== undefined) await row.getByTestId('type-name').fill(typed);
    const download = this.page.waitForEvent('download');
    await row.getByTestId('save-anyway').click();
    return savedBy(await download);
  }

  /** Makes this browser one that cannot move channels to a worker, and counts the bytes handed to them; before `open`. */
  async keepChannelsOnPage(): Promise<void> {
    await this.page.addInitScript(() => {
      const counted = { bytes: 0 };
      Object.assign(window, { counted });
      const post = Reflect.get(Worker.prototype, 'postMessage') as (...args: unknown[]) => void;
      Worker.prototype.postMessage = function (this: Worker, ...args: unknown[]) {
        const moved: unknown = args[1];
        if (Array.isArray(moved) && moved.some((one) => one instanceof RTCDataChannel)) {
          throw new DOMException('no', 'DataCloneError');
        }
        Reflect.apply(post, this, args);
      };
      const send = Reflect.get(RTCDataChannel.prototype, 'send') as (...args: unknown[]) => void;
      RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
        if (ArrayBuffer.isView(data)) counted.bytes += data.byteLength;
        Reflect.apply(send, this, [data]);
      };
    });
  }

  dataBytes(): Promise<number> {
    return this.page.evaluate(() => (Reflect.get(window, 'counted') as { bytes: number }).bytes);
  }

  /** Remembers the connections and channels the page makes, for `sendOn` and `connections`; before `open`. */
  async keepConnections(): Promise<void> {
    await this.page.addInitScript(() => {
      const kept: [connection: RTCPeerConnection, channel: RTCDataChannel][] = [];
      Object.assign(window, { kept });
      const create = Reflect.get(RTCPeerConnection.prototype, 'createDataChannel') as (
        ...args: unknown[]
      ) => RTCDataChannel;
      RTCPeerConnection.prototype.createDataChannel = function (this: RTCPeerConnection, ...args: unknown[]) {
        const channel = Reflect.apply(create, this, args);
        if (args[0] === 'control' || args[0] === 'data') kept.push([this, channel]);
        return channel;
      };
    });
  }

  /**
   * Sends something of our own making to everyone this page is linked with: text on `control`, bytes on `data` (only from
   * a page that keeps its channels).
   */
  async sendOn(label: 'control' | 'data', message: string | readonly number[]): Promise<void> {
    await this.page.evaluate(
      ([wanted, content]) => {
        for (const [, channel] of Reflect.get(window, 'kept') as [RTCPeerConnection, RTCDataChannel][]) {
          if (channel.label !== wanted || channel.readyState !== 'open') continue;
          if (typeof content === 'string') channel.send(content);
          else channel.send(new Uint8Array(content));
        }
      },
      [label, message] as const,
    );
  }

  /** Announces a channel nobody agreed on, on every connection of this page. */
  async openChannelOfTheirOwn(): Promise<void> {
    await this.page.evaluate(() => {
      const kept = Reflect.get(window, 'kept') as [RTCPeerConnection, RTCDataChannel][];
      for (const [made] of kept) if (made.connectionState === 'connected') made.createDataChannel('surprise');
    });
  }

  /** How many connections of this page stand. */
  connections(): Promise<number> {
    return this.page.evaluate(() => {
      const kept = Reflect.get(window, 'kept') as [RTCPeerConnection, RTCDataChannel][];
      return new Set(kept.flatMap(([made]) => (made.connectionState === 'connected' ? [made] : []))).size;
    });
  }

  /** Breaks the newest connection of this page. */
  async breakNewestConnection(): Promise<void> {
    await this.page.evaluate(() => {
      const kept = Reflect.get(window, 'kept') as [RTCPeerConnection, RTCDataChannel][];
      kept.findLast(([made]) => made.connectionState === 'connected')?.[0].close();
    });
  }

  /** Every record of this browser's IndexedDB, by name: bytes as hexadecimal, keys as what can be read of them. */
  records(): Promise<Record<string, unknown>> {
    return this.page.evaluate(async () => {
      const found: Record<string, unknown> = {};
      for (const { name: database = '' } of await indexedDB.databases()) {
        const open = indexedDB.open(database);
        await new Promise((resolve) => (open.onsuccess = resolve));
        for (const store of Array.from(open.result.objectStoreNames)) {
          const cursor = open.result.transaction(store).objectStore(store).openCursor();
          await new Promise<void>((resolve) => {
            cursor.onsuccess = () => {
              if (!cursor.result) {
                resolve();
                return;
              }
              found[`${database}/${store}/${JSON.stringify(cursor.result.key)}`] = cursor.result.value;
              cursor.result.continue();
            };
          });
        }
        open.result.close();
      }
      const keys: CryptoKey[] = [];
      const readable = JSON.stringify(found, (_, value: unknown) => {
        if (value instanceof CryptoKey) {
          keys.push(value);
          return { cryptoKey: value.algorithm.name, type: value.type, extractable: value.extractable };
        }
        if (value instanceof ArrayBuffer)
          return Array.from(new Uint8Array(value), (b) => b.toString(16).padStart(2, '0')).join('');
        if (ArrayBuffer.isView(value)) {
          const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
          return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
        }
        return value;
      });
      for (const key of keys) {
        for (const format of ['raw', 'pkcs8', 'jwk'] as const) {
          const exported = await crypto.subtle.exportKey(format, key).catch(() => undefined);
          if (exported) throw new Error(`a key can be read as ${format}`);
        }
      }
      return JSON.parse(readable) as Record<string, unknown>;
    });
  }

  /** Switches hiding one's address on or off, under "This device". */
  async hideAddress(on = true): Promise<void> {
    const device = this.page.getByTestId('device');
    if ((await device.getAttribute('open')) === null) await device.locator('summary').click();
    await device.getByTestId('relay-only').setChecked(on);
  }

  /** Remembers what this page is told of the other sides' addresses, for `heardSignals`; before `open`. */
  async keepSignals(): Promise<void> {
    await this.page.addInitScript(() => {
      const heard: string[] = [];
      Object.assign(window, { heard });
      const { prototype } = RTCPeerConnection;
      for (const method of ['setRemoteDescription', 'addIceCandidate'] as const) {
        const original = Reflect.get(prototype, method) as (...args: unknown[]) => Promise<void>;
        prototype[method] = function (this: RTCPeerConnection, given?: { sdp?: string; candidate?: string } | null) {
          heard.push(given?.sdp ?? given?.candidate ?? '');
          return Reflect.apply(original, this, [given]);
        };
      }
    });
  }

  /** Descriptions and candidates of others, as the browser was given them. */
  heardSignals(): Promise<string[]> {
    return this.page.evaluate(() => Reflect.get(window, 'heard') as string[]);
  }

  /** Makes it possible to keep this browser from the signaling server; before `open`. */
  async holdServer(): Promise<{ cut: () => Promise<void> }> {
    const open = new Set<WebSocketRoute>();
    let isCut = false;
    await this.page.routeWebSocket(/\/signal$/, async (route) => {
      if (isCut) {
        await route.close();
        return;
      }
      route.connectToServer();
      open.add(route);
    });
    return {
      cut: async () => {
        isCut = true;
        for (const route of open) await route.close();
      },
    };
  }

  /** Waits until some of a file has arrived. */
  async isMoving(name: string): Promise<void> {
    await expect(this.incoming(name).getByTestId('progress')).not.toHaveAttribute('aria-valuenow', '0');
  }

  /** Names of the files in this browser's staging, partial ones included. */
  stagedFiles(): Promise<string[]> {
    return this.page.evaluate(async () => {
      const names: string[] = [];
      const root = await navigator.storage.getDirectory();
      for await (const folder of (await root.getDirectoryHandle('staging')).values()) {
        if (folder.kind !== 'directory') continue;
        try {
          for await (const name of folder.keys()) names.push(name);
        } catch {
          // Swept meanwhile.
        }
      }
      for await (const name of (await root.getDirectoryHandle('partials')).keys()) names.push(name);
      return names;
    });
  }

  /** Breaks every connection of this page. */
  async breakConnections(): Promise<void> {
    await this.page.evaluate(() => {
      for (const [made] of Reflect.get(window, 'kept') as [RTCPeerConnection, RTCDataChannel][]) made.close();
    });
  }

  /** Waits until at least so much of a file has arrived, in percent. */
  async hasReceived(name: string, percent: number): Promise<void> {
    await expect
      .poll(async () => Number(await this.incoming(name).getByTestId('progress').getAttribute('aria-valuenow')))
      .toBeGreaterThanOrEqual(percent);
  }

  /** Makes this browser one without a private file system; before `open`. */
  async breakStaging(): Promise<void> {
    await this.beginWorkersWith(
      'StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException("no", "SecurityError"));',
    );
  }

  /** Gives the script of the worker, where staging lives, a first line; before `open`. */
  async beginWorkersWith(line: string): Promise<void> {
    await this.context.route(/\/assets\/worker-.*\.js$/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${line}\n${await response.text()}` });
    });
  }

  async leave(): Promise<void> {
    // What its pages have to complain of was told before this comes back; a browser that was killed has nothing more to say.
    const pages = this.context.pages();
    await Promise.all(pages.map((page) => page.evaluate(() => new Promise((told) => setTimeout(told))).catch(() => 0)));
    await this.context.close();
    await this.context.browser()?.close();
  }

  /** Somebody at a browser that runs already, in its first tab. */
  static async at(name: string, context: BrowserContext): Promise<Person> {
    const person = new Person(name, context, context.pages()[0] ?? (await context.newPage()));
    await reportBreaches(context, (breach) => person.complaints.push(`${name}: ${breach}`));
    return person;
  }

  /** Another tab of this browser: the same person. What it complains of counts as theirs. */
  async newTab(): Promise<Person> {
    const tab = new Person(this.name, this.context, await this.context.newPage());
    return Object.assign(tab, { complaints: this.complaints });
  }

  /** Ends this browser as a crash would: at once, and nobody is told. */
  async kill(): Promise<void> {
    const devtools = await this.context.browser()?.newBrowserCDPSession();
    const { processInfo } = (await devtools?.send('SystemInfo.getProcessInfo')) ?? { processInfo: [] };
    // The browser first: it would only start the others again.
    const ids = processInfo.sort((a, b) => Number(b.type === 'browser') - Number(a.type === 'browser'));
    const isGone = (id: number) => {
      try {
        return !process.kill(id, 0);
      } catch {
        return true;
      }
    };
    for (const { id } of ids) if (!isGone(id)) process.kill(id, 'SIGKILL');
    await expect.poll(() => ids.every(({ id }) => isGone(id))).toBe(true);
  }

  /**
   * Presses a button of a file's row as soon as so much of the file has moved, in percent: a test that looks from outside
   * may come when all is over. Before the transfer begins.
   */
  async pressAt(name: string, percent: number, button: string): Promise<void> {
    await this.page.evaluate(
      ([row, least, testId]) => {
        const observer = new MutationObserver(() => {
          const progress = document.querySelector(`${row} [data-testid=progress]`);
          if (Number(progress?.getAttribute('aria-valuenow') ?? 0) < least) return;
          observer.disconnect();
          document.querySelector<HTMLElement>(`${row} [data-testid=${testId}]`)?.click();
        });
        observer.observe(document, { subtree: true, childList: true, attributeFilter: ['aria-valuenow'] });
      },
      [`[data-name=${JSON.stringify(name)}]`, percent, button] as const,
    );
  }

  /** Accepts a file and pauses it when so much of it is here, in percent. */
  async acceptsPart(name: string, percent: number): Promise<void> {
    await this.pressAt(name, percent, 'pause');
    await this.accept(name);
    await this.sees(name, 'paused');
  }

  /** Goes on with what an earlier page left of a file, after a yes; how many percent of it are here already. */
  async resumesPart(name: string): Promise<number> {
    const accept = this.incoming(name).getByTestId('accept');
    await expect(accept).toHaveText(/^Resume at [1-9]\d? %$/);
    const percent = Number(/\d+/.exec(await accept.innerText())?.[0]);
    await accept.click();
    return percent;
  }

  /** Waits until a file is verified and saves it; the SHA-256 of what is on the disk then. */
  async receives(name: string): Promise<string> {
    await this.sees(name, 'verified', 100_000);
    return (await this.save(name)).sha256;
  }
}

/** Holds that no page of these people had anything to complain of. */
export function nobodyComplains(people: readonly Person[]): void {
  expect(people.flatMap(({ complaints }) => complaints)).toEqual([]);
}

/** SHA-256 and size of a file on disk. */
export async function digest(path: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { sha256: hash.digest('hex'), size };
}
