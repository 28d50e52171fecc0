// Six emoji that two people compare (docs/protocol.md §3): 36 bits of a session's transcript hash. Neither side can choose
// them: the initiator committed to its nonce and key before it saw the responder's.

import { concat, context, sha256, type Bytes } from '../protocol/bytes.ts';

export interface Emoji {
  readonly symbol: string;
  /** One English word, unlike every other in the table. */
  readonly name: string;
}

/** 64 things that look unlike each other at any size and have one plain name. Their order is part of the protocol. */
export const SAS_EMOJI: readonly Emoji[] = [
  '🐶 Dog',
  '🐱 Cat',
  '🦁 Lion',
  '🐴 Horse',
  '🐷 Pig',
  '🐘 Elephant',
  '🐰 Rabbit',
  '🐼 Panda',
  '🐔 Chicken',
  '🐧 Penguin',
  '🐢 Turtle',
  '🐟 Fish',
  '🐙 Octopus',
  '🦋 Butterfly',
  '🐝 Bee',
  '🐌 Snail',
  '🌷 Tulip',
  '🌻 Sunflower',
  '🌵 Cactus',
  '🌳 Tree',
  '🍄 Mushroom',
  '🌍 Globe',
  '🌙 Moon',
  '⛅ Cloud',
  '🔥 Fire',
  '🌈 Rainbow',
  '🍌 Banana',
  '🍎 Apple',
  '🍓 Strawberry',
  '🌽 Corn',
  '🍕 Pizza',
  '🎂 Cake',
  '🍩 Donut',
  '🤖 Robot',
  '🎩 Hat',
  '👓 Glasses',
  '🔧 Spanner',
  '🎅 Santa',
  '👍 Thumb',
  '☂️ Umbrella',
  '⌛ Hourglass',
  '⏰ Clock',
  '🎁 Gift',
  '💡 Lamp',
  '📕 Book',
  '✏️ Pencil',
  '📎 Paperclip',
  '✂️ Scissors',
  '🔒 Lock',
  '🔑 Key',
  '🔨 Hammer',
  '☎️ Telephone',
  '🏁 Flag',
  '🚂 Train',
  '🚲 Bicycle',
  '✈️ Airplane',
  '🚀 Rocket',
  '🏆 Trophy',
  '⚽ Ball',
  '🎸 Guitar',
  '🎺 Trumpet',
  '🔔 Bell',
  '⚓ Anchor',
  '🎧 Headphones',
].map((entry) => {
  const [symbol = '', name = ''] = entry.split(' ');
  return { symbol, name };
});

const SHOWN = 6;
const BITS = 6;

/** The six emoji of a session, from its transcript hash (32 bytes): the first 36 bits of SHA-256(CTX("sas") ‖ th). */
export async function sasOf(th: Bytes): Promise<readonly Emoji[]> {
  const digest = await sha256(concat(context('sas'), th));
  const first = digest.slice(0, 5).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return Array.from({ length: SHOWN }, (_, i) => {
    const emoji = SAS_EMOJI[Number((first >> BigInt(40 - BITS * (i + 1))) & 63n)];
    if (!emoji) throw new RangeError('six bits');
    return emoji;
  });
}
