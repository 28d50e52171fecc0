import { expect, test } from 'vitest';
import { secretReason, type SecretReason } from './secrets.ts';

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
    ['.aws/config', '.ssh/known_hosts', '.gnupg/x', '.kube/config', '.docker/config.json'],
  ],
  ['public keys beside private ones', 'tooling', ['.ssh/id_rsa.pub']],
  ['folders of tools in capitals', 'tooling', ['.GIT/config', 'Node_Modules/x']],
  ['hidden files', 'hidden', ['.bashrc', '.config/app.toml', 'a/.hidden/b.txt']],
  [
    'everything else',
    '',
    ['a.txt', 'keynote.key.pdf', 'id_card.jpg', 'photos/a.jpg', 'id_rsa.pub', 'environment.md', ''],
  ],
])('%s are %j', (_, reason, paths) => {
  for (const path of paths) expect([path, secretReason(path)]).toEqual([path, reason]);
});
