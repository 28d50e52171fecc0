// What others put on my doorstep, and what I said to each file. No DOM, no clock but the one handed in. It holds: nothing
// is asked for without a yes to that very file (C4, C5), each file ends once (C19), and whole is not saved (C14).

import { fromBase64url, randomBytes, toBase64url, toHex, type Bytes } from '../protocol/bytes.ts';
import { Failure, fileFailureCodes, type FailureCode } from '../protocol/failure.ts';
import { MAX_FILES_PER_PEER, MAX_OFFERS_PER_PEER, MAX_SNIPPETS, SNIPPETS_MS } from '../protocol/limits.ts';
import type { Message, MessageOf, OfferedFile } from '../protocol/messages.ts';
import { nameKey } from '../safety/file-name.ts';
import type { Verdict } from '../safety/file-type.ts';
import type { Journal } from '../storage/journal.ts';
import type { Engine, Moved, PartialName, Transfer } from '../transfer/client.ts';
import { manifestOf } from '../transfer/manifest.ts';
import { RateMeter } from '../transfer/rate.ts';
import { transferKey } from '../transfer/worker-messages.ts';
import type { Deed, Log } from './activity.ts';
import { Batcher, chunks } from './batcher.ts';
import type { PersonChannel } from './channel.ts';
import {
  factsOf,
  isCalledText,
  isDoubtful,
  isMoving,
  isOpen,
  isOver,
  isResumable,
  look,
  namedBy,
  newIncoming,
  saveNeeds,
  worseOf,
  type Incoming,
  type StagedFile,
} from './incoming-file.ts';
import { NOBODY, setPaused, type PausedBy } from './paused.ts';
import { Recent } from './recent.ts';
import type { IncomingView } from './views.ts';

/** A yes to a file, and to the very offer it was in. */
interface Meant {
  readonly file: Incoming;
  readonly hash: string;
}

interface Giver {
  readonly channel: PersonChannel;
  readonly streams: Set<number>;
  readonly verified: Batcher<{ fileId: string; root: string }>;
  /** What came over this link. */
  bytes: number;
  /** Set while offers of theirs still come. */
  settling: ReturnType<typeof setTimeout> | undefined;
}

const UNDO_MS = 5_000;
/** Nobody who goes on offering what they offered before is silent for so long. */
const SETTLED_MS = 3_000;
/** Many at once would keep both pages from answering anybody. */
const MAX_ACCEPTS_PER_MESSAGE = 100;
/** Whoever is further behind waits, and no number would tell them more. */
const COUNTED_IN_LINE = 200;

export interface IncomingOptions {
  readonly engine: Engine;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly changed: () => void;
  readonly journal: Journal;
  readonly log: Log;
}

export class IncomingFiles {
  readonly #engine: Engine;
  readonly #now: () => number;
  readonly #changed: () => void;
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #files = new Map<string, Incoming>();
  readonly #givers = new Map<string, Giver>();
  readonly #byTransfer = new Map<string, Incoming>();
  readonly #beingScanned = new Map<string, Incoming>();
  readonly #names = new Set<string>();
  /** Texts that each person offered, whatever session it was in. */
  readonly #texts = new Map<string, Recent>();
  /** What was said yes to and is still to be asked for. */
  #accepts: Meant[][] = [];
  #accepting: ReturnType<typeof setTimeout> | undefined;

  constructor({ engine, now, changed, journal, log }: IncomingOptions) {
    this.#engine = engine;
    this.#now = now;
    this.#changed = changed;
    this.#journal = journal;
    this.#log = log;
  }

  view(): IncomingView[] {
    const now = this.#now();
    const places = new Map<Incoming, number>();
    for (const file of this.#byTransfer.values()) {
      if (places.size === COUNTED_IN_LINE) break;
      if (file.state === 'receiving' && file.bytes === 0) places.set(file, places.size + 1);
    }
    return [...this.#files.values()].map((file) => look(file, places.get(file), now));
  }

  personReady(channel: PersonChannel): void {
    this.#givers.set(channel.peer, {
      channel,
      streams: new Set(),
      verified: new Batcher((files) => channel.send({ type: 'verified', files })),
      bytes: 0,
      settling: undefined,
    });
  }

  personGone(peer: string): void {
    clearTimeout(this.#givers.get(peer)?.settling);
    this.#givers.delete(peer);
    for (const file of this.#files.values()) {
      if (file.peer !== peer) continue;
      file.hash = undefined;
      if (isOpen(file)) this.#interrupt(file);
    }
  }

  /**
   * Leaving the room: what was received and not saved is let go; what was on its way can be gone on with another time. A
   * file saved a moment ago may still be being read.
   */
  close(): void {
    this.#accepts = [];
    for (const file of this.#files.values()) {
      this.#forgetUndo(file);
      if (file.state === 'verified') this.#release(file);
      else if (file.state !== 'saved') this.#detach(file);
    }
  }

  /** Takes what a sender says about their files; false when the message is not of that kind. Throws Failure('protocol'). */
  handle(channel: PersonChannel, message: Message, hash: Bytes | undefined): boolean {
    switch (message.type) {
      case 'offer':
        this.#handleOffer(channel, message, hash);
        return true;
      case 'withdraw':
        for (const file of this.#named(channel.peer, message.fileIds)) {
          // What is whole is here; anything else came too late for the sender to hear of it, and ends as they see it.
          if (file.file || file.state === 'saved') continue;
          this.#forgetUndo(file);
          this.#logEnd(file, 'withdrawn');
          this.#release(file);
          file.state = 'withdrawn';
          file.failure = undefined;
        }
        return true;
      case 'done':
        for (const { fileId, root } of message.files) {
          const file = this.#files.get(`${channel.peer} ${fileId}`);
          const bytes = fromBase64url(root);
          if (file?.transfer && bytes) this.#engine.root(file.transfer, bytes);
        }
        return true;
      default:
        return false;
    }
  }

  /** The sender could not go on with these. */
  handleFailed(peer: string, fileIds: readonly string[], code: FailureCode): void {
    for (const file of this.#named(peer, fileIds)) {
      // Cancelled when it had failed already: it ends as its sender sees it.
      if (isMoving(file) || file.failure === 'cancelled') this.#fail(file, code);
    }
  }

  /**
   * Yes to these files, as they are offered now. Those that are not on offer any more are left alone. Thousands are
   * accepted in runs, so that the page answers meanwhile.
   */
  accept(ids: readonly string[]): void {
    const byPeer = new Map<string, Meant[]>();
    for (const id of new Set(ids)) {
      const file = this.#files.get(id);
      if (file?.state !== 'offered' || file.hash === undefined) continue;
      const meant = { file, hash: file.hash };
      const list = byPeer.get(file.peer);
      if (list) list.push(meant);
      else byPeer.set(file.peer, [meant]);
    }
    for (const list of byPeer.values()) this.#accepts.push(...chunks(list, MAX_ACCEPTS_PER_MESSAGE));
    if (this.#accepting === undefined) this.#acceptNext();
  }

  #acceptNext(): void {
    this.#accepting = undefined;
    const run = this.#accepts.shift();
    if (!run) return;
    const files = run
      .filter(({ file, hash }) => file.state === 'offered' && file.hash === hash)
      .map(({ file }) => file);
    const giver = this.#givers.get(files[0]?.peer ?? '');
    if (giver) this.#acceptFrom(giver, files);
    this.#changed();
    if (this.#accepts.length) this.#accepting = setTimeout(() => this.#acceptNext());
  }

  /** No to a file; it can be taken back for five seconds, and only then is the sender told. */
  decline(id: string): void {
    const file = this.#files.get(id);
    if (file?.state !== 'offered') return;
    file.state = 'declined';
    file.undo = setTimeout(() => {
      file.undo = undefined;
      this.#logEnd(file, 'declined');
      this.#dropPartial(file);
      this.#send(file, 'decline');
      this.#changed();
    }, UNDO_MS);
  }

  undoDecline(id: string): void {
    const file = this.#files.get(id);
    if (!file?.undo) return;
    this.#forgetUndo(file);
    file.state = 'offered';
    if (file.hash === undefined) this.#interrupt(file);
  }

  /** Lets go of what was received of a file, which may be on its way. */
  cancel(id: string): void {
    const file = this.#files.get(id);
    if (file?.state === 'offered' || file?.state === 'interrupted') this.#dropPartial(file);
    if (!file?.transfer || file.state === 'verified' || file.state === 'saved') return;
    this.#logEnd(file, 'cancelled');
    this.#release(file);
    file.state = 'declined';
    file.failure = 'cancelled';
    this.#send(file, 'cancel');
  }

  pause(id: string): void {
    const file = this.#files.get(id);
    if (!file || !isMoving(file) || file.pausedBy.us) return;
    this.#setPaused(file, { ...file.pausedBy, us: true });
    this.#send(file, 'pause');
  }

  resume(id: string): void {
    const file = this.#files.get(id);
    if (file?.state !== 'paused' || !file.pausedBy.us || file.doubted) return;
    file.failure = undefined;
    this.#setPaused(file, { ...file.pausedBy, us: false });
    this.#send(file, 'resume');
  }

  /** Yes to what a file turned out to be. */
  goOnAnyway(id: string): void {
    const file = this.#files.get(id);
    if (!file?.doubted) return;
    file.agreedTo = file.named.warning;
    file.doubted = false;
    this.resume(id);
  }

  /** The sender paused these, or goes on with them. Ids of files that are not theirs are left alone. */
  handlePause(peer: string, fileIds: readonly string[], them: boolean): void {
    for (const file of this.#named(peer, fileIds)) {
      if (isMoving(file)) this.#setPaused(file, { ...file.pausedBy, them });
    }
  }

  #setPaused(file: Incoming, pausedBy: PausedBy): void {
    setPaused(file, pausedBy, 'receiving', this.#engine);
  }

  /** Whether a file is on its way here. */
  get moving(): boolean {
    return [...this.#byTransfer.values()].some(({ state }) => state === 'receiving');
  }

  /** Somebody who left is not coming back: their rows go, but for files that are whole. */
  forget(peer: string): void {
    for (const file of this.#files.values()) {
      if (file.peer !== peer || file.file || file.state === 'saved') continue;
      this.#forgetUndo(file);
      this.#unlist(file);
    }
  }

  #unlist({ id, name, isFolder }: Incoming): void {
    this.#files.delete(id);
    if (!isFolder) this.#names.delete(nameKey(name));
  }

  /** Bytes that came from a person, and those accepted that are still to come. */
  progressOf(peer: string): { bytes: number; toCome: number } {
    const toCome = [...this.#byTransfer.values()]
      .filter((file) => file.peer === peer && file.state === 'receiving')
      .reduce((sum, file) => sum + file.offered.size - file.bytes, 0);
    return { bytes: this.#givers.get(peer)?.bytes ?? 0, toCome };
  }

  /** Bytes these files and all that is on its way would still take. */
  bytesNeeded(ids: readonly string[]): number {
    const wanted = ids.flatMap((id) => this.#files.get(id) ?? []).filter(({ state }) => state === 'offered');
    const coming = this.#byTransfer.values();
    const meant = this.#accepts.flat().map(({ file }) => file);
    return [...new Set([...wanted, ...meant, ...coming])].reduce(
      (sum, file) => sum + file.offered.size - file.bytes,
      0,
    );
  }

  /** Lets go of a file that is here whole and was not saved. */
  throwAway(id: string): void {
    const file = this.#files.get(id);
    if (file?.state !== 'verified') return;
    this.#release(file);
    file.file = undefined;
    file.scanning = false;
    file.state = 'declined';
    file.failure = 'cancelled';
  }

  /** The second yes: this file may be saved. One that something was found in only by its name, exactly. */
  confirm(id: string, name = ''): void {
    const file = this.#files.get(id);
    if (file?.file && !file.scanning && (saveNeeds(file) !== 'name' || name === file.name)) file.confirmed = true;
  }

  /** The staged files with these ids: verified ones only, and of those that take a second yes the ones that have it. */
  staged(ids: readonly string[]): StagedFile[] {
    return ids.flatMap((id) => {
      const found = this.#files.get(id);
      if (!found?.file || found.scanning || saveNeeds(found) !== 'nothing') return [];
      const { name, folder, isFolder, file, offered } = found;
      const path = (folder ? `${folder}/${name}` : name) + (isFolder ? '/' : '');
      return [{ id, name, path, modified: offered.modified, file }];
    });
  }

  /** The bytes of a verified text: to be shown, which takes no second yes. */
  text(id: string): Blob | undefined {
    const file = this.#files.get(id);
    return file?.offered.snippet ? file.file : undefined;
  }

  /** Downloads of these begin: they stay for as long as this page, and an hour longer, unless they are let go of. */
  markSaved(ids: readonly string[]): void {
    const saved = ids.flatMap((id) => this.#files.get(id) ?? []).filter(({ file }) => file);
    if (!saved.length) return;
    const partials = saved.flatMap(({ partial }) => partial ?? []);
    // Without this note and without their record they would be swept as soon as the page is gone.
    this.#engine.keepForDownload(partials, partials.length < saved.length);
    for (const file of saved) {
      this.#becomeSaved(file);
      if (file.partial) this.#journal.forget(file.partial);
    }
  }

  /** These were written to where the person wanted them: nothing of them is needed here any more. */
  markWritten(ids: readonly string[]): void {
    for (const id of ids) {
      const file = this.#files.get(id);
      if (!file?.file) continue;
      this.#release(file);
      file.file = undefined;
      this.#becomeSaved(file);
    }
  }

  #becomeSaved(file: Incoming): void {
    if (file.state !== 'saved') this.#note(file, 'saved');
    file.state = 'saved';
  }

  /** Frees what was staged of saved files: a download that still reads it breaks off. */
  free(ids: readonly string[]): void {
    this.markWritten(ids.filter((id) => this.#files.get(id)?.state === 'saved'));
  }

  handleProgress(moved: Moved): void {
    const file = this.#byTransfer.get(transferKey(moved));
    if (!file || file.state === 'verified') return;
    const giver = this.#givers.get(file.peer);
    if (giver) giver.bytes += Math.max(0, moved.bytes - file.bytes);
    file.bytes = moved.bytes;
    file.meter.add(this.#now(), moved.bytes);
  }

  /** Its first bytes say worse than its name, or something else: a yes to the one was none to the other. */
  handleJudged(transfer: Transfer, verdict: Verdict): void {
    const file = this.#byTransfer.get(transferKey(transfer));
    if (!file || (file.offered.snippet && isCalledText(file))) return;
    // Whoever said yes to this very thing, in this page life, is not asked again.
    const asks = isDoubtful(file, verdict) && file.agreedTo !== verdict.warning;
    file.named = { ...file.named, risk: verdict.risk, warning: verdict.warning };
    if (!asks || !isMoving(file)) return;
    file.doubted = true;
    file.agreedTo = undefined;
    if (file.pausedBy.us) return;
    this.#setPaused(file, { ...file.pausedBy, us: true });
    this.#send(file, 'pause');
  }

  /** Every byte is here and its root is the one that was named. `scanning`: what is in it is told later. */
  handleStaged(transfer: Transfer, root: Bytes, staged: Blob, scanning: boolean): void {
    const file = this.#byTransfer.get(transferKey(transfer));
    if (!file) return;
    file.state = 'verified';
    file.bytes = file.offered.size;
    file.file = staged;
    file.scanning = scanning;
    file.root = toBase64url(root);
    this.#logEnd(file, 'verified');
    // Nothing more is heard of it, and nobody who looks for what is on its way need pass over it.
    this.#byTransfer.delete(transferKey(transfer));
    if (scanning) this.#beingScanned.set(transferKey(transfer), file);
    this.#sayVerified(file, file.root);
  }

  handleScanned(transfer: Transfer, found: readonly string[]): void {
    const key = transferKey(transfer);
    const file = this.#beingScanned.get(key);
    this.#beingScanned.delete(key);
    // Let go of meanwhile, and perhaps received anew.
    if (!file?.transfer || transferKey(file.transfer) !== key) return;
    file.scanning = false;
    file.found = found;
    if (found.length) file.named = { ...file.named, risk: 'dangerous' };
  }

  /** Once when it is true, and again to a sender who comes back and may not have heard it. */
  #sayVerified(file: Incoming, root: string): void {
    let alone = true;
    for (const { peer, state } of this.#byTransfer.values()) {
      if (peer !== file.peer || state !== 'receiving') continue;
      alone = false;
      break;
    }
    this.#givers.get(file.peer)?.verified.add({ fileId: file.offered.fileId, root }, alone);
  }

  /** Its partial file is another tab's: what becomes of the file here is no business of that one's. */
  handleNotKept(transfer: Transfer): void {
    const file = this.#byTransfer.get(transferKey(transfer));
    if (!file) return;
    file.partial = undefined;
    file.bytes = 0;
  }

  /** There is no room for the rest of it: it waits until the person made some. */
  handleFull(transfer: Transfer): void {
    const file = this.#byTransfer.get(transferKey(transfer));
    if (!file || !isMoving(file) || file.pausedBy.us) return;
    file.failure = 'disk-full';
    this.#setPaused(file, { ...file.pausedBy, us: true });
    this.#send(file, 'pause');
  }

  /** Our side of a transfer could not go on: the sender is told why. */
  handleTransferFailed(transfer: Transfer, failure: Failure): void {
    const file = this.#byTransfer.get(transferKey(transfer));
    if (!file) return;
    this.#fail(file, failure.code);
    const code = fileFailureCodes.find((known) => known === failure.code) ?? 'internal';
    this.#givers.get(file.peer)?.channel.send({ type: 'failed', fileIds: [file.offered.fileId], code });
  }

  #handleOffer(channel: PersonChannel, offer: MessageOf<'offer'>, hash: Bytes | undefined): void {
    if (!hash) throw new Failure('internal', 'offer without a hash');
    const name = toBase64url(hash);
    this.#forgetCutOffLater(channel.peer);
    const theirs = () => [...this.#files.values()].filter((file) => file.peer === channel.peer);
    const unknown = offer.files.filter(({ fileId }) => !this.#files.has(`${channel.peer} ${fileId}`)).length;
    this.#giveWay(channel.peer, offer.files);
    // What comes first of what they offered before is no reason to forget the rest; too much of anything is.
    if (theirs().length + unknown > MAX_FILES_PER_PEER) {
      this.#forgetCutOff(channel.peer, new Set(offer.files.map(({ fileId }) => fileId)));
    }
    const standing = theirs().filter((file) => !isOver(file));
    const offers = new Set(standing.flatMap((file) => file.hash ?? [])).size;
    if (standing.length + unknown > MAX_FILES_PER_PEER || offers >= MAX_OFFERS_PER_PEER) {
      throw new Failure('protocol', 'more files than one person may offer');
    }
    this.#countTexts(channel.peer, offer.files);
    // What came to nothing is listed for as long as there is room.
    const tooMany = theirs().length + unknown - MAX_FILES_PER_PEER;
    for (const file of theirs().filter(isOver).slice(0, Math.max(0, tooMany))) this.#unlist(file);
    const goOn: Incoming[] = [];
    for (const offered of offer.files) {
      const id = `${channel.peer} ${offered.fileId}`;
      const known = this.#files.get(id);
      if (known?.hash !== undefined) throw new Failure('protocol', 'a file offered twice');
      if (known && this.#offerAgain(known, offered, name)) goOn.push(known);
      if (known) continue;
      const file = newIncoming(id, channel.peer, offered, name, this.#names);
      this.#files.set(id, file);
      this.#note(file, 'offered');
      void this.#findPartial(file);
    }
    // Accepted in this page life, and cut off: the yes still holds.
    this.accept(goOn.map(({ id }) => id));
  }

  /** Those that were offered before are no news. */
  #countTexts(peer: string, files: readonly OfferedFile[]): void {
    const isKnown = (fileId: string) => this.#files.get(`${peer} ${fileId}`)?.offered.snippet === true;
    const count = files.filter(({ fileId, snippet }) => snippet && !isKnown(fileId)).length;
    if (!count) return;
    const texts = this.#texts.get(peer) ?? new Recent(SNIPPETS_MS);
    this.#texts.set(peer, texts);
    const now = this.#now();
    if (texts.count(now) + count > MAX_SNIPPETS) throw new Failure('protocol', 'more texts than one person may offer');
    texts.add(count, now);
  }

  /** What an earlier page left of it: shown, and gone on with only after a yes. */
  async #findPartial(file: Incoming): Promise<void> {
    if (!isResumable(file)) return;
    const found = await this.#journal.find(factsOf(file), manifestOf(file.offered.size));
    // Most files have none, and there may be thousands: only then the others are looked at.
    if (!found || file.state !== 'offered' || file.partial) return;
    if ([...this.#files.values()].some(({ partial }) => partial === found.name)) return;
    file.partial = found.name;
    file.bytes = found.bytes;
    this.#changed();
  }

  /** A row that was cut off goes when its sender, who forgot its id with their page, offers a file in its place. */
  #giveWay(peer: string, offered: readonly OfferedFile[]): void {
    // Whoever still knows an id knows them all: the others come in a later message.
    if (offered.some(({ fileId }) => this.#files.has(`${peer} ${fileId}`))) return;
    const places = new Set(offered.map(({ path }) => path));
    for (const file of this.#files.values()) {
      if (file.peer !== peer || file.hash !== undefined || file.state !== 'interrupted') continue;
      if (places.has(file.offered.path)) this.#unlist(file);
    }
  }

  /** What is offered again after a break comes in many messages: when there are no more, the rest is not coming back. */
  #forgetCutOffLater(peer: string): void {
    const giver = this.#givers.get(peer);
    if (!giver) return;
    clearTimeout(giver.settling);
    giver.settling = setTimeout(() => {
      this.#forgetCutOff(peer, new Set());
      this.#changed();
    }, SETTLED_MS);
  }

  /** Rows of an earlier session that came to nothing, but for these. */
  #forgetCutOff(peer: string, offered: ReadonlySet<string>): void {
    for (const file of this.#files.values()) {
      const over = file.state === 'withdrawn' || (file.state === 'interrupted' && !offered.has(file.offered.fileId));
      if (file.peer !== peer || file.hash !== undefined || !over) continue;
      this.#unlist(file);
    }
  }

  /** In a new session, under the id it had before; true when it is to go on by itself. Only what came to nothing is asked about again. */
  #offerAgain(file: Incoming, offered: OfferedFile, hash: string): boolean {
    const { path, size, type, modified, snippet } = file.offered;
    if (offered.path !== path || offered.size !== size) throw new Failure('protocol', 'another file under the same id');
    file.hash = hash;
    // What was decided while they were away, or with words that may have been lost, is said again.
    if (file.state === 'declined' && !file.undo && !file.root) this.#send(file, 'decline');
    if (file.root) this.#sayVerified(file, file.root);
    if (file.state !== 'interrupted') return false;
    file.offered = offered;
    // Declared as something else now: never milder than it was.
    if (offered.type !== type) file.named = worseOf(file.named, namedBy(file.name, file.isFolder, offered.type));
    file.state = 'offered';
    file.failure = undefined;
    const isSame = offered.type === type && offered.modified === modified && offered.snippet === snippet;
    return file.again !== undefined && isSame;
  }

  #acceptFrom({ channel, streams }: Giver, files: readonly Incoming[]): void {
    const byHash = new Map<string, { fileId: string; stream: number; resume?: true }[]>();
    const started: Parameters<Engine['receive']>[] = [];
    const paused = files.filter(({ again }) => again === 'paused');
    for (const file of files) {
      const stream = newStream(streams);
      file.transfer = { way: 'in', link: channel.link, stream };
      file.state = 'receiving';
      file.failure = undefined;
      file.pausedBy = NOBODY;
      // What goes on by itself was said yes to before.
      if (file.again === undefined) this.#note(file, 'accepted');
      file.again = undefined;
      file.meter = new RateMeter();
      this.#byTransfer.set(transferKey(file.transfer), file);
      const partial = this.#partialOf(file);
      if (!partial?.resume) file.bytes = 0;
      started.push([file.transfer, file.offered.size, partial, { name: file.name, type: file.offered.type }]);
      const entry = { fileId: file.offered.fileId, stream, ...(partial?.resume && { resume: true as const }) };
      const list = byHash.get(file.hash ?? '');
      if (list) list.push(entry);
      else byHash.set(file.hash ?? '', [entry]);
    }
    channel.send({ type: 'accept', offers: [...byHash].map(([hash, list]) => ({ hash, files: list })) });
    for (const start of started) this.#engine.receive(...start);
    for (const { id } of paused) this.pause(id);
  }

  /** Where its bytes are kept so that they can be gone on with; undefined for a file too small for that. */
  #partialOf(file: Incoming): PartialName | undefined {
    if (!isResumable(file)) return undefined;
    const resume = file.partial !== undefined;
    file.partial ??= toHex(randomBytes(16));
    this.#journal.note(file.partial, factsOf(file));
    return { name: file.partial, resume };
  }

  *#named(peer: string, fileIds: readonly string[]): Iterable<Incoming> {
    for (const fileId of fileIds) {
      const file = this.#files.get(`${peer} ${fileId}`);
      if (file) yield file;
    }
  }

  #send(file: Incoming, type: 'decline' | 'cancel' | 'pause' | 'resume'): void {
    // A decision of an earlier session is not for this one's ears.
    if (file.hash === undefined) return;
    this.#givers.get(file.peer)?.channel.send({ type, fileIds: [file.offered.fileId] });
  }

  /** Its person is gone. What is here of it is kept for when they come back. */
  #interrupt(file: Incoming): void {
    if (isMoving(file)) file.again = file.pausedBy.us ? 'paused' : 'receiving';
    this.#detach(file);
    file.state = 'interrupted';
    file.failure = 'peer-gone';
  }

  /** Its link is over, and with it the transfer: the engine let go of it. */
  #detach(file: Incoming): void {
    if (file.transfer) this.#byTransfer.delete(transferKey(file.transfer));
    file.transfer = undefined;
    if (!isResumable(file)) file.bytes = 0;
  }

  #note(file: Incoming, deed: Deed, failure?: FailureCode): void {
    const { peer, folder, name, bytes, root, offered } = file;
    this.#log({
      ...{ way: 'in', deed, peer, path: folder ? `${folder}/${name}` : name, size: offered.size, bytes },
      ...(root !== undefined && { root }),
      ...(failure && { failure }),
    });
  }

  /** Both may end a file at once, and then it ends as both see it; what is logged is what was heard first. */
  #logEnd(file: Incoming, deed: Deed, failure?: FailureCode): void {
    if (file.logged) return;
    file.logged = true;
    this.#note(file, deed, failure);
  }

  #forgetUndo(file: Incoming): void {
    clearTimeout(file.undo);
    file.undo = undefined;
  }

  #fail(file: Incoming, code: FailureCode): void {
    this.#logEnd(file, 'failed', code);
    this.#release(file);
    file.state = 'failed';
    file.failure = code;
  }

  /** Ends the transfer of a file and frees what was staged of it. */
  #release(file: Incoming): void {
    if (!file.transfer) return;
    this.#byTransfer.delete(transferKey(file.transfer));
    this.#engine.stop(file.transfer);
    file.transfer = undefined;
    if (file.partial) this.#journal.forget(file.partial);
    file.partial = undefined;
  }

  /** Of a file that is not on its way. */
  #dropPartial(file: Incoming): void {
    file.again = undefined;
    file.bytes = 0;
    if (!file.partial) return;
    // Its record goes with it: another tab may be at it by now, and only the engine knows.
    this.#engine.drop(file.partial);
    file.partial = undefined;
  }
}

/** A random stream number this side has not used with this person. */
function newStream(used: Set<number>): number {
  for (;;) {
    const [stream = 0] = crypto.getRandomValues(new Uint32Array(1));
    if (used.has(stream)) continue;
    used.add(stream);
    return stream;
  }
}
