// Something to call a person by who has no name yet: two words from their peer id, the same on every screen. It proves
// nothing, and two people may well share one.

const MOODS = [
  ...['Amber', 'Brave', 'Calm', 'Clever', 'Copper', 'Curious', 'Dusty', 'Early', 'Gentle', 'Golden', 'Happy', 'Ivory'],
  ...['Jolly', 'Kind', 'Lively', 'Lucky', 'Mellow', 'Misty', 'Nimble', 'Olive', 'Patient', 'Quiet', 'Rosy', 'Silver'],
  ...['Snowy', 'Sunny', 'Swift', 'Tidy', 'Velvet', 'Warm', 'Wise', 'Witty'],
];
const ANIMALS = [
  ...[
    'Badger',
    'Beaver',
    'Crane',
    'Deer',
    'Dolphin',
    'Falcon',
    'Finch',
    'Fox',
    'Gecko',
    'Hare',
    'Heron',
    'Ibex',
    'Koala',
  ],
  ...['Lark', 'Lynx', 'Marten', 'Mole', 'Newt', 'Otter', 'Owl', 'Panda', 'Puffin', 'Quail', 'Raven', 'Robin', 'Seal'],
  ...['Sparrow', 'Squirrel', 'Swan', 'Toad', 'Turtle', 'Wren'],
];

/** Two words for a peer id. */
export function nickname(peer: string): string {
  let mix = 0;
  for (const char of peer) mix = (mix * 31 + char.charCodeAt(0)) >>> 0;
  const mood = MOODS[mix % MOODS.length] ?? '';
  const animal = ANIMALS[Math.floor(mix / MOODS.length) % ANIMALS.length] ?? '';
  return `${mood} ${animal}`;
}
