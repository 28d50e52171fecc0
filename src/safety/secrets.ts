// What a person probably does not mean to hand out (safety.md, What leaves): by path here, by content in
// secret-content.ts. A warning, not a lock: whoever ticks such a file is asked once more, and told why.

export type SecretReason = '' | 'hidden' | 'tooling' | 'secret';

/** What a secret file is or holds, in words that follow "it". */
export type SecretKind = keyof typeof secretWords;

export const secretWords = {
  environment: 'is an environment file, which often holds passwords',
  'private-key-name': 'is named like a private key',
  'key-store': 'is a store of keys or passwords',
  wallet: 'is named like a wallet',
  credentials: 'is where a tool keeps its passwords',
  'browser-profile': 'is a part of a browser profile: passwords, cookies, history',
  infrastructure: 'describes infrastructure, often with its passwords',
  'database-dump': 'is a copy of a database',
  history: 'is a history of typed commands, often with passwords',
  'private-key': 'holds a private key',
  'pem-key': 'holds a private key (PEM)',
  'cloud-token': 'holds a key to a cloud account',
  'forge-token': 'holds a token of a code host or package registry',
  'service-token': 'holds a token of an online service',
  'payment-key': 'holds a key of a payment service',
  'signed-token': 'holds a signed login token (JWT)',
  'seed-phrase': 'holds what looks like the seed phrase of a wallet',
  password: 'holds an address with its password',
  passwords: 'holds a list of passwords',
} as const;

/** Folders that tools keep; all in them is left out. */
const TOOLING = new Set(
  '.git .svn .hg .bzr node_modules .aws .azure .ssh .gnupg .kube .docker .terraform .password-store'.split(' '),
);

/** Named so, but meant to be handed out. */
const HARMLESS =
  /\.pub$|\.(?:example|sample|template|dist)(?:\.\w+)?$|^\.env(?:\.(?:defaults?|schema)|-(?:example|sample))$/u;

/** File names, in lower case; the first that matches. */
const NAMES: readonly (readonly [SecretKind, RegExp])[] = [
  ['environment', /^\.env.*$|^[\w-]+\.env$/u],
  ['private-key-name', /^(?:id_[a-z0-9_]+|ssh_host_\w+_key|[\w.-]+[_-](?:rsa|dsa|ecdsa|ed25519))$/u],
  ['private-key-name', /.\.(?:pem|key|p8|ppk|agekey|ovpn)$|^(?:private|secret)[-_.]?key(?:\.\w+)?$|^master\.key$/u],
  [
    'key-store',
    /.\.(?:p12|pfx|pkcs12|kdbx?|jks|jceks|bks|keystore|keychain(?:-db)?|kwallet|opvault|1pux|1pif|psafe3)$/u,
  ],
  ['key-store', /^(?:secring\.gpg|private-keys.*|\.?vault[-_]pass(?:word)?(?:\.txt)?)$/u],
  ['wallet', /^(?:wallet\.dat|default_wallet|electrum\.dat|utc--\d{4}-.*--[0-9a-f]{40}(?:\.json)?)$|.\.wallet$/u],
  [
    'wallet',
    /^(?:.*[-_ ])?(?:seed|recovery|mnemonic)[-_ ]?(?:phrase|words|key)s?\.(?:txt|md|rtf|docx?|pdf|png|jpe?g)$|^(?:mnemonic|seed)\.txt$/u,
  ],
  ['credentials', /^(?:credentials|[._](?:npmrc|pypirc|netrc|git-credentials|pgpass|my\.cnf|dockercfg|s3cfg|boto))$/u],
  [
    'credentials',
    /^(?:\.?htpasswd|shadow|\.vault-token|\.yarnrc\.yml|\.cargo-credentials|\.rclone\.conf|rclone\.conf)$/u,
  ],
  [
    'credentials',
    /^(?:(?:credentials|client[-_]secrets?|service[-_]account)(?:[-_.][\w.-]+)?|secrets?(?:\.\w+)?)\.(?:json|ya?ml|toml|ini|xml|txt|db)$/u,
  ],
  ['credentials', /^(?:application_default_credentials\.json|access_?tokens\.(?:json|db)|kubeconfig|.+\.kubeconfig)$/u],
  [
    'credentials',
    /^(?:sftp-config\.json|\.ftpconfig|sitemanager\.xml|recentservers\.xml|wp-config\.php|\.remote-sync\.json)$/u,
  ],
  ['credentials', /^(?:.*[-_ ])?(?:passwords?|passwd|logins|passw(?:ö|oe)rter)\.(?:txt|csv|tsv|xlsx?|ods|docx?)$/u],
  [
    'credentials',
    /^(?:bitwarden|lastpass|1password|keepass|dashlane)[-_ ].*(?:export|vault).*\.(?:csv|json|xml|zip)$/u,
  ],
  ['browser-profile', /^(?:login data(?: for account)?|web data|cookies|key[34]\.db|logins\.json|signons\.sqlite)$/u],
  [
    'browser-profile',
    /^(?:cookies\.(?:sqlite|txt|binarycookies)|places\.sqlite|formhistory\.sqlite|local state|cert9\.db)$/u,
  ],
  ['infrastructure', /.\.(?:tfstate(?:\.backup)?|tfvars(?:\.json)?)$|^pulumi\.\w+\.ya?ml$/u],
  [
    'database-dump',
    /.\.(?:dump|dmp|pgdump|rdb)$|^(?:.*[-_.])?(?:dump|backup)(?:[-_.].*)?\.(?:sql|sqlite3?|db)(?:\.(?:gz|bz2|xz|zst|zip))?$|.\.sql\.(?:gz|bz2|xz|zst|zip)$/u,
  ],
  [
    'history',
    /^\.(?:bash|zsh|sh|psql|mysql|sqlite|rediscli|python|node_repl|irb)_history$|^\.(?:lesshst|viminfo)$|^consolehost_history\.txt$/u,
  ],
];

/** Paths whose folder says what a plain name does not, in lower case. */
const PATHS: readonly (readonly [SecretKind, RegExp])[] = [
  [
    'credentials',
    /(?:^|\/)(?:\.kube\/config|\.docker\/config\.json|\.config\/(?:gh|hub|glab-cli)(?:\/.*)?\.ya?ml|\.cargo\/credentials(?:\.toml)?|\.gem\/credentials|\.config\/gcloud\/.*|\.password-store\/.*\.gpg)$/u,
  ],
  ['private-key-name', /(?:^|\/)(?:private-keys-v1\.d|\.gnupg\/openpgp-revocs\.d)\//u],
  ['wallet', /(?:^|\/)(?:\.bitcoin|\.ethereum|\.electrum|\.monero|exodus)\/.*(?:wallet|keystore|seed)/u],
  [
    'browser-profile',
    /(?:^|\/)(?:\.mozilla\/firefox|\.thunderbird|firefox\/profiles|(?:google-chrome|chromium|brave-browser|user data)\/(?:default|profile \d+))\/.+/u,
  ],
];

/** What a path says is secret in its file; components joined by `/`. */
export function secretByPath(path: string): SecretKind | undefined {
  const lower = path.toLowerCase();
  const name = lower.slice(lower.lastIndexOf('/') + 1);
  if (HARMLESS.test(name)) return undefined;
  const named = NAMES.find(([, pattern]) => pattern.test(name)) ?? PATHS.find(([, pattern]) => pattern.test(lower));
  return named?.[0];
}

/** Why a file with this path (components joined by `/`) starts unticked in the review; empty when it does not. */
export function secretReason(path: string): SecretReason {
  return secretByPath(path) ? 'secret' : leftOutReason(path);
}

/** Why a file is left out though nothing says it is secret; empty when it is not. */
export function leftOutReason(path: string): Exclude<SecretReason, 'secret'> {
  const parts = path.split('/');
  if (parts.some((part) => TOOLING.has(part.toLowerCase()))) return 'tooling';
  return parts.some((part) => part.startsWith('.')) ? 'hidden' : '';
}
