// The page's state: which screen, what is in review, the room's latest view, what has to be said. Components render it
// and call its methods; it turns them into commands for the room.

import { tick } from 'svelte';
import { openOwnKey, type OwnKey } from '../identity/keys.ts';
import {
  deriveRoomKeys,
  formatFragment,
  newRoomLink,
  parseFragment,
  parseLink,
  type RoomLink,
} from '../identity/room-link.ts';
import { fromBase64url, randomBytes, toBase64url } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';
import { MAX_DENY_LIST_BYTES, parseDenyList } from '../safety/deny-list.ts';
import { MAX_SNIPPET_BYTES } from '../protocol/limits.ts';
import { SIGNAL_PATH, type Ice } from '../protocol/signal.ts';
import { Dialer } from '../rendezvous/dialer.ts';
import { iceConfiguration, newCertificate } from '../rendezvous/ice.ts';
import { SignalingServer } from '../rendezvous/signaling-server.ts';
import { Dial } from '../rendezvous/simple-peer.ts';
import { Acquaintances } from '../room/acquaintances.ts';
import { nickname } from '../room/nickname.ts';
import { Room } from '../room/room.ts';
import type { StagedFile } from '../room/incoming-file.ts';
import type { Told } from '../room/surroundings.ts';
import type { DeliveryView, OutgoingView, RoomView } from '../room/views.ts';
import type { PickedFile } from '../room/outgoing.ts';
import { ActivityWriter } from '../storage/activity.ts';
import { chooseTarget, saveBlob, writeTo, type Saving } from '../storage/export.ts';
import { forgetDevice } from '../storage/forget.ts';
import { freeBytes } from '../storage/space.ts';
import { openJournal } from '../storage/journal.ts';
import { activityLog, denyList, hostedRooms, keyStore, memoryStore, type Note } from '../storage/records.ts';
import { lockRoom, type RoomLock } from '../storage/room-lock.ts';
import { readTabRoom, writeTabRoom, type Named, type TabRoom } from '../storage/tab.ts';
import { TransferWorker } from '../transfer/client.ts';
import { percent } from './format.ts';
import { fromText } from './picked.ts';
import { Review } from './review.svelte.ts';

export interface Notice extends Told {
  readonly id: number;
}

/** Drawing takes no more than a fifth of a page's time, and waits no longer than this: else nobody would be answered. */
const DRAWN_SHARE = 5;
const MAX_DRAW_PAUSE_MS = 200;
/** More than this nobody chooses one by one. */
const MAX_NAMED = 500;
/** What saving files together is called. */
const ALL = 'all';
const ZIP_NAME = 'doorstep.zip';
const archive = () => import('../storage/archive.ts');

export class App {
  /** `entering`: on the way into a room, and nothing to be chosen yet. `elsewhere`: another tab of this browser has the room. `stuck`: nothing can be done in this browser or at this address; the notice says why. */
  screen = $state<'home' | 'entering' | 'room' | 'elsewhere' | 'stuck'>('home');
  readonly review = new Review();
  /** A text that is being written: the field is away while something else is in review. */
  draft = $state('');
  room = $state.raw<RoomView | undefined>();
  notices = $state.raw<readonly Notice[]>([]);
  /** What is being packed or written: the id of a file, or `all`; and how much of it is done. */
  saving = $state.raw<{ readonly what: string; readonly percent: number } | undefined>();
  /** Offered before this page was reloaded, and to be chosen again. */
  chooseAgain = $state.raw<readonly Named[]>([]);
  /** What is known of others, and what I am called; changes are drawn with the room. */
  acquaintances = $state.raw<Acquaintances | undefined>();
  /** Counts up whenever it changes. */
  remembered = $state(0);
  /** How many files are on the list of those that are not wanted here. */
  denied = $state(0);
  /** Whether the server of this room has a relay to go through; undefined until it said so. */
  hasRelay = $state<boolean | undefined>();
  /** Files may be chosen before the key is there: a room waits for it. */
  #identity: Promise<void> = Promise.resolve();
  #key: OwnKey | undefined;
  #lock: RoomLock | undefined;
  #wanted: [TabRoom, RoomLink] | undefined;
  #room: Room | undefined;
  #tab: TabRoom | undefined;
  /** What the signaling server named, and with it credentials. */
  #ice: Ice | undefined;
  readonly #activity = new ActivityWriter();
  readonly #journal = openJournal(() => Date.now());
  #engine: TransferWorker | undefined;
  #noticeId = 0;
  #drawing = false;
  /** Not drawn again before. */
  #nextDrawMs = 0;
  #offering = false;
  #stopSaving: AbortController | undefined;

  /** Begins with what the address bar, this tab's past and this browser allow. */
  async start(): Promise<void> {
    if (!isSecureContext) {
      this.#stop('insecure-context');
      return;
    }
    if (typeof RTCPeerConnection === 'undefined' || typeof Worker === 'undefined') {
      this.#stop('unsupported-browser');
      return;
    }
    // At once, and not with the first room: by then the server its script comes from may be out of reach.
    this.#engine = new TransferWorker();
    void this.#openDenyList();
    this.#identity = this.#openIdentity();
    const fragment = takeFragment();
    const before = readTabRoom();
    // What is chosen on a screen that is about to go would be lost with it.
    if (fragment || before) this.screen = 'entering';
    await this.#identity;
    if (fragment && fragment !== before?.fragment) await this.join(fragment);
    else if (before) await this.#return(before);
    if (this.screen === 'entering') this.screen = 'home';
  }

  async #openIdentity(): Promise<void> {
    const { key, kept } = await openOwnKey(keyStore);
    if (!kept) this.tell({ code: 'identity-not-kept', about: '' });
    this.#key = key;
    this.acquaintances = await Acquaintances.open(memoryStore, nickname(toBase64url(key.publicKey)));
    void hostedRooms.sweep(Date.now()).catch(() => undefined);
    void activityLog.sweep().catch(() => undefined);
  }

  async #openDenyList(): Promise<void> {
    this.#deny(await denyList.load().catch(() => []));
  }

  /** Takes a list of files that are not wanted here, by their SHA-256; it replaces the one before. */
  async denyFiles(list: Blob): Promise<void> {
    this.untell('bad-deny-list');
    const text = list.size > MAX_DENY_LIST_BYTES ? undefined : await list.text().catch(() => undefined);
    const parsed = text === undefined ? undefined : parseDenyList(text);
    if (!parsed || 'badLine' in parsed) {
      this.tell({ code: 'bad-deny-list', about: parsed ? String(parsed.badLine) : '' });
      return;
    }
    // Where nothing can be kept it holds for as long as this page.
    await denyList.save(parsed.hashes).catch(() => undefined);
    this.#deny(parsed.hashes);
  }

  #deny(hashes: readonly string[]): void {
    this.denied = hashes.length;
    this.#engine?.deny(hashes);
  }

  /** Changes what is remembered on this device. */
  async remember(change: (acquaintances: Acquaintances) => Promise<void>): Promise<void> {
    if (this.acquaintances) await change(this.acquaintances);
    this.remembered++;
    this.#draw();
  }

  async setRelayOnly(on: boolean): Promise<void> {
    await this.remember((acquaintances) => acquaintances.setRelayOnly(on));
    this.#noticeRelay();
  }

  #iceNamed(given: Ice | undefined): void {
    this.#ice = given;
    this.hasRelay = given?.turn !== undefined;
    this.#noticeRelay();
  }

  /** Whoever hides their address and cannot be reached hears of it before they wait for somebody. */
  #noticeRelay(): void {
    if (this.acquaintances?.relayOnly && this.hasRelay === false) this.tell({ code: 'no-relay', about: '' });
    else this.untell('no-relay');
  }

  /** The page may be gone in a moment. */
  hide(): void {
    this.#activity.hurry();
  }

  /** What happened to files, the newest first. */
  async activity(): Promise<Note[]> {
    await this.#activity.flush();
    return (await activityLog.all().catch(() => [])).reverse();
  }

  async clearActivity(): Promise<void> {
    await this.#activity.flush();
    await activityLog.clear().catch(() => undefined);
  }

  /** The whole log as JSON, to keep or to show: oldest first. */
  async exportActivity(): Promise<void> {
    const notes = (await this.activity()).reverse();
    const json = JSON.stringify({ format: 'doorstep activity 1', notes }, undefined, 2);
    saveBlob(new Blob([json]), 'doorstep-activity.json');
  }

  /** Takes the room over from the other tab. */
  async useHere(): Promise<void> {
    if (this.#wanted) await this.#enter(...this.#wanted, true);
  }

  /** Forgets this device's key, people, rooms and files, and begins anew. */
  async forgetDevice(): Promise<void> {
    this.leave();
    // What still waits to be written would be written afterwards.
    await this.#activity.flush();
    await forgetDevice();
    location.replace('/');
  }

  /** A link was opened in this very tab. */
  async follow(): Promise<void> {
    const fragment = takeFragment();
    if (fragment && this.screen !== 'stuck') await this.join(fragment);
  }

  /** Back into the room this tab was in. */
  async #return(before: TabRoom): Promise<void> {
    try {
      this.chooseAgain = before.offered ?? [];
      await this.#enter(before, await parseFragment(before.fragment));
    } catch (error) {
      writeTabRoom(undefined);
      this.tell({ code: Failure.from(error).code, about: '' });
    }
  }

  /** Opens the review with these files, beside those already in it. */
  pick(files: readonly PickedFile[]): void {
    if (this.screen === 'stuck') return;
    if (!files.length) return this.tell({ code: 'empty-offer', about: '' });
    this.untell('empty-offer');
    this.review.add(files);
  }

  /** Puts a text into the review, as if it were a file; false when it cannot be offered as a text. */
  pickText(text: string): boolean {
    try {
      this.pick([fromText(text)]);
      this.untell('text-too-long');
      return true;
    } catch (error) {
      this.tell({ code: Failure.from(error).code, about: '' });
      return false;
    }
  }

  /** The yes to what leaves: offers the ticked files, in a room made for it if there is none. Secrets take a second one. */
  async offer(secretsToo = false): Promise<void> {
    const files = this.review.ticked;
    if (this.#offering || this.review.looking > 0) return;
    if (this.review.secrets.length && !secretsToo) {
      this.review.asking = true;
      return;
    }
    this.#offering = true;
    try {
      if (!files.length) throw new Failure('empty-offer');
      if (!this.#room) await this.#host();
      this.#room?.offer(files);
      this.review.clear();
      this.untell('empty-offer');
      this.untell('too-many-texts');
    } catch (error) {
      this.tell({ code: Failure.from(error).code, about: '' });
    } finally {
      this.#offering = false;
    }
  }

  /** Goes to the room of a pasted link. */
  async join(text: string): Promise<void> {
    try {
      const link = await parseLink(text);
      this.untell('bad-link');
      this.untell('other-version');
      await this.#enter({ ...newSeat(), fragment: await formatFragment(link) }, link);
    } catch (error) {
      this.tell({ code: Failure.from(error).code, about: '' });
    }
  }

  leave(): void {
    this.#closeRoom();
    this.#lock?.release();
    this.#lock = undefined;
    this.#room = undefined;
    this.room = undefined;
    this.notices = [];
    this.review.clear();
    this.draft = '';
    this.chooseAgain = [];
    this.#tab = undefined;
    writeTabRoom(undefined);
    this.screen = 'home';
  }

  /** The page is going away: everyone hears it at once instead of after a time-out. */
  depart(): void {
    this.#closeRoom();
  }

  #closeRoom(): void {
    this.#stopSaving?.abort();
    this.#room?.close();
  }

  get commands(): Room | undefined {
    return this.#room;
  }

  /** What a received text says; what is no UTF-8 in it is U+FFFD. */
  async textOf(id: string): Promise<string> {
    const text = this.#room?.text(id);
    if (!text || text.size > MAX_SNIPPET_BYTES) throw new Failure('file-unreadable');
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await text.arrayBuffer());
  }

  /** Hands a file to the browser's downloads. */
  save(id: string): void {
    const files = this.#staged(id);
    for (const { name, file } of files) saveBlob(file, name);
    this.#room?.markSaved(files.map((file) => file.id));
  }

  /** All files that are here, as one ZIP among the browser's downloads. */
  async saveAll(): Promise<void> {
    const files = this.#staged();
    await this.#save(ALL, files, async (room, saving) => {
      const { zip } = await archive();
      saveBlob(await zip(files, saving), ZIP_NAME);
      room.markSaved(files.map(({ id }) => id));
    });
  }

  /** Writes a file where the person wants it. Then it is known to be there, and needs no space here any more. */
  async saveTo(id: string): Promise<void> {
    const files = this.#staged(id);
    for (const { name, file } of files) {
      await this.#save(id, files, async (room, saving) => {
        await writeTo(await chooseTarget(name), file, saving);
        room.markWritten([id]);
      });
    }
  }

  /** Likewise all files that are here, as one ZIP. */
  async saveAllTo(): Promise<void> {
    const files = this.#staged();
    const ids = files.map(({ id }) => id);
    await this.#save(ALL, [...files, ...files], async (room, saving) => {
      const target = await chooseTarget(ZIP_NAME);
      const { zip } = await archive();
      await writeTo(target, await zip(files, saving), saving);
      room.markWritten(ids);
    });
  }

  /** The file with this id, or all, of those that wait to be saved. */
  #staged(only?: string): StagedFile[] {
    const ids = this.room?.incoming.filter(({ isStaged }) => isStaged).map(({ id }) => id) ?? [];
    return this.#room?.staged(only === undefined ? ids : [only]) ?? [];
  }

  /** Saves one thing at a time. `read`: what has to be read for that. */
  async #save(
    what: string,
    read: readonly StagedFile[],
    save: (room: Room, saving: Saving) => Promise<void>,
  ): Promise<void> {
    const room = this.#room;
    if (!room || !read.length || this.saving) return;
    const stop = new AbortController();
    const bytes = read.reduce((sum, { file }) => sum + file.size, 0);
    let done = 0;
    this.#stopSaving = stop;
    this.saving = { what, percent: 0 };
    this.untell('save-failed');
    try {
      await save(room, {
        signal: stop.signal,
        progress: (more) => {
          done += more;
          const now = percent(done, bytes);
          if (now !== this.saving?.percent) this.saving = { what, percent: now };
        },
      });
    } catch (error) {
      const { code } = Failure.from(error, 'save-failed');
      if (code !== 'cancelled') this.tell({ code, about: '' });
    } finally {
      this.saving = undefined;
    }
  }

  tell(told: Told): void {
    // Said already: saying it again would only interrupt whoever has it read aloud.
    if (this.notices.some(({ code, about }) => code === told.code && about === told.about)) return;
    this.notices = [...this.notices, { ...told, id: ++this.#noticeId }];
  }

  /** What was told no longer holds: of one person or file, or of all. */
  untell(code: FailureCode, about?: string): void {
    const holds = (notice: Notice) => notice.code !== code || (about !== undefined && notice.about !== about);
    // Untold often and mostly for nothing: that is not to be drawn.
    if (!this.notices.every(holds)) this.notices = this.notices.filter(holds);
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  #stop(code: FailureCode): void {
    this.screen = 'stuck';
    this.tell({ code, about: '' });
  }

  async #host(): Promise<void> {
    await this.#identity;
    if (!this.#key) throw new Failure('internal', 'no key');
    const link = await newRoomLink(this.#key.publicKey);
    await this.#enter({ ...newSeat(), fragment: await formatFragment(link) }, link);
  }

  async #enter(tab: TabRoom, link: RoomLink, steal = false): Promise<void> {
    await this.#identity;
    const [key, acquaintances] = [this.#key, this.acquaintances];
    if (!key || !acquaintances) throw new Failure('internal', 'no key');
    this.#closeRoom();
    this.#lock?.release();
    this.#wanted = [tab, link];
    const { roomId } = await deriveRoomKeys(link);
    const lock = await lockRoom(toBase64url(roomId), steal);
    this.#lock = lock;
    if (!lock) {
      this.screen = 'elsewhere';
      return;
    }
    void lock.stolen.then(() => this.#stolen(lock));
    this.#keepTab(tab);
    this.#engine ??= new TransferWorker();
    const { peer, token } = tab;
    const room = new Room(
      { peer, token },
      {
        engine: this.#engine,
        key,
        acquaintances,
        journal: this.#journal,
        ice: () => iceConfiguration(this.#ice, acquaintances.relayOnly),
        newCertificate,
        openCarrier: (seat, events) =>
          new SignalingServer(signalingUrl(), seat, { ...events, ice: (given) => this.#iceNamed(given) }),
        openDialer: (options) => new Dialer(options),
        dialLane: (options) => new Dial(options),
        loadHosted: (id) => hostedRooms.load(id),
        storeHosted: (id, hosted) => hostedRooms.save(id, hosted),
        freeBytes,
        keepRoster: (signed) => this.#keepTab({ ...(this.#tab ?? tab), roster: signed && toBase64url(signed) }),
        now: () => performance.now(),
        clock: () => Date.now(),
        log: (note) => this.#activity.add({ ...note, at: Date.now() }),
        changed: () => this.#draw(),
        tell: (told) => this.tell(told),
        untell: (code, about) => this.untell(code, about),
      },
    );
    this.#room = room;
    this.screen = 'room';
    // When there is something to pack, the server it comes from may be out of reach.
    void archive().catch(() => undefined);
    await room.open(link, fromBase64url(tab.roster ?? '') ?? undefined);
  }

  /** Another tab of this browser took the room. */
  #stolen(lock: RoomLock): void {
    if (this.#lock !== lock) return;
    this.#closeRoom();
    this.#room = undefined;
    this.room = undefined;
    this.screen = 'elsewhere';
  }

  /** One look at the room for all that changed in this turn. */
  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    setTimeout(() => void this.#look(), this.#nextDrawMs - performance.now());
  }

  async #look(): Promise<void> {
    const startMs = performance.now();
    this.#drawing = false;
    this.room = this.#room?.view();
    this.#keepOffered();
    await tick();
    const endMs = performance.now();
    this.#nextDrawMs = endMs + Math.min((DRAWN_SHARE - 1) * (endMs - startMs), MAX_DRAW_PAUSE_MS);
  }

  #keepTab(tab: TabRoom): void {
    this.#tab = tab;
    writeTabRoom(tab);
  }

  /** What is on offer and what is still to be chosen again, for the next life of this tab. */
  #keepOffered(): void {
    const [room, tab] = [this.room, this.#tab];
    if (!room || !tab) return;
    const isOffered = ({ path, size }: Named) => room.outgoing.some((file) => file.path === path && file.size === size);
    if (this.chooseAgain.some(isOffered)) this.chooseAgain = this.chooseAgain.filter((file) => !isOffered(file));
    const open = room.outgoing.filter(isUndelivered).map(({ path, size }) => ({ path, size }));
    const offered = [...this.chooseAgain, ...open].slice(0, MAX_NAMED);
    if (JSON.stringify(offered) !== JSON.stringify(tab.offered ?? [])) this.#keepTab({ ...tab, offered });
  }
}

/** Still wanted by somebody, or by nobody yet. A text is nowhere to be chosen from again. */
function isUndelivered({ snippet, withdrawn, deliveries }: OutgoingView): boolean {
  const isOpen = ({ state }: DeliveryView) => state !== 'verified' && state !== 'declined';
  return snippet === undefined && !withdrawn && (deliveries.length === 0 || deliveries.some(isOpen));
}

function newSeat(): { peer: string; token: string } {
  return { peer: toBase64url(randomBytes(16)), token: toBase64url(randomBytes(16)) };
}

/** The room's secret, out of the address bar as soon as it was read. */
function takeFragment(): string {
  const fragment = location.hash.slice(1);
  if (fragment) history.replaceState(null, '', location.pathname + location.search);
  return fragment;
}

function signalingUrl(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${SIGNAL_PATH}`;
}
