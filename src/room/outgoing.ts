// What I put on the doorstep: files, and for each of them one delivery per person it was offered to. No DOM, no clock but
// the one handed in. It holds: a file is served only after an accept that names it and the very offer it came in (C1, C6),
// only to the person it was offered to (C7, C20), and never after it was withdrawn (C10).

import { equal, fromBase64url, randomBytes, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { Failure, fileFailureCodes, type FailureCode } from '../protocol/failure.ts';
import {
  KiB,
  MAX_FILE_BYTES,
  MAX_FILES_PER_MESSAGE,
  MAX_FILES_PER_PEER,
  MAX_PATH_CHARS,
  MAX_SNIPPET_BYTES,
  MAX_SNIPPETS,
  MAX_TYPE_CHARS,
  SNIPPETS_MS,
} from '../protocol/limits.ts';
import { offerHash, signedJson, type Message, type MessageOf, type OfferedFile } from '../protocol/messages.ts';
import type { Engine, Moved, Transfer } from '../transfer/client.ts';
import { RateMeter } from '../transfer/rate.ts';
import { transferKey } from '../transfer/worker-messages.ts';
import type { Deed, Log } from './activity.ts';
import { Batcher, chunks } from './batcher.ts';
import type { PersonChannel } from './channel.ts';
import { NOBODY, setPaused, type PausedBy } from './paused.ts';
import { Recent } from './recent.ts';
import type { DeliveryState, DeliveryView, OutgoingView } from './views.ts';

/** A file a person picked, and the path it is offered under: components joined by `/`. */
export interface PickedFile {
  readonly file: File;
  readonly path: string;
  /** Of a text that was written or pasted, what its owner knows it by: its first words, which nobody else is told. */
  readonly snippet?: string;
}

interface Delivery {
  readonly peer: string;
  readonly fileId: string;
  state: DeliveryState;
  bytes: number;
  meter: RateMeter;
  failure: FailureCode | undefined;
  pausedBy: PausedBy;
  transfer: Transfer | undefined;
  root: Bytes | undefined;
  /** How it ended was logged. */
  logged: boolean;
  /** How it looked last. */
  seen: DeliveryView | undefined;
}

interface Outgoing extends PickedFile {
  readonly id: string;
  withdrawn: boolean;
  readonly deliveries: Map<string, Delivery>;
  /** How it looked last: thousands stand still while a few move, and those are not drawn anew. */
  seen: OutgoingView | undefined;
}

/** One session with one person: what was offered in it, by the hash of the offer. */
interface Audience {
  readonly channel: PersonChannel;
  readonly offers: Map<string, ReadonlySet<string>>;
  readonly done: Batcher<{ fileId: string; root: string }>;
  /** Texts that are offered when the other side takes more of them. */
  readonly waiting: Set<Outgoing>;
}

/** An offer's JSON stays well under the 64 KiB a message may have. */
const MAX_OFFER_CHARS = 48 * KiB;

/** Longer than the minute the other side counts, so that a slow way does not bring two of ours together in one of theirs. */
const OWN_SNIPPETS_MS = 1.25 * SNIPPETS_MS;

const moving = (state: DeliveryState) => state === 'sending' || state === 'paused';
const canBeWhole = (state: DeliveryState) => state === 'offered' || state === 'withdrawn';
const isText = ({ snippet }: PickedFile) => snippet !== undefined;
const open = (state: DeliveryState) => state === 'offered' || moving(state);

export class OutgoingFiles {
  readonly #engine: Engine;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #files = new Map<string, Outgoing>();
  readonly #audience = new Map<string, Audience>();
  /** Deliveries by their file id (ids are per person), and by the transfer they became. */
  readonly #byFileId = new Map<string, { file: Outgoing; delivery: Delivery }>();
  readonly #byTransfer = new Map<string, { file: Outgoing; delivery: Delivery }>();
  /** Texts put on the doorstep, and texts offered to each person, whatever session it was in. */
  readonly #texts = new Recent(OWN_SNIPPETS_MS);
  readonly #textsTo = new Map<string, Recent>();

  /** `now`: monotonic milliseconds. */
  constructor({ engine, now, log }: { engine: Engine; now: () => number; log: Log }) {
    this.#engine = engine;
    this.#now = now;
    this.#log = log;
  }

  view(): OutgoingView[] {
    const now = this.#now();
    return [...this.#files.values()].map((file) => look(file, now));
  }

  /** Puts files on the doorstep, for nobody yet. Throws Failure `empty-offer`, `too-large`, `too-many-files`, `text-too-long`, `too-many-texts`. */
  add(picked: readonly PickedFile[]): void {
    if (!picked.length) throw new Failure('empty-offer');
    const large = picked.find(({ file }) => file.size > MAX_FILE_BYTES);
    if (large) throw new Failure('too-large', `${large.file.size} bytes`);
    if (this.#standing().length + picked.length > MAX_FILES_PER_PEER) throw new Failure('too-many-files');
    const texts = picked.filter(isText);
    if (texts.some(({ file }) => file.size > MAX_SNIPPET_BYTES)) throw new Failure('text-too-long');
    const now = this.#now();
    if (this.#texts.count(now) + texts.length > MAX_SNIPPETS) throw new Failure('too-many-texts');
    this.#texts.add(texts.length, now);
    for (const { file, path, snippet } of picked) {
      const id = toBase64url(randomBytes(16));
      // The end of a path says more than its beginning; a pasted file may have no name at all.
      this.#files.set(id, {
        id,
        file,
        path: path.slice(-MAX_PATH_CHARS).toWellFormed() || 'file',
        ...(snippet !== undefined && { snippet }),
        withdrawn: false,
        deliveries: new Map(),
        seen: undefined,
      });
    }
  }

  /** Whether a file is on its way to anybody. */
  get moving(): boolean {
    return this.#byTransfer.size > 0;
  }

  /** Somebody who left is not coming back: what they were offered and got is no longer listed. */
  forget(peer: string): void {
    for (const { deliveries } of this.#files.values()) {
      const delivery = deliveries.get(peer);
      if (!delivery) continue;
      deliveries.delete(peer);
      this.#byFileId.delete(delivery.fileId);
    }
  }

  /** Files that stand on the doorstep and were never offered to this person. */
  unseenBy(peer: string): number {
    const waiting = this.#audience.get(peer)?.waiting;
    return this.#standing().filter((file) => !file.deliveries.has(peer) && !waiting?.has(file)).length;
  }

  /** A session with this person began: what they were offered and is still open is offered again, under the same ids. */
  async personReady(channel: PersonChannel): Promise<void> {
    const { peer } = channel;
    this.#audience.set(peer, {
      channel,
      offers: new Map(),
      done: new Batcher((files) => channel.send({ type: 'done', files })),
      waiting: new Set(),
    });
    await this.#offer(
      peer,
      this.#standing().filter((file) => file.deliveries.get(peer)?.state === 'offered'),
    );
  }

  /** Everything on the doorstep that this person has not been offered is offered to them. */
  async offerTo(peer: string): Promise<void> {
    await this.#offer(
      peer,
      this.#standing().filter((file) => !file.deliveries.has(peer)),
    );
  }

  personGone(peer: string): void {
    this.#audience.delete(peer);
    for (const file of this.#files.values()) {
      const delivery = file.deliveries.get(peer);
      if (delivery?.state === 'withdrawn') this.#logEnd(file, delivery, 'withdrawn');
      if (!delivery || !moving(delivery.state)) continue;
      this.#release(delivery);
      // They can have it again when they are back: it is still on the doorstep, and nothing was saved.
      delivery.state = 'offered';
      delivery.failure = 'peer-gone';
    }
  }

  /** Takes a file back from everybody. */
  withdraw(id: string): void {
    const file = this.#files.get(id);
    if (!file || file.withdrawn) return;
    file.withdrawn = true;
    for (const delivery of file.deliveries.values()) {
      if (!open(delivery.state)) continue;
      // All of it went out: whether they have it is for them to say.
      if (!delivery.root) this.#logEnd(file, delivery, 'withdrawn');
      this.#release(delivery);
      delivery.state = 'withdrawn';
      this.#audience.get(delivery.peer)?.channel.send({ type: 'withdraw', fileIds: [delivery.fileId] });
    }
  }

  /** Takes what a receiver says about our files; false when the message is not of that kind. */
  handle(channel: PersonChannel, message: Message): boolean {
    switch (message.type) {
      case 'accept':
        this.#handleAccept(channel, message);
        return true;
      case 'verified':
        this.#handleVerified(channel, message);
        return true;
      case 'decline':
        for (const { file, delivery } of this.#named(channel.peer, message.fileIds)) {
          if (delivery.state !== 'offered') continue;
          delivery.state = 'declined';
          this.#logEnd(file, delivery, 'declined');
        }
        return true;
      case 'cancel':
        this.#endMoving(channel.peer, message.fileIds, 'cancelled');
        return true;
      default:
        return false;
    }
  }

  /** Stops sending a file to somebody until `resume`, or until they want it again if it was they who paused it too. */
  pause(id: string, peer: string): void {
    const delivery = this.#files.get(id)?.deliveries.get(peer);
    if (!delivery || !moving(delivery.state) || delivery.pausedBy.us) return;
    this.#setPaused(delivery, { ...delivery.pausedBy, us: true });
    this.#say('pause', delivery);
  }

  resume(id: string, peer: string): void {
    const delivery = this.#files.get(id)?.deliveries.get(peer);
    if (delivery?.state !== 'paused' || !delivery.pausedBy.us) return;
    this.#setPaused(delivery, { ...delivery.pausedBy, us: false });
    this.#say('resume', delivery);
  }

  /** The receiver paused these, or wants them again. Ids of files that are not ours are left alone. */
  handlePause(peer: string, fileIds: readonly string[], them: boolean): void {
    for (const { delivery } of this.#named(peer, fileIds)) {
      if (moving(delivery.state)) this.#setPaused(delivery, { ...delivery.pausedBy, them });
    }
  }

  #setPaused(delivery: Delivery, pausedBy: PausedBy): void {
    setPaused(delivery, pausedBy, 'sending', this.#engine);
  }

  #say(type: 'pause' | 'resume', { peer, fileId }: Delivery): void {
    this.#audience.get(peer)?.channel.send({ type, fileIds: [fileId] });
  }

  /** The receiver could not go on with these. Ids of files that are not ours are left alone. */
  handleFailed(peer: string, fileIds: readonly string[], code: FailureCode): void {
    this.#endMoving(peer, fileIds, code);
  }

  handleProgress(moved: Moved): void {
    const delivery = this.#byTransfer.get(transferKey(moved))?.delivery;
    if (!delivery) return;
    delivery.bytes = moved.bytes;
    delivery.meter.add(this.#now(), moved.bytes);
  }

  /** Every byte was handed over: the root goes to the receiver. */
  handleServed(transfer: Transfer, root: Bytes): void {
    const found = this.#byTransfer.get(transferKey(transfer));
    if (!found) return;
    found.delivery.root = root;
    found.delivery.bytes = found.file.file.size;
    const { peer, fileId } = found.delivery;
    let alone = true;
    for (const { delivery } of this.#byTransfer.values()) {
      if (delivery.peer !== peer || delivery.root) continue;
      alone = false;
      break;
    }
    this.#audience.get(peer)?.done.add({ fileId, root: toBase64url(root) }, alone);
  }

  /** Our side of a transfer could not go on: the receiver is told why. */
  handleTransferFailed(transfer: Transfer, failure: Failure): void {
    const found = this.#byTransfer.get(transferKey(transfer));
    if (!found) return;
    const { peer, fileId } = found.delivery;
    this.#fail(found.file, found.delivery, failure.code);
    const code = fileFailureCodes.find((known) => known === failure.code) ?? 'internal';
    this.#audience.get(peer)?.channel.send({ type: 'failed', fileIds: [fileId], code });
  }

  #standing(): Outgoing[] {
    return [...this.#files.values()].filter((file) => !file.withdrawn);
  }

  async #offer(peer: string, wanted: readonly Outgoing[]): Promise<void> {
    const audience = this.#audience.get(peer);
    if (!audience) return;
    const files = this.#inTime(audience, wanted);
    const batch = toBase64url(randomBytes(16));
    for (const group of groupsOf(files.map((file) => this.#offeredTo(peer, file)))) {
      const offer = { type: 'offer' as const, offerId: toBase64url(randomBytes(16)), batch, files: group };
      const hash = toBase64url(await offerHash(audience.channel.th, signedJson(offer)));
      // Known before it is sent: the accept may come back at once.
      audience.offers.set(hash, new Set(group.map(({ fileId }) => fileId)));
      audience.channel.send(offer);
      // Withdrawn while the offer was being hashed: that word went out before anybody could understand it.
      const gone = group.filter(({ fileId }) => this.#byFileId.get(fileId)?.file.withdrawn).map(({ fileId }) => fileId);
      if (gone.length) audience.channel.send({ type: 'withdraw', fileIds: gone });
    }
  }

  /** What may be offered now. Texts that would be more than the other side takes in a minute are offered a minute later (C17). */
  #inTime(audience: Audience, wanted: readonly Outgoing[]): Outgoing[] {
    const { waiting, channel } = audience;
    const nowMs = this.#now();
    const offered = this.#textsTo.get(channel.peer) ?? new Recent(OWN_SNIPPETS_MS);
    this.#textsTo.set(channel.peer, offered);
    const texts = wanted.filter((file) => isText(file) && !waiting.has(file));
    const inTime = new Set(texts.slice(0, Math.max(0, MAX_SNIPPETS - offered.count(nowMs))));
    offered.add(inTime.size, nowMs);
    if (inTime.size < texts.length && !waiting.size)
      setTimeout(() => void this.#offerWaiting(audience), OWN_SNIPPETS_MS);
    for (const file of texts) if (!inTime.has(file)) waiting.add(file);
    return wanted.filter((file) => !isText(file) || inTime.has(file));
  }

  async #offerWaiting(audience: Audience): Promise<void> {
    const { channel, waiting } = audience;
    if (this.#audience.get(channel.peer) !== audience) return;
    const files = [...waiting].filter(({ withdrawn }) => !withdrawn);
    waiting.clear();
    await this.#offer(channel.peer, files);
  }

  #offeredTo(peer: string, file: Outgoing): OfferedFile {
    let delivery = file.deliveries.get(peer);
    if (!delivery) {
      delivery = {
        peer,
        fileId: toBase64url(randomBytes(16)),
        state: 'offered',
        bytes: 0,
        meter: new RateMeter(),
        failure: undefined,
        pausedBy: NOBODY,
        transfer: undefined,
        root: undefined,
        logged: false,
        seen: undefined,
      };
      file.deliveries.set(peer, delivery);
      this.#byFileId.set(delivery.fileId, { file, delivery });
      this.#note(file, delivery, 'offered');
    }
    const { size, type, lastModified } = file.file;
    return {
      fileId: delivery.fileId,
      path: file.path,
      size,
      type: type.slice(0, MAX_TYPE_CHARS),
      modified: lastModified,
      ...(isText(file) && { type: 'text/plain', snippet: true as const }),
    };
  }

  #handleAccept(channel: PersonChannel, accept: MessageOf<'accept'>): void {
    const offers = this.#audience.get(channel.peer)?.offers;
    for (const { hash, files } of accept.offers) {
      // An accept of anything but an offer of this very session says nothing.
      const offered = offers?.get(hash);
      if (!offered) continue;
      for (const { fileId, stream, resume = false } of files) {
        const found = offered.has(fileId) ? this.#byFileId.get(fileId) : undefined;
        if (!found) continue;
        const transfer: Transfer = { way: 'out', link: channel.link, stream };
        // Accepted while it was being withdrawn: their requests find a stream that has ended.
        if (found.delivery.state === 'offered') this.#serve(found.file, found.delivery, transfer, resume);
        else if (found.delivery.transfer?.stream !== stream) this.#engine.stop(transfer);
      }
    }
  }

  #serve(file: Outgoing, delivery: Delivery, transfer: Transfer, resume: boolean): void {
    this.#note(file, delivery, 'accepted');
    delivery.state = 'sending';
    delivery.failure = undefined;
    delivery.bytes = 0;
    delivery.root = undefined;
    delivery.meter = new RateMeter();
    delivery.transfer = transfer;
    this.#byTransfer.set(transferKey(transfer), { file, delivery });
    this.#engine.serve(transfer, file.file, resume);
    // What we paused before the connection broke stays so.
    const { us } = delivery.pausedBy;
    delivery.pausedBy = NOBODY;
    if (!us) return;
    this.#setPaused(delivery, { us, them: false });
    this.#say('pause', delivery);
  }

  #handleVerified(channel: PersonChannel, { files }: MessageOf<'verified'>): void {
    for (const { fileId, root } of files) {
      const [found] = this.#named(channel.peer, [fileId]);
      if (!found) continue;
      const { file, delivery } = found;
      // Offered with a root: it was sent whole in a session that broke before this word came. Withdrawn with one: too late.
      if (!moving(delivery.state) && !(canBeWhole(delivery.state) && delivery.root)) continue;
      const theirs = fromBase64url(root);
      if (!theirs || !delivery.root || !equal(theirs, delivery.root)) {
        channel.fail(new Failure('protocol', 'verified with another root'));
        return;
      }
      this.#release(delivery);
      delivery.state = 'verified';
      this.#logEnd(file, delivery, 'verified');
    }
  }

  /** Those of these ids that are this person's deliveries. */
  *#named(peer: string, fileIds: readonly string[]): Iterable<{ file: Outgoing; delivery: Delivery }> {
    for (const fileId of fileIds) {
      const found = this.#byFileId.get(fileId);
      if (found?.delivery.peer === peer) yield found;
    }
  }

  #endMoving(peer: string, fileIds: readonly string[], code: FailureCode): void {
    for (const { file, delivery } of this.#named(peer, fileIds)) {
      if (moving(delivery.state)) this.#fail(file, delivery, code);
    }
  }

  #note({ path, file }: Outgoing, { peer, bytes, root }: Delivery, deed: Deed, failure?: FailureCode): void {
    this.#log({
      ...{ way: 'out', deed, peer, path, size: file.size, bytes: deed === 'verified' ? file.size : bytes },
      ...(deed === 'verified' && root && { root: toBase64url(root) }),
      ...(failure && { failure }),
    });
  }

  /** Both may end a file at once; what is logged is what was heard first. */
  #logEnd(file: Outgoing, delivery: Delivery, deed: Deed, failure?: FailureCode): void {
    if (delivery.logged) return;
    delivery.logged = true;
    this.#note(file, delivery, deed, failure);
  }

  #fail(file: Outgoing, delivery: Delivery, code: FailureCode): void {
    if (code === 'cancelled') this.#logEnd(file, delivery, 'cancelled');
    else this.#logEnd(file, delivery, 'failed', code);
    this.#release(delivery);
    delivery.state = 'failed';
    delivery.failure = code;
  }

  /** Ends the transfer of a delivery, if it has one. */
  #release(delivery: Delivery): void {
    if (!delivery.transfer) return;
    this.#byTransfer.delete(transferKey(delivery.transfer));
    this.#engine.stop(delivery.transfer);
    delivery.transfer = undefined;
  }
}

/** How a file looks at `now`, monotonic milliseconds: the same object for as long as nothing about it changes. */
function look(outgoing: Outgoing, now: number): OutgoingView {
  const { id, path, file, snippet, withdrawn, seen } = outgoing;
  const deliveries = [...outgoing.deliveries.values()].map((delivery) => lookAt(delivery, file.size, now));
  const isStill =
    seen?.withdrawn === withdrawn &&
    seen.deliveries.length === deliveries.length &&
    deliveries.every((delivery, i) => delivery === seen.deliveries[i]);
  if (isStill) return seen;
  // An empty folder's path ends with a slash, and so does its name.
  const name = path.slice(path.slice(0, -1).lastIndexOf('/') + 1);
  return (outgoing.seen = { id, path, name, snippet, size: file.size, withdrawn, deliveries });
}

function lookAt(delivery: Delivery, size: number, now: number): DeliveryView {
  const { peer, state, bytes, meter, failure, pausedBy, seen } = delivery;
  const isFlowing = state === 'sending' && bytes > 0;
  const isStill =
    !isFlowing &&
    seen?.state === state &&
    seen.bytes === bytes &&
    seen.failure === failure &&
    seen.pausedBy === pausedBy;
  if (isStill) return seen;
  return (delivery.seen = {
    peer,
    state,
    bytes,
    bytesPerSecond: isFlowing ? meter.bytesPerSecond(now) : undefined,
    secondsLeft: isFlowing ? meter.secondsLeft(size, now) : undefined,
    failure,
    pausedBy,
  });
}

/** Files in groups that each fit one offer message. */
function* groupsOf(files: readonly OfferedFile[]): Iterable<OfferedFile[]> {
  for (const run of chunks(files, MAX_FILES_PER_MESSAGE)) {
    let group: OfferedFile[] = [];
    let chars = 0;
    for (const file of run) {
      // A UTF-16 unit is at most three bytes of UTF-8, six characters when JSON escapes it.
      const length = JSON.stringify(file).length + 2 * (file.path.length + file.type.length);
      if (group.length && chars + length > MAX_OFFER_CHARS) {
        yield group;
        group = [];
        chars = 0;
      }
      group.push(file);
      chars += length;
    }
    if (group.length) yield group;
  }
}
