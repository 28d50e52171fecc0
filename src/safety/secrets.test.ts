import { expect, test } from 'vitest';
import { secretByPath, secretReason, secretWords, type SecretKind, type SecretReason } from './secrets.ts';

test.each<[string, SecretReason, string[]]>([
  ['environment files', 'secret', ['.env', '.env.local', 'app/.env.production', '.ENV']],
  ['private keys', 'secret', ['id_rsa', 'id_ed25519', 'keys/ID_ECDSA_sk', 'server.pem', 'server.key', 'a.ppk']],
  ['key stores', 'secret', ['a.p12', 'a.pfx', 'a.kdbx', 'a.jks', 'a.ovpn', 'login.keychain', 'login.keychain-db']],
  ['credentials', 'secret', ['credentials', '.npmrc', '.pypirc', '.netrc', 'home/.netrc']],
  ['wallets', 'secret', ['wallet.dat']],
  ['browser profiles', 'secret', ['Login Data', 'key4.db', 'logins.json', 'Cookies', 'cookies.sqlite']],
  ['infrastructure state', 'secret', ['terraform.tfstate']],
  ['secrets of tools', 'secret', ['.aws/credentials', '.ssh/id_rsa']],
  ['folders of tools', 'tooling', ['.git/config', 'a/.git/HEAD', '.svn/x', '.hg/x', 'web/node_modules/a/index.js']],
  [
    'folders of keys',
    'tooling',
    ['.aws/config', '.ssh/known_hosts', '.gnupg/x', '.kube/cache/x', '.docker/x', '.terraform/x'],
  ],
  ['public keys beside private ones', 'tooling', ['.ssh/id_rsa.pub']],
  ['folders of tools in capitals', 'tooling', ['.GIT/config', 'Node_Modules/x']],
  ['hidden files', 'hidden', ['.bashrc', '.config/app.toml', 'a/.hidden/b.txt', '.env.example', 'x/.env.sample']],
  [
    'everything else',
    '',
    ['a.txt', 'keynote.key.pdf', 'id_card.jpg', 'photos/a.jpg', 'id_rsa.pub', 'environment.md', ''],
  ],
])('%s are %j', (_, reason, paths) => {
  for (const path of paths) expect([path, secretReason(path)]).toEqual([path, reason]);
});

test.each<[SecretKind, string[]]>([
  ['environment', ['.env', '.env.production', 'prod.env', '.envrc']],
  [
    'private-key-name',
    ['id_rsa', 'deploy_ed25519', 'ssh_host_rsa_key', 'tls/www.example.com.key', 'AuthKey.p8', 'private.key'],
  ],
  ['key-store', ['a.p12', 'Passwords.kdbx', 'release.keystore', 'debug.jks', '.vault-pass', 'export.1pux']],
  [
    'wallet',
    ['wallet.dat', 'UTC--2024-01-02T03-04-05.678Z--0123456789abcdef0123456789abcdef01234567', 'seed phrase.txt'],
  ],
  ['wallet', ['my recovery-words.pdf', '.electrum/wallets/default_wallet', 'savings.wallet']],
  ['credentials', ['.npmrc', '.git-credentials', '.pgpass', '_netrc', 'client_secret_12.apps.json', 'secrets.yml']],
  ['credentials', ['.kube/config', 'home/.docker/config.json', '.config/gh/hosts.yml', '.cargo/credentials.toml']],
  [
    'credentials',
    ['passwords.xlsx', 'My passwords.txt', 'bitwarden_export_2024.csv', 'service-account-prod.json', 'wp-config.php'],
  ],
  ['browser-profile', ['Login Data', 'cookies.sqlite', 'Library/Firefox/Profiles/x.default/prefs.js']],
  ['infrastructure', ['terraform.tfstate.backup', 'prod.tfvars', 'Pulumi.prod.yaml']],
  ['database-dump', ['dump.sql', 'shop-backup-2024.sql.gz', 'prod.dump', 'backup.sqlite', 'users.sql.xz']],
  ['history', ['.bash_history', '.psql_history']],
])('a path that is %s by name: %j', (kind, paths) => {
  for (const path of paths) expect([path, secretByPath(path)]).toEqual([path, kind]);
});

test.each([
  [
    'id_rsa.pub',
    'HISTORY',
    'history.md',
    'cookies.md',
    'password-reset.html',
    'secretary.txt',
    'schema.sql',
    'keyboard.ts',
  ],
  [
    'credentials.example.json',
    'secrets.sample.yml',
    'secret-santa.txt',
    'seed.ts',
    'recovery.md',
    'wallet.svg',
    'monkey.json',
  ],
  ['tokens.css', 'environment.ts', 'login.json', 'chromium/README.md', 'backup.md', 'identity.ts', 'certificate.crt'],
])('a name that only sounds like a secret is none: %#', (...paths) => {
  for (const path of paths) expect([path, secretByPath(path)]).toEqual([path, undefined]);
});

test('every reason reads on after the name of a file', () => {
  for (const words of Object.values(secretWords)) expect(words).toMatch(/^(?:is|holds|describes) [^.]+$/);
});
