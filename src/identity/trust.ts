// What this browser knows of other keys: whom its person confirmed, whom they blocked, and what they call them. A name
// proves nothing; a known name with another key is the one thing a person must not overlook.

/** What was remembered of a key (base64url of 32 bytes). */
export interface Known {
  readonly key: string;
  /** The name they gave themselves when they were last met. */
  readonly name: string;
  /** What this person calls them; empty until they are given one. */
  readonly petname: string;
  readonly state: 'known' | 'verified' | 'blocked';
}

/** `changed`: somebody else is known by this name, or one that looks like it. */
export type Trust = 'new' | 'known' | 'verified' | 'changed';

/** Letters of other alphabets, and digits, that are read as Latin ones. Enough to catch a disguise, not to fold languages. */
const LOOK_ALIKES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ['a', 'аαɑ@4'],
    ['b', 'Ьβьв8'],
    ['c', 'сϲς'],
    ['d', 'ԁ'],
    ['e', 'еεё3'],
    ['g', 'ɡ9'],
    ['h', 'һнη'],
    ['i', 'іιı1l|!ӏ'],
    ['j', 'ј'],
    ['k', 'кκ'],
    ['m', 'м'],
    ['n', 'п'],
    ['o', 'оοօ0'],
    ['p', 'рρ'],
    ['q', 'ԛ'],
    ['s', 'ѕ5$'],
    ['t', 'тτ7'],
    ['u', 'υսц'],
    ['v', 'ν'],
    ['w', 'ԝω'],
    ['x', 'хχ'],
    ['y', 'уγү'],
    ['z', 'ᴢ2'],
  ].flatMap(([plain = '', others = '']) => Array.from(others, (other) => [other, plain])),
);

/** Capitals that look Latin and whose small letters do not, or look like another. */
const CAPITALS: Readonly<Record<string, string>> = { Μ: 'm', Ν: 'n', Ζ: 'z', Υ: 'y', Η: 'h', Β: 'b', В: 'b', Н: 'h' };

/** What a name comes down to for somebody who does not look closely. Names with the same skeleton are confusable. */
export function skeletonOf(name: string): string {
  const capitals = Array.from(name.normalize('NFKD'), (char) => CAPITALS[char] ?? char).join('');
  const visible = capitals.toLowerCase().replace(/[\p{M}\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu, '');
  // What ends a sentence ends no name; elsewhere it may stand for a letter.
  const plain = Array.from(visible.replace(/[!?.]+$/, ''), (char) => LOOK_ALIKES[char] ?? char)
    .join('')
    .replace(/\p{P}/gu, '');
  return plain.replaceAll('rn', 'm').replaceAll('vv', 'w');
}

/** What to think of this key under this name, given everyone who is known. */
export function trustOf(key: string, name: string, known: readonly Known[]): Trust {
  const own = known.find((one) => one.key === key);
  if (own?.state === 'verified') return 'verified';
  const skeleton = skeletonOf(name);
  const confusable = known.some(
    (one) =>
      one.key !== key &&
      // Somebody known may share a name with somebody known; with somebody confirmed nobody may.
      (one.state === 'verified' || (one.state === 'known' && own?.state !== 'known')) &&
      skeleton !== '' &&
      [one.name, one.petname].some((other) => other !== '' && skeletonOf(other) === skeleton),
  );
  if (confusable) return 'changed';
  return own?.state === 'known' ? 'known' : 'new';
}

/** Eight characters that tell keys apart at a glance; never what a decision rests on. */
export function shortKey(key: string): string {
  return key.slice(0, 8);
}
